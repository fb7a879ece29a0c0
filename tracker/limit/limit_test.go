package limit_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/limit"
)

func TestAllow(t *testing.T) {
	const s = int64(time.Second)
	tab, r := limit.New(oneSet, 1), limit.Rate{Per: time.Second, Burst: 3}
	for i, c := range []struct {
		at   int64
		want bool
	}{{0, true}, {0, true}, {0, true}, {0, false}, {s - 1, false}, {s, true}, {s, false}, {10 * s, true}, {10 * s, true}, {10 * s, true}, {10 * s, false}} {
		if got := tab.Peek(key(1), r, start+c.at); got != c.want {
			t.Errorf("step %d: Peek: got %v, want %v", i, got, c.want)
		}
		if got := tab.Allow(key(1), r, start+c.at); got != c.want {
			t.Errorf("step %d: Allow: got %v, want %v", i, got, c.want)
		}
	}
	if !tab.Allow(key(2), r, start) {
		t.Error("another key has a bucket of its own")
	}
}

func TestRates(t *testing.T) {
	for name, c := range map[string]struct {
		r    limit.Rate
		want int // events of 50 at once
	}{
		"none":             {limit.Rate{}, 50},
		"negative":         {limit.Rate{Per: -1, Burst: 1}, 50},
		"no burst":         {limit.Rate{Per: 1}, 1},
		"negative burst":   {limit.Rate{Per: 1, Burst: -5}, 1},
		"five":             {limit.Rate{Per: time.Minute, Burst: 5}, 5},
		"longest":          {limit.Rate{Per: math.MaxInt64, Burst: 1}, 1},
		"beyond all times": {limit.Rate{Per: math.MaxInt64 / 20, Burst: math.MaxInt}, 5}, // 73 years hold five of them
	} {
		for _, now := range []int64{math.MinInt64, 0, start, math.MaxInt64} {
			tab, n := limit.New(oneSet, 1), 0
			for range 50 {
				if tab.Allow(key(1), c.r, now) {
					n++
				}
			}
			if n != c.want || tab.Peek(key(1), c.r, now) != (c.want == 50) {
				t.Errorf("%s at %d: got %d events, want %d", name, now, n, c.want)
			}
		}
	}
}

func TestEntries(t *testing.T) {
	for entries, want := range map[int]int{-1: 7, 0: 7, 7: 7, 8: 14, 14: 14, 15: 28, 1000: 1792} {
		if got := limit.New(entries, 1).Entries(); got != want {
			t.Errorf("%d: got %d, want %d", entries, got, want)
		}
	}
}

// rates draws small ones, so that drawn times meet their edges.
func rates(t *rapid.T) limit.Rate {
	return limit.Rate{Per: time.Duration(rapid.IntRange(1, 20).Draw(t, "per")), Burst: rapid.IntRange(1, 5).Draw(t, "burst")}
}

// TestSameAsBucket: keys that fit into one set get exactly what the textbook's bucket gives.
func TestSameAsBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, r, now := limit.New(oneSet, rapid.Uint64().Draw(t, "seed")), rates(t), start
		ref := map[int]*bucket{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += int64(rapid.IntRange(0, 30).Draw(t, "pass"))
			k := rapid.IntRange(1, oneSet).Draw(t, "key")
			if ref[k] == nil {
				ref[k] = newBucket(r, now)
			}
			if rapid.Bool().Draw(t, "peek") {
				if got, want := tab.Peek(key(k), r, now), ref[k].has(r, now); got != want {
					t.Fatalf("peek %d at %d: got %v, want %v", k, now-start, got, want)
				}
			} else if got, want := tab.Allow(key(k), r, now), ref[k].allow(r, now); got != want {
				t.Fatalf("allow %d at %d: got %v, want %v", k, now-start, got, want)
			}
		}
	})
}

// TestNobodyGetsLess: however many keys crowd a set, whom his own bucket allows is allowed.
func TestNobodyGetsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, r, now := limit.New(oneSet, rapid.Uint64().Draw(t, "seed")), rates(t), start
		ref := map[int]*bucket{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now += int64(rapid.IntRange(0, 10).Draw(t, "pass"))
			k := rapid.IntRange(1, 4*oneSet).Draw(t, "key")
			if ref[k] == nil {
				ref[k] = newBucket(r, now)
			}
			want := ref[k].allow(r, now)
			if got := tab.Allow(key(k), r, now); want && !got {
				t.Fatalf("key %d at %d: refused", k, now-start)
			} else if got && !want {
				ref[k].level = max(ref[k].level-int64(r.Per), 0) // it was forgotten; what it took counts
			}
		}
	})
}

// TestConcurrent: many goroutines share a burst, and none is given out twice or lost.
func TestConcurrent(t *testing.T) {
	const goroutines, keys = 8, 50
	tab, r := limit.New(100*keys, 1), limit.Rate{Per: time.Minute, Burst: 40}
	var allowed [keys]atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range 20 * keys {
				k := i % keys
				tab.Peek(key(k), r, start)
				if tab.Allow(key(k), r, start) {
					allowed[k].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for k := range allowed {
		if got := allowed[k].Load(); got != int64(r.Burst) {
			t.Errorf("key %d: %d events, want %d", k, got, r.Burst)
		}
	}
}
