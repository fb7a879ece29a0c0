package settle

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

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

func TestClusters(t *testing.T) {
	pairs := map[[2]int]bool{{1, 4}: true, {4, 6}: true, {0, 2}: true, {2, 5}: true, {0, 5}: true, {3, 7}: true, {6, 7}: true}
	same := func(a, b int) bool { return pairs[[2]int{min(a, b), max(a, b)}] }
	want := [][]int{{0, 2, 5}, {1, 3, 4, 6, 7}, {8}}
	if got := clusters(9, same); !slices.EqualFunc(got, want, slices.Equal[[]int]) {
		t.Errorf("clusters %v, want %v", got, want)
	}
	if got := clusters(0, same); len(got) != 0 {
		t.Errorf("clusters of nobody: %v", got)
	}
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
		if got := fill(c.amount, c.sizes); !slices.Equal(got, c.want) {
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
		got := fill(amount, sizes)
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
