package seeder

import (
	"slices"
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
	h.seedOnly(true)
	return true
}

// stay takes a withdrawal back.
func (h *hosted) stay() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.since.IsZero() {
		h.since, h.released = time.Time{}, false
		h.seedOnly(false)
	}
}

// follow applies to a torrent just verified what was decided meanwhile.
func (h *hosted) follow() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seedOnly(!h.since.IsZero())
}

func (h *hosted) seedOnly(on bool) {
	if t := h.torrent(); t != nil {
		t.SeedOnly(on)
	}
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
	for _, h := range left {
		if slices.Contains(rechecking, h.file.InfoHash.String()) {
			continue
		}
		h.mu.Lock()
		h.released = !h.since.IsZero()
		h.mu.Unlock()
	}
}
