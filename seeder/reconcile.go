package seeder

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// refreshEvery is how often a refused torrent's .torrent is fetched again.
	refreshEvery = 5 * time.Minute
	// retryCap bounds the wait for a pinned torrent that cannot be hosted yet.
	retryCap = 5 * time.Minute
)

// errUnanswered says that it is not the torrent's fault.
var errUnanswered = errors.New("the server does not answer")

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
		now := d.now()
		s := d.settings() // of one moment
		wanted := s.pins()
		d.dropUnwanted(wanted, s.chooses(), now)
		d.forgetAway(wanted, s.chooses(), now)
		d.hostWanted(ctx, wanted, now)
		d.refreshRefused(ctx, refreshed, now)
		d.planIfDue(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// dropUnwanted ends what is neither pinned nor in the plan: it is withdrawn from the report, and
// served until the server has let it go. Only then is data deleted, and only what the daemon chose
// and fetched itself.
func (d *Daemon) dropUnwanted(wanted map[bt.InfoHash]struct{}, chooses bool, now time.Time) {
	var ends sync.WaitGroup // each may wait for a tracker that is down
	defer ends.Wait()
	for _, h := range d.snapshot() {
		_, named := wanted[h.file.InfoHash]
		if named || chooses && !d.planner.drops(h.file.InfoHash) {
			h.stay()
			continue
		}
		if h.withdraw(now) {
			d.log.Info("withdrawing; its files are needed until the server lets it go", "torrent", h.file.Name,
				"infohash", h.file.InfoHash.String(), "folder", h.folder())
			d.reportSoon()
		}
		if h.free(now) {
			ends.Go(func() { d.end(h) })
		}
	}
}

// end ends the hosting of a torrent that the server has let go.
func (d *Daemon) end(h *hosted) {
	delete := d.planner.drops(h.file.InfoHash) && h.expendable()
	if delete {
		d.log.Info("deleting what was given up", "torrent", h.file.Name, "folder", h.folder())
		if err := h.rec.update(func(r *Record) { r.GivenUp = true }); err != nil { // the next run goes on with it
			d.log.Error("remembering what was given up", "torrent", h.file.Name, "error", err)
		}
	}
	h.cancel()
	<-h.ended
	what := "its files stay"
	if delete {
		what = "its files are deleted"
		if err := d.erase(h.file, h.rec.get()); err != nil {
			d.log.Error("deleting the files of a torrent that was given up", "torrent", h.file.Name, "error", err)
		}
	}
	d.forgetAll(h.file.InfoHash)
	d.planner.dropped(h.file.InfoHash)
	d.log.Info("no longer hosting; "+what, "torrent", h.file.Name, "infohash", h.file.InfoHash.String(), "folder", h.folder())
	d.reportSoon()
}

// forgetAway gives back the room of torrents whose data is away and that nobody pinned: at once if
// they are not wanted, else after the time for which a disk may be out.
func (d *Daemon) forgetAway(wanted map[bt.InfoHash]struct{}, chooses bool, now time.Time) {
	for _, a := range d.awayNow() {
		if _, named := wanted[a.file.InfoHash]; named || chooses && now.Sub(a.since) < maxLeaving {
			continue
		}
		d.forgetAll(a.file.InfoHash)
		d.log.Info("no longer looking for the data of a torrent that is not wanted", "torrent", a.file.Name)
	}
}

// forgetAll forgets a torrent, also as one that is away: who looks for its data must not host it again.
func (d *Daemon) forgetAll(ih bt.InfoHash) {
	d.placing.Lock()
	defer d.placing.Unlock()
	d.mu.Lock()
	delete(d.away, ih)
	d.mu.Unlock()
	d.forget(ih)
}

func (d *Daemon) hostWanted(ctx context.Context, wanted map[bt.InfoHash]struct{}, now time.Time) {
	for ih := range d.retries {
		if _, ok := wanted[ih]; !ok {
			delete(d.retries, ih)
		}
	}
	for ih := range wanted {
		if d.isHosted(ih) || d.isAway(ih) || ctx.Err() != nil {
			continue
		}
		if r := d.retries[ih]; r != nil && now.Before(r.at) {
			continue
		}
		if err := d.fetchAndHost(ctx, ih, hosting{why: choose.Pinned}); err != nil {
			d.retryLater(ih, err, now)
			if errors.Is(err, errUnanswered) {
				return // the others would wait as long
			}
		} else {
			delete(d.retries, ih)
		}
	}
}

func (d *Daemon) isAway(ih bt.InfoHash) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.away[ih]
	return ok
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
	var room *ErrQuota
	if errors.As(err, &room) {
		d.planner.soon() // what was chosen makes room for what is pinned
	}
	if reason := err.Error(); reason != r.reason {
		r.reason = reason
		d.log.Error("cannot host this torrent yet", "infohash", ih.String(), "reason", err)
	}
}

func (d *Daemon) fetchAndHost(ctx context.Context, ih bt.InfoHash, how hosting) error {
	f, raw, err := d.fetch(ctx, ih)
	if err != nil {
		return err
	}
	_, err = d.host(ctx, f, raw, how)
	return err
}

// fetch gets a .torrent and makes sure that it is the one asked for.
func (d *Daemon) fetch(ctx context.Context, ih bt.InfoHash) (*engine.File, []byte, error) {
	raw, err := d.client.TorrentFile(ctx, ih)
	var refused *APIError
	if err != nil && !errors.As(err, &refused) {
		err = errors.Join(errUnanswered, err)
	}
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
