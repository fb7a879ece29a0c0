package seeder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// verifyAtOnce bounds the torrents whose data is hashed at the same time.
const verifyAtOnce = 4

// Daemon hosts torrents for a paired node.
type Daemon struct {
	cfg       Config
	log       *slog.Logger
	node      NodeInfo
	client    *Client
	eng       *engine.Engine
	transport *AnnounceTransport
	kick      chan struct{} // a report is due
	began     time.Time
	now       func() time.Time

	inForce     atomic.Pointer[Settings]
	hadSettings bool        // there was a file of them; the loop's own
	verifying   atomic.Bool // until what the state folder holds is verified
	known       knowledge   // what the server said
	planner     planner
	disks       disks

	forecasting sync.Mutex // one change of the record at a time

	placing sync.Mutex    // one torrent finds its place at a time; taken before mu
	verify  chan struct{} // as many torrents are verified at a time as it holds

	mu      sync.Mutex
	hosted  map[bt.InfoHash]*hosted
	away    map[bt.InfoHash]*away  // their data is not where it was
	retries map[bt.InfoHash]*retry // wanted torrents that could not be hosted yet
	refused map[string]string      // claims that the server refused, and why
	wg      sync.WaitGroup
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
	stored, err := LoadSettings(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	s := cfg.settings(stored)
	api := cfg.HTTP
	if api == nil { // the server audits the node where its reports come from
		local, _ := netip.ParseAddrPort(s.ListenAddr)
		api = &http.Client{Timeout: apiTimeout, Transport: transportFrom(local.Addr())}
	}
	client, err := clientOf(cfg.StateDir, node, api, cfg.Now)
	if err != nil {
		return nil, err
	}
	d := &Daemon{cfg: cfg, log: cfg.Logger, node: node, client: client, kick: make(chan struct{}, 1), verify: make(chan struct{}, verifyAtOnce), now: cfg.Now, began: cfg.Now(),
		hosted: map[bt.InfoHash]*hosted{}, away: map[bt.InfoHash]*away{}, retries: map[bt.InfoHash]*retry{}, refused: map[string]string{}}
	d.inForce.Store(&s)
	_, err = os.Stat(filepath.Join(cfg.StateDir, settingsFile))
	d.hadSettings = err == nil
	return d, nil
}

func clientOf(stateDir string, node NodeInfo, api *http.Client, now func() time.Time) (*Client, error) {
	key, err := LoadOrCreateKey(stateDir)
	if err != nil {
		return nil, err
	}
	return NewClient(ClientConfig{Server: node.Server, Audience: node.Audience, Key: key, Node: node.NodeID, HTTP: api, Now: now})
}

// Run is described at the function Run.
func (d *Daemon) Run(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := d.settings()
	if d.eng, err = engine.Open(engine.Config{DataDir: s.DataDir, StateDir: filepath.Join(d.cfg.StateDir, engineFolder),
		ListenAddr: s.ListenAddr, UploadRate: s.UploadRate, DownloadRate: s.DownloadRate, Logger: d.log}); err != nil {
		return err
	}
	d.eng.SetMaxConns(s.MaxConns)
	d.eng.SetCourtesy(*s.Courtesy)
	d.transport = NewAnnounceTransport(d.eng.Addr().Addr())
	defer func() {
		d.wg.Wait() // every session has sent its `stopped`
		d.transport.Close()
		d.client.http.CloseIdleConnections()
		err = errors.Join(err, d.eng.Close())
	}()
	d.log.Info("seeder started", "node", d.node.NodeID, "member", d.node.Member, "server", d.node.Server,
		"port", d.eng.Port(), "quota", Size(s.QuotaBytes))
	return d.work(ctx, stop)
}

// work runs the loops, each of which does one thing, until ctx ends or the operator's stop is due.
func (d *Daemon) work(ctx context.Context, stop func()) error {
	if err := d.disks.open(d.cfg.StateDir, d.settings().folders()); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	var loops sync.WaitGroup
	defer loops.Wait()
	defer end()
	if err := d.serveDashboard(ctx, &loops); err != nil {
		return err
	}
	begin := func(all ...func(context.Context)) {
		for _, loop := range all {
			loops.Go(func() { loop(ctx) })
		}
	}
	begin(d.settingsLoop, d.accessLoop, d.limitsLoop, d.diskLoop, func(ctx context.Context) { d.stopLoop(ctx, stop) })
	d.verifying.Store(true)
	ready := d.restore(ctx)
	d.verifying.Store(false)
	engine.Trim()
	if !ready {
		return nil
	}
	begin(d.reportLoop, d.challengeLoop, d.transferLoop, d.addressLoop, d.recallLoop, d.scrubLoop, d.askLoop, d.alertLoop)
	d.reconcileLoop(ctx)
	d.announceStop()
	return nil
}

// settings are what holds now.
func (d *Daemon) settings() Settings { return *d.inForce.Load() }

// settingsLoop follows the settings, until ctx ends. Nothing that waits for a server holds it up: an
// operator who pauses the node means now.
func (d *Daemon) settingsLoop(ctx context.Context) {
	tick := time.NewTicker(d.cfg.ReconcileEvery)
	defer tick.Stop()
	problem := ""
	for {
		err := d.readSettings()
		if err != nil && err.Error() != problem {
			d.log.Error("reading the settings; keeping those in force", "error", err)
		}
		if problem = ""; err != nil {
			problem = err.Error()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// readSettings takes over what the operator changed. Where the file is gone the state folder may be,
// with its disk: that is no wish to host nothing.
func (d *Daemon) readSettings() error {
	stored, err := LoadSettings(d.cfg.StateDir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(d.cfg.StateDir, settingsFile)); err == nil {
		d.hadSettings = true
	} else if d.hadSettings {
		return err
	}
	s, old := d.cfg.settings(stored), d.settings()
	s.ListenAddr, s.DataDir, s.Folders, s.Dashboard = old.ListenAddr, old.DataDir, old.Folders, old.Dashboard // at the next start
	d.inForce.Store(&s)
	return nil
}

// restore hosts again what the state folder holds, and waits until all of it is verified: a report
// before that would withdraw the claims it lacks. False: ctx ended.
func (d *Daemon) restore(ctx context.Context) bool {
	saved, bad := SavedTorrents(d.cfg.StateDir)
	for _, err := range bad {
		d.log.Warn("a saved .torrent cannot be read and will be fetched again", "error", err)
	}
	wanted, s := d.pinned(), d.settings()
	named := func(t SavedTorrent) bool { _, ok := wanted[t.File.InfoHash]; return ok }
	slices.SortStableFunc(saved, func(a, b SavedTorrent) int { // the quota is first for what was pinned
		return cmp.Compare(map[bool]int{true: -1}[named(a)], map[bool]int{true: -1}[named(b)])
	})
	var ready []<-chan struct{}
	for _, t := range saved {
		ok := named(t)
		if !ok && d.deleteRest(t.File) {
			continue
		}
		h, err := d.host(ctx, t.File, t.Raw, hosting{known: true, held: !ok, leaving: !ok && !s.chooses()})
		if err != nil {
			d.log.Error("not hosting", "torrent", t.File.Name, "infohash", t.File.InfoHash.String(), "reason", err)
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

// deleteRest goes on with what a kill left of a torrent that was given up; false: it was not.
func (d *Daemon) deleteRest(f *engine.File) bool {
	rec, err := LoadRecord(d.cfg.StateDir, f.InfoHash)
	if err != nil || !rec.GivenUp {
		return false
	}
	if err := d.erase(f, rec); err != nil {
		d.log.Error("deleting the files of a torrent that was given up", "torrent", f.Name, "error", err)
	}
	d.forget(f.InfoHash)
	return true
}

// pinned are the torrents that the operator named.
func (d *Daemon) pinned() map[bt.InfoHash]struct{} { return d.settings().pins() }

func (s Settings) pins() map[bt.InfoHash]struct{} {
	out := map[bt.InfoHash]struct{}{}
	for _, p := range s.Pinned {
		if ih, err := bt.ParseInfoHash(p); err == nil {
			out[ih] = struct{}{}
		}
	}
	return out
}

// forget removes a torrent from the state folder; its data stays.
func (d *Daemon) forget(ih bt.InfoHash) {
	err := os.Remove(torrentPath(d.cfg.StateDir, ih))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, removeRecord(d.cfg.StateDir, ih)); err != nil {
		d.log.Error("forgetting a torrent", "infohash", ih.String(), "error", err)
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

// free is what the quota leaves to a torrent: what is away keeps its room. Callers hold mu, and placing to
// act on it.
func (d *Daemon) free(ih bt.InfoHash) bt.Bytes {
	free := bt.Bytes(d.settings().QuotaBytes)
	for _, h := range d.hosted {
		free -= h.file.Size
	}
	for other, a := range d.away {
		if _, hosted := d.hosted[other]; !hosted && other != ih {
			free -= a.file.Size
		}
	}
	return free
}

func (d *Daemon) reportSoon() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// ErrQuota is why a torrent is not hosted that does not fit.
type ErrQuota struct{ Need, Free, Quota bt.Bytes }

func (e *ErrQuota) Error() string {
	return fmt.Sprintf("it needs %s, but %s of the quota of %s are left; raise --quota or remove a torrent",
		Size(e.Need), Size(max(e.Free, 0)), Size(e.Quota))
}
