package probe

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/swarmstake/swarmstake/availability"
)

// FuzzSession feeds a session whatever a peer may send after its handshake: it must end, keep
// within its bounds, and find a piece corrupt or passed only when all its bytes were there.
func FuzzSession(f *testing.F) {
	all := frame(frame(nil, msgHaveAll), msgUnchoke)
	f.Add([]byte{}, true)
	f.Add(all, true)
	f.Add(append(bytes.Clone(all), frame(nil, msgReject, 1, 0, 16384)...), true)
	f.Add(append(bytes.Clone(all), 0, 0, 0x40, 9, msgPiece, 0, 0, 0, 1, 0, 0, 0, 0), true)
	f.Add([]byte{0, 0, 0, 2, msgBitfield, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1}, false)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0}, false)
	block := append(frame(nil, 0, 7, 0)[5:], make([]byte, 10_000)...)
	whole := append([]byte{0, 0, 0x27, 0x19, msgPiece}, block...)
	f.Add(append(bytes.Clone(all), whole...), true)
	f.Fuzz(func(t *testing.T, sent []byte, fast bool) {
		r := fakeRequest(fakeAddr(), 1, 7)
		s := newSession(r, io.Discard, &limited{context.Background(), bytes.NewReader(sent), r.allowance(), rate.NewLimiter(rate.Inf, 0)})
		s.fast, s.until = fast, func(time.Time) {}
		if err := s.run(time.Now().Add(time.Hour)); err == nil && len(s.out.Pieces) != 2 {
			t.Fatalf("ended well with %+v", s.out)
		}
		if cap(s.in.buf) > 2*len(sent)+64<<10 {
			t.Fatalf("%d bytes kept for %d sent", cap(s.in.buf), len(sent))
		}
		for _, p := range s.out.Pieces {
			if p.Verdict == availability.Passed || p.Verdict == availability.Corrupt && len(sent) < r.pieceSize(p.Piece) {
				t.Fatalf("%+v from %d bytes", p, len(sent))
			}
		}
	})
}
