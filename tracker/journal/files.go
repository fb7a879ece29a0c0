//go:build unix

package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// prepare makes the next segment if there is none.
func (j *Journal) prepare() error {
	j.files.Lock()
	defer j.files.Unlock()
	return j.makeNext()
}

// makeNext is prepare with files held.
func (j *Journal) makeNext() error {
	j.mu.Lock()
	h := header{size: j.o.SegmentBytes, first: j.floor, prev: j.lastFirst()}
	need, closed := j.next == nil, j.closed
	j.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case !need:
		return nil
	}
	s, err := j.create(h)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next, j.stuck = s, err
	if err == nil {
		j.floor = s.stop()
		j.kept = j.floor
	}
	return err
}

// lastFirst returns the first position of the segment that the next one follows. Empty ones do not
// count: they may be taken away.
func (j *Journal) lastFirst() int64 {
	if j.cur != nil {
		return j.cur.first
	}
	for _, s := range slices.Backward(j.history) {
		if !s.empty() {
			return s.first
		}
	}
	return 0
}

// create makes a segment that is durable under its name before anything is written to it.
func (j *Journal) create(h header) (*segment, error) {
	if h.first > maxPosition {
		return nil, errors.New("journal: no positions left")
	}
	spare, err := j.takeSpare()
	if err != nil {
		return nil, err
	}
	s, err := j.format(spare, h)
	if err != nil {
		os.Remove(spare)
		return nil, fmt.Errorf("journal: make segment: %w", full(err))
	}
	if err := j.syncDir(); err != nil {
		s.close()
		os.Remove(s.path)
		return nil, err
	}
	s.warm(headerBytes)
	return s, nil
}

// takeSpare returns the path of an emptied file or of one yet to be made, if the budget allows it.
func (j *Journal) takeSpare() (string, error) {
	if n := len(j.spares); n > 0 {
		path := j.spares[n-1]
		j.spares = j.spares[:n-1]
		return path, nil
	}
	if j.used()+j.o.SegmentBytes > j.o.MaxBytes {
		return "", ErrFull
	}
	return j.sparePath(), nil
}

func (j *Journal) sparePath() string {
	j.spareID++
	return filepath.Join(j.dir, fmt.Sprint(sparePrefix, j.spareID))
}

// used returns the bytes of all files.
func (j *Journal) used() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	sum := int64(len(j.spares)) * j.o.SegmentBytes
	for _, s := range j.history {
		sum += s.size
	}
	for _, s := range []*segment{j.cur, j.next} {
		if s != nil {
			sum += s.size
		}
	}
	return sum
}

// format reserves the file's space, writes its header, and gives it its name.
func (j *Journal) format(spare string, h header) (*segment, error) {
	var gen [8]byte
	if _, err := rand.Read(gen[:]); err != nil {
		return nil, err
	}
	h.gen = le.Uint64(gen[:])
	f, err := os.OpenFile(spare, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s := newSegment(segmentPath(j.dir, h.first), h)
	if err := j.fill(f, s); err != nil {
		f.Close()
		return nil, err
	}
	if err := os.Rename(spare, s.path); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (j *Journal) fill(f *os.File, s *segment) error {
	if err := j.disk.blank(f, s.size); err != nil {
		return err
	}
	if _, err := f.WriteAt(s.page(), 0); err != nil {
		return err
	}
	if err := j.disk.sync(f); err != nil {
		return err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, int(s.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	s.file, s.mem = f, mem
	return nil
}

// Release says that the records below are in the database. Segments that hold no others are emptied
// and used again, or removed if enough are spare. Failures are logged; the next Release tries again.
func (j *Journal) Release(below int64) {
	j.files.Lock()
	defer j.files.Unlock()
	j.below = max(j.below, below)
	j.recycle()
}

// recycle empties what may go, unless a replay still reads it.
func (j *Journal) recycle() {
	for j.replaying == 0 {
		j.mu.Lock()
		j.stuck = nil
		s := j.oldest()
		j.mu.Unlock()
		if s == nil {
			return
		}
		if err := j.retire(s); err != nil {
			j.o.Log.Error("recycle a journal segment", "path", s.path, "error", err)
			return
		}
		j.mu.Lock()
		j.history = slices.Delete(j.history, 0, 1)
		j.mu.Unlock()
	}
}

// oldest returns the oldest segment if it may go. The newest of all stays, as it alone tells the next
// opening which positions were given.
func (j *Journal) oldest() *segment {
	if j.closed || len(j.history) == 0 || j.history[0].end > j.below ||
		len(j.history) == 1 && j.cur == nil && j.next == nil {
		return nil
	}
	return j.history[0]
}

// retire makes a segment a spare file. The folder is synced each time, so that a power cut can never
// leave a gap between segments, and before the file gets other contents.
func (j *Journal) retire(s *segment) error {
	if err := s.close(); err != nil {
		return err
	}
	if s.size != j.o.SegmentBytes || len(j.spares) >= maxSpares {
		if err := os.Remove(s.path); err != nil {
			return err
		}
		return j.syncDir()
	}
	spare := j.sparePath()
	if err := os.Rename(s.path, spare); err != nil {
		return err
	}
	if err := j.syncDir(); err != nil {
		return err
	}
	j.spares = append(j.spares, spare)
	return nil
}
