package server

import (
	"net/netip"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	// ownersKept is how long it is remembered whose a peer id was: a node reports what it sent some
	// minutes later, when the peer may be gone.
	ownersKept = time.Hour
	// maxOwners bounds them; beyond it all are forgotten, and only peers still present are known.
	maxOwners = 200_000
)

// owners remembers whose the peers were that nodes asked about.
type owners struct {
	taking sync.Mutex // while a report is stored: between two large ones others write

	mu   sync.Mutex
	seen map[ownerKey]ownerSeen
}

// ownerKey is a peer as it was seen. An address that says nothing is the zero network.
type ownerKey struct {
	torrent bt.TorrentID
	peer    bt.PeerID
	network netip.Prefix
}

func keyOf(t bt.TorrentID, p swarm.Sought) ownerKey {
	return ownerKey{t, p.PeerID, bt.Network(p.Addr)}
}

type ownerSeen struct {
	member bt.MemberID
	at     time.Time
}

// remember notes what Owners found. What turned out to be nobody's is forgotten.
func (o *owners) remember(now time.Time, t bt.TorrentID, found map[swarm.Sought]bt.MemberID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.seen)+len(found) > maxOwners {
		for k, s := range o.seen {
			if now.Sub(s.at) > ownersKept {
				delete(o.seen, k)
			}
		}
	}
	if o.seen == nil || len(o.seen)+len(found) > maxOwners {
		o.seen = map[ownerKey]ownerSeen{}
	}
	for p, m := range found {
		if m == 0 {
			delete(o.seen, keyOf(t, p))
		} else {
			o.seen[keyOf(t, p)] = ownerSeen{m, now}
		}
	}
}

// of is whose the peer was in the last hour; 0: nobody's that is known.
func (o *owners) of(now time.Time, t bt.TorrentID, p swarm.Sought) bt.MemberID {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s, ok := o.seen[keyOf(t, p)]; ok && now.Sub(s.at) <= ownersKept {
		return s.member
	}
	return 0
}
