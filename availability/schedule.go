package availability

import (
	"fmt"
	"slices"
	"time"
)

// Kind says why an audit is made.
type Kind uint8

// In the order of their names in Kind.String.
const (
	RecheckKind Kind = iota // a further look at a suspicious target
	EntryKind               // a claim that is not proven
	DrawnKind               // its torrent was drawn
	RenewalKind             // its proof ends soon
)

var kinds = [...]string{"recheck", "entry", "drawn", "renewal"}

func (k Kind) String() string { return kinds[k] }

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText takes what MarshalText gives.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kinds[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no kind of audit: want one of %v", text, kinds)
	}
	*k = Kind(i)
	return nil
}

// Audit asks a claimant for targets: one block of each of several pieces, drawn uniformly without
// repetition among those claimed. A carrier that cannot check a block by itself asks for its piece.
type Audit struct {
	Claim   int64
	Kind    Kind
	Draw    int64 // which draw of the claim, see Claim.Draws; or NoDraw
	Targets []Target
	Have    Bitmap // what was claimed when they were drawn; nil: all pieces
}

// NoDraw as Audit.Draw: the targets are not, or not only, a draw of this epoch, as an earlier audit was
// not answered or the claim changed since the epoch began.
const NoDraw = -1

// due says whether the claim is to be audited now, and why. drawn says whether its torrent is drawn in
// the window that began at windowMs.
func (c Claim) due(p Params, now time.Time, drawn func() bool, windowMs int64) (Kind, bool) {
	t := now.UnixMilli()
	kind, at, ok := c.next(p)
	switch {
	case !ok || t < c.BusyUntilMs || c.Node == 0 && !c.Announces(p, now):
		return 0, false
	case t >= at && kind != RecheckKind && !c.IsProven(p, now):
		return EntryKind, true
	case t >= at:
		return kind, true
	}
	return DrawnKind, kind == RenewalKind && c.NextMs == 0 && c.LastAuditMs < windowMs && drawn()
}

// next says when the claim is audited next, if its torrent is not drawn before, and why.
func (c Claim) next(p Params) (kind Kind, atMs int64, ok bool) {
	renewal := c.ProvenMs + ms(p.ProofLifetime-p.RenewalLead)
	switch {
	case c.Ended():
		return 0, 0, false
	case c.Pending != nil:
		return RecheckKind, c.Pending.DueMs, true
	case c.claimed() < 1:
		return 0, 0, false
	case c.State != Proven:
		return EntryKind, max(c.NextMs, c.EnteredMs+ms(p.EntryDelay)), true
	case c.NextMs == 0:
		return RenewalKind, renewal, true
	case c.NextMs >= renewal:
		return RenewalKind, c.NextMs, true
	}
	return DrawnKind, c.NextMs, true // a retry, or a full audit after a suspicion that was cleared
}

// claimed is how many pieces it claims.
func (c Claim) claimed() int { return c.Have.Count(c.Pieces) }

// targets is how many blocks an audit asks for, if so many pieces are claimed.
func (p Params) targets(k Kind) int {
	if k == RenewalKind {
		return p.RenewalBlocks
	}
	return p.Blocks
}
