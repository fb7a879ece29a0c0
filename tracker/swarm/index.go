package swarm

import "github.com/swarmstake/swarmstake/tracker/bt"

// index finds the first session of a member on a torrent: open addressing with linear probing over
// record numbers, the keys being in the records. 0 is an empty place.
type index struct {
	slots []uint32
	n     int
}

const minSlots = 16

func pairHash(m bt.MemberID, t bt.TorrentID) uint64 { return mix(uint64(m)<<32 | uint64(t)) }

// find returns the record and its place; record 0 and where it would go if there is none.
func (x *index) find(peers *pool[peer], m bt.MemberID, t bt.TorrentID) (rec, place uint32) {
	if len(x.slots) == 0 {
		x.slots = make([]uint32, minSlots)
	}
	mask := uint32(len(x.slots) - 1)
	for i := uint32(pairHash(m, t)) & mask; ; i = (i + 1) & mask {
		rec := x.slots[i]
		if rec == 0 {
			return 0, i
		}
		if p := peers.at(rec); p.member == m && p.torrent == t {
			return rec, i
		}
	}
}

// add puts a record where find said that it would go.
func (x *index) add(peers *pool[peer], rec, place uint32) {
	x.slots[place] = rec
	if x.n++; 4*x.n <= 3*len(x.slots) {
		return
	}
	old := x.slots
	x.slots = make([]uint32, 2*len(old))
	for _, r := range old {
		if r != 0 {
			p := peers.at(r)
			_, i := x.find(peers, p.member, p.torrent)
			x.slots[i] = r
		}
	}
}

// remove empties a place and moves up what had been pushed behind it.
func (x *index) remove(peers *pool[peer], place uint32) {
	mask := uint32(len(x.slots) - 1)
	x.n--
	hole := place
	for i := (place + 1) & mask; x.slots[i] != 0; i = (i + 1) & mask {
		p := peers.at(x.slots[i])
		home := uint32(pairHash(p.member, p.torrent)) & mask
		if (i-home)&mask >= (i-hole)&mask {
			x.slots[hole], hole = x.slots[i], i
		}
	}
	x.slots[hole] = 0
}
