package settle

import (
	"cmp"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Gift is what a host of a sponsored torrent gets.
type Gift struct {
	Member bt.MemberID
	Amount tokens.Amount
}

// Sponsor shares a sponsor's amount among the proven hosts of one torrent by proven seconds·score
// (ECONOMY §2). Hosts of one member or network are one cluster, which counts once, as its best host,
// and shares by what each proved. Gifts are ordered by member and sum to the amount; nobody proved
// anything: there are none.
func Sponsor(amount tokens.Amount, hosts []Host) []Gift {
	hosts = slices.Clone(hosts)
	slices.SortFunc(hosts, compareHosts)
	weights := make([]int64, len(hosts))
	for i, h := range hosts {
		hosts[i].Network = network(h.Network)
		weights[i] = tokens.MulDiv(h.ProvenSeconds*1000, h.ScorePPM, ppm)
	}
	for _, group := range clusters(hosts) {
		var best int64
		for _, i := range group {
			best = max(best, weights[i])
		}
		limit(weights, group, best)
	}
	sums := map[bt.MemberID]tokens.Amount{}
	for i, part := range split(amount, weights) {
		sums[hosts[i].Member] += part
	}
	var out []Gift
	for m, a := range sums {
		if a > 0 {
			out = append(out, Gift{m, a})
		}
	}
	slices.SortFunc(out, func(a, b Gift) int { return cmp.Compare(a.Member, b.Member) })
	return out
}
