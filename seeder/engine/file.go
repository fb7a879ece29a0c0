package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// MaxFileSize bounds a .torrent file (PROTOCOLS §2).
	MaxFileSize = 10 << 20
	// maxNesting bounds lists and dictionaries within each other; the library's decoder recurses.
	maxNesting = 32
	// maxPieces bounds what one torrent costs in memory (PROTOCOLS §2).
	maxPieces = 1 << 21
)

// ErrEmptyFile refuses a torrent that the library would crash on (v1.62.0, Piece.mustGetOnlyFile).
var ErrEmptyFile = errors.New("the torrent is v2 or hybrid and has an empty file after others: this version cannot host it")

// File is what a .torrent file says, as far as hosting it goes.
type File struct {
	InfoHash    bt.InfoHash // v1, or truncated v2 when there is no v1
	Name        string      // the file or folder it makes
	Size        bt.Bytes
	PieceLength int64
	Pieces      int
	Announce    string // the first tracker; empty: none

	info metainfo.Info // without the hashes, which the library keeps
}

// ParseFile reads a .torrent file and refuses what this engine could not host safely: a torrent
// that is not private, or whose names would leave its folder.
func ParseFile(b []byte) (*File, error) {
	f, _, err := parse(b)
	return f, err
}

func parse(b []byte) (*File, *torrent.TorrentSpec, error) {
	if len(b) > MaxFileSize {
		return nil, nil, fmt.Errorf("the .torrent has %d bytes; at most %d are accepted", len(b), MaxFileSize)
	}
	if err := checkNesting(b); err != nil {
		return nil, nil, fmt.Errorf("reading the .torrent: %w", err)
	}
	meta, err := metainfo.Load(bytes.NewReader(b))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the .torrent: %w", err)
	}
	info, err := meta.UnmarshalInfo()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the .torrent's info: %w", err)
	}
	if err := checkInfo(&info); err != nil {
		return nil, nil, err
	}
	spec, err := specOf(meta)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the .torrent's info: %w", err)
	}
	f := &File{InfoHash: bt.InfoHash(spec.InfoHash), Name: info.BestName(), Size: bt.Bytes(info.TotalLength()),
		PieceLength: info.PieceLength, Pieces: info.NumPieces(), info: info}
	if spec.InfoHash.IsZero() {
		f.InfoHash = bt.InfoHash(*spec.InfoHashV2.Value.ToShort())
	}
	if tiers := meta.UpvertedAnnounceList(); len(tiers) > 0 && len(tiers[0]) > 0 {
		f.Announce = tiers[0][0]
	}
	f.info.Pieces = nil
	return f, spec, nil
}

func checkInfo(info *metainfo.Info) error {
	if info.Private == nil || !*info.Private {
		return ErrNotPrivate
	}
	if info.HasV2() {
		if err := info.FileTree.Validate(); err != nil {
			return fmt.Errorf("the torrent's file tree: %w", err)
		}
	}
	if info.PieceLength <= 0 { // NumPieces divides by it
		return fmt.Errorf("the torrent has pieces of %d bytes", info.PieceLength)
	}
	if info.NumPieces() == 0 || info.NumPieces() > maxPieces {
		return fmt.Errorf("the torrent has %d pieces of %d bytes; want 1 to %d pieces", info.NumPieces(), info.PieceLength, maxPieces)
	}
	if err := checkName(info.BestName()); err != nil {
		return err
	}
	var total int64
	for _, f := range info.UpvertedFiles() {
		if info.HasV2() && f.Length == 0 && total > 0 {
			return ErrEmptyFile
		}
		if f.Length < 0 || total > bt.MaxCounter-f.Length {
			return errors.New("the torrent has a file of negative or absurd size")
		}
		total += f.Length
		for _, name := range f.BestPath() {
			if err := checkName(name); err != nil {
				return err
			}
		}
	}
	if have := (total + info.PieceLength - 1) / info.PieceLength; !info.HasV2() && have != int64(info.NumPieces()) {
		return fmt.Errorf("the torrent's %d bytes do not fit its %d pieces", total, info.NumPieces())
	}
	return nil
}

// checkName keeps every component of a path inside its folder, also on Windows.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		return fmt.Errorf("the torrent has the unsafe file name %q", name)
	}
	return nil
}

// checkNesting walks bencode without recursion, so that hostile nesting cannot exhaust the stack.
func checkNesting(b []byte) error {
	for i, depth := 0, 0; i < len(b); {
		switch c := b[i]; {
		case c == 'l' || c == 'd':
			if depth++; depth > maxNesting {
				return fmt.Errorf("nested deeper than %d", maxNesting)
			}
			i++
		case c == 'e':
			depth--
			i++
		case c == 'i':
			end := bytes.IndexByte(b[i:], 'e')
			if end < 0 {
				return errors.New("an integer does not end")
			}
			i += end + 1
		default:
			colon := bytes.IndexByte(b[i:min(len(b), i+20)], ':')
			if colon < 0 {
				return fmt.Errorf("byte %d is not bencode", i)
			}
			n, err := strconv.ParseUint(string(b[i:i+colon]), 10, 32)
			if err != nil || int(n) > len(b)-i-colon-1 {
				return fmt.Errorf("the string at byte %d does not fit", i)
			}
			i += colon + 1 + int(n)
		}
	}
	return nil
}

// FilePart is one file of a torrent.
type FilePart struct {
	Path []string // below the folder that holds the torrent; a single file's is its name alone
	Size bt.Bytes
	From bt.Bytes // its first byte, counted over all pieces
	Pad  bool     // padding (BEP 47): it is on no disk
}

// Files lists a torrent's files in its order: that of the v1 file list, or of the v2 file tree if it
// has one.
func (f *File) Files() []FilePart {
	var out []FilePart
	for _, x := range f.info.UpvertedFiles() {
		out = append(out, FilePart{Path: partPath(&f.info, &x), Size: bt.Bytes(x.Length), From: bt.Bytes(x.TorrentOffset), Pad: isPadding(&x)})
	}
	return out
}
