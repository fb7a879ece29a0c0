package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
	"golang.org/x/sync/errgroup"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// verifyWorkers hash pieces at the same time; the library hashes two per torrent.
	verifyWorkers = 2
	// settlePoll is how soon a verification is looked at first, and maxSettlePoll how often later.
	settlePoll, maxSettlePoll = time.Millisecond, 100 * time.Millisecond
)

// ErrDuplicate is returned for a torrent that the engine has already.
var ErrDuplicate = errors.New("the torrent was added already")

// AddOptions says where a torrent's data lies and how far to trust what was verified before.
type AddOptions struct {
	// Dir holds the torrent's file or folder; empty: the engine's data folder.
	Dir string
	// Files says where each file lies, by absolute path in the torrent's order (File.Files); an empty
	// entry, or none, means the usual place under Dir.
	Files []string
	// VerifyAll hashes every piece; otherwise only pieces not recorded as verified. Set it when the
	// data may have changed while the engine did not have the torrent.
	VerifyAll bool
	// SeedOnly serves what is there and downloads nothing.
	SeedOnly bool
	// Progress is called with the bytes looked at so far, from time to time and at the end; nil: not
	// at all.
	Progress func(done, total bt.Bytes)
	// OnDiskError is told why the download was paused: the disk is full or gone. Resume lets it go on.
	// It runs on a goroutine of its own, once for each pause; nil: the error is logged only.
	OnDiskError func(error)
}

// Torrent is one torrent in an engine.
type Torrent struct {
	File   *File
	engine *Engine
	t      *torrent.Torrent
	gone   peerLog

	layout *layout
	told   func(error) // AddOptions.OnDiskError
	sent   highest     // payload bytes, as told last
	unsent *atomic.Int64

	run       running
	verifying atomic.Bool // before Add returns
	whole     atomic.Bool // it was complete, and what went missing since is not being fetched
	dropping  sync.Once
	frozen    atomic.Pointer[bt.Bytes] // Left at the time of Drop
}

// Stats counts payload bytes of this engine session, as announces want them (BEP 3).
type Stats struct {
	PeerID     bt.PeerID
	Uploaded   bt.Bytes // payload written to peers
	Downloaded bt.Bytes // payload that was needed; equals the size after a clean download
	Left       bt.Bytes // bytes in pieces not verified
	Size       bt.Bytes
	Complete   bool
	Peers      int // connected now
}

func specOf(meta *metainfo.MetaInfo) (*torrent.TorrentSpec, error) {
	return torrent.TorrentSpecFromMetaInfoErr(meta)
}

// Add verifies what is on disk and then begins to exchange data with peers. It returns when the
// verification ended; until then nothing is requested and only known pieces are served.
func (e *Engine) Add(ctx context.Context, file []byte, opt AddOptions) (*Torrent, error) {
	f, spec, err := parse(file)
	if err != nil {
		return nil, err
	}
	t := &Torrent{File: f, engine: e, told: opt.OnDiskError}
	if t.layout, err = e.layoutOf(f, opt); err != nil {
		return nil, err
	}
	again := e.toVerifyAgain(f, opt)
	if err := e.insert(t, spec); err != nil {
		return nil, err
	}
	if err := t.verify(ctx, again, opt.Progress); err != nil {
		t.Drop()
		return nil, fmt.Errorf("verifying %s: %w", f.InfoHash, err)
	}
	t.left()
	t.SeedOnly(opt.SeedOnly)
	return t, nil
}

// toVerifyAgain lists pieces with a recorded verdict that is not trusted. Those without one are hashed
// by the library as soon as it opens the files.
func (e *Engine) toVerifyAgain(f *File, opt AddOptions) (pieces []int) {
	key := metainfo.PieceKey{InfoHash: metainfo.Hash(f.InfoHash)}
	for key.Index = range f.Pieces {
		if c, err := e.completion.Get(key); err != nil || c.Ok && (opt.VerifyAll || !c.Complete) {
			pieces = append(pieces, key.Index)
		}
	}
	return pieces
}

// insert hands the torrent to the library, which then hashes what it has no verdict of.
func (e *Engine) insert(t *Torrent, spec *torrent.TorrentSpec) error {
	add := spec.AddTorrentOpts
	add.PieceLayers = spec.PieceLayers
	add.DisallowDataDownload, add.DeferStorageOpen = true, true
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.torrents[t.File.InfoHash]; ok {
		return ErrDuplicate
	}
	tt, fresh := e.client.AddTorrentOpt(add)
	if !fresh {
		return ErrDuplicate
	}
	t.t, t.unsent = tt, e.wires.heldOf(tt)
	t.verifying.Store(true)
	tt.SetOnWriteChunkError(t.diskFailed)
	if err := tt.OpenStorage(context.Background(), e.newStorage(t)); err != nil {
		tt.Drop()
		e.wires.held.Delete(tt)
		return fmt.Errorf("opening the files in %s: %w", t.layout.dir, err)
	}
	e.torrents[t.File.InfoHash] = t
	return nil
}

