// Package engine downloads and seeds private torrents over the BitTorrent peer wire.
//
// It is the only importer of anacrolix/torrent's client and holds everything that has to be known
// about it (design/ENGINE.md): the client runs isolated (no DHT, PEX, LSD, uTP, WebTorrent, web
// seeds or port mapping), never talks to a tracker, accepts private torrents only, and stores plain
// files beside a Bolt database of verified pieces.
//
// The engine promises that no torrent is reported complete before its data was verified, that
// Downloaded counts each useful payload byte once, and that Close leaves the port free.
//
//	eng, err := engine.Open(engine.Config{DataDir: "data", StateDir: "state", ListenAddr: ":51413"})
//	tor, err := eng.Add(ctx, file, engine.AddOptions{}) // verifies what is on disk first
//	tor.AddPeers(peers)                                 // from your own announces
//	<-tor.Completed()
package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"

	"github.com/anacrolix/torrent"
	pp "github.com/anacrolix/torrent/peer_protocol"
	"github.com/anacrolix/torrent/storage"
	"golang.org/x/time/rate"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// PeerIDPrefix names the client and its version in every peer id (BEP 20).
	PeerIDPrefix = "-SS0001-"
	// ClientVersion is what the extended handshake says (BEP 10).
	ClientVersion = "swarmseed 0.0.1"

	// maxConnsPerTorrent is above the library's 50, at which audits of a busy node are reset.
	maxConnsPerTorrent = 200
	// limiterBurst is the largest request a limited seeder serves; clients ask for 16 KiB, some
	// for up to 128 KiB.
	limiterBurst = 128 << 10
)

// ErrNotPrivate refuses a torrent whose info dictionary lacks private=1 (BEP 27).
var ErrNotPrivate = errors.New("the torrent is not private (private=1 is missing)")

// Config opens an engine.
type Config struct {
	DataDir      string // where files are stored unless AddOptions.Dir says otherwise
	StateDir     string // holds the database of verified pieces; one engine at a time
	ListenAddr   string // IP:port; empty: 0.0.0.0:0. A specific IP is also the source of dials
	UploadRate   int64  // bytes/s over all torrents; 0: unlimited
	DownloadRate int64  // bytes/s over all torrents; 0: unlimited
	Logger       *slog.Logger
}

// Engine runs any number of torrents behind one port and one peer id.
type Engine struct {
	cfg        Config
	client     *torrent.Client
	completion storage.PieceCompletion
	listener   *net.TCPListener
	addr       netip.AddrPort
	log        *slog.Logger
	wires      *wires
	closings   *closings
	upload     *rate.Limiter
	meter      meter
	done       chan struct{} // closed by Close
	closing    sync.Once

	mu       sync.Mutex
	torrents map[bt.InfoHash]*Torrent
}

// Open listens and starts an engine without torrents. An error names what is in the way: the
// address in use, or another process that holds the state folder.
func Open(cfg Config) (*Engine, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	l, err := Listen(cfg.ListenAddr)
	if err != nil {
		return nil, fmt.Errorf("listening for peers on %s: %w", cfg.ListenAddr, err)
	}
	tcp := l.(*net.TCPListener)
	completion, err := openCompletion(cfg.StateDir, cfg.Logger)
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	e := &Engine{cfg: cfg, completion: completion, listener: tcp, log: cfg.Logger,
		addr: tcp.Addr().(*net.TCPAddr).AddrPort(), torrents: map[bt.InfoHash]*Torrent{},
		wires: newWires(cfg.DownloadRate), closings: newClosings(), upload: uploadLimiter(cfg.UploadRate), done: make(chan struct{})}
	if e.client, err = torrent.NewClient(e.clientConfig()); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the torrent client: %w", err), completion.Close(), tcp.Close())
	}
	e.client.AddDialer(e.dialer())
	e.client.AddListener(listener{tcp, e.wires})
	go e.runMeter()
	return e, nil
}

