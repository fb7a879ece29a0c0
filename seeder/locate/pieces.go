package locate

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// span is a file with data within a torrent.
type span struct {
	file  int      // in engine.File.Files
	start bt.Bytes // v1 and hybrid: in the torrent's bytes
	first int      // v2 only: its first piece
	size  bt.Bytes
}

// search looks for one torrent.
type search struct {
	torrent *catalog.Torrent
	files   []engine.FilePart
	spans   []span // in piece order
	budget  bt.Bytes
	piece   []byte // buffer
}

// newSearch brings the two readings of one .torrent together: the engine's files, whose numbers
// callers use, and the tracker's, which know the hashes. false: they are not of one torrent.
func newSearch(f *engine.File, torrent []byte, budget bt.Bytes) (*search, bool) {
	t, err := catalog.Parse(torrent)
	if err != nil || t.InfoHash != f.InfoHash {
		return nil, false
	}
	s := &search{torrent: t, files: f.Files(), budget: budget}
	var at bt.Bytes
	first, next := 0, 0
	for _, c := range t.Files {
		if !c.Pad && c.Size > 0 {
			for next < len(s.files) && (s.files[next].Pad || s.files[next].Size == 0) {
				next++
			}
			if next == len(s.files) || s.files[next].Size != c.Size {
				return nil, false
			}
			s.spans = append(s.spans, span{file: next, start: at, first: first, size: c.Size})
			first += int((c.Size + t.PieceLength - 1) / t.PieceLength)
			next++
		}
		at += c.Size
	}
	return s, len(s.spans) > 0
}

// segment is the part of a piece that lies in one file.
type segment struct {
	span   int
	inFile bt.Bytes // where it begins in the file
	at     bt.Bytes // where it begins in the piece
	size   bt.Bytes
}

// segments returns which bytes of which files make piece i; what lies between them is padding.
func (s *search) segments(i int) []segment {
	length := s.torrent.PieceLength
	if !s.torrent.HasV1 {
		n := sort.Search(len(s.spans), func(n int) bool { return s.spans[n].first > i }) - 1
		from := bt.Bytes(i-s.spans[n].first) * length
		return []segment{{span: n, inFile: from, size: min(length, s.spans[n].size-from)}}
	}
	start := bt.Bytes(i) * length
	end := start + s.torrent.PieceSize(i)
	var out []segment
	n := sort.Search(len(s.spans), func(n int) bool { return s.spans[n].start+s.spans[n].size > start })
	for ; n < len(s.spans) && s.spans[n].start < end; n++ {
		x := s.spans[n]
		from := max(x.start, start)
		out = append(out, segment{span: n, inFile: from - x.start, at: from - start, size: min(x.start+x.size, end) - from})
	}
	return out
}

// pieces returns the first and last piece that has data of a span.
func (s *search) pieces(n int) (first, last int) {
	x, length := s.spans[n], s.torrent.PieceLength
	if !s.torrent.HasV1 {
		return x.first, x.first + int((x.size-1)/length)
	}
	return int(x.start / length), int((x.start + x.size - 1) / length)
}

// verdict is what a piece says of the files that it was read from.
type verdict uint8

const (
	unknown verdict = iota // not all its files are there, or too much was read already
	right
	wrong
)

// check hashes piece i, read from a layout.
func (s *search) check(ctx context.Context, i int, l layout) verdict {
	parts, size := s.segments(i), s.torrent.PieceSize(i)
	for _, p := range parts {
		if l.paths[p.span] == "" {
			return unknown
		}
	}
	if ctx.Err() != nil || s.budget < size {
		return unknown
	}
	s.budget -= size
	if bt.Bytes(cap(s.piece)) < size {
		s.piece = make([]byte, s.torrent.PieceLength)
	}
	b := s.piece[:size]
	clear(b)
	for _, p := range parts {
		if readAt(l.paths[p.span], b[p.at:p.at+p.size], p.inFile) != nil {
			return wrong
		}
	}
	if want, got := s.torrent.CheckPiece(i, b); !bytes.Equal(want, got) {
		return wrong
	}
	return right
}

func readAt(path string, b []byte, at bt.Bytes) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.ReadFull(io.NewSectionReader(f, int64(at), int64(len(b))), b)
	return err
}

// layout is one guess at where the data lies.
type layout struct {
	dir     string   // the folder that holds the torrent's own
	paths   []string // of each span; empty: not there
	present bt.Bytes
}

// look takes the files that are there with the right size.
func (s *search) look(dir string, place func(span) string) layout {
	l := layout{dir: dir, paths: make([]string, len(s.spans))}
	for n, x := range s.spans {
		path := place(x)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && bt.Bytes(info.Size()) == x.size {
			l.paths[n] = path
			l.present += x.size
			l.dir = cmp.Or(l.dir, filepath.Dir(path))
		}
	}
	return l
}

func (s *search) complete(l layout) bool { return l.present == s.torrent.Size }

// usual is where a file lies below dir under its own name.
func (s *search) usual(dir string, file int) string {
	return filepath.Join(dir, filepath.Join(s.files[file].Path...))
}

// proven reports whether one of some pieces spread over the torrent, and over the largest file that
// is there, is right. One is enough: data
// may be damaged or incomplete, but other data has no right piece.
func (s *search) proven(ctx context.Context, l layout) bool {
	if l.present == 0 {
		return false
	}
	largest := 0
	for n, path := range l.paths {
		if path != "" && (l.paths[largest] == "" || s.spans[n].size > s.spans[largest].size) {
			largest = n
		}
	}
	tries := spread(0, s.torrent.NumPieces()-1, proofPieces)
	first, last := s.pieces(largest)
	for _, i := range append(tries, spread(first, last, proofPieces)...) {
		if s.check(ctx, i, l) == right {
			return true
		}
	}
	return false
}

// spread returns up to n numbers from first to last, both included, evenly and beginning in the middle.
func spread(first, last, n int) []int {
	count := min(last-first+1, n)
	var out []int
	for k := range count {
		out = append(out, first+(last-first)*((k+count/2)%count)/max(count-1, 1))
	}
	return out
}
