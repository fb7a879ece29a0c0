//go:build unix

package journal

import (
	"fmt"
	"math"
)

// Append adds a record and returns its position. The record is copied; on error nothing has changed.
// It allocates nothing, and touches files only if Run did not prepare a segment in time.
func (j *Journal) Append(rec []byte) (pos int64, err error) {
	if len(rec) == 0 || len(rec) > MaxRecord {
		return 0, ErrRecord
	}
	j.mu.Lock()
	s := j.cur
	if s == nil || s.off > s.limit {
		if s, err = j.turn(); err != nil {
			j.mu.Unlock()
			return 0, err
		}
	}
	pos = s.put(rec)
	if s.off >= s.wakeAt {
		s.wakeAt = math.MaxInt
		j.ring()
	}
	j.mu.Unlock()
	return pos, nil
}

// ring tells Run that there is something to prepare.
func (j *Journal) ring() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// turn returns a segment with room. It is called with mu held, and lets go of it while it makes a
// file: other callers then find the file or wait for it too.
func (j *Journal) turn() (*segment, error) {
	for j.cur == nil || j.cur.off > j.cur.limit {
		switch {
		case j.closed:
			return nil, ErrClosed
		case j.next != nil:
			j.activate()
		case j.stuck != nil:
			return nil, j.stuck
		default:
			j.mu.Unlock()
			err := j.prepare()
			j.mu.Lock()
			if err != nil {
				return nil, err
			}
		}
	}
	return j.cur, nil
}

// activate goes on to the prepared segment. It is called with mu held.
func (j *Journal) activate() {
	j.shelve(j.cur)
	j.cur, j.next = j.next, nil
	j.ring()
}

// shelve seals a segment and puts it with those that are not written any more. It stays mapped until
// it is synced.
func (j *Journal) shelve(s *segment) {
	if s == nil {
		return
	}
	s.seal(s.position(s.off))
	j.history = append(j.history, s)
}

// SkipTo promises that no position below pos is ever given again, also after a crash: the database
// may be ahead of a journal whose folder was lost. If no segment can be made the promise
// holds for this process only, and SkipTo returns the error.
func (j *Journal) SkipTo(pos int64) error {
	if pos > maxPosition {
		return fmt.Errorf("journal: skip to %d, wanted at most %d", pos, maxPosition)
	}
	j.files.Lock()
	defer j.files.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	if pos <= min(j.nextPosition(), j.kept) {
		return nil
	}
	if j.next == nil || j.next.first < pos {
		return j.skip((pos + 7) &^ 7)
	}
	j.activate()
	return nil
}

// skip leaves the segments there are for a new one. It is called with both locks held.
func (j *Journal) skip(pos int64) error {
	j.shelve(j.cur)
	j.shelve(j.next)
	j.cur, j.next = nil, nil
	j.floor = max(j.floor, pos)
	j.mu.Unlock()
	err := j.makeNext()
	j.mu.Lock()
	if err == nil && j.cur == nil { // no Append was faster
		j.activate()
	}
	return err
}
