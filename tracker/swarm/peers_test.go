package swarm_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// addr4 and addr6 are addresses that tell whose they are.
func addr4(m bt.MemberID) string { return fmt.Sprintf("10.%d.%d.%d:6881", m>>16, m>>8&255, m&255) }
func addr6(m bt.MemberID) string { return fmt.Sprintf("[2001:db8::%x]:6881", uint32(m)) }

// named are the addresses of a reply of either form; it fails on one that is named twice.
func named(t fataler, r bt.Reply) (out []netip.AddrPort) {
	for b := r.Peers4; len(b) > 0; b = b[bt.CompactPeer4:] {
		out = append(out, netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), uint16(b[4])<<8|uint16(b[5])))
	}
	for b := r.Peers6; len(b) > 0; b = b[bt.CompactPeer6:] {
		out = append(out, netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), uint16(b[16])<<8|uint16(b[17])))
	}
	for _, p := range r.Peers {
		out = append(out, p.Addr)
	}
	seen := map[netip.AddrPort]bool{}
	for _, a := range out {
		if seen[a] {
			t.Fatalf("%v is named twice in %v", a, out)
		}
		seen[a] = true
	}
	return out
}

// owners are the members whose addresses are named.
func owners(t fataler, r bt.Reply) map[bt.MemberID]bool {
	out := map[bt.MemberID]bool{}
	for _, a := range named(t, r) {
		b := a.Addr().As16()
		out[bt.MemberID(b[13])<<16|bt.MemberID(b[14])<<8|bt.MemberID(b[15])] = true
	}
	return out
}

// TestNumWantIsObeyed: whatever the sets are, a reply has as many peers as were wanted or as there
// are, nobody twice, never the asker's own and only those that may be named.
func TestNumWantIsObeyed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		many := func(what string) int { return rapid.IntRange(0, 60).Draw(t, what) }
		may := map[bt.MemberID]bool{}
		next := bt.MemberID(100)
		join := func(n int, tellable bool, x say, tier int) {
			for range n {
				x.member, x.addr, x.e = next, addr4(next), bt.Started
				w.s.SetStanding(7, next, tier)
				w.announce(x)
				if tellable {
					may[next] = true
				}
				next++
			}
		}
		leeching := rapid.Bool().Draw(t, "the asker leeches")
		for tier := range swarm.Tiers + 1 {
			join(many(fmt.Sprint("seeders of tier ", tier)), leeching, say{}, tier)
		}
		join(many("leechers"), true, say{l: size}, 0)
		join(rapid.IntRange(0, 3).Draw(t, "refused"), false, say{l: size, refuse: "no"}, 0)
		join(rapid.IntRange(0, 3).Draw(t, "refused seeders"), false, say{refuse: "no"}, 2)
		stopped := next
		join(rapid.IntRange(0, 3).Draw(t, "stopped"), false, say{l: size}, 0)
		for m := stopped; m < next; m++ {
			w.announce(say{member: m, addr: addr4(m), l: size, e: bt.Stopped})
		}
		own := rapid.IntRange(0, 4).Draw(t, "own seeding clients")
		w.s.SetStanding(7, 1, rapid.IntRange(0, swarm.Tiers).Draw(t, "own tier"))
		for i := range own {
			w.announce(say{member: 1, peer: fmt.Sprint("own", i), addr: addr4(1), e: bt.Started})
		}
		ask := say{member: 1, addr: addr4(1), want: rapid.IntRange(1, 50).Draw(t, "numwant"), compact: rapid.Bool().Draw(t, "compact"), e: bt.Started}
		if leeching {
			ask.l = size
		}
		got := owners(t, w.announce(ask).Reply)
		if want := min(ask.want, len(may)); len(got) != want {
			t.Fatalf("%d peers of %d for numwant %d", len(got), len(may), ask.want)
		}
		for m := range got {
			if !may[m] {
				t.Fatalf("member %d was named", m)
			}
		}
		if ask.want = -1; len(named(t, w.announce(ask).Reply)) != 0 {
			t.Fatalf("peers for numwant=0")
		}
	})
}

