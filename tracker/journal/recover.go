//go:build unix

package journal

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// load reads what is in the folder, and leaves all segments sealed.
func (j *Journal) load() error {
	names, err := os.ReadDir(j.dir)
	if err != nil {
		return fmt.Errorf("journal: read folder: %w", err)
	}
	for _, n := range names {
		if first, ok := firstOf(n.Name()); ok {
			s, err := readSegment(j.dir, n.Name(), first)
			if err != nil {
				return err
			}
			j.history = append(j.history, s)
		} else if err := j.loadSpare(n); err != nil {
			return err
		}
	}
	slices.SortFunc(j.history, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	mark := int64(0)
	for i, s := range j.history {
		if i > 0 && s.first < j.history[i-1].stop() {
			return fmt.Errorf("journal: %s and %s overlap", j.history[i-1].path, s.path)
		}
		mark = max(mark, s.mark)
		j.floor = s.stop()
	}
	j.kept = j.floor
	if err := j.settle(mark); err != nil {
		return err
	}
	return j.checkChain()
}

// loadSpare keeps an emptied file, or removes it if there are enough or it is not whole. Other
// files are let alone.
func (j *Journal) loadSpare(n os.DirEntry) error {
	digits, ok := strings.CutPrefix(n.Name(), sparePrefix)
	id, err := strconv.Atoi(digits)
	if !ok || err != nil || !n.Type().IsRegular() {
		return nil
	}
	j.spareID = max(j.spareID, id)
	path := filepath.Join(j.dir, n.Name())
	if info, err := n.Info(); err != nil || info.Size() != j.o.SegmentBytes || len(j.spares) >= maxSpares {
		return os.Remove(path)
	}
	j.spares = append(j.spares, path)
	return nil
}

// readSegment reads a segment's header page.
func readSegment(dir, name string, first int64) (*segment, error) {
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("journal: open segment: %w", err)
	}
	defer f.Close()
	page := make([]byte, headerBytes)
	if _, err := io.ReadFull(f, page); err != nil {
		return nil, fmt.Errorf("journal: read the header of %s: %w", path, err)
	}
	h, err := parseHeader(page)
	if err != nil {
		return nil, fmt.Errorf("journal: %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("journal: stat segment: %w", err)
	}
	if h.first != first || h.size != info.Size() || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("journal: %s: the header says %d bytes from position %d, the file has %d", path, h.size, h.first, info.Size())
	}
	s := newSegment(path, h)
	s.end, s.sealed = h.slot(page, sealAt)
	s.mark, _ = h.slot(page, markAt)
	return s, nil
}

// settle finds where the whole records end, of which everything below mark was synced, and cuts off
// the rest. Segments that are sealed below the mark are left to Replay to check.
func (j *Journal) settle(mark int64) error {
	for i, s := range j.history {
		if s.sealed && s.end <= mark {
			continue
		}
		end, err := s.wholeEnd(mark)
		switch {
		case err != nil:
			return err
		case s.sealed && end == s.end:
		case mark > s.stop(): // records behind this segment were synced, so its seal was too
			s.sealed, s.end, s.hurt = true, end, s.offset(end) <= int64(s.limit)
		default:
			return j.cut(i, end)
		}
	}
	return nil
}

// wholeEnd returns the position behind the last record that follows the mark, or the beginning,
// without a gap.
func (s *segment) wholeEnd(mark int64) (end int64, err error) {
	if !s.holds(mark) {
		mark = s.first
	}
	err = s.read(func(c *scanner) error {
		end, err = c.walk(mark, s.bound(), func(int64, []byte) error { return nil })
		return err
	})
	return end, err
}

// bound is the position that no record reaches beyond.
func (s *segment) bound() int64 {
	if s.sealed {
		return s.end
	}
	return s.stop()
}

// read opens a segment's file for f.
func (s *segment) read(f func(*scanner) error) error {
	r, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("journal: open segment: %w", err)
	}
	defer r.Close()
	return f(newScanner(s, r))
}

// cut ends the journal at position end of segment i. The segments behind are emptied first: were it
// the other way round, a crash in between would leave records behind a gap.
func (j *Journal) cut(i int, end int64) error {
	dropped := 0
	for k := len(j.history) - 1; k >= i; k-- {
		s, to := j.history[k], end
		if k > i {
			to = s.first
		}
		if s.sealed && s.end == to {
			continue
		}
		n, err := s.sealFile(j.disk, to)
		if err != nil {
			return err
		}
		dropped += n
	}
	if s := j.history[i]; dropped > 0 {
		j.o.Log.Warn("the journal lost the unsynced records at its end, and drops those behind the first lost one",
			"path", s.path, "byte", s.offset(end), "position", end, "dropped", dropped)
	}
	return nil
}

// sealFile seals a segment of an earlier process durably, and returns how many whole records lie
// behind the seal.
func (s *segment) sealFile(d disk, end int64) (dropped int, err error) {
	err = s.read(func(c *scanner) error {
		dropped, err = c.count(end, s.bound())
		return err
	})
	if err != nil {
		return 0, err
	}
	f, err := os.OpenFile(s.path, os.O_WRONLY, 0)
	if err != nil {
		return 0, fmt.Errorf("journal: open segment to seal: %w", err)
	}
	defer f.Close()
	page := make([]byte, headerBytes)
	s.putSlot(page, sealAt, end)
	if _, err := f.WriteAt(page[sealAt:sealAt+slotBytes], sealAt); err != nil {
		return 0, fmt.Errorf("journal: seal segment: %w", err)
	}
	if err := d.sync(f); err != nil {
		return 0, fmt.Errorf("journal: sync %s: %w", s.path, err)
	}
	s.sealed, s.end = true, end
	return dropped, nil
}

// checkChain looks for missing segments: each that holds records names the one it follows.
func (j *Journal) checkChain() error {
	last := -1
	for i, s := range j.history {
		if s.empty() {
			continue
		}
		if last >= 0 && !slices.ContainsFunc(j.history[last:i], func(p *segment) bool { return p.first == s.prev }) {
			return fmt.Errorf("journal: %s is missing: %s follows it", segmentPath(j.dir, s.prev), s.path)
		}
		last = i
	}
	return nil
}

// begin makes the segment that this process writes to. Empty segments at the end are used again, the
// last of them only when the new one is there: until then it tells which positions were given.
func (j *Journal) begin() error {
	for n := len(j.history); n > 1 && j.history[n-1].empty() && j.history[n-2].empty(); n-- {
		if err := j.retire(j.history[n-2]); err != nil {
			return fmt.Errorf("journal: recycle an empty segment: %w", err)
		}
		j.history = slices.Delete(j.history, n-2, n-1)
	}
	if err := j.makeNext(); err != nil {
		return err
	}
	j.activate()
	if n := len(j.history); n > 0 && j.history[n-1].empty() {
		if err := j.retire(j.history[n-1]); err != nil {
			return fmt.Errorf("journal: recycle an empty segment: %w", err)
		}
		j.history = j.history[:n-1]
	}
	return nil
}
