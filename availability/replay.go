package availability

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Replay is what recomputing an epoch's draws came to.
type Replay struct {
	Audits  int      `json:"audits"`  // of the record
	Checked int      `json:"checked"` // asked for what the seed draws
	Later   int      `json:"later"`   // further looks at what the audit that they name saw
	Loose   int      `json:"loose"`   // asked for what an earlier audit left open, or of a claim that changed in it: not a draw of this record alone
	Fresh   int      `json:"fresh"`   // of claims that were not proven when the epoch began
	Faults  []string `json:"faults"`  // what the record contradicts, in sentences
	Drawn   int      `json:"drawn"`   // lots: claims of torrents drawn, in each window
	Unasked []Lot    `json:"unasked"` // the first of those that were not asked, for want of time or as they were not proven any more; not a fault
}

// Lot is a claim whose torrent was drawn.
type Lot struct {
	AtMs  int64 `json:"at_ms"` // beginning of the window
	Claim int64 `json:"claim"`
}

// Limits on what a record that anybody wrote may make Replay do.
const (
	maxFaults  = 1000
	MaxUnasked = 1000
	maxWindows = 1 << 16
	maxAsked   = 1 << 17 // Params.Blocks can be 100,000
	maxRuleMs  = int64(8784 * time.Hour / time.Millisecond)
)

// Replay recomputes what an epoch's audits had to ask for: the seed is the one committed to; every
// audit of a frozen claim asked for what the seed draws; what was drawn belongs to a torrent drawn in
// its window, or repeats an audit that came to nothing; a further look asks for a target of the audit
// that it names.
func (r Record) Replay() Replay {
	s := r.replay()
	if hash := r.Seed.Hash(); !bytes.Equal(hash[:], r.Hash) {
		s.fault("The hash of the seed is %x, but %s was published.", hash, r.Hash)
	}
	if !r.sane() {
		s.fault("The rules %+v do not fit an epoch from %d to %d.", r.Rules, r.StartMs, r.EndMs)
		return s.out
	}
	s.draws = NewDraws(s.params, r.Seed, r.StartMs, r.Claims)
	for _, a := range r.Audits {
		s.audit(a)
	}
	s.lots()
	return s.out
}

// sane reports whether times and rules are such as an epoch can have.
func (r Record) sane() bool {
	for _, x := range []int64{r.Rules.DrawWindowMs, r.Rules.DrawIntervalMs, r.Rules.AuditTimeoutMs} {
		if x < 1 || x > maxRuleMs {
			return false
		}
	}
	return r.StartMs >= 0 && r.StartMs <= r.EndMs && (r.EndMs-r.StartMs)/r.Rules.DrawWindowMs <= maxWindows
}

// replayer is a Replay under way.
type replayer struct {
	Record
	params Params
	draws  *Draws
	frozen map[int64]Frozen
	audits map[int64]AuditRecord
	before map[int64]AuditRecord // the claim's audit before
	asked  map[Lot]bool
	out    Replay
}

func (r Record) replay() *replayer {
	s := &replayer{Record: r, params: r.Rules.params(), frozen: map[int64]Frozen{}, audits: map[int64]AuditRecord{},
		before: map[int64]AuditRecord{}, asked: map[Lot]bool{}}
	s.out.Audits = len(r.Audits)
	for _, c := range r.Claims {
		s.frozen[c.Claim] = c
	}
	return s
}

func (s *replayer) fault(format string, args ...any) {
	if len(s.out.Faults) < maxFaults {
		s.out.Faults = append(s.out.Faults, fmt.Sprintf(format, args...))
	}
}

func (s *replayer) audit(a AuditRecord) {
	f, frozen := s.frozen[a.Claim]
	switch {
	case a.Kind == RecheckKind:
		s.recheck(a)
	case !frozen:
		s.out.Fresh++
	case a.Draw == NoDraw:
		s.out.Loose++
	default:
		s.draw(a, f)
	}
	if frozen && a.Kind == DrawnKind {
		s.window(a, f)
	}
	for w := range s.windows(a) {
		s.asked[Lot{s.draws.windowStart(w), a.Claim}] = true
	}
	s.audits[a.ID], s.before[a.Claim] = a, a
}

