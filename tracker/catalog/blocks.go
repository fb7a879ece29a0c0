package catalog

import (
	"crypto/sha1"
	"crypto/sha256"
	"math/bits"
	"slices"
	"sort"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// hashedFile is a file of a v2 or hybrid torrent, as BEP 52 hashes it.
type hashedFile struct {
	first int // piece
	size  bt.Bytes
	root  hash256
	layer []byte // 32 bytes for each piece; empty for a file of one piece, whose hash is the root
}

// tree returns the v2 file that piece i belongs to, and the number of the piece within it.
func (t *Torrent) tree(i int) (hashedFile, int) {
	n := sort.Search(len(t.trees), func(n int) bool { return t.trees[n].first > i }) - 1
	return t.trees[n], i - t.trees[n].first
}

// DataSize is how many bytes of piece i are data: all but a hybrid's padding.
func (t *Torrent) DataSize(i int) bt.Bytes {
	if !t.HasV2 || i < 0 || i >= t.numPieces {
		return t.PieceSize(i)
	}
	f, k := t.tree(i)
	return min(t.PieceLength, f.size-bt.Bytes(k)*t.PieceLength)
}

// Blocks counts the blocks of 16 KiB of piece i, the last of which may be shorter; padding is not
// counted. 0 for an index out of range.
func (t *Torrent) Blocks(i int) int { return int((t.DataSize(i) + bt.BlockSize - 1) / bt.BlockSize) }

// BlockSize returns the bytes of block b of piece i, 0 if there is no such block.
func (t *Torrent) BlockSize(i, b int) bt.Bytes {
	if b < 0 || b >= t.Blocks(i) {
		return 0
	}
	return min(bt.BlockSize, t.DataSize(i)-bt.Bytes(b)*bt.BlockSize)
}

// CheckPiece hashes the bytes of piece i as they travel (padding included) and returns what they
// should hash to and what they do: SHA-1 (v1 and hybrid) or the hash of BEP 52 (v2 only). A piece of
// the wrong size has no hash.
func (t *Torrent) CheckPiece(i int, data []byte) (want, got []byte) {
	if t.HasV1 {
		want = slices.Clone(t.pieces[20*i : 20*i+20])
	} else {
		h := t.pieceHash(i)
		want = h[:]
	}
	switch {
	case bt.Bytes(len(data)) != t.PieceSize(i):
		return want, nil
	case t.HasV1:
		sum := sha1.Sum(data)
		return want, sum[:]
	}
	root := t.fold(i, t.Leaves(i, data))
	return want, root[:]
}

// Leaves returns the SHA-256 sums of the blocks of piece i, whose bytes data are.
func (t *Torrent) Leaves(i int, data []byte) [][32]byte {
	data = data[:min(bt.Bytes(len(data)), t.DataSize(i))]
	var out [][32]byte
	for part := range slices.Chunk(data, bt.BlockSize) {
		out = append(out, sha256.Sum256(part))
	}
	return out
}

// fold hashes the leaves of piece i up to the hash of the piece.
func (t *Torrent) fold(i int, leaves [][32]byte) hash256 {
	row := slices.Clone(leaves)
	for len(row) < 1<<t.PathLength(i) {
		row = append(row, hash256{}) // blocks beyond the end of the file are zero
	}
	return merkleRoot(row, hash256{})
}

// pieceHash is what BEP 52 says of a piece of a v2 or hybrid torrent.
func (t *Torrent) pieceHash(i int) hash256 {
	f, k := t.tree(i)
	if len(f.layer) == 0 {
		return f.root
	}
	return hash256(f.layer[32*k:])
}

// PathLength is how many hashes lead from a block of piece i to the hash of the piece in a v2 or
// hybrid torrent: 0 if the piece is one block, whose sum that hash is. It is -1 for v1: no path
// leads anywhere.
func (t *Torrent) PathLength(i int) int {
	if !t.HasV2 {
		return -1
	}
	f, _ := t.tree(i)
	if len(f.layer) > 0 {
		return pieceHeight(t.PieceLength)
	}
	return bits.Len(uint(t.Blocks(i) - 1))
}

// Path returns the hashes that lead from block b to the hash of piece i, lowest first, given the
// leaves of the whole piece. nil for v1.
func (t *Torrent) Path(i, b int, leaves [][32]byte) [][32]byte {
	if !t.HasV2 || b < 0 || b >= len(leaves) {
		return nil
	}
	row := slices.Clone(leaves)
	for len(row) < 1<<t.PathLength(i) {
		row = append(row, hash256{})
	}
	path := [][32]byte{}
	for len(row) > 1 {
		path = append(path, row[b^1])
		for j := range len(row) / 2 {
			row[j] = hashPair(row[2*j], row[2*j+1])
		}
		row, b = row[:len(row)/2], b/2
	}
	return path
}

// PathFits reports whether leaf is the sum of block b of piece i, by the hashes that Path returned.
func (t *Torrent) PathFits(i, b int, leaf [32]byte, path [][32]byte) bool {
	if !t.HasV2 || t.BlockSize(i, b) == 0 || len(path) != t.PathLength(i) {
		return false
	}
	return t.PathRoot(b, leaf, path) == t.pieceHash(i)
}

// PathRoot folds the sum of block b of a piece with the hashes of a path. It is the piece's root if
// all of them are right.
func (t *Torrent) PathRoot(b int, leaf [32]byte, path [][32]byte) [32]byte {
	h := leaf
	for _, sibling := range path {
		if b&1 == 0 {
			h = hashPair(h, sibling)
		} else {
			h = hashPair(sibling, h)
		}
		b /= 2
	}
	return h
}

// PieceRoot is the hash that paths of piece i lead to (BEP 52); zero for v1 and for an index out of
// range.
func (t *Torrent) PieceRoot(i int) [32]byte {
	if t.Blocks(i) == 0 || !t.HasV2 {
		return [32]byte{}
	}
	return t.pieceHash(i)
}

// HashRequest is what a peer has to be asked for the path of a block (BEP 52, message 21).
type HashRequest struct {
	Root                             [32]byte
	BaseLayer, Index, Length, Proofs uint32
}

// HashRequest asks for the pair of leaves with block b of piece i and the hashes that lead from
// their parent to the hash of the piece: Proofs of them. false: nothing needs to be asked for, or
// nothing can.
func (t *Torrent) HashRequest(i, b int) (HashRequest, bool) {
	if t.PathLength(i) < 1 || t.BlockSize(i, b) == 0 {
		return HashRequest{}, false
	}
	f, k := t.tree(i)
	at := bt.Bytes(k)*(t.PieceLength/bt.BlockSize) + bt.Bytes(b&^1)
	return HashRequest{Root: f.root, Index: uint32(at), Length: 2, Proofs: uint32(t.PathLength(i) - 1)}, true
}
