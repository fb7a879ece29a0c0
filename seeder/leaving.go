package seeder

import (
	"strings"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

// maxLeaving is how long the server is waited for before a torrent is dropped all the same. It is
// longer than the further looks at a suspicion take.
const maxLeaving = 48 * time.Hour

// leaving is the end of a torrent that is not wanted any more. A suspicion about it may be open: then
// it must still be shown, or its absence would confirm it.
type leaving struct {
	mu       sync.Mutex
	since    time.Time // of the withdrawal; zero: it stays
	released bool      // the server has let it go
}

func (l *leaving) isLeaving() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.since.IsZero()
}

// withdraw has the torrent left out of the next report and its download ended; false: it is already.
func (h *hosted) withdraw(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.since.IsZero() {
		return false
	}
	h.since, h.released = now, false
	h.direct()
	return true
}

// stay takes a withdrawal back.
func (h *hosted) stay() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.since.IsZero() {
		h.since, h.released = time.Time{}, false
		h.direct()
	}
}

// follow lets the torrent download or not, as all that was decided about it says.
func (h *hosted) follow() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.direct()
}

// direct is follow with mu held. A torrent only serves while it is on its way out, in a window of the
// schedule without downloads, while its disk is full, and where damage is not to be repaired. Nothing is
// downloaded for an import, nor into a file of another torrent.
func (h *hosted) direct() {
	if t := h.torrent(); t != nil {
		t.SeedOnly(!h.since.IsZero() || h.holding.Load() || h.diskErr.Load() != nil || h.noRepair.Load() && h.rec.get().Whole ||
			h.rec.get().Import || h.shares.Load() || h.worn(h.rec.get()))
	}
}

// worn reports whether so much of a torrent went bad lately that it is not repaired any more.
func (h *hosted) worn(r Record) bool {
	return r.Whole && partPPM(r.Worn.Bytes, h.file.Size) > repairMostPPM
}

// torrent is nil while the data is being verified.
func (h *hosted) torrent() *engine.Torrent {
	if s := h.session.Load(); s != nil {
		return s.torrent
	}
	return nil
}

// free reports whether nothing keeps a withdrawn torrent: it was never reported, the server has let
// it go, or does not say so in a long time.
func (h *hosted) free(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.torrent() == nil || h.released || now.Sub(h.since) >= maxLeaving
}

// letGo takes in which of the torrents left out of a report the server still looks at.
func letGo(left []*hosted, rechecking []string) {
	kept := make(map[string]bool, len(rechecking))
	for _, ih := range rechecking {
		kept[strings.ToLower(ih)] = true
	}
	for _, h := range left {
		if kept[h.file.InfoHash.String()] {
			continue
		}
		h.mu.Lock()
		h.released = !h.since.IsZero()
		h.mu.Unlock()
	}
}
