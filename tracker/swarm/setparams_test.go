package swarm_test

import (
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestSetParams: the next announce is judged by the new rules, and what was metered before stands.
func TestSetParams(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, l: size})
	w.wait(5 * time.Minute)
	w.announce(say{member: 1, d: 10 << 20, l: size - 10<<20})
	before, _, _ := w.totals(1)
	p := w.s.Params()
	p.LeecherInterval, p.JitterPPM, p.SummaryBucket = 10*time.Minute, 0, 2*time.Minute
	w.s.SetParams(p)
	if w.s.Params() != p {
		t.Errorf("in force: %+v", w.s.Params())
	}
	w.wait(5 * time.Minute)
	res := w.announce(say{member: 1, d: 20 << 20, l: size - 20<<20})
	if after, _, _ := w.totals(1); before != 10<<20 || after != 20<<20 || res.Reply.Interval != 10*time.Minute {
		t.Errorf("billed %d, then %d, interval %s", before, after, res.Reply.Interval)
	}
	if l := w.leechers(); len(l) != 1 || l[0].BilledRecent != 10<<20 {
		t.Errorf("demand since the resolution changed: %+v", l)
	}
	defer func() {
		if recover() == nil {
			t.Error("impossible rules were taken")
		}
	}()
	p.CapPPM = 0
	w.s.SetParams(p)
}

// TestSetParamsWhileAnnouncesCome is for the race detector.
func TestSetParamsWhileAnnouncesCome(t *testing.T) {
	w := newWorld(t)
	member := w.member(1)
	var wg sync.WaitGroup
	wg.Go(func() {
		var res swarm.Result
		for i := range 200 {
			w.s.Announce(start.Add(time.Duration(i)*time.Second), &swarm.Input{Torrent: w.torrent, Member: member,
				Announce: bt.Announce{InfoHash: bt.InfoHash{7}, PeerID: bt.PeerID{1}, Left: size}}, &res)
		}
	})
	for i := range 200 {
		p := w.s.Params()
		p.TolerancePPM = int64(i)
		w.s.SetParams(p)
	}
	wg.Wait()
}
