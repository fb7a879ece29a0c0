package web

import (
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// peersShown bounds the list of a torrent's peers.
const peersShown = 50

// peerView is a peer as everybody sees it: which program, how far, since when. Neither who nor where it is.
type peerView struct {
	Client  string
	You     bool
	Seeding bool
	DonePPM int64
	SinceMs int64 // of seeding; 0: not known
	SeenMs  int64
}

// peerViews are those in a torrent's swarm now, the visitor's own first.
func (s *site) peerViews(t store.Torrent, visitor bt.MemberID) []peerView {
	var own, others []peerView
	for _, p := range s.Live.Peers(t.ID, peersShown) {
		v := peerView{Client: tracker.ClientName(p.ID), You: p.Member == visitor, Seeding: p.Left == 0, DonePPM: donePPM(t.Size, p.Left),
			SinceMs: unixMs(p.Since), SeenMs: unixMs(p.Seen)}
		if v.You {
			own = append(own, v)
		} else {
			others = append(others, v)
		}
	}
	return append(own, others...)
}

func unixMs(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
