package swarm

import (
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Owners says whose sessions in a torrent's swarm the given peers are now, by their peer ids. An id that
// several members have, or that is seen in a network from which its member does not announce, may have been
// copied, which anybody can: it is nobody's (0). Ids that are not there have no entry.
func (s *Swarms) Owners(now time.Time, t bt.TorrentID, peers []Sought) map[Sought]bt.MemberID {
	wanted, out := make(map[bt.PeerID][]Sought, len(peers)), map[Sought]bt.MemberID{}
	for _, p := range peers {
		wanted[p.PeerID] = append(wanted[p.PeerID], p)
	}
	for class := classBest; class < classCount; class++ {
		for from := 0; from >= 0; {
			from = s.owners(ms(now), t, class, from, wanted, out)
		}
	}
	return out
}

// owners looks at some sessions of a set from a place on; it returns the place to go on at, −1 after the
// last.
func (s *Swarms) owners(nowMs int64, t bt.TorrentID, class, from int, wanted map[bt.PeerID][]Sought, out map[Sought]bt.MemberID) int {
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
		p := sh.peers.at(rec)
		if wanted[p.id] == nil || !s.present(p, nowMs) {
			continue
		}
		for _, x := range wanted[p.id] {
			if m, known := out[x]; !sh.near(rec, p, x.Addr) || known && m != p.member {
				out[x] = 0
			} else if !known {
				out[x] = p.member
			}
		}
	}
	return from + len(recs)
}
