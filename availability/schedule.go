package availability

import (
	"cmp"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Kind says why an audit is made.
type Kind uint8

// In the order in which they go first when a round is full.
const (
	RecheckKind Kind = iota // the second look at a suspicious piece
	EntryKind               // a claim that is not proven
	DrawnKind               // its torrent was drawn
	RenewalKind             // its proof ends soon
)

func (k Kind) String() string { return [...]string{"recheck", "entry", "drawn", "renewal"}[k] }

// Audit asks a claimant for whole pieces (v1), drawn uniformly without repetition.
type Audit struct {
	Claim  int64
	Kind   Kind
	Pieces []int
}

// Schedule returns the audits that are due now, at most p.MaxPerRound, most urgent first. claims
// are all claims that are reported or announced now (the weights of the draw depend on them); the
// caller marks those it starts with Begin. seed is secret until its epoch is over; who knows it
// and the claims can recompute every draw.
//
// A torrent's draw is decided once per window; a claim judged since the window began is not asked
// again, so that calling Schedule often changes nothing.
func Schedule(p Params, now time.Time, claims []Claim, seed Seed) []Audit {
	drawn := draw(p, now, claims, seed)
	var due []Audit
	for _, c := range claims {
		kind, ok := dueKind(p, now, c, drawn[c.Torrent])
		if !ok {
			continue
		}
		a := Audit{Claim: c.ID, Kind: kind}
		if kind == RecheckKind {
			a.Pieces = []int{c.Pending.Piece}
		} else {
			a.Pieces = pick(seed, c, p.pieces(kind, c))
		}
		due = append(due, a)
	}
	slices.SortStableFunc(due, func(a, b Audit) int { return cmp.Compare(a.Kind, b.Kind) })
	return due[:min(len(due), p.MaxPerRound)]
}

func dueKind(p Params, now time.Time, c Claim, drawn bool) (Kind, bool) {
	t := now.UnixMilli()
	switch {
	case c.State == Dropped || c.Pieces < 1 || t < c.BusyUntilMs:
		return 0, false
	case c.Node == 0 && !c.announcing(p, now):
		return 0, false
	case c.Pending != nil:
		return RecheckKind, t >= c.Pending.DueMs
	case t < c.NextMs:
		return 0, false
	case !c.IsProven(p, now):
		return EntryKind, t >= c.EnteredMs+ms(p.EntryDelay)
	case t >= c.ProvenMs+ms(p.ProofLifetime-p.RenewalLead):
		return RenewalKind, true
	case c.NextMs > 0: // a retry, or a full audit after a suspicion that was cleared
		return DrawnKind, true
	}
	return DrawnKind, drawn && c.LastAuditMs < windowStart(p, now)
}

// pieces returns how many pieces an audit asks for: k, but never more bytes than MaxBytes or
// MaxPieces pieces. Over several audits the pieces seen add up to k and more.
func (p Params) pieces(k Kind, c Claim) int {
	n := p.Blocks
	if k == RenewalKind {
		n = p.RenewalBlocks
	}
	within := max(int64(p.MaxPieces), int64(p.MaxBytes)/max(int64(c.PieceLength), 1))
	return int(min(int64(n), within, int64(c.Pieces)))
}

// draw decides which torrents this window takes: each by itself with a probability in proportion
// to its claimed bytes, scaled so that a claimant is asked once per DrawInterval on average.
func draw(p Params, now time.Time, claims []Claim, seed Seed) map[bt.TorrentID]bool {
	type swarm struct{ mib, claimants int64 }
	swarms := map[bt.TorrentID]swarm{}
	var all, sum int64
	for _, c := range claims {
		if c.IsProven(p, now) {
			s := swarms[c.Torrent]
			swarms[c.Torrent] = swarm{s.mib + int64(c.Bytes>>20) + 1, s.claimants + 1}
			all++
		}
	}
	for _, s := range swarms {
		sum += s.mib * s.claimants
	}
	// Mean claimants asked per window = Σ chance·claimants = all·window/interval.
	rate := tokens.MulDiv(ms(p.DrawWindow), billion, ms(p.DrawInterval))
	drawn := map[bt.TorrentID]bool{}
	for t, s := range swarms {
		chance := min(tokens.MulDiv(rate*all, s.mib, sum), billion)
		u := seed.stream("draw", windowStart(p, now), int64(t)).below(billion)
		drawn[t] = u < uint64(chance)
	}
	return drawn
}

const billion = 1_000_000_000

func windowStart(p Params, now time.Time) int64 {
	t, w := now.UnixMilli(), ms(p.DrawWindow)
	return t - t%w
}
