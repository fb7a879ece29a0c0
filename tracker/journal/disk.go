//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// disk is what the journal asks of the operating system; tests put failures and power cuts here.
type disk struct {
	// blank gives the file its size and all of its blocks. It reads as zeros after it if the
	// filesystem can do that at once, else it may keep old contents.
	blank func(f *os.File, size int64) error
	// flush puts mem[from:to] on the disk.
	flush func(s *segment, from, to int) error
	// sync puts a file, or the names in a folder, on the disk.
	sync func(f *os.File) error
}

var system = disk{blank: blank, flush: msync, sync: (*os.File).Sync}

// msync is used rather than fdatasync because it writes the given range only: pages that are warmed
// ahead are dirty, and need not go to the disk before they hold something.
func msync(s *segment, from, to int) error {
	from &^= os.Getpagesize() - 1
	return retry(func() error { return unix.Msync(s.mem[from:to], unix.MS_SYNC) })
}

// redirty makes the kernel write a range again. After a failed write it believes the pages clean.
func redirty(mem []byte, from, to int) {
	for at := from &^ (os.Getpagesize() - 1); at < to; at += os.Getpagesize() {
		atomic.OrUint32((*uint32)(unsafe.Pointer(&mem[at])), 0)
	}
}

// zeros writes a file full of zeros, for filesystems without a call that reserves space.
func zeros(f *os.File, size int64) error {
	b := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(b)) {
		if _, err := f.WriteAt(b[:min(int64(len(b)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes renames in a folder survive a power cut.
func (j *Journal) syncDir() error {
	dir, err := os.Open(j.dir)
	if err != nil {
		return fmt.Errorf("journal: open folder to sync: %w", err)
	}
	defer dir.Close()
	if err := j.disk.sync(dir); err != nil {
		return fmt.Errorf("journal: sync folder: %w", err)
	}
	return nil
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// full turns an error of the operating system into ErrFull if it says so.
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
