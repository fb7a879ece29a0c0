package engine

import (
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Read returns what is on disk of a piece, right or wrong. The padding that aligns a hybrid's files
// is no part of it. Errors: io.EOF or io.ErrUnexpectedEOF if it is not all there.
func (t *Torrent) Read(piece int, begin, length bt.Bytes) ([]byte, error) {
	if piece < 0 || piece >= t.t.NumPieces() || begin < 0 || length < 0 || int64(begin+length) > t.t.Piece(piece).Info().Length() {
		return nil, fmt.Errorf("%s has no %d bytes at %d of piece %d", t.File.InfoHash, length, begin, piece)
	}
	b := make([]byte, length)
	n, err := t.t.Piece(piece).Storage().ReadAt(b, int64(begin))
	if bt.Bytes(n) < length {
		return nil, fmt.Errorf("reading piece %d of %s: %w", piece, t.File.InfoHash, err)
	}
	return b, nil
}

// Have says which pieces are verified.
func (t *Torrent) Have() availability.Bitmap {
	have := make(availability.Bitmap, (t.t.NumPieces()+7)/8)
	piece := 0
	for _, run := range t.t.PieceStateRuns() {
		for i := piece; run.Complete && i < piece+run.Length; i++ {
			have[i/8] |= 0x80 >> (i % 8)
		}
		piece += run.Length
	}
	return have
}
