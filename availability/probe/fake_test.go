package probe

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anacrolix/torrent/mse"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// fake is one connection of a scripted peer that has a torrent of 8 pieces of 64 KiB, the last one
// of 10,000 bytes.
type fake struct {
	t    *testing.T
	conn io.ReadWriter
	tcp  *net.TCPConn
	in   *reader
	from *catalog.Torrent
}

const (
	fakePieceLength = 64 << 10
	fakePieces      = 8
	fakeSize        = 7*fakePieceLength + 10_000
	fakeBlocks      = 4 // of a piece
)

func fakeData() []byte {
	b := make([]byte, fakeSize)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

// fakeTorrents are the torrents of the fake data, by version.
var fakeTorrents = sync.OnceValue(func() map[catalog.Version]*catalog.Torrent {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "fake.bin")
	if err := os.WriteFile(path, fakeData(), 0o600); err != nil {
		panic(err)
	}
	out := map[catalog.Version]*catalog.Torrent{}
	for _, v := range []catalog.Version{catalog.V1, catalog.V2, catalog.Hybrid} {
		raw, err := catalog.Create(context.Background(), path, catalog.CreateOptions{Version: v, PieceLength: fakePieceLength, Private: true})
		if err != nil {
			panic(err)
		}
		if out[v], err = catalog.Parse(raw); err != nil {
			panic(err)
		}
	}
	return out
})

var fakeHash = fakeTorrents()[catalog.V1].InfoHash

// wholes are targets of whole pieces.
func wholes(pieces ...int) (out []availability.Target) {
	for _, i := range pieces {
		out = append(out, availability.Target{Piece: i, Block: availability.Whole})
	}
	return out
}

func fakeRequest(addr netip.AddrPort, pieces ...int) Request {
	return Request{Addr: addr, InfoHash: fakeHash, Torrent: fakeTorrents()[catalog.V1], Targets: wholes(pieces...), MaxBytes: 16 << 20, MaxPieces: 4}
}

// listen runs the script for each connection, one after another, until the test ends.
func listen(t *testing.T, script func(f *fake, nth int)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(15 * time.Second))
			script(&fake{t: t, conn: c, tcp: c.(*net.TCPConn), in: newReader(c), from: fakeTorrents()[catalog.V1]}, n)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func (f *fake) handshake(hash bt.InfoHash, fast bool) {
	io.ReadFull(f.in.r, make([]byte, handshakeLen))
	b := append([]byte(protocol), make([]byte, 8)...)
	if fast {
		b[len(b)-1] |= fastBit
	}
	b = append(append(b, hash[:]...), "-FA0001-\x00\x01\xffabcdefghi"...)
	f.conn.Write(b)
}

func (f *fake) send(id byte, numbers ...uint32) { f.conn.Write(frame(nil, id, numbers...)) }

func (f *fake) raw(id byte, payload []byte) { f.conn.Write(framed(nil, id, payload)) }

// serve answers requests until the connection ends; answer may change or withhold a block.
func (f *fake) serve(answer func(index, begin uint32, block []byte) []byte) {
	data := fakeData()
	for {
		m, err := f.in.next()
		if err != nil {
			return
		}
		if m.keepAlive || m.id != msgRequest {
			continue
		}
		n, _ := m.numbers(3)
		from := int(n[0])*fakePieceLength + int(n[1])
		if block := answer(n[0], n[1], bytes.Clone(data[from:from+int(n[2])])); block != nil {
			f.raw(msgPiece, append(frame(nil, 0, n[0], n[1])[5:], block...))
		}
	}
}

func intact(_, _ uint32, block []byte) []byte { return block }

// hang keeps the connection open without another word.
func (f *fake) hang() { io.Copy(io.Discard, f.conn) }

