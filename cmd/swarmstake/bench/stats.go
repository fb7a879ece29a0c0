package bench

import (
	"math/bits"
	"time"
)

// latencies counts durations in buckets of 1 µs up to 128 µs and of less than 0.8 % above.
type latencies struct {
	buckets [40 * subBuckets]uint64
	n       uint64
	max     time.Duration
}

const subBuckets = 128

func (l *latencies) add(d time.Duration) {
	l.n++
	l.max = max(l.max, d)
	v := uint64(max(0, d.Microseconds()))
	l.buckets[min(bucketOf(v), len(l.buckets)-1)]++
}

// bucketOf is v itself below 2·subBuckets, and from there on subBuckets buckets for each doubling.
func bucketOf(v uint64) int {
	e := max(0, bits.Len64(v)-8)
	return e*subBuckets + int(v>>e)
}

// quantile returns a duration that the q-th part of all do not exceed, 0 < q ≤ 1: the upper end of
// its bucket, at most the longest that was seen.
func (l *latencies) quantile(q float64) time.Duration {
	if l.n == 0 {
		return 0
	}
	rank := max(1, uint64(q*float64(l.n)+0.5))
	for i, c := range l.buckets {
		if c >= rank {
			return min(upperEnd(i), l.max)
		}
		rank -= c
	}
	return l.max
}

func upperEnd(bucket int) time.Duration {
	if bucket < 2*subBuckets {
		return time.Duration(bucket+1)*time.Microsecond - 1
	}
	e := bucket/subBuckets - 1
	v := uint64(bucket - e*subBuckets)
	return time.Duration((v+1)<<e)*time.Microsecond - 1
}

// maxTexts bounds how many different failures are told apart.
const maxTexts = 32

// tally is what came of the announces of one phase.
type tally struct {
	replies  uint64 // whole replies, refusals included
	failures uint64 // refusals, and requests without a usable reply
	peers    uint64
	times    latencies // from the start of the request, or of its connection, to the whole reply
	texts    map[string]uint64
	order    []string // texts as they first came
}

func newTally() *tally { return &tally{texts: map[string]uint64{}} }

func (t *tally) fail(text []byte) {
	t.failures++
	if _, ok := t.texts[string(text)]; !ok {
		if len(t.order) >= maxTexts {
			text = []byte("other failures")
		}
		if _, ok := t.texts[string(text)]; !ok {
			t.order = append(t.order, string(text))
		}
	}
	t.texts[string(text)]++
}
