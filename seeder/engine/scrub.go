package engine

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/anacrolix/torrent"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ScrubPieces hashes again the verified ones among n pieces from one on, and returns the piece to go on
// with, 0 after the last, and how many bytes lie in damaged pieces. These are not served any more, and
// are fetched again unless the torrent only seeds. A file that is not there at all is told as a disk
// error instead, which pauses the download.
func (t *Torrent) ScrubPieces(ctx context.Context, from, n int) (next int, damaged bt.Bytes, err error) {
	if from < 0 || from >= t.t.NumPieces() {
		from = 0
	}
	next = min(from+n, t.t.NumPieces())
	for i := from; i < next; i++ {
		bad, err := t.scrubPiece(ctx, i)
		if err != nil {
			return i, damaged, fmt.Errorf("hashing piece %d of %s again: %w", i, t.File.InfoHash, err)
		}
		damaged += bad
	}
	if next == t.t.NumPieces() {
		next = 0
	}
	return next, damaged, nil
}

func (t *Torrent) scrubPiece(ctx context.Context, i int) (damaged bt.Bytes, err error) {
	p := t.t.Piece(i)
	if !p.State().Complete || t.intact(p) {
		return 0, ctx.Err()
	}
	t.t.CancelPieces(i, i+1) // a repair in between would hide the damage
	defer t.t.DownloadPieces(i, i+1)
	if err := p.VerifyDataContext(ctx); err != nil {
		return 0, err
	}
	if err := t.settlePiece(ctx, i); err != nil || p.State().Complete {
		return 0, err
	}
	if gone := t.absent(i); gone != nil {
		t.diskFailed(gone)
	}
	return bt.Bytes(p.Info().Length()), nil
}

// intact hashes a piece by itself where it can (v1 and hybrid): the library keeps something for every
// piece that was waited for, and would write down again what it knows. False: let it look.
func (t *Torrent) intact(p torrent.Piece) bool {
	info := p.Info()
	want := info.V1Hash()
	if !want.Ok {
		return false
	}
	h := sha1.New()
	if n, err := p.Storage().WriteTo(h); err != nil || n != info.Length() {
		return false
	}
	h.Write(make([]byte, info.V1Length()-info.Length())) // a hybrid's files are aligned by zeros
	return bytes.Equal(h.Sum(nil), want.Value[:])
}

// absent says which file of a piece is not there.
func (t *Torrent) absent(piece int) error {
	p := t.t.Piece(piece).Info()
	for i, f := range t.File.info.UpvertedFiles() {
		if f.TorrentOffset >= p.Offset()+p.Length() || f.TorrentOffset+f.Length <= p.Offset() {
			continue
		}
		if _, err := os.Stat(t.layout.paths[i]); errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
