package probe

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// meet is the handshake of a fake peer that answers with a hash and reserved bits of its choice.
func (f *fake) meet(hash bt.InfoHash, flags byte) {
	f.in.r.Discard(handshakeLen)
	b := append([]byte(protocol), 0, 0, 0, 0, 0, 0, 0, flags)
	f.conn.Write(append(append(b, hash[:]...), fakePeer[:]...))
	f.send(msgHaveAll)
	f.send(msgUnchoke)
}

// serveHashes serves blocks and their hashes, both as the script changes them; nil withholds.
func (f *fake) serveHashes(data []byte, block func(index, begin uint32, block []byte) []byte, answer func(hashes []byte) (id byte, payload []byte)) {
	for {
		m, err := f.in.next()
		if err != nil {
			return
		}
		switch m.id {
		case msgRequest:
			n, _ := m.numbers(3)
			from := int(n[0])*fakePieceLength + int(n[1])
			if b := block(n[0], n[1], bytes.Clone(data[from:from+int(n[2])])); b != nil {
				f.raw(msgPiece, append(frame(nil, 0, n[0], n[1])[5:], b...))
			}
		case msgHashRequest:
			r, _, err := parseHashes(m.payload)
			if err != nil {
				f.t.Error(err)
				return
			}
			if id, payload := answer(f.hashes(r)); id != 0 {
				f.raw(id, append(bytes.Clone(m.payload[:hashHead]), payload...))
			}
		}
	}
}

// hashes are the right answer to a hash request.
func (f *fake) hashes(r catalog.HashRequest) (out []byte) {
	const perPiece = fakePieceLength / bt.BlockSize
	piece, b := int(r.Index)/perPiece, int(r.Index)%perPiece
	data := fakeData()[piece*fakePieceLength:]
	leaves := f.from.Leaves(piece, data[:f.from.PieceSize(piece)])
	path := f.from.Path(piece, b, leaves)
	for _, h := range append([][32]byte{leaves[b]}, path...) {
		out = append(out, h[:]...)
	}
	return out
}

func right(h []byte) (byte, []byte)   { return msgHashes, h }
func refuse([]byte) (byte, []byte)    { return msgHashReject, nil }
func silence([]byte) (byte, []byte)   { return 0, nil }
func short(h []byte) (byte, []byte)   { return msgHashes, h[:32] }
func twisted(h []byte) (byte, []byte) { h[70] ^= 1; return msgHashes, h }

func damage(_, begin uint32, b []byte) []byte {
	if begin == bt.BlockSize {
		b[5] ^= 1
	}
	return b
}

// contradictory is the fake hybrid, except that by its v1 hashes piece 3 is filled with zeros.
var contradictory = sync.OnceValue(func() *catalog.Torrent {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "fake.bin")
	if err := os.WriteFile(path, fakeData(), 0o600); err != nil {
		panic(err)
	}
	raw, err := catalog.Create(context.Background(), path, catalog.CreateOptions{Version: catalog.Hybrid, PieceLength: fakePieceLength})
	if err != nil {
		panic(err)
	}
	was, is := sha1.Sum(fakeData()[3*fakePieceLength:4*fakePieceLength]), sha1.Sum(make([]byte, fakePieceLength))
	t, err := catalog.Parse(bytes.Replace(raw, was[:], is[:], 1))
	if err != nil {
		panic(err)
	}
	return t
})

