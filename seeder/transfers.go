package seeder

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

const (
	// transferEvery is the time that one report is about: a kill loses no more than that.
	transferEvery = 5 * time.Minute
	// transferLook is how often the torrents are looked at, so that what one exchanged is known also
	// after it was dropped.
	transferLook = 10 * time.Second
	// maxBatch keeps a report within what the state folder's reader takes.
	maxBatch = 2000
	// lastReport bounds the report at the end, which the next run would send as well.
	lastReport = 3 * time.Second
)

// exchanged is what each torrent exchanged with each peer.
type exchanged map[*engine.Torrent]map[engine.PeerKey]engine.PeerBytes

// since returns what came to each figure since told, in the order of torrent and peer, and the figures
// that are told then. A figure may be smaller than before for a moment, while a connection closes.
func (e exchanged) since(told exchanged) (rows []Transfer, next exchanged) {
	next = make(exchanged, len(e))
	for t, peers := range e {
		next[t] = make(map[engine.PeerKey]engine.PeerBytes, len(peers))
		for k, b := range peers {
			was := told[t][k]
			more := engine.PeerBytes{Sent: max(b.Sent-was.Sent, 0), Received: max(b.Received-was.Received, 0)}
			next[t][k] = engine.PeerBytes{Sent: was.Sent + more.Sent, Received: was.Received + more.Received}
			if k.Addr.IsValid() && more != (engine.PeerBytes{}) { // without: those too many to be told apart
				rows = append(rows, Transfer{InfoHash: t.File.InfoHash.String(), PeerID: hexID(k.ID), Addr: k.Addr.String(),
					Sent: more.Sent, Received: more.Received})
			}
		}
	}
	for t, peers := range next { // those closing at this moment
		for k, was := range told[t] {
			if _, ok := peers[k]; !ok {
				peers[k] = was
			}
		}
	}
	slices.SortFunc(rows, func(a, b Transfer) int {
		return cmp.Or(strings.Compare(a.InfoHash, b.InfoHash), strings.Compare(a.PeerID, b.PeerID), strings.Compare(a.Addr, b.Addr))
	})
	return rows, next
}

// transfers reports what was exchanged.
type transfers struct {
	d        *Daemon
	spool    spool
	live     map[*engine.Torrent]struct{} // those not dropped, and those dropped since the last report
	told     exchanged
	from     time.Time // of the next report
	sendAt   time.Time // not before
	failures int       // in a row
	lacking  bool      // the server takes no reports
	full     bool      // reports were dropped since one was accepted
}

// transferLoop reports what was exchanged with each peer every some minutes, until ctx ends and once
// more then. Reports wait in the state folder while the server is down.
func (d *Daemon) transferLoop(ctx context.Context) {
	w := newTransfers(d)
	tick := time.NewTicker(transferLook)
	defer tick.Stop()
	for {
		w.look()
		if now := d.now(); now.Sub(w.from).Abs() >= transferEvery {
			w.collect(now)
		}
		w.send(ctx, time.Now())
		select {
		case <-ctx.Done():
			w.finish(ctx)
			return
		case <-tick.C:
		}
	}
}

func newTransfers(d *Daemon) *transfers {
	return &transfers{d: d, spool: openSpool(d.cfg.StateDir), live: map[*engine.Torrent]struct{}{}, told: exchanged{}, from: d.now()}
}

// finish reports the rest; what does not get through now does in the next run.
func (w *transfers) finish(ctx context.Context) {
	w.look()
	w.collect(w.d.now())
	if w.failures > 0 || w.lacking {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReport)
	defer cancel()
	w.sendAt = time.Time{}
	w.send(ctx, time.Now())
}

func (w *transfers) look() {
	for _, t := range w.d.eng.Torrents() {
		w.live[t] = struct{}{}
	}
}

