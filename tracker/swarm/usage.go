package swarm

import (
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

type amount = tokens.Amount

// use is what announces add to one member's usage of a torrent in one epoch: a UsageRow without
// pointers.
type use struct {
	epoch           int64
	billed, claimed bt.Bytes
	allowed, free   bt.Bytes // paid with the allowance, and of a torrent that is free
	charge          amount
	fromMs, toMs    int64
	network         network
}

func (sh *shard) addUsage(k DownloadKey, u use) {
	key := usageKey{u.epoch, k}
	sum := sh.usage[key]
	sum.epoch = u.epoch
	sum.billed, sum.claimed, sum.charge = addMetered(sum.billed, u.billed), addMetered(sum.claimed, u.claimed), sum.charge+u.charge
	sum.allowed, sum.free = sum.allowed+u.allowed, addMetered(sum.free, u.free)
	if u.toMs != 0 && (sum.toMs == 0 || u.fromMs < sum.fromMs) { // else the presence says nothing
		sum.fromMs = u.fromMs
	}
	sum.toMs = max(sum.toMs, u.toMs)
	if u.network != 0 {
		sum.network = u.network
	}
	sh.usage[key] = sum
}

func (u use) row(k usageKey) UsageRow {
	return UsageRow{Epoch: k.epoch, DownloadKey: k.DownloadKey, Billed: u.billed, Charge: u.charge, Allowed: u.allowed, Free: u.free, Claimed: u.claimed,
		FromMs: u.fromMs, ToMs: u.toMs, Network: u.network.prefix()}
}
