//go:build unix

package journal

import "fmt"

// DamageError says that a record which had been synced cannot be read any more.
type DamageError struct {
	Path     string
	Offset   int64 // byte of the file
	Position int64 // of the first record that is lost
	Resume   int64 // what ReplayFrom takes to go on with the next whole record
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("journal: %s is damaged at byte %d: the records from position %d to %d are lost", e.Path, e.Offset, e.Position, e.Resume)
}

// Replay gives the records that were in the folder when it was opened, and are not released, to f,
// oldest first. It stops at f's first error and returns it. A record is valid during the call of f
// only. What f releases goes when Replay returns.
func (j *Journal) Replay(f func(pos int64, rec []byte) error) error { return j.ReplayFrom(0, f) }

// ReplayFrom is Replay from a position on, which must be that of a record, one that Next returned, or
// the Resume of a DamageError.
func (j *Journal) ReplayFrom(from int64, f func(pos int64, rec []byte) error) error {
	for _, s := range j.hold() {
		if s.end <= from && (!s.hurt || s.stop() <= from) {
			continue
		}
		if err := s.read(func(c *scanner) error { return c.replay(max(from, s.first), f) }); err != nil {
			j.letGo()
			return err
		}
	}
	j.letGo()
	return nil
}

// hold returns the segments of earlier processes and keeps them until letGo.
func (j *Journal) hold() (segs []*segment) {
	j.files.Lock()
	defer j.files.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.replaying++
	for _, s := range j.history {
		if s.first < j.opened {
			segs = append(segs, s)
		}
	}
	return segs
}

func (j *Journal) letGo() {
	j.files.Lock()
	defer j.files.Unlock()
	j.replaying--
	j.recycle()
}

// replay gives the records from a position on to f. All up to the seal must be whole.
func (s *scanner) replay(from int64, f func(pos int64, rec []byte) error) error {
	pos, err := s.walk(from, s.end, f)
	if err != nil || pos >= s.end && !s.hurt {
		return err
	}
	e := &DamageError{Path: s.path, Offset: s.offset(pos), Position: pos, Resume: s.stop()}
	if pos < s.end {
		if e.Resume, err = s.find(pos+8, s.end); err != nil {
			return err
		}
	}
	return e
}
