package probe

import (
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// piece is one of which something is asked for: the whole of it, or single blocks.
type piece struct {
	index   int
	size    int                   // of the whole
	targets []availability.Target // without a result yet
	whole   bool
	parts   []*part           // unless whole
	todo    []block           // still to be asked for, in order
	got     map[uint32][]byte // by begin
}

// part is a block that is checked by itself.
type part struct {
	in      *piece
	block   int
	size    int
	targets []availability.Target
	sum     [32]byte // known from the manifest …
	known   bool
	proof   *proof // … or proven by the peer's hashes, if it needs proof
	since   time.Time
}

// proof is what a peer said about a block: its sum, and the hashes that lead from there to the
// hash of the piece.
type proof struct {
	leaf [32]byte
	path [][32]byte
}

// wireSize is how many bytes of piece i are asked for as a whole: its data, without the padding of a
// hybrid, which is known to be zero (BEP 47). Peers that know it by its v2 hash need not have padding
// (BEP 52), and our own daemon closes the connection when asked for it.
func wireSize(t *catalog.Torrent, i int) int {
	last := t.Blocks(i) - 1
	return last*bt.BlockSize + int(t.BlockSize(i, last))
}

// chunks are the blocks to be asked for.
func (p *piece) chunks() []block {
	var out []block
	if !p.whole {
		for _, x := range p.parts {
			out = append(out, x.chunk())
		}
		return out
	}
	for begin := 0; begin < p.size; begin += bt.BlockSize {
		out = append(out, block{uint32(p.index), uint32(begin), uint32(min(bt.BlockSize, p.size-begin))})
	}
	return out
}

func (x *part) chunk() block {
	return block{uint32(x.in.index), uint32(x.block * bt.BlockSize), uint32(x.size)}
}

// wants reports whether a block is among those to be asked for.
func (p *piece) wants(q block) bool {
	if p.whole {
		return q.begin%bt.BlockSize == 0 && int(q.begin) < p.size && int(q.length) == min(bt.BlockSize, p.size-int(q.begin))
	}
	return p.part(q) != nil
}

// part returns the part that a block of the wire is, nil if it is none.
func (p *piece) part(q block) *part {
	for _, x := range p.parts {
		if x.chunk() == q {
			return x
		}
	}
	return nil
}

// complete reports whether every byte of a whole piece arrived.
func (p *piece) complete() bool { return len(p.got)*bt.BlockSize >= p.size }

// join returns the bytes of a complete piece, with size ≥ p.size: what is beyond is padding.
func (p *piece) join(size bt.Bytes) []byte {
	data := make([]byte, size)
	for begin, b := range p.got {
		copy(data[begin:], b)
	}
	return data
}

// drop takes targets that have a result off the piece.
func (p *piece) drop(done []availability.Target) {
	p.targets = slices.DeleteFunc(p.targets, func(t availability.Target) bool { return slices.Contains(done, t) })
	p.parts = slices.DeleteFunc(p.parts, func(x *part) bool { return slices.Contains(done, x.targets[0]) })
}
