package probe

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/torrent/mse"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// awaits reports whether somebody of that swarm is awaited.
func (l *lobby) awaits(hash bt.InfoHash) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for g := range l.guests {
		for _, h := range g.hashes {
			if h == hash {
				return true
			}
		}
	}
	return false
}

// listening is a prober that peers can dial.
func listening(t *testing.T) *Prober {
	t.Helper()
	p, err := New(Config{Budget: 45 * time.Second, Listen: netip.MustParseAddrPort("127.0.0.1:0"), Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	waitFor(t, "the prober listens", func() bool { return p.Addr().IsValid() })
	return p
}

var fakePeer = bt.PeerID([]byte("-FA0001-\x00\x01\xffabcdefghi"))

// visit dials the prober as a fake peer of the torrent and runs the script. It comes from a loopback
// address of the test's choice.
func visit(t *testing.T, p *Prober, from string, hash bt.InfoHash, encrypted bool, script func(f *fake)) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(15 * time.Second))
	f := &fake{t: t, conn: conn, tcp: conn.(*net.TCPConn), from: fakeTorrents()[catalog.V1]}
	if encrypted {
		if f.conn, _, err = mse.InitiateHandshakeContext(context.Background(), conn, hash[:], nil, mse.CryptoMethodRC4); err != nil {
			return // the prober closed
		}
	}
	f.in = newReader(f.conn)
	script(f)
}

// introduce is the handshake of a fake peer that dials.
func (f *fake) introduce(hash bt.InfoHash, peer bt.PeerID) {
	b := append([]byte(protocol), 0, 0, 0, 0, 0, 0, 0, fastBit)
	f.conn.Write(append(append(b, hash[:]...), peer[:]...))
}

// seeds lets the prober have everything, with piece 4 damaged, if it answers.
func (f *fake) seeds(hash bt.InfoHash, peer bt.PeerID) {
	f.introduce(hash, peer)
	var b [handshakeLen]byte
	if n, _ := f.in.r.Read(b[:1]); n == 0 {
		return // not wanted
	}
	if _, err := f.in.r.Discard(handshakeLen - 1); err != nil {
		return
	}
	f.send(msgHaveAll)
	f.send(msgUnchoke)
	f.serve(func(i, _ uint32, block []byte) []byte {
		if i == 4 {
			block[0] ^= 1
		}
		return block
	})
}

// TestAwait: who is awaited is audited, by address or by peer id; everybody else is closed, and the
// audit goes on waiting. A fault is found only in who is certainly meant.
func TestAwait(t *testing.T) {
	t.Parallel()
	const me, other = "127.0.0.1", "127.0.0.9"
	for _, tt := range []struct {
		name, from string
		peer       bt.PeerID
		hash       bt.InfoHash
		encrypted  bool
		damaged    availability.Verdict // the verdict of the damaged piece
		welcome    bool
	}{
		{"by both", me, fakePeer, fakeHash, false, availability.Corrupt, true},
		{"by both, encrypted", me, fakePeer, fakeHash, true, availability.Corrupt, true},
		{"by its address only", me, bt.PeerID{1}, fakeHash, false, availability.Inconclusive, true},
		{"by its peer id only", other, fakePeer, fakeHash, false, availability.Inconclusive, true},
		{"by its peer id only, encrypted", other, fakePeer, fakeHash, true, availability.Inconclusive, true},
		{"a stranger", other, bt.PeerID{1}, fakeHash, false, 0, false},
		{"another swarm", me, fakePeer, bt.InfoHash{1}, false, 0, false},
		{"another swarm, encrypted", me, fakePeer, bt.InfoHash{1}, true, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := listening(t)
			wait := 20 * time.Second
			if tt.damaged == availability.Inconclusive {
				wait = 5 * time.Second // it is: somebody certain might come
			}
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			came := make(chan struct{})
			go func() {
				defer close(came)
				waitFor(t, "the peer is awaited", func() bool { return p.lobby.awaits(fakeHash) })
				visit(t, p, tt.from, tt.hash, tt.encrypted, func(f *fake) { f.seeds(tt.hash, tt.peer) })
				if !tt.welcome {
					cancel()
				}
			}()
			out := p.Await(ctx, fakeRequest(netip.MustParseAddrPort(me+":51413"), 1, 4, 7), fakePeer)
			<-came
			if !tt.welcome {
				if out.Incoming || !out.OurSide || len(out.Results) > 0 {
					t.Errorf("%+v", out)
				}
				return
			}
			got := verdicts(out)
			if got[wholes(1)[0]] != availability.Passed || got[wholes(7)[0]] != availability.Passed || got[wholes(4)[0]] != tt.damaged || len(out.Results) != 3 {
				t.Errorf("%+v", out)
			}
			if !out.Incoming || out.Encrypted != tt.encrypted || out.PeerClient == "" || out.Unreachable || out.OurSide {
				t.Errorf("%+v", out)
			}
			if p.lobby.awaits(fakeHash) {
				t.Error("it is still awaited")
			}
		})
	}
}

