//go:build unix

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzOpen opens a folder whose segment was cut to size and overwritten at a byte. With honest it has
// a true header, and seal, mark and first record have true checksums, so that what is behind them is
// reached.
func FuzzOpen(f *testing.F) {
	live := f.TempDir()
	j := mustOpen(f, live, small, quick)
	mustAppend(f, j, numbered(20, 150)...)
	if err := errors.Join(j.Sync(), j.Sync()); err != nil {
		f.Fatal(err)
	}
	mustAppend(f, j, numbered(5, 90)...)
	whole := mustRead(f, filepath.Join(live, segments(f, live)[0]))
	for _, at := range []uint16{0, sealAt, markAt, headerBytes, headerBytes + 4, 7400} {
		f.Add(at, []byte("\xff\x10\x00\x00\x00\x00\x00\x00"), uint16(MinSegmentBytes), true)
		f.Add(at, []byte("\x08\x10"), uint16(MinSegmentBytes), false)
		f.Add(at, []byte{}, at, false)
	}
	f.Fuzz(func(t *testing.T, at uint16, patch []byte, size uint16, honest bool) {
		b := append(slices.Clone(whole), make([]byte, 1<<16)...)
		copy(b[at:], patch)
		b = b[:size]
		if honest {
			b = honestly(b)
		}
		dir := t.TempDir()
		if err := os.WriteFile(segmentPath(dir, 8), b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := open(dir, small, quick)
		if err != nil {
			return
		}
		defer j.Close()
		last, sum := int64(0), 0
		j.Replay(func(pos int64, rec []byte) error {
			sum += recordHeader + len(rec)
			if pos <= last || len(rec) == 0 || len(rec) > MaxRecord || sum > len(b) {
				t.Fatalf("record of %d bytes at %d after %d, %d in all", len(rec), pos, last, sum)
			}
			last = pos
			return nil
		})
		if pos, err := j.Append([]byte("x")); err != nil || pos <= last {
			t.Fatalf("append at %d after %d: %v", pos, last, err)
		}
	})
}

// honestly makes b a segment whose header, seal and mark have the right checksums.
func honestly(b []byte) []byte {
	page := make([]byte, MinSegmentBytes)
	copy(page, b)
	h := header{size: MinSegmentBytes, first: 8, gen: le.Uint64(page[40:])}
	copy(page, h.page()[:headerUsed+4])
	for _, at := range []int{sealAt, markAt} {
		le.PutUint32(page[at+8:], h.slotSum(page, at))
	}
	// The first record too, whatever length it claims.
	if n := le.Uint32(page[headerBytes+4:]); n > 0 && n <= MaxRecord {
		sum := newSegment("", h).checksum(headerBytes, page[headerBytes:headerBytes+recordHeader+int(n)])
		le.PutUint32(page[headerBytes:], sum)
	}
	return page
}
