package swarm_test

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Peers shows who is in the swarm, seeders first, and nobody who was refused, left, or is silent.
func TestPeersAreThoseOfTheSwarm(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size})
	w.announce(say{member: 2})
	w.announce(say{member: 3, refuse: "banned"})
	got := w.s.Peers(w.now, w.torrent.ID, 10)
	if len(got) != 2 || got[0].Member != 2 || got[0].Left != 0 || got[0].Since.IsZero() || got[1].Member != 1 || got[1].Left != size || !got[1].Since.IsZero() || got[1].ID != peer("p1") {
		t.Fatalf("%+v", got)
	}
	if one := w.s.Peers(w.now, w.torrent.ID, 1); len(one) != 1 || one[0].Member != 2 {
		t.Errorf("of at most one: %+v", one)
	}
	if none := w.s.Peers(w.now, bt.TorrentID(999), 10); len(none) > 0 {
		t.Errorf("of a torrent that nobody knows: %+v", none)
	}
	if late := w.s.Peers(w.now.Add(24*time.Hour), w.torrent.ID, 10); len(late) > 0 {
		t.Errorf("a day later: %+v", late)
	}
}
