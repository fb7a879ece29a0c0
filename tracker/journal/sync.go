//go:build unix

package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// warmBytes is how far ahead of the records pages are made ready: a quarter of a second at 100,000
// records of 150 bytes a second.
const warmBytes = 4 << 20

// Run syncs every SyncEvery and prepares segments and pages ahead of Append. When ctx ends it syncs
// once more and returns what that says; earlier failures are logged and tried again.
func (j *Journal) Run(ctx context.Context) error {
	tick := time.NewTicker(j.o.SyncEvery)
	defer tick.Stop()
	for {
		j.ahead()
		select {
		case <-ctx.Done():
			return j.Sync()
		case <-j.wake:
		case <-tick.C:
			j.Sync()
		}
	}
}

// ahead prepares what Append will need.
func (j *Journal) ahead() {
	j.files.Lock()
	defer j.files.Unlock()
	j.mu.Lock()
	s, from, needed := j.cur, 0, j.next == nil && !j.closed && j.stuck == nil
	if s != nil {
		from = s.off
	}
	j.mu.Unlock()
	if s != nil && s.mem != nil && s.warmed != from {
		s.warm(from)
		j.mu.Lock()
		s.wakeAt = from + warmBytes/2
		j.mu.Unlock()
	}
	if !needed {
		return
	}
	err := j.makeNext()
	if err != nil && j.makeErr == nil {
		j.o.Log.Warn("prepare the next journal segment", "error", err)
	}
	j.makeErr = err
}

// warm makes the pages behind from ready to be written. It makes them dirty, so it is not done again
// while nothing is appended: the kernel would write them to the disk each time.
func (s *segment) warm(from int) {
	s.warmed = from
	start := from &^ (os.Getpagesize() - 1)
	populate(s.mem[start:min(start+warmBytes, len(s.mem))])
}

// Sync puts everything appended before the call on the disk. A failure is logged when it is new, and
// the next Sync tries again.
func (j *Journal) Sync() error {
	j.files.Lock()
	defer j.files.Unlock()
	j.mu.Lock()
	closed := j.closed
	j.mu.Unlock()
	if closed {
		return ErrClosed
	}
	err := j.flush()
	switch {
	case err != nil && j.syncErr == nil:
		j.o.Log.Error("sync the journal", "error", err)
	case err == nil && j.syncErr != nil:
		j.o.Log.Info("the journal syncs again")
	}
	j.mu.Lock()
	j.syncErr = err
	j.stuck = nil // there may be space again
	j.mu.Unlock()
	return err
}

// Err is what the last Sync said, or why no segment could be made since; nil: records are taken and
// reach the disk.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.syncErr, j.stuck)
}

// flush syncs the segments in order and stops at the first failure, so that the mark is true. It is
// called with files held.
func (j *Journal) flush() error {
	j.mu.Lock()
	var mapped []*segment
	for _, s := range j.history {
		if s.mem != nil {
			mapped = append(mapped, s)
		}
	}
	past, end, closed := len(mapped), 0, j.closed
	if j.cur != nil && j.cur.mem != nil {
		mapped, end = append(mapped, j.cur), j.cur.off
	}
	j.mu.Unlock()
	for i, s := range mapped {
		to := end
		if i < past {
			to = s.off
		}
		if err := s.flush(j.disk, to, i < past || closed); err != nil {
			return err
		}
	}
	return j.drop(mapped[:past])
}

// drop lets go of segments that are sealed and synced.
func (j *Journal) drop(done []*segment) error {
	for _, s := range done {
		if err := s.close(); err != nil {
			return fmt.Errorf("journal: close %s: %w", s.path, err)
		}
	}
	return nil
}

// flush puts the records before offset to on the disk, and the header if it was sealed or marked.
// Then it sets the mark, which the next flush puts there.
func (s *segment) flush(d disk, to int, sealed bool) error {
	if err := s.flushRange(d, s.synced, to, to > s.synced); err != nil {
		return err
	}
	if err := s.flushRange(d, 0, headerBytes, sealed || s.newMark); err != nil {
		return err
	}
	s.unsynced, s.newMark = false, to > s.synced
	if s.newMark {
		s.synced = to
		s.putSlot(s.mem, markAt, s.position(to))
	}
	return nil
}

func (s *segment) flushRange(d disk, from, to int, needed bool) error {
	if !needed {
		return nil
	}
	if s.unsynced {
		redirty(s.mem, from, to)
	}
	if err := d.flush(s, from, to); err != nil {
		s.unsynced = true
		return fmt.Errorf("journal: sync %s: %w", s.path, err)
	}
	return nil
}
