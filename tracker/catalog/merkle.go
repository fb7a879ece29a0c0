package catalog

import (
	"crypto/sha256"
	"math/bits"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// hash256 is a node of a BEP 52 hash tree.
type hash256 = [32]byte

func hashPair(left, right hash256) hash256 {
	var pair [64]byte
	copy(pair[:32], left[:])
	copy(pair[32:], right[:])
	return sha256.Sum256(pair[:])
}

// merkleRoot reduces a layer to its root. The layer is completed to a power of two with pad, which
// is the hash of a subtree beyond the end of the file. It overwrites layer.
func merkleRoot(layer []hash256, pad hash256) hash256 {
	if len(layer) == 0 {
		return pad
	}
	for len(layer) > 1 {
		half := (len(layer) + 1) / 2
		for i := range half {
			right := pad
			if 2*i+1 < len(layer) {
				right = layer[2*i+1]
			}
			layer[i] = hashPair(layer[2*i], right)
		}
		layer, pad = layer[:half], hashPair(pad, pad)
	}
	return layer[0]
}

// pieceHeight is the number of tree layers between the 16 KiB blocks and the pieces.
func pieceHeight(pieceLength bt.Bytes) int {
	return bits.Len64(uint64(pieceLength/bt.BlockSize)) - 1
}

// padHash is the root of a tree of the given height over blocks beyond the end of the file, whose
// leaves are zero (BEP 52).
func padHash(height int) (h hash256) {
	for range height {
		h = hashPair(h, h)
	}
	return h
}
