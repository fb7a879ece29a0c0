package swarm_test

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestLowerMaximumBillsNoLess: who got peers at a quote pays it for what then arrives, however low a
// maximum price is set meanwhile.
func TestLowerMaximumBillsNoLess(t *testing.T) {
	w := newWorld(t)
	if res := w.announce(say{member: 1, l: size, e: bt.Started}); res.Refusal != "" {
		t.Fatal(res.Refusal)
	}
	w.member(1).MaxPrice = 1
	for done := bt.Bytes(size / 4); done <= size; done += size / 4 {
		w.wait(5 * time.Minute)
		w.announce(say{member: 1, d: done, l: size - done})
	}
	if _, _, charge := w.totals(1); charge != cost(price, size) {
		t.Errorf("charged %d utok for %d bytes, quoted were %d", charge, size, cost(price, size))
	}
}

// TestBytesAtATinyMaximumAreNoDemand: nobody moves the price for next to nothing.
func TestBytesAtATinyMaximumAreNoDemand(t *testing.T) {
	w := newWorld(t)
	w.member(1).MaxPrice = 1
	w.announce(say{member: 1, l: size, e: bt.Started})
	w.wait(time.Minute)
	w.announce(say{member: 1, d: size / 2, l: size / 2})
	_, _, charge := w.totals(1)
	for _, l := range w.leechers() {
		if l.BilledRecent > 0 {
			t.Errorf("%d bytes billed with %d utok count as demand", l.BilledRecent, charge)
		}
	}
}

// TestManyPassesStayInTheJournalsRange: complete, then not, over and over, of the largest torrent.
func TestManyPassesStayInTheJournalsRange(t *testing.T) {
	w := newWorld(t)
	w.torrent = swarm.NewTorrent(7, 1<<50, 512<<20, price, 1_000_000)
	for range 2500 {
		w.wait(time.Second)
		w.announce(say{member: 1, d: 0, l: 1 << 50, e: bt.Started, stake: "none"})
		w.announce(say{member: 1, d: 1 << 50, l: 0, stake: "none"})
	}
	w.kill()
}

// TestCorroboratedBytesOfAFreeTorrent cost nothing, then or later.
func TestCorroboratedBytesOfAFreeTorrent(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size, e: bt.Started, free: true})
	w.wait(time.Minute)
	w.announce(say{member: 1, l: size / 2, free: true})
	if charged, _ := w.s.Corroborate(w.torrent, w.member(1), 1, size/2, true); charged != 0 {
		t.Errorf("charged %d", charged)
	}
	w.kill()
	w.announce(say{member: 1, d: size / 2, l: 0})
	billed, _, charge := w.totals(1)
	if free := w.batches[len(w.batches)-1].Usage; billed != size/2 || charge != cost(price, size/2) {
		t.Errorf("billed %d bytes, %d utok, want the second half: %+v", billed, charge, free)
	}
}