// draw checks that a drew what the seed says.
func (s *replayer) draw(a AuditRecord, f Frozen) {
	c := Claim{ID: f.Claim, Torrent: f.Torrent, PieceLength: f.PieceLength, Pieces: f.Pieces, Have: f.Have, Draws: a.Draw}
	if a.Asked < 0 || a.Asked > maxAsked || f.Pieces < 0 || !f.Have.Fits(f.Pieces) {
		s.fault("Audit %d asked claim %d for %d targets of %d pieces.", a.ID, a.Claim, a.Asked, f.Pieces)
		return
	}
	want := s.draws.Targets(c, a.Asked)
	digest := Digest(want)
	least := min(s.params.targets(a.Kind), c.claimed())
	switch {
	case a.Asked < least:
		s.fault("Audit %d asked claim %d for %d targets, %d are due.", a.ID, a.Claim, a.Asked, least)
	case !bytes.Equal(digest[:], a.Digest):
		s.fault("Audit %d did not ask claim %d for what draw %d says.", a.ID, a.Claim, a.Draw)
	case s.repeated(a):
		s.fault("Audit %d used draw %d of claim %d, which had its verdict.", a.ID, a.Draw, a.Claim)
	default:
		s.out.Checked++
	}
}

// repeated reports whether a draw was used again after it had a verdict.
func (s *replayer) repeated(a AuditRecord) bool {
	b, ok := s.before[a.Claim]
	return ok && b.Draw != NoDraw && (a.Draw < b.Draw || a.Draw == b.Draw && b.settled())
}

// settled reports whether the audit came to a verdict of the data, which uses up its draw.
func (a AuditRecord) settled() bool { return a.Verdict != Inconclusive && a.Verdict != Offline }

// window checks that the torrent was drawn when a was begun, or that a repeats what came to nothing
// (or what went before the epoch, which the record does not know), or follows on a further look.
func (s *replayer) window(a AuditRecord, f Frozen) {
	b, ok := s.before[a.Claim]
	if !ok || !b.settled() || b.Kind == RecheckKind {
		return
	}
	for w := range s.windows(a) {
		if s.draws.Drawn(w, f.Torrent) {
			return
		}
	}
	s.fault("Audit %d asked claim %d at %s, but torrent %d was not drawn then.", a.ID, a.Claim, time.UnixMilli(a.AtMs).UTC().Format(time.RFC3339), f.Torrent)
}

// windows are those in which a may have begun.
func (s *replayer) windows(a AuditRecord) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		begun := max(a.AtMs-s.Rules.AuditTimeoutMs, s.StartMs)
		last := s.draws.Window(time.UnixMilli(a.AtMs))
		for w := max(s.draws.Window(time.UnixMilli(begun)), last-maxWindows); w >= 0 && w <= last; w++ {
			if !yield(w) {
				return
			}
		}
	}
}

// recheck checks a further look, if the first is in the record.
func (s *replayer) recheck(a AuditRecord) {
	first, ok := s.audits[a.Rechecks]
	switch {
	case !ok:
		s.out.Loose++ // its suspicion is older than the epoch
		if a.Rechecks > a.ID || a.Rechecks == 0 {
			s.fault("Audit %d is a further look at audit %d, which is not before it.", a.ID, a.Rechecks)
		}
	case first.Claim != a.Claim:
		s.fault("Audit %d of claim %d is a further look at audit %d, of claim %d.", a.ID, a.Claim, first.ID, first.Claim)
	case !slices.ContainsFunc(first.Targets, func(t Target) bool { d := Digest([]Target{t}); return bytes.Equal(d[:], a.Digest) }):
		s.fault("Audit %d is a further look at audit %d, but did not ask for any of its targets.", a.ID, first.ID)
	default:
		s.out.Later++
	}
}

// lots counts what was drawn and lists what was not asked.
func (s *replayer) lots() {
	claims := map[bt.TorrentID][]int64{}
	for _, c := range s.Claims {
		claims[c.Torrent] = append(claims[c.Torrent], c.Claim)
	}
	for w := int64(0); s.draws.windowStart(w) < s.EndMs; w++ {
		at := s.draws.windowStart(w)
		for _, t := range s.draws.Torrents(w) {
			for _, c := range claims[t] {
				s.out.Drawn++
				if !s.asked[Lot{at, c}] && len(s.out.Unasked) < MaxUnasked {
					s.out.Unasked = append(s.out.Unasked, Lot{at, c})
				}
			}
		}
	}
}