// TestNumWantCountsAddresses: a peer with two addresses takes two places, and the reply is never
// longer than was asked for.
func TestNumWantCountsAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		only4, only6, dual := rapid.IntRange(0, 70).Draw(t, "IPv4"), rapid.IntRange(0, 70).Draw(t, "IPv6"), rapid.IntRange(0, 70).Draw(t, "both")
		next, addresses := bt.MemberID(100), only4+only6+2*dual
		for i, n := range []int{only4, only6, dual} {
			for range n {
				if i != 1 {
					w.announce(say{member: next, addr: addr4(next), e: bt.Started})
				}
				if i != 0 {
					w.announce(say{member: next, addr: addr6(next), e: bt.Started})
				}
				next++
			}
		}
		ask := say{member: 1, l: size, want: rapid.IntRange(1, 50).Draw(t, "numwant"), compact: rapid.Bool().Draw(t, "compact"), e: bt.Started}
		res := w.announce(ask)
		if got, want := len(named(t, res.Reply)), min(ask.want, addresses); got != want {
			t.Fatalf("%d addresses of %d for numwant %d", got, addresses, ask.want)
		}
		if res.Reply.Complete != only4+only6+dual {
			t.Fatalf("%d seeders counted of %d", res.Reply.Complete, only4+only6+dual)
		}
		if len(res.Reply.Peers4)%bt.CompactPeer4 != 0 || len(res.Reply.Peers6)%bt.CompactPeer6 != 0 {
			t.Fatalf("odd lengths: %d and %d", len(res.Reply.Peers4), len(res.Reply.Peers6))
		}
	})
}

// TestOwnClientsAreNeverNamed: several clients of a member, in either role and either family.
func TestOwnClientsAreNeverNamed(t *testing.T) {
	for _, compact := range []bool{true, false} {
		w := newWorld(t)
		w.announce(say{member: 2, addr: addr4(2), l: size, e: bt.Started})
		for i, x := range []say{{addr: addr4(1)}, {addr: addr6(1)}, {addr: addr4(1), l: size}, {addr: addr6(1), l: size}} {
			x.member, x.peer, x.e = 1, fmt.Sprint("own", i), bt.Started
			w.announce(x)
		}
		for i, l := range []bt.Bytes{0, 0, size, size} {
			got := owners(t, w.announce(say{member: 1, peer: fmt.Sprint("own", i), addr: addr4(1), l: l, compact: compact}).Reply)
			if len(got) != 1 || !got[2] {
				t.Errorf("client %d, compact %v: told of %v, want of member 2 alone", i, compact, got)
			}
		}
	}
}

// TestFamilies: a peer known by one family only is named in its field, one known by both in both and
// counted once, and a family that was not announced from for too long is not named any more.
func TestFamilies(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 4, addr: addr4(4), e: bt.Started})
	w.announce(say{member: 6, addr: addr6(6), e: bt.Started})
	w.announce(say{member: 10, addr: addr4(10), e: bt.Started})
	w.announce(say{member: 10, addr: addr6(10), e: bt.Started})
	check := func(when string, n4, n6 int) {
		t.Helper()
		for _, compact := range []bool{true, false} {
			r := w.announce(say{member: 1, l: size, compact: compact}).Reply
			var got [2]int
			for _, a := range named(t, r) {
				if a.Addr().Is4() {
					got[0]++
				} else {
					got[1]++
				}
			}
			if got != [2]int{n4, n6} || r.Complete != 3 {
				t.Errorf("%s, compact %v: %d and %d addresses, %d seeders; want %d, %d and 3", when, compact, got[0], got[1], r.Complete, n4, n6)
			}
			if compact && (len(r.Peers4) != bt.CompactPeer4*n4 || len(r.Peers6) != bt.CompactPeer6*n6 || len(r.Peers) != 0) {
				t.Errorf("%s: %+v", when, r)
			}
		}
	}
	check("at first", 2, 2)
	for range 3 {
		w.wait(14 * time.Minute)
		w.announce(say{member: 4, addr: addr4(4)})
		w.announce(say{member: 6, addr: addr6(6)})
		w.announce(say{member: 10, addr: addr6(10)}) // its IPv4 is gone
	}
	check("when IPv4 went stale", 1, 2)
	for range 3 {
		w.wait(14 * time.Minute)
		w.announce(say{member: 4, addr: addr4(4)})
		w.announce(say{member: 6, addr: addr6(6)})
		w.announce(say{member: 10, addr: addr4(10)}) // and now the other way round
	}
	check("when IPv6 went stale", 2, 1)
}

