package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestWorthOfATorrent: one more host shares the reward with those beyond R, and uploads with the seeders.
func TestWorthOfATorrent(t *testing.T) {
	e := MarketEconomy{Replicas: 2, HostingRate: 100, TorrentCap: 150}
	for _, c := range []struct {
		what            string
		t               MarketTorrent
		hosting, upload tokens.Amount
		perGiB          tokens.Amount
	}{
		{"nobody hosts it", MarketTorrent{Size: bt.GiB, Approved: true}, 2400, 0, 2400},
		{"as many as are paid in full", MarketTorrent{Size: bt.GiB, Approved: true, Hosts: 1}, 24 * 75, 0, 24 * 75}, // the cap is shared
		{"one too many", MarketTorrent{Size: bt.GiB, Approved: true, Hosts: 2}, 24 * 50, 0, 24 * 50},
		{"half the size", MarketTorrent{Size: bt.GiB / 2, Approved: true}, 1200, 0, 2400},
		{"the cap", MarketTorrent{Size: 4 * bt.GiB, Approved: true}, 24 * 150, 0, 24 * 150 / 4},
		{"not approved", MarketTorrent{Size: bt.GiB, DayPaid: 90, Seeders: 2}, 0, 30, 30},
		{"both", MarketTorrent{Size: bt.GiB, Approved: true, DayPaid: 90}, 2400, 90, 2490},
		{"nothing in it", MarketTorrent{Approved: true, DayPaid: 90}, 0, 0, 0},
		{"as large as it gets", MarketTorrent{Size: 1, DayPaid: 1 << 62}, 0, 1 << 62, tokens.MaxAmount},
	} {
		if w := worthOf(e, c.t); w.Hosting != c.hosting || w.Upload != c.upload || w.PerGiB != c.perGiB {
			t.Errorf("%s: hosting %d, upload %d, per GiB %d", c.what, w.Hosting, w.Upload, w.PerGiB)
		}
	}
}

// TestPicksOfTheMarket: what wants hosts and what pays most, of many.
func TestPicksOfTheMarket(t *testing.T) {
	e := MarketEconomy{Replicas: 3, HostingRate: 10, TorrentCap: 1000}
	var list []MarketTorrent
	for i := range 1000 {
		list = append(list, MarketTorrent{ID: bt.TorrentID(i + 1), Size: bt.GiB, Approved: i%2 == 0, Hosts: i % 5, Day: bt.Bytes(i % 7), DayPaid: Utok(i)})
	}
	p := pick(e, list)
	if len(p.Scarce) != topRows || len(p.Best) != bestKept {
		t.Fatalf("%d scarce, %d best", len(p.Scarce), len(p.Best))
	}
	if x := p.Scarce[0]; x.Hosts != 0 || x.Day != 6 || !x.Approved {
		t.Errorf("the scarcest: %+v", x)
	}
	for i := 1; i < len(p.Best); i++ {
		if p.Best[i].PerGiB > p.Best[i-1].PerGiB {
			t.Fatalf("%d pays more than %d before it", i, i-1)
		}
	}
	for _, x := range list {
		w := worthOf(e, x)
		if kept := p.Best[bestKept-1].PerGiB; w.PerGiB > kept {
			found := false
			for _, b := range p.Best {
				found = found || b.ID == x.ID
			}
			if !found {
				t.Errorf("torrent %d pays %d and is not among the best, which pay %d and more", x.ID, w.PerGiB, kept)
			}
		}
	}
}

// TestFullDisk: what fits is taken, and what is free costs nothing to fetch.
func TestFullDisk(t *testing.T) {
	best := []worth{{MarketTorrent{Size: 3 * bt.GiB, Price: 10}, 5, 1, 2}, {MarketTorrent{Size: 4 * bt.GiB, Price: 99}, 50, 0, 2}, {MarketTorrent{Size: bt.GiB, Price: 7, Free: true}, 0, 4, 1}}
	d := fillDisk(5*bt.GiB, best)
	if d.Torrents != 2 || d.Used != 4*bt.GiB || d.Hosting != 5 || d.Upload != 5 || d.Fetch != 30 || d.Day() != 10 {
		t.Errorf("%+v", d)
	}
}

// TestNextStep: what stops a member comes before what earns more.
func TestNextStep(t *testing.T) {
	s := &site{Config: Config{Rules: func() Rules { return Rules{Economy: store.DefaultEconomy()} }}}
	joined := store.Wallet{GatePrice: 50, Staked: 50, Available: 30, Reserved: 10}
	broke := store.Wallet{GatePrice: 50, Staked: 50, Available: 10, Reserved: 10}
	free := store.Wallet{GatePrice: 50, Staked: 50, Allowance: 1}
	node := store.NodeSummary{Node: store.Node{ID: 7, Name: "box"}}
	suspended := node
	suspended.SuspendedMs = 1
	for i, c := range []struct {
		m           memberState
		where, says string
	}{
		{memberState{Gate: 50 * tokens.Unit}, "/buy", "staked 50 VIDYA"},
		{memberState{Wallet: joined, Nodes: []store.NodeSummary{node, suspended}}, "/hosting/nodes/7", "suspended"},
		{memberState{Wallet: store.Wallet{GatePrice: 50, Staked: 20}}, "/wallet/stake", "0.00003 VIDYA short"},
		{memberState{Wallet: broke, Seeding: 3}, "/buy", "no tokens to spend"},
		{memberState{Wallet: broke, Loading: 1}, "/mine", "download 1 torrent and seed 0 torrents"},
		{memberState{Wallet: free}, "/torrents", "seed nothing"},
		{memberState{Wallet: joined}, "/torrents", "0.00002 VIDYA free"},
		{memberState{Wallet: joined, Seeding: 2}, "/hosting", "seed 2 torrents"},
		{memberState{Wallet: joined, Nodes: []store.NodeSummary{node}}, "/top/earning", "run 1 node"},
	} {
		if got := s.nextStep(c.m); got.Where != c.where || !strings.Contains(got.Says, c.says) || got.Do == "" {
			t.Errorf("%d: %s", i, fmt.Sprint(got))
		}
	}
}
