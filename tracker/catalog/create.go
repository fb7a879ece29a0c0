package catalog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Version chooses the format of a new torrent.
type Version uint8

// The formats. V1 is what every client reads; some refuse hybrids (CLIENTS.md).
const (
	V1 Version = iota
	V2
	Hybrid
)

// ParseVersion reads "1", "2" or "hybrid".
func ParseVersion(s string) (Version, error) {
	for i, name := range [...]string{"1", "2", "hybrid"} {
		if s == name {
			return Version(i), nil
		}
	}
	return 0, fmt.Errorf("version %q: want 1, 2 or hybrid", s)
}

// CreateOptions says how to make a torrent. The zero value makes a public v1 torrent.
type CreateOptions struct {
	Version     Version
	PieceLength bt.Bytes // 0: chosen by the size
	Name        string   // empty: the last element of the path
	Source      string   // empty: no tag
	Private     bool
	// Progress, if set, is called from time to time with the bytes hashed so far.
	Progress func(done, total bt.Bytes)
}

// autoPieces is how many pieces an automatic piece length aims at, at most: enough for a swarm to
// trade, few enough for a small file.
const autoPieces = 2048

// createdBy is the "created by" of new files. There is no creation date: the same files give the
// same bytes.
const createdBy = "Swarmstake"

// Create hashes a file or a folder and returns a torrent file that Parse accepts. Files are in the
// order of their names (bytewise, folder by folder). Symbolic links, devices and names that Parse
// would refuse are errors, the last as *Refusal; empty folders are left out.
func Create(ctx context.Context, path string, o CreateOptions) ([]byte, error) {
	src, err := openSource(path, o.Name)
	if err != nil {
		return nil, fmt.Errorf("create torrent: %w", err)
	}
	if o.PieceLength == 0 {
		o.PieceLength = autoPieceLength(src.total)
	}
	if err := src.check(o); err != nil {
		return nil, fmt.Errorf("create torrent: %w", err)
	}
	if o.Version == Hybrid {
		src.pad(o.PieceLength)
	}
	h := newHasher(o, src.total)
	for i := range src.files {
		if err := h.file(ctx, &src.files[i]); err != nil {
			return nil, fmt.Errorf("create torrent: %w", err)
		}
	}
	out := src.encode(o, h.finish())
	if _, err := Parse(out); err != nil {
		return nil, fmt.Errorf("create torrent: %w", err)
	}
	return out, nil
}

func autoPieceLength(total bt.Bytes) bt.Bytes {
	length := MinPieceLength
	for length < MaxPieceLength && pieceCount(total, length) > autoPieces {
		length *= 2
	}
	return length
}

// check refuses, before hours of hashing, what Parse would refuse after them.
func (s *source) check(o CreateOptions) error {
	if o.Version > Hybrid {
		return errors.New("no such torrent version")
	}
	p := parser{t: &Torrent{}, name: encodeString(s.name), pieceLength: encodeInt(int64(o.PieceLength))}
	if err := p.readName(); err != nil {
		return err
	}
	if err := p.readPieceLength(); err != nil {
		return err
	}
	tree, pieces := newPathTree(), int64(0)
	for _, f := range s.files {
		for _, part := range f.Path {
			if err := checkPart(part); err != nil {
				return err
			}
		}
		if err := tree.add(f.Path, plainFile); err != nil {
			return err
		}
		pieces += pieceCount(f.Size, o.PieceLength)
	}
	if o.Version == V1 {
		pieces = pieceCount(s.total, o.PieceLength)
	}
	switch {
	case s.total == 0:
		return noData()
	case s.total > MaxTotalBytes:
		return tooLarge()
	case pieces > MaxPieces:
		return tooManyPieces()
	}
	return nil
}

// pad inserts BEP 47 pad files, so that every file of a hybrid starts a piece. The last file with
// contents needs none after it.
func (s *source) pad(pieceLength bt.Bytes) {
	last := -1
	for i, f := range s.files {
		if f.Size > 0 {
			last = i
		}
	}
	var padded []sourceFile
	for i, f := range s.files {
		padded = append(padded, f)
		if rest := f.Size % pieceLength; rest > 0 && i < last {
			size := pieceLength - rest
			path := []string{".pad", strconv.FormatInt(int64(size), 10)}
			padded = append(padded, sourceFile{File: File{Path: path, Size: size, Pad: true}})
		}
	}
	s.files = padded
}

// encode writes the torrent file.
func (s *source) encode(o CreateOptions, pieces []byte) []byte {
	info := []entry{
		{"name", encodeString(s.name)},
		{"piece length", encodeInt(int64(o.PieceLength))},
	}
	if o.Private {
		info = append(info, entry{"private", encodeInt(1)})
	}
	if o.Source != "" {
		info = append(info, entry{"source", encodeString(o.Source)})
	}
	outer := []entry{{"created by", encodeString(createdBy)}}
	if o.Version != V2 {
		info = append(info, entry{"pieces", encodeString(pieces)}, s.encodeFiles())
	}
	if o.Version != V1 {
		files := slices.DeleteFunc(slices.Clone(s.files), func(f sourceFile) bool { return f.Pad })
		info = append(info, entry{"meta version", encodeInt(2)}, entry{"file tree", encodeTree(files, 0)})
		outer = append(outer, entry{"piece layers", encodeLayers(files)})
	}
	return encodeDict(append(outer, entry{"info", encodeDict(info)}))
}

// encodeFiles is the v1 description of the files.
func (s *source) encodeFiles() entry {
	if !s.multiFile {
		return entry{"length", encodeInt(int64(s.files[0].Size))}
	}
	list := []byte{'l'}
	for _, f := range s.files {
		props := []entry{{"length", encodeInt(int64(f.Size))}, {"path", encodePath(f.Path)}}
		if f.Pad {
			props = append(props, entry{"attr", encodeString("p")})
		}
		list = append(list, encodeDict(props)...)
	}
	return entry{"files", append(list, 'e')}
}

// encodeTree is the v2 description of files that share their first depth names. They are sorted,
// so that the files of one folder are neighbours.
func encodeTree(files []sourceFile, depth int) []byte {
	var entries []entry
	for len(files) > 0 {
		name := files[0].Path[depth]
		if len(files[0].Path) == depth+1 {
			entries = append(entries, entry{name, encodeTreeFile(files[0])})
			files = files[1:]
			continue
		}
		n := 1
		for n < len(files) && files[n].Path[depth] == name {
			n++
		}
		entries = append(entries, entry{name, encodeTree(files[:n], depth+1)})
		files = files[n:]
	}
	return encodeDict(entries)
}

func encodeTreeFile(f sourceFile) []byte {
	props := []entry{{"length", encodeInt(int64(f.Size))}}
	if f.Size > 0 {
		props = append(props, entry{"pieces root", encodeString(f.root[:])})
	}
	return encodeDict([]entry{{"", encodeDict(props)}})
}

// encodeLayers writes one layer for each distinct file larger than a piece.
func encodeLayers(files []sourceFile) []byte {
	var entries []entry
	seen := make(map[hash256]bool)
	for _, f := range files {
		if f.layer == nil || seen[f.root] {
			continue
		}
		seen[f.root] = true
		entries = append(entries, entry{string(f.root[:]), encodeString(f.layer)})
	}
	return encodeDict(entries)
}

// baseName is the default name of a torrent made from path.
func baseName(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.Base(abs), nil
}
