package swarm_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// seek looks for one peer.
func (w *world) seek(name, addr string) swarm.Found {
	found, _ := w.s.Search(w.now, w.torrent.ID, []swarm.Sought{{PeerID: peer(name), Addr: netip.MustParseAddr(addr)}}, 1)
	return found[0]
}

const nowhere = "198.51.100.1"

func (w *world) poor(m bt.MemberID) { w.member(m).Wallet.Set(0, 50*tokens.Unit) }

func TestSearchFindsWhoMayBeServed(t *testing.T) {
	w := newWorld(t)
	w.allowance = 2 * size
	w.poor(3)
	w.member(3).Wallet.SetAllowance(0, 0)
	w.poor(6)
	w.member(6).Wallet.SetAllowance(0, 0)
	full := cost(price, size)
	w.member(2).Wallet.SetAllowance(0, 0)
	for _, c := range []struct {
		name string
		who  say
		want swarm.Found // without ByPeerID
	}{
		{"a seeder", say{member: 1}, swarm.Found{Known: true, Seeding: true}},
		{"a leecher with funds", say{member: 2, l: size}, swarm.Found{Known: true, Reserved: full}},
		{"one without", say{member: 3, l: size}, swarm.Found{}},
		{"one with an allowance", say{member: 4, l: size, stake: "stake", guest: true}, swarm.Found{Known: true}},
		{"one below the gate", say{member: 5, l: size, stake: "stake"}, swarm.Found{}},
		{"one that needs none", say{member: 6, l: size, free: true}, swarm.Found{Known: true}},
		{"one that was refused", say{member: 7, l: size, refuse: "banned"}, swarm.Found{}},
		{"a seeder that was refused", say{member: 8, refuse: "banned"}, swarm.Found{}},
	} {
		w.announce(c.who)
		addr := fmt.Sprintf("10.0.0.%d", c.who.member)
		if got := w.seek("another", addr); got != c.want {
			t.Errorf("%s, by address: %+v, want %+v", c.name, got, c.want)
		}
		c.want.ByPeerID = c.want.Known
		if got := w.seek(fmt.Sprint("p", c.who.member), nowhere); got != c.want {
			t.Errorf("%s, by peer id: %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := w.seek("p1", "10.0.0.2"); !got.ByPeerID || !got.Seeding {
		t.Errorf("the peer id of one and the address of another: %+v", got)
	}
	if got := w.seek("p3", "10.0.0.2"); got.ByPeerID || got.Reserved != full {
		t.Errorf("the peer id of one that may not be served and the address of one that may: %+v", got)
	}
	if got := w.seek("nobody", nowhere); got != (swarm.Found{}) {
		t.Errorf("nobody: %+v", got)
	}
}

// Whoever announces under another's peer id, which it can see, does not keep that one from being served.
func TestSearchPrefersTheBetterClaim(t *testing.T) {
	w := newWorld(t)
	w.poor(2)
	w.announce(say{member: 1, peer: "same", l: size})
	w.announce(say{member: 2, peer: "same", l: size, addr: "10.0.0.1:7000"})
	w.announce(say{member: 3, peer: "same", addr: "10.0.0.1:7001"})
	w.announce(say{member: 4, peer: "same", l: size, addr: "10.0.0.1:7002", free: true})
	want := swarm.Found{Known: true, ByPeerID: true, Reserved: cost(price, size)}
	if got := w.seek("same", nowhere); got != want {
		t.Errorf("by peer id: %+v", got)
	}
	want.ByPeerID = false
	if got := w.seek("other", "10.0.0.1"); got != want {
		t.Errorf("by address: %+v", got)
	}
}

// A peer id is seen by every peer: who shows it in another network than its member announces from comes after
// whoever is known by address.
func TestSearchTellsCopiedPeerIDs(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, addr: "203.0.113.1:6881"})
	w.announce(say{member: 1, l: size, addr: "[2001:db8:1::1]:6881"})
	w.announce(say{member: 2, addr: "198.51.100.2:6881"})
	w.announce(say{member: 3, l: size, addr: "192.168.1.3:6881"})
	full := cost(price, size)
	for _, c := range []struct {
		id, addr string
		want     swarm.Found
	}{
		{"p1", "203.0.113.200", swarm.Found{Known: true, ByPeerID: true, Reserved: full}},
		{"p1", "2001:db8:1:ffff::1", swarm.Found{Known: true, ByPeerID: true, Reserved: full}},
		{"p1", "192.168.1.1", swarm.Found{Known: true, ByPeerID: true, Reserved: full}}, // says nothing
		{"p1", "203.0.114.1", swarm.Found{Known: true, ByPeerID: true, Elsewhere: true, Reserved: full}},
		{"p1", "2001:db8:2::1", swarm.Found{Known: true, ByPeerID: true, Elsewhere: true, Reserved: full}},
		{"p2", "2001:db8:1::1", swarm.Found{Known: true, Reserved: full}}, // by address
		{"p2", "2001:db8:1::2", swarm.Found{Known: true, ByPeerID: true, Elsewhere: true, Seeding: true}},
		{"p3", "203.0.114.1", swarm.Found{Known: true, ByPeerID: true, Reserved: full}},
	} {
		if got := w.seek(c.id, c.addr); got != c.want {
			t.Errorf("%s from %s: %+v, want %+v", c.id, c.addr, got, c.want)
		}
	}
}