func newProber(t *testing.T, budget time.Duration) *Prober {
	t.Helper()
	p, err := New(Config{Budget: budget, Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPeers holds every bad input against the verdict that it must get.
func TestPeers(t *testing.T) {
	t.Parallel()
	open := func(f *fake) { f.handshake(fakeHash, true); f.send(msgHaveAll); f.send(msgUnchoke) }
	const P, C, M, I = availability.Passed, availability.Corrupt, availability.Missing, availability.Inconclusive
	tests := []struct {
		name   string
		script func(f *fake, nth int)
		want   []availability.Verdict // of pieces 1, 4, 7
		reason string                 // why it ended
	}{
		{"intact", func(f *fake, _ int) { open(f); f.serve(intact) }, []availability.Verdict{P, P, P}, ""},
		{"intact, without the fast extension", func(f *fake, _ int) {
			f.handshake(fakeHash, false)
			f.raw(msgBitfield, []byte{0xff})
			f.send(msgUnchoke)
			f.serve(intact)
		}, []availability.Verdict{P, P, P}, ""},
		{"haves after an unchoke that came early", func(f *fake, _ int) {
			f.handshake(fakeHash, false)
			f.send(msgUnchoke)
			f.raw(msgBitfield, []byte{0x0e})
			f.conn.Write(make([]byte, 4)) // keep-alive
			time.Sleep(500 * time.Millisecond)
			for i := range uint32(fakePieces) {
				f.send(msgHave, i)
			}
			f.serve(intact)
		}, []availability.Verdict{P, P, P}, ""},
		{"one corrupted piece", func(f *fake, _ int) {
			open(f)
			f.serve(func(i, begin uint32, b []byte) []byte {
				if i == 4 && begin == bt.BlockSize {
					b[100] ^= 1
				}
				return b
			})
		}, []availability.Verdict{P, C, P}, ""},
		{"another torrent's data", func(f *fake, _ int) {
			open(f)
			f.serve(func(_, _ uint32, b []byte) []byte { return make([]byte, len(b)) })
		}, []availability.Verdict{C, C, C}, ""},
		{"its bitfield lacks a piece", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.raw(msgBitfield, []byte{0xf7})
			f.send(msgUnchoke)
			f.serve(intact)
		}, []availability.Verdict{P, M, P}, ""},
		{"half of it", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.raw(msgBitfield, []byte{0xf0})
			f.send(msgUnchoke)
			f.serve(intact)
		}, []availability.Verdict{P, M, M}, ""},
		{"it has nothing and chokes", func(f *fake, _ int) { f.handshake(fakeHash, true); f.send(msgHaveNone); f.hang() }, []availability.Verdict{M, M, M}, ""},
		{"claims what it lacks: rejects while unchoked", func(f *fake, _ int) {
			open(f)
			f.serve(func(i, begin uint32, b []byte) []byte {
				if i == 4 {
					f.send(msgReject, 4, begin, uint32(len(b)))
					return nil
				}
				return b
			})
		}, []availability.Verdict{P, M, P}, ""},
		{"rejects what was under way when it choked", func(f *fake, _ int) {
			open(f)
			rejected := map[[2]uint32]bool{}
			f.serve(func(i, begin uint32, b []byte) []byte {
				if k := [2]uint32{i, begin}; i == 4 && !rejected[k] {
					rejected[k] = true
					if len(rejected) == fakeBlocks {
						f.send(msgChoke)
						f.send(msgUnchoke)
						for k := range rejected {
							f.send(msgReject, k[0], k[1], bt.BlockSize)
						}
					}
					return nil
				}
				return b
			})
		}, []availability.Verdict{P, P, P}, ""},
		{"chokes in the middle without the fast extension", func(f *fake, _ int) {
			f.handshake(fakeHash, false)
			f.raw(msgBitfield, []byte{0xff})
			f.send(msgUnchoke)
			n := 0
			f.serve(func(_, _ uint32, b []byte) []byte {
				if n++; n == 3 {
					f.send(msgChoke)
					f.send(msgUnchoke)
				}
				if n >= 3 && n <= 6 {
					return nil
				}
				return b
			})
		}, []availability.Verdict{P, P, P}, ""},
		{"allowed fast while choked", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.send(msgHaveAll)
			f.send(msgAllowedFast, 7)
			f.serve(intact)
		}, []availability.Verdict{I, I, P}, "kept us choked"},
		{"rejects what it allowed fast", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.send(msgHaveAll)
			f.send(msgAllowedFast, 7)
			f.serve(func(i, begin uint32, b []byte) []byte { f.send(msgReject, i, begin, uint32(len(b))); return nil })
		}, []availability.Verdict{I, I, I}, "kept us choked"},
		{"chokes for ever", func(f *fake, _ int) { f.handshake(fakeHash, true); f.send(msgHaveAll); f.hang() }, []availability.Verdict{I, I, I}, "kept us choked"},
		{"does not say what it has", func(f *fake, _ int) { f.handshake(fakeHash, false); f.send(msgUnchoke); f.hang() }, []availability.Verdict{I, I, I}, "did not say what it has"},
		{"super-seeds", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.send(msgHaveNone)
			f.send(msgHave, 7)
			f.send(msgUnchoke)
			f.serve(intact)
		}, []availability.Verdict{I, I, P}, "super-seeds"},
		{"too slow", func(f *fake, _ int) {
			open(f)
			f.serve(func(_, _ uint32, b []byte) []byte { time.Sleep(550 * time.Millisecond); return b })
		}, []availability.Verdict{P, I, I}, "time for the audit"},
		{"silent after unchoke", func(f *fake, _ int) { open(f); f.hang() }, []availability.Verdict{I, I, I}, "time for the audit"},
		{"silent from the start", func(f *fake, _ int) { f.hang() }, []availability.Verdict{I, I, I}, "did not answer the handshake"},
		{"closes after a piece", func(f *fake, _ int) {
			open(f)
			n := 0
			f.serve(func(_, _ uint32, b []byte) []byte {
				if n++; n > fakeBlocks {
					f.tcp.Close()
				}
				return b
			})
		}, []availability.Verdict{P, I, I}, "closed the connection"},
		{"resets", func(f *fake, _ int) { open(f); f.tcp.SetLinger(0) }, []availability.Verdict{I, I, I}, "closed the connection"},
		{"closes at once, twice", func(f *fake, _ int) {}, []availability.Verdict{I, I, I}, "encrypted handshake"},
		{"wrong info-hash", func(f *fake, _ int) { f.handshake(bt.InfoHash{9}, true); f.hang() }, []availability.Verdict{I, I, I}, "another torrent"},
		{"not BitTorrent", func(f *fake, _ int) {
			f.conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\nServer: example\r\n\r\n"))
			f.hang()
		}, []availability.Verdict{I, I, I}, "not the BitTorrent protocol"},
		{"a huge message", func(f *fake, _ int) { open(f); f.conn.Write([]byte{0x7f, 0xff, 0xff, 0xff, msgPiece}); f.hang() }, []availability.Verdict{I, I, I}, "a message of 2147483647 bytes"},
		{"a huge block", func(f *fake, _ int) { open(f); f.raw(msgPiece, make([]byte, bt.BlockSize+9)); f.hang() }, []availability.Verdict{I, I, I}, "message 7 of 16394 bytes"},
		{"a huge answer to a hash request", func(f *fake, _ int) { open(f); f.raw(msgHashes, make([]byte, 1<<19)); f.hang() }, []availability.Verdict{I, I, I}, "message 22 of 524289 bytes"},
		{"chokes and unchokes without end", func(f *fake, _ int) {
			open(f)
			for range maxChokes + 1 {
				f.send(msgChoke)
				f.send(msgUnchoke)
			}
			f.hang()
		}, []availability.Verdict{I, I, I}, "chokes without end"},
		{"says without end what it has", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			for range maxTellings + 1 {
				f.send(msgHaveAll)
			}
			f.hang()
		}, []availability.Verdict{I, I, I}, "says without end"},
		{"small messages without end", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.conn.Write(make([]byte, 4*(maxChatter+fakePieces+1)))
			f.hang()
		}, []availability.Verdict{I, I, I}, "more than was asked for"},
		{"a bitfield of another size", func(f *fake, _ int) { f.handshake(fakeHash, true); f.raw(msgBitfield, []byte{0xff, 0}); f.hang() }, []availability.Verdict{I, I, I}, "a bitfield of 2 bytes"},
		{"a have of no piece", func(f *fake, _ int) { open(f); f.send(msgHave, 1<<31); f.hang() }, []availability.Verdict{I, I, I}, "piece 2147483648 of 8"},
		{"garbage after the handshake", func(f *fake, _ int) {
			f.handshake(fakeHash, true)
			f.conn.Write(bytes.Repeat([]byte("garbage!"), 1000))
			f.hang()
		}, []availability.Verdict{I, I, I}, "not the BitTorrent protocol"},
		{"unrequested blocks, extensions and unknown messages in between", func(f *fake, _ int) {
			open(f)
			f.raw(20, []byte("\x00d1:md11:ut_metadatai1eee"))
			f.raw(99, []byte("what"))
			f.raw(msgPiece, append(frame(nil, 0, 2, 0)[5:], make([]byte, bt.BlockSize)...)) // never asked for
			f.raw(msgPiece, append(frame(nil, 0, 1, 7)[5:], 1, 2, 3))
			f.raw(msgPiece, []byte{1})
			f.serve(intact)
		}, []availability.Verdict{P, P, P}, ""},
		{"floods", func(f *fake, _ int) {
			open(f)
			junk := append(frame(nil, 0, 2, 0)[5:], make([]byte, bt.BlockSize)...)
			for range 1000 {
				f.raw(msgPiece, junk)
			}
		}, []availability.Verdict{I, I, I}, "more than was asked for"},
	}
	waits := []string{"kept us choked", "did not say what it has", "super-seeds", "time for the audit", "did not answer the handshake"}
	outcomes := make([]availability.Outcome, len(tests))
	var all sync.WaitGroup // they mostly wait: all at once, whatever -parallel says
	for i, tt := range tests {
		budget := 10 * time.Second // ends by itself long before, also on a busy machine
		if slices.Contains(waits, tt.reason) {
			budget = 1500 * time.Millisecond
		}
		if tt.name == "too slow" {
			budget = 3 * time.Second
		}
		p, r := newProber(t, budget), fakeRequest(listen(t, tt.script), 1, 4, 7)
		all.Go(func() { outcomes[i] = p.Probe(context.Background(), r) })
	}
	all.Wait()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := outcomes[i]
			got := map[int]availability.Verdict{}
			for _, r := range out.Results {
				got[r.Piece] = r.Verdict
				if r.Verdict == C && (bytes.Equal(r.Want, r.Got) || len(r.Got) != 20 || len(r.Want) != 20) {
					t.Errorf("piece %d: no evidence: %+v", r.Piece, r)
				}
			}
			for i, piece := range []int{1, 4, 7} {
				if got[piece] != tt.want[i] {
					t.Errorf("piece %d: %s, want %s (%s)", piece, got[piece], tt.want[i], out.Reason)
				}
			}
			if len(out.Results) != 3 || out.OurSide || out.Unreachable {
				t.Errorf("outcome %+v", out)
			}
			if tt.reason == "" && out.Reason != "" || !bytes.Contains([]byte(out.Reason), []byte(tt.reason)) {
				t.Errorf("reason %q, want %q", out.Reason, tt.reason)
			}
		})
	}
}

