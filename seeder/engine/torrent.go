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
	"golang.org/x/sync/errgroup"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// verifyWorkers hash pieces at the same time; the library hashes two per torrent.
	verifyWorkers = 2
	// settlePoll is how often a finished verification looks whether its marks are written.
	settlePoll = 5 * time.Millisecond
)

// ErrDuplicate is returned for a torrent that the engine has already.
var ErrDuplicate = errors.New("the torrent was added already")

// AddOptions says where a torrent's data lies and how far to trust what was verified before.
type AddOptions struct {
	// Dir holds the torrent's file or folder; empty: the engine's data folder.
	Dir string
	// VerifyAll hashes every piece; otherwise only pieces not recorded as verified. Set it when the
	// data may have changed while the engine did not have the torrent.
	VerifyAll bool
	// SeedOnly serves what is there and downloads nothing.
	SeedOnly bool
	// Progress is called with the bytes looked at so far, from several goroutines but never at the
	// same time; nil: not at all.
	Progress func(done, total bt.Bytes)
}

// Torrent is one torrent in an engine.
type Torrent struct {
	File   *File
	engine *Engine
	t      *torrent.Torrent
	gone   peerLog

	seedOnly atomic.Bool
	dropping sync.Once
	frozen   atomic.Pointer[bt.Bytes] // Left at the time of Drop
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
	f, err := ParseFile(file)
	if err != nil {
		return nil, err
	}
	t, err := e.insert(f, opt)
	if err != nil {
		return nil, err
	}
	if err := t.verify(ctx, opt); err != nil {
		t.Drop()
		return nil, fmt.Errorf("verifying %s: %w", f.InfoHash, err)
	}
	t.SeedOnly(opt.SeedOnly)
	return t, nil
}

func (e *Engine) insert(f *File, opt AddOptions) (*Torrent, error) {
	spec, err := specOf(f.meta)
	if err != nil {
		return nil, err
	}
	add := spec.AddTorrentOpts
	add.PieceLayers = spec.PieceLayers
	add.DisableInitialPieceCheck, add.DisallowDataDownload = true, true
	if opt.Dir != "" {
		add.Storage = e.newStorage(opt.Dir)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.torrents[f.InfoHash]; ok {
		return nil, ErrDuplicate
	}
	tt, fresh := e.client.AddTorrentOpt(add)
	if !fresh {
		return nil, ErrDuplicate
	}
	if tt.Info() == nil {
		tt.Drop()
		return nil, errors.New("the torrent's storage cannot be opened")
	}
	t := &Torrent{File: f, engine: e, t: tt}
	tt.SetOnWriteChunkError(t.writeFailed)
	e.torrents[f.InfoHash] = t
	return t, nil
}

// writeFailed stops downloading, as a full disk would make every further piece a wasted, billed one.
func (t *Torrent) writeFailed(err error) {
	t.engine.log.Error("writing to disk failed; the download is paused until restart",
		"infohash", t.File.InfoHash.String(), "error", err)
	t.t.DisallowDataDownload()
}

func (t *Torrent) verify(ctx context.Context, opt AddOptions) error {
	var mu sync.Mutex
	var done bt.Bytes
	group, hashing := errgroup.WithContext(ctx) // ends with the group
	group.SetLimit(verifyWorkers)
	for i := range t.t.NumPieces() {
		group.Go(func() error {
			p := t.t.Piece(i)
			if opt.VerifyAll || !p.State().Complete {
				if err := p.VerifyDataContext(hashing); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if done += bt.Bytes(p.Info().Length()); opt.Progress != nil {
				opt.Progress(done, t.File.Size)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return t.settle(ctx)
}

// settle waits until the verdicts of all hashed pieces are recorded: the library wakes the waiter
// when a hash is known, before it marks the piece.
func (t *Torrent) settle(ctx context.Context) error {
	for t.busy() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settlePoll):
		}
	}
	return nil
}

func (t *Torrent) busy() bool {
	for _, run := range t.t.PieceStateRuns() {
		if run.Checking || run.Marking {
			return true
		}
	}
	return false
}

// Scrub hashes a complete torrent again and returns how many bytes lie in damaged pieces; these are
// fetched anew from peers once it ends. A torrent still downloading is left alone.
func (t *Torrent) Scrub(ctx context.Context) (damaged bt.Bytes, err error) {
	if t.left() > 0 {
		return 0, nil
	}
	t.t.DisallowDataDownload() // a repair in between would hide the damage
	defer func() {
		if !t.seedOnly.Load() {
			t.t.AllowDataDownload()
		}
	}()
	if err := t.verify(ctx, AddOptions{VerifyAll: true}); err != nil {
		return 0, fmt.Errorf("verifying %s again: %w", t.File.InfoHash, err)
	}
	return t.left(), nil
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
		Uploaded:   bt.Bytes(s.BytesWrittenData.Int64()),
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
			for i := piece; i < piece+run.Length; i++ {
				left += bt.Bytes(t.t.Piece(i).Info().Length())
			}
		}
		piece += run.Length
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
		t.t.Drop()
	})
}
