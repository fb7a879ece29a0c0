package seeder

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxDiskPause bounds the pause after which a download is tried again whose disk fails again and again.
const maxDiskPause = time.Hour

// errNearlyFull is why a download waits.
var errNearlyFull = errors.New("the disk is nearly full")

// diskFault remembers how often in a row writing failed: what is fetched and cannot be written is paid
// for all the same.
type diskFault struct {
	mu       sync.Mutex
	failures int
	at       time.Time
	had      bt.Bytes // on disk
}

// note counts a failure; what came to the disk since the last one ends the row.
func (f *diskFault) note(now time.Time, had bt.Bytes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if had > f.had {
		f.failures = 0
	}
	f.failures, f.at, f.had = f.failures+1, now, had
}

// over reports whether it is time to try again: pauses double from the first on.
func (f *diskFault) over(now time.Time, first time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failures == 0 || now.Sub(f.at) >= min(first<<min(f.failures-1, 16), maxDiskPause)
}

// diskLoop looks at disks and files from time to time, until ctx ends; where one failed, at once.
func (d *Daemon) diskLoop(ctx context.Context) {
	tick := time.NewTicker(d.cfg.DiskEvery)
	defer tick.Stop()
	for {
		d.checkHosted()
		d.makeRoom()
		for waits := true; waits; {
			select {
			case <-ctx.Done():
				return
			case <-d.disks.failed:
				d.checkHosted()
			case <-tick.C:
				waits = false
			}
		}
	}
}

// diskFailed is told by the engine that the disk failed and the download is paused. Where data is gone
// that was there, checkHosted finds it before the download could go on.
func (d *Daemon) diskFailed(h *hosted, err error) {
	h.diskErr.Store(&err)
	h.fault.note(d.now(), h.onDisk())
	d.log.Error("the data cannot be read or written; the download is paused", "torrent", h.file.Name, "folder", h.folder(), "error", err)
	d.disks.lookNow()
}

// makeRoom keeps every disk from running full: where less is free than is to be kept, downloads
// pause, and the least valuable torrent that the daemon chose and fetched itself is given up. Once
// there is room again downloads go on.
func (d *Daemon) makeRoom() {
	s := d.settings()
	for folder, here := range d.byDisk() {
		free, err := DiskFree(folder)
		if err != nil || d.disks.gone(folder) {
			continue // its torrents are away, and checkHosted says so
		}
		if free >= bt.Bytes(s.KeepFree) {
			for _, h := range here {
				d.goOn(h)
			}
			continue
		}
		for _, h := range here {
			if t := h.torrent(); t != nil && h.diskErr.Load() == nil && !t.Stats().Complete {
				h.diskErr.Store(&errNearlyFull)
				h.follow()
				d.log.Warn("the disk is nearly full; the download waits", "torrent", h.file.Name, "free", Size(free))
			}
		}
		d.giveUp(here, bt.Bytes(s.KeepFree)-free)
	}
}

// byDisk lists what is hosted on each disk, by one of its folders: two folders of one disk run full
// together, and are to be made room in once.
func (d *Daemon) byDisk() map[string][]*hosted {
	folders, out := map[string]string{}, map[string][]*hosted{}
	for _, h := range d.snapshot() {
		folder := d.folderOf(h.folder())
		first, ok := folders[folder]
		if !ok {
			first = folder
			for other := range out {
				if sameDisk(folder, other) {
					first = other
				}
			}
			folders[folder] = first
		}
		out[first] = append(out[first], h)
	}
	return out
}

// goOn resumes a download that waited for room, or whose disk failed a while ago.
func (d *Daemon) goOn(h *hosted) {
	t := h.torrent()
	if h.diskErr.Load() == nil || t == nil || h.isLeaving() || !h.fault.over(d.now(), d.cfg.DiskEvery) || d.lost(h) != nil {
		return
	}
	if gone := mostlyThere(t.Stats()); gone != nil && h.rec.get().expected() { // fetching it all is not for us to decide
		d.lose(h, gone.(*errAway))
		return
	}
	h.diskErr.Store(nil)
	h.follow()
	t.Resume()
	h.announceSoon()
	d.log.Info("there is room again; the download goes on", "torrent", h.file.Name)
}

// giveUp withdraws the least valuable torrents until so much is freed; what is on its way out counts.
func (d *Daemon) giveUp(here []*hosted, need bt.Bytes) {
	pinned := d.pinned()
	here = slices.DeleteFunc(here, func(h *hosted) bool { _, named := pinned[h.file.InfoHash]; return named || !h.expendable() })
	slices.SortFunc(here, func(a, b *hosted) int { return cmp.Compare(d.worth(a), d.worth(b)) })
	for _, h := range here {
		if h.isLeaving() {
			need -= h.onDisk()
		}
	}
	for _, h := range here {
		if need <= 0 {
			return
		}
		if !h.isLeaving() {
			need -= h.onDisk()
			d.planner.drop(h.file.InfoHash)
			d.log.Warn("the disk is nearly full; giving up the least valuable torrent", "torrent", h.file.Name, "size", Size(h.file.Size))
		}
	}
}

// expendable reports whether the daemon chose the torrent and fetched its data: nothing else is ever
// deleted.
func (h *hosted) expendable() bool {
	r := h.rec.get()
	return r.Own && chosen(r.Why)
}

// chosen reports whether a torrent is hosted because the chooser said so.
func chosen(w choose.Why) bool { return w != "" && w != choose.Pinned }

// worth is what a torrent is expected to earn in a day, per byte.
func (d *Daemon) worth(h *hosted) float64 {
	return float64(d.planner.perDay(h.file.InfoHash, h.rec.get().Expected)) / float64(max(h.file.Size, 1))
}

func (h *hosted) onDisk() bt.Bytes {
	if t := h.torrent(); t != nil {
		st := t.Stats()
		return st.Size - st.Left
	}
	return 0
}
