//go:build unix

// Package journal owns the folder in which the meter keeps, record by record, what its database does
// not hold yet. A record is an opaque string of 1 to [MaxRecord] bytes.
//
// # Promises
//
//   - When Append returns, the record is in the kernel's hands: it survives kill -9 at any instant.
//   - Sync puts everything appended before it on the disk; Run does so every SyncEvery. A power cut
//     therefore loses at most the records of the last SyncEvery.
//   - Replay gives exactly the records that were wholly written, in order, up to the first that was not:
//     after a power cut a prefix that holds at least everything synced, never a record after a lost one.
//   - Positions grow for ever and none is given twice: not after reopening, not after segments were
//     recycled, not after a power cut that lost records. They are above 0 and multiples of 8.
//   - A full disk or budget is an error of Append ([ErrFull]) that changes nothing, never a fault while
//     writing. Append goes on by itself when Release freed segments, or when a Sync has passed since
//     somebody else freed space.
//   - Damage to records that were synced is never passed over: Replay returns a [*DamageError] that names
//     file and byte, having delivered all records before it. The caller decides whether to go on behind
//     it with ReplayFrom.
//
// On filesystems that write every block to a new place (btrfs, ZFS) preallocated space does not keep
// its promise: there a full disk can still end the process with a fault. On macOS a sync reaches the
// drive, not necessarily its platter. The folder belongs to one process.
//
// # Format
//
// The folder holds segments, files of one size, each named by its first position, preallocated, and
// written through a shared mapping. All integers are little endian, checksums are CRC-32C.
//
//	0     header: magic, version, file size, first position, first position of the segment before,
//	      generation (64 random bits), checksum
//	512   seal: the position behind the segment's last record, checksum
//	1024  mark: a position below which everything in the folder is on disk, checksum
//	4096  records, each at a multiple of 8: checksum (4 bytes), length (4), payload
//
// A record's checksum covers generation, place, length and payload, so that neither half a record nor
// one from the file's earlier life passes. Header, seal and mark lie in sectors of their own.
//
// A segment's range of positions is fixed and durable before the first record goes into it, and every
// opening begins a new segment behind all ranges found. This is why positions that a power cut erased
// are not given again, and why nothing is ever written behind a torn record.
//
// The mark tells a lost tail, which a power cut may cause, from damage: a record that cannot be read
// below the mark was on disk once. What a power cut tore off behind the mark is cut, with a warning if
// readable records are dropped with it.
//
// # Starting
//
// Open, then ReplayFrom the position up to which the database holds everything, bring that into the
// database, Release, and start Run. SkipTo is for a folder that was lost or put back from a backup: what
// a power cut takes from this one needs none.
package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"time"
)

// Limits of records and segments.
const (
	MaxRecord       = 4 << 10  // bytes of one record
	MinSegmentBytes = 16 << 10 // header and a few of the longest records
	MaxSegmentBytes = 1 << 30
	MinSegments     = 4 // written, prepared, being flushed to the database, and one to open with
	maxSpares       = 2 // emptied files kept to be used again
	maxPosition     = int64(1) << 62
)

// Defaults of Options.
const (
	DefaultSegmentBytes = 64 << 20
	DefaultMaxBytes     = 4 << 30
	DefaultSyncEvery    = time.Second
)

// Errors of Append. ErrFull may be wrapped.
var (
	ErrFull   = errors.New("journal: full")
	ErrClosed = errors.New("journal: closed")
	ErrRecord = fmt.Errorf("journal: a record has 1 to %d bytes", MaxRecord)
)

// Options of a journal; the zero value of each field means its default.
type Options struct {
	SegmentBytes int64         // of one file, a multiple of 4096; what exists keeps its size
	MaxBytes     int64         // of all files together, at least MinSegments segments
	SyncEvery    time.Duration // how often Run syncs
	Log          *slog.Logger
}

func (o Options) complete() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = max(DefaultMaxBytes, MinSegments*o.SegmentBytes)
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = DefaultSyncEvery
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	switch {
	case o.SegmentBytes < MinSegmentBytes || o.SegmentBytes > MaxSegmentBytes || o.SegmentBytes%headerBytes != 0:
		return o, fmt.Errorf("journal: SegmentBytes is %d, wanted a multiple of %d from %d to %d", o.SegmentBytes, headerBytes, MinSegmentBytes, MaxSegmentBytes)
	case o.MaxBytes < MinSegments*o.SegmentBytes:
		return o, fmt.Errorf("journal: MaxBytes is %d, wanted at least %d segments of %d", o.MaxBytes, MinSegments, o.SegmentBytes)
	case o.SyncEvery < 0:
		return o, fmt.Errorf("journal: SyncEvery is %v, wanted more than 0", o.SyncEvery)
	}
	return o, nil
}

// Journal is an open folder. Its methods may be called from many goroutines.
type Journal struct {
	dir    string
	o      Options
	disk   disk
	opened int64         // records below were in the folder when it was opened
	wake   chan struct{} // for Run: a segment to prepare, or pages to warm

	// files is held during slow work on files. Who needs both locks takes files first.
	files     sync.Mutex
	spares    []string // emptied files of SegmentBytes
	spareID   int      // of the next spare's name
	below     int64    // records below may go
	replaying int      // replays under way, which keep all segments
	syncErr   error    // of the last Sync; written with mu too
	makeErr   error    // of the last segment made ahead

	mu      sync.Mutex
	history []*segment // sealed, oldest first
	cur     *segment   // being written; nil if no file could be made yet
	next    *segment   // prepared, empty
	floor   int64      // first position of the next segment made
	kept    int64      // what the floor would be after reopening
	stuck   error      // why no segment could be made; forgotten after a Sync or Release
	closed  bool
}

// Open opens or creates the folder, seals what an earlier process left unfinished and begins a new
// segment. If the budget or the disk is full it succeeds all the same, and Append says ErrFull. An
// unreadable header and a missing segment are errors that name the file.
func Open(dir string, o Options) (*Journal, error) { return open(dir, o, system) }

func open(dir string, o Options, d disk) (*Journal, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: make folder: %w", err)
	}
	j := &Journal{dir: dir, o: o, disk: d, wake: make(chan struct{}, 1), floor: 8}
	if err := j.load(); err != nil {
		return nil, err
	}
	j.opened = j.floor
	if err := j.begin(); errors.Is(err, ErrFull) {
		j.o.Log.Warn("the journal is full: records are refused until it is released", "error", err)
	} else if err != nil {
		return nil, err
	}
	return j, nil
}

// Next returns the position that the next record will get.
func (j *Journal) Next() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.nextPosition()
}

func (j *Journal) nextPosition() int64 {
	switch {
	case j.cur != nil && j.cur.off <= j.cur.limit:
		return j.cur.position(j.cur.off)
	case j.next != nil:
		return j.next.first
	}
	return j.floor
}

// Close syncs and closes the folder. Run must have returned. Closing twice is harmless.
func (j *Journal) Close() error {
	j.files.Lock()
	defer j.files.Unlock()
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	if j.cur != nil {
		j.cur.seal(j.cur.position(j.cur.off))
		j.cur.limit = math.MinInt // sends Append to where it sees that the journal is closed
	}
	j.mu.Unlock()
	j.flush()
	err := j.flush() // again what failed, and the mark of what did not
	for _, s := range append(j.history, j.cur, j.next) {
		err = errors.Join(err, s.close())
	}
	return err
}
