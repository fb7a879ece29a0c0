package settle_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const pool = 1000 * tokens.Unit

// host is a member with a node of the same number and a torrent and publisher of its own, in its
// own network, that proved 1 GiB for an hour.
func host(n int) settle.Host {
	return settle.Host{
		Member: bt.MemberID(n), Node: bt.NodeID(n), Torrent: bt.TorrentID(n), Publisher: bt.MemberID(100 + n),
		Bytes: bt.GiB, ProvenSeconds: 3600, ScorePPM: 1_000_000, Network: hour(n).Network, Approved: true,
	}
}

// uncapped are rules under which shares can be seen.
func uncapped() settle.Params {
	p := settle.DefaultParams()
	p.TorrentCapPPM, p.PublisherCapPPM = 1_000_000, 1_000_000
	return p
}

func backed(nodes ...bt.NodeID) map[bt.NodeID]settle.Pledge {
	out := map[bt.NodeID]settle.Pledge{}
	for _, n := range nodes {
		out[n] = settle.Pledge{Collateral: 1_000_000 * tokens.Unit}
	}
	return out
}

func mustHost(t interface{ Fatal(...any) }, in settle.HostingInput) []settle.HostingLine {
	lines, err := settle.Hosting(in)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func gross(lines []settle.HostingLine, members ...bt.MemberID) (sum tokens.Amount) {
	for _, l := range lines {
		if slices.Contains(members, l.Member) {
			sum += l.Gross
		}
	}
	return sum
}

func TestHostingSharesByWork(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(a, b *settle.Host)
		want  [2]tokens.Amount // whole tokens of a pool of 1000
	}{
		{"alike", func(_, _ *settle.Host) {}, [2]tokens.Amount{500, 500}},
		{"three times the bytes", func(a, _ *settle.Host) { a.Bytes = 3 * bt.GiB }, [2]tokens.Amount{750, 250}},
		{"a quarter of the time", func(_, b *settle.Host) { b.ProvenSeconds = 900 }, [2]tokens.Amount{800, 200}},
		{"a quarter of the score", func(_, b *settle.Host) { b.ScorePPM = 250_000 }, [2]tokens.Amount{800, 200}},
		{"half as much for distance", func(a, _ *settle.Host) { a.GeoPPM = 1_500_000 }, [2]tokens.Amount{600, 400}},
		{"no bonus, said in two ways", func(a, _ *settle.Host) { a.GeoPPM = 1_000_000 }, [2]tokens.Amount{500, 500}},
		{"distance between proxies of one network", func(a, b *settle.Host) {
			b.Torrent, b.Network, b.GeoPPM = a.Torrent, a.Network, 1_500_000
		}, [2]tokens.Amount{400, 600}},
		{"not proven", func(_, b *settle.Host) { b.ProvenSeconds = 0 }, [2]tokens.Amount{1000, 0}},
		{"not approved", func(_, b *settle.Host) { b.Approved = false }, [2]tokens.Amount{1000, 0}},
		{"one torrent, one network", func(a, b *settle.Host) {
			b.Torrent, b.Network = a.Torrent, a.Network
		}, [2]tokens.Amount{500, 500}},
	} {
		a, b := host(1), host(2)
		c.spoil(&a, &b)
		lines := mustHost(t, settle.HostingInput{Params: uncapped(), Pool: pool, Hosts: []settle.Host{b, a}, Nodes: backed(1, 2)})
		if gross(lines, 1) != c.want[0]*tokens.Unit || gross(lines, 2) != c.want[1]*tokens.Unit {
			t.Errorf("%s: %+v, want %v", c.name, lines, c.want)
		}
	}
}

func TestClusterHasOneWeight(t *testing.T) {
	a, b, c := host(1), host(2), host(3)
	b.Torrent, b.Network = a.Torrent, a.Network
	lines := mustHost(t, settle.HostingInput{Params: uncapped(), Pool: pool, Hosts: []settle.Host{a, b, c}, Nodes: backed(1, 2, 3)})
	if gross(lines, 1, 2) != pool/2 || gross(lines, 1) != pool/4 || gross(lines, 3) != pool/2 {
		t.Errorf("%+v", lines)
	}
}

