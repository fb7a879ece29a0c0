package swarm_test

import (
	"maps"
	"net/netip"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

func TestOwners(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1})
	w.announce(say{member: 2, l: size})
	w.poor(3)
	w.announce(say{member: 3, l: size})
	w.announce(say{member: 4, peer: "p1"}) // copies the id of 1
	w.announce(say{member: 5, e: bt.Stopped})
	w.announce(say{member: 6, addr: "203.0.113.6:6881"})
	at := func(name, addr string) swarm.Sought {
		return swarm.Sought{PeerID: peer(name), Addr: netip.MustParseAddr(addr)}
	}
	ask := []swarm.Sought{at("p1", nowhere), at("p2", nowhere), at("p2", nowhere), at("p3", nowhere), at("p5", nowhere), at("unknown", nowhere),
		at("p6", "203.0.113.9"), at("p6", "10.0.0.1"), at("p6", nowhere), at("p6", "2001:db8::1")}
	want := map[swarm.Sought]bt.MemberID{ask[0]: 0, ask[1]: 2, ask[3]: 3, ask[6]: 6, ask[7]: 6, ask[8]: 0, ask[9]: 0}
	if got := w.s.Owners(w.now, w.torrent.ID, ask); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := w.s.Owners(w.now, 77, ask); len(got) != 0 {
		t.Errorf("in an unknown torrent: %v", got)
	}
}