func (c *Config) complete() error {
	if c.ListenAddr == "" {
		c.ListenAddr = "0.0.0.0:0"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.UploadRate < 0 || c.DownloadRate < 0 {
		return errors.New("rate limits must not be negative (0 means unlimited)")
	}
	for _, dir := range []string{c.DataDir, c.StateDir} {
		if dir == "" {
			return errors.New("the engine needs a data folder and a state folder")
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the engine's folder: %w", err)
		}
	}
	return nil
}

// clientConfig isolates the client: private torrents know their peers from the tracker alone.
func (e *Engine) clientConfig() *torrent.ClientConfig {
	cfg := torrent.NewDefaultClientConfig()
	cfg.NoDHT, cfg.DisablePEX, cfg.DisableWebtorrent, cfg.DisableWebseeds = true, true, true, true
	cfg.NoDefaultPortForwarding, cfg.DisableUTP, cfg.DisableTrackers = true, true, true
	cfg.Extensions.SetBit(pp.ExtensionBitDht, false) // still advertised with NoDHT
	// The engine brings its own listener and dialer, so that a dial leaves from the address that
	// listens and Close frees the port before it returns.
	cfg.DisableTCP = true
	cfg.Seed = true
	cfg.DataDir = e.cfg.DataDir
	cfg.DefaultStorage = noStorage{} // each torrent brings its own
	cfg.EstablishedConnsPerTorrent = maxConnsPerTorrent
	cfg.UploadRateLimiter = e.upload
	// Downloads are limited by the engine's own connections: the library would refuse every peer who
	// dials in, audits too, while a limited download goes on.
	cfg.DownloadRateLimiter = nil
	cfg.Bep20, cfg.ExtendedHandshakeClientVersion, cfg.HTTPUserAgent = PeerIDPrefix, ClientVersion, ClientVersion
	cfg.Slogger = slog.New(quiet{e.log.Handler()})
	cfg.Callbacks.PeerConnAdded = []func(*torrent.PeerConn){e.wires.handshaken}
	cfg.Callbacks.PeerConnClosed = e.peerClosed
	return cfg
}

func uploadLimiter(bytesPerSecond int64) *rate.Limiter {
	return rate.NewLimiter(asLimit(bytesPerSecond), limiterBurst)
}

func asLimit(bytesPerSecond int64) rate.Limit {
	if bytesPerSecond <= 0 {
		return rate.Inf
	}
	return rate.Limit(bytesPerSecond)
}

func (e *Engine) dialer() *dialer {
	d := &dialer{Dialer: net.Dialer{KeepAlive: -1}, wires: e.wires} // the peer wire has keep-alives of its own
	if ip := e.addr.Addr(); !ip.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: ip.AsSlice(), Zone: ip.Zone()}
	}
	return d
}

// PeerID is the id used in every handshake of this engine; announce with it.
func (e *Engine) PeerID() bt.PeerID { return bt.PeerID(e.client.PeerID()) }

// Addr is the address peers connect to; the IP is unspecified unless Config named one.
func (e *Engine) Addr() netip.AddrPort { return e.addr }

// Torrent returns a torrent that was added and not dropped.
func (e *Engine) Torrent(ih bt.InfoHash) (*Torrent, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, ok := e.torrents[ih]
	return t, ok
}

// Torrents lists what was added and not dropped, in no order.
func (e *Engine) Torrents() []*Torrent {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]*Torrent, 0, len(e.torrents))
	for _, t := range e.torrents {
		out = append(out, t)
	}
	return out
}

// Close drops every torrent, frees the port and writes the verified pieces to disk.
func (e *Engine) Close() error {
	e.closing.Do(func() { close(e.done) })
	for _, t := range e.Torrents() {
		t.Drop()
	}
	errs := e.client.Close()
	errs = append(errs, e.listener.Close(), e.completion.Close())
	e.wires.closeAll()
	return errors.Join(errs...)
}

// Port is the TCP port peers connect to.
func (e *Engine) Port() uint16 { return e.addr.Port() }

func (e *Engine) String() string { return "engine on port " + strconv.Itoa(int(e.Port())) }