// Two nodes of one member are one cluster of a torrent, wherever they stand.
func TestNodesOfAMemberAreOneCluster(t *testing.T) {
	a, b, c := host(1), host(2), host(3)
	b.Torrent, b.Member = a.Torrent, a.Member
	lines := mustHost(t, settle.HostingInput{Params: uncapped(), Pool: pool, Hosts: []settle.Host{a, b, c}, Nodes: backed(1, 2, 3)})
	if gross(lines, 1) != pool/2 || gross(lines, 3) != pool/2 {
		t.Errorf("%+v", lines)
	}
}

// Ten hosts of one torrent weigh as much as five.
func TestScarcity(t *testing.T) {
	in := settle.HostingInput{Params: uncapped(), Pool: 600, Nodes: map[bt.NodeID]settle.Pledge{}}
	for n := range 11 {
		h := host(n + 1)
		h.Torrent = bt.TorrentID(1 + n/10) // ten of the first, one of the second
		in.Hosts = append(in.Hosts, h)
		in.Nodes[h.Node] = settle.Pledge{Collateral: tokens.Unit}
	}
	if lines := mustHost(t, in); gross(lines, 1) != 50 || gross(lines, 11) != 100 {
		t.Errorf("%+v", lines)
	}
}

func TestCaps(t *testing.T) {
	rich := settle.HostingInput{Params: settle.DefaultParams(), Pool: pool, Hosts: []settle.Host{host(1)}, Nodes: backed(1, 2)}
	if got := gross(mustHost(t, rich), 1); got != 20*tokens.Unit {
		t.Errorf("one torrent earns %s, want 2 %%", got)
	}
	second := host(2)
	second.Publisher = host(1).Publisher
	rich.Hosts = append(rich.Hosts, second)
	if got := gross(mustHost(t, rich), 1, 2); got != 20*tokens.Unit {
		t.Errorf("one publisher's torrents earn %s, want 2 %%", got)
	}
	poor := settle.HostingInput{Params: uncapped(), Pool: pool, Hosts: []settle.Host{host(1), host(2)}}
	if got := gross(mustHost(t, poor), 1, 2); got != 100*tokens.Unit {
		t.Errorf("without collateral %s, want 10 %%", got)
	}
	poor.Hosts[0].Node, poor.Nodes = 0, backed(2)
	if lines := mustHost(t, poor); gross(lines, 1) != 100*tokens.Unit || lines[0].Held != 0 || gross(lines, 2) != 500*tokens.Unit {
		t.Errorf("a standard client beside a node with collateral: %+v", lines)
	}
}

func TestFreeBytes(t *testing.T) {
	p := uncapped()
	p.UncollateralisedPPM = 1_000_000
	earn := func(gib bt.Bytes, collateral tokens.Amount) tokens.Amount {
		a, b := host(1), host(2)
		a.Bytes, b.Bytes = gib*bt.GiB, 20*bt.GiB
		nodes := backed(2)
		nodes[1] = settle.Pledge{Collateral: collateral / 2, Retained: collateral - collateral/2}
		return gross(mustHost(t, settle.HostingInput{Params: p, Pool: pool, Hosts: []settle.Host{a, b}, Nodes: nodes}), 1)
	}
	for _, c := range []struct {
		gib        bt.Bytes
		collateral tokens.Amount
		want       tokens.Amount
	}{
		{20, 0, 500}, {40, 0, 500}, {60, 40 * tokens.Unit, 750}, {60, 60 * tokens.Unit, 750}, {180, 180 * tokens.Unit, 900},
		{80, 40 * tokens.Unit, 750},
	} {
		if got := earn(c.gib, c.collateral); got != c.want*tokens.Unit {
			t.Errorf("%d GiB on %s tokens earn %s, want %d", c.gib, c.collateral, got, c.want)
		}
	}
	// The limit is a member's, over its nodes and standard clients together.
	a, b, c := host(1), host(2), host(3)
	a.Bytes, b.Bytes, c.Bytes = 20*bt.GiB, 20*bt.GiB, 20*bt.GiB
	b.Member, b.Node = a.Member, 0
	lines := mustHost(t, settle.HostingInput{Params: p, Pool: pool, Hosts: []settle.Host{a, b, c}, Nodes: backed(3)})
	if gross(lines, 1) != pool/2 {
		t.Errorf("two claims of one member count beyond its free bytes: %+v", lines)
	}
}

