package seeder

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/seeder/schedule"
)

// limitsEvery is how often settings and schedule are looked at.
const limitsEvery = 2 * time.Second

// limits are what the engine is held to at a time.
type limits struct {
	upload, download int64 // bytes/s; 0: unlimited
	conns            int
	paused           bool // nothing is exchanged
	hold             bool // nothing is downloaded
}

// limitsAt is what the settings ask for at now, in the operator's time zone.
func limitsAt(s Settings, now time.Time) limits {
	l := limits{upload: s.UploadRate, download: s.DownloadRate, conns: s.MaxConns}
	if l.conns <= 0 {
		l.conns = DefaultMaxConns
	}
	if w, ok := schedule.At(s.Schedule, now); ok {
		l.upload, l.download, l.hold = w.Upload, w.Download, w.Pause
	}
	l.paused = s.paused(now)
	return l
}

// limitsLoop keeps the engine at the rates and limits that the settings ask for, until ctx ends.
func (d *Daemon) limitsLoop(ctx context.Context) {
	tick := time.NewTicker(limitsEvery)
	defer tick.Stop()
	var last *limits
	for ctx.Err() == nil {
		l := limitsAt(d.settings(), d.now().Local())
		d.applyLimits(l, last)
		last = &l
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// applyLimits hands the engine what differs from last; nil: everything. Pauses are applied anew each
// time, as torrents come and go.
func (d *Daemon) applyLimits(l limits, last *limits) {
	if last == nil || l.upload != last.upload || l.download != last.download {
		d.eng.SetRates(l.upload, l.download)
	}
	if last == nil || l.conns != last.conns {
		d.eng.SetMaxConns(l.conns)
	}
	was := limits{}
	if last != nil {
		was = *last
	}
	if l.paused || was.paused {
		for _, t := range d.eng.Torrents() {
			t.Pause(l.paused)
		}
	}
	if was.paused && !l.paused {
		for _, h := range d.snapshot() {
			h.announceSoon()
		}
	}
	repair := !d.settings().NoRepair
	for _, h := range d.snapshot() {
		if held, unrepaired := h.holding.Swap(l.hold), h.noRepair.Swap(!repair); held != l.hold || unrepaired == repair {
			h.follow()
			h.announceSoon() // connections end with a change, and peers are learned of at the next announce
		}
	}
	if l.paused != was.paused {
		d.log.Info(map[bool]string{true: "paused: nothing is downloaded or served", false: "resumed"}[l.paused])
	}
}
