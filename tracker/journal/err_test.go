//go:build linux

package journal

import (
	"errors"
	"syscall"
	"testing"
)

func TestErrSaysWhatIsWrongNow(t *testing.T) {
	broken := false
	d := system
	d.flush = func(s *segment, from, to int) error {
		if broken {
			return syscall.EIO
		}
		return system.flush(s, from, to)
	}
	j := mustOpen(t, t.TempDir(), small, d)
	mustAppend(t, j, "a record")
	if err := errors.Join(j.Sync(), j.Err()); err != nil {
		t.Fatal(err)
	}
	broken = true
	mustAppend(t, j, "another")
	if j.Sync(); !errors.Is(j.Err(), syscall.EIO) {
		t.Errorf("after a failed sync: %v", j.Err())
	}
	broken = false
	if err := errors.Join(j.Sync(), j.Err()); err != nil {
		t.Errorf("the disk is well again: %v", err)
	}
	fillUp(t, j)
	if !errors.Is(j.Err(), ErrFull) {
		t.Errorf("a full journal says %v", j.Err())
	}
	j.Release(j.Next())
	if err := j.Err(); err != nil {
		t.Errorf("after everything was released: %v", err)
	}
}
