package swarm_test

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const mb = bt.Bytes(1 << 20)

// TestMeteringTable walks every row of ECONOMY §3: after some history, one announce, and what it
// changed.
func TestMeteringTable(t *testing.T) {
	type step struct {
		after time.Duration
		say
	}
	leech := func(u, d bt.Bytes, e bt.Event) say { return say{member: 1, u: u * mb, d: d * mb, l: 50 * mb, e: e} }
	seed := func(u, d bt.Bytes, e bt.Event) say { return say{member: 1, u: u * mb, d: d * mb, l: 0, e: e} }
	for _, c := range []struct {
		name             string
		history          []step
		last             step
		metered, claimed bt.Bytes // by the last announce
		flagged          bool
		generation       int64
		stopped          bool
		u, d             bt.Bytes // marks afterwards
	}{
		{name: "1 new session: d from 0, no upload", last: step{0, leech(9, 5, bt.Started)}, metered: 5, u: 9, d: 5},
		{name: "1 new session, without started", last: step{0, leech(9, 5, bt.None)}, metered: 5, u: 9, d: 5},
		{name: "1 first ever, complete", last: step{0, seed(9, 5, bt.Started)}, u: 9, d: 5},
		{name: "1 complete, but not the first ever", history: []step{{0, say{member: 1, peer: "other", l: mb}}},
			last: step{0, seed(9, 5, bt.Started)}, metered: 5, u: 9, d: 5},
		{name: "1 and 6 new session that stops", last: step{0, leech(0, 5, bt.Stopped)}, metered: 5, stopped: true, d: 5},
		{name: "2 advance", history: []step{{0, leech(1, 1, bt.Started)}}, last: step{time.Hour, leech(4, 6, bt.None)}, metered: 5, claimed: 3, u: 4, d: 6},
		{name: "2 equal is a replay", history: []step{{0, leech(1, 1, bt.Started)}}, last: step{time.Hour, leech(1, 1, bt.None)}, u: 1, d: 1},
		{name: "2 started that goes on", history: []step{{0, leech(1, 1, bt.Started)}}, last: step{time.Hour, leech(4, 6, bt.Started)}, metered: 5, claimed: 3, u: 4, d: 6},
		{name: "3 started, u fell", history: []step{{0, leech(5, 5, bt.Started)}}, last: step{time.Second, leech(1, 7, bt.Started)}, metered: 7, generation: 1, u: 1, d: 7},
		{name: "3 started, d fell", history: []step{{0, leech(5, 5, bt.Started)}}, last: step{time.Hour, leech(8, 2, bt.Started)}, metered: 2, generation: 1, u: 8, d: 2},
		{name: "4 stale", history: []step{{0, leech(5, 5, bt.Started)}}, last: step{120 * time.Second, leech(4, 9, bt.None)}, u: 5, d: 5},
		{name: "4 stale completed", history: []step{{0, leech(5, 5, bt.Started)}}, last: step{time.Second, leech(4, 9, bt.Completed)}, u: 5, d: 5},
		{name: "5 fall, later", history: []step{{0, leech(5, 5, bt.Started)}}, last: step{120*time.Second + time.Millisecond, leech(4, 9, bt.None)}, metered: 9, flagged: true, generation: 1, u: 4, d: 9},
		{name: "5 stale ones do not put off the end of the window", history: []step{{0, leech(5, 5, bt.Started)}, {100 * time.Second, leech(0, 1, bt.None)}},
			last: step{100 * time.Second, leech(0, 2, bt.None)}, metered: 2, flagged: true, generation: 1, d: 2},
		{name: "6 stop after advance", history: []step{{0, leech(1, 1, bt.Started)}}, last: step{time.Hour, leech(4, 6, bt.Stopped)}, metered: 5, claimed: 3, stopped: true, u: 4, d: 6},
		{name: "6 stop, stale", history: []step{{0, leech(5, 5, bt.Started)}}, last: step{time.Second, leech(4, 6, bt.Stopped)}, stopped: true, u: 5, d: 5},
		{name: "6 stop, fall, later", history: []step{{0, leech(5, 5, bt.Started)}}, last: step{time.Hour, leech(4, 6, bt.Stopped)}, metered: 6, flagged: true, stopped: true, generation: 1, u: 4, d: 6},
		{name: "7 stopped, then started that goes on", history: []step{{0, leech(1, 1, bt.Started)}, {time.Hour, leech(2, 2, bt.Stopped)}},
			last: step{time.Hour, leech(3, 4, bt.Started)}, metered: 2, claimed: 1, u: 3, d: 4},
		{name: "7 stopped, then started from 0", history: []step{{0, leech(1, 1, bt.Started)}, {time.Hour, leech(2, 2, bt.Stopped)}},
			last: step{time.Second, leech(0, 1, bt.Started)}, metered: 1, generation: 1, d: 1},
		{name: "7 stopped, a late announce changes nothing", history: []step{{0, leech(1, 1, bt.Started)}, {time.Hour, leech(2, 2, bt.Stopped)}},
			last: step{time.Second, leech(1, 2, bt.None)}, stopped: true, u: 2, d: 2},
		{name: "7 stopped, fall, later", history: []step{{0, leech(1, 1, bt.Started)}, {time.Hour, leech(2, 2, bt.Stopped)}},
			last: step{time.Hour, leech(1, 2, bt.None)}, metered: 2, flagged: true, generation: 1, u: 1, d: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, s := range c.history {
				w.wait(s.after)
				w.announce(s.say)
			}
			claimed, metered := w.claimed(1), bt.Bytes(0)
			if len(c.history) > 0 {
				metered = w.download(1).Metered
			}
			w.wait(c.last.after)
			res := w.announce(c.last.say)
			if got := w.download(1).Metered - metered; got != c.metered*mb {
				t.Errorf("metered %d, want %d", got, c.metered*mb)
			}
			if got := w.claimed(1) - claimed; got != c.claimed*mb {
				t.Errorf("claimed %d, want %d", got, c.claimed*mb)
			}
			if res.Flagged != c.flagged {
				t.Errorf("flagged %v, want %v", res.Flagged, c.flagged)
			}
			row := session(t, w, "p1")
			if row.Generation != c.generation || row.Stopped != c.stopped || row.Uploaded != c.u*mb || row.Downloaded != c.d*mb {
				t.Errorf("session %+v", row)
			}
		})
	}
}

