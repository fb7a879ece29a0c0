package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var l latencies
	if l.quantile(0.5) != 0 {
		t.Error("no latencies, yet a median")
	}
	for i := range 1000 { // 1 µs … 1 ms
		l.add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0.001: 1, 0.1: 100, 0.5: 500, 0.99: 990, 1: 1000} {
		got, want := l.quantile(q), want*time.Microsecond
		if got < want || got > want+want/64+time.Microsecond {
			t.Errorf("quantile %v = %v, want %v or a little more", q, got, want)
		}
	}
	if l.max != time.Millisecond {
		t.Errorf("max %v", l.max)
	}
}

func TestQuantilesAreWithinABucketOfTheTruth(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var l latencies
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(r.Int64N(1 << r.IntN(44))) // up to 4.9 h
		all = append(all, d)
		l.add(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
		truth := all[int(q*float64(len(all))+0.5)-1]
		if got := l.quantile(q); got < truth || got > truth+truth/100+time.Microsecond {
			t.Errorf("quantile %v = %v, truth %v", q, got, truth)
		}
	}
}

func TestEveryBucketEndsInItself(t *testing.T) {
	for b := range 30 * subBuckets {
		us := upperEnd(b).Microseconds()
		if bucketOf(uint64(us)) != b || bucketOf(uint64(us+1)) != b+1 {
			t.Fatalf("bucket %d ends at %d µs, which is in %d; the next µs is in %d", b, us, bucketOf(uint64(us)), bucketOf(uint64(us+1)))
		}
	}
}

func TestFailureTextsAreBounded(t *testing.T) {
	tl := newTally()
	for i := range 1000 {
		tl.fail(fmt.Appendf(nil, "text %d", i%100))
	}
	if len(tl.texts) != maxTexts+1 || len(tl.order) != maxTexts+1 || tl.failures != 1000 || tl.texts["text 0"] != 10 || tl.texts["other failures"] != 10*(100-maxTexts) {
		t.Errorf("%d texts, %d in order, %d failures, %v", len(tl.texts), len(tl.order), tl.failures, tl.texts)
	}
}
