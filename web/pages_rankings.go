package web

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// rankingPages are what is most wanted, most under-seeded, and who did most.
func (s *site) rankingPages(r chi.Router) {
	r.Get("/top", s.members(s.pageWanted))
	r.Get("/top/scarce", s.members(s.pageScarce))
	r.Get("/top/earning", s.members(s.pageEarning))
	r.Get("/top/uploaders", s.members(s.pageTopMembers(uploaderLists())))
	r.Get("/top/hosts", s.members(s.pageTopMembers(hostLists())))
	r.Get("/top/settings", s.members(s.pageListed))
	r.Post("/top/settings", s.members(s.doListed))
}

// topList is a ranked list of torrents.
type topList struct {
	Title  string
	Figure string // what it is ranked by
	Rows   []topRow
}

// topRow is a torrent in it, with what it is ranked by in words.
type topRow struct {
	InfoHash, Name    string
	Category          catalog.Category
	Size              bt.Bytes
	Price             tokens.Amount
	Free, Approved    bool
	Seeders, Leechers int
	Hosts             int
	Figure, Why       string
}

func (s *site) topRow(t store.Torrent, figure string) topRow {
	x := topRow{InfoHash: t.InfoHash.String(), Name: t.Name, Category: t.Category, Size: t.Size, Price: t.Price.Price, Free: s.isFree(t),
		Approved: t.Approved, Hosts: t.Proven, Figure: figure}
	x.Seeders, _, x.Leechers = s.Live.Swarm(t.ID)
	return x
}

func marketRow(t MarketTorrent, figure string) topRow {
	return topRow{InfoHash: t.InfoHash, Name: t.Name, Category: t.Category, Size: t.Size, Price: tokens.Amount(t.Price), Free: t.Free,
		Approved: t.Approved, Hosts: t.Hosts, Seeders: t.Seeders, Leechers: t.Leechers, Figure: figure}
}

func (s *site) pageWanted(_ http.ResponseWriter, r *http.Request) (*view, error) {
	now, lately := topList{Title: "Most wanted now", Figure: "Wanted"}, topList{Title: "Most downloaded in the last 7 days", Figure: "Downloaded"}
	list, week, err := s.mostWanted(r)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		now.Rows = append(now.Rows, s.topRow(t, showBytes(t.Price.Demand)))
	}
	for _, t := range week {
		lately.Rows = append(lately.Rows, s.topRow(t.Torrent, showBytes(t.Bytes)))
	}
	return &view{name: "rankings", title: "Most wanted", data: map[string]any{"Window": s.Rules().Surge.Window, "Now": now, "Lately": lately}}, nil
}

// mostWanted is what most is asked for now, and what most was downloaded lately.
func (s *site) mostWanted(r *http.Request) (now []store.Torrent, lately []store.Wanted, err error) {
	if now, _, err = s.Store.Torrents(r.Context(), store.TorrentQuery{Sort: store.ByDemand, Limit: topRows}); err != nil {
		return nil, nil, err
	}
	now = slices.DeleteFunc(now, func(t store.Torrent) bool { return t.Price.Demand <= 0 })
	lately, err = s.Store.WantedLately(r.Context(), topRows)
	return now, lately, err
}

func (s *site) pageScarce(_ http.ResponseWriter, r *http.Request) (*view, error) {
	e, p, err := s.picks(r.Context())
	if err != nil {
		return nil, err
	}
	list := topList{Title: "Most under-seeded", Figure: "Downloaded in a day"}
	for _, t := range p.Scarce {
		list.Rows = append(list.Rows, marketRow(t, showBytes(t.Day)))
	}
	return &view{name: "rankings-scarce", title: "Under-seeded", data: map[string]any{"List": list, "Replicas": e.Replicas}}, nil
}

func (s *site) pageEarning(_ http.ResponseWriter, r *http.Request) (*view, error) {
	e, p, err := s.picks(r.Context())
	if err != nil {
		return nil, err
	}
	list := topList{Title: "What pays a new host most", Figure: "Per GiB and day"}
	for _, w := range p.Best[:min(topRows, len(p.Best))] {
		row := marketRow(w.MarketTorrent, s.money(w.PerGiB))
		row.Why = s.whyWorth(w)
		list.Rows = append(list.Rows, row)
	}
	return &view{name: "rankings-earning", title: "Best to host", data: map[string]any{"List": list, "Rate": e.HostingRate, "Replicas": e.Replicas}}, nil
}
