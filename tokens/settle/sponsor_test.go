package settle_test

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestSponsorSharesByProvenTime(t *testing.T) {
	host := func(m bt.MemberID, node bt.NodeID, seconds, score int64, network string) settle.Host {
		h := settle.Host{Member: m, Node: node, ProvenSeconds: seconds, ScorePPM: score}
		if network != "" {
			h.Network = netip.MustParsePrefix(network)
		}
		return h
	}
	for _, c := range []struct {
		name  string
		hosts []settle.Host
		want  []settle.Gift
	}{
		{"nobody", nil, nil},
		{"nobody proved anything", []settle.Host{host(1, 1, 0, 1_000_000, "")}, nil},
		{"by time", []settle.Host{host(1, 1, 3600, 1_000_000, ""), host(2, 2, 1800, 1_000_000, "")}, []settle.Gift{{Member: 1, Amount: 600}, {Member: 2, Amount: 300}}},
		{"by score", []settle.Host{host(1, 1, 3600, 1_000_000, ""), host(2, 2, 3600, 500_000, "")}, []settle.Gift{{Member: 1, Amount: 600}, {Member: 2, Amount: 300}}},
		{"three nodes of one member are one", []settle.Host{host(1, 1, 3600, 1_000_000, ""), host(1, 2, 3600, 1_000_000, ""), host(1, 3, 3600, 1_000_000, ""), host(2, 4, 3600, 1_000_000, "")},
			[]settle.Gift{{Member: 1, Amount: 450}, {Member: 2, Amount: 450}}},
		{"so are two members of one network", []settle.Host{host(1, 1, 3600, 1_000_000, "8.8.8.0/24"), host(2, 2, 3600, 1_000_000, "8.8.8.0/24"), host(3, 3, 3600, 1_000_000, "9.9.9.0/24")},
			[]settle.Gift{{Member: 1, Amount: 225}, {Member: 2, Amount: 225}, {Member: 3, Amount: 450}}},
	} {
		if got := settle.Sponsor(900, c.hosts); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestSponsorSums: everything is given or nothing, whatever the order, and splitting oneself into
// members of one network gains nothing.
func TestSponsorSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := tokens.Amount(rapid.Int64Range(0, 1<<50).Draw(t, "amount"))
		var hosts []settle.Host
		var proven int64
		for i := range rapid.IntRange(0, 8).Draw(t, "hosts") {
			h := settle.Host{Member: bt.MemberID(1 + i/2), Node: bt.NodeID(i), ProvenSeconds: rapid.Int64Range(0, 3600).Draw(t, "seconds"),
				ScorePPM: rapid.Int64Range(0, 1_000_000).Draw(t, "score"), Network: netip.PrefixFrom(netip.AddrFrom4([4]byte{8, 8, byte(i % 3), 0}), 24)}
			proven += h.ProvenSeconds * 1000 * h.ScorePPM / 1_000_000
			hosts = append(hosts, h)
		}
		got := settle.Sponsor(amount, hosts)
		var sum tokens.Amount
		for _, g := range got {
			sum += g.Amount
		}
		if proven == 0 && sum != 0 || proven > 0 && sum != amount {
			t.Fatalf("%d of %d given to hosts who proved %d", sum, amount, proven)
		}
		slices.Reverse(hosts)
		if again := settle.Sponsor(amount, hosts); !slices.Equal(got, again) {
			t.Fatalf("%v, the other way round %v", got, again)
		}
	})
}
