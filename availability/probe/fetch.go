package probe

import (
	"crypto/sha1"
	"encoding/binary"
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// block names one request of the wire.
type block struct{ index, begin, length uint32 }

// piece is one that was asked for. Its room is made when its first block arrives.
type piece struct {
	index int
	size  int
	data  []byte
	got   map[uint32]bool // by begin
}

func (f *piece) whole() bool { return len(f.got)*bt.BlockSize >= f.size }

func (f *piece) sum() [20]byte { return sha1.Sum(f.data) }

// fetch keeps which blocks were asked for and which arrived.
type fetch struct {
	open []*piece // without a result yet
	// asked are the blocks under way; true: we were unchoked when we asked.
	asked map[block]bool
	// orphans were under way when the peer choked us; they may still come, or be rejected, which
	// then says nothing about whether the peer has them.
	orphans map[block]int
}

func newFetch(r Request) fetch {
	f := fetch{asked: map[block]bool{}, orphans: map[block]int{}}
	for _, i := range r.Pieces {
		if f.piece(uint32(i)) == nil {
			f.open = append(f.open, &piece{index: i, size: r.pieceSize(i), got: map[uint32]bool{}})
		}
	}
	return f
}

// next returns the blocks to ask for now, of pieces that may be had.
func (f *fetch) next(may func(piece int) bool, unchoked bool) []block {
	var out []block
	for _, p := range f.open {
		if !may(p.index) {
			continue
		}
		for begin := 0; begin < p.size && len(f.asked) < pipeline; begin += bt.BlockSize {
			q := block{uint32(p.index), uint32(begin), uint32(min(bt.BlockSize, p.size-begin))}
			if _, under := f.asked[q]; !under && !p.got[q.begin] {
				f.asked[q] = unchoked
				out = append(out, q)
			}
		}
	}
	return out
}

// choked forgets what was under way: without the fast extension the peer does too (BEP 3), with
// it the peer rejects or serves it (BEP 6); what is allowed fast stays.
func (f *fetch) choked(fast bool, allowed map[int]bool) {
	for q := range f.asked {
		if fast && allowed[int(q.index)] {
			continue
		}
		delete(f.asked, q)
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
	delete(f.asked, q)
	return f.piece(q.index), unchoked
}

// arrived takes the payload of a piece message and returns the piece it belongs to and how many
// bytes were new; nil if nobody asked.
func (f *fetch) arrived(payload []byte) (p *piece, n int) {
	if len(payload) < 8 {
		return nil, 0
	}
	data := payload[8:]
	q := block{binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:]), uint32(len(data))}
	_, under := f.asked[q]
	if p = f.piece(q.index); p == nil || p.got[q.begin] || !under && f.orphans[q] == 0 {
		return nil, 0
	}
	delete(f.asked, q)
	if p.data == nil {
		p.data = make([]byte, p.size)
	}
	p.got[q.begin] = true
	return p, copy(p.data[q.begin:], data)
}

// close takes a piece that has its result off the list, with what is under way for it.
func (f *fetch) close(p *piece) {
	p.data = nil
	f.open = slices.DeleteFunc(f.open, func(o *piece) bool { return o == p })
	for q := range f.asked {
		if int(q.index) == p.index {
			delete(f.asked, q)
		}
	}
}

func (f *fetch) piece(index uint32) *piece {
	for _, p := range f.open {
		if p.index == int(index) {
			return p
		}
	}
	return nil
}
