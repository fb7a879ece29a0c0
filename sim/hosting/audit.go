package hosting

import (
	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// audit carries out what is due.
func (w *world) audit() error {
	for {
		due := w.book.Due(w.Params, w.now(), w.draws, w.Params.MaxPerRound)
		for _, a := range due {
			if err := w.carryOut(a); err != nil {
				return err
			}
		}
		if len(due) < w.Params.MaxPerRound {
			return nil
		}
	}
}

// carryOut asks, judges, and takes what follows from it.
func (w *world) carryOut(a availability.Audit) error {
	c := w.claims[a.Claim]
	before, _ := w.book.Get(a.Claim)
	by := before.Carrier(c.NAT)
	o := w.ask(c, a, by)
	if by == availability.Wire && tells(before) {
		w.dials.add(w.step, c.node.id, o.Unreachable)
	}
	o.OurSide = o.Unreachable && w.ourOutage()
	after, v, e := availability.Judge(w.Params, w.now(), before, a, o)
	for _, l := range o.Learned {
		c.learned[l.Piece] = true
	}
	if e.Over || e.Dropped {
		c.gone = true
		w.book.Remove(c.id)
	} else {
		w.book.Put(w.Params, after)
	}
	w.note(c, a, before, after, v, e)
	return w.penalise(c, v, e)
}

// tells reports whether it says something of the tracker itself that a claimant cannot be dialled: who
// answered last time. Nodes behind NAT, or known to be away, would make it look cut off.
func tells(c availability.Claim) bool { return c.Passed > 0 && c.Retries == 0 && c.Unreachable == 0 }

// ourOutage is what the tracker takes for its own fault.
func (w *world) ourOutage() bool {
	tried, failed := w.dials.sum(w.step)
	return availability.OurOutage(w.Params, w.now(), w.heard, tried, failed)
}

// penalise changes the node's standing and takes what the audit costs, as package store does.
func (w *world) penalise(c *claim, v availability.Verdict, e availability.Effects) error {
	var p availability.Penalty
	c.standing, p = c.standing.After(w.Params, w.now(), v, e)
	c.forfeit = c.forfeit || p.Forfeit
	amount := tokens.Amount(0)
	if e.SlashPPM > 0 {
		amount = availability.SlashAmount(w.Params, availability.Stake{Held: c.held, Torrent: c.Content.size(), Claimed: w.claimed(c)}, e.PriorFaults)
	}
	amount += availability.NodeSlashAmount(c.held-amount, p.OfflinePPM+p.SuspendPPM)
	c.held -= amount
	c.line.Lost += amount
	if c.held < 0 {
		return errOverdrawn
	}
	c.line.once(&c.slashed, amount > 0, &c.line.Slashed)
	c.line.once(&c.suspended, p.Suspend, &c.line.Suspended)
	if p.Restored {
		c.line.Restored++
	}
	return nil
}

// claimed is what the node claims altogether, with the claim in question.
func (w *world) claimed(c *claim) (sum bt.Bytes) {
	for _, other := range c.claims {
		if other == c || !other.gone {
			sum += c.Content.size()
		}
	}
	return sum
}

// serve tries to download from every node that is proven, as a leecher would.
func (w *world) serve() {
	for _, n := range w.nodes {
		if !w.proven(n) {
			continue
		}
		v := availability.Passed
		switch gone := n.away(w.elapsed()) || w.unreachable(); {
		case gone && w.ourOutage():
			continue
		case gone || n.Stingy && n.began(w.elapsed()) || n.r.Chance(n.BusyPPM):
			v = availability.Inconclusive
		}
		n.serving = n.serving.After(w.Params, w.epoch, v)
		n.line.once(&n.withheld, n.serving.Withheld(w.epoch), &n.line.Withheld)
	}
}

func (w *world) proven(n *node) bool {
	for _, c := range n.claims {
		if known, ok := w.book.Get(c.id); ok && known.IsProven(w.Params, w.now()) {
			return true
		}
	}
	return false
}
