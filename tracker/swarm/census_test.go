package swarm_test

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

func TestCensus(t *testing.T) {
	w := newWorld(t)
	if c := w.s.Census(); c != (swarm.Census{}) {
		t.Fatalf("empty swarms have %+v", c)
	}
	w.announce(say{member: 1, addr: "192.0.2.1:6881"})
	w.announce(say{member: 2, addr: "192.0.2.2:6881"})
	w.announce(say{member: 2, addr: "[2001:db8::2]:6881"})
	w.announce(say{member: 3, addr: "[2001:db8::3]:6881", l: 1 << 20})
	w.announce(say{member: 4, addr: "192.0.2.4:6881", e: bt.Stopped})
	want := swarm.Census{Seeders: swarm.Reach{IPv4: 1, Both: 1}, Leechers: swarm.Reach{IPv6: 1}}
	if c := w.s.Census(); c != want {
		t.Errorf("census %+v, want %+v", c, want)
	}
	w.wait(24 * time.Hour)
	w.expire()
	if c := w.s.Census(); c != (swarm.Census{}) {
		t.Errorf("who is silent is still counted: %+v", c)
	}
}
