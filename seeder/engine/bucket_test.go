package engine

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestBucketHoldsItsRate: over any run of requests no more passes than was saved, what flowed in, and
// one loan; and who waits as long as he is told may take.
func TestBucketHoldsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Int64Range(100, 1<<30).Draw(t, "rate")
		burst := rapid.Int64Range(0, 1<<20).Draw(t, "burst")
		begin := time.Unix(0, 0)
		now, b := begin, newBucket(rate, burst, begin)
		var passed, largest int64
		for range rapid.IntRange(1, 50).Draw(t, "requests") {
			n := rapid.Int64Range(1, 1<<18).Draw(t, "bytes")
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "pause")))
			if wait := b.take(n, now); wait > 0 {
				now = now.Add(wait)
				if again := b.take(n, now); again > time.Millisecond {
					t.Fatalf("told to wait %v, then %v more", wait, again)
				} else if again > 0 {
					continue
				}
			}
			passed, largest = passed+n, max(largest, n)
			if most := float64(max(burst, rate)+largest) + float64(rate)*now.Sub(begin).Seconds() + 1; float64(passed) > most {
				t.Fatalf("%d bytes passed in %v; want at most %.0f", passed, now.Sub(begin), most)
			}
		}
	})
}

func TestBucketChanges(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBucket(0, 100, now)
	if b.take(1, now) != forever {
		t.Error("a bucket without rate gave something")
	}
	b.set(unlimited, 0, now)
	if b.take(1<<40, now) != 0 {
		t.Error("an unlimited bucket kept somebody waiting")
	}
	b.set(10, 0, now)
	if b.take(25, now) != 0 {
		t.Error("a full bucket kept somebody waiting")
	}
	if got := b.take(1, now); got < 1500*time.Millisecond || got > 2700*time.Millisecond {
		t.Errorf("a debt of 15 to 25 at 10 a second waits %v", got)
	}
	if b.idle(now) || !b.idle(now.Add(time.Minute)) {
		t.Error("idle means full again")
	}
}

func TestMeter(t *testing.T) {
	var m meter
	if up, down := m.rates(); up != 0 || down != 0 {
		t.Error("rates out of nothing")
	}
	for i := range 20 {
		m.add(sample{at: time.Unix(int64(i), 0), up: bt.Bytes(10 * i), down: 1000})
	}
	if up, down := m.rates(); up != 10 || down != 0 {
		t.Errorf("rates %d, %d; want 10, 0", up, down)
	}
}
