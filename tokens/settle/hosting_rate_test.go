package settle_test

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The work of host is 1 GiB for an hour.
func TestHostingRate(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*settle.Host)
		rate  tokens.Amount
		want  tokens.Amount
	}{
		{"no limit", func(*settle.Host) {}, 0, pool},
		{"a token", func(*settle.Host) {}, tokens.Unit, tokens.Unit},
		{"beyond the pool", func(*settle.Host) {}, 1_000_000 * tokens.Unit, pool},
		{"the largest", func(h *settle.Host) {
			h.Bytes, h.ProvenSeconds, h.GeoPPM = bt.MaxCounter, settle.MaxProvenSeconds, settle.MaxGeoPPM
		}, 1<<63 - 1, pool},
		{"far away", func(h *settle.Host) { h.GeoPPM = 1_150_000 }, tokens.Unit, 1_150_000},
		{"twice the time", func(h *settle.Host) { h.ProvenSeconds = 7200 }, tokens.Unit, 2 * tokens.Unit},
		{"half the score", func(h *settle.Host) { h.ScorePPM = 500_000 }, tokens.Unit, tokens.Unit / 2},
		{"a third of a micro-token", func(h *settle.Host) { h.ProvenSeconds = 1200 }, 1, 0},
		{"a block", func(h *settle.Host) { h.Bytes = 1 }, 65_536, 1},
	} {
		h := host(1)
		c.spoil(&h)
		lines := mustHost(t, settle.HostingInput{Params: uncapped(), Pool: pool, Rate: c.rate, Hosts: []settle.Host{h}, Nodes: map[bt.NodeID]settle.Pledge{
			1: {Collateral: tokens.MaxAmount}}})
		if got := gross(lines, 1); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if _, err := settle.Hosting(settle.HostingInput{Params: uncapped(), Rate: -1}); !errors.Is(err, settle.ErrInput) {
		t.Errorf("a rate below 0: %v", err)
	}
}

// What one of a node's torrents may not earn because of another guard, the others do not make up
// for beyond the rate of all its work.
func TestHostingRateIsPerHost(t *testing.T) {
	a, b, c := host(1), host(1), host(2)
	b.Torrent, b.Publisher = 50, 50
	c.Bytes = 3 * bt.GiB
	lines := mustHost(t, settle.HostingInput{Params: uncapped(), Pool: pool, Rate: 7 * tokens.Unit, Hosts: []settle.Host{a, b, c}, Nodes: backed(1, 2)})
	if gross(lines, 1) != 14*tokens.Unit || gross(lines, 2) != 21*tokens.Unit {
		t.Errorf("%+v", lines)
	}
	a.ProvenSeconds, b.ProvenSeconds = 1800, 1800 // half a micro-token each
	lines = mustHost(t, settle.HostingInput{Params: uncapped(), Pool: pool, Rate: 1, Hosts: []settle.Host{a, b}, Nodes: backed(1)})
	if gross(lines, 1) != 1 {
		t.Errorf("fractions of two torrents: %+v", lines)
	}
}

// Under any rate nobody earns more than without one, nor than the rate for what the host proved at
// most; the sum stays within the pool; and a higher rate pays nobody less.
func TestHostingRateBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := settle.HostingInput{Params: settle.DefaultParams(), Pool: tokens.Amount(rapid.Int64Range(0, int64(1000*tokens.Unit)).Draw(t, "pool")),
			Nodes: map[bt.NodeID]settle.Pledge{}}
		for n := range rapid.IntRange(1, 8).Draw(t, "hosts") {
			h := host(1 + n)
			h.Node, h.Member = bt.NodeID(rapid.IntRange(0, 3).Draw(t, "node")), bt.MemberID(rapid.IntRange(1, 3).Draw(t, "member"))
			h.Bytes = bt.Bytes(rapid.Int64Range(0, int64(100*bt.GiB)).Draw(t, "bytes"))
			h.ProvenSeconds = rapid.Int64Range(0, 7200).Draw(t, "seconds")
			in.Hosts = append(in.Hosts, h)
			in.Nodes[h.Node] = settle.Pledge{Collateral: tokens.Amount(rapid.Int64Range(0, int64(200*tokens.Unit)).Draw(t, "collateral"))}
		}
		free := byHost(mustHost(t, in))
		in.Rate = tokens.Amount(rapid.Int64Range(1, int64(2*tokens.Unit)).Draw(t, "rate"))
		paid := byHost(mustHost(t, in))
		most := map[string]float64{}
		for _, h := range in.Hosts {
			blocks := h.Bytes/bt.BlockSize + 2 // begun ones count, of covered and of free bytes
			most[fmt.Sprint(h.Member, h.Node)] += float64(blocks*bt.BlockSize) * float64(h.ProvenSeconds) / float64(bt.GiB) / 3600 * float64(in.Rate)
		}
		var sum tokens.Amount
		for who, a := range paid {
			if sum += a; a > free[who] || float64(a) > most[who]+1e-3 {
				t.Fatalf("%s is paid %d: %d without a rate, at most %f for the work", who, a, free[who], most[who])
			}
		}
		if sum > in.Pool {
			t.Fatalf("%d paid from a pool of %d", sum, in.Pool)
		}
		in.Rate *= 2
		for who, a := range byHost(mustHost(t, in)) {
			if a < paid[who] {
				t.Fatalf("%s is paid %d at twice the rate, %d before", who, a, paid[who])
			}
		}
	})
}

func byHost(lines []settle.HostingLine) map[string]tokens.Amount {
	out := map[string]tokens.Amount{}
	for _, l := range lines {
		out[fmt.Sprint(l.Member, l.Node)] += l.Gross
	}
	return out
}
