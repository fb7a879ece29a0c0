package limit_test

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/limit"
)

// BenchmarkAllow: one is a single busy key; spread are keys all over a table of a million entries;
// crowded are more keys than there is room for.
func BenchmarkAllow(b *testing.B) {
	r := limit.Rate{Per: time.Millisecond, Burst: 10}
	for name, c := range map[string]struct{ entries, keys int }{"one": {1 << 20, 1}, "spread": {1 << 20, 1 << 17}, "crowded": {1 << 14, 1 << 18}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			tab, now := limit.New(c.entries, 1), start
			for i := 0; b.Loop(); i++ {
				now += 1000
				tab.Allow(key(i*7919%c.keys), r, now)
			}
		})
	}
}

func BenchmarkPeekMiss(b *testing.B) {
	r, tab := limit.Rate{Per: time.Second, Burst: 10}, limit.New(1<<20, 1)
	for i := 0; b.Loop(); i++ {
		tab.Peek(key(i%(1<<17)), r, start)
	}
}

func BenchmarkAllowParallel(b *testing.B) {
	r, tab := limit.Rate{Per: time.Second, Burst: 10}, limit.New(1<<20, 1)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			tab.Allow(key(i*7919%(1<<17)), r, start+int64(i))
		}
	})
}
