package seeder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// repairMostPPM is the share of a torrent that is fetched again unasked when it is damaged: a broken
// sector costs little, a lost disk would cost its full price.
const repairMostPPM = 100_000

// wornFor is the time for which repairMostPPM holds: on a disk that fails bit by bit every repair would
// be a small one.
const wornFor = 30 * 24 * time.Hour

// hosted is one torrent that the quota is reserved for.
type hosted struct {
	file      *engine.File
	cancel    context.CancelFunc
	ready     chan struct{} // closed when verified or given up
	ended     chan struct{} // closed when nothing of it runs any more
	session   atomic.Pointer[session]
	refused   atomic.Bool            // the tracker refused; the .torrent may be out of date
	failure   atomic.Pointer[string] // what it said
	checked   atomic.Int64           // bytes verified so far, while that lasts
	diskErr   atomic.Pointer[error]  // reading or writing failed, and the download is paused
	fault     diskFault
	broken    chan struct{} // a scrub found damage
	damagedAt atomic.Int64  // when, in ms
	suspect   atomic.Bool   // an audit found fault with it
	holding   atomic.Bool   // the schedule allows no downloads now
	noRepair  atomic.Bool   // damage is not fetched again
	lost      atomic.Bool   // its data is away, and it is on its way out
	shares    atomic.Bool   // another torrent has a file of it, which is not to be written to
	readyAt   atomic.Int64  // when it began to be served, in ms
	leaving
	rec recorded
}

// hosting says how a torrent comes to be hosted.
type hosting struct {
	known   bool  // the .torrent comes from the state folder: what the engine verified before still counts
	leaving bool  // it is not wanted any more
	held    bool  // it was hosted already: if the quota became too small for it the plan gives something up
	again   *away // its data was away

	why      choose.Why
	expected tokens.Amount // per day
}

// host reserves the quota and starts to verify and seed.
func (d *Daemon) host(ctx context.Context, f *engine.File, raw []byte, how hosting) (*hosted, error) {
	if f.Announce == "" {
		return nil, errors.New("its .torrent has no announce URL")
	}
	d.placing.Lock() // looks at disks, which may hang: mu is not held meanwhile
	defer d.placing.Unlock()
	if h, err := d.hostedAlready(f, how); h != nil || err != nil {
		return h, err
	}
	rec, err := d.recordOf(f, how)
	if err != nil {
		d.missing(f, raw, rec, err, 0)
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.away, f.InfoHash)
	h := &hosted{file: f, ready: make(chan struct{}), ended: make(chan struct{}), broken: make(chan struct{}, 1)}
	h.rec.set(d.cfg.StateDir, f.InfoHash, rec)
	h.noRepair.Store(d.settings().NoRepair)
	if how.leaving {
		h.withdraw(d.now())
	}
	ctx, h.cancel = context.WithCancel(ctx)
	d.hosted[f.InfoHash] = h
	d.wg.Go(func() { d.runHosted(ctx, h, raw, how) })
	return h, nil
}

// hostedAlready returns a torrent that is hosted, or why it cannot be: there is no room, or it was
// looked for and is not wanted any more. placing is held.
func (d *Daemon) hostedAlready(f *engine.File, how hosting) (*hosted, error) {
	d.mu.Lock()
	h, free, wanted := d.hosted[f.InfoHash], d.free(f.InfoHash), how.again == nil || d.away[f.InfoHash] == how.again
	d.mu.Unlock()
	switch {
	case h != nil:
		return h, nil
	case !wanted:
		return nil, errors.New("it is not wanted any more")
	case f.Size > free && !how.held:
		return nil, &ErrQuota{Need: f.Size, Free: free, Quota: bt.Bytes(d.settings().QuotaBytes)}
	}
	return nil, nil
}

// recordOf is what is remembered of a torrent, completed and saved before anything is written to
// disk. placing is held.
func (d *Daemon) recordOf(f *engine.File, how hosting) (Record, error) {
	rec, err := LoadRecord(d.cfg.StateDir, f.InfoHash)
	if err != nil {
		d.log.Warn("what was remembered of a torrent cannot be read; starting anew", "infohash", f.InfoHash.String(), "error", err)
		rec = Record{}
	}
	if rec.GivenUp { // and its data was deleted
		rec = Record{}
	}
	was := rec
	if rec.Since.IsZero() {
		rec.Since = d.now().UTC().Truncate(time.Second)
	}
	if how.why != "" {
		rec.Why, rec.Expected = how.why, how.expected
	}
	if err := d.place(f, &rec); err != nil {
		return rec, err
	}
	if reflect.DeepEqual(was, rec) { // as at most starts
		return rec, nil
	}
	return rec, SaveRecord(d.cfg.StateDir, f.InfoHash, rec)
}

