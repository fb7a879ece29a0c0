package web

import (
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	figuresShown = 24 // epochs on the economy page
	figuresDrawn = 60 // epochs in its charts
)

func (s *site) pageEconomy(_ http.ResponseWriter, r *http.Request) (*view, error) {
	o, err := s.Store.Overview(r.Context())
	if err != nil {
		return nil, err
	}
	epochs, err := s.Store.EpochFigures(r.Context(), figuresDrawn)
	if err != nil {
		return nil, err
	}
	charts := s.newEconomyCharts(epochs)
	epochs = epochs[:min(figuresShown, len(epochs))]
	c, err := s.Store.SaleCapacity(r.Context())
	if err != nil {
		return nil, err
	}
	lockers, err := s.Store.Lockers(r.Context(), figuresShown)
	if err != nil {
		return nil, err
	}
	gate, err := s.Store.GateState(r.Context())
	if err != nil {
		return nil, err
	}
	return &view{name: "economy", title: "Economy", data: map[string]any{"O": o, "Epochs": epochs, "Sale": c, "Lockers": lockers, "Gate": gate, "Charts": charts,
		"E": s.Rules().Economy, "S": s.Rules().Settle, "Rule": s.priceRule()}}, nil
}

func (s *site) pageParameters(_ http.ResponseWriter, r *http.Request) (*view, error) {
	before, err := parseBefore(r)
	if err != nil {
		return nil, err
	}
	p, err := s.Store.Parameters(r.Context())
	if err != nil {
		return nil, err
	}
	history, next, err := s.Store.ParameterHistory(r.Context(), before, historyPage)
	if err != nil {
		return nil, err
	}
	more := ""
	if next > 0 {
		more = "/economy/parameters?cursor=" + formatBefore(next) + "#history"
	}
	return &view{name: "parameters", title: "Parameters", data: map[string]any{"Epoch": p.Epoch, "InForce": s.parameterViews(p.InForce),
		"Pending": s.parameterViews(p.Pending), "Planned": p.Planned, "History": s.parameterViews(history), "More": more}}, nil
}

// torrentSplit is what an epoch paid for a torrent, with the torrent's name.
type torrentSplit struct {
	store.TorrentReport
	Name     string
	InfoHash bt.InfoHash
}

func (s *site) pageEpoch(_ http.ResponseWriter, r *http.Request) (*view, error) {
	n, err := strconv.ParseInt(chi.URLParam(r, "epoch"), 10, 64)
	if err != nil || n < 1 {
		return nil, errNoEpoch
	}
	after, err := parseBefore(r)
	if err != nil {
		return nil, err
	}
	report, err := s.Store.EpochReport(r.Context(), n)
	if err != nil {
		return nil, err
	}
	d := map[string]any{"R": report, "Previous": n - 1, "Next": n + 1}
	if d["Commitment"], err = s.commitment(r, n); err != nil {
		return nil, err
	}
	if report.SettledMs > 0 {
		torrents, more, err := s.splits(r, n, after)
		if err != nil {
			return nil, err
		}
		d["Torrents"] = torrents
		if more > 0 {
			d["More"] = "/economy/epochs/" + strconv.FormatInt(n, 10) + "?cursor=" + formatBefore(more)
		}
	}
	d["Me"] = bt.MemberID(0) // a guest is nobody
	if m := visitorOf(r).member; m != nil {
		d["Me"] = m.ID
	}
	return &view{name: "epoch", title: "Epoch " + strconv.FormatInt(n, 10), data: d}, nil
}

// splits reads a page of an epoch's torrents, and where the next page begins; 0: nowhere.
func (s *site) splits(r *http.Request, epoch, after int64) (page []torrentSplit, more int64, err error) {
	list, err := s.Store.EpochTorrents(r.Context(), epoch, bt.TorrentID(after), epochPage+1)
	if err != nil {
		return nil, 0, err
	}
	if len(list) > epochPage {
		list = list[:epochPage]
		more = int64(list[epochPage-1].Torrent)
	}
	for _, t := range list {
		row := torrentSplit{TorrentReport: t}
		known, err := s.Store.RosterTorrents(r.Context(), t.Torrent)
		if err != nil {
			return nil, 0, err
		}
		if len(known) > 0 && !known[0].Withdrawn {
			row.Name, row.InfoHash = known[0].Name, known[0].InfoHash
		}
		page = append(page, row)
	}
	return page, more, nil
}