// verify waits for the library's first look at the data, looks again at some pieces, and records the
// verdicts. What it finds whole lies on disk: nothing has to be flushed for it.
func (t *Torrent) verify(ctx context.Context, again []int, progress func(done, total bt.Bytes)) error {
	defer t.verifying.Store(false)
	group, hashing := errgroup.WithContext(ctx) // ends with the group
	group.SetLimit(verifyWorkers)
	for _, i := range again {
		group.Go(func() error { return t.t.Piece(i).VerifyDataContext(hashing) })
	}
	err := poll(ctx, func() bool {
		done, busy := t.looked()
		if progress != nil {
			progress(done, t.File.Size)
		}
		return busy
	})
	if err := errors.Join(group.Wait(), err); err != nil {
		return err
	}
	if err := poll(ctx, func() bool { _, busy := t.looked(); return busy }); err != nil {
		return err
	}
	return t.record()
}

// looked is how much was looked at, and whether there is more to look at or to write down: the library
// wakes who waits for a piece before it marks it.
func (t *Torrent) looked() (done bt.Bytes, busy bool) {
	piece := 0
	for _, run := range t.t.PieceStateRuns() {
		if run.Checking || run.Marking {
			busy = true
		} else {
			done += t.lengthOf(piece, piece+run.Length)
		}
		piece += run.Length
	}
	return done, busy
}

// lengthOf is the length of the pieces of [from, to).
func (t *Torrent) lengthOf(from, to int) (n bt.Bytes) {
	for i := from; i < to; i++ {
		n += bt.Bytes(t.t.Piece(i).Info().Length())
	}
	return n
}

// record writes the verdicts to the database, which otherwise keeps them in memory.
func (t *Torrent) record() error {
	c, ok := t.engine.completion.(storage.PieceCompletionCheckpointer)
	if !ok {
		return nil
	}
	keys := make([]metainfo.PieceKey, t.t.NumPieces())
	for i := range keys {
		keys[i] = metainfo.PieceKey{InfoHash: metainfo.Hash(t.File.InfoHash), Index: i}
	}
	if err := c.Checkpoint(keys); err != nil {
		return fmt.Errorf("recording what was verified: %w", err)
	}
	return nil
}

// settlePiece waits until the verdict of a hashed piece is recorded.
func (t *Torrent) settlePiece(ctx context.Context, piece int) error {
	return poll(ctx, func() bool {
		s := t.t.PieceState(piece)
		return s.Checking || s.Marking
	})
}

// poll waits until nothing is busy, at first in short steps.
func poll(ctx context.Context, busy func() bool) error {
	for pause := settlePoll; busy(); pause = min(2*pause, maxSettlePoll) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil
}

// AddPeers offers addresses to connect to. The own address does no harm.
func (t *Torrent) AddPeers(peers []netip.AddrPort) {
	infos := make([]torrent.PeerInfo, 0, len(peers))
	for _, a := range peers {
		infos = append(infos, torrent.PeerInfo{Addr: net.TCPAddrFromAddrPort(a), Source: torrent.PeerSourceTracker})
	}
	t.t.AddPeers(infos)
}

// Completed is closed while every piece is verified.
func (t *Torrent) Completed() <-chan struct{} { return t.t.Complete().On() }

// Stats may be called also after Drop: then the counters are final.
func (t *Torrent) Stats() Stats {
	s := t.t.Stats()
	left := t.left()
	return Stats{
		PeerID:     t.engine.PeerID(),
		Uploaded:   bt.Bytes(t.sent.raise(s.BytesWrittenData.Int64() - t.unsent.Load())),
		Downloaded: bt.Bytes(s.BytesReadUsefulData.Int64()),
		Left:       left,
		Size:       t.File.Size,
		Complete:   left == 0,
		Peers:      s.ActivePeers,
	}
}

// left counts unverified pieces whole: the library's own figure falls when a block arrives, before
// its piece is verified.
func (t *Torrent) left() bt.Bytes {
	if f := t.frozen.Load(); f != nil {
		return *f
	}
	var left bt.Bytes
	piece := 0
	for _, run := range t.t.PieceStateRuns() {
		if !run.Complete {
			left += t.lengthOf(piece, piece+run.Length)
		}
		piece += run.Length
	}
	if left == 0 {
		t.whole.Store(true)
	}
	return left
}

// Drop ends the exchange and forgets the torrent; its files stay.
func (t *Torrent) Drop() {
	t.dropping.Do(func() {
		left := t.left()
		t.frozen.Store(&left)
		t.engine.mu.Lock()
		delete(t.engine.torrents, t.File.InfoHash)
		t.engine.mu.Unlock()
		t.endPeers()
		t.engine.wires.held.Delete(t.t)
	})
}
