package swarm

import (
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Peer is a session of a swarm as people see it: without its address.
type Peer struct {
	Member bt.MemberID
	ID     bt.PeerID
	Left   bt.Bytes
	Since  time.Time // of seeding; zero: leeching
	Seen   time.Time
}

// Peers returns up to n sessions of a torrent that are in its swarm now, seeders first, in no further order.
func (s *Swarms) Peers(now time.Time, t bt.TorrentID, n int) []Peer {
	sh := s.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sw := sh.known(t)
	if sw == nil {
		return nil
	}
	var out []Peer
	for class := classBest; class <= classLeech; class++ {
		for _, rec := range sw.sets[class].recs {
			if len(out) >= n {
				return out
			}
			if p := sh.peers.at(rec); s.present(p, ms(now)) {
				out = append(out, p.shown())
			}
		}
	}
	return out
}

func (p *peer) shown() Peer {
	x := Peer{Member: p.member, ID: p.id, Left: p.leftBytes(), Seen: time.UnixMilli(p.seenMs())}
	if p.isSeeding() {
		x.Since = time.UnixMilli(p.seedingMs())
	}
	return x
}
