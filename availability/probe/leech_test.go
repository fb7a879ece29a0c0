package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestLeech: the prober as a leecher looks like one, comes from its own address, waits to be
// unchoked and takes the piece in order.
func TestLeech(t *testing.T) {
	t.Parallel()
	var order []uint32
	var hello theirs
	var from net.Addr
	var extended []byte
	addr := listen(t, func(f *fake, _ int) {
		var b [handshakeLen]byte
		io.ReadFull(f.in.r, b[:])
		hello, _ = parseHello(b)
		from = f.tcp.RemoteAddr()
		f.conn.Write(append(append(append([]byte(protocol), 0, 0, 0, 0, 0, extendedBit, 0, fastBit), fakeHash[:]...), fakePeer[:]...))
		f.send(msgHaveAll)
		for range 3 { // rounds
			f.send(msgUnchoke)
			f.send(msgChoke)
		}
		time.AfterFunc(300*time.Millisecond, func() { f.send(msgUnchoke) })
		seen := map[uint32]bool{}
		for {
			m, err := f.in.next()
			switch {
			case err != nil:
				return
			case m.id == msgExtended:
				extended = append(extended, m.payload...)
			case m.id == msgRequest:
				n, _ := m.numbers(3)
				if !seen[n[1]] {
					order = append(order, n[1])
				}
				seen[n[1]] = true
				at := int(n[0])*fakePieceLength + int(n[1])
				f.raw(msgPiece, append(frame(nil, 0, n[0], n[1])[5:], fakeData()[at:at+int(n[2])]...))
			}
		}
	})
	p, err := New(Config{LeechBudget: 10 * time.Second, LeechAddr: netip.MustParseAddr("127.0.0.3"), Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	r := fakeRequest(addr, 1)
	r.Targets = []availability.Target{{Piece: 2, Block: 1}, {Piece: 5, Block: 1}}
	out := p.Leech(context.Background(), r)
	if len(out.Results) != 1 || out.Results[0].Verdict != availability.Passed || out.Results[0].Target != wholes(2)[0] {
		t.Fatalf("%+v", out)
	}
	if !strings.HasPrefix(string(hello.peer[:]), "-qB4520-") || hello.reserved[extendedByte] != extendedBit || !strings.Contains(string(extended), "qBittorrent") {
		t.Errorf("it came as %q, %x, %q", hello.peer, hello.reserved, extended)
	}
	if ip := from.(*net.TCPAddr).IP.String(); ip != "127.0.0.3" {
		t.Errorf("it came from %s", ip)
	}
	for i, begin := range order {
		if int(begin) != i*bt.BlockSize {
			t.Errorf("asked in the order %d", order)
			break
		}
	}
}

// Who serves nobody leaves the leecher waiting: that is inconclusive, for any good seeder may.
func TestLeechIsNotServed(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(f *fake, _ int) { f.handshake(fakeHash, true); f.send(msgHaveAll); f.hang() })
	p, err := New(Config{LeechBudget: time.Second, Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	out := p.Leech(context.Background(), fakeRequest(addr, 2))
	if len(out.Results) != 1 || out.Results[0].Verdict != availability.Inconclusive || !strings.Contains(out.Reason, "kept us choked") || out.OurSide {
		t.Errorf("%+v", out)
	}
	for name, spoil := range map[string]func(*Request){"nothing": func(r *Request) { r.Targets = nil }, "no torrent": func(r *Request) { r.Torrent = nil }} {
		r := fakeRequest(addr, 2)
		spoil(&r)
		if out := p.Leech(context.Background(), r); !out.OurSide {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// TestSample: one piece of those that a leecher has.
func TestSample(t *testing.T) {
	t.Parallel()
	last := func(n int) int { return n - 1 }
	for _, tt := range []struct {
		name   string
		script func(f *fake)
		piece  int // -1: none was chosen
		want   availability.Verdict
		reason string
	}{
		{"unchoked", func(f *fake) {
			f.handshake(fakeHash, true)
			f.raw(msgBitfield, []byte{0x24})
			f.send(msgAllowedFast, 2)
			f.send(msgUnchoke)
			f.serve(intact)
		}, 5, availability.Passed, ""},
		{"choked, with a piece allowed fast", func(f *fake) {
			f.handshake(fakeHash, true)
			f.raw(msgBitfield, []byte{0x24})
			f.send(msgAllowedFast, 2)
			f.send(msgAllowedFast, 7) // which it lacks
			f.serve(intact)
		}, 2, availability.Passed, ""},
		{"damaged", func(f *fake) {
			f.handshake(fakeHash, true)
			f.raw(msgBitfield, []byte{0x24})
			f.send(msgUnchoke)
			f.serve(damage)
		}, 5, availability.Corrupt, ""},
		{"unchoked, and then silent", func(f *fake) {
			f.handshake(fakeHash, true)
			f.raw(msgBitfield, []byte{0x24})
			f.send(msgUnchoke)
			f.hang()
		}, 5, availability.Inconclusive, "time for the audit"},
		{"choked", func(f *fake) { f.handshake(fakeHash, true); f.raw(msgBitfield, []byte{0x24}); f.hang() }, -1, 0, "kept us choked"},
		{"nothing", func(f *fake) { f.handshake(fakeHash, true); f.send(msgHaveNone); f.hang() }, -1, 0, "has nothing"},
		{"silent", func(f *fake) { f.handshake(fakeHash, true); f.hang() }, -1, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := fakeRequest(listen(t, func(f *fake, _ int) { tt.script(f) }))
			out := newProber(t, 5*time.Second).Sample(context.Background(), r, last)
			if out.OurSide || !strings.Contains(out.Reason, tt.reason) {
				t.Errorf("%+v", out)
			}
			switch {
			case tt.piece < 0 && len(out.Results) == 0:
			case len(out.Results) != 1 || out.Results[0].Target != (availability.Target{Piece: tt.piece, Block: availability.Whole}) || out.Results[0].Verdict != tt.want:
				t.Errorf("%+v", out)
			}
		})
	}
}
