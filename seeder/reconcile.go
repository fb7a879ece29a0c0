package seeder

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// maxListPages bounds how much of the public list the chooser reads.
	maxListPages = 20
	// refreshEvery is how often a refused torrent's .torrent is fetched again.
	refreshEvery = 5 * time.Minute
	// retryCap bounds the wait for a pinned torrent that cannot be hosted yet.
	retryCap = 5 * time.Minute
)

// retry remembers a torrent that could not be hosted, so that the log has one line per cause.
type retry struct {
	failures int
	at       time.Time
	reason   string
}

// reconcileLoop brings what is hosted in line with what is wanted, until ctx ends.
func (d *Daemon) reconcileLoop(ctx context.Context) {
	tick := time.NewTicker(d.cfg.ReconcileEvery)
	defer tick.Stop()
	refreshed := map[bt.InfoHash]time.Time{}
	for ctx.Err() == nil {
		now := time.Now()
		wanted := d.pinned()
		d.dropUnwanted(wanted, now)
		d.hostWanted(ctx, wanted, now)
		d.refreshRefused(ctx, refreshed, now)
		if d.cfg.Auto && !now.Before(d.autoAt) {
			d.autoAt = now.Add(d.chooseFromList(ctx))
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// dropUnwanted ends what was unpinned: it is withdrawn from the report, and served until the server
// has let it go. With Auto everything hosted stays: dropping costs reputation.
func (d *Daemon) dropUnwanted(wanted map[bt.InfoHash]struct{}, now time.Time) {
	for _, h := range d.snapshot() {
		if _, ok := wanted[h.file.InfoHash]; ok || d.cfg.Auto {
			h.stay()
			continue
		}
		if h.withdraw(now) {
			d.log.Info("withdrawing; its files are needed until the server lets it go", "torrent", h.file.Name,
				"infohash", h.file.InfoHash.String(), "folder", h.dir)
			d.reportSoon()
		}
		if !h.free(now) {
			continue
		}
		h.cancel()
		<-h.ended
		d.forget(h.file.InfoHash)
		d.log.Info("no longer hosting; its files stay", "torrent", h.file.Name,
			"infohash", h.file.InfoHash.String(), "folder", h.dir)
		d.reportSoon()
	}
}

func (d *Daemon) hostWanted(ctx context.Context, wanted map[bt.InfoHash]struct{}, now time.Time) {
	for ih := range d.retries {
		if _, ok := wanted[ih]; !ok {
			delete(d.retries, ih)
		}
	}
	for ih := range wanted {
		if d.isHosted(ih) || ctx.Err() != nil {
			continue
		}
		if r := d.retries[ih]; r != nil && now.Before(r.at) {
			continue
		}
		if err := d.fetchAndHost(ctx, ih); err != nil {
			d.retryLater(ih, err, now)
		} else {
			delete(d.retries, ih)
		}
	}
}

func (d *Daemon) isHosted(ih bt.InfoHash) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.hosted[ih]
	return ok
}

func (d *Daemon) retryLater(ih bt.InfoHash, err error, now time.Time) {
	r := d.retries[ih]
	if r == nil {
		r = &retry{}
		d.retries[ih] = r
	}
	r.failures++
	r.at = now.Add(min(firstBackoff<<min(r.failures-1, 16), retryCap))
	if reason := err.Error(); reason != r.reason {
		r.reason = reason
		d.log.Error("cannot host this torrent yet", "infohash", ih.String(), "reason", err)
	}
}

func (d *Daemon) fetchAndHost(ctx context.Context, ih bt.InfoHash) error {
	f, raw, err := d.fetch(ctx, ih)
	if err != nil {
		return err
	}
	_, err = d.host(ctx, f, raw, hosting{})
	return err
}

// fetch gets a .torrent and makes sure that it is the one asked for.
func (d *Daemon) fetch(ctx context.Context, ih bt.InfoHash) (*engine.File, []byte, error) {
	raw, err := d.client.TorrentFile(ctx, ih)
	if err != nil {
		return nil, nil, fmt.Errorf("fetching the .torrent: %w", err)
	}
	f, err := engine.ParseFile(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("the server's .torrent is not usable: %w", err)
	}
	if f.InfoHash != ih {
		return nil, nil, fmt.Errorf("the server sent the .torrent of %s instead", f.InfoHash)
	}
	return f, raw, nil
}

// refreshRefused fetches the .torrent of refused torrents again: the member's key may have changed.
func (d *Daemon) refreshRefused(ctx context.Context, refreshed map[bt.InfoHash]time.Time, now time.Time) {
	for _, h := range d.snapshot() {
		ih, s := h.file.InfoHash, h.session.Load()
		if s == nil || !h.refused.Load() || now.Sub(refreshed[ih]) < refreshEvery {
			continue
		}
		refreshed[ih] = now
		f, raw, err := d.fetch(ctx, ih)
		if err != nil || f.Announce == "" || f.Announce == h.file.Announce {
			continue
		}
		if err := saveTorrent(d.cfg.StateDir, ih, raw); err != nil {
			d.log.Error("keeping the new .torrent", "error", err)
		}
		d.log.Info("the announce key was replaced; using the new .torrent", "torrent", h.file.Name)
		s.announcer.SetURL(f.Announce)
	}
}

// chooseFromList hosts what Choose picks and says when to look again.
func (d *Daemon) chooseFromList(ctx context.Context) time.Duration {
	candidates, err := d.candidates(ctx)
	if err != nil {
		d.log.Warn("reading the public list", "error", err)
		return min(d.cfg.AutoEvery, maxBackoff)
	}
	d.mu.Lock()
	free := d.free()
	d.mu.Unlock()
	for _, c := range Choose(candidates, free) {
		if err := d.fetchAndHost(ctx, c.InfoHash); err != nil {
			d.log.Warn("cannot host a chosen torrent", "infohash", c.InfoHash.String(), "reason", err)
		}
	}
	return d.cfg.AutoEvery
}

// candidates reads the public list: approved torrents (only these earn hosting rewards, ECONOMY §6)
// that this node does not host.
func (d *Daemon) candidates(ctx context.Context) ([]Candidate, error) {
	var out []Candidate
	cursor := ""
	for range maxListPages {
		page, err := d.client.Torrents(ctx, "price", cursor)
		if err != nil {
			return nil, err
		}
		for _, t := range page.Torrents {
			c, err := t.candidate()
			if err == nil && t.Approved && !d.isHosted(c.InfoHash) {
				out = append(out, c)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return out, nil
}

func (t ListedTorrent) candidate() (Candidate, error) {
	ih, err := bt.ParseInfoHash(t.InfoHash)
	price, perr := strconv.ParseUint(t.Price.String(), 10, 64)
	return Candidate{InfoHash: ih, Size: t.Size, Price: price, Seeders: uint64(max(t.Seeders, 0))}, errors.Join(err, perr)
}
