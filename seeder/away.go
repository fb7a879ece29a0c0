package seeder

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/seeder/locate"
)

const (
	// searchEvery is how often files that moved are looked for in the torrent folders.
	searchEvery = 15 * time.Minute
	// searchTime bounds one search.
	searchTime = 5 * time.Minute
)

// away is a torrent whose data was there and is not: a disk was removed, or files were moved, renamed
// or deleted. Its claim is withdrawn, its room stays reserved, and its data is looked for.
type away struct {
	file     *engine.File
	raw      []byte
	rec      Record
	since    time.Time
	searched time.Time
	reason   string
	stamp    uint64 // of files that are there and were found to be wrong; 0: none
}

// missing remembers a torrent whose data is away, if that is what err says; stamp is of files that are
// wrong. Its .torrent is read from the state folder where it lies there.
func (d *Daemon) missing(f *engine.File, raw []byte, rec Record, err error, stamp uint64) {
	var gone *errAway
	if !errors.As(err, &gone) {
		return
	}
	if exists(torrentPath(d.cfg.StateDir, f.InfoHash)) {
		raw = nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.away[f.InfoHash]
	if a == nil {
		a = &away{file: f, raw: raw, since: d.now()}
		d.away[f.InfoHash] = a
	}
	a.rec, a.reason, a.stamp = rec, gone.reason, stamp
}

// torrentOf is the .torrent of what is away.
func (d *Daemon) torrentOf(a *away) ([]byte, error) {
	if a.raw != nil {
		return a.raw, nil
	}
	return os.ReadFile(torrentPath(d.cfg.StateDir, a.file.InfoHash))
}

// stampOf tells whether files changed since they were looked at; never 0.
func stampOf(f *engine.File, r Record) uint64 {
	sum := fnv.New64a()
	for _, path := range paths(f, r) {
		if st, err := os.Stat(path); err == nil {
			fmt.Fprintf(sum, "%s\x00%d\x00%d\x00", path, st.Size(), st.ModTime().UnixNano())
		}
	}
	return sum.Sum64() | 1
}

// lose ends the hosting of a torrent whose data is away, and has its claim withdrawn at once. It does not
// wait for the farewell: a disk may hold thousands, and the next report must not have one of them.
func (d *Daemon) lose(h *hosted, err *errAway) {
	if h.lost.Swap(true) {
		return
	}
	d.missing(h.file, nil, h.rec.get(), err, 0)
	d.log.Error("data is gone; its claim is withdrawn", "torrent", h.file.Name, "infohash", h.file.InfoHash.String(), "reason", err)
	if t := h.torrent(); t != nil {
		t.Pause(true)
	}
	h.cancel()
	d.reportSoon()
}

// checkHosted withdraws at once what lost its files or its disk.
func (d *Daemon) checkHosted() {
	for _, h := range d.snapshot() {
		if h.torrent() == nil {
			continue
		}
		if gone := d.lost(h); gone != nil {
			d.lose(h, gone)
		}
	}
}

// lost says what of a torrent's data is away that was there; nil: nothing.
func (d *Daemon) lost(h *hosted) *errAway {
	rec := h.rec.get()
	if rec.Dir != "" && d.disks.gone(d.folderOf(rec.Dir)) {
		return &errAway{"its folder " + rec.Dir + " is gone; is the disk there?"}
	}
	if rec.Whole {
		if files := absent(h.file, rec); len(files) > 0 {
			return &errAway{files[0] + " is not there, or has another size"}
		}
	}
	return nil
}

// folderOf is the torrent folder that holds a path, or the path itself.
func (d *Daemon) folderOf(path string) string {
	if folder, ok := below(d.settings().folders(), path); ok {
		return folder
	}
	return path
}

// recallLoop looks for what is away, until ctx ends. A search takes minutes, in which disks are to be
// looked at.
func (d *Daemon) recallLoop(ctx context.Context) {
	tick := time.NewTicker(d.cfg.DiskEvery)
	defer tick.Stop()
	for {
		d.recall(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// recall hosts again what came back, was found elsewhere, or is to be fetched anew. All of it is
// verified before it is claimed.
func (d *Daemon) recall(ctx context.Context) {
	var index *locate.Index
	for _, a := range d.awayNow() {
		if ctx.Err() != nil {
			return
		}
		found := d.isBack(a)
		if now := d.now(); !found && now.Sub(a.searched) >= searchEvery {
			if index == nil {
				index = locate.NewIndex(d.settings().folders(), locate.Limits{})
			}
			found = d.search(ctx, index, a)
			d.mu.Lock()
			a.searched = now
			d.mu.Unlock()
		}
		if found {
			d.rehost(ctx, a)
		}
	}
}

func (d *Daemon) awayNow() (out []*away) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ih, a := range d.away {
		if _, hosted := d.hosted[ih]; !hosted {
			out = append(out, a)
		}
	}
	return out
}

// isBack reports whether the data is where it was, or the operator asked to fetch it anew.
func (d *Daemon) isBack(a *away) bool {
	rec, err := LoadRecord(d.cfg.StateDir, a.file.InfoHash)
	if err == nil && !rec.expected() {
		return !rec.Since.IsZero() && !d.disks.gone(d.folderOf(rec.Dir)) // without: it was forgotten meanwhile
	}
	return !d.disks.gone(d.folderOf(a.rec.Dir)) && len(absent(a.file, a.rec)) == 0 && d.now().Sub(a.since) >= d.cfg.DiskEvery &&
		(a.stamp == 0 || stampOf(a.file, a.rec) != a.stamp) // hashing the same wrong bytes again shows nothing
}

// search looks for moved and renamed files, and remembers where they are.
func (d *Daemon) search(ctx context.Context, index *locate.Index, a *away) bool {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	raw, err := d.torrentOf(a)
	if err != nil {
		return false
	}
	p, ok := index.Find(ctx, a.file, raw)
	if !ok || partPPM(a.file.Size-p.Present, a.file.Size) > repairMostPPM {
		return false
	}
	rec := a.rec
	rec.Dir, rec.Files, rec.Own = p.Dir, p.Files, false // moved by hand: it is the operator's now,
	rec.Import, rec.Whole = true, false                 // and maybe another version, to be left alone
	if a.stamp != 0 && stampOf(a.file, rec) == a.stamp {
		return false
	}
	if err := SaveRecord(d.cfg.StateDir, a.file.InfoHash, rec); err != nil {
		d.log.Error("remembering where moved files are", "torrent", a.file.Name, "error", err)
		return false
	}
	d.log.Info("found the files of a torrent elsewhere", "torrent", a.file.Name, "folder", p.Dir)
	return true
}

func (d *Daemon) rehost(ctx context.Context, a *away) {
	raw, err := d.torrentOf(a)
	if err == nil {
		_, err = d.host(ctx, a.file, raw, hosting{again: a})
	}
	if err != nil {
		d.log.Debug("still away", "torrent", a.file.Name, "reason", err)
	}
}
