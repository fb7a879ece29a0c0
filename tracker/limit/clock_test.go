package limit_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/limit"
)

// TestClockWanders lets the clock jump both ways: a key never gets more than its burst and what
// the clock's forward moves are worth, and is never further from its next event than one Per.
func TestClockWanders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, r, now := limit.New(oneSet, 1), rates(t), start
		budget := int64(r.Per) * int64(r.Burst)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			pass := rapid.Int64Range(-300, 100).Draw(t, "pass")
			if now += pass; pass > 0 {
				budget += pass
			}
			if tab.Allow(key(1), r, now) {
				budget -= int64(r.Per)
			}
			if budget < 0 {
				t.Fatalf("at %d: an event that no time was spent for", now-start)
			}
			if !tab.Peek(key(1), r, now+int64(r.Per)) {
				t.Fatalf("at %d: refused for longer than %v", now-start, r.Per)
			}
		}
	})
}

// TestPeekHeals: a caller who peeks first must not be locked out by a clock that stepped back,
// although Peek takes nothing.
func TestPeekHeals(t *testing.T) {
	tab, r := limit.New(oneSet, 1), limit.Rate{Per: time.Second, Burst: 2}
	drain(tab, key(1), r, start+int64(time.Hour))
	if tab.Peek(key(1), r, start) {
		t.Error("the step back gave an event")
	}
	if !tab.Peek(key(1), r, start+int64(time.Second)) {
		t.Error("locked out for longer than the rate asks")
	}
}

// TestStepBackFreesWays: buckets stamped by a clock that was ahead do not hold their places until
// it has caught up.
func TestStepBackFreesWays(t *testing.T) {
	tab, r := limit.New(oneSet, 1), limit.Rate{Per: time.Second, Burst: 2}
	for i := range oneSet {
		drain(tab, key(i), r, start+int64(1000*time.Hour))
	}
	tab.Allow(key(100), r, start) // the table notices
	later := start + int64(2*time.Second)
	for i := range oneSet {
		drain(tab, key(200+i), r, later)
	}
	for i := range oneSet {
		if tab.Peek(key(200+i), r, later) {
			t.Errorf("key %d was forgotten, though the others of its set were full again", i)
		}
	}
}