func TestNobodyCame(t *testing.T) {
	t.Parallel()
	p := listening(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	out := p.Await(ctx, fakeRequest(fakeAddr(), 1), fakePeer)
	if !out.Unreachable || out.OurSide || len(out.Results) != 1 || out.Results[0].Verdict != availability.Inconclusive || out.Reason != reasonAbsent {
		t.Errorf("%+v", out)
	}
	deaf := newProber(t, time.Second)
	if out := deaf.Await(context.Background(), fakeRequest(fakeAddr(), 1), fakePeer); !out.OurSide || !strings.Contains(out.Reason, "do not listen") {
		t.Errorf("%+v", out)
	}
}

// The audit of a peer that came has its own budget: that the wait is over does not end it.
func TestCameAtTheLastMoment(t *testing.T) {
	t.Parallel()
	p := listening(t)
	ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
	defer cancel()
	go func() {
		waitFor(t, "the peer is awaited", func() bool { return p.lobby.awaits(fakeHash) })
		visit(t, p, "127.0.0.1", fakeHash, false, func(f *fake) {
			f.introduce(fakeHash, fakePeer)
			f.in.r.Discard(handshakeLen)
			<-ctx.Done()
			f.send(msgHaveAll)
			f.send(msgUnchoke)
			f.serve(intact)
		})
	}()
	out := p.Await(ctx, fakeRequest(netip.MustParseAddrPort("127.0.0.1:9"), 1), fakePeer)
	if len(out.Results) != 1 || out.Results[0].Verdict != availability.Passed || out.OurSide {
		t.Errorf("%+v", out)
	}
}

// Nobody gets far who is not expected, and nobody gets more than his share of the listener.
func TestListenerIsClosed(t *testing.T) {
	t.Parallel()
	l := newLobby()
	from := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{9, 9, byte(i >> 8), byte(i)}) }
	if _, ok := l.enter(from(1)); ok {
		t.Error("somebody got in though nobody is awaited")
	}
	l.open(netip.MustParseAddrPort("127.0.0.1:6881"))
	forget, ok := l.await(&guest{hashes: []bt.InfoHash{fakeHash}, addr: from(1)})
	if !ok {
		t.Fatal("nobody can be awaited")
	}
	var leave []func()
	count := func(addr func(i int) netip.Addr) (n int) {
		for i := range 2 * maxGreetings {
			if done, ok := l.enter(addr(i)); ok {
				leave = append(leave, done)
				n++
			}
		}
		return n
	}
	if n := count(func(i int) netip.Addr { return from(100) }); n != maxGreetingsEach {
		t.Errorf("%d connections from one address", n)
	}
	if n := count(func(i int) netip.Addr { return from(200 + i) }); n != maxStrangers-maxGreetingsEach {
		t.Errorf("%d connections of strangers", n)
	}
	if n := count(func(int) netip.Addr { return from(1) }); n != maxGreetingsEach {
		t.Errorf("%d connections of whom we await", n)
	}
	for _, done := range leave {
		done()
	}
	if l.underWay != 0 || l.strangers != 0 || len(l.greetings) != 0 {
		t.Errorf("left: %+v", l.greetings)
	}
	forget()
	if _, ok := l.enter(from(1)); ok {
		t.Error("somebody got in though nobody is awaited any more")
	}
	for i := range maxGuests {
		if _, ok := l.await(&guest{addr: from(i)}); !ok {
			t.Fatalf("only %d can be awaited", i)
		}
	}
	if _, ok := l.await(&guest{}); ok {
		t.Error("more than maxGuests can be awaited")
	}
}

// Whoever does not speak BitTorrent, or of nobody's torrent, is closed at once, though it comes from
// an awaited address.
func TestUninvited(t *testing.T) {
	t.Parallel()
	p := listening(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan availability.Outcome, 1)
	go func() { done <- p.Await(ctx, fakeRequest(fakeAddr(), 1), fakePeer) }()
	waitFor(t, "the peer is awaited", func() bool { return p.lobby.awaits(fakeHash) })
	for _, sent := range []string{"GET / HTTP/1.1\r\nHost: tracker.example\r\n\r\n" + strings.Repeat("x", 2000), "\x13BitTorrent protocol" + strings.Repeat("\xff", 48)} {
		visit(t, p, "127.0.0.1", fakeHash, false, func(f *fake) {
			f.conn.Write([]byte(sent))
			f.hang() // returns when the prober closes
		})
	}
	cancel()
	if out := <-done; !out.OurSide || out.Incoming {
		t.Errorf("%+v", out)
	}
}
