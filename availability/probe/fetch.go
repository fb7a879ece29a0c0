package probe

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// block names one request of the wire.
type block struct{ index, begin, length uint32 }

func byBegin(a, b block) int { return cmp.Compare(a.begin, b.begin) }

// fetch keeps which blocks were asked for and which arrived.
type fetch struct {
	req     Request
	room    bt.Bytes
	blocks  int      // asked for
	open    []*piece // without a result for all targets yet
	byIndex map[int]*piece
	// asked are the blocks under way; true: we were unchoked when we asked.
	asked map[block]bool
	// orphans were under way when the peer choked us; they may still come, or be rejected, which
	// then says nothing about whether the peer has them.
	orphans map[block]int
}

// newFetch plans what is asked for. hashes: the peer can be asked for the hashes of blocks.
func newFetch(r Request, hashes bool) fetch {
	f := fetch{req: r, room: r.limit(), byIndex: map[int]*piece{}, asked: map[block]bool{}, orphans: map[block]int{}}
	var pieces []*piece
	for _, t := range r.Targets {
		p := f.byIndex[t.Piece]
		if p == nil {
			p = &piece{index: t.Piece, size: wireSize(r.Torrent, t.Piece), got: map[uint32][]byte{}}
			f.byIndex[t.Piece] = p
			pieces = append(pieces, p)
		}
		if !slices.Contains(p.targets, t) {
			p.targets = append(p.targets, t)
		}
	}
	clear(f.byIndex)
	for _, p := range pieces {
		f.divide(p, hashes)
		f.admit(p)
	}
	return f
}

// divide asks for a piece by blocks, if each of those wanted can be checked by itself.
func (f *fetch) divide(p *piece, hashes bool) {
	t := f.req.Torrent
	for _, target := range p.targets {
		if target.Block == availability.Whole {
			p.whole = true
			break
		}
		b := target.Block % t.Blocks(p.index)
		if i := slices.IndexFunc(p.parts, func(x *part) bool { return x.block == b }); i >= 0 {
			p.parts[i].targets = append(p.parts[i].targets, target)
			continue
		}
		x := &part{in: p, block: b, size: int(t.BlockSize(p.index, b)), targets: []availability.Target{target}}
		x.sum, x.known = f.req.leaf(p.index, b)
		if steps := t.PathLength(p.index); !x.known && steps != 0 && (steps < 0 || !hashes) {
			p.whole = true
			break
		}
		p.parts = append(p.parts, x)
	}
	if p.whole {
		p.parts = nil
	}
}

// admit puts a piece on the list, if there is room for it; else it is left out.
func (f *fetch) admit(p *piece) bool {
	p.todo = nil
	var size bt.Bytes
	for _, q := range p.chunks() {
		if _, under := f.asked[q]; p.got[q.begin] == nil {
			size += bt.Bytes(q.length)
			if !under {
				p.todo = append(p.todo, q)
			}
		}
	}
	slices.SortFunc(p.todo, byBegin)
	if size > f.room {
		f.close(p)
		return false
	}
	f.room -= size
	if f.byIndex[p.index] == nil {
		f.open = append(f.open, p)
		f.byIndex[p.index] = p
	}
	return true
}

// next returns the blocks to ask for now, of pieces that may be had.
func (f *fetch) next(may func(piece int) bool, unchoked bool) []block {
	var out []block
	for _, p := range f.open {
		for len(p.todo) > 0 && len(f.asked) < pipeline && may(p.index) {
			q := p.todo[0]
			p.todo = p.todo[1:]
			f.asked[q] = unchoked
			f.blocks++
			out = append(out, q)
		}
	}
	return out
}

// again puts a block that will not come back on its piece's list.
func (f *fetch) again(q block) {
	delete(f.asked, q)
	if p := f.byIndex[int(q.index)]; p != nil && p.wants(q) && p.got[q.begin] == nil {
		at, _ := slices.BinarySearchFunc(p.todo, q, byBegin)
		p.todo = slices.Insert(slices.Clip(p.todo), at, q)
	}
}

// choked forgets what was under way: without the fast extension the peer does too (BEP 3), with
// it the peer rejects or serves it (BEP 6); what is allowed fast stays.
func (f *fetch) choked(fast bool, allowed map[int]bool) {
	for q := range f.asked {
		if fast && allowed[int(q.index)] {
			continue
		}
		f.again(q)
		f.orphans[q]++
	}
}

// rejected returns the piece of a block that was under way, and whether we were unchoked when we
// asked for it; nil if it was not, or was when the peer choked us.
func (f *fetch) rejected(q block) (p *piece, unchoked bool) {
	if f.orphans[q] > 0 {
		f.orphans[q]--
		return nil, false
	}
	unchoked, under := f.asked[q]
	if !under {
		return nil, false
	}
	f.again(q)
	return f.byIndex[int(q.index)], unchoked
}

// arrived takes the payload of a piece message and returns the piece and the block that it is; nil
// if nobody asked.
func (f *fetch) arrived(payload []byte) (*piece, block) {
	if len(payload) < 8 {
		return nil, block{}
	}
	data := payload[8:]
	q := block{binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:]), uint32(len(data))}
	_, under := f.asked[q]
	p := f.byIndex[int(q.index)]
	if p == nil || p.got[q.begin] != nil || !p.wants(q) || !under && f.orphans[q] == 0 {
		return nil, q
	}
	if delete(f.asked, q); !under { // it is on the list to be asked for again
		p.todo = slices.DeleteFunc(slices.Clone(p.todo), func(o block) bool { return o == q })
	}
	p.got[q.begin] = bytes.Clone(data)
	return p, q
}

// close takes a piece off the list, with what is under way for it.
func (f *fetch) close(p *piece) {
	p.got = nil
	delete(f.byIndex, p.index)
	f.open = slices.DeleteFunc(f.open, func(o *piece) bool { return o == p })
	for q := range f.asked {
		if int(q.index) == p.index {
			delete(f.asked, q)
		}
	}
}