func TestEncryptedPeer(t *testing.T) {
	t.Parallel()
	var first, second time.Time
	addr := listen(t, func(f *fake, nth int) {
		if nth == 0 { // closes plain connections, as clients that require encryption do
			first = time.Now()
			return
		}
		second = time.Now()
		rw, _, err := mse.ReceiveHandshake(context.Background(), f.tcp, func(try func([]byte) bool) { try(fakeHash[:]) },
			func(mse.CryptoMethod) mse.CryptoMethod { return mse.CryptoMethodRC4 })
		if err != nil {
			f.t.Error(err)
			return
		}
		f.conn, f.in = rw, newReader(rw)
		f.handshake(fakeHash, true)
		f.send(msgHaveAll)
		f.send(msgUnchoke)
		f.serve(intact)
	})
	out := newProber(t, 8*time.Second).Probe(context.Background(), fakeRequest(addr, 0, 7))
	if len(out.Results) != 2 || out.Results[0].Verdict != availability.Passed || out.Results[1].Verdict != availability.Passed || !out.Encrypted {
		t.Errorf("%+v", out)
	}
	if second.Sub(first) < time.Second {
		t.Errorf("came back after %s", second.Sub(first))
	}
	if out.Bytes != fakePieceLength+10_000 || out.Rate() <= 0 || out.PeerClient != "-FA0001-" {
		t.Errorf("%d bytes, %d a second, client %q", out.Bytes, out.Rate(), out.PeerClient)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	out := newProber(t, 4*time.Second).Probe(context.Background(), fakeRequest(addr, 3))
	if !out.Unreachable || out.OurSide || len(out.Results) != 1 || out.Results[0].Verdict != availability.Offline {
		t.Errorf("%+v", out)
	}
}

func TestCalledOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	out := newProber(t, 8*time.Second).Probe(ctx, fakeRequest(listen(t, func(f *fake, _ int) { f.hang() }), 3))
	if !out.OurSide || out.Elapsed > 2*time.Second {
		t.Errorf("%+v", out)
	}
	p := newProber(t, time.Second)
	for name, spoil := range map[string]func(*Request){
		"no such piece": func(r *Request) { r.Targets = wholes(8) }, "negative": func(r *Request) { r.Targets = wholes(-1) },
		"no such block": func(r *Request) { r.Targets[0].Block = -2 },
		"nothing":       func(r *Request) { r.Targets = nil }, "no torrent": func(r *Request) { r.Torrent = nil },
		"another torrent": func(r *Request) { r.InfoHash[0]++ }, "no limit": func(r *Request) { r.MaxPieces = 0 },
	} {
		r := fakeRequest(netip.MustParseAddrPort("127.0.0.1:9"), 1)
		spoil(&r)
		if out := p.Probe(context.Background(), r); !out.OurSide {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// Two probes of one peer and torrent never meet, and keep a pause.
func TestOneConnectionAtATime(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(f *fake, _ int) {
		f.handshake(fakeHash, true)
		f.send(msgHaveAll)
		f.send(msgUnchoke)
		f.serve(intact)
	})
	p := newProber(t, 5*time.Second)
	began := time.Now()
	results := make(chan availability.Outcome, 2)
	for range 2 {
		go func() { results <- p.Probe(context.Background(), fakeRequest(addr, 2)) }()
	}
	for range 2 {
		if out := <-results; out.Results[0].Verdict != availability.Passed || out.Elapsed > time.Second {
			t.Errorf("%+v", out)
		}
	}
	if time.Since(began) < reconnectPause {
		t.Errorf("both were done after %s", time.Since(began))
	}
}

func TestBandwidthIsShared(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(f *fake, _ int) {
		f.handshake(fakeHash, true)
		f.send(msgHaveAll)
		f.send(msgUnchoke)
		f.serve(intact)
	})
	p, err := New(Config{Budget: 5 * time.Second, BytesPerSecond: 200_000, Policy: Policy{AllowPrivate: true}})
	if err != nil {
		t.Fatal(err)
	}
	out := p.Probe(context.Background(), fakeRequest(addr, 0, 1, 2, 3, 4))
	if len(out.Results) != 5 || out.Results[0].Verdict != availability.Passed || out.Rate() > 300_000 {
		t.Errorf("%d bytes a second: %+v", out.Rate(), out)
	}
	if p, err = New(Config{Budget: time.Second, BytesPerSecond: 10_000, Policy: Policy{AllowPrivate: true}}); err != nil {
		t.Fatal(err)
	}
	if out := p.Probe(context.Background(), fakeRequest(addr, 0, 1, 2, 3, 4)); !out.OurSide {
		t.Errorf("our own limit is the peer's fault: %+v", out)
	}
}

func fakeAddr() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:9") }

// A peer that closes the plain connection and is then gone was there: it is not offline.
func TestGoneAfterTheFirstConnection(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		conn, err := l.Accept()
		if l.Close(); err == nil {
			conn.Close()
		}
	}()
	out := newProber(t, 8*time.Second).Probe(context.Background(), fakeRequest(l.Addr().(*net.TCPAddr).AddrPort(), 3))
	if out.Unreachable || len(out.Results) != 1 || out.Results[0].Verdict != availability.Inconclusive {
		t.Errorf("%+v", out)
	}
}
