// Package availability decides who really has what they claim: which claims are audited when and
// on which pieces (Schedule), what an audit's outcome means (Judge), what it does to the standing
// of a node (Standing.After), and how much collateral a fault costs (SlashAmount). ECONOMY §7.
//
// It is pure: the time and the secret seed are arguments, nothing is read or kept, and no argument
// is changed. The server and the simulator run the same functions.
//
// It promises: wrong or missing bytes count only when seen twice on one piece; what may be our own
// fault or a busy peer's (inconclusive) never costs anything; only registered nodes are slashed.
package availability

import (
	"net/netip"
	"time"

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
	Bytes       bt.Bytes       // claimed
	PieceLength bt.Bytes       // of the torrent
	Pieces      int            // of the torrent

	State       State
	EnteredMs   int64
	SeenMs      int64 // last announce with left = 0, or report
	ProvenMs    int64 // last full audit passed
	LastAuditMs int64 // last audit that ended in a verdict other than inconclusive or offline
	NextMs      int64 // not audited before; 0: no wait
	BusyUntilMs int64 // an audit is under way, see Begin
	Retries     int   // inconclusive or offline audits in a row
	Passed      int   // audits passed
	Faults      int   // confirmed
	Pending     *Recheck
}

// Recheck is a suspicion that waits for its second look, always at the same piece.
type Recheck struct {
	Piece    int
	First    Verdict // what was seen first
	Bad      int     // times seen corrupt or missing; two confirm
	Slow     int     // times refused or late in a row; two are one missing
	Attempts int     // second looks that were inconclusive
	SinceMs  int64
	DueMs    int64
}

// IsProven reports whether the claim counts now: proven, and the proof still stands.
func (c Claim) IsProven(p Params, now time.Time) bool {
	return c.State == Proven && now.UnixMilli() < c.ProvenMs+ms(p.ProofLifetime)
}

// Begin marks an audit of the claim as under way, so that Schedule passes it over until Judge has
// spoken or p.AuditTimeout is over (the server may die in between).
func (c Claim) Begin(p Params, now time.Time) Claim {
	c.BusyUntilMs = now.UnixMilli() + ms(p.AuditTimeout)
	return c
}

// Expire lapses a claim whose proof is over or, for a standard client, that was not announced for
// p.ClaimLapse. A node withdraws a claim by leaving it out of its report, which is the caller's
// business.
func (c Claim) Expire(p Params, now time.Time) Claim {
	over := c.State == Proven && !c.IsProven(p, now)
	gone := c.Node == 0 && !c.announcing(p, now) && (c.State == Proven || c.State == Entered)
	if over || gone {
		c.State = Lapsed
	}
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

func (c Claim) announcing(p Params, now time.Time) bool {
	return now.UnixMilli() < c.SeenMs+ms(p.ClaimLapse)
}

func ms(d time.Duration) int64 { return d.Milliseconds() }
