package settle

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.7/32":         "203.0.113.0/24",
		"203.0.113.0/24":         "203.0.113.0/24",
		"203.0.0.0/16":           "203.0.0.0/16",
		"2001:db8:1:2::3/128":    "2001:db8:1::/48",
		"::ffff:203.0.113.7/128": "203.0.113.0/24",
		"127.0.0.0/24":           "invalid Prefix",
		"10.1.2.0/24":            "invalid Prefix",
		"192.168.1.0/24":         "invalid Prefix",
		"169.254.1.0/24":         "invalid Prefix",
		"::1/128":                "invalid Prefix",
		"fe80::/64":              "invalid Prefix",
		"fd00::/48":              "invalid Prefix",
		"0.0.0.0/0":              "invalid Prefix",
	} {
		if got := network(netip.MustParsePrefix(in)).String(); got != want {
			t.Errorf("network(%s) = %s, want %s", in, got, want)
		}
	}
	if network(netip.Prefix{}).IsValid() || shared(netip.Prefix{}, netip.Prefix{}) {
		t.Error("no network is shared with no network")
	}
}

// TestClusters: the same as joining every two that share something, over and over.
func TestClusters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts, group := make([]Host, rapid.IntRange(0, 12).Draw(t, "hosts")), map[int]int{}
		for i := range hosts {
			hosts[i].Member, group[i] = bt.MemberID(rapid.IntRange(1, 8).Draw(t, "member")), i
			if n := rapid.IntRange(0, 8).Draw(t, "network"); n > 0 {
				hosts[i].Network = netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 0, byte(n), 0}), 24)
			}
		}
		for range hosts {
			for i, x := range hosts {
				for j, y := range hosts {
					if x.Member == y.Member || shared(x.Network, y.Network) {
						group[i], group[j] = min(group[i], group[j]), min(group[i], group[j])
					}
				}
			}
		}
		var want [][]int
		for g := range hosts {
			var of []int
			for i := range hosts {
				if group[i] == g {
					of = append(of, i)
				}
			}
			if of != nil {
				want = append(want, of)
			}
		}
		if got := clusters(hosts); !slices.EqualFunc(got, want, slices.Equal[[]int]) {
			t.Fatalf("clusters %v, want %v, of %+v", got, want, hosts)
		}
	})
}

func TestFill(t *testing.T) {
	for _, c := range []struct {
		amount      bt.Bytes
		sizes, want []bt.Bytes
	}{
		{10, nil, nil},
		{10, []bt.Bytes{100, 100}, []bt.Bytes{5, 5}},
		{11, []bt.Bytes{100, 100}, []bt.Bytes{6, 5}},
		{10, []bt.Bytes{100, 2, 100}, []bt.Bytes{4, 2, 4}},
		{10, []bt.Bytes{1, 2, 3}, []bt.Bytes{1, 2, 3}},
		{10, []bt.Bytes{0, 50}, []bt.Bytes{0, 10}},
	} {
		if got := fill(c.amount, c.sizes, equal(len(c.sizes))); !slices.Equal(got, c.want) {
			t.Errorf("fill(%d, %v) = %v, want %v", c.amount, c.sizes, got, c.want)
		}
	}
}

// Nobody overflows, nothing is spilled while there is room, and who stands lower is full.
func TestFillIsLevel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := bt.Bytes(rapid.Int64Range(0, 1000).Draw(t, "amount"))
		var room, sum, level bt.Bytes
		sizes := make([]bt.Bytes, rapid.IntRange(0, 8).Draw(t, "n"))
		for i := range sizes {
			sizes[i] = bt.Bytes(rapid.Int64Range(0, 300).Draw(t, "size"))
			room += sizes[i]
		}
		got := fill(amount, sizes, equal(len(sizes)))
		for _, g := range got {
			sum, level = sum+g, max(level, g)
		}
		if sum != min(amount, room) {
			t.Fatalf("filled %d of %d into %d", sum, amount, room)
		}
		for i, g := range got {
			if g > sizes[i] || g < sizes[i] && g < level-1 {
				t.Fatalf("vessel %d of size %d stands at %d, the level is %d", i, sizes[i], g, level)
			}
		}
	})
}

func equal(n int) []int64 {
	weights := make([]int64, n)
	for i := range weights {
		weights[i] = 1
	}
	return weights
}

// Vessels stand equally high for their weights, whatever the order of sizes, and split agrees with
// the ledger's.
func TestFillByWeight(t *testing.T) {
	for _, c := range []struct {
		amount  bt.Bytes
		sizes   []bt.Bytes
		weights []int64
		want    []bt.Bytes
	}{
		{90, []bt.Bytes{100, 100}, []int64{1, 8}, []bt.Bytes{10, 80}},
		{90, []bt.Bytes{100, 20}, []int64{1, 8}, []bt.Bytes{70, 20}},
		{90, []bt.Bytes{0, 20, 100}, []int64{5, 1, 1}, []bt.Bytes{0, 20, 70}},
		{7, []bt.Bytes{100, 100}, []int64{1 << 62, 1 << 62}, []bt.Bytes{4, 3}},
		{500, []bt.Bytes{100, 20}, []int64{1, 8}, []bt.Bytes{100, 20}},
		{maxBytes, []bt.Bytes{maxBytes, maxBytes}, []int64{1 << 40, 1}, []bt.Bytes{maxBytes - 1<<20, 1 << 20}},
	} {
		if got := fill(c.amount, c.sizes, c.weights); !slices.Equal(got, c.want) {
			t.Errorf("fill(%d, %v, %v) = %v, want %v", c.amount, c.sizes, c.weights, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1<<rapid.IntRange(1, 62).Draw(t, "bits")), 1, 9).Draw(t, "weights")
		amount := tokens.Amount(rapid.Int64Range(0, 1<<62).Draw(t, "amount"))
		weights[0]++
		if got, want := split(amount, weights), tokens.Split(amount, weights); !slices.Equal(got, want) {
			t.Fatalf("split %v, want %v", got, want)
		}
	})
}