// session returns the last stored row of a peer.
func session(t *testing.T, w *world, name string) swarm.SessionRow {
	t.Helper()
	for i := len(w.batches) - 1; i >= 0; i-- {
		for _, s := range w.batches[i].Sessions {
			if s.PeerID == peer(name) {
				return s
			}
		}
	}
	t.Fatalf("no session %s in any batch", name)
	return swarm.SessionRow{}
}

func TestOscillationCreditsNothingAfterTheFirst(t *testing.T) {
	w := newWorld(t)
	w.announce(say{member: 1, e: bt.Started})
	for i := range 100 {
		w.wait(60 * time.Second)
		u := 100 * mb
		if i%2 == 1 {
			u = 50 * mb
		}
		w.announce(say{member: 1, u: u})
	}
	if got := w.claimed(1); got != 100*mb {
		t.Errorf("claimed %d, want %d", got, 100*mb)
	}
}

func TestUploadCreditIsCappedByTheLink(t *testing.T) {
	w := newWorld(t, func(p *swarm.Params) { p.LinkCapBits = 8_000_000 }) // 1 MB/s
	w.announce(say{member: 1, e: bt.Started})
	w.wait(10 * time.Second)
	if res := w.announce(say{member: 1, u: 1 << 50}); !res.Flagged {
		t.Error("not flagged")
	}
	if got := w.claimed(1); got != 10_000_000 {
		t.Errorf("claimed %d, want 10 s at 1 MB/s", got)
	}
	w.wait(10 * time.Second)
	w.announce(say{member: 1, u: 1<<50 + 5})
	if got := w.claimed(1); got != 10_000_005 {
		t.Errorf("claimed %d: the excess must be dropped, not carried", got)
	}
}

func TestAbsurdCountersSaturate(t *testing.T) {
	w := newWorld(t)
	for i := range 3000 {
		w.wait(time.Second)
		w.announce(say{member: 1, peer: string(rune('a' + i%2)), u: bt.MaxCounter, d: bt.MaxCounter - bt.Bytes(i), l: bt.MaxCounter, e: bt.Started})
	}
	if d := w.download(1); d.Metered < 0 || d.Billed != d.Metered && d.Billed > 104*mb+2*piece {
		t.Errorf("%+v", d)
	}
}