// TestFamiliesAfterRestart: who was present is named again, also with IPv6 alone, and also when its
// last announce changed nothing and so its time was not stored.
func TestFamiliesAfterRestart(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.announce(say{member: 4, addr: addr4(4)})
		w.announce(say{member: 6, addr: addr6(6)})
		w.wait(13 * time.Minute)
	}
	w.kill()
	if got := owners(t, w.announce(say{member: 1, l: size, e: bt.Started}).Reply); len(got) != 2 {
		t.Errorf("after a restart %v are named, want 4 and 6", got)
	}
}

// TestRestartNamesTheSamePeers: refused, unfunded and partial peers are what they were.
func TestRestartNamesTheSamePeers(t *testing.T) {
	for name, restart := range map[string]func(*world){"killed": (*world).kill, "stopped": (*world).reload} {
		w := newWorld(t)
		w.announce(say{member: 2, e: bt.Started, refuse: "banned"})
		w.announce(say{member: 3, l: size, e: bt.Started, free: true})
		w.announce(say{member: 4, l: size, e: bt.Started, paused: true})
		w.announce(say{member: 5, l: size, e: bt.Started})
		w.announce(say{member: 5, l: size, refuse: "banned"}) // nothing else changed
		w.announce(say{member: 6, e: bt.Started})
		before := w.s.Scrape(7)
		restart(w)
		if got := w.s.Scrape(7); got != before || got.Incomplete != 2 || got.Downloaders != 1 || got.Complete != 1 {
			t.Errorf("%s: scrape %+v, was %+v", name, got, before)
		}
		if got := owners(t, w.announce(say{member: 1, l: size, e: bt.Started}).Reply); len(got) != 3 || !got[3] || !got[4] || !got[6] {
			t.Errorf("%s: named %v, want 3, 4 and 6", name, got)
		}
	}
}

// TestForgottenRowsAreDeleted: a client with ever new peer ids leaves MaxSessions rows, not one for
// each announce.
func TestForgottenRowsAreDeleted(t *testing.T) {
	w := newWorld(t, func(p *swarm.Params) { p.MaxSessions = 3 })
	rows := map[bt.PeerID]bool{}
	for i := range 20 {
		w.wait(time.Second)
		w.announce(say{member: 1, peer: fmt.Sprint("x", i%7), e: bt.Started})
		if i%4 == 0 {
			continue
		}
		for _, r := range w.collect().Sessions {
			if delete(rows, r.PeerID); !r.Forgotten {
				rows[r.PeerID] = true
			}
		}
	}
	if len(rows) != 3 {
		t.Errorf("%d rows are kept", len(rows))
	}
}

// TestMovedAddressIsKept: a client that moved and counted nothing since is named where it is now,
// also after a kill.
func TestMovedAddressIsKept(t *testing.T) {
	for _, moved := range []string{"10.9.9.9:6881", "10.0.0.4:7000"} {
		w := newWorld(t)
		w.announce(say{member: 4, addr: "10.0.0.4:6881", e: bt.Started})
		w.wait(time.Second)
		w.announce(say{member: 4, addr: moved})
		w.kill()
		got := named(t, w.announce(say{member: 1, l: size, compact: true, e: bt.Started}).Reply)
		if !slices.Equal(got, []netip.AddrPort{netip.MustParseAddrPort(moved)}) {
			t.Errorf("named %v, want %s", got, moved)
		}
	}
}

