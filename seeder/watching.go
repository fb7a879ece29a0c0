package seeder

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// watch tells progress until the download is complete.
func (d *Daemon) watch(ctx context.Context, h *hosted, t *engine.Torrent) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	whole := t.Stats().Complete
	if whole {
		d.completed(h)
	}
	for {
		completed, tick := t.Completed(), ticker.C
		if whole {
			completed, tick = nil, nil
		}
		select {
		case <-ctx.Done():
			return
		case <-completed:
			whole = true
			d.progress(h, Downloading, t.File.Size, t.File.Size)
			d.log.Info("complete and verified, now seeding", "torrent", h.file.Name, "infohash", h.file.InfoHash.String())
			d.completed(h)
			d.reportSoon()
		case <-h.broken:
			whole = t.Stats().Complete
		case <-tick:
			d.progress(h, Downloading, t.File.Size-t.Stats().Left, t.File.Size)
		}
	}
}

func (d *Daemon) completed(h *hosted) {
	h.diskErr.Store(nil)
	h.readyAt.Store(d.now().UnixMilli())
	if err := h.rec.update(func(r *Record) { r.Whole, r.Import, r.Found = true, false, false }); err != nil {
		d.log.Error("remembering that a torrent is complete", "torrent", h.file.Name, "error", err)
	}
}

// announced logs what the operator can act on.
func (d *Daemon) announced(h *hosted, e AnnounceEvent) {
	log := d.log.With("torrent", h.file.Name)
	switch {
	case e.Err != nil:
		log.Warn("tracker not reached; seeding goes on", "error", e.Err, "again_in", e.Next.Round(time.Millisecond))
	case e.Reply.Failure != "":
		h.refused.Store(true)
		h.failure.Store(&e.Reply.Failure)
		log.Warn("the tracker refused", "reason", e.Reply.Failure, "again_in", e.Next)
	default:
		h.refused.Store(false)
		h.failure.Store(nil)
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
