package limit_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/swarmstake/swarmstake/tracker/limit"
)

var minute = limit.Rate{Per: 3 * time.Second, Burst: 20} // 20 a minute (SECURITY 26)

// TestLeastDrainedIsForgotten fills a set with buckets of different levels.
func TestLeastDrainedIsForgotten(t *testing.T) {
	for least := range oneSet {
		tab := limit.New(oneSet, 1)
		for k := range oneSet {
			for range 2 + (k-least+oneSet)%oneSet {
				tab.Allow(key(k), minute, start)
			}
		}
		tab.Allow(key(99), minute, start)
		for k := range oneSet {
			want := minute.Burst - (2 + (k-least+oneSet)%oneSet)
			if k == least {
				continue
			}
			if got := drain(tab, key(k), minute, start); got != want {
				t.Errorf("least %d: key %d had %d events left, want %d", least, k, got, want)
			}
		}
		if got := drain(tab, key(least), minute, start); got != minute.Burst {
			t.Errorf("the least drained key, %d, had %d events left, want a full bucket", least, got)
		}
	}
}

// TestFloodOfFreshKeys: for as long as a drained key needs to get all but one of its events back,
// a flood of other keys changes nothing about it.
func TestFloodOfFreshKeys(t *testing.T) {
	for seed := range uint64(20) {
		tab, fresh := limit.New(64, seed), 0
		ref := newBucket(minute, start)
		for ref.allow(minute, start) {
			tab.Allow(key(1), minute, start)
		}
		for now := start; now < start+int64(minute.Burst-1)*int64(minute.Per); now += int64(100 * time.Millisecond) {
			for range 200 { // three times what the table holds
				fresh++
				if !tab.Allow(netKey(fresh), minute, now) {
					t.Fatal("a fresh key was refused")
				}
			}
			if got, want := tab.Peek(key(1), minute, now), ref.has(minute, now); got != want {
				t.Fatalf("seed %d, after %v: got %v, want %v", seed, time.Duration(now-start), got, want)
			}
		}
	}
}

// TestPriceOfForgetting is the other side, as the package comment states it: six others of the set
// drained as far and one more key free a drained key, five do not.
func TestPriceOfForgetting(t *testing.T) {
	for drained, want := range map[int]bool{5: false, 6: true} {
		tab := limit.New(oneSet, 1)
		drain(tab, key(0), minute, start)
		for k := range drained {
			drain(tab, key(1+k), minute, start+1)
		}
		for k := range 1000 {
			tab.Allow(key(100+k), minute, start+1)
		}
		if got := tab.Peek(key(0), minute, start+1); got != want {
			t.Errorf("%d others drained: freed %v, want %v", drained, got, want)
		}
	}
}

// TestRatesShareATable: a bucket of a slow rate is not cut to the window of a fast one when that
// looks for a place.
func TestRatesShareATable(t *testing.T) {
	tab, slow, fast := limit.New(oneSet, 1), limit.Rate{Per: time.Hour, Burst: 1}, limit.Rate{Per: time.Second, Burst: 2}
	tab.Allow(key(1), slow, start)
	for i := range 3600 {
		now := start + int64(i)*int64(time.Second)
		if tab.Peek(key(1), slow, now) {
			t.Fatalf("the slow key was allowed after %d s, want 3600", i)
		}
		for k := range 2 * oneSet {
			tab.Allow(netKey(i*100+k), fast, now)
		}
	}
}

// TestRemembers: half as many keys as entries lose next to nothing, and which they lose depends
// on the seed, whatever order the keys have.
func TestRemembers(t *testing.T) {
	const keys = 1 << 14
	lost := map[uint64]map[int]bool{}
	for _, seed := range []uint64{1, 2} {
		tab := limit.New(2*keys*7/8, seed) // 7/8: a table of a power of two sets
		once := limit.Rate{Per: time.Minute, Burst: 1}
		for k := range keys {
			tab.Allow(netKey(k), once, start+int64(k))
		}
		lost[seed] = map[int]bool{}
		for k := range keys {
			if tab.Peek(netKey(k), once, start+keys) {
				lost[seed][k] = true
			}
		}
		// Of Poisson(4) keys in a set of seven, 2.0 % find no place.
		if n := len(lost[seed]); n == 0 || n > keys*3/100 {
			t.Errorf("seed %d: %d of %d keys forgotten, want about 2 %%", seed, n, keys)
		}
	}
	both := 0
	for k := range lost[1] {
		if lost[2][k] {
			both++
		}
	}
	if both > len(lost[1])/2 {
		t.Errorf("%d of %d keys are forgotten under either seed: it is no secret who shares a set", both, len(lost[1]))
	}
}

// TestMemoryIsFixed sends a million keys through a small table.
func TestMemoryIsFixed(t *testing.T) {
	tab := limit.New(1000, 1)
	entries, n := tab.Entries(), 0
	if allocs := testing.AllocsPerRun(1, func() {
		for range 500_000 {
			n++
			tab.Peek(netKey(n), minute, start)
			tab.Allow(netKey(n), minute, start+int64(n))
		}
	}); allocs != 0 || n != 1_000_000 {
		t.Errorf("%v allocations for %d keys, want none for a million", allocs, n)
	}
	if tab.Entries() != entries || unsafe.Sizeof(*tab) > 128 {
		t.Errorf("the table grew: %d entries, was %d", tab.Entries(), entries)
	}
}
