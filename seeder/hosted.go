package seeder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// hosted is one torrent that the quota is reserved for.
type hosted struct {
	file    *engine.File
	dir     string
	cancel  context.CancelFunc
	ready   chan struct{} // closed when verified or given up
	ended   chan struct{} // closed when nothing of it runs any more
	session atomic.Pointer[session]
	refused atomic.Bool // the tracker refused; the .torrent may be out of date
	leaving
}

// hosting says how a torrent comes to be hosted.
type hosting struct {
	known   bool // the .torrent comes from the state folder: what the engine verified before still counts
	leaving bool // it is not wanted any more
}

// host reserves the quota and starts to verify and seed.
func (d *Daemon) host(ctx context.Context, f *engine.File, raw []byte, how hosting) (*hosted, error) {
	if f.Announce == "" {
		return nil, fmt.Errorf("its .torrent has no announce URL")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if h, ok := d.hosted[f.InfoHash]; ok {
		return h, nil
	}
	if free := d.free(); f.Size > free {
		return nil, &ErrQuota{Need: f.Size, Free: free, Quota: bt.Bytes(d.cfg.QuotaBytes)}
	}
	h := &hosted{file: f, dir: d.dirFor(f), ready: make(chan struct{}), ended: make(chan struct{})}
	if how.leaving {
		h.withdraw(time.Now())
	}
	ctx, h.cancel = context.WithCancel(ctx)
	d.hosted[f.InfoHash] = h
	d.wg.Go(func() { d.runHosted(ctx, h, raw, how) })
	return h, nil
}

// dirFor gives a torrent a folder of its own if its name is taken by another one; it is found again
// by that folder. mu is held.
func (d *Daemon) dirFor(f *engine.File) string {
	own := filepath.Join(d.cfg.DataDir, f.InfoHash.String())
	if st, err := os.Stat(own); err == nil && st.IsDir() {
		return own
	}
	for _, h := range d.hosted {
		if strings.EqualFold(h.file.Name, f.Name) && h.dir == d.cfg.DataDir {
			return own
		}
	}
	return d.cfg.DataDir
}

func (d *Daemon) runHosted(ctx context.Context, h *hosted, raw []byte, how hosting) {
	defer close(h.ended)
	defer h.cancel()
	log := d.log.With("torrent", h.file.Name, "infohash", h.file.InfoHash.String())
	t, err := d.addVerified(ctx, h, raw, how)
	close(h.ready)
	if err != nil {
		if ctx.Err() == nil {
			log.Error("not hosting", "reason", err)
		}
		d.release(h)
		return
	}
	s := newSession(d.eng, t, d.transport, func(e AnnounceEvent) { d.announced(h, e) })
	h.session.Store(s)
	h.follow()
	stats := t.Stats()
	log.Info("hosting", "size", Size(stats.Size), "missing", Size(stats.Left))
	d.reportSoon()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		d.watch(ctx, h, t)
	}()
	s.run(ctx)
	<-watched
	d.release(h)
}

// addVerified hands the torrent to the engine and records it once its data was looked at: killed in
// between, the next run looks at all of it again.
func (d *Daemon) addVerified(ctx context.Context, h *hosted, raw []byte, how hosting) (*engine.Torrent, error) {
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return nil, fmt.Errorf("making its folder: %w", err)
	}
	t, err := d.eng.Add(ctx, raw, engine.AddOptions{Dir: h.dir, VerifyAll: !how.known, SeedOnly: how.leaving,
		Progress: func(done, total bt.Bytes) { d.progress(h, Verifying, done, total) }})
	if err != nil || how.known {
		return t, err
	}
	if err := saveTorrent(d.cfg.StateDir, h.file.InfoHash, raw); err != nil {
		t.Drop()
		return nil, err
	}
	return t, nil
}

func (d *Daemon) release(h *hosted) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hosted[h.file.InfoHash] == h {
		delete(d.hosted, h.file.InfoHash)
	}
}

// watch tells progress until the download is complete, and hashes everything again from time to
// time: the engine itself never looks twice at what it verified.
func (d *Daemon) watch(ctx context.Context, h *hosted, t *engine.Torrent) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	scrub := time.NewTicker(d.cfg.ScrubEvery)
	defer scrub.Stop()
	whole := t.Stats().Complete
	for {
		completed := t.Completed()
		if whole {
			completed = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-completed:
			whole = true
			d.progress(h, Downloading, t.File.Size, t.File.Size)
			d.log.Info("complete and verified, now seeding", "torrent", h.file.Name, "infohash", h.file.InfoHash.String())
			d.reportSoon()
		case <-tick.C:
			if !whole {
				d.progress(h, Downloading, t.File.Size-t.Stats().Left, t.File.Size)
			}
		case <-scrub.C:
			whole = d.scrub(ctx, h, t)
		}
	}
}

// scrub reports whether everything is still whole. What is not is fetched again, from peers that the
// tracker is asked for at once.
func (d *Daemon) scrub(ctx context.Context, h *hosted, t *engine.Torrent) bool {
	damaged, err := t.Scrub(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		d.log.Error("checking the data again", "torrent", h.file.Name, "error", err)
	case damaged > 0:
		d.log.Warn("data on disk was damaged and is fetched again", "torrent", h.file.Name,
			"infohash", h.file.InfoHash.String(), "damaged", Size(damaged))
		h.session.Load().announcer.AnnounceNow()
		d.reportSoon()
	}
	return t.Stats().Complete
}

// announced logs what the operator can act on.
func (d *Daemon) announced(h *hosted, e AnnounceEvent) {
	log := d.log.With("torrent", h.file.Name)
	switch {
	case e.Err != nil:
		log.Warn("tracker not reached; seeding goes on", "error", e.Err, "again_in", e.Next.Round(time.Millisecond))
	case e.Reply.Failure != "":
		h.refused.Store(true)
		log.Warn("the tracker refused", "reason", e.Reply.Failure, "again_in", e.Next)
	default:
		h.refused.Store(false)
		log.Debug("announced", "event", e.Event, "uploaded", e.Sent.Uploaded, "downloaded", e.Sent.Downloaded,
			"left", e.Sent.Left, "again_in", e.Next)
	}
	if e.Err == nil && e.Reply.Warning != "" {
		log.Info("the tracker says", "message", e.Reply.Warning)
	}
}

func (d *Daemon) progress(h *hosted, phase Phase, done, total bt.Bytes) {
	if d.cfg.Progress != nil {
		d.cfg.Progress(Progress{InfoHash: h.file.InfoHash, Name: h.file.Name, Phase: phase, Done: done, Total: total})
	}
}
