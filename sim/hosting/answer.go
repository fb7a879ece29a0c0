package hosting

import (
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const block = 16 << 10

// ask carries an audit out: what the probe, or the answer to a challenge, brings back.
func (w *world) ask(c *claim, a availability.Audit, by availability.Carrier) availability.Outcome {
	wire := by == availability.Wire
	o := availability.Outcome{Elapsed: time.Second, Unreachable: true}
	if c.away(w.elapsed()) || c.gone || wire && (c.NAT || w.unreachable()) || !wire && w.deaf() {
		return o
	}
	o.Unreachable = false
	if wire {
		o.PeerClient = "-SW0001-"
	}
	if wire && c.r.Chance(c.BusyPPM) || c.hides(w.elapsed(), a.Targets) {
		return o
	}
	whole := 0
	for _, t := range a.Targets {
		r := availability.Result{Target: t, Whole: c.unknown(t.Piece)}
		if r.Whole {
			if !c.within(w.Params, whole+1) {
				continue
			}
			whole++
		}
		r.Verdict = w.answer(c, t, wire)
		o.Results = append(o.Results, r)
		if r.Verdict == availability.Passed {
			o.Bytes += c.bytes(r.Whole)
			o = c.learns(r, o)
		}
	}
	return o
}

// unknown reports whether the piece must be seen whole, for want of its blocks' sums.
func (c *claim) unknown(piece int) bool {
	return c.Content.Sums == Unknown || c.Content.Sums == Learned && !c.learned[piece]
}

// within reports whether an audit may ask for so many whole pieces.
func (c *claim) within(p availability.Params, whole int) bool {
	return whole <= p.MaxPieces || bt.Bytes(whole)*c.Content.PieceLength <= p.MaxBytes
}

func (c *claim) bytes(whole bool) bt.Bytes {
	if whole {
		return c.Content.PieceLength
	}
	return block
}

// learns notes that a whole piece was right.
func (c *claim) learns(r availability.Result, o availability.Outcome) availability.Outcome {
	if r.Whole && c.Content.Sums == Learned {
		o.Learned = append(o.Learned, availability.Leaves{Piece: r.Piece})
	}
	return o
}

// answer is what is seen of one target.
func (w *world) answer(c *claim, t availability.Target, wire bool) availability.Verdict {
	if c.lacks(w.elapsed(), t.Piece) {
		return c.instead(t, wire)
	}
	if c.r.Chance(c.TransientPPM) {
		return c.Transient
	}
	return availability.Passed
}

// instead is what a node gives for what it lacks.
func (c *claim) instead(t availability.Target, wire bool) availability.Verdict {
	switch c.Gives {
	case Fetching:
		c.line.Fetched += c.bytes(c.unknown(t.Piece))
		return availability.Passed
	case Refusal:
		c.warned = true
		return availability.Missing
	case Silence:
		c.warned = true
		if wire {
			return availability.Inconclusive
		}
		return availability.Late
	}
	c.warned = true
	return availability.Corrupt
}

// hides reports whether the node answers nothing, since it knows itself suspected.
func (c *claim) hides(at time.Duration, targets []availability.Target) bool {
	if !c.warned || c.Evades != Hides {
		return false
	}
	for _, t := range targets {
		if c.lacks(at, t.Piece) {
			return true
		}
	}
	return false
}
