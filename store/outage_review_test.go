package store

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
)

// A server that stood still wakes up: what is reported and proven before it gives the time back is of
// now, and not of a time to come, for which nobody would have to be heard of.
func TestOutageMovesNothingIntoTheFuture(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	w.report(n, 1, 2)
	w.now.Add(72 * time.Hour.Milliseconds())
	w.report(n, 1, 2)
	c := w.audit(w.find(n, 1).Claim, availability.EntryKind, availability.Passed).Row
	now := w.now.Load()
	w.now.Add(time.Second.Milliseconds())
	w.must(w.ExcuseOutage(t.Context(), w.rules.Availability, 72*time.Hour))
	c = w.find(n, 1)
	if end := w.now.Load(); c.SeenMs < now || c.SeenMs > end || c.ProvenMs < now || c.ProvenMs > end {
		t.Errorf("seen %s and proven %s after the outage", time.Duration(c.SeenMs-now)*time.Millisecond, time.Duration(c.ProvenMs-now)*time.Millisecond)
	}
}

// An outage of the tracker in the middle of a node's absence is no part of it.
func TestOutageIsNoAbsence(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 1_000_000)
	c := w.claim(3, n, 1)
	offline := func() (d Judged) {
		return w.audit(w.find(n, 1).Claim, availability.DrawnKind, availability.Offline)
	}
	w.now.Add(time.Hour.Milliseconds())
	if j := offline(); j.Verdict != availability.Offline {
		t.Fatalf("%+v", j)
	}
	for range 6 { // it goes on being away, and the tracker is down nearly all of the time
		w.now.Add(5 * time.Hour.Milliseconds())
		w.must(w.ExcuseOutage(t.Context(), w.rules.Availability, 5*time.Hour))
		w.now.Add(time.Hour.Milliseconds())
		if j := offline(); j.Slashed != 0 {
			t.Fatalf("slashed %d", j.Slashed)
		}
	}
	st, err := w.NodeStanding(t.Context(), w.rules.Availability, n)
	w.must(err)
	if want := 6 * time.Hour.Milliseconds(); st.AbsentMs != want {
		t.Errorf("claim %d: absent for %s, want %s", c.ID, time.Duration(st.AbsentMs)*time.Millisecond, time.Duration(want)*time.Millisecond)
	}
}
