//go:build unix

package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{SegmentBytes: MinSegmentBytes - 4096}, "SegmentBytes"},
		{Options{SegmentBytes: MaxSegmentBytes + 4096}, "SegmentBytes"},
		{Options{SegmentBytes: MinSegmentBytes + 1}, "SegmentBytes"},
		{Options{SegmentBytes: 1 << 20, MaxBytes: 3 << 20}, "MaxBytes"},
		{Options{SyncEvery: -1}, "SyncEvery"},
	} {
		if _, err := Open(t.TempDir(), test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, wanted an error about %s", test.o, err, test.want)
		}
	}
}

func TestRecordSizes(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, small, system)
	for _, n := range []int{0, MaxRecord + 1} {
		if _, err := j.Append(make([]byte, n)); !errors.Is(err, ErrRecord) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	var all []record
	for _, n := range []int{1, 7, 8, 9, MaxRecord} {
		all = append(all, mustAppend(t, j, strings.Repeat("x", n))...)
	}
	j.Close()
	wantReplay(t, dir, small, all)
}

// TestLastPlace puts the longest record at the last place where it fits, and around it.
func TestLastPlace(t *testing.T) {
	for _, by := range []int{-8, 0, 8} {
		dir := t.TempDir()
		j := mustOpen(t, dir, small, quick)
		s := j.cur
		all := mustAppend(t, j, strings.Repeat("x", 16))
		for s.off < s.limit+by {
			all = append(all, mustAppend(t, j, strings.Repeat("x", 1+8*((s.limit+by-s.off)/8%2)))...)
		}
		if s.off != s.limit+by {
			t.Fatalf("at %d, wanted %d: this shows nothing", s.off, s.limit+by)
		}
		all = append(all, mustAppend(t, j, strings.Repeat("y", MaxRecord), "z")...)
		j.Close()
		wantReplay(t, dir, small, all)
	}
}

func TestClosed(t *testing.T) {
	j := mustOpen(t, t.TempDir(), small, system)
	mustAppend(t, j, "x")
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := j.Append([]byte("x"))
	for what, err := range map[string]error{"append": err, "sync": j.Sync(), "skip": j.SkipTo(1 << 40)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	j.Release(j.Next())
}

func TestSkipTo(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, small, system)
	first := mustAppend(t, j, "before")
	for _, pos := range []int64{0, j.Next(), j.Next() + 1, 1 << 40, 1 << 60} {
		if err := j.SkipTo(pos); err != nil || j.Next() < pos {
			t.Fatalf("skip to %d: %v, next is %d", pos, err, j.Next())
		}
	}
	first = append(first, mustAppend(t, j, "after")...)
	next := j.Next()
	if err := j.SkipTo(maxPosition + 1); err == nil || j.Next() != next {
		t.Fatalf("skipped beyond the last position: %v", err)
	}
	j.Close()
	wantReplay(t, dir, small, first)
}

// TestReplayHoldsSegments releases everything during a replay.
func TestReplayHoldsSegments(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, small, system)
	all := mustAppend(t, j, numbered(200, 150)...)
	j.Close()
	j = mustOpen(t, dir, small, system)
	mustAppend(t, j, "new ones are not replayed")
	var got []record
	stop := errors.New("stop")
	replay := func(upTo int) error {
		got = nil
		return j.Replay(func(pos int64, rec []byte) error {
			j.Release(j.Next())
			got = append(got, record{pos, string(rec)})
			if len(got) == upTo {
				return stop
			}
			return nil
		})
	}
	if err := replay(len(all)); !errors.Is(err, stop) || !slices.Equal(got, all) {
		t.Fatalf("%d records of %d, %v", len(got), len(all), err)
	}
	if err := replay(-1); err != nil || len(got) != 0 {
		t.Fatalf("released, but %d records came back, %v", len(got), err)
	}
}

// TestReplayFrom begins at every record, and at the positions between segments.
func TestReplayFrom(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, small, system)
	var all []record
	var from []int64
	for _, r := range numbered(200, 150) {
		from = append(from, j.Next())
		all = append(all, mustAppend(t, j, r)...)
	}
	from = append(from, j.Next())
	j.Close()
	j = mustOpen(t, dir, small, system)
	for i, pos := range from {
		if got, err := replayed(j, pos); err != nil || !slices.Equal(got, all[i:]) {
			t.Fatalf("from record %d: %d records, %v", i, len(got), err)
		}
	}
}

