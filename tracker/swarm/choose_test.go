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
	w.s.SetStanding(7, 3, swarm.Tiers)
	w.s.SetStanding(7, 4, 1)
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
	lists, last := 0, []bt.Peer(nil)
	for range 600 { // ten minutes, an announce a second
		w.wait(time.Second)
		if got := w.announce(say{member: 1, l: size, want: 10}).Reply.Peers; !slices.Equal(got, last) {
			lists, last = lists+1, got
		}
	}
	if lists < 10 || lists > 11 {
		t.Errorf("%d lists in ten minutes: want one for each min interval", lists)
	}
}

func TestIntroductions(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 5, e: bt.Started})
	w.announce(say{member: 2, l: size, e: bt.Started})
	if got := w.download(2).Introduced; !got.Has(5) || got != swarm.Everybody() {
		t.Errorf("in a small swarm everybody is told of everybody: %v", got)
	}
}

// TestIntroductionsInACrowd: with more peers than fit into a reply a download knows whom it was
// told of and who was told of it, and hardly anybody else.
func TestIntroductionsInACrowd(t *testing.T) {
	w := newWorld(t)
	const seeders, leechers = 300, 100
	for m := bt.MemberID(1000); m < 1000+seeders; m++ {
		w.announce(say{member: m, peer: fmt.Sprint(m), e: bt.Started})
	}
	told := map[bt.MemberID]map[bt.MemberID]bool{}
	for m := bt.MemberID(1); m <= leechers; m++ {
		res := w.announce(say{member: m, peer: fmt.Sprint("l", m), l: size, e: bt.Started})
		told[m] = map[bt.MemberID]bool{}
		for _, p := range res.Reply.Peers {
			var other bt.MemberID
			if _, err := fmt.Sscanf(string(p.ID[:]), "%d-", &other); err == nil {
				told[m][other] = true
			}
		}
	}
	res := w.announce(say{member: 1299, peer: "1299", want: 50})
	for _, p := range res.Reply.Peers {
		var leecher bt.MemberID
		if _, err := fmt.Sscanf(string(p.ID[:]), "l%d-", &leecher); err != nil {
			t.Fatalf("a seeder was told of %s", p.ID)
		}
		told[leecher][1299] = true
	}
	w.reload()
	crowd, strangers, known := 0, 0, 0
	for m := bt.MemberID(leechers/2 + 2); m <= leechers; m++ { // from here on the leechers were a crowd
		set := w.download(m).Introduced
		crowd++
		for other := bt.MemberID(1000); other < 1000+seeders; other++ {
			switch {
			case told[m][other] && !set.Has(other):
				t.Errorf("%d was told of %d, or the other way round, and it is forgotten", m, other)
			case told[m][other]:
				known++
			case set.Has(other):
				strangers++
			}
		}
	}
	if known < 40*crowd || strangers > crowd*(seeders-50)/5 {
		t.Errorf("%d downloads: %d known, %d strangers taken for known", crowd, known, strangers)
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
		e := w.s.Scrape(7)
		if e.Complete != complete || e.Downloaded != downloaded || e.Incomplete != incomplete {
			t.Errorf("scrape says %+v, want %d %d %d", e, complete, downloaded, incomplete)
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
	w.expire()
	check(1, 1, 0)
	w.wait(30 * time.Minute)
	w.expire()
	check(0, 1, 0)
	w.wait(time.Hour)
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
	w.s.SetStanding(7, 1, 2)
	w.announce(say{member: 2, peer: "a", l: size, e: bt.Started})
	w.announce(say{member: 2, peer: "b", l: size / 2, e: bt.Started})
	w.wait(time.Minute)
	w.announce(say{member: 2, peer: "a", d: 5 * mb, l: size - 5*mb})
	if ls, ss := w.leechers(), w.seeders(); len(ls) != 1 || len(ss) != 1 {
		t.Fatalf("%+v %+v", ls, ss)
	}
	if l := w.leechers()[0]; l.Member != 2 || l.Left != size-5*mb || l.BilledRecent != 5*mb {
		t.Errorf("%+v", l)
	}
	if s := w.seeders()[0]; s.Member != 1 || !s.Since.Equal(start) || !s.Last.Equal(start) || s.Addr.Port() != 6881 {
		t.Errorf("%+v", s)
	}
	w.wait(15 * time.Minute)
	w.announce(say{member: 2, peer: "a", d: 5 * mb, l: size - 5*mb})
	if l := w.leechers()[0]; l.BilledRecent != 0 {
		t.Errorf("billed outside the window still counts: %+v", l)
	}
	w.announce(say{member: 2, peer: "b", l: size / 2, e: bt.Stopped})
	w.announce(say{member: 2, peer: "a", d: 5 * mb, l: size - 5*mb, paused: true})
	if e := w.s.Scrape(7); len(w.leechers()) != 0 || e.Incomplete != 1 || e.Downloaders != 0 {
		t.Errorf("a partial seed is demand: %+v %+v", w.leechers(), e)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	w := newWorld(t, func(p *swarm.Params) { p.MaxSessions, p.MaxAddresses = 3, 100 })
	for i := range 10 {
		w.wait(time.Second)
		w.announce(say{member: 1, peer: fmt.Sprint(i), e: bt.Started})
	}
	if c := w.s.Scrape(7).Complete; c != 3 {
		t.Errorf("%d sessions are kept", c)
	}
	w.wait(91 * 24 * time.Hour)
	w.expire()
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

// TestRepeatsInACrowdAreNotedOnce: a seeder that gets another list, for whatever reason, is noted in
// the downloads of all whom it was told of.
func TestRepeatsInACrowdAreNotedOnce(t *testing.T) {
	w := newWorld(t)
	const leechers = 120
	for m := bt.MemberID(1); m <= leechers; m++ {
		w.announce(say{member: m, l: size, e: bt.Started})
	}
	told := map[bt.MemberID]bool{}
	ask := func(want int) {
		for m := range owners(t, w.announce(say{member: 5000, want: want}).Reply) {
			told[m] = true
		}
	}
	for i := range bt.MemberID(400) {
		w.wait(time.Second)
		ask([]int{50, 50, -1, 7, 50}[i%5])
		if i%9 == 0 { // somebody comes, somebody goes
			w.announce(say{member: leechers + 1 + i, l: size, e: bt.Started})
			w.announce(say{member: 1 + i%leechers, l: size, e: bt.Stopped})
		}
	}
	for m := range told {
		if d := w.download(m); !d.Introduced.Has(5000) {
			t.Errorf("%d was told of to the seeder and does not know it", m)
		}
	}
	if len(told) < 60 {
		t.Errorf("only %d leechers were ever named", len(told))
	}
}