func (d *Daemon) runHosted(ctx context.Context, h *hosted, raw []byte, how hosting) {
	defer close(h.ended)
	defer h.cancel()
	log := d.log.With("torrent", h.file.Name, "infohash", h.file.InfoHash.String())
	t, err := d.addVerified(ctx, h, raw, how)
	if err != nil {
		close(h.ready)
		if ctx.Err() == nil {
			log.Error("not hosting", "reason", err)
			d.missing(h.file, raw, h.rec.get(), err, stampOf(h.file, h.rec.get()))
		}
		d.release(h)
		return
	}
	s := newSession(d.eng, t, d.transport, func(e AnnounceEvent) { d.announced(h, e) })
	h.session.Store(s)
	h.readyAt.Store(d.now().UnixMilli())
	h.follow()
	close(h.ready) // from now on it is reported, and answers challenges
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
// between, the next run looks at all of it again. Where something else has its place it gets a folder
// of its own.
func (d *Daemon) addVerified(ctx context.Context, h *hosted, raw []byte, how hosting) (*engine.Torrent, error) {
	if !how.known {
		select { // a disk reads few torrents at a time well
		case d.verify <- struct{}{}:
			defer func() { <-d.verify }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	t, err := d.add(ctx, h, raw, how)
	if err == nil && h.rec.get().Found && !t.Stats().Complete {
		t, err = d.yield(ctx, h, t, raw, how)
	}
	if err != nil {
		return nil, err
	}
	if h.rec.get().expected() {
		if err := mostlyThere(t.Stats()); err != nil {
			t.Drop()
			return nil, err
		}
	}
	h.shares.Store(!t.Stats().Complete && d.sharesFiles(h.file, h.rec.get()))
	if !how.known {
		if err := saveTorrent(d.cfg.StateDir, h.file.InfoHash, raw); err != nil {
			t.Drop()
			return nil, err
		}
	}
	return t, nil
}

// add has the engine look at the data. Nothing is fetched yet into what may be somebody else's.
func (d *Daemon) add(ctx context.Context, h *hosted, raw []byte, how hosting) (*engine.Torrent, error) {
	rec := h.rec.get()
	if rec.Dir != "" {
		if err := os.MkdirAll(rec.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("making its folder: %w", err)
		}
	}
	return d.eng.Add(ctx, raw, engine.AddOptions{Dir: rec.Dir, Files: rec.Files, VerifyAll: !how.known, SeedOnly: true,
		Progress:    func(done, total bt.Bytes) { h.checked.Store(int64(done)); d.progress(h, Verifying, done, total) },
		OnDiskError: func(err error) { d.diskFailed(h, err) }})
}

// yield looks whether a torrent may be downloaded to where something of its name was found, and begins
// anew in a folder of its own if not.
func (d *Daemon) yield(ctx context.Context, h *hosted, t *engine.Torrent, raw []byte, how hosting) (*engine.Torrent, error) {
	have := t.Have()
	path, err := foreign(h.file, h.rec.get(), have)
	if path == "" && err == nil && have.Count(h.file.Pieces) > 0 {
		err = h.rec.update(func(r *Record) { r.Found = false })
	} else if err == nil {
		t.Drop()
		d.log.Warn("something else has this torrent's name and is left alone; the torrent gets a folder of its own",
			"torrent", h.file.Name, "there", cmp.Or(path, h.rec.get().Dir))
		if err = d.placeApart(h); err == nil {
			return d.add(ctx, h, raw, how)
		}
		return nil, err
	}
	if err != nil {
		t.Drop()
		return nil, err
	}
	return t, nil
}

// mostlyThere refuses data that was expected to be there and for the most part is not.
func mostlyThere(st engine.Stats) error {
	if lost := partPPM(st.Left, st.Size); lost > repairMostPPM {
		return &errAway{fmt.Sprintf("only %s of its %s are right on disk", Size(st.Size-st.Left), Size(st.Size))}
	}
	return nil
}

// partPPM is a ÷ of; 0 of nothing.
func partPPM(a, of bt.Bytes) int64 {
	if of <= 0 {
		return 0
	}
	return int64(float64(a) / float64(of) * 1e6)
}

func (d *Daemon) release(h *hosted) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hosted[h.file.InfoHash] == h {
		delete(d.hosted, h.file.InfoHash)
	}
}

// folder holds the torrent's file or folder.
func (h *hosted) folder() string { return h.rec.get().Dir }
