package server

import (
	"context"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

var _ web.Serving = (*Server)(nil)

const (
	// grantFor is how long a grant holds: a leecher's interval, within which funds run out or prices move.
	grantFor = 5 * time.Minute
	// denialFor is likewise for who is not granted: it may have announced a moment later.
	denialFor = 30 * time.Second
	// samplePart is what part of a piece the prober is to be given each second at least when it comes as a
	// leecher, so that the rate granted to it never makes a seeder look as if it served nobody.
	samplePart = 64
)

// Access says which peers a node may serve, and at which rate (PROTOCOLS §4, ECONOMY §9): those that are
// present in the swarm and that peers are told of, by peer id, else by address. Of torrents that the node
// neither claims nor has a client for, nobody is granted: it cannot find out who is in other swarms.
func (s *Server) Access(_ context.Context, node store.Node, peers []web.PeerQuery) ([]web.Grant, error) {
	now, grants := s.now(), make([]web.Grant, len(peers))
	torrents, places := map[bt.TorrentID]*tracker.Torrent{}, map[bt.TorrentID][]int{}
	for i, p := range peers {
		grants[i].Valid = denialFor
		if t, ok := s.roster.dir.Torrent(p.InfoHash); ok && !t.Withdrawn {
			torrents[t.Meter.ID] = t
			places[t.Meter.ID] = append(places[t.Meter.ID], i)
		}
	}
	for id, t := range torrents {
		if s.hasPart(now, node, id) {
			s.grant(now, t, peers, places[id], grants)
		}
	}
	return grants, nil
}

// hasPart reports whether a node claims a torrent, or its member has a client in the swarm.
func (s *Server) hasPart(now time.Time, node store.Node, t bt.TorrentID) bool {
	a := s.auditor
	a.mu.Lock()
	_, claims := a.book.Find(t, node.Member, node.ID)
	a.mu.Unlock()
	return claims || s.swarms.TakesPart(now, t, node.Member)
}

// grant fills in the grants of one torrent's peers, which are at the given places.
func (s *Server) grant(now time.Time, t *tracker.Torrent, peers []web.PeerQuery, places []int, grants []web.Grant) {
	sought := make([]swarm.Sought, len(places))
	for k, i := range places {
		sought[k] = swarm.Sought{PeerID: peers[i].PeerID, Addr: peers[i].Addr}
	}
	found, crowd := s.swarms.Search(now, t.Meter.ID, sought, s.market.seed)
	s.owners.remember(now, t.Meter.ID, s.swarms.Owners(now, t.Meter.ID, sought))
	r := s.ration(now, t, crowd)
	for k, i := range places {
		switch as := s.auditor.prober.Used(peers[i].PeerID, peers[i].Addr, t.Hashes); {
		case as.Copied:
			grants[i] = web.Grant{Granted: true, Rate: r.guest, Valid: grantFor}
		case as.Known && as.Disguised:
			grants[i] = web.Grant{Granted: true, Rate: r.sample(t.Meter.PieceLength), Valid: grantFor}
		case as.Known: // it says who it is; and it measures the capacity that is rationed
			grants[i] = web.Grant{Granted: true, Valid: grantFor}
		case found[k].Known:
			grants[i] = web.Grant{Granted: true, Rate: r.rate(found[k]), Valid: grantFor}
		}
	}
}

// ration is how a torrent's capacity is divided now.
type ration struct {
	short    bool
	capacity bt.Bytes // per second
	crowd    swarm.Crowd
	guest    bt.Bytes // the least, per second
}

// ration of a torrent. One that is free is not rationed: nobody reserves anything for it.
func (s *Server) ration(now time.Time, t *tracker.Torrent, c swarm.Crowd) ration {
	r := ration{crowd: c, guest: s.conf.Server.GuestRate}
	if short := s.market.short.Load(); short != nil && t.FreeUntilMs <= now.UnixMilli() {
		r.capacity, r.short = (*short)[t.Meter.ID]
	}
	return r
}

// rate is what a session may have, per second; 0: as fast as it goes. A seeder wants nothing: what it has
// is enough for asking it, and too little for one that only says that it seeds, or that shows the peer id of
// another.
func (r ration) rate(f swarm.Found) bt.Bytes {
	if f.Seeding || f.Elsewhere {
		return r.guest
	}
	return r.share(f.Reserved, r.guest)
}

// sample is what a member of this torrent might have, and no less than a piece needs to arrive in time.
func (r ration) sample(piece bt.Bytes) bt.Bytes {
	return r.share(r.crowd.Sample, max(r.guest, piece/samplePart))
}

func (r ration) share(reserved tokens.Amount, least bt.Bytes) bt.Bytes {
	if !r.short {
		return 0
	}
	return surge.Share(r.capacity, reserved, r.crowd.Reserved, least)
}

// maxPortTests bounds the tests of ports at a time: each keeps a connection for some seconds.
const maxPortTests = 64

// TestPort connects to a node as audits do.
func (s *Server) TestPort(ctx context.Context, _ store.Node, addr netip.AddrPort) (reachable bool, reason string) {
	defer s.portTests.Add(-1)
	if s.portTests.Add(1) > maxPortTests {
		return false, "the tracker tests the ports of many others now; try again in a minute"
	}
	return s.auditor.prober.Reach(ctx, addr)
}
