package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anacrolix/torrent/mse"
	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func fakePieceSize(i int) bt.Bytes {
	return min(fakePieceLength, fakeSize-bt.Bytes(i)*fakePieceLength)
}

func fakeView(addr netip.AddrPort) ViewRequest {
	return ViewRequest{Addr: addr, InfoHash: fakeHash, NumPieces: fakePieces, PieceSize: fakePieceSize}
}

// TestViews holds what a peer may say, or send instead, against what is then known of it.
func TestViews(t *testing.T) {
	t.Parallel()
	const short = fakeSize - 7*fakePieceLength // the last piece
	tests := []struct {
		name   string
		script func(f *fake, nth int)
		pieces int // -1: not seen
		bytes  bt.Bytes
		reason string
	}{
		{"everything", func(f *fake, _ int) { f.handshake(fakeHash, true); f.send(msgHaveAll); f.hang() }, 8, fakeSize, ""},
		{"nothing", func(f *fake, _ int) { f.handshake(fakeHash, true); f.send(msgHaveNone); f.hang() }, 0, 0, ""},
		{"a bitfield with the short last piece", func(f *fake, _ int) { f.handshake(fakeHash, false); f.raw(msgBitfield, []byte{0x81}); f.hang() }, 2, fakePieceLength + short, ""},
		{"a bitfield, then the same pieces and more", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.raw(msgBitfield, []byte{0xc0})
			f.conn.Write(make([]byte, 4)) // keep-alive
			f.send(msgUnchoke)
			f.send(msgHave, 1)
			f.send(msgHave, 7)
			f.hang()
		}, 3, 2*fakePieceLength + short, ""},
		{"pieces only", func(f *fake, _ int) { f.handshake(fakeHash, false); f.send(msgHave, 7); f.hang() }, 1, short, ""},
		{"pieces after nothing", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.send(msgHaveNone)
			f.send(msgHave, 0)
			f.hang()
		}, 1, fakePieceLength, ""},
		{"closes when it has said it", func(f *fake, _ int) { f.handshake(fakeHash, true); f.send(msgHaveAll) }, 8, fakeSize, ""},
		{"stops in the middle of a message", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.raw(msgBitfield, []byte{0xf0})
			f.conn.Write([]byte{0, 0, 0, 5, msgHave, 0})
			f.hang()
		}, 4, 4 * fakePieceLength, ""},
		{"chatter in between", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.raw(20, []byte("\x00d1:md11:ut_metadatai1eee"))
			f.raw(msgBitfield, []byte{0x01})
			f.send(msgAllowedFast, 3)
			f.raw(msgPiece, append(frame(nil, 0, 2, 0)[5:], make([]byte, bt.BlockSize)...)) // never asked for
			f.send(msgReject, 1, 2, 3)
			f.raw(99, []byte("what"))
			f.hang()
		}, 1, short, ""},
		{"says nothing of itself", func(f *fake, _ int) { f.handshake(fakeHash, false); f.send(msgUnchoke); f.hang() }, -1, 0, "did not say what it has"},
		{"says nothing", func(f *fake, _ int) { f.hang() }, -1, 0, "did not answer the handshake"},
		{"closes before it has said anything", func(f *fake, _ int) { f.handshake(fakeHash, true) }, -1, 0, "closed the connection"},
		{"closes at once, twice", func(f *fake, _ int) {}, -1, 0, "encrypted handshake"},
		{"another torrent", func(f *fake, _ int) { f.handshake(bt.InfoHash{9}, true); f.send(msgHaveAll); f.hang() }, -1, 0, "another torrent"},
		{"a bitfield too long", func(f *fake, _ int) { f.handshake(fakeHash, true); f.raw(msgBitfield, []byte{0xff, 0}); f.hang() }, -1, 0, "a bitfield of 2 bytes"},
		{"a bitfield too short", func(f *fake, _ int) { f.handshake(fakeHash, true); f.raw(msgBitfield, nil); f.hang() }, -1, 0, "a bitfield of 0 bytes"},
		{"a bad bitfield after a good word", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.send(msgHaveAll)
			f.raw(msgBitfield, []byte{0xff, 0xff})
			f.hang()
		}, -1, 0, "a bitfield of 2 bytes"},
		{"a piece that does not exist", func(f *fake, _ int) { f.handshake(fakeHash, true); f.send(msgHave, 8); f.hang() }, -1, 0, "piece 8 of 8"},
		{"a message without end", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.conn.Write([]byte{0x7f, 0xff, 0xff, 0xff, msgBitfield})
			f.hang()
		}, -1, 0, "a message of 2147483647 bytes"},
		{"floods", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.send(msgHaveAll)
			for junk := make([]byte, 1<<19); ; {
				if _, err := f.conn.Write(append([]byte{0, 8, 0, 1, 99}, junk...)); err != nil {
					return
				}
			}
		}, -1, 0, "more than was asked for"},
	}
	views := make([]View, len(tests))
	var all sync.WaitGroup // they mostly wait: all at once, whatever -parallel says
	for i, tt := range tests {
		p := newProber(t, 10*time.Second)
		if strings.Contains(tt.reason, "did not") {
			p = newProber(t, 1500*time.Millisecond)
		}
		r := fakeView(listen(t, tt.script))
		all.Go(func() { views[i] = p.View(context.Background(), r) })
	}
	all.Wait()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := views[i]
			if v.Seen != (tt.pieces >= 0) || v.Pieces != max(0, tt.pieces) || v.Bytes != tt.bytes || v.OurSide || v.Unreachable {
				t.Errorf("%+v, want %d pieces, %d bytes", v, tt.pieces, tt.bytes)
			}
			if tt.reason == "" && v.Reason != "" || !strings.Contains(v.Reason, tt.reason) {
				t.Errorf("reason %q, want %q", v.Reason, tt.reason)
			}
		})
	}
}

