package store

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestEpochReport(t *testing.T) {
	w, e := busyWorld(t)
	if _, err := w.EpochReport(t.Context(), 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("an epoch that did not begin: %v", err)
	}
	open, err := w.EpochReport(t.Context(), e.Number)
	w.must(err)
	if page, err := w.EpochTorrents(t.Context(), e.Number, 0, 10); open.Seed != "" || open.SettledMs != 0 || err != nil || len(page) != 0 {
		t.Errorf("before the settlement: %+v, %d torrents, %v", open, len(page), err)
	}
	done := w.settle(e)
	r, err := w.EpochReport(t.Context(), e.Number)
	w.must(err)
	if r.Pot != done.Pot || r.Pot != r.Upload+r.Probation+r.Lockers+r.Treasury+r.Suspended || r.Hot != done.Hot || r.Hosting != done.Hosting || len(r.Seed) != 64 {
		t.Errorf("%+v of %+v", r, done)
	}
	if r.HostingPool < r.Hosting || r.HotPool < r.Hot || r.Supply == 0 || r.Inflation == 0 || r.Rules.UploadersPPM == 0 || r.Base == 0 || r.Torrents != 3 {
		t.Errorf("%+v", r)
	}
	page, err := w.EpochTorrents(t.Context(), e.Number, seeded[0], 10)
	w.must(err)
	if len(page) != 2 || page[0].Torrent != seeded[1] || len(page[0].Splits) != 1 || len(page[0].Hot) == 0 {
		t.Errorf("a page: %+v", page)
	}
	older, err := w.EpochTorrents(t.Context(), 2, 0, 1)
	w.must(err)
	if len(older) != 1 || len(older[0].Splits) != 3 || older[0].Closed != 4 || len(older[0].Probation) == 0 || len(older[0].Hosting) == 0 {
		t.Errorf("an epoch whose claims are closed: %+v", older)
	}
}

// TestReportTellsNoNetworks: who shares one is told, and not which.
func TestReportTellsNoNetworks(t *testing.T) {
	w := newWorld(t)
	row := func(m bt.MemberID, network string) {
		u := w.gave(1, m, 1, 600)
		if m < 3 {
			u = w.took(1, m, 1, 500, 500)
		} else {
			w.claim(m, 0, 1)
			w.proves(1, m, 1)
		}
		u.Network = parsePrefix(network)
		w.meter(u)
	}
	row(1, "203.0.113.0/24")
	row(2, "10.0.0.0/24")
	row(3, "203.0.113.0/24")
	row(4, "198.51.100.0/24")
	w.settle(w.nextEpoch(time.Hour))
	page, err := w.EpochTorrents(t.Context(), 1, 0, 10)
	w.must(err)
	text, err := json.Marshal(page)
	w.must(err)
	if strings.Contains(string(text), "203.") || strings.Contains(string(text), "198.") || strings.Contains(string(text), "10.0") {
		t.Errorf("a network is told: %s", text)
	}
	s := page[0].Splits[0]
	if a, b := s.Claims[0].Cluster, s.Claims[1].Cluster; a == 0 || b == 0 || a == b || s.Downloads[0].Cluster != a || s.Downloads[1].Cluster != 0 {
		t.Errorf("clusters of claims %d and %d, of downloads %d and %d", a, b, s.Downloads[0].Cluster, s.Downloads[1].Cluster)
	}
}
