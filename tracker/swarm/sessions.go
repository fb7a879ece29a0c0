package swarm

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Sought is a peer as it shows itself to another: the peer id of its handshake and where it connects from.
type Sought struct {
	PeerID bt.PeerID
	Addr   netip.Addr
}

// Found is a session that may be one that was sought: by its peer id, which some clients have another of
// for peers than for trackers, or else by its address.
type Found struct {
	Known     bool // a session that may be served is like that
	ByPeerID  bool
	Elsewhere bool   // … but it announces from other networks: every peer of the swarm sees the id, and can copy it
	Seeding   bool   // it has everything
	Reserved  amount // of a leecher: by its download
}

// better reports whether f rather than x is who is meant. Of several clients behind one address, or
// under one peer id, which anybody may copy, it is the one that has the better claim to be served.
func (f Found) better(x Found) bool {
	switch {
	case f.Known != x.Known:
		return f.Known
	case f.Elsewhere != x.Elsewhere:
		return x.Elsewhere
	case f.ByPeerID != x.ByPeerID:
		return f.ByPeerID
	case f.Seeding != x.Seeding:
		return x.Seeding
	}
	return f.Reserved > x.Reserved
}

// or is the better of two.
func (f Found) or(x Found) Found {
	if x.better(f) {
		return x
	}
	return f
}

// Crowd is the leechers of a torrent that may be served now.
type Crowd struct {
	Reserved amount // by all their downloads
	Sample   amount // by one of them, drawn by a seed; 0: there is none
}

// searchPart is how many sessions are looked at under one hold of the lock: the announces of a large
// swarm go on between two parts.
const searchPart = 2048

// Search looks for peers among the sessions of a torrent that may be served: seeders, and leechers that
// consented and reserved, pay nothing or have an allowance; none that were refused or fell silent. The
// answers are in the order of the sought. A session that changes during the search may be missed, or
// count with what it reserved before. The seed draws Crowd.Sample: the same as long as that one is there.
func (s *Swarms) Search(now time.Time, t bt.TorrentID, sought []Sought, seed uint64) ([]Found, Crowd) {
	x := search{nowMs: ms(now), seed: seed, sought: sought, found: make([]Found, len(sought)), byID: make(map[bt.PeerID][]int, len(sought)),
		byAddr: make(map[[16]byte][]int, len(sought)), several: map[uint32]bool{}}
	for i, p := range sought {
		addr := p.Addr.As16()
		x.byID[p.PeerID], x.byAddr[addr] = append(x.byID[p.PeerID], i), append(x.byAddr[addr], i)
	}
	for class := classBest; class <= classLeech; class++ {
		for from := 0; from >= 0; {
			from = x.part(s, t, class, from)
		}
	}
	return x.found, x.crowd
}

// search is one under way.
type search struct {
	nowMs   int64
	seed    uint64
	sought  []Sought
	byID    map[bt.PeerID][]int
	byAddr  map[[16]byte][]int
	found   []Found
	crowd   Crowd
	least   uint64          // draw of crowd.Sample
	several map[uint32]bool // downloads with several sessions that were counted
}

// part looks at some sessions of a set from a place on; it returns the place to go on at, −1 after the
// last.
func (x *search) part(s *Swarms, t bt.TorrentID, class, from int) int {
	sh := s.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sw := sh.known(t)
	if sw == nil || from >= sw.sets[class].len() {
		return -1
	}
	recs := sw.sets[class].recs[from:]
	recs = recs[:min(searchPart, len(recs))]
	for _, rec := range recs {
		if p := sh.peers.at(rec); s.present(p, x.nowMs) {
			x.meet(sh, rec, p)
		}
	}
	return from + len(recs)
}

// meet compares a session with all that are sought.
func (x *search) meet(sh *shard, rec uint32, p *peer) {
	f := Found{Known: true, Seeding: p.isSeeding()}
	if !f.Seeding {
		f.Reserved = sh.downloads.at(p.download).held.Tokens
		x.count(sh, p.download, f.Reserved)
	}
	if p.port4() != 0 {
		x.note(x.byAddr[netip.AddrFrom4(p.addr4).As16()], f)
	}
	if p.is(stateHas6) {
		x.note(x.byAddr[sh.addrs6[rec].ip], f)
	}
	f.ByPeerID = true
	for _, i := range x.byID[p.id] {
		f.Elsewhere = !sh.near(rec, p, x.sought[i].Addr)
		x.found[i] = x.found[i].or(f)
	}
}

// near reports whether a session may connect from an address: it announces from that network, or one of the
// two addresses says nothing.
func (sh *shard) near(rec uint32, p *peer, from netip.Addr) bool {
	network := bt.Network(from)
	same := func(a netip.Addr) bool { n := bt.Network(a); return !n.IsValid() || n == network }
	switch {
	case !network.IsValid():
		return true
	case p.port4() != 0 && same(netip.AddrFrom4(p.addr4)):
		return true
	}
	return p.is(stateHas6) && same(netip.AddrFrom16(sh.addrs6[rec].ip))
}

func (x *search) note(sought []int, f Found) {
	for _, i := range sought {
		x.found[i] = x.found[i].or(f)
	}
}

// count adds a download to the crowd, once.
func (x *search) count(sh *shard, drec uint32, reserved amount) {
	if sh.downloads.at(drec).sessions > 1 {
		if x.several[drec] {
			return
		}
		x.several[drec] = true
	}
	x.crowd.Reserved += reserved
	if draw := mix(x.seed ^ uint64(drec)); draw >= x.least {
		x.least, x.crowd.Sample = draw, reserved
	}
}

// TakesPart reports whether a client of a member is in a torrent's swarm now: whoever was refused, or is
// told of no peers for want of funds, is not.
func (s *Swarms) TakesPart(now time.Time, t bt.TorrentID, m bt.MemberID) bool {
	sh := s.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for rec, _ := sh.index.find(&sh.peers, m, t); rec != 0; rec = sh.peers.at(rec).next {
		if p := sh.peers.at(rec); p.class() != notListed && p.class() != classBroke && s.present(p, ms(now)) {
			return true
		}
	}
	return false
}
