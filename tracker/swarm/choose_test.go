package swarm_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

func ids(r swarm.Result) (out []string) {
	for _, p := range r.Reply.Peers {
		out = append(out, string(p.ID[:2]))
	}
	return out
}

func TestPeerOrder(t *testing.T) {
	w := newWorld(t)
	for i, l := range []bt.Bytes{0, 0, 0, 0, size, size, size} { // p1–p4 seed, p5–p7 leech
		w.announce(say{member: bt.MemberID(i + 1), l: l, e: bt.Started})
	}
	w.s.SetProven(7, 3, true)
	w.s.SetProven(7, 4, true)
	w.member(7).Wallet.Set(0, 0)
	w.member(7).MaxPrice = tokens.Unit
	w.wait(16 * time.Minute)
	for m := bt.MemberID(1); m <= 7; m++ { // all refreshed, 7 no longer funded
		w.announce(say{member: m, l: map[bool]bt.Bytes{true: 0, false: size}[m <= 4]})
	}
	got := ids(w.announce(say{member: 8, peer: "p8", l: size, e: bt.Started}))
	if len(got) != 6 {
		t.Fatalf("got %v", got)
	}
	for _, part := range []struct {
		got  []string
		want []string
	}{{got[:2], []string{"p3", "p4"}}, {got[2:4], []string{"p1", "p2"}}, {got[4:], []string{"p5", "p6"}}} {
		slices.Sort(part.got)
		if !slices.Equal(part.got, part.want) {
			t.Errorf("got %v, want %v", part.got, part.want)
		}
	}
	seeder := ids(w.announce(say{member: 1}))
	slices.Sort(seeder)
	if !slices.Equal(seeder, []string{"p5", "p6", "p8"}) {
		t.Errorf("a seeder got %v", seeder)
	}
	if own := ids(w.announce(say{member: 3, peer: "xx", l: size, e: bt.Started})); slices.Contains(own, "p3") {
		t.Errorf("own session in %v", own)
	}
	if none := w.announce(say{member: 8, peer: "p8", l: size, e: bt.Stopped}); len(none.Reply.Peers) != 0 {
		t.Errorf("a stopping peer got %v", none.Reply.Peers)
	}
}

func TestPeersAreMixedAndRepeatsAreNot(t *testing.T) {
	w := newWorld(t)
	const n = 200
	for m := bt.MemberID(100); m < 100+n; m++ {
		w.announce(say{member: m, peer: fmt.Sprint(m), addr: fmt.Sprintf("10.1.0.%d:6881", m-99), e: bt.Started})
	}
	seen := map[bt.PeerID]int{}
	for m := bt.MemberID(1); m <= 80; m++ {
		for _, p := range w.announce(say{member: m, l: size, want: 10, e: bt.Started}).Reply.Peers {
			seen[p.ID]++
		}
	}
	for id, c := range seen {
		if c > 15 { // 4 on average
			t.Errorf("%s was handed out %d times", id, c)
		}
	}
	if len(seen) < n*9/10 {
		t.Errorf("only %d of %d peers were handed out", len(seen), n)
	}
	first := w.announce(say{member: 1, l: size, want: 10, e: bt.Started})
	w.wait(45 * time.Second) // over the minute's end
	repeat := w.announce(say{member: 1, l: size, want: 10})
	if !slices.Equal(first.Reply.Peers, repeat.Reply.Peers) || first.Reply.Interval != repeat.Reply.Interval {
		t.Error("a repeat inside min interval got other peers")
	}
	w.wait(61 * time.Second)
	if later := w.announce(say{member: 1, l: size, want: 10}); slices.Equal(first.Reply.Peers, later.Reply.Peers) {
		t.Error("the list never changes")
	}
}

func TestIntroductions(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 5, e: bt.Started})
	w.announce(say{member: 6, peer: "p61", e: bt.Started})
	w.announce(say{member: 6, peer: "p62", e: bt.Started})
	w.collect()
	w.wait(time.Minute)
	w.announce(say{member: 2, l: size, e: bt.Started})
	got := w.collect().Introductions
	want := []swarm.Introduction{{Torrent: 7, A: 2, B: 5, AtMs: w.now.UnixMilli()}, {Torrent: 7, A: 2, B: 6, AtMs: w.now.UnixMilli()}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBothFamilies(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, addr: "192.0.2.1:51413", e: bt.Started})
	w.announce(say{member: 1, addr: "[2001:db8::1]:51413", e: bt.Started})
	res := w.announce(say{member: 2, l: size, e: bt.Started})
	var got []netip.AddrPort
	for _, p := range res.Reply.Peers {
		got = append(got, p.Addr)
	}
	if want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:51413"), netip.MustParseAddrPort("[2001:db8::1]:51413")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if res.Reply.Complete != 1 {
		t.Errorf("counted %d times", res.Reply.Complete)
	}
}