func TestRetention(t *testing.T) {
	p := uncapped()
	p.UncollateralisedPPM = 1_000_000
	for _, c := range []struct {
		have, pool, held tokens.Amount
	}{
		{0, 1000, 750}, {299_999, 1000, 750}, {300_000, 1000, 500}, {599_999, 1000, 500}, {600_000, 1000, 250},
		{899_990, 1000, 10}, // never more than is missing
		{900_000, 1000, 0}, {950_000, 1000, 0}, {0, 1, 1},
	} {
		h := host(1)
		h.Bytes = bt.GiB / 10 * 9 // full collateral: 0.9 tokens, rounded up
		in := settle.HostingInput{Params: p, Pool: c.pool, Hosts: []settle.Host{h}, Nodes: map[bt.NodeID]settle.Pledge{1: {Retained: c.have}}}
		want := []settle.HostingLine{{Member: 1, Node: 1, Torrent: 1, Gross: c.pool, Held: c.held, Net: c.pool - c.held}}
		if got := mustHost(t, in); !slices.Equal(got, want) {
			t.Errorf("with %d: %+v, want %+v", c.have, got, want)
		}
	}
}

func TestHostingRefusesNonsense(t *testing.T) {
	for name, spoil := range map[string]func(*settle.HostingInput){
		"negative pool":       func(in *settle.HostingInput) { in.Pool = -1 },
		"negative bytes":      func(in *settle.HostingInput) { in.Hosts[0].Bytes = -1 },
		"too many bytes":      func(in *settle.HostingInput) { in.Hosts[0].Bytes = 1<<53 + 1 },
		"negative time":       func(in *settle.HostingInput) { in.Hosts[0].ProvenSeconds = -1 },
		"score beyond 1":      func(in *settle.HostingInput) { in.Hosts[0].ScorePPM = 1_000_001 },
		"too far away":        func(in *settle.HostingInput) { in.Hosts[0].GeoPPM = settle.MaxGeoPPM + 1 },
		"nearer than here":    func(in *settle.HostingInput) { in.Hosts[0].GeoPPM = -1 },
		"twice":               func(in *settle.HostingInput) { in.Hosts = append(in.Hosts, in.Hosts[0]) },
		"negative collateral": func(in *settle.HostingInput) { in.Nodes[1] = settle.Pledge{Retained: -1} },
	} {
		in := settle.HostingInput{Params: uncapped(), Pool: pool, Hosts: []settle.Host{host(1)}, Nodes: backed(1)}
		spoil(&in)
		if _, err := settle.Hosting(in); !errors.Is(err, settle.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func drawHosting(t *rapid.T) settle.HostingInput {
	in := settle.HostingInput{Params: settle.DefaultParams(), Nodes: map[bt.NodeID]settle.Pledge{}}
	in.Pool = tokens.Amount(rapid.Int64Range(0, 1<<50).Draw(t, "pool"))
	if rapid.Bool().Draw(t, "uncapped") {
		in.Params = uncapped()
	}
	seen := map[string]bool{}
	for range rapid.IntRange(0, 25).Draw(t, "hosts") {
		h := host(rapid.IntRange(1, 8).Draw(t, "member"))
		h.Node = rapid.SampledFrom([]bt.NodeID{0, h.Node, h.Node + 10}).Draw(t, "node")
		h.Torrent = bt.TorrentID(rapid.IntRange(1, 5).Draw(t, "torrent"))
		h.Publisher = bt.MemberID(100 + h.Torrent/2)
		h.Bytes = bt.Bytes(rapid.Int64Range(0, 1<<rapid.IntRange(0, 53).Draw(t, "size")).Draw(t, "bytes"))
		h.ProvenSeconds = rapid.Int64Range(0, settle.MaxProvenSeconds).Draw(t, "seconds")
		h.ScorePPM = rapid.Int64Range(0, 1_000_000).Draw(t, "score")
		h.GeoPPM = rapid.SampledFrom([]int64{0, 1_000_000, 1_150_000, settle.MaxGeoPPM}).Draw(t, "geo")
		h.Network = hour(rapid.IntRange(0, 9).Draw(t, "net")).Network
		h.Approved = rapid.IntRange(0, 5).Draw(t, "approved") > 0
		if key := fmt.Sprint(h.Member, h.Node, h.Torrent); !seen[key] {
			seen[key] = true
			in.Hosts = append(in.Hosts, h)
			in.Nodes[h.Node] = settle.Pledge{
				Collateral: tokens.Amount(rapid.Int64Range(0, 1<<rapid.IntRange(0, 50).Draw(t, "rich")).Draw(t, "collateral")),
			}
		}
	}
	return in
}

// No more is paid than there is, no cap is broken, every line adds up, and the order of the input
// does not matter.
func TestHostingProperties(t *testing.T) {
	paid := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawHosting(t)
		lines := mustHost(t, in)
		publisher := map[bt.TorrentID]bt.MemberID{}
		for _, h := range in.Hosts {
			publisher[h.Torrent] = h.Publisher
		}
		var sum, standard tokens.Amount
		torrents, publishers := map[bt.TorrentID]tokens.Amount{}, map[bt.MemberID]tokens.Amount{}
		for _, l := range lines {
			if l.Gross <= 0 || l.Held < 0 || l.Net < 0 || l.Held+l.Net != l.Gross || l.Node == 0 && l.Held != 0 {
				t.Fatalf("line %+v", l)
			}
			sum += l.Gross
			torrents[l.Torrent] += l.Gross
			publishers[publisher[l.Torrent]] += l.Gross
			if l.Node == 0 {
				standard += l.Gross
			}
			paid++
		}
		if sum > in.Pool || standard > tokens.PPM(in.Pool, in.Params.UncollateralisedPPM) {
			t.Fatalf("paid %d, of it %d to standard clients, from %d", sum, standard, in.Pool)
		}
		for _, got := range torrents {
			if got > tokens.PPM(in.Pool, in.Params.TorrentCapPPM) {
				t.Fatalf("a torrent earns %d of %d", got, in.Pool)
			}
		}
		for _, got := range publishers {
			if got > tokens.PPM(in.Pool, in.Params.PublisherCapPPM) {
				t.Fatalf("a publisher's torrents earn %d of %d", got, in.Pool)
			}
		}
		in.Hosts = rapid.Permutation(in.Hosts).Draw(t, "order")
		if again := mustHost(t, in); !slices.Equal(again, lines) {
			t.Fatalf("in another order %+v, before %+v", again, lines)
		}
	})
	if paid == 0 {
		t.Error("no drawn epoch ever paid anybody: the property was not tested")
	}
}

// A host that appears a second time, as another member with another node in the same network, earns
// no more than before, but for rounding.
func TestSplittingAHostDoesNotPay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := settle.HostingInput{Params: uncapped(), Pool: pool, Nodes: backed(1, 2, 3, 99)}
		for n := range rapid.IntRange(1, 3).Draw(t, "hosts") {
			h := host(n + 1)
			h.Torrent = bt.TorrentID(rapid.IntRange(1, 2).Draw(t, "torrent"))
			h.Bytes = bt.Bytes(rapid.Int64Range(1<<20, 1<<30).Draw(t, "bytes"))
			in.Hosts = append(in.Hosts, h)
		}
		one := gross(mustHost(t, in), 1)
		alias := in.Hosts[0]
		alias.Member, alias.Node = 99, 99
		alias.ProvenSeconds = rapid.Int64Range(0, alias.ProvenSeconds).Draw(t, "seconds")
		in.Hosts = append(in.Hosts, alias)
		if two := gross(mustHost(t, in), 1, 99); two > one+2 || two < one-2 {
			t.Fatalf("one identity earns %d, two earn %d", one, two)
		}
	})
}