// TestHashes: of what a peer says of a block's hashes only the right ones count, and they are no
// evidence against it when they are wrong. The block asked for is the second of piece 3.
func TestHashes(t *testing.T) {
	t.Parallel()
	v1, v2, hybrid := fakeTorrents()[catalog.V1], fakeTorrents()[catalog.V2], fakeTorrents()[catalog.Hybrid]
	zeros := fakeData()
	clear(zeros[3*fakePieceLength : 4*fakePieceLength])
	const P, C, M = availability.Passed, availability.Corrupt, availability.Missing
	tests := []struct {
		name    string
		torrent *catalog.Torrent
		over    bt.InfoHash // the swarm
		answers bt.InfoHash // of the peer's handshake
		flags   byte
		data    []byte
		block   func(index, begin uint32, block []byte) []byte
		hashes  func(hashes []byte) (id byte, payload []byte)
		want    availability.Verdict
		whole   bool
	}{
		{"v2", v2, v2.InfoHash, v2.InfoHash, fastBit | v2Bit, fakeData(), intact, right, P, false},
		{"v2, of libtorrent, which does not say so", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), intact, right, P, false},
		{"v2, damaged", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), damage, right, C, false},
		{"v2, hashes refused", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), intact, refuse, P, true},
		{"v2, hashes refused, damaged", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), damage, refuse, C, true},
		{"v2, no answer to the request for hashes", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), intact, silence, P, true},
		{"v2, other hashes than those asked for", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), intact, short, P, true},
		{"v2, wrong hashes", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), intact, twisted, P, true},
		{"v2, wrong hashes, damaged", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), damage, twisted, C, true},
		{"v2, block refused", v2, v2.InfoHash, v2.InfoHash, fastBit, fakeData(), nil, right, M, false},
		{"hybrid, as v1", hybrid, hybrid.V1, hybrid.V1, fastBit, fakeData(), intact, right, P, true},
		{"hybrid, as v1, with hashes", hybrid, hybrid.V1, hybrid.V1, fastBit | v2Bit, fakeData(), intact, right, P, false},
		{"hybrid, answers as v2", hybrid, hybrid.V1, hybrid.TruncatedV2(), fastBit, fakeData(), intact, right, P, false},
		{"hybrid, as v2", hybrid, hybrid.TruncatedV2(), hybrid.TruncatedV2(), fastBit, fakeData(), intact, right, P, false},
		{"hybrid, as v2, damaged", hybrid, hybrid.TruncatedV2(), hybrid.TruncatedV2(), fastBit, fakeData(), damage, right, C, true},
		{"contradicting itself, as v1", contradictory(), contradictory().V1, contradictory().V1, fastBit | v2Bit, zeros, intact, right, P, true},
		{"contradicting itself, as v2", contradictory(), contradictory().TruncatedV2(), contradictory().TruncatedV2(), fastBit, fakeData(), intact, refuse, P, true},
		{"contradicting itself, damaged", contradictory(), contradictory().V1, contradictory().V1, fastBit | v2Bit, zeros, damage, right, C, true},
		{"v1 by a peer that sends hashes nobody asked for", v1, v1.InfoHash, v1.InfoHash, fastBit | v2Bit, fakeData(), func(i, b uint32, x []byte) []byte { return x }, right, P, true},
	}
	outcomes := make([]availability.Outcome, len(tests))
	var all sync.WaitGroup
	for i, tt := range tests {
		addr := listen(t, func(f *fake, _ int) {
			f.from = tt.torrent
			f.meet(tt.answers, tt.flags)
			if tt.torrent == v1 {
				f.raw(msgHashes, make([]byte, hashHead+64))
			}
			block := tt.block
			if block == nil {
				block = func(i, begin uint32, b []byte) []byte { f.send(msgReject, i, begin, uint32(len(b))); return nil }
			}
			f.serveHashes(tt.data, block, tt.hashes)
		})
		r := Request{Addr: addr, InfoHash: tt.over, Torrent: tt.torrent, Targets: []availability.Target{{Piece: 3, Block: 5}}, MaxPieces: 1}
		all.Go(func() { outcomes[i] = newProber(t, 15*time.Second).Probe(context.Background(), r) })
	}
	all.Wait()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := outcomes[i]
			if len(out.Results) != 1 {
				t.Fatalf("%+v", out)
			}
			r := out.Results[0]
			if r.Verdict != tt.want || r.Whole != tt.whole || r.Target != (availability.Target{Piece: 3, Block: 5}) {
				t.Errorf("%s, whole %v (%s), want %s, %v", r.Verdict, r.Whole, r.Reason+out.Reason, tt.want, tt.whole)
			}
			if tt.want == C && (len(r.Want) == 0 || len(r.Got) == 0 || bytes.Equal(r.Want, r.Got)) {
				t.Errorf("no evidence: want %s, got %s", r.Want, r.Got)
			}
			if teaches := tt.want == P && tt.whole && tt.torrent != contradictory(); (len(out.Learned) == 1) != teaches {
				t.Errorf("learned %d", len(out.Learned))
			}
			if !tt.whole && out.Bytes > bt.BlockSize || tt.whole && out.Bytes != fakePieceLength {
				t.Errorf("%d bytes", out.Bytes)
			}
		})
	}
}

