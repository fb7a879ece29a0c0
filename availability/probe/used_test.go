package probe

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestUsedKnowsTheProbersPeerIDs: whatever the prober comes for, the peer can ask at once whose peer id it
// saw; only for the torrent that the prober came for.
func TestUsedKnowsTheProbersPeerIDs(t *testing.T) {
	t.Parallel()
	p := listening(t)
	var met, known atomic.Int32
	look := func(f *fake) {
		var b [handshakeLen]byte
		if _, err := io.ReadFull(f.in.r, b[:]); err != nil {
			return
		}
		hello, err := parseHello(b)
		if err != nil {
			return // the second try, encrypted
		}
		met.Add(1)
		here := p.Used(hello.peer, anywhere, []bt.InfoHash{{7}, fakeHash})
		elsewhere := p.Used(hello.peer, anywhere, []bt.InfoHash{{7}})
		if here.Known && elsewhere == (Use{}) && here.Disguised == strings.HasPrefix(string(hello.peer[:]), "-qB") {
			known.Add(1)
		}
	}
	addr := listen(t, func(f *fake, _ int) { look(f) })
	for name, come := range map[string]func(){
		"probe": func() { p.Probe(t.Context(), fakeRequest(addr, 1)) },
		"leech": func() { p.Leech(t.Context(), fakeRequest(addr, 1)) },
		"view": func() {
			p.View(t.Context(), ViewRequest{Addr: addr, InfoHash: fakeHash, NumPieces: fakePieces, PieceSize: func(int) bt.Bytes { return 1 }})
		},
		"await": func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			done := make(chan availability.Outcome, 1)
			go func() { done <- p.Await(ctx, fakeRequest(netip.MustParseAddrPort("127.0.0.1:9"), 1), fakePeer) }()
			waitFor(t, "somebody is awaited", func() bool { return p.lobby.awaits(fakeHash) })
			visit(t, p, "127.0.0.1", fakeHash, false, func(f *fake) { f.introduce(fakeHash, fakePeer); look(f) })
			<-done
		},
	} {
		before := met.Load()
		come()
		if met.Load() == before || known.Load() != met.Load() {
			t.Errorf("%s: %d connections, %d of them with a known peer id", name, met.Load()-before, known.Load())
		}
	}
	if p.Used(bt.PeerID{1}, anywhere, []bt.InfoHash{fakeHash}) != (Use{}) {
		t.Error("a stranger is known")
	}
}

var anywhere = netip.MustParseAddr("127.0.0.1")

func TestUsedForgets(t *testing.T) {
	t.Parallel()
	id := func(n int) (id bt.PeerID) { binary.BigEndian.PutUint32(id[:], uint32(n)); return id }
	p := newProber(t, time.Second)
	knows := func(n int) bool { return p.Used(id(n), anywhere, []bt.InfoHash{fakeHash}).Known }
	add := func(n int, at time.Time) {
		from := netip.AddrFrom4([4]byte{127, 1, byte(n >> 8), byte(n)})
		p.used.add(id(n), appearance{place{fakeHash, from}, true, at})
	}
	now := time.Now()
	add(1, now.Add(-usedFor))
	add(2, now.Add(-usedFor/2))
	if knows(1) || !knows(2) {
		t.Error("the old one is known, or the younger one is not")
	}
	for n := range maxUsed {
		add(10+n, now)
	}
	if knows(2) || !knows(10) || len(p.used.ids) != maxUsed || len(p.used.old) != maxUsed {
		t.Errorf("%d and %d kept of at most %d", len(p.used.ids), len(p.used.old), maxUsed)
	}
	add(3, now.Add(2*usedFor))
	if len(p.used.ids) != 1 || len(p.used.old) != 1 || len(p.used.last) != 1 {
		t.Errorf("%d and %d kept after a quiet time", len(p.used.ids), len(p.used.old))
	}
}

// Peers ask about an address under an invented peer id, or under one that they saw elsewhere: the prober is then
// answered for as a member is.
func TestUsedKnowsTheProbersAddress(t *testing.T) {
	t.Parallel()
	p := newProber(t, time.Second)
	openly, disguised := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	now := time.Now()
	p.used.add(bt.PeerID{1}, appearance{place{fakeHash, openly}, false, now})
	p.used.add(bt.PeerID{2}, appearance{place{fakeHash, disguised}, true, now})
	p.used.add(bt.PeerID{3}, appearance{place{hash: fakeHash}, true, now})
	p.used.add(bt.PeerID{4}, appearance{place{bt.InfoHash{4}, disguised}, true, now.Add(-usedFor)})
	for _, c := range []struct {
		id   byte
		from string
		hash bt.InfoHash
		want Use
	}{
		{1, "192.0.2.1", fakeHash, Use{Known: true}},
		{2, "198.51.100.1", fakeHash, Use{Known: true, Disguised: true}},
		{2, "198.51.100.200", fakeHash, Use{Known: true, Disguised: true}},
		{9, "198.51.100.1", fakeHash, Use{Known: true, Disguised: true}},
		{9, "198.51.100.2", fakeHash, Use{}},
		{9, "192.0.2.1", fakeHash, Use{}},
		{9, "198.51.100.1", bt.InfoHash{4}, Use{}}, // long ago
		{1, "203.0.113.1", fakeHash, Use{Copied: true}},
		{2, "203.0.113.1", fakeHash, Use{Copied: true}},
		{2, "2001:db8::1", fakeHash, Use{Copied: true}},
		{1, "198.51.100.1", fakeHash, Use{Known: true, Disguised: true}},
		{3, "203.0.113.1", fakeHash, Use{Known: true, Disguised: true}}, // nobody knows how peers see it
	} {
		if got := p.Used(bt.PeerID{c.id}, netip.MustParseAddr(c.from), []bt.InfoHash{c.hash}); got != c.want {
			t.Errorf("%d from %s: %+v, want %+v", c.id, c.from, got, c.want)
		}
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := l.Addr().(*net.TCPAddr).AddrPort()
	t.Cleanup(func() { l.Close() })
	strict, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	mild := newProber(t, time.Second)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		p    *Prober
		addr netip.AddrPort
		want string // part of the reason; empty: it can be reached
	}{
		{"open", t.Context(), mild, open, ""},
		{"closed", t.Context(), mild, fakeAddr(), "connection refused"},
		{"private", t.Context(), strict, open, "it is private"},
		{"a service", t.Context(), strict, netip.MustParseAddrPort("192.0.2.1:25"), "ports below 1024"},
		{"no port", t.Context(), mild, netip.AddrPortFrom(open.Addr(), 0), "names no host"},
		{"called off", over, mild, open, "could not dial"},
	} {
		ok, reason := c.p.Reach(c.ctx, c.addr)
		if ok != (c.want == "") || !strings.Contains(reason, c.want) || ok != (reason == "") {
			t.Errorf("%s: %v, %q", c.name, ok, reason)
		}
	}
}