func TestSearchKnowsBothAddresses(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size})
	w.announce(say{member: 1, l: size, addr: "[2001:db8::1]:6881"})
	for _, addr := range []string{"10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"} {
		if got := w.seek("another", addr); !got.Known {
			t.Errorf("%s is not found", addr)
		}
	}
	if got := w.seek("another", "2001:db8::2"); got.Known {
		t.Error("a neighbour is found")
	}
}

// Who is silent or gone is not served, whether the sweep came by or not; a restart changes nothing.
func TestSearchForgetsWhoIsGone(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size})
	w.announce(say{member: 2, l: size})
	w.announce(say{member: 2, l: size, e: bt.Stopped})
	if w.seek("p2", nowhere).Known || !w.seek("p1", nowhere).Known {
		t.Error("after a stop")
	}
	w.reload()
	if w.seek("p2", nowhere).Known || !w.seek("p1", nowhere).Known {
		t.Error("after a restart")
	}
	w.wait(10 * time.Minute)
	if !w.seek("p1", nowhere).Known || !w.s.TakesPart(w.now, w.torrent.ID, 1) {
		t.Error("between two announces")
	}
	w.wait(10 * time.Minute)
	if w.seek("p1", nowhere).Known || w.s.TakesPart(w.now, w.torrent.ID, 1) {
		t.Error("long silent")
	}
}

func TestTakesPart(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1})
	w.announce(say{member: 2, refuse: "banned"})
	w.announce(say{member: 3, peer: "old", e: bt.Stopped})
	w.announce(say{member: 3, peer: "new", l: size})
	w.poor(5)
	w.member(5).Wallet.SetAllowance(0, 0)
	w.announce(say{member: 5, l: size})
	for m, want := range map[bt.MemberID]bool{1: true, 2: false, 3: true, 4: false, 5: false} {
		if got := w.s.TakesPart(w.now, w.torrent.ID, m); got != want {
			t.Errorf("member %d: %v", m, got)
		}
	}
	if w.s.TakesPart(w.now, w.torrent.ID+1, 1) {
		t.Error("in a swarm that nobody is in")
	}
}

