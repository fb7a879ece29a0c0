package sim

import (
	"slices"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// torrent is a swarm and what the tracker knows of it.
type torrent struct {
	id     bt.TorrentID
	size   bt.Bytes
	peers  []*peer
	takers []*peer              // who downloads in this step
	met    map[bt.MemberID]*set // whom the tracker gave whose address
	market surge.State
	books  []*book // by epoch
	owner  *member // whose own it is; nil: the public's
}

func newTorrent(id int, size bt.Bytes, p surge.Params) *torrent {
	return &torrent{id: bt.TorrentID(id), size: size, met: map[bt.MemberID]*set{}, market: surge.Initial(p)}
}

// set is a set of members.
type set []uint64

func (s *set) add(m bt.MemberID) {
	for len(*s) <= int(m/64) {
		*s = append(*s, 0)
	}
	(*s)[m/64] |= 1 << (m % 64)
}

func (s *set) has(m bt.MemberID) bool {
	return s != nil && int(m/64) < len(*s) && (*s)[m/64]>>(m%64)&1 == 1
}

// introduced says whether the tracker gave one of two members the other's address.
func (t *torrent) introduced(a, b bt.MemberID) bool { return t.met[a].has(b) || t.met[b].has(a) }

// introduce gives a member the addresses of at most MaxNumWant others who are there.
func (t *torrent) introduce(p *peer) {
	mine := t.met[p.m.id]
	if mine == nil {
		mine = &set{}
		t.met[p.m.id] = mine
	}
	first := 0
	if len(t.peers) > bt.MaxNumWant {
		first = p.m.r.Below(len(t.peers))
	}
	for k := range min(len(t.peers), bt.MaxNumWant) {
		if other := t.peers[(first+k)%len(t.peers)]; other.online && other.m != p.m {
			mine.add(other.m.id)
		}
	}
}

// leave takes a client away for good, and what it claims.
func (w *world) leave(p *peer) {
	if p.claim.ID != 0 {
		w.book.Remove(p.claim.ID)
		delete(w.claimants, p.claim.ID)
	}
	for i, other := range p.t.peers {
		if other == p {
			p.t.peers = append(p.t.peers[:i:i], p.t.peers[i+1:]...)
			return
		}
	}
}

// slots is to how many peers a client uploads at a time.
const slots = 4

// gather finds who wants something of the torrent in this step.
func (t *torrent) gather() {
	t.takers = t.takers[:0]
	for _, p := range t.peers {
		if p.online && p.left > 0 && p.m.role == Leecher {
			t.takers = append(t.takers, p)
			p.room = min(p.left, p.m.down)
		}
	}
}

// transfer moves a step's bytes: every client that has something uploads to a few others that it
// met and that want it. Who uploads nothing claims as much as honest seeders upload on average.
func (w *world) transfer(t *torrent) {
	var givers, given bt.Bytes
	if len(t.takers) == 0 {
		return
	}
	for _, p := range t.peers {
		if p.online && p.m.uploads() && p.left < t.size {
			sent := w.upload(p)
			if p.m.role != Leecher {
				givers, given = givers+1, given+sent
			}
		}
	}
	for _, p := range t.peers {
		if p.online && !p.m.uploads() {
			p.up += given / max(1, givers) * bt.Bytes(w.GreedPct) / 100
		}
	}
}

// upload divides a client's line among some takers, and returns what it sent.
func (w *world) upload(p *peer) (sent bt.Bytes) {
	chosen := p.choose()
	for _, q := range chosen {
		b := min(q.room, p.m.line()/bt.Bytes(len(chosen)))
		q.take(b)
		sent += b
		if q.left == 0 {
			w.complete(q)
		}
	}
	p.up += sent
	if p.m.role == Overclaimer {
		p.up += sent * bt.Bytes(p.m.over) / 100
	}
	if w.counts(p.m, w.epoch()) {
		p.m.tally.Sent += sent
	}
	return sent
}

// take is what a download gets. A leecher that over-reports says that it uploaded a part of that.
func (p *peer) take(b bt.Bytes) {
	p.room -= b
	p.left -= b
	p.down += b
	p.up += b * bt.Bytes(p.m.over) / 100
}

// choose draws up to slots takers that the client met.
func (p *peer) choose() (chosen []*peer) {
	for range 3 * slots {
		q := p.t.takers[p.m.r.Below(len(p.t.takers))]
		if len(chosen) < slots && q.m != p.m && q.room > 0 && !slices.Contains(chosen, q) && p.t.introduced(p.m.id, q.m.id) {
			chosen = append(chosen, q)
		}
	}
	return chosen
}

// line is what each of the member's clients that is wanted can send in a step.
func (m *member) line() bt.Bytes {
	wanted := bt.Bytes(0)
	for _, p := range m.peers {
		if p.online && len(p.t.takers) > 0 {
			wanted++
		}
	}
	return m.up / max(1, wanted)
}

// trade moves bytes on paper between a member and its puppet, until a washer has enough.
func (w *world) trade(m *member) {
	if len(m.owned.peers) == 0 {
		w.enter(m.owned, m, 0)
		w.enter(m.owned, m.puppet, m.owned.size)
	}
	seller, buyer := m.owned.peers[0], m.owned.peers[1]
	b := bt.Bytes(w.RingMiB) * mib
	if m.role != Ring {
		b = min(b, bt.Bytes(w.WashGiB)*bt.GiB-m.washed)
	}
	if seller.claim.ProvenMs == 0 || b == 0 {
		return
	}
	m.washed += b
	seller.up += b
	buyer.down += b
	buyer.left -= b
}

// enter starts a client that is none of those that seed for the public.
func (w *world) enter(t *torrent, m *member, left bt.Bytes) {
	p := &peer{m: m, t: t, left: left}
	t.peers = append(t.peers, p)
	w.begin(p)
}