// TestPartialSeeds (BEP 21): asked for no more data, told of leechers, and without funds told of
// nobody, but never refused for it.
func TestPartialSeeds(t *testing.T) {
	w := newWorld(t, func(p *swarm.Params) { p.JitterPPM = 0 })
	w.announce(say{member: 2, addr: addr4(2), e: bt.Started})
	w.announce(say{member: 3, addr: addr4(3), l: size, e: bt.Started})
	rich := say{member: 4, addr: addr4(4), l: size / 2, paused: true}
	res := w.announce(rich)
	if got := owners(t, res.Reply); len(got) != 1 || !got[3] || res.Refusal != "" || res.Reply.Interval != w.s.Params().SeederInterval {
		t.Errorf("a funded partial seed: %v, %q, interval %v", got, res.Refusal, res.Reply.Interval)
	}
	w.member(5).Wallet.Set(0, 0)
	poor := say{member: 5, addr: addr4(5), l: size / 2, paused: true}
	res = w.announce(poor)
	if len(named(t, res.Reply)) != 0 || res.Refusal != "" || res.Reply.Interval < w.s.Params().SeederInterval/2 {
		t.Errorf("a partial seed without funds: %v, %q, interval %v", named(t, res.Reply), res.Refusal, res.Reply.Interval)
	}
	if e := w.s.Scrape(7); e.Complete != 1 || e.Incomplete != 3 || e.Downloaders != 1 || len(w.leechers()) != 1 {
		t.Errorf("%+v, demand %+v", e, w.leechers())
	}
	if got := owners(t, w.announce(say{member: 2, addr: addr4(2)}).Reply); got[5] || !got[3] || !got[4] {
		t.Errorf("a seeder is told of %v: want the funded ones", got)
	}
	poor.paused = false
	if res = w.announce(poor); res.Refusal == "" {
		t.Error("a leecher without funds was not refused")
	}
	if e := w.s.Scrape(7); e.Downloaders != 2 {
		t.Errorf("it downloads again: %+v", e)
	}
}

// TestCountsNeverFallBelowZero: partial seeds that finish, stop, go stale or move between the roles.
func TestCountsNeverFallBelowZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 30).Draw(t, "announces") {
			x := say{
				member: bt.MemberID(rapid.IntRange(1, 3).Draw(t, "member")), d: bt.Bytes(rapid.IntRange(0, 3).Draw(t, "d")),
				l: bt.Bytes(rapid.SampledFrom([]int{0, 1, size}).Draw(t, "left")), e: bt.Event(rapid.IntRange(0, 3).Draw(t, "event")),
				paused: rapid.Bool().Draw(t, "paused"),
			}
			if x.e != bt.None {
				x.paused = false // one parameter says both
			}
			if rapid.IntRange(0, 4).Draw(t, "refused") == 0 {
				x.refuse = "no"
			}
			w.announce(x)
			if e := w.s.Scrape(7); e.Complete < 0 || e.Incomplete < 0 || e.Downloaders < 0 || e.Downloaders > e.Incomplete || e.Complete+e.Incomplete > 3 {
				t.Fatalf("after %+v: %+v", x, e)
			}
			if len(w.leechers()) > w.s.Scrape(7).Downloaders {
				t.Fatalf("demand of %+v beyond %+v", w.leechers(), w.s.Scrape(7))
			}
			w.wait(time.Duration(rapid.SampledFrom([]int{1, 200}).Draw(t, "wait")) * time.Second)
		}
	})
}

// TestUnfundedAreNeverNamed: also when the funds went away while the download ran.
func TestUnfundedAreNeverNamed(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 2, addr: addr4(2), l: size, e: bt.Started})
	ask := say{member: 3, addr: addr4(3)}
	if got := owners(t, w.announce(ask).Reply); !got[2] {
		t.Fatalf("a funded leecher is not named: %v", got)
	}
	w.member(2).MaxPrice = tokens.Unit // below the price, and the quote runs out
	w.wait(16 * time.Minute)
	if res := w.announce(say{member: 2, addr: addr4(2), l: size}); res.Refusal == "" {
		t.Fatal("the price is above the maximum")
	}
	if got := owners(t, w.announce(ask).Reply); got[2] {
		t.Error("a leecher that consents to no price is named")
	}
	w.member(2).MaxPrice = 0
	if w.announce(say{member: 2, addr: addr4(2), l: size}); !owners(t, w.announce(ask).Reply)[2] {
		t.Error("it is funded again and not named")
	}
}

