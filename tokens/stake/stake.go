package stake

import (
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Tier is what a member is called (ECONOMY §2).
type Tier string

// The tiers. A host is a member or a guest with a registered node: what it may download does not
// follow from the word, but from Standing.Above.
const (
	Guest  Tier = "guest"
	Member Tier = "member"
	Host   Tier = "host"
)

// Standing is what a member put up, and what the gate was when they joined.
type Standing struct {
	Staked tokens.Amount // free stake plus collateral of all nodes
	Gate   tokens.Amount // the price fixed when they joined; 0: never joined, or left
	Nodes  int           // registered
}

// Above reports whether the member may download anything they can pay for.
func (s Standing) Above() bool { return s.Gate > 0 && s.Staked >= s.Gate }

// Tier returns the member's tier.
func (s Standing) Tier() Tier {
	switch {
	case s.Nodes > 0:
		return Host
	case s.Above():
		return Member
	}
	return Guest
}

// Leaves reports whether unstaking so much is leaving: the stake is below the gate price after it.
func (s Standing) Leaves(amount tokens.Amount) bool { return s.Gate > 0 && s.Staked-amount < s.Gate }

// Node is what stands behind a node's live claims, and how much they are.
type Node struct {
	Collateral tokens.Amount
	Retained   tokens.Amount
	Claimed    bt.Bytes      // by live claims; what exceeds bt.MaxCounter does not count
	PerGiB     tokens.Amount // full collateral; at most 1,000,000 tokens
}

// Need is the full collateral of the node's live claims, rounded up, as in the hosting reward.
func (n Node) Need() tokens.Amount {
	return tokens.Amount(tokens.MulDivUp(int64(min(n.Claimed, bt.MaxCounter)), int64(n.PerGiB), int64(bt.GiB)))
}

// beyond is what stands behind the claims beyond what they need.
func (n Node) beyond() tokens.Amount { return max(0, n.Collateral+n.Retained-n.Need()) }

// Unpledgeable is how much collateral may go back to the stake: what the live claims do not need,
// so that nobody takes it out just before an audit fails. Retained earnings cover the need too.
func (n Node) Unpledgeable() tokens.Amount { return min(n.Collateral, n.beyond()) }

// Released is how much of the retained earnings may go: what the live claims do not need (ECONOMY
// §6). Pledged collateral covers the need too: a node that pledges what it lacked gets its
// earnings back.
func (n Node) Released() tokens.Amount { return min(n.Retained, n.beyond()) }

// Take spreads a penalty over balances in their order and returns each one's part: all of the first
// before any of the second (ECONOMY §7), never more than is there.
func Take(amount tokens.Amount, balances ...tokens.Amount) []tokens.Amount {
	parts := make([]tokens.Amount, len(balances))
	for i, have := range balances {
		parts[i] = max(0, min(amount, have))
		amount -= parts[i]
	}
	return parts
}
