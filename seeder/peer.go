package seeder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// progressEvery is how often a download's progress is told.
const progressEvery = 200 * time.Millisecond

// PeerConfig describes a plain peer of one torrent, without a node.
type PeerConfig struct {
	TorrentFile  []byte // personalised; its announce URL is used
	DataDir      string // the torrent's file or folder lies or will lie here
	StateDir     string // empty: DataDir/.swarmseed
	ListenAddr   string // IP:port; empty: 0.0.0.0:0
	UploadRate   int64  // bytes/s; 0: unlimited
	DownloadRate int64  // bytes/s; 0: unlimited
	// StopWhenComplete ends Run once the data is verified and the tracker was told.
	StopWhenComplete bool
	// Progress and OnEvent are called from several goroutines, but never at the same time.
	Progress   func(done, total int64) // verified bytes, first of the check, then of the download
	OnEvent    func(string)            // a sentence for people; never contains a key
	OnAnnounce func(AnnounceEvent)     // the same for programs
	Logger     *slog.Logger
}

// Peer downloads and seeds one torrent on an engine of its own.
type Peer struct {
	cfg   PeerConfig
	file  *engine.File
	stats atomic.Pointer[engine.Stats]
	tor   atomic.Pointer[engine.Torrent]
	addr  atomic.Pointer[string]
	told  sync.Mutex // one callback at a time
}

// NewPeer checks the .torrent; Run does the work.
func NewPeer(cfg PeerConfig) (*Peer, error) {
	f, err := engine.ParseFile(cfg.TorrentFile)
	if err != nil {
		return nil, err
	}
	if f.Announce == "" {
		return nil, errors.New("the .torrent has no announce URL; download the personalised one from the tracker")
	}
	if cfg.DataDir == "" {
		return nil, errors.New("the peer needs a data folder")
	}
	if cfg.StateDir == "" {
		cfg.StateDir = filepath.Join(cfg.DataDir, ".swarmseed")
	}
	p := &Peer{cfg: cfg, file: f}
	p.stats.Store(&engine.Stats{Left: f.Size, Size: f.Size})
	return p, nil
}

// RunPeer runs a peer until ctx ends, or until it is complete if so configured, and returns the
// final figures, which are those of its last announce.
func RunPeer(ctx context.Context, cfg PeerConfig) (engine.Stats, error) {
	p, err := NewPeer(cfg)
	if err != nil {
		return engine.Stats{}, err
	}
	err = p.Run(ctx)
	return p.Stats(), err
}

// File is what the .torrent says.
func (p *Peer) File() *engine.File { return p.file }

// Stats are the live figures, and the final ones after Run.
func (p *Peer) Stats() engine.Stats {
	if t := p.tor.Load(); t != nil {
		return t.Stats()
	}
	return *p.stats.Load()
}

// PeerBytes is what was exchanged with each peer so far; nil before the data was verified.
func (p *Peer) PeerBytes() map[engine.PeerKey]engine.PeerBytes {
	if t := p.tor.Load(); t != nil {
		return t.PeerBytes()
	}
	return nil
}

// Addr is the address other peers connect to, once Run listens; empty before.
func (p *Peer) Addr() string {
	if a := p.addr.Load(); a != nil {
		return *a
	}
	return ""
}

// Run verifies what is there, downloads the rest, and seeds. It returns nil when ctx ends.
func (p *Peer) Run(ctx context.Context) (err error) {
	eng, err := engine.Open(engine.Config{DataDir: p.cfg.DataDir, StateDir: p.cfg.StateDir, ListenAddr: p.cfg.ListenAddr,
		UploadRate: p.cfg.UploadRate, DownloadRate: p.cfg.DownloadRate, Logger: p.cfg.Logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	addr := eng.Addr().String()
	p.addr.Store(&addr)
	t, err := eng.Add(ctx, p.cfg.TorrentFile, engine.AddOptions{Progress: func(done, total bt.Bytes) { p.progress(done, total) }})
	if err != nil {
		return p.interrupted(ctx, err)
	}
	p.tor.Store(t)
	p.event("verified: %d of %d bytes are there", t.File.Size-t.Stats().Left, t.File.Size)
	p.exchange(ctx, eng, t)
	final := t.Stats()
	p.stats.Store(&final)
	p.tor.Store(nil)
	return nil
}

// interrupted makes the end of ctx no error.
func (p *Peer) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (p *Peer) exchange(ctx context.Context, eng *engine.Engine, t *engine.Torrent) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	transport := NewAnnounceTransport(eng.Addr().Addr())
	defer transport.Close()
	s := newSession(eng, t, transport, func(e AnnounceEvent) {
		p.announced(e)
		told := e.Err == nil && e.Reply.Failure == ""
		if p.cfg.StopWhenComplete && told && e.Sent.Left == 0 {
			cancel()
		}
	})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(ctx, t)
	}()
	s.run(ctx)
	cancel()
	<-watched
}

// watch tells progress until the data is complete.
func (p *Peer) watch(ctx context.Context, t *engine.Torrent) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	wasWhole := t.Stats().Complete
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.Completed():
			p.progress(t.File.Size, t.File.Size)
			if !wasWhole {
				p.event("complete: all %d bytes are verified", t.File.Size)
			}
			return
		case <-tick.C:
			p.progress(t.File.Size-t.Stats().Left, t.File.Size)
		}
	}
}

func (p *Peer) progress(done, total bt.Bytes) {
	p.told.Lock()
	defer p.told.Unlock()
	if p.cfg.Progress != nil {
		p.cfg.Progress(int64(done), int64(total))
	}
}

func (p *Peer) announced(e AnnounceEvent) {
	if p.cfg.OnAnnounce != nil {
		p.cfg.OnAnnounce(e)
	}
	switch {
	case e.Err != nil:
		p.event("tracker not reached: %v; again in %s", e.Err, e.Next.Round(time.Second))
	case e.Reply.Failure != "":
		p.event("refused: %s", e.Reply.Failure)
	case e.Event != bt.None:
		p.event("%s: %d seeders, %d leechers, %d addresses", e.Event, e.Reply.Complete, e.Reply.Incomplete, len(e.Reply.Peers))
	}
	if e.Err == nil && e.Reply.Warning != "" {
		p.event("tracker says: %s", e.Reply.Warning)
	}
}

func (p *Peer) event(format string, args ...any) {
	p.told.Lock()
	defer p.told.Unlock()
	if p.cfg.OnEvent != nil {
		p.cfg.OnEvent(fmt.Sprintf(format, args...))
	}
}