// collect puts what was exchanged since the last time into the spool. What cannot be kept there is
// collected again the next time.
func (w *transfers) collect(now time.Time) {
	current := w.d.eng.Torrents() // before the figures: those of what is not among them are final
	all := make(exchanged, len(w.live))
	for t := range w.live {
		all[t] = t.PeerBytes()
	}
	rows, next := all.since(w.told)
	off := w.d.client.ClockOff() // the server's time is meant
	from, until := w.from.Round(0).Add(-off).UTC(), now.Round(0).Add(-off).UTC()
	if until.Before(from) { // the clock was put back
		from = until
	}
	if err := w.put(TransferReport{From: from, Until: until, Transfers: rows}); err != nil {
		w.d.log.Error("transfers are reported later", "error", err)
		return
	}
	w.told, w.from = next, now
	w.keep(current)
	w.trim()
}

// put has a report wait in parts, or nothing of it.
func (w *transfers) put(r TransferReport) (err error) {
	var parts []TransferReport
	for rows := range slices.Chunk(r.Transfers, maxBatch) {
		parts = append(parts, TransferReport{Batch: rand.Text(), From: r.From, Until: r.Until, Transfers: rows})
	}
	for n, part := range parts {
		if err = w.spool.put(part, n); err == nil {
			continue
		}
		for i := range n {
			err = errors.Join(err, w.spool.remove(spoolName(parts[i], i)))
		}
		return err
	}
	return nil
}

// keep lets go of all other torrents.
func (w *transfers) keep(current []*engine.Torrent) {
	live, told := make(map[*engine.Torrent]struct{}, len(current)), make(exchanged, len(current))
	for _, t := range current {
		live[t], told[t] = struct{}{}, w.told[t]
	}
	w.live, w.told = live, told
}

func (w *transfers) trim() {
	dropped, err := w.spool.trim()
	if err != nil {
		w.d.log.Error("too many transfer reports wait", "error", err)
	}
	if dropped > 0 && !w.full {
		w.full = true
		w.d.log.Warn("the oldest transfer reports are dropped, as the server did not take them in a long time", "dropped", dropped)
	}
}

// send hands over what waits, the oldest first, until the server asks for a pause or fails.
func (w *transfers) send(ctx context.Context, now time.Time) {
	if now.Before(w.sendAt) {
		return
	}
	names, err := w.spool.names()
	if err != nil {
		w.d.log.Error("transfer reports wait", "error", err)
		return
	}
	for _, name := range names {
		if ctx.Err() != nil || time.Now().Before(w.sendAt) || !w.sendOne(ctx, name) {
			return
		}
	}
}

// sendOne reports false where the others are to wait.
func (w *transfers) sendOne(ctx context.Context, name string) bool {
	r, err := w.spool.get(name)
	if err != nil {
		w.d.log.Warn("a transfer report cannot be read and is dropped", "error", err)
		return w.spool.remove(name) == nil
	}
	again, err := w.d.client.ReportTransfers(ctx, r)
	if err != nil && !isRefused(err) {
		w.failed(ctx, err)
		return false
	}
	if err != nil {
		w.d.log.Warn("the server refused a transfer report, which is dropped", "error", err)
	} else if w.failures > 0 || w.lacking {
		w.d.log.Info("the server takes transfer reports again")
	}
	w.failures, w.lacking, w.full = 0, false, false
	w.sendAt = time.Now().Add(again)
	return w.spool.remove(name) == nil
}

func (w *transfers) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if isUnknown(err) {
		w.sendAt = time.Now().Add(askOldServer)
		if !w.lacking {
			w.d.log.Info("this server takes no transfer reports")
		}
		w.lacking = true
		return
	}
	w.failures++
	w.sendAt = time.Now().Add(backoff(w.failures, err))
	if w.failures == 1 {
		w.d.log.Warn("a transfer report did not get through; it waits in the state folder", "error", err)
	}
}

// isRefused reports whether the server will never take what it was sent.
func isRefused(err error) bool {
	var ae *APIError
	if !errors.As(err, &ae) {
		return false
	}
	switch ae.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	default:
		return false
	}
}