// A torrent of 11 pieces leaves five bits of its bitfield over.
func TestSpareBits(t *testing.T) {
	t.Parallel()
	for bits, seen := range map[byte]bool{0xe0: true, 0x20: true, 0x10: false, 0x01: false, 0xff: false} {
		t.Run(fmt.Sprintf("%02x", bits), func(t *testing.T) {
			t.Parallel()
			r := fakeView(listen(t, func(f *fake, _ int) { f.handshake(fakeHash, true); f.raw(msgBitfield, []byte{0, bits}) }))
			r.NumPieces, r.PieceSize = 11, func(int) bt.Bytes { return 1 }
			v := newProber(t, 10*time.Second).View(context.Background(), r)
			if v.Seen != seen || !seen && !strings.Contains(v.Reason, "spare bits") {
				t.Errorf("%+v", v)
			}
		})
	}
}

// A view asks for nothing: not for a piece, not even to be let.
func TestViewAsksForNothing(t *testing.T) {
	t.Parallel()
	heard := make(chan []byte, 1)
	addr := listen(t, func(f *fake, _ int) {
		f.handshake(fakeHash, true)
		f.send(msgHaveAll)
		f.send(msgUnchoke)
		f.send(msgAllowedFast, 3)
		b, _ := io.ReadAll(f.in.r)
		heard <- b
	})
	if v := newProber(t, 10*time.Second).View(context.Background(), fakeView(addr)); !v.Seen || v.PeerClient != "-FA0001-" {
		t.Errorf("%+v", v)
	}
	if got := <-heard; !bytes.Equal(got, frame(nil, msgHaveNone)) {
		t.Errorf("it sent %x", got)
	}
}

func TestViewOfAnEncryptedPeer(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(f *fake, nth int) {
		if nth == 0 {
			return
		}
		rw, _, err := mse.ReceiveHandshake(context.Background(), f.tcp, func(try func([]byte) bool) { try(fakeHash[:]) },
			func(mse.CryptoMethod) mse.CryptoMethod { return mse.CryptoMethodRC4 })
		if err != nil {
			f.t.Error(err)
			return
		}
		f.conn, f.in = rw, newReader(rw)
		f.handshake(fakeHash, true)
		f.raw(msgBitfield, []byte{0x03})
		f.hang()
	})
	v := newProber(t, 10*time.Second).View(context.Background(), fakeView(addr))
	if !v.Seen || v.Bytes != fakePieceLength+10_000 || !v.Encrypted {
		t.Errorf("%+v", v)
	}
}

func TestViewsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	if v := newProber(t, 4*time.Second).View(context.Background(), fakeView(closed)); v.Seen || !v.Unreachable || v.OurSide {
		t.Errorf("nobody listens: %+v", v)
	}

	strict, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	connected := make(chan struct{}, 1)
	private := listen(t, func(f *fake, _ int) { connected <- struct{}{} })
	if v := strict.View(context.Background(), fakeView(private)); v.Seen || !v.OurSide || len(connected) > 0 {
		t.Errorf("a private address: %+v", v)
	}
	for name, spoil := range map[string]func(*ViewRequest){
		"no pieces":  func(r *ViewRequest) { r.NumPieces = 0 },
		"too many":   func(r *ViewRequest) { r.NumPieces = maxPieces + 1 },
		"no lengths": func(r *ViewRequest) { r.PieceSize = nil },
		"no address": func(r *ViewRequest) { r.Addr = netip.AddrPort{} },
	} {
		r := fakeView(closed)
		spoil(&r)
		if v := newProber(t, time.Second).View(context.Background(), r); v.Seen || !v.OurSide || v.Reason == "" {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// What a peer said before we were called off is not a view: it may have had more to say.
func TestViewCalledOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	addr := listen(t, func(f *fake, _ int) {
		f.handshake(fakeHash, true)
		f.raw(msgBitfield, []byte{0x80})
		io.ReadFull(f.in.r, make([]byte, 5)) // its have-none: it listens by now
		cancel()
		f.hang()
	})
	if v := newProber(t, 10*time.Second).View(ctx, fakeView(addr)); v.Seen || v.Pieces != 0 || !v.OurSide {
		t.Errorf("%+v", v)
	}
}

// look feeds a session what a peer sends after its handshake.
func look(sent []byte, pieces int, fast bool) (*session, error) {
	r := Request{InfoHash: fakeHash}
	s := newSession(r, pieces, auditor(false), io.Discard, &limited{context.Background(), bytes.NewReader(sent), chatter(pieces), rate.NewLimiter(rate.Inf, 0)})
	s.fast, s.looking = fast, true
	return s, s.look(time.Now().Add(time.Hour))
}

// TestLookCounts holds a view against a set that takes the same messages.
func TestLookCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.IntRange(1, 40).Draw(t, "pieces")
		size := func(i int) bt.Bytes {
			if i == pieces-1 {
				return 3
			}
			return 10
		}
		var sent []byte
		have := map[int]bool{}
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				clear(have)
				b := make([]byte, (pieces+7)/8)
				for i := range pieces {
					if rapid.Bool().Draw(t, "bit") {
						b[i/8] |= 0x80 >> (i % 8)
						have[i] = true
					}
				}
				sent = binary.BigEndian.AppendUint32(sent, uint32(len(b)+1))
				sent = append(append(sent, msgBitfield), b...)
			case 1:
				for i := range pieces {
					have[i] = true
				}
				sent = frame(sent, msgHaveAll)
			case 2:
				clear(have)
				sent = frame(sent, msgHaveNone)
			case 3:
				i := rapid.IntRange(0, pieces-1).Draw(t, "have")
				have[i] = true
				sent = frame(sent, msgHave, uint32(i))
			}
		}
		s, err := look(sent, pieces, rapid.Bool().Draw(t, "fast"))
		if err != nil {
			t.Fatal(err)
		}
		var want bt.Bytes
		for i := range have {
			want += size(i)
		}
		if n, b := s.has(size); n != len(have) || b != want {
			t.Fatalf("%d pieces of %d bytes, want %d of %d", n, b, len(have), want)
		}
	})
}

// FuzzLook feeds a view whatever a peer may send: it must end, keep within its bounds, and have
// seen a piece only if the peer named one.
func FuzzLook(f *testing.F) {
	f.Add([]byte{}, uint16(8), true)
	f.Add(frame(nil, msgHaveAll), uint16(8), true)
	f.Add(append(frame(nil, msgHaveNone), frame(nil, msgHave, 7)...), uint16(8), true)
	f.Add([]byte{0, 0, 0, 3, msgBitfield, 0xff, 0xe0}, uint16(11), false)
	f.Add([]byte{0, 0, 0, 3, msgBitfield, 0xff, 0x1f}, uint16(11), false)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, msgBitfield}, uint16(8), false)
	f.Fuzz(func(t *testing.T, sent []byte, n uint16, fast bool) {
		pieces := int(n) + 1
		s, err := look(sent, pieces, fast)
		got, sum := s.has(func(int) bt.Bytes { return 1 })
		if got > pieces || int(sum) != got || len(s.allowedFast) > 0 || s.out.Bytes > 0 {
			t.Fatalf("%d pieces of %d, %d bytes, %v", got, pieces, sum, err)
		}
		if named := bytes.ContainsAny(sent, string([]byte{msgHave, msgBitfield, msgHaveAll})); got > 0 && !named {
			t.Fatalf("%d pieces seen, none named", got)
		}
		if cap(s.in.buf) > 2*len(sent)+64<<10 {
			t.Fatalf("%d bytes kept for %d sent", cap(s.in.buf), len(sent))
		}
	})
}
