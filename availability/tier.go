package availability

import "time"

// Tier says how near a claimed copy is.
type Tier uint8

// The tiers, nearest first.
const (
	ProvenNow   Tier = iota // its proof stands
	CanFetch                // no proof stands, but it is announced and passed audits since its last fault
	ClaimedOnly             // nobody knows but the claimant
)

func (t Tier) String() string { return [...]string{"proven now", "can fetch", "claimed only"}[t] }

// Tier returns how near the claimed copy is now.
func (c Claim) Tier(p Params, now time.Time) Tier {
	heard := c.Announces(p, now)
	switch {
	case c.IsProven(p, now) && (heard || c.Node != 0):
		return ProvenNow
	case heard && c.Passed > 0 && c.State != Dropped && !c.Leaving:
		return CanFetch
	}
	return ClaimedOnly
}

// Carrier is how a claimant is asked.
type Carrier uint8

// The carriers of ECONOMY §7.
const (
	Wire      Carrier = iota // as a BitTorrent peer
	Challenge                // a node's daemon fetches what it is asked, and answers
)

func (c Carrier) String() string { return [...]string{"wire", "challenge"}[c] }

const (
	challengeAfter = 2 // audits in a row that could not dial the claimant, before its daemon is asked
	wireAgain      = 8 // every so many audits of a claim the wire is tried again
)

// Carrier returns how the claim is audited next. polls says whether its node asks for challenges: one
// behind NAT is asked by challenge, with a look now and then whether it can be dialled again.
func (c Claim) Carrier(polls bool) Carrier {
	if polls && c.Node != 0 && c.Unreachable >= challengeAfter && c.Judgements%wireAgain != 0 {
		return Challenge
	}
	return Wire
}
