package probe

import (
	"context"
	"io"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/swarmstake/swarmstake/availability"
)

// TestLeechLooksLikeTheClient: what qBittorrent 4.5.2 sends on a private torrent, as it was recorded: the
// bits of its handshake, the extended one before the rest, the port for whoever knows DHT, and no interest
// before the peer has something.
func TestLeechLooksLikeTheClient(t *testing.T) {
	t.Parallel()
	recorded := regexp.MustCompile(`^\x00d12:complete_agoi-1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e12:ut_holepunchi4ee1:pi\d+e4:reqqi2000e1:v17:qBittorrent/4\.5\.26:yourip4:\x7f\x00\x00\x01e$`)
	addr := listen(t, func(f *fake, _ int) {
		var b [handshakeLen]byte
		io.ReadFull(f.in.r, b[:])
		hello, _ := parseHello(b)
		if hello.reserved != [8]byte{0, 0, 0, 0, 0, 0x10, 0, 0x05} {
			t.Errorf("reserved bytes %x", hello.reserved)
		}
		f.conn.Write(append(append(append([]byte(protocol), 0, 0, 0, 0, 0, extendedBit, 0, fastBit|dhtBit), fakeHash[:]...), fakePeer[:]...))
		for _, want := range []byte{msgExtended, msgHaveNone, msgPort} {
			m, err := f.in.next()
			if err != nil || m.id != want || m.id == msgPort && len(m.payload) != 2 || m.id == msgExtended && !recorded.Match(m.payload) {
				t.Errorf("message %d %q (%v), want %d", m.id, m.payload, err, want)
			}
		}
		f.tcp.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if err := f.in.wait(); err == nil {
			t.Error("it did not wait to hear what there is")
		}
		f.tcp.SetReadDeadline(time.Now().Add(10 * time.Second))
		f.send(msgHaveAll)
		if m, err := f.in.next(); err != nil || m.id != msgInterested {
			t.Errorf("%+v, %v", m, err)
		}
		f.send(msgUnchoke)
		f.serve(intact)
	})
	p, err := New(Config{LeechBudget: 10 * time.Second, Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	if out := p.Leech(context.Background(), fakeRequest(addr, 2)); len(out.Results) != 1 || out.Reason != "" {
		t.Errorf("%+v", out)
	}
}

// TestAwaitOutlastsImpostors: a peer id is known to the whole swarm. Who comes under it and shows nothing
// does not keep the awaited one from being heard.
func TestAwaitOutlastsImpostors(t *testing.T) {
	t.Parallel()
	p := listening(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	came := make(chan struct{})
	go func() {
		defer close(came)
		waitFor(t, "the peer is awaited", func() bool { return p.lobby.awaits(fakeHash) })
		let := make(chan struct{})
		for range 2 { // one is let in and holds on, the next finds the place taken
			go visit(t, p, "127.0.0.9", fakeHash, false, func(f *fake) { f.introduce(fakeHash, fakePeer); <-let })
		}
		waitFor(t, "the impostor is in", func() bool {
			p.lobby.mu.Lock()
			defer p.lobby.mu.Unlock()
			for g := range p.lobby.guests {
				return g.busy
			}
			return false
		})
		visit(t, p, "127.0.0.1", fakeHash, false, func(f *fake) { f.seeds(fakeHash, fakePeer) })
		close(let)
	}()
	out := p.Await(ctx, fakeRequest(netip.MustParseAddrPort("127.0.0.1:51413"), 1, 4, 7), fakePeer)
	<-came
	if got := verdicts(out); got[wholes(1)[0]] != availability.Passed || got[wholes(4)[0]] != availability.Corrupt {
		t.Errorf("%+v", out)
	}
	if p.lobby.awaits(fakeHash) {
		t.Error("it is still awaited")
	}
}

// TestClosedBeforeTheFirstWord: a connection that breaks as the talk begins still owes every target a result.
func TestClosedBeforeTheFirstWord(t *testing.T) {
	t.Parallel()
	r := fakeRequest(fakeAddr(), 1, 4)
	gone, wire := io.Pipe()
	gone.Close()
	s := newSession(r, fakePieces, auditor(false), struct {
		io.Reader
		io.Writer
	}{gone, wire}, &limited{context.Background(), gone, r.allowance(), rate.NewLimiter(rate.Inf, 0)})
	if s.audit(time.Now().Add(time.Hour)) == nil {
		t.Fatal("it spoke to nobody")
	}
	got := verdicts(r.answered(s.out, s))
	for _, target := range wholes(1, 4) {
		if v, ok := got[target]; !ok || v != availability.Inconclusive {
			t.Errorf("%s: %s (listed: %t)", target, v, ok)
		}
	}
}