// TestSpread: over many askers, each peer of a set is named about equally often. For a fair choice
// the sum of (seen−mean)²/mean is about the number of peers; windows of neighbours, which are named
// together, make it larger by at most their length.
func TestSpread(t *testing.T) {
	for _, c := range []struct{ peers, want, asks int }{{60, 50, 600}, {101, 50, 600}, {300, 50, 900}, {1000, 50, 2000}, {1000, 7, 8000}, {997, 30, 3000}} {
		t.Run(fmt.Sprint(c.peers, " ", c.want), func(t *testing.T) {
			w := newWorld(t)
			for m := bt.MemberID(1); m <= bt.MemberID(c.peers); m++ {
				w.announce(say{member: m, addr: addr4(m), e: bt.Started})
			}
			seen := make(map[bt.MemberID]int)
			for i := range c.asks {
				m := bt.MemberID(10_000 + i)
				for o := range owners(t, w.announce(say{member: m, addr: addr4(m), l: 1, free: true, want: c.want, compact: true, e: bt.Started}).Reply) {
					seen[o]++
				}
				w.announce(say{member: m, addr: addr4(m), l: 1, e: bt.Stopped})
			}
			mean := float64(c.asks*c.want) / float64(c.peers)
			var chi float64
			for m := bt.MemberID(1); m <= bt.MemberID(c.peers); m++ {
				d := float64(seen[m]) - mean
				chi += d * d / mean
				if d > 0.5*mean || d < -0.5*mean {
					t.Errorf("peer %d was named %d times, on average %.0f", m, seen[m], mean)
				}
			}
			if limit := 1.5 * float64(c.peers); chi > limit {
				t.Errorf("chi-square %.0f of %d peers: want at most %.0f", chi, c.peers, limit)
			}
		})
	}
}

// TestTiers: of proven seeders each tier is named twice as often per head as the one below, all of
// them before the unproven, and these before leechers.
func TestTiers(t *testing.T) {
	w := newWorld(t)
	const each = 100
	tierOf := func(m bt.MemberID) int { return int(m-1) / each } // 0 to 4: tier 0 is unproven
	for m := bt.MemberID(1); m <= each*(swarm.Tiers+1); m++ {
		w.s.SetStanding(7, m, tierOf(m))
		w.announce(say{member: m, addr: addr4(m), e: bt.Started})
	}
	for m := bt.MemberID(9000); m < 9000+each; m++ {
		w.announce(say{member: m, addr: addr4(m), l: size, e: bt.Started})
	}
	var seen [swarm.Tiers + 1]int
	const asks, want = 1000, 30
	for i := range asks {
		m := bt.MemberID(10_000 + i)
		for o := range owners(t, w.announce(say{member: m, addr: addr4(m), l: 1, free: true, want: want, e: bt.Started}).Reply) {
			if o >= 9000 {
				t.Fatalf("leecher %d was named before seeders", o)
			}
			seen[tierOf(o)]++
		}
		w.announce(say{member: m, addr: addr4(m), l: 1, e: bt.Stopped})
	}
	if seen[0] != 0 {
		t.Errorf("unproven seeders were named %d times before proven ones", seen[0])
	}
	for tier := 2; tier <= swarm.Tiers; tier++ {
		if ratio := float64(seen[tier]) / float64(seen[tier-1]); ratio < 1.6 || ratio > 2.7 {
			t.Errorf("tier %d was named %d times, tier %d %d times: want about twice as often", tier, seen[tier], tier-1, seen[tier-1])
		}
	}
	w.s.SetStanding(7, 1+each*swarm.Tiers, 0) // from the best to none: not among the first any more
	for i := range 200 {
		m := bt.MemberID(20_000 + i)
		if owners(t, w.announce(say{member: m, addr: addr4(m), l: 1, free: true, want: want, e: bt.Started}).Reply)[1+each*swarm.Tiers] {
			t.Fatal("a seeder that lost its standing is named before proven ones")
		}
	}
}

// TestRepeatsAreEqual: within a span of the min interval a repeat gets the same list, in both forms.
func TestRepeatsAreEqual(t *testing.T) {
	w := newWorld(t)
	for m := bt.MemberID(100); m < 300; m++ {
		w.s.SetStanding(7, m, int(m)%(swarm.Tiers+1))
		w.announce(say{member: m, addr: addr4(m), e: bt.Started})
	}
	w.announce(say{member: 1, addr: addr4(1), l: size, e: bt.Started})
	changes, last := 0, []netip.AddrPort(nil)
	for range 180 {
		w.wait(time.Second)
		long, compact := w.announce(say{member: 1, addr: addr4(1), l: size, want: 20}), w.announce(say{member: 1, addr: addr4(1), l: size, want: 20, compact: true})
		list := named(t, compact.Reply)
		if !slices.Equal(named(t, long.Reply), list) || long.Reply.Interval != compact.Reply.Interval {
			t.Fatalf("the long form has %v, the compact one %v", named(t, long.Reply), list)
		}
		if !slices.Equal(list, last) {
			changes, last = changes+1, list
		}
	}
	if changes < 3 || changes > 4 {
		t.Errorf("%d lists in three minutes: want one a minute", changes)
	}
}
