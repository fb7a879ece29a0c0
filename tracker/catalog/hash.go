package catalog

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// readBytes is how much is read and hashed between two looks at the context: a multiple of the
// block size, so that a block never spans two reads.
const readBytes = 64 * bt.BlockSize

// hasher reads files once and computes what the chosen version needs.
type hasher struct {
	o           CreateOptions
	buf         []byte
	done, total bt.Bytes

	piece  hash.Hash // v1: the piece being filled, across files
	filled bt.Bytes
	pieces []byte
}

func newHasher(o CreateOptions, total bt.Bytes) *hasher {
	return &hasher{o: o, buf: make([]byte, readBytes), total: total, piece: sha1.New()}
}

// file hashes one file, or the zeros of a pad file, and sets its v2 root and layer.
func (h *hasher) file(ctx context.Context, f *sourceFile) error {
	if f.Pad {
		clear(h.buf)
		for left := f.Size; left > 0; left -= min(left, readBytes) {
			h.addV1(h.buf[:min(left, readBytes)])
		}
		return nil
	}
	in, err := os.Open(f.disk)
	if err != nil {
		return err
	}
	defer in.Close()
	tree := treeHasher{pieceLength: h.o.PieceLength}
	for left := f.Size; left > 0; left -= min(left, readBytes) {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := h.buf[:min(left, readBytes)]
		if _, err := io.ReadFull(in, part); err != nil {
			return fmt.Errorf("%s changed while it was read: %w", f.disk, err)
		}
		h.add(part, &tree)
	}
	if n, err := in.Read(h.buf[:1]); n > 0 || err != nil && err != io.EOF {
		return fmt.Errorf("%s changed while it was read", f.disk)
	}
	if h.o.Version != V1 && f.Size > 0 {
		f.root, f.layer = tree.finish()
	}
	return nil
}

func (h *hasher) add(part []byte, tree *treeHasher) {
	if h.o.Version != V2 {
		h.addV1(part)
	}
	if h.o.Version != V1 {
		tree.add(part)
	}
	h.done += bt.Bytes(len(part))
	if h.o.Progress != nil {
		h.o.Progress(h.done, h.total)
	}
}

// addV1 continues the stream of all files that v1 pieces are cut from.
func (h *hasher) addV1(part []byte) {
	for len(part) > 0 {
		n := min(bt.Bytes(len(part)), h.o.PieceLength-h.filled)
		h.piece.Write(part[:n])
		part = part[n:]
		if h.filled += n; h.filled == h.o.PieceLength {
			h.endPiece()
		}
	}
}

func (h *hasher) endPiece() {
	h.pieces = h.piece.Sum(h.pieces)
	h.piece.Reset()
	h.filled = 0
}

// finish returns the v1 piece hashes.
func (h *hasher) finish() []byte {
	if h.filled > 0 {
		h.endPiece()
	}
	return h.pieces
}

// treeHasher computes a file's BEP 52 tree. It keeps the blocks of one piece and one hash for each
// piece before it.
type treeHasher struct {
	pieceLength bt.Bytes
	blocks      []hash256
	layer       []hash256
}

// add hashes the next bytes of the file; only the last call may end inside a block.
func (t *treeHasher) add(part []byte) {
	for len(part) > 0 {
		// A full piece is folded only when more follows: a file of one piece has no layer.
		if bt.Bytes(len(t.blocks))*bt.BlockSize == t.pieceLength {
			t.endPiece()
		}
		n := min(len(part), bt.BlockSize)
		t.blocks = append(t.blocks, sha256.Sum256(part[:n]))
		part = part[n:]
	}
}

func (t *treeHasher) endPiece() {
	var leaf hash256 // blocks beyond the end of the file are zero
	full := int(t.pieceLength / bt.BlockSize)
	for len(t.blocks) < full {
		t.blocks = append(t.blocks, leaf)
	}
	t.layer = append(t.layer, merkleRoot(t.blocks, leaf))
	t.blocks = t.blocks[:0]
}

// finish returns the root, and the piece layer if the file is larger than a piece.
func (t *treeHasher) finish() (root hash256, layer []byte) {
	if t.layer == nil {
		return merkleRoot(t.blocks, hash256{}), nil
	}
	t.endPiece()
	for _, h := range t.layer {
		layer = append(layer, h[:]...)
	}
	return merkleRoot(t.layer, padHash(pieceHeight(t.pieceLength))), layer
}
