// Package limit holds token buckets for the announce path in memory that is fixed when a Table is
// made (SECURITY 20, 26).
//
// A bucket is one number, the time at which it will be full again (the generic cell rate
// algorithm, ITU-T I.371: the "theoretical arrival time"). A Table keeps the buckets that are not
// full in sets of seven, found by a keyed hash; a key it does not know has a full bucket. It
// never allocates, has no goroutine and reads no clock; all methods are safe for many goroutines.
//
// # What it promises
//
// While at most seven keys of one set are in use within a window (Burst × Per), every key gets
// exactly its rate: Burst events at once, then one each Per. While the clock goes forward nobody
// ever gets less, however many keys there are.
//
// When all seven buckets of a set are drained to some degree, a new key takes the place of the one
// that would be full again soonest, and so changes least. That makes for these costs:
//
//   - A flood of keys with one event each does not free a drained key of Burst ≥ 2 before it has
//     all but one of its events back anyway. With Burst 1 a fresh key is as drained as any, and
//     keys are forgotten in the order of their last event.
//   - To free a drained key sooner, six others of its set must be drained at least as far, and one
//     more used. Which keys share a set depends on the secret seed and cannot be chosen, so this
//     takes six bursts for nearly every set of the table.
//   - Whoever has eight keys in one set can keep six of them drained and push the other two out
//     with each other: these two are not limited then. For somebody with K networks that is likely
//     once K reaches a seventh of the entries, and unlikely (1 in 100 for a million entries) below
//     a fourteenth.
//   - Somebody with more networks than the table has entries is not bound by it at all, nor much
//     by any limit per network, for each of his networks has a burst of its own.
//
// So make entries at least 14 times the keys expected within a window, and use a table for each
// rate: in a table that kinds share, one event of a slow kind looks as drained as many of a fast
// kind, and pushes them out.
//
// # Time
//
// now is in Unix nanoseconds, or any other count of nanoseconds from 0 up; a monotonic reading is
// best. A clock that steps back gives nobody an event, and nobody who keeps asking waits longer
// than a window for it: a bucket that claims to be emptier than empty is taken for empty, once.
// Over any time at all a key that stays in the table gets at most Burst events, and one for each
// Per that the clock moved forward.
package limit

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Rate is Burst events at once and one event each Per, sustained.
type Rate struct {
	Per   time.Duration // 0 or less: no limit
	Burst int           // less than 1 is taken for 1
}

const (
	// MaxEntries bounds a table, which then has 512 MiB.
	MaxEntries = 1 << 24

	// A time and a window must add up to less than 2^63.
	maxNow    = 1 << 62 // in the year 2116
	maxWindow = 1 << 61 // 73 years
)

// spans returns the time one event costs and the time in which an empty bucket fills.
func (r Rate) spans() (per, window int64) {
	per = min(int64(r.Per), maxWindow)
	hi, lo := bits.Mul64(uint64(max(per, 0)), uint64(max(r.Burst, 1)))
	if hi != 0 || lo > maxWindow {
		return per, maxWindow
	}
	return per, int64(lo)
}

// Table holds buckets. Its zero value is not usable.
type Table struct {
	sets    []set
	mask    uint64
	seeds   [3]uint64
	longest atomic.Int64 // the longest window in use: no bucket is rightly full later than that
}

// New returns a table for at least entries buckets (1 to MaxEntries, others are taken for the
// nearest), in 128 bytes for each seven, rounded up to a power of two. seed must be random and
// secret: it decides which keys share a set.
func New(entries int, seed uint64) *Table {
	entries = min(max(entries, 1), MaxEntries)
	n := uint64(1) << bits.Len64(uint64(entries-1)/ways)
	t := &Table{sets: make([]set, n), mask: n - 1}
	for i := range t.seeds {
		seed += 0x9e3779b97f4a7c15 // SplitMix64 (Steele, Lea, Flood 2014)
		t.seeds[i] = mix(seed)
	}
	return t
}

// Entries is how many buckets there is room for.
func (t *Table) Entries() int { return len(t.sets) * ways }

// Allow takes one event from the bucket of k and reports whether it had one.
func (t *Table) Allow(k Key, r Rate, nowNs int64) bool {
	per, window := r.spans()
	if per <= 0 {
		return true
	}
	longest := t.widen(window)
	nowNs = min(max(nowNs, 0), maxNow)
	h := t.hash(k)
	s := &t.sets[h&t.mask]
	s.mu.Lock()
	i := s.find(h)
	if i < 0 {
		i = s.replace(h, nowNs+longest)
	}
	ok := s.ready(i, nowNs, per, window)
	if ok {
		s.full[i] = max(s.full[i], nowNs) + per
	}
	s.mu.Unlock()
	return ok
}

// Peek reports whether Allow would find an event, and takes none. It lets a caller count only what
// fails: refuse early when Peek says no, and Allow when the attempt turned out wrong.
func (t *Table) Peek(k Key, r Rate, nowNs int64) bool {
	per, window := r.spans()
	if per <= 0 {
		return true
	}
	nowNs = min(max(nowNs, 0), maxNow)
	h := t.hash(k)
	s := &t.sets[h&t.mask]
	s.mu.Lock()
	i := s.find(h)
	ok := i < 0 || s.ready(i, nowNs, per, window)
	s.mu.Unlock()
	return ok
}

// widen notes a window and returns the longest one noted.
func (t *Table) widen(window int64) int64 {
	for {
		longest := t.longest.Load()
		if window <= longest {
			return longest
		}
		if t.longest.CompareAndSwap(longest, window) {
			return window
		}
	}
}
