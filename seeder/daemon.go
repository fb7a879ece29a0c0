package seeder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Daemon hosts torrents for a paired node.
type Daemon struct {
	cfg       Config
	log       *slog.Logger
	node      NodeInfo
	client    *Client
	eng       *engine.Engine
	transport *AnnounceTransport
	kick      chan struct{} // a report is due

	mu      sync.Mutex
	hosted  map[bt.InfoHash]*hosted
	retries map[bt.InfoHash]*retry // pinned torrents that could not be hosted yet
	wg      sync.WaitGroup

	autoAt time.Time // when the public list is looked at next; reconcile's own
}

// Run hosts until ctx ends, then says goodbye to the tracker and returns nil. An error is something
// the operator has to mend: no pairing, a port or a folder in use.
func Run(ctx context.Context, cfg Config) error {
	d, err := NewDaemon(cfg)
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// NewDaemon reads the state folder; Run does the work.
func NewDaemon(cfg Config) (*Daemon, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	node, err := LoadNode(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	key, err := LoadOrCreateKey(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	api := cfg.HTTP
	if api == nil { // the server audits the node where its reports come from
		local, _ := netip.ParseAddrPort(cfg.ListenAddr)
		api = &http.Client{Timeout: apiTimeout, Transport: transportFrom(local.Addr())}
	}
	client, err := NewClient(ClientConfig{Server: node.Server, Audience: node.Audience, Key: key, Node: node.NodeID, HTTP: api})
	if err != nil {
		return nil, err
	}
	return &Daemon{cfg: cfg, log: cfg.Logger, node: node, client: client, kick: make(chan struct{}, 1),
		hosted: map[bt.InfoHash]*hosted{}, retries: map[bt.InfoHash]*retry{}}, nil
}

// Run is described at the function Run.
func (d *Daemon) Run(ctx context.Context) (err error) {
	d.eng, err = engine.Open(engine.Config{DataDir: d.cfg.DataDir, StateDir: filepath.Join(d.cfg.StateDir, engineFolder),
		ListenAddr: d.cfg.ListenAddr, UploadRate: d.cfg.UploadRate, DownloadRate: d.cfg.DownloadRate, Logger: d.log})
	if err != nil {
		return err
	}
	d.transport = NewAnnounceTransport(d.eng.Addr().Addr())
	defer func() {
		d.wg.Wait() // every session has sent its `stopped`
		d.transport.Close()
		d.client.http.CloseIdleConnections()
		err = errors.Join(err, d.eng.Close())
	}()
	d.log.Info("seeder started", "node", d.node.NodeID, "member", d.node.Member, "server", d.node.Server,
		"port", d.eng.Port(), "quota", Size(d.cfg.QuotaBytes))
	if !d.restore(ctx) {
		return nil
	}
	d.wg.Go(func() { d.reportLoop(ctx) })
	d.wg.Go(func() { d.challengeLoop(ctx) })
	d.reconcileLoop(ctx)
	return nil
}

// restore hosts again what the state folder holds, and waits until all of it is verified: a report
// before that would withdraw the claims it lacks. False: ctx ended.
func (d *Daemon) restore(ctx context.Context) bool {
	saved, bad := SavedTorrents(d.cfg.StateDir)
	for _, err := range bad {
		d.log.Warn("a saved .torrent cannot be read and will be fetched again", "error", err)
	}
	wanted := d.pinned()
	var ready []<-chan struct{}
	for _, s := range saved {
		_, ok := wanted[s.File.InfoHash]
		h, err := d.host(ctx, s.File, s.Raw, hosting{known: true, leaving: !ok && !d.cfg.Auto})
		if err != nil {
			d.log.Error("not hosting", "torrent", s.File.Name, "infohash", s.File.InfoHash.String(), "reason", err)
			continue
		}
		ready = append(ready, h.ready)
	}
	for _, r := range ready {
		select {
		case <-r:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// pinned is the configured list and the one in the state folder, which may change at any time.
func (d *Daemon) pinned() map[bt.InfoHash]struct{} {
	out := map[bt.InfoHash]struct{}{}
	s, err := LoadSettings(d.cfg.StateDir)
	if err != nil {
		d.log.Error("reading the pinned list; keeping what is hosted", "error", err)
		for _, h := range d.snapshot() {
			out[h.file.InfoHash] = struct{}{}
		}
	}
	for _, list := range [][]string{d.cfg.Pinned, s.Pinned} {
		for _, p := range list {
			if ih, err := bt.ParseInfoHash(p); err == nil {
				out[ih] = struct{}{}
			}
		}
	}
	return out
}

// forget removes a torrent from the state folder; its data stays with the operator.
func (d *Daemon) forget(ih bt.InfoHash) {
	if err := os.Remove(torrentPath(d.cfg.StateDir, ih)); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.Error("removing the .torrent", "infohash", ih.String(), "error", err)
	}
}

func (d *Daemon) snapshot() []*hosted {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*hosted, 0, len(d.hosted))
	for _, h := range d.hosted {
		out = append(out, h)
	}
	return out
}

// free is what the quota leaves. Callers that act on it hold mu.
func (d *Daemon) free() bt.Bytes {
	free := bt.Bytes(d.cfg.QuotaBytes)
	for _, h := range d.hosted {
		free -= h.file.Size
	}
	return free
}

func (d *Daemon) reportSoon() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// HostedTorrent is one line of what a daemon hosts.
type HostedTorrent struct {
	File  *engine.File
	Stats engine.Stats // zero while the data is being verified
}

// Hosted lists what the daemon hosts now, in no order.
func (d *Daemon) Hosted() []HostedTorrent {
	var out []HostedTorrent
	for _, h := range d.snapshot() {
		line := HostedTorrent{File: h.file}
		if s := h.session.Load(); s != nil {
			line.Stats = s.torrent.Stats()
		}
		out = append(out, line)
	}
	return out
}

// ErrQuota is why a torrent is not hosted that does not fit.
type ErrQuota struct{ Need, Free, Quota bt.Bytes }

func (e *ErrQuota) Error() string {
	return fmt.Sprintf("it needs %s, but %s of the quota of %s are left; raise --quota or remove a torrent",
		Size(e.Need), Size(max(e.Free, 0)), Size(e.Quota))
}
