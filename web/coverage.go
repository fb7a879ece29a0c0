package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// coverageAge is how old the map may be that is shown, or coverageShare times as old as it took to
	// make: that looks at every claim there is (3 s of CPU for a million), and anybody may ask.
	coverageAge   = 15 * time.Second
	coverageShare = 30
	coveragePage  = 50 // torrents
)

// coverageMemo keeps the map for a while. Whoever asks while it is made waits for it.
type coverageMemo struct {
	mu   sync.Mutex
	at   time.Time
	keep time.Duration
	last *store.Coverage // never changed
}

// coverage is who hosts how much of what, not long ago.
func (s *site) coverage(ctx context.Context) (*store.Coverage, error) {
	m := &s.covered
	m.mu.Lock()
	defer m.mu.Unlock()
	now := s.Now()
	if m.last != nil && now.Sub(m.at).Abs() < m.keep { // also if the clock went back
		return m.last, nil
	}
	began := time.Now() // what it costs is real time
	// To its end, though whoever asked may be gone: who goes away again and again would have it begun again
	// and again.
	c, err := s.Store.Coverage(context.WithoutCancel(ctx), s.Rules().Availability)
	if err != nil {
		return nil, err
	}
	m.at, m.last, m.keep = now, &c, max(coverageAge, coverageShare*time.Since(began))
	return m.last, nil
}

// coverageOf reads a page of the map, and where the next one begins. Guests see sums only: names of
// torrents are for members.
func (s *site) coverageOf(r *http.Request) (c *store.Coverage, page []store.TorrentCoverage, next store.Cursor, err error) {
	after, err := parseCursor(r.URL.Query().Get("cursor"))
	if err != nil {
		return nil, nil, next, err
	}
	if c, err = s.coverage(r.Context()); err != nil {
		return nil, nil, next, err
	}
	if v := visitorOf(r); v.member == nil && v.node == nil {
		return c, nil, next, nil
	}
	page = c.Torrents
	if after.Set {
		i, _ := slices.BinarySearchFunc(page, after, func(t store.TorrentCoverage, a store.Cursor) int {
			if t.ReplicationPPM() == a.Key && int64(t.ID) == a.ID {
				return -1 // the next one
			}
			return cmp.Or(cmp.Compare(t.ReplicationPPM(), a.Key), cmp.Compare(int64(t.ID), a.ID))
		})
		page = page[i:]
	}
	if len(page) > coveragePage {
		page = page[:coveragePage]
		last := page[coveragePage-1]
		next = store.Cursor{Key: last.ReplicationPPM(), ID: int64(last.ID), Set: true}
	}
	return c, page, next, nil
}

func (s *site) pageAvailability(_ http.ResponseWriter, r *http.Request) (*view, error) {
	c, page, next, err := s.coverageOf(r)
	if err != nil {
		return nil, err
	}
	more := ""
	if next.Set {
		more = "/availability?cursor=" + formatCursor(next)
	}
	return &view{name: "availability", title: "Availability", data: map[string]any{"C": c, "Page": page, "More": more, "P": s.Rules().Availability}}, nil
}

// hostedView is how many hosts have how much.
type hostedView struct {
	Hosts int      `json:"hosts"`
	Bytes bt.Bytes `json:"bytes"`
}

// tiersView is what is hosted, by how far it is believed.
type tiersView struct {
	Proven    hostedView `json:"proven_now"`
	CanFetch  hostedView `json:"can_fetch"`
	Claimed   hostedView `json:"claimed_only"`
	ProvenPPM int64      `json:"proven_share_ppm"`
}

func newTiersView(t store.Tiers) tiersView {
	return tiersView{hostedView(t.Proven), hostedView(t.CanFetch), hostedView(t.Claimed), t.ProvenPPM()}
}

// coverageView is a torrent's part of the map.
type coverageView struct {
	InfoHash       string   `json:"infohash"`
	Name           string   `json:"name"`
	Size           bt.Bytes `json:"size_bytes"`
	ReplicationPPM int64    `json:"replication_ppm"`
	tiersView
}

// availabilityView is the map.
type availabilityView struct {
	At       time.Time      `json:"at" doc:"when it was made"`
	Hosted   tiersView      `json:"hosted"`
	Torrents []coverageView `json:"torrents" doc:"for members and nodes, least replicated first"`
	Next     string         `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// apiAvailability is the public map: counts, never names.
func (s *site) apiAvailability(w http.ResponseWriter, r *http.Request) error {
	c, page, next, err := s.coverageOf(r)
	if err != nil {
		return err
	}
	list := []coverageView{}
	for _, t := range page {
		list = append(list, coverageView{t.InfoHash.String(), t.Name, t.Size, t.ReplicationPPM(), newTiersView(t.Tiers)})
	}
	return answer(w, http.StatusOK, availabilityView{utc(c.AtMs), newTiersView(c.Hosts), list, formatCursor(next)})
}

// torrentHosts bounds the list of a torrent's hosts.
const torrentHosts = 200

// torrentHosting is who keeps a torrent: counts, and for operators names.
type torrentHosting struct {
	Coverage store.TorrentCoverage
	Hosts    []store.HostRow
}

func (s *site) torrentHosting(r *http.Request, t store.Torrent) (h torrentHosting, err error) {
	p := s.Rules().Availability
	if h.Coverage, err = s.Store.TorrentCoverage(r.Context(), p, t.ID); err != nil {
		return h, err
	}
	if visitorOf(r).member.Operator {
		h.Hosts, err = s.Store.TorrentHosts(r.Context(), p, t.ID, torrentHosts)
	}
	return h, err
}
