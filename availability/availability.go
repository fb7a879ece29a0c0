// Package availability decides who really has what they claim: which claims are audited when (Book)
// and on which blocks (Draws), what an audit's outcome means (Judge), what it does to the standing of
// a node (Standing.After), how much collateral a fault costs (SlashAmount), whether a seeder serves
// others than the prober (Serving), and whether what was asked is what the published seed draws
// (Record.Replay). ECONOMY §7.
//
// It is pure: the time and the secret seed are arguments, nothing is read, and no argument is changed;
// only a Book and a Draws keep something in memory. The server and the simulator run the same
// functions.
//
// It promises: wrong or missing bytes count only when seen again and again on one target; what may be our own
// fault never costs anything, nor does a busy peer's silence (inconclusive), unless the node took its
// claim back while it was under suspicion; silence never gets other questions than those that are open;
// only registered nodes are slashed.
package availability

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// State says how far a claim is believed.
type State uint8

// A claim is paid, counted as capacity and preferred in peer lists only while Proven.
const (
	Entered State = iota // reported, not yet audited
	Proven               // passed an audit within the proof's lifetime
	Lapsed               // not believed any more, though nothing was proven against it; may be proven again
	Dropped              // confirmed faulty twice; never audited again
)

func (s State) String() string { return [...]string{"entered", "proven", "lapsed", "dropped"}[s] }

// Claim says that a member's client or node has a torrent. Times in unix ms, 0: never.
type Claim struct {
	ID          int64
	Torrent     bt.TorrentID
	Member      bt.MemberID
	Node        bt.NodeID // 0: a standard client, which pledges nothing and is never slashed
	PeerID      bt.PeerID
	Addr        netip.AddrPort // where the last announce or report came from
	Network     netip.Prefix   // of Addr, as the settlement's clusters see it
	Bytes       bt.Bytes       // claimed
	Have        Bitmap         // the pieces claimed; nil: all of them
	PieceLength bt.Bytes       // of the torrent
	Pieces      int            // of the torrent

	State       State
	EnteredMs   int64
	SeenMs      int64         // last announce with left = 0, or report
	ProvenMs    int64         // last full audit passed
	LastAuditMs int64         // last audit that ended in a verdict other than inconclusive or offline
	NextMs      int64         // not audited before; 0: no wait
	BusyUntilMs int64         // an audit is under way, see Begin
	Retries     int           // inconclusive or offline audits in a row
	Judgements  int64         // audits judged, whatever came of them
	Open        []Target      `json:",omitempty"` // asked for and not answered: asked again until they are
	ChangedMs   int64         // when the pieces claimed last changed
	Draws       int64         // audits that ended in a verdict of the data: the next draw's number
	Passed      int           // audits passed since the last confirmed fault
	Rate        bt.Bytes      // per second, shown by the last passed audit
	Unreachable int           // audits in a row in which it could not be dialled though it announces
	Leaving     bool          // withdrawn while a suspicion waited: over when that is settled
	Place       Place         // where its address is said to be
	RTT         time.Duration // the least round trip seen; 0: none
	Faults      int           // confirmed
	Pending     *Recheck
}

// Recheck is a suspicion that waits for its further looks, always at the same piece.
type Recheck struct {
	Target
	First    Verdict // what was seen first
	Bad      int     // times seen corrupt or missing; Params.ConfirmLooks confirm
	Slow     int     // times refused or late in a row; two are one missing
	Attempts int     // further looks that were inconclusive
	SinceMs  int64
	DueMs    int64
	AtStake  tokens.Amount `json:",omitempty"` // the torrent's collateral when the suspicion arose: nothing that its node does since then makes it less
}

// IsProven reports whether the claim counts now: proven, and the proof still stands.
func (c Claim) IsProven(p Params, now time.Time) bool {
	return c.State == Proven && now.UnixMilli() < c.proofEnds(p)
}

// Begin marks an audit of the claim as under way, so that Book passes it over until Judge has
// spoken or p.AuditTimeout is over (the server may die in between).
func (c Claim) Begin(p Params, now time.Time) Claim {
	c.BusyUntilMs = now.UnixMilli() + ms(p.AuditTimeout)
	return c
}

// Excuse moves the claim's times by an outage of the tracker, which counts for nobody (§7).
func (c Claim) Excuse(outage time.Duration) Claim {
	for _, t := range []*int64{&c.SeenMs, &c.ProvenMs, &c.NextMs} {
		if *t > 0 {
			*t += ms(outage)
		}
	}
	return c
}

// Announces reports whether its claimant was heard of within p.ClaimLapse.
func (c Claim) Announces(p Params, now time.Time) bool {
	return now.UnixMilli() < c.SeenMs+ms(p.ClaimLapse)
}

// proofEnds is when the claim's proof is over.
func (c Claim) proofEnds(p Params) int64 { return c.ProvenMs + ms(p.ProofLifetime) }

func ms(d time.Duration) int64 { return d.Milliseconds() }
