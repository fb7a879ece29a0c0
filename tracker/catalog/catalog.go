// Package catalog owns torrent files: it validates what members upload, makes it private, adds
// each member's announce URL on the way out, and creates new files.
//
// The promises:
//
//   - Parse accepts a file only if every rule of PROTOCOLS §2 holds; a refusal is a *Refusal that
//     names the one rule broken. No general-purpose torrent library is asked, because loaders are
//     lenient where a tracker must not be (negative sizes, "..", unsorted keys).
//   - Info-hashes are over the bytes of the info dictionary as they arrived (BEP 3, BEP 52).
//   - Input is read in place: memory grows with the bytes that arrived, never with a number
//     written in them, and nesting is bounded, so that no file can exhaust memory or the stack.
//   - Whatever Parse accepted, MakePrivate and Personalise turn into a file that Parse accepts,
//     as long as it still fits MaxFileBytes.
//
// The package reads no clock: the same input gives the same bytes.
package catalog

import (
	"sort"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Limits of PROTOCOLS §2.
const (
	// MaxFileBytes bounds the torrent file itself.
	MaxFileBytes = 10 << 20
	// MaxDepth bounds nested lists and dictionaries; the outermost dictionary is depth 1.
	MaxDepth = 32
	// MaxTokens bounds the strings (keys too), integers, lists and dictionaries of one file.
	MaxTokens = 3_000_000
	// MaxPieces bounds the pieces of one torrent.
	MaxPieces = 1 << 21
	// MinPieceLength and MaxPieceLength bound the piece length, which is a power of two.
	MinPieceLength bt.Bytes = 16 << 10
	MaxPieceLength bt.Bytes = 16 << 20
	// MaxTotalBytes bounds the sum of all file sizes, pad files included.
	MaxTotalBytes bt.Bytes = 1 << 50
)

// Torrent is a torrent file that passed every check. It refers to the bytes given to Parse, which
// must not be changed afterwards.
type Torrent struct {
	// InfoHash is the hash announced: the v1 hash, or the truncated v2 hash if there is no v1.
	InfoHash bt.InfoHash
	// HasV1 and HasV2 say which formats the file carries; a hybrid has both.
	HasV1, HasV2 bool
	// V1 is SHA-1 of the info dictionary (BEP 3); zero without HasV1.
	V1 bt.InfoHash
	// V2 is SHA-256 of the info dictionary (BEP 52); zero without HasV2.
	V2 [32]byte

	Name string
	// MultiFile says that Files live in a folder called Name; otherwise there is one file, Name.
	MultiFile bool
	// Files are in piece order. In a hybrid it is the v1 list, pad files included.
	Files []File
	// Size is what lands on disk: all files without pad files.
	Size bt.Bytes
	// Span is Size plus pad files: what a client that does not know BEP 47 downloads.
	Span        bt.Bytes
	PieceLength bt.Bytes

	// Private says that private=1 is set (BEP 27).
	Private bool
	// Source is the tag that makes a tracker's info-hash its own; empty if there is none.
	Source string
	// InfoBytes is the info dictionary exactly as it arrived.
	InfoBytes []byte

	pieces    []byte // v1: 20 bytes for each piece
	numPieces int
	trees     []hashedFile // v2 and hybrid: files with data, in piece order
}

// File is one entry of a torrent.
type File struct {
	// Path has at least one element and does not repeat Torrent.Name, except that the path of a
	// single-file torrent is its name. A pad file may have no path (BEP 47).
	Path []string
	Size bt.Bytes
	// Pad marks the zeros that align the next file to a piece (BEP 47).
	Pad bool
	// Symlink is the target below the torrent's root if this is a symbolic link, else nil.
	Symlink []string

	root  [32]byte // v2 pieces root
	first int      // v2: index of the first piece
}

// TruncatedV2 is the v2 info-hash cut to 20 bytes, which trackers and peers see (BEP 52). It is
// zero without HasV2.
func (t *Torrent) TruncatedV2() bt.InfoHash { return bt.InfoHash(t.V2[:20]) }

// NumPieces counts the pieces. For a v2-only torrent every file starts a new piece.
func (t *Torrent) NumPieces() int { return t.numPieces }

// PieceHash returns the SHA-1 of piece i. Like an index out of range it panics unless HasV1 and
// 0 ≤ i < NumPieces.
func (t *Torrent) PieceHash(i int) [20]byte { return [20]byte(t.pieces[20*i:]) }

// PieceSize returns the bytes of piece i, which is PieceLength or, at the end of the torrent (v1,
// hybrid) or of a file (v2 only), less. It is 0 for an index out of range.
func (t *Torrent) PieceSize(i int) bt.Bytes {
	switch {
	case i < 0 || i >= t.numPieces:
		return 0
	case t.HasV1:
		return min(t.PieceLength, t.Span-bt.Bytes(i)*t.PieceLength)
	}
	// An empty file shares its first index with the file after it, so the last match has bytes.
	n := sort.Search(len(t.Files), func(n int) bool { return t.Files[n].first > i }) - 1
	f := t.Files[n]
	return min(t.PieceLength, f.Size-bt.Bytes(i-f.first)*t.PieceLength)
}
