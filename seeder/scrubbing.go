package seeder

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// scrubTick is how often a little of the data is hashed again; a shorter round has shorter ticks.
	scrubTick = time.Minute
	// suspectTick is how often it is looked whether an audit found fault.
	suspectTick = time.Second
	// maxScrubRate bounds what reading it costs, in bytes per second: a disk has peers to serve.
	maxScrubRate = 32 << 20
)

// scrubLoop hashes all data again within the time that the settings say, a little at a time and
// going on where the last run ended: the engine itself never looks twice at what it verified. What
// is damaged leaves the claim at once and is fetched again from the swarm. What an audit found fault
// with is hashed at once: the next look at it comes within the hour.
func (d *Daemon) scrubLoop(ctx context.Context) {
	every := max(min(scrubTick, d.scrubEvery()/10), 10*time.Millisecond)
	tick := time.NewTicker(min(every, suspectTick))
	defer tick.Stop()
	var due bt.Bytes
	for last := d.now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.scrubSuspects(ctx, bt.Bytes(maxScrubRate*min(every, suspectTick)/time.Second))
		if passed := d.now().Sub(last); passed.Abs() >= every {
			due, last = d.scrubDue(ctx, due+d.scrubShare(min(max(passed, 0), 2*every))), d.now()
		}
	}
}

// scrubSuspects goes on with what audits found fault with, a tick's worth of bytes.
func (d *Daemon) scrubSuspects(ctx context.Context, most bt.Bytes) {
	for _, h := range d.snapshot() {
		if h.suspect.Load() && h.torrent() != nil && most > 0 {
			most -= d.scrubSome(ctx, h, most)
			if h.rec.get().Scrub.Next == 0 {
				h.suspect.Store(false)
			}
		}
	}
}

// scrubDue hashes so many bytes, in whole pieces, and returns what is left to do in the next tick.
func (d *Daemon) scrubDue(ctx context.Context, due bt.Bytes) bt.Bytes {
	for ctx.Err() == nil {
		h := d.scrubNext()
		if h == nil {
			return 0
		}
		if due < bt.Bytes(h.file.PieceLength) {
			break
		}
		due -= d.scrubSome(ctx, h, due)
	}
	return due
}

// suspect has a torrent hashed from its beginning at once.
func (d *Daemon) suspect(ih bt.InfoHash) {
	d.mu.Lock()
	h := d.hosted[ih]
	d.mu.Unlock()
	if h == nil || h.noRepair.Load() || h.suspect.Swap(true) { // what is not repaired: a withdrawal ends no suspicion
		return
	}
	if err := h.rec.update(func(r *Record) { r.Scrub.Next = 0 }); err != nil {
		d.log.Error("remembering what is to be checked", "torrent", h.file.Name, "error", err)
	}
	d.log.Warn("an audit found fault; all of the torrent is checked", "torrent", h.file.Name, "infohash", ih.String())
}

// scrubEvery is the time of one round.
func (d *Daemon) scrubEvery() time.Duration {
	if d.cfg.ScrubEvery > 0 {
		return d.cfg.ScrubEvery
	}
	return max(time.Duration(d.settings().Scrub)*time.Second, time.Minute)
}

// scrubShare is how much has to be hashed in a tick.
func (d *Daemon) scrubShare(tick time.Duration) bt.Bytes {
	var all bt.Bytes
	for _, h := range d.snapshot() {
		all += h.onDisk()
	}
	return bt.Bytes(min(float64(all)/d.scrubEvery().Seconds(), maxScrubRate) * tick.Seconds())
}

// scrubSome hashes about so many bytes of a torrent and returns how many.
func (d *Daemon) scrubSome(ctx context.Context, h *hosted, due bt.Bytes) bt.Bytes {
	t, at := h.torrent(), h.rec.get().Scrub
	n := int(min(bt.Bytes(h.file.Pieces), max(1, due/bt.Bytes(h.file.PieceLength))))
	next, damaged, err := t.ScrubPieces(ctx, at.Next, n)
	if err != nil {
		if ctx.Err() == nil {
			d.log.Error("checking the data again", "torrent", h.file.Name, "error", err)
		}
		next = 0 // the others have their turn before it is tried again
	}
	if damaged > 0 {
		d.damaged(h, damaged)
	}
	at.Next = next
	if next == 0 {
		at.Done = d.now().UTC()
	}
	if err := h.rec.update(func(r *Record) { r.Scrub = at }); err != nil {
		d.log.Error("remembering what was checked", "torrent", h.file.Name, "error", err)
	}
	return bt.Bytes(n) * bt.Bytes(h.file.PieceLength)
}

// scrubNext is the torrent that was begun, else the one whose last round is longest ago; nil: none
// is due.
func (d *Daemon) scrubNext() (next *hosted) {
	var oldest Scrub
	for _, h := range d.snapshot() {
		if h.torrent() == nil {
			continue
		}
		s := h.rec.get().Scrub
		if s.Next > 0 {
			return h
		}
		if d.now().Sub(s.Done).Abs() >= d.scrubEvery() && // ahead: the clock was put back
			(next == nil || s.Done.Before(oldest.Done)) {
			next, oldest = h, s
		}
	}
	return next
}

// damaged has what is wrong on disk left out of the claim and fetched again, unless most of it is
// gone.
func (d *Daemon) damaged(h *hosted, n bt.Bytes) {
	d.log.Warn("data on disk was damaged and is fetched again", "torrent", h.file.Name,
		"infohash", h.file.InfoHash.String(), "damaged", Size(n))
	h.damagedAt.Store(d.now().UnixMilli())
	if err := h.rec.update(func(r *Record) { r.Worn = r.Worn.plus(n, d.now()) }); err != nil {
		d.log.Error("remembering what was damaged", "torrent", h.file.Name, "error", err)
	}
	if h.worn(h.rec.get()) {
		d.log.Error("its data goes bad again and again: it is not fetched any more; look at the disk", "torrent", h.file.Name)
		h.follow()
	}
	if gone := mostlyThere(h.torrent().Stats()); gone != nil && h.rec.get().Whole {
		d.lose(h, gone.(*errAway))
		return
	}
	select {
	case h.broken <- struct{}{}:
	default:
	}
	h.announceSoon()
	d.reportSoon()
}