func TestCounts(t *testing.T) {
	w := newWorld(t)
	check := func(complete, downloaded, incomplete int) {
		t.Helper()
		c, d, i := w.s.Scrape(w.now, 7)
		if c != complete || d != downloaded || i != incomplete {
			t.Errorf("scrape says %d %d %d, want %d %d %d", c, d, i, complete, downloaded, incomplete)
		}
	}
	check(0, 0, 0)
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.announce(say{member: 2, e: bt.Started})
	check(1, 0, 1)
	w.wait(time.Minute)
	w.announce(say{member: 1, d: size, e: bt.Completed}) // from leecher to seeder: counted once
	w.announce(say{member: 1, d: size})
	check(2, 1, 0)
	w.announce(say{member: 2, e: bt.Stopped})
	check(1, 1, 0)
	w.announce(say{member: 3, l: size, e: bt.Started})
	w.wait(13 * time.Minute) // leechers are gone after two intervals, seeders not yet
	check(1, 1, 0)
	w.wait(30 * time.Minute)
	check(0, 1, 0)
	w.s.Expire(w.now)
	check(0, 1, 0)
	w.reload()
	check(0, 1, 0)
	w.announce(say{member: 3, l: size})
	check(0, 1, 1)
}

func TestIntervals(t *testing.T) {
	w := newWorld(t)
	seen := map[time.Duration]bool{}
	for m := bt.MemberID(1); m < 200; m++ {
		l := bt.Bytes(m % 2 * size)
		r := w.announce(say{member: m, addr: "10.0.0.1:1", l: l, e: bt.Started}).Reply
		base := 900 * time.Second
		if l > 0 {
			base = 300 * time.Second
		}
		if r.Interval < base*9/10-time.Second || r.Interval > base*11/10 || r.MinInterval != time.Minute || r.Interval%time.Second != 0 {
			t.Fatalf("interval %v of %v, min %v", r.Interval, base, r.MinInterval)
		}
		seen[r.Interval] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different intervals", len(seen))
	}
}

func TestSummaries(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, e: bt.Started})
	w.s.SetProven(7, 1, true)
	w.announce(say{member: 2, peer: "a", l: size, e: bt.Started})
	w.announce(say{member: 2, peer: "b", l: size / 2, e: bt.Started})
	w.wait(time.Minute)
	w.announce(say{member: 2, peer: "a", d: 5 * mb, l: size - 5*mb})
	sums := w.s.Summaries(w.now)
	if len(sums) != 1 || len(sums[0].Leechers) != 1 || len(sums[0].Seeders) != 1 {
		t.Fatalf("%+v", sums)
	}
	if l := sums[0].Leechers[0]; l.Member != 2 || l.Left != size-5*mb || l.BilledRecent != 5*mb {
		t.Errorf("%+v", l)
	}
	if s := sums[0].Seeders[0]; !s.Proven || !s.Since.Equal(start) || !s.Last.Equal(start) || s.Addr.Port() != 6881 || !s.Network.IsValid() {
		t.Errorf("%+v", s)
	}
	w.wait(15 * time.Minute)
	w.announce(say{member: 2, peer: "a", d: 5 * mb, l: size - 5*mb})
	if l := w.s.Summaries(w.now)[0].Leechers[0]; l.BilledRecent != 0 {
		t.Errorf("billed outside the window still counts: %+v", l)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	w := newWorld(t, func(p *swarm.Params) { p.MaxSessions = 3 })
	for i := range 10 {
		w.wait(time.Second)
		w.announce(say{member: 1, peer: fmt.Sprint(i), e: bt.Started})
	}
	if c, _, _ := w.s.Scrape(w.now, 7); c != 3 {
		t.Errorf("%d sessions are kept", c)
	}
	w.wait(91 * 24 * time.Hour)
	w.s.Expire(w.now)
	if w.announce(say{member: 1, peer: "9", u: mb}); w.claimed(1) != 0 {
		t.Error("marks older than 90 days were kept")
	}
}

func TestParams(t *testing.T) {
	if err := swarm.DefaultParams().Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*swarm.Params){
		"min interval":   func(p *swarm.Params) { p.MinInterval = 0 },
		"leech interval": func(p *swarm.Params) { p.LeecherInterval = time.Second },
		"jitter":         func(p *swarm.Params) { p.JitterPPM = 600_000 },
		"link cap":       func(p *swarm.Params) { p.LinkCapBits = 1 << 62 },
		"cap":            func(p *swarm.Params) { p.CapPPM = 999_999 },
		"window":         func(p *swarm.Params) { p.DemandWindow = 24 * time.Hour },
	} {
		p := swarm.DefaultParams()
		change(&p)
		if p.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