// TestConcurrent appends from many goroutines while others sync, release and prepare.
func TestConcurrent(t *testing.T) {
	const writers, each, released = 8, 2000, 8 + 20*MinSegmentBytes
	dir, o := t.TempDir(), small
	o.MaxBytes, o.SyncEvery = 1<<30, time.Millisecond
	j := mustOpen(t, dir, o, system)
	ctx, cancel := context.WithCancel(t.Context())
	var others, all sync.WaitGroup
	others.Go(func() {
		if err := j.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	others.Go(func() {
		for ctx.Err() == nil {
			j.Release(released)
			if err := j.SkipTo(j.Next()); err != nil {
				t.Error(err)
			}
		}
	})
	var given [writers][]int64
	for w := range writers {
		all.Go(func() {
			rec := make([]byte, 40)
			for i := range each {
				binary.LittleEndian.PutUint64(rec, uint64(w))
				binary.LittleEndian.PutUint64(rec[8:], uint64(i))
				pos, err := j.Append(rec)
				if err != nil {
					t.Error(err)
					return
				}
				given[w] = append(given[w], pos)
			}
		})
	}
	all.Wait()
	cancel()
	others.Wait()
	j.Close()
	checkOrder(t, dir, o, given[:], released)
}

// checkOrder wants the last records of each writer, in its order and at the positions it was told; none of
// one whose records were all released.
func checkOrder(t *testing.T, dir string, o Options, given [][]int64, released int64) {
	t.Helper()
	j := mustOpen(t, dir, o, system)
	next := make([]int, len(given))
	err := j.Replay(func(pos int64, rec []byte) error {
		w, i := binary.LittleEndian.Uint64(rec), int(binary.LittleEndian.Uint64(rec[8:]))
		if given[w][i] != pos || next[w] != 0 && next[w] != i {
			return fmt.Errorf("writer %d: record %d at %d, wanted record %d at %d", w, i, pos, next[w], given[w][i])
		}
		next[w] = i + 1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for w, n := range next {
		if gone := n == 0 && given[w][len(given[w])-1] < released; n != len(given[w]) && !gone {
			t.Errorf("writer %d: %d records of %d", w, n, len(given[w]))
		}
	}
}

// TestRun sees that it prepares ahead, syncs in time, and gets over a failing disk.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var ranges atomic.Int64
		var isBroken atomic.Bool
		broken := errors.New("no such platter")
		d := disk{blank: blank, sync: noSync, flush: func(s *segment, from, to int) error {
			ranges.Add(1)
			if isBroken.Load() {
				return broken
			}
			return nil
		}}
		o := small
		o.Log = logger(&log)
		j := mustOpen(t, dir, o, d)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		synctest.Wait()
		j.mu.Lock()
		prepared := j.next != nil
		j.mu.Unlock()
		if !prepared {
			t.Fatal("no segment is prepared")
		}
		tick := func(wantRanges int64, wantErr error) {
			t.Helper()
			ranges.Store(0)
			time.Sleep(DefaultSyncEvery)
			synctest.Wait()
			j.files.Lock()
			defer j.files.Unlock()
			if n := ranges.Load(); n != wantRanges || !errors.Is(j.syncErr, wantErr) {
				t.Fatalf("%d ranges were synced, wanted %d; %v", n, wantRanges, j.syncErr)
			}
		}
		tick(0, nil)
		mustAppend(t, j, "a record")
		tick(1, nil)
		tick(1, nil) // the mark
		tick(0, nil)
		isBroken.Store(true)
		mustAppend(t, j, "another")
		tick(1, broken)
		tick(1, broken)
		if n := strings.Count(log.String(), "no such platter"); n != 1 {
			t.Fatalf("the failure is logged %d times: %s", n, &log)
		}
		isBroken.Store(false)
		tick(1, nil)
		tick(1, nil)
		mustAppend(t, j, "the last")
		ranges.Store(0)
		cancel()
		if err := <-done; err != nil || ranges.Load() != 1 {
			t.Fatalf("at its end Run synced %d ranges: %v", ranges.Load(), err)
		}
	})
}
