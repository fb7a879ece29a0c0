//go:build linux

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// fillUp appends until the journal refuses, and checks that refusals change nothing.
func fillUp(t *testing.T, j *Journal) (all []record) {
	t.Helper()
	rec := numbered(1, 1000)[0]
	for {
		next := j.Next()
		pos, err := j.Append([]byte(rec))
		if err == nil {
			all = append(all, record{pos, rec})
			continue
		}
		if _, again := j.Append([]byte("x")); !errors.Is(err, ErrFull) || !errors.Is(again, ErrFull) || j.Next() != next {
			t.Fatalf("%v, then %v; next %d, before %d", err, again, j.Next(), next)
		}
		return all
	}
}

func TestFullBudget(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, small, system)
	all := fillUp(t, j)
	if n := int64(len(segments(t, dir))); n != small.MaxBytes/small.SegmentBytes {
		t.Fatalf("full with %d segments", n)
	}
	j.Close()
	wantReplay(t, dir, small, all) // opening while full loses nothing
	j = mustOpen(t, dir, small, system)
	if _, err := j.Append([]byte("x")); !errors.Is(err, ErrFull) {
		t.Fatalf("append after reopening: %v", err)
	}
	if err := j.SkipTo(all[len(all)-1].pos); err != nil {
		t.Fatalf("skip to what is given already: %v", err)
	}
	given := j.Next()
	j.Release(given)
	killed := t.TempDir()
	copyDir(t, dir, killed)
	if next := mustOpen(t, killed, small, quick).Next(); next < given {
		t.Fatalf("all was released and the process killed: the next position fell from %d to %d", given, next)
	}
	mustAppend(t, j, "there is room again")
}

// TestFullReleased goes on as soon as half of what fills the journal is released.
func TestFullReleased(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, small, quick)
	all := fillUp(t, j)
	j.Close()
	j = mustOpen(t, dir, small, quick)
	j.Release(all[len(all)/2].pos)
	all = append(all, mustAppend(t, j, "there is room again")...)
	got, err := replayed(j, 0)
	if err != nil || len(got) == 0 || got[len(got)-1] != all[len(all)-2] {
		t.Fatalf("replay of the old records: %d, %v", len(got), err)
	}
}

// TestFullDisk fills a small filesystem.
func TestFullDisk(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=200k"); err != nil {
		t.Skipf("needs the right to mount a tmpfs (root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mount, 0); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(mount, "journal")
	other := filepath.Join(mount, "other")
	if err := os.WriteFile(other, make([]byte, 40<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	o := small
	o.MaxBytes = 1 << 30
	j := mustOpen(t, dir, o, system)
	all := fillUp(t, j)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if err := j.Sync(); err != nil { // after it the journal looks again
		t.Fatal(err)
	}
	all = append(all, mustAppend(t, j, "there is space again")...)
	all = append(all, fillUp(t, j)...)
	j.Release(j.Next())
	all = append(all, mustAppend(t, j, "released")...)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = mustOpen(t, dir, o, system)
	got, err := replayed(j, 0)
	if err != nil || len(got) == 0 || !slices.Equal(got, all[len(all)-len(got):]) {
		t.Fatalf("replay gave %d records, %v", len(got), err)
	}
}
