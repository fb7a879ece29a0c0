//go:build unix

package journal

import (
	"fmt"
	"io"
)

// windowBytes is how much of a segment a scanner holds.
const windowBytes = 256 << 10

// scanner reads the records of a segment from its file. It reads rather than maps, so that a failing
// disk is an error and not a fault.
type scanner struct {
	*segment
	r   io.ReaderAt
	buf []byte
	at  int64 // offset of buf[0] in the file
}

func newScanner(s *segment, r io.ReaderAt) *scanner {
	return &scanner{segment: s, r: r, buf: make([]byte, 0, min(windowBytes, s.size))}
}

// peek returns n bytes at off, which must lie in the file; n is at most recordHeader+MaxRecord.
func (s *scanner) peek(off int64, n int) ([]byte, error) {
	if off < s.at || off+int64(n) > s.at+int64(len(s.buf)) {
		want := min(int64(cap(s.buf)), s.size-off)
		s.at, s.buf = off, s.buf[:want]
		if _, err := s.r.ReadAt(s.buf, off); err != nil {
			s.buf = s.buf[:0]
			return nil, fmt.Errorf("journal: read %s at byte %d: %w", s.path, off, err)
		}
	}
	i := off - s.at
	return s.buf[i : i+int64(n)], nil
}

// record returns the payload of the record at off, nil if there is no whole one. It is valid until
// the next call.
func (s *scanner) record(off int64) ([]byte, error) {
	if off+recordHeader > s.size {
		return nil, nil
	}
	b, err := s.peek(off, recordHeader)
	if err != nil {
		return nil, err
	}
	n := le.Uint32(b[4:])
	if n == 0 || n > MaxRecord || off+recordHeader+int64(n) > s.size {
		return nil, nil
	}
	if b, err = s.peek(off, recordHeader+int(n)); err != nil {
		return nil, err
	}
	if s.checksum(off, b) != le.Uint32(b) {
		return nil, nil
	}
	return b[recordHeader:], nil
}

// walk gives the records from position from on, of those before end, to f. It returns the position
// behind the last whole one, or where f failed.
func (s *scanner) walk(from, end int64, f func(pos int64, rec []byte) error) (int64, error) {
	for pos := from; ; {
		if pos >= end {
			return pos, nil
		}
		rec, err := s.record(s.offset(pos))
		if err != nil || rec == nil {
			return pos, err
		}
		if err := f(pos, rec); err != nil {
			return pos, err
		}
		pos += int64(align(recordHeader + len(rec)))
	}
}

// find returns the position of the first whole record at or after from, or end if none is before it.
func (s *scanner) find(from, end int64) (int64, error) {
	for pos := from; pos < end; {
		off := s.offset(pos)
		rec, err := s.record(off)
		if err != nil || rec != nil {
			return pos, err
		}
		next, err := s.behindZeros(off + 8)
		if err != nil {
			return pos, err
		}
		pos += next - off
	}
	return end, nil
}

// behindZeros returns the first multiple of 8 from off on where there may be something but zeros:
// most of a segment was never written, and need not be read.
func (s *scanner) behindZeros(off int64) (int64, error) {
	for off+8 <= s.size {
		b, err := s.peek(off, 8)
		if err != nil || le.Uint64(b) != 0 {
			return off, err
		}
		at := off
		if off += 8; at%windowBytes == 0 { // now and then: is there anything at all?
			off = max(off, min(nextData(s.r, at), s.size)&^7)
		}
	}
	return s.size, nil
}

// count returns how many whole records lie between from and end, torn ones among them or not.
func (s *scanner) count(from, end int64) (n int, err error) {
	for err == nil {
		if from, err = s.find(from, end); err != nil || from >= end {
			break
		}
		from, err = s.walk(from, end, func(int64, []byte) error { n++; return nil })
	}
	return n, err
}
