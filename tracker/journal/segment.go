//go:build unix

package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	magic        = "swarmjnl"
	version      = 1
	headerBytes  = 4096 // before the first record
	headerUsed   = 48   // of it, before the header's checksum
	sealAt       = 512
	markAt       = 1024
	slotBytes    = 12
	recordHeader = 8
	suffix       = ".journal"
	sparePrefix  = "spare-"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

// header is the fixed part of a segment: written and synced before the file gets its name.
type header struct {
	size  int64  // of the file, bytes
	first int64  // position of the first record
	prev  int64  // first position of the segment before; 0: none
	gen   uint64 // random, new with every use of the file
}

// stop is the position behind the segment's range.
func (h header) stop() int64 { return h.first + h.size - headerBytes }

func (h header) position(off int) int64 { return h.first + int64(off) - headerBytes }
func (h header) offset(pos int64) int64 { return pos - h.first + headerBytes }

// holds reports whether pos can be the end of records of this segment.
func (h header) holds(pos int64) bool { return pos >= h.first && pos <= h.stop() && pos%8 == 0 }

// seed is where the checksums of the segment's records and slots begin.
func (h header) seed() uint32 { return crc32.Checksum(le.AppendUint64(nil, h.gen), castagnoli) }

// page returns the first headerBytes of a new segment.
func (h header) page() []byte {
	b := append(make([]byte, 0, headerBytes), magic...)
	b = le.AppendUint64(b, version)
	b = le.AppendUint64(b, uint64(h.size))
	b = le.AppendUint64(b, uint64(h.first))
	b = le.AppendUint64(b, uint64(h.prev))
	b = le.AppendUint64(b, h.gen)
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:headerBytes]
}

// parseHeader reads a page that page wrote.
func parseHeader(b []byte) (header, error) {
	switch {
	case len(b) < headerBytes || !bytes.HasPrefix(b, []byte(magic)):
		return header{}, errors.New("not a segment of a journal")
	case crc32.Checksum(b[:headerUsed], castagnoli) != le.Uint32(b[headerUsed:]):
		return header{}, errors.New("the header's checksum is wrong")
	case le.Uint64(b[8:]) != version:
		return header{}, fmt.Errorf("version %d, this program reads %d", le.Uint64(b[8:]), version)
	}
	h := header{size: int64(le.Uint64(b[16:])), first: int64(le.Uint64(b[24:])), prev: int64(le.Uint64(b[32:])), gen: le.Uint64(b[40:])}
	if h.size < MinSegmentBytes || h.size > MaxSegmentBytes || h.size%headerBytes != 0 ||
		h.first <= 0 || h.first > maxPosition || h.first%8 != 0 || h.prev < 0 || h.prev >= h.first {
		return header{}, errors.New("the header's numbers are impossible")
	}
	return h, nil
}

// putSlot writes a position with its checksum at one of sealAt and markAt of a header page.
func (h header) putSlot(page []byte, at int, pos int64) {
	le.PutUint64(page[at:], uint64(pos))
	le.PutUint32(page[at+8:], h.slotSum(page, at))
}

func (h header) slotSum(page []byte, at int) uint32 {
	return crc32.Update(h.seed()+uint32(at), castagnoli, page[at:at+8])
}

// slot returns the position that putSlot wrote, if it is whole and of this segment.
func (h header) slot(page []byte, at int) (int64, bool) {
	pos := int64(le.Uint64(page[at:]))
	return pos, le.Uint32(page[at+8:]) == h.slotSum(page, at) && h.holds(pos)
}

// segment is one file of the journal.
type segment struct {
	header
	path   string
	seed   uint32
	sealed bool
	end    int64 // if sealed: the position behind the last record
	mark   int64 // as read at opening; 0: none
	hurt   bool  // its seal is lost although later records were synced

	// Of segments that are written, until they are sealed and synced.
	file     *os.File
	mem      []byte
	off      int // of the next record; guarded by Journal.mu
	limit    int // the last offset at which any record fits
	wakeAt   int // offset at which Run shall warm more pages; guarded by Journal.mu
	warmed   int // offset from which pages were warmed last
	synced   int // everything before this offset is on disk
	newMark  bool
	unsynced bool // the last attempt to sync failed
}

func newSegment(path string, h header) *segment {
	return &segment{header: h, path: path, seed: h.seed(), off: headerBytes, synced: headerBytes,
		limit: int(h.size) - recordHeader - MaxRecord}
}

// empty reports whether a sealed segment holds no record.
func (s *segment) empty() bool { return s.end == s.first && !s.hurt }

// seal says that no record follows those before end.
func (s *segment) seal(end int64) {
	s.sealed, s.end = true, end
	s.putSlot(s.mem, sealAt, end)
}

// put writes rec at the next offset, which must not be above limit. The checksum comes last.
func (s *segment) put(rec []byte) int64 {
	pos := s.position(s.off)
	total := recordHeader + len(rec)
	b := s.mem[s.off : s.off+total : s.off+total]
	le.PutUint32(b[4:], uint32(len(rec)))
	copy(b[recordHeader:], rec)
	le.PutUint32(b, s.checksum(int64(s.off), b))
	s.off += align(total)
	return pos
}

// checksum returns the checksum of a record at off: its length and payload, begun with a number that
// no other place of this use of the file has. The same bytes begun differently never have the same
// CRC, and beginning with a number costs nothing, where a second call would cost 8 ns.
func (s *segment) checksum(off int64, b []byte) uint32 {
	return crc32.Update(s.seed+uint32(off>>3), castagnoli, b[4:])
}

// close gives up the mapping and the file. It may be called on nil and more than once.
func (s *segment) close() error {
	if s == nil || s.mem == nil {
		return nil
	}
	err := errors.Join(unix.Munmap(s.mem), s.file.Close())
	s.mem, s.file = nil, nil
	return err
}

// align rounds up to where the next record may begin.
func align(n int) int { return (n + 7) &^ 7 }

func segmentPath(dir string, first int64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", first, suffix))
}

// firstOf returns the position in a segment's file name.
func firstOf(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseInt(digits, 10, 64)
	return first, err == nil && first >= 0
}
