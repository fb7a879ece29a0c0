//go:build unix

package journal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var benchRecord = []byte(numbered(1, 148)[0])[:150]

// cpu reports the processor time of the whole process per operation since start, kernel included:
// the figure that holds on a busy machine.
func cpu(b *testing.B, start time.Duration) {
	b.ReportMetric(float64(used(b)-start)/float64(b.N), "cpu-ns/op")
}

func used(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchAppend appends while the records before the last two segments are released.
func benchAppend(b *testing.B, j *Journal) {
	b.ReportAllocs()
	start := used(b)
	for i := 0; b.Loop(); i++ {
		if _, err := j.Append(benchRecord); err != nil {
			b.Fatal(err)
		}
		if i%(1<<18) == 0 {
			j.Release(j.Next())
		}
	}
	cpu(b, start)
}

func benchOptions() Options {
	return Options{Log: slog.New(slog.DiscardHandler)}
}

// BenchmarkAppendWarm rewrites one warm segment: the cost of a record itself.
func BenchmarkAppendWarm(b *testing.B) {
	j := mustOpen(b, b.TempDir(), benchOptions(), system)
	s := j.cur
	clear(s.mem[headerBytes:])
	b.ReportAllocs()
	start := used(b)
	for b.Loop() {
		if s.off > s.limit-200 {
			s.off = headerBytes
		}
		if _, err := j.Append(benchRecord); err != nil {
			b.Fatal(err)
		}
	}
	cpu(b, start)
}

// BenchmarkAppend moves through segments as fast as it can, with Run as in the server: pages are
// made, prepared and synced.
func BenchmarkAppend(b *testing.B) {
	for _, every := range []time.Duration{time.Second, time.Millisecond} {
		b.Run("sync="+every.String(), func(b *testing.B) {
			o := benchOptions()
			o.SyncEvery = every
			j := mustOpen(b, b.TempDir(), o, system)
			ctx, cancel := context.WithCancel(b.Context())
			var run sync.WaitGroup
			run.Go(func() { j.Run(ctx) })
			benchAppend(b, j)
			cancel()
			run.Wait()
		})
	}
}

// BenchmarkAppendPaced appends 1,000 records every 10 ms for a second, with Run as in the server, and
// reports how long the thousands took. Appends must not wait for the disk.
func BenchmarkAppendPaced(b *testing.B) {
	j := mustOpen(b, b.TempDir(), benchOptions(), system)
	ctx, cancel := context.WithCancel(b.Context())
	var run sync.WaitGroup
	run.Go(func() { j.Run(ctx) })
	var took []time.Duration
	for b.Loop() {
		for range 100 {
			time.Sleep(10 * time.Millisecond)
			start := time.Now()
			for range 1000 {
				if _, err := j.Append(benchRecord); err != nil {
					b.Fatal(err)
				}
			}
			took = append(took, time.Since(start))
		}
		j.Release(j.Next())
	}
	cancel()
	run.Wait()
	slices.Sort(took)
	for _, p := range []int{50, 99, 100} {
		b.ReportMetric(float64(took[(len(took)-1)*p/100].Microseconds()), fmt.Sprintf("p%d-µs/1000", p))
	}
}

// BenchmarkAppendParallel is BenchmarkAppendWarm from as many goroutines as there are processors.
func BenchmarkAppendParallel(b *testing.B) {
	j := mustOpen(b, b.TempDir(), benchOptions(), system)
	clear(j.cur.mem[headerBytes:])
	b.ReportAllocs()
	start := used(b)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			pos, err := j.Append(benchRecord)
			if err != nil {
				b.Fatal(err)
			}
			if pos%(1<<24) < 200 {
				j.mu.Lock()
				j.cur.off = headerBytes
				j.mu.Unlock()
			}
		}
	})
	cpu(b, start)
}

func BenchmarkReplay(b *testing.B) {
	dir := b.TempDir()
	j := mustOpen(b, dir, benchOptions(), system)
	const n = 800_000 // almost two segments
	for range n {
		if _, err := j.Append(benchRecord); err != nil {
			b.Fatal(err)
		}
	}
	j.Close()
	j = mustOpen(b, dir, benchOptions(), system)
	b.SetBytes(n * int64(len(benchRecord)))
	b.ReportAllocs()
	start := used(b)
	for b.Loop() {
		count := 0
		if err := j.Replay(func(int64, []byte) error { count++; return nil }); err != nil || count != n {
			b.Fatal(count, err)
		}
	}
	cpu(b, start)
}
