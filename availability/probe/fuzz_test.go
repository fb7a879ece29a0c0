package probe

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// blockMessage is a piece message with the right bytes of a block.
func blockMessage(piece, block int) []byte {
	from := piece*fakePieceLength + block*bt.BlockSize
	data := fakeData()[from:min(from+bt.BlockSize, fakeSize)]
	return framed(nil, msgPiece, append(frame(nil, 0, uint32(piece), uint32(block*bt.BlockSize))[5:], data...))
}

// FuzzSession feeds an audit whatever a peer may send after its handshake: it must end, keep within
// its bounds, pass only what arrived, and find corrupt only what has another hash than it should.
func FuzzSession(f *testing.F) {
	all := frame(frame(nil, msgHaveAll), msgUnchoke)
	f.Add([]byte{}, true, uint8(0))
	f.Add(all, true, uint8(0))
	f.Add(append(bytes.Clone(all), frame(nil, msgReject, 1, 0, 16384)...), true, uint8(0))
	f.Add([]byte{0, 0, 0, 2, msgBitfield, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1}, false, uint8(0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0}, false, uint8(0))
	f.Add(append(bytes.Clone(all), blockMessage(7, 0)...), true, uint8(0))
	for v := range uint8(3) {
		torrent := fakeTorrents()[catalog.Version(v)]
		sent := append(bytes.Clone(all), blockMessage(7, 0)...)
		if r, ok := torrent.HashRequest(1, 2); ok {
			hashes := hashRequest(nil, r)[5:]
			sent = append(append(sent, framed(nil, msgHashes, append(bytes.Clone(hashes), (&fake{from: torrent}).hashes(r)...))...), blockMessage(1, 2)...)
			f.Add(append(bytes.Clone(all), framed(nil, msgHashReject, hashes)...), true, v)
		}
		for b := range fakeBlocks {
			sent = append(sent, blockMessage(1, b)...)
		}
		f.Add(sent, true, v)
	}
	f.Fuzz(func(t *testing.T, sent []byte, fast bool, version uint8) {
		torrent := fakeTorrents()[catalog.Version(version%3)]
		r := fakeRequest(fakeAddr())
		r.Torrent, r.InfoHash = torrent, torrent.InfoHash
		r.Targets = []availability.Target{{Piece: 1, Block: 2}, {Piece: 7, Block: availability.Whole}}
		s := newSession(r, fakePieces, auditor(torrent.HasV2), io.Discard, &limited{context.Background(), bytes.NewReader(sent), r.allowance(), rate.NewLimiter(rate.Inf, 0)})
		s.fast, s.hashing = fast, torrent.HasV2
		if err := s.audit(time.Now().Add(time.Hour)); err == nil && len(s.out.Results) != 2 {
			t.Fatalf("ended well with %+v", s.out)
		}
		if cap(s.in.buf) > 2*len(sent)+64<<10 {
			t.Fatalf("%d bytes kept for %d sent", cap(s.in.buf), len(sent))
		}
		for _, x := range s.out.Results {
			from := x.Piece*fakePieceLength + max(0, x.Block)*bt.BlockSize
			block := fakeData()[from:min(from+bt.BlockSize, fakeSize)]
			switch {
			case x.Verdict == availability.Passed && (!bytes.Equal(x.Want, x.Got) || !bytes.Contains(sent, block)):
				t.Fatalf("passed without its bytes: %+v", x)
			case x.Verdict == availability.Corrupt && (bytes.Equal(x.Want, x.Got) || len(sent) < len(block)):
				t.Fatalf("corrupt without evidence: %+v", x)
			}
		}
	})
}

// FuzzHashes: what is read from messages 21 to 23 is what was written.
func FuzzHashes(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, hashHead))
	f.Add(make([]byte, hashHead+64))
	f.Add(make([]byte, hashHead+65))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, hashes, err := parseHashes(payload)
		if err != nil {
			return
		}
		back := hashRequest(nil, r)[5:]
		for _, h := range hashes {
			back = append(back, h[:]...)
		}
		if !bytes.Equal(back, payload) {
			t.Fatalf("%x became %x", payload, back)
		}
		for block := range 4 {
			if p := proofOf(block, r, hashes); p != nil && len(p.path) != 1+int(r.Proofs) {
				t.Fatalf("a path of %d hashes", len(p.path))
			}
		}
	})
}

// FuzzGreet feeds the listener whatever somebody who dials it may send: it must end, and know the
// peer only by a handshake that names an awaited torrent.
func FuzzGreet(f *testing.F) {
	hello := auditor(false).hello(fakeHash)
	f.Add([]byte{})
	f.Add(hello)
	f.Add(hello[:40])
	f.Add(auditor(true).hello(bt.InfoHash{1}))
	f.Add(bytes.Repeat([]byte{7}, 700))
	f.Fuzz(func(t *testing.T, sent []byte) {
		l := newLobby()
		l.guests[&guest{hashes: []bt.InfoHash{fakeHash}}] = true
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		go func() { theirs.Write(sent); theirs.Close() }()
		v, err := l.hello(context.Background(), ours)
		ours.Close()
		if err == nil && (len(sent) < handshakeLen || !v.encrypted && !bytes.Equal(v.hello.hash[:], sent[28:48])) {
			t.Fatalf("%x was taken for %+v", sent, v.hello)
		}
	})
}
