package catalog

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// wireData returns the bytes of all pieces as peers exchange them: padding is zeros.
func wireData(t *testing.T, tor *Torrent, dir string) [][]byte {
	t.Helper()
	var stream []byte
	var pieces [][]byte
	cut := func() {
		for len(stream) > 0 {
			n := min(int(tor.PieceLength), len(stream))
			pieces, stream = append(pieces, stream[:n]), stream[n:]
		}
	}
	for _, f := range tor.Files {
		data := make([]byte, f.Size)
		if !f.Pad {
			var err error
			if data, err = os.ReadFile(filepath.Join(append([]string{dir}, f.Path...)...)); err != nil {
				t.Fatal(err)
			}
		}
		if stream = append(stream, data...); !tor.HasV1 { // every file begins a piece
			cut()
		}
	}
	cut()
	if len(pieces) != tor.NumPieces() {
		t.Fatalf("%d pieces of data, the torrent has %d", len(pieces), tor.NumPieces())
	}
	return pieces
}

func TestBlocksAreChecked(t *testing.T) {
	dir, _ := writeAlbum(t)
	for _, version := range []Version{V1, V2, Hybrid} {
		for _, length := range []bt.Bytes{16 << 10, 32 << 10, 128 << 10} {
			tor := mustParse(t, mustCreate(t, dir, CreateOptions{Version: version, PieceLength: length, Private: true}))
			var total bt.Bytes
			for i, data := range wireData(t, tor, dir) {
				total += checkBlocks(t, tor, i, data)
			}
			want := tor.Size
			if version == V1 {
				want = tor.Span
			}
			if total != want {
				t.Errorf("version %d, pieces of %d: the blocks have %d bytes, want %d", version, length, total, want)
			}
		}
	}
}

// checkBlocks checks one piece right, altered and under wrong numbers; it returns the bytes of its blocks.
func checkBlocks(t *testing.T, tor *Torrent, i int, data []byte) (total bt.Bytes) {
	t.Helper()
	want, got := tor.CheckPiece(i, data)
	if !bytes.Equal(want, got) {
		t.Fatalf("piece %d: %x, want %x", i, got, want)
	}
	if _, got := tor.CheckPiece(i, data[:len(data)-1]); got != nil {
		t.Errorf("piece %d has a hash without its last byte", i)
	}
	bad := bytes.Clone(data)
	bad[0] ^= 1
	if want, got := tor.CheckPiece(i, bad); bytes.Equal(want, got) {
		t.Errorf("piece %d is right with a wrong byte", i)
	}
	leaves := tor.Leaves(i, data)
	if len(leaves) != tor.Blocks(i) {
		t.Fatalf("piece %d has %d leaves and %d blocks", i, len(leaves), tor.Blocks(i))
	}
	for b, leaf := range leaves {
		size := tor.BlockSize(i, b)
		total += size
		if leaf != sha256.Sum256(data[b*bt.BlockSize:][:size]) {
			t.Errorf("piece %d, block %d: another leaf than its bytes have", i, b)
		}
		checkPath(t, tor, i, b, leaves)
	}
	if tor.BlockSize(i, len(leaves)) != 0 || tor.BlockSize(i, -1) != 0 || tor.BlockSize(-1, 0) != 0 || tor.BlockSize(tor.NumPieces(), 0) != 0 {
		t.Errorf("piece %d: blocks that are not there have a size", i)
	}
	return total
}

func checkPath(t *testing.T, tor *Torrent, i, b int, leaves [][32]byte) {
	t.Helper()
	path := tor.Path(i, b, leaves)
	if !tor.HasV2 {
		if path != nil || tor.PathLength(i) != -1 || tor.PathFits(i, b, leaves[b], nil) {
			t.Errorf("a v1 torrent proves by paths")
		}
		return
	}
	if !tor.PathFits(i, b, leaves[b], path) {
		t.Errorf("piece %d, block %d: its own path does not fit", i, b)
	}
	other := leaves[b]
	other[31] ^= 1
	if tor.PathFits(i, b, other, path) {
		t.Errorf("piece %d, block %d: the path fits another leaf", i, b)
	}
	if tor.PathFits(i, b, leaves[b], append(path, [32]byte{})) {
		t.Errorf("piece %d, block %d: a longer path fits", i, b)
	}
	if n := (b + 1) % len(leaves); n != b && leaves[n] != leaves[b] && tor.PathFits(i, n, leaves[b], path) {
		t.Errorf("piece %d: the path of block %d fits block %d", i, b, n)
	}
	r, ok := tor.HashRequest(i, b)
	if ok != (tor.PathLength(i) > 0) {
		t.Fatalf("piece %d, block %d: hash request %v", i, b, ok)
	}
	if ok && (r.Length != 2 || r.Index%2 != 0 || int(r.Proofs) != len(path)-1) {
		t.Errorf("piece %d, block %d: BEP 52 does not allow %+v", i, b, r)
	}
}

// A file of one piece has no layer of its own, also if a larger file claims the same root.
func TestSmallFilesHaveTheirRoot(t *testing.T) {
	dir, _ := writeAlbum(t)
	tor := mustParse(t, mustCreate(t, dir, CreateOptions{Version: V2, PieceLength: 32 << 10}))
	for i := range tor.NumPieces() {
		f, _ := tor.tree(i)
		if f.size <= tor.PieceLength && (len(f.layer) > 0 || tor.PieceRoot(i) != f.root) {
			t.Errorf("piece %d of a file of %d bytes is not checked by the file's root", i, f.size)
		}
	}
}
