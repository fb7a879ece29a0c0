package seeder

import (
	"errors"
	"io"
	"os"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// lookChunk is read at a time where it is looked for bytes that are not zero.
const lookChunk = 1 << 20

// foreign names a file that a download of a torrent would change although it may hold something else:
// one of another kind or length, one of which no piece is right, or one with bytes other than zero in
// a piece that is all there and wrong. What was only begun, or lacks files, is not foreign.
func foreign(f *engine.File, r Record, have availability.Bitmap) (path string, err error) {
	begun, there := lacking(f, r)
	places := paths(f, r)
	for i, part := range f.Files() {
		if there[i] == 0 {
			continue
		}
		at, length := places[i], min(there[i], part.Size)
		first, last := pieces(f, part)
		right, wrong := false, []int{}
		for p := first; p <= last; p++ {
			if have.Has(p) {
				right = true
			} else if !begun[p] {
				wrong = append(wrong, p)
			}
		}
		found := there[i] > part.Size
		if !found && !right {
			found, err = nonzero(at, 0, length)
		}
		for _, p := range wrong {
			if found || err != nil {
				break
			}
			from := bt.Bytes(p)*bt.Bytes(f.PieceLength) - part.From
			found, err = nonzero(at, max(0, from), min(length, from+bt.Bytes(f.PieceLength)))
		}
		if found || err != nil {
			return at, err
		}
	}
	return "", nil
}

// lacking says which pieces are not on disk as a whole, and how long each file is there; of padding 0.
func lacking(f *engine.File, r Record) (pieceLacks map[int]bool, there []bt.Bytes) {
	pieceLacks = map[int]bool{}
	at := paths(f, r)
	for i, part := range f.Files() {
		there = append(there, 0)
		if part.Pad || part.Size == 0 {
			continue
		}
		if st, err := os.Stat(at[i]); err == nil {
			there[i] = bt.Bytes(max(1, st.Size()))
			if !st.Mode().IsRegular() {
				there[i] = part.Size + 1
			}
		}
		if there[i] < part.Size {
			rest := engine.FilePart{From: part.From + there[i], Size: part.Size - there[i]}
			for first, last := pieces(f, rest); first <= last; first++ {
				pieceLacks[first] = true
			}
		}
	}
	return pieceLacks, there
}

// pieces are the first and the last piece of a file that is not empty.
func pieces(f *engine.File, part engine.FilePart) (first, last int) {
	length := bt.Bytes(f.PieceLength)
	return int(part.From / length), int((part.From + part.Size - 1) / length)
}

// nonzero reports whether a file has other bytes than zeros in a stretch.
func nonzero(path string, from, to bt.Bytes) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	r := io.NewSectionReader(f, int64(from), int64(to-from))
	chunk := make([]byte, lookChunk)
	for {
		n, err := r.Read(chunk)
		for _, b := range chunk[:n] {
			if b != 0 {
				return true, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}
