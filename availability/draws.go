package availability

import (
	"cmp"
	"maps"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Frozen is a claim as it was proven when an epoch began: what that epoch's draws depend on, besides
// the seed.
type Frozen struct {
	Claim       int64        `json:"claim"`
	Torrent     bt.TorrentID `json:"torrent"`
	Bytes       bt.Bytes     `json:"bytes"`
	PieceLength bt.Bytes     `json:"piece_length_bytes"`
	Pieces      int          `json:"pieces"`
	Have        Bitmap       `json:"have,omitempty"` // base64; absent: all of them
}

// Draws are the draws of an epoch: which torrents are audited in which window of time (all their
// claimants, SECURITY 11), and which blocks a claimant is asked for. They follow from the seed and the
// claims frozen when the epoch began, so that anyone can recompute them once the seed is published.
// Windows count from the epoch's start. Not safe for concurrent use.
type Draws struct {
	seed     Seed
	startMs  int64
	windowMs int64
	chance   map[bt.TorrentID]uint64 // of a window, in billionths
	latest   int64                   // the window of drawn
	drawn    []bt.TorrentID
}

// NewDraws prepares the draws of the epoch that began at startMs. Each torrent is drawn by itself with
// a probability in proportion to its claimed bytes, scaled so that a claimant is asked once per
// DrawInterval on average.
func NewDraws(p Params, seed Seed, startMs int64, claims []Frozen) *Draws {
	d := &Draws{seed: seed, startMs: startMs, windowMs: max(1, ms(p.DrawWindow)), chance: map[bt.TorrentID]uint64{}, latest: -1}
	type swarm struct{ mib, claimants int64 }
	swarms := map[bt.TorrentID]swarm{}
	for _, c := range claims {
		s := swarms[c.Torrent]
		swarms[c.Torrent] = swarm{s.mib + int64(c.Bytes>>20) + 1, s.claimants + 1}
	}
	var sum int64
	for _, s := range swarms {
		sum = bounded(sum, s.mib, s.claimants)
	}
	// Claimants asked in a window on average = Σ chance·claimants = all·window/interval.
	rate := int64(billion)
	if p.DrawWindow < p.DrawInterval {
		rate = tokens.MulDiv(ms(p.DrawWindow), billion, ms(p.DrawInterval))
	}
	left := rate * int64(len(claims))
	torrents := slices.SortedFunc(maps.Keys(swarms), func(a, b bt.TorrentID) int { return cmp.Compare(swarms[b].mib, swarms[a].mib) })
	for _, t := range torrents {
		s := swarms[t]
		sum = max(sum, s.mib)
		chance := tokens.MulDiv(left, s.mib, sum)
		if chance >= billion { // no torrent is drawn twice in a window: what the largest have too much goes to the others
			chance = billion
			left, sum = left-billion*s.claimants, sum-bounded(0, s.mib, s.claimants)
		}
		d.chance[t] = uint64(chance)
	}
	return d
}

// bounded returns sum + a·b, at most the largest int64.
func bounded(sum, a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi > 0 || lo > uint64(math.MaxInt64-sum) {
		return math.MaxInt64
	}
	return sum + int64(lo)
}

const billion = 1_000_000_000

// Window returns the number of the window of now: negative before the epoch's start. The last one
// goes beyond the epoch's end if the next epoch begins in it.
func (d *Draws) Window(now time.Time) int64 {
	t := now.UnixMilli() - d.startMs
	if t < 0 {
		return -1
	}
	return t / d.windowMs
}

// windowStart returns when a window begins, in unix ms.
func (d *Draws) windowStart(window int64) int64 { return d.startMs + window*d.windowMs }

// Drawn reports whether the torrent is drawn in the window.
func (d *Draws) Drawn(window int64, t bt.TorrentID) bool {
	_, ok := d.lot(window, t)
	return ok
}

// lot returns the torrent's lot, and whether it wins.
func (d *Draws) lot(window int64, t bt.TorrentID) (uint64, bool) {
	chance := d.chance[t]
	if window < 0 || chance == 0 {
		return 0, false
	}
	u := d.seed.stream("draw", window, int64(t)).below(billion)
	return u, u < chance
}

// Torrents lists the torrents that are drawn in the window, in the order of their lots, so that none
// is always the last. The slice is the Draws' own and holds until another window is asked for.
func (d *Draws) Torrents(window int64) []bt.TorrentID {
	if window == d.latest {
		return d.drawn
	}
	lots := map[bt.TorrentID]uint64{}
	for t := range d.chance {
		if u, ok := d.lot(window, t); ok {
			lots[t] = u
		}
	}
	d.latest = window
	d.drawn = slices.SortedFunc(maps.Keys(lots), func(a, b bt.TorrentID) int {
		return cmp.Or(cmp.Compare(lots[a], lots[b]), cmp.Compare(a, b))
	})
	return d.drawn
}

// Targets returns the first n blocks of the claim's draw number c.Draws: fewer if it claims fewer
// pieces. The draw changes with a verdict of the data, not with a retry; a shorter draw is the
// beginning of a longer one.
func (d *Draws) Targets(c Claim, n int) []Target { return d.seed.blocks(c, c.Draws, n) }

// audit returns what the claim is asked for now: what is open from before, as far as it is still
// claimed, and then its draw. Its number is NoDraw if that is not this epoch's draw of what was frozen.
func (d *Draws) audit(p Params, c Claim, kind Kind) Audit {
	a := Audit{Claim: c.ID, Kind: kind, Draw: c.Draws, Have: c.Have}
	if kind == RecheckKind {
		a.Targets = []Target{c.Pending.Target}
		return a
	}
	n := p.targets(kind)
	drawn := d.Targets(c, n)
	if c.ChangedMs >= d.startMs {
		a.Draw = NoDraw
	}
	if a.Targets = c.open(); len(a.Targets) == 0 {
		a.Targets = drawn
		return a
	}
	for _, t := range drawn {
		if len(a.Targets) < n && !slices.ContainsFunc(a.Targets, func(o Target) bool { return o.Piece == t.Piece }) {
			a.Targets = append(a.Targets, t)
		}
	}
	if !slices.Equal(a.Targets, d.Targets(c, len(a.Targets))) {
		a.Draw = NoDraw
	}
	return a
}

// open returns what is open and still claimed.
func (c Claim) open() []Target {
	return slices.DeleteFunc(slices.Clone(c.Open), func(t Target) bool { return !c.Have.Has(t.Piece) })
}
