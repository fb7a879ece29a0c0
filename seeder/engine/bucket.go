package engine

import (
	"sync"
	"time"
)

const (
	// unlimited is the rate of a bucket that never makes anybody wait.
	unlimited = -1
	// bucketSpan is how long an unused bucket saves up, so that a pause in between is made up for.
	bucketSpan = time.Second
	// forever is the wait of a bucket that nothing flows into.
	forever = 24 * time.Hour
)

// bucket is a token bucket that lends: whoever finds it above zero takes all that it wants at once,
// and those after wait until the debt is paid. Messages so stay whole and the mean rate holds.
type bucket struct {
	mu     sync.Mutex
	rate   int64   // tokens per second; 0: none; unlimited
	burst  float64 // tokens saved at most
	tokens float64
	filled time.Time
}

// newBucket is full at first: it has burst tokens, or what its rate gives in bucketSpan if that is more.
func newBucket(rate, burst int64, now time.Time) *bucket {
	b := &bucket{filled: now}
	b.set(rate, burst, now)
	b.tokens = b.burst
	return b
}

// set changes the rate and what is saved at most; what was saved or owed stays.
func (b *bucket) set(rate, burst int64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	b.rate = rate
	b.burst = max(float64(burst), float64(rate)*bucketSpan.Seconds(), 1)
	b.tokens = min(b.tokens, b.burst)
}

func (b *bucket) fill(now time.Time) {
	if span := now.Sub(b.filled); span > 0 && b.rate > 0 {
		b.tokens = min(b.burst, b.tokens+float64(b.rate)*span.Seconds())
	}
	b.filled = now
}

// take takes n tokens, or says how long to wait before asking again.
func (b *bucket) take(n int64, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	switch {
	case b.rate == unlimited:
		return 0
	case b.rate == 0:
		return forever
	case b.tokens > 0:
		b.tokens -= float64(n)
		return 0
	}
	return min(forever, time.Duration((1-b.tokens)/float64(b.rate)*float64(time.Second)))
}

func (b *bucket) unlimited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rate == unlimited
}

// idle reports whether forgetting the bucket would give nobody anything.
func (b *bucket) idle(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	return b.tokens >= b.burst
}