// TestLearned: what an audit learned is what the bytes say, and lets blocks be checked alone: of a
// damaged piece the damaged block is corrupt and its neighbour passes.
func TestLearned(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(f *fake, nth int) {
		f.handshake(fakeHash, true)
		f.send(msgHaveAll)
		f.send(msgUnchoke)
		if nth == 0 {
			f.serve(intact)
		}
		f.serve(damage)
	})
	p, r := newProber(t, 10*time.Second), fakeRequest(addr, 2)
	r.Targets = []availability.Target{{Piece: 2, Block: 1}, {Piece: 7, Block: 9}}
	first := p.Probe(context.Background(), r)
	if len(first.Learned) != 2 || len(first.Learned[0].Sums) != fakeBlocks || len(first.Learned[1].Sums) != 1 {
		t.Fatalf("%+v", first)
	}
	for b, sum := range first.Learned[0].Sums {
		if from := 2*fakePieceLength + b*bt.BlockSize; sum != sha256.Sum256(fakeData()[from:from+bt.BlockSize]) {
			t.Errorf("block %d: %x", b, sum)
		}
	}
	r.Leaf = learned(first.Learned)
	r.Targets = []availability.Target{{Piece: 2, Block: 1}, {Piece: 2, Block: 0}, {Piece: 2, Block: 4}, {Piece: 2, Block: 0}, {Piece: 7, Block: 5}}
	out := p.Probe(context.Background(), r)
	want := map[availability.Target]availability.Verdict{
		r.Targets[0]: availability.Corrupt, r.Targets[1]: availability.Passed, r.Targets[2]: availability.Passed, r.Targets[4]: availability.Passed,
	}
	if got := verdicts(out); len(out.Results) != len(want) || out.Bytes != 2*bt.BlockSize+10_000 || len(out.Learned) > 0 {
		t.Errorf("%+v", out)
	} else {
		for target, v := range want {
			if got[target] != v {
				t.Errorf("%s: %s, want %s", target, got[target], v)
			}
		}
	}
}

// TestLimits: whole pieces are asked for up to the limit; other targets have no result, and what
// was asked for and not answered has one.
func TestLimits(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(f *fake, _ int) {
		f.handshake(fakeHash, true)
		f.send(msgHaveAll)
		f.send(msgUnchoke)
		f.serve(func(i, begin uint32, b []byte) []byte {
			if i == 5 {
				return nil
			}
			return b
		})
	})
	p := newProber(t, 2*time.Second)
	for _, tt := range []struct {
		maxBytes  bt.Bytes
		maxPieces int
		want      []int
	}{
		{0, 1, []int{6, 7}[:1]}, {0, 2, []int{6, 1}}, {3*fakePieceLength + 20_000, 1, []int{6, 1, 2, 7}}, {1 << 20, 1, []int{6, 1, 2, 3, 5, 7}},
	} {
		r := fakeRequest(addr, 6, 1, 2, 3, 5, 7)
		r.MaxBytes, r.MaxPieces = tt.maxBytes, tt.maxPieces
		out := p.Probe(context.Background(), r)
		var got []int
		for _, x := range out.Results {
			if got = append(got, x.Piece); (x.Verdict == availability.Passed) == (x.Piece == 5) {
				t.Errorf("%+v", x)
			}
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d bytes, %d pieces: pieces %d, want %d", tt.maxBytes, tt.maxPieces, got, tt.want)
		}
	}
}

// TestPlan: whatever is asked for, what goes onto the wire keeps to the limit, every target is
// either planned or left out, and what a block needs is what is asked for.
func TestPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		torrent := fakeTorrents()[rapid.SampledFrom([]catalog.Version{catalog.V1, catalog.V2, catalog.Hybrid}).Draw(t, "version")]
		r := Request{Addr: fakeAddr(), InfoHash: torrent.InfoHash, Torrent: torrent,
			MaxBytes: bt.Bytes(rapid.IntRange(0, fakeSize).Draw(t, "bytes")), MaxPieces: rapid.IntRange(1, 4).Draw(t, "pieces")}
		known := rapid.SliceOfN(rapid.Bool(), fakePieces, fakePieces).Draw(t, "known")
		r.Leaf = func(piece, _ int) (sum [32]byte, ok bool) { return sum, known[piece] }
		for range rapid.IntRange(1, 12).Draw(t, "targets") {
			r.Targets = append(r.Targets, availability.Target{Piece: rapid.IntRange(0, fakePieces-1).Draw(t, "piece"), Block: rapid.IntRange(availability.Whole, 9).Draw(t, "block")})
		}
		hashes := rapid.Bool().Draw(t, "hashes")
		f := newFetch(r, hashes)
		var asked bt.Bytes
		for _, p := range f.open {
			for _, q := range p.todo {
				asked += bt.Bytes(q.length)
			}
			for _, target := range p.targets {
				if !slices.Contains(r.Targets, target) {
					t.Fatalf("%s was not asked for", target)
				}
				alone := target.Block != availability.Whole && (known[p.index] || torrent.HasV2 && (hashes || torrent.PathLength(p.index) == 0))
				if !alone && !p.whole {
					t.Fatalf("%s cannot be checked alone", target)
				}
			}
		}
		if limit := max(r.MaxBytes, bt.Bytes(r.MaxPieces)*fakePieceLength); asked > limit || asked+f.room != limit {
			t.Fatalf("%d bytes of %d, room for %d", asked, limit, f.room)
		}
	})
}