// What a download reserved counts once, however many clients fetch it.
func TestSearchAddsUpWhatIsReserved(t *testing.T) {
	w := newWorld(t)
	if _, c := w.s.Search(w.now, w.torrent.ID, nil, 1); c != (swarm.Crowd{}) {
		t.Errorf("an empty swarm has %+v", c)
	}
	w.announce(say{member: 1, peer: "a", l: size})
	w.announce(say{member: 1, peer: "b", l: size})
	w.announce(say{member: 2, l: size})
	w.announce(say{member: 3})
	w.poor(4)
	w.announce(say{member: 4, l: size})
	w.wait(5 * time.Minute)
	w.announce(say{member: 2, d: size / 2, l: size / 2})
	full, half := cost(price, size), w.download(2).Reserved
	samples := map[tokens.Amount]bool{}
	for seed := range uint64(50) {
		_, c := w.s.Search(w.now, w.torrent.ID, nil, seed)
		if _, again := w.s.Search(w.now, w.torrent.ID, nil, seed); again != c {
			t.Fatalf("seed %d: %+v, then %+v", seed, c, again)
		}
		if c.Reserved != full+half {
			t.Fatalf("%s reserved, want %s", c.Reserved, full+half)
		}
		samples[c.Sample] = true
	}
	if len(samples) != 2 || !samples[full] || !samples[half] {
		t.Errorf("samples %v", samples)
	}
}

// Large swarms are searched in parts; nobody is left out, and everybody is answered for itself.
func TestSearchOfALargeSwarm(t *testing.T) {
	w := newWorld(t)
	const n = 9000
	var sought []swarm.Sought
	for i := range n {
		x := say{member: bt.MemberID(i + 1), peer: fmt.Sprint("peer", i)}
		if i%2 == 0 {
			x.l = size
		}
		w.announce(x)
		if i%17 == 0 {
			sought = append(sought, swarm.Sought{PeerID: peer(x.peer), Addr: netip.MustParseAddr(nowhere)})
		}
	}
	found, crowd := w.s.Search(w.now, w.torrent.ID, sought, 1)
	for i, f := range found {
		if want := i*17%2 == 1; !f.Known || f.Seeding != want {
			t.Fatalf("peer %d: %+v", i*17, f)
		}
	}
	if want := n / 2 * cost(price, size); crowd.Reserved != want {
		t.Errorf("%s reserved, want %s", crowd.Reserved, want)
	}
}

// A search and announces of the same torrent do not disturb each other.
func TestSearchAmongAnnounces(t *testing.T) {
	w := newWorld(t)
	for m := range bt.MemberID(200) {
		w.announce(say{member: m + 1, l: size})
	}
	var g sync.WaitGroup
	g.Go(func() {
		for m := range bt.MemberID(200) {
			if m%2 == 0 {
				w.announce(say{member: m + 1, l: size, e: bt.Stopped})
			}
			w.announce(say{member: m + 1001})
		}
	})
	for range 100 {
		w.s.Search(w.now, w.torrent.ID, []swarm.Sought{{PeerID: peer("p2"), Addr: netip.MustParseAddr("10.0.0.4")}}, 1)
	}
	g.Wait()
	if !w.seek("p2", nowhere).Known || w.seek("p1", nowhere).Known || !w.seek("p1001", nowhere).Seeding {
		t.Error("the swarm is not what the announces made of it")
	}
}

func BenchmarkSearch(b *testing.B) {
	c := newCrowd()
	c.fill()
	large := c.torrents[0]
	var res swarm.Result
	for i := range 100_000 {
		in := c.input(i, bt.Started)
		in.Torrent, in.Member = large, c.members[i]
		c.s.Announce(c.now, &in, &res)
	}
	for name, torrents := range map[string]int{"one of 100,000": 1, "500 of 100": 500} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range torrents {
					n, t := 500/torrents, c.torrents[0].ID
					if torrents > 1 {
						t = c.torrents[i+1].ID
					}
					sought := make([]swarm.Sought, n)
					for k := range sought {
						in := c.input(k*crowdTorrents+i, bt.None)
						sought[k] = swarm.Sought{PeerID: in.Announce.PeerID, Addr: in.Announce.Addr.Addr()}
					}
					c.s.Search(c.now, t, sought, 1)
				}
			}
		})
	}
}
