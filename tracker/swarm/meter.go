package swarm

import "github.com/swarmstake/swarmstake/tracker/bt"

// transition is what an announce does to a peer session (ECONOMY §3, the metering table).
type transition uint8

const (
	create transition = iota + 1
	advance
	reset
	stale
)

// verdict is the outcome of the metering table for one announce.
type verdict struct {
	transition
	up, down bt.Bytes // to credit and to count; up still without the link cap
	flagged  bool     // no honest client does this
}

// marks is what the table reads of a session.
type marks struct {
	up, down bt.Bytes
	stopped  bool
	lastMs   int64 // of the last announce that was applied, so that stale ones cannot go on for ever
}

// judge applies the metering table. m is nil for row 1; firstEver says that the member never
// announced this torrent before.
func (p *Params) judge(m *marks, firstEver bool, a *bt.Announce, nowMs int64) verdict {
	if m == nil { // row 1
		v := verdict{transition: create, down: a.Downloaded}
		if firstEver && a.Left == 0 {
			v.down = 0 // the data was there already
		}
		return v
	}
	switch {
	case a.Uploaded >= m.up && a.Downloaded >= m.down: // rows 2, 7
		return verdict{transition: advance, up: a.Uploaded - m.up, down: a.Downloaded - m.down}
	case a.Event == bt.Started: // rows 3, 7
		return verdict{transition: reset, down: a.Downloaded}
	case nowMs-m.lastMs <= p.StaleWindow.Milliseconds(): // row 4
		return verdict{transition: stale}
	}
	return verdict{transition: reset, down: a.Downloaded, flagged: true} // row 5
}

// credit caps an upload difference by what the link can have carried since the last announce.
func (p *Params) credit(up bt.Bytes, gapMs int64) (credited bt.Bytes, excess bool) {
	limit := bt.Bytes(mulDiv(p.LinkCapBits/8, max(0, gapMs), 1000))
	return min(up, limit), up > limit
}

// maxMetered is where Σd saturates, far above any torrent (2^50) and far from overflow.
const maxMetered = bt.Bytes(1) << 61

func addMetered(sum, d bt.Bytes) bt.Bytes { return min(sum+d, maxMetered) }
