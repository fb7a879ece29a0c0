package seeder

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// reportPause is the least time between two reports, however much happens.
	reportPause = time.Second
	// maxReportEvery bounds what a server may ask for.
	maxReportEvery = time.Hour
	// maxBitmaps bounds the bytes of all bitmaps of a report; torrents beyond it are reported once
	// others are complete.
	maxBitmaps = 4 << 20
)

// reportLoop reports the hosted subset as often as the server says, and soon after a change. While
// the server is down it tries again with growing pauses; the next report is always of that moment.
func (d *Daemon) reportLoop(ctx context.Context) {
	every := d.cfg.ReportEvery
	if disc, err := d.client.Discover(ctx); err == nil && disc.ReportSecs > 0 {
		every = clampReport(disc.ReportSecs)
	}
	failures := 0
	for ctx.Err() == nil {
		wait := every
		report, left := d.report()
		answer, err := d.client.Report(ctx, report)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			d.known.heard(err, d.now())
			wait = backoff(failures, err)
			d.logReportFailure(err, failures, wait)
		default:
			if failures > 0 {
				d.log.Info("the server is back; the report was accepted")
			}
			failures = 0
			d.known.heard(nil, d.now())
			if answer.ReportAgain > 0 {
				every = clampReport(answer.ReportAgain)
				wait = every
			}
			d.noteRefusals(answer.Refused)
			letGo(left, answer.Rechecking)
		}
		d.awaitReport(ctx, wait, failures == 0)
	}
}

func clampReport(seconds int64) time.Duration {
	return min(max(time.Duration(min(seconds, 1<<30))*time.Second, reportPause), maxReportEvery)
}

// awaitReport waits for the next report; a change hastens it, but not while the server is down.
func (d *Daemon) awaitReport(ctx context.Context, wait time.Duration, hasten bool) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	kick := d.kick
	if !hasten {
		kick = nil
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-kick:
		select {
		case <-ctx.Done():
		case <-time.After(min(wait, reportPause)):
		}
	}
}

// report is the subset hosted now, and what is left out of it because it is withdrawn. A torrent still
// being verified for the first time is left out too, as is one of which nothing is there.
func (d *Daemon) report() (r Report, left []*hosted) {
	r = Report{Port: d.eng.Port(), Claims: []Claim{}, Challenges: true}
	all := d.snapshot()
	slices.SortFunc(all, func(a, b *hosted) int { return bytes.Compare(a.file.InfoHash[:], b.file.InfoHash[:]) })
	bitmaps := 0
	for _, h := range all {
		t := h.torrent()
		switch {
		case t == nil, h.lost.Load():
		case h.isLeaving():
			left = append(left, h)
		default:
			c := claim(t)
			if c.Bytes > 0 && bitmaps+len(c.Pieces) <= maxBitmaps {
				r.Claims, bitmaps = append(r.Claims, c), bitmaps+len(c.Pieces)
			}
		}
	}
	return r, left
}

// claim says what is there of a torrent, piece by piece if it is not all of it.
func claim(t *engine.Torrent) Claim {
	st := t.Stats()
	c := Claim{InfoHash: t.File.InfoHash.String(), PeerID: hexID(st.PeerID), Bytes: st.Size - st.Left, Complete: st.Complete}
	if !st.Complete {
		c.Pieces = t.Have()
	}
	return c
}

func (d *Daemon) logReportFailure(err error, failures int, wait time.Duration) {
	var ae *APIError
	if errors.As(err, &ae) && ae.ClockOff != 0 {
		d.log.Error("the server does not accept this machine's clock; seeding goes on", "error", err, "again_in", wait)
		return
	}
	if errors.As(err, &ae) && (ae.Status == http.StatusUnauthorized || ae.Status == http.StatusForbidden) {
		d.log.Error("the server does not accept this node; pair again if it was removed", "error", err, "again_in", wait)
		return
	}
	if failures == 1 {
		d.log.Warn("the report did not get through; seeding goes on", "error", err)
	}
}

// noteRefusals keeps why claims are refused and logs each reason once.
func (d *Daemon) noteRefusals(now []Refusal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	current := map[string]string{}
	for _, r := range now {
		if ih, err := bt.ParseInfoHash(r.InfoHash); err != nil || d.hosted[ih] == nil || current[r.InfoHash] != "" {
			continue // not what was claimed
		}
		r.Reason = r.Reason[:min(len(r.Reason), maxShownDetail)]
		current[r.InfoHash] = r.Reason
		if d.refused[r.InfoHash] != r.Reason {
			d.log.Warn("the server refused a claim", "infohash", r.InfoHash, "reason", r.Reason)
		}
	}
	d.refused = current
}
