package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// catalogPages are the list of torrents.
func (s *site) catalogPages(r chi.Router) {
	r.Get("/torrents", s.members(s.pageTorrents))
}

// torrentRow is a torrent in a list.
type torrentRow struct {
	store.Torrent
	Seeders, Downloaded, Leechers int
	Free                          bool // it costs nothing now
	Mark                          store.Mark
}

func (s *site) rows(list []store.Torrent) []torrentRow {
	var out []torrentRow
	for _, t := range list {
		row := torrentRow{Torrent: t, Free: s.isFree(t)}
		row.Seeders, row.Downloaded, row.Leechers = s.Live.Swarm(t.ID)
		out = append(out, row)
	}
	return out
}

// fullCost is the price of a whole torrent, rounded up as its bill will be.
func fullCost(t store.Torrent) tokens.Amount { return surge.Need(t.Price.Price, t.Size) }

// searchOrder is an order that a list can be in, as a form offers it.
type searchOrder struct{ Sort, Label string }

// searchOrders begin with the one of who chooses none.
var searchOrders = []searchOrder{{"", "Best match, else newest"}, {"new", "Newest"}, {"cheap", "Lowest price"}, {"price", "Highest price"},
	{"seeders", "Most proven seeders"}, {"wanted", "Most wanted now"}, {"size", "Largest"}, {"earns", "Earns hosts most per GiB"}}

// torrentsData is a page of the catalogue.
type torrentsData struct {
	typed       url.Values
	Rows        []torrentRow
	Categories  []catalog.Category
	Collections []store.CollectionTitle
	Orders      []searchOrder
	Sort        store.Sort
	Chips       []searchChip // filters that are on
	Drop        []searchChip // those without which there is something, if there is nothing
	Open        bool         // what is folded away filters
	Later       bool         // not the first page
	Wordless    bool         // what was typed has nothing to search for
	More        string       // the next page; empty: the end
}

// Typed is what the form says of a parameter.
func (d *torrentsData) Typed(name string) string { return d.typed.Get(name) }

// With is the same list with one filter more, or changed.
func (d *torrentsData) With(name, value string) string { return searchAddress(d.typed, name, value) }

func (s *site) pageTorrents(_ http.ResponseWriter, r *http.Request) (*view, error) {
	d := &torrentsData{typed: searchTyped(r), Categories: catalog.Categories(), Orders: searchOrders, Sort: store.ByRelevance}
	d.Open = searchAdvanced(d.typed)
	v := &view{name: "torrents", title: "Torrents", data: d}
	var err error
	if d.Collections, err = s.Store.CollectionTitles(r.Context()); err != nil {
		return nil, err
	}
	q, err := torrentQuery(r)
	if err != nil {
		return s.again(r, v, err)
	}
	d.Chips, d.Sort, d.Later = s.searchChips(q, d.typed), q.Sort, q.After.Set
	d.Wordless = q.Search != "" && len(catalog.Words(q.Search)) == 0
	list, next, err := s.Store.Torrents(r.Context(), q)
	if err != nil {
		return nil, err
	}
	if d.Rows, err = s.marked(r, list); err != nil {
		return nil, err
	}
	if next.Set {
		d.More = searchAddress(d.typed, "cursor", formatCursor(next))
	} else if len(list) == 0 && !d.Later {
		d.Drop, err = s.worthDropping(r, d)
	}
	return v, err
}

// marked are the rows of a list with what the visitor has to do with them.
func (s *site) marked(r *http.Request, list []store.Torrent) ([]torrentRow, error) {
	rows := s.rows(list)
	ids := make([]bt.TorrentID, len(list))
	for i, t := range list {
		ids[i] = t.ID
	}
	marks, err := s.Store.Marks(r.Context(), visitorOf(r).member.ID, ids)
	for i := range rows {
		rows[i].Mark = marks[rows[i].ID]
	}
	return rows, err
}

// worthDropping are the filters without which the same search finds something.
func (s *site) worthDropping(r *http.Request, d *torrentsData) (out []searchChip, err error) {
	for _, c := range d.Chips {
		less := url.Values{}
		for name, v := range d.typed {
			if name != c.Name {
				less[name] = v
			}
		}
		q, err := searchQuery(less)
		if err != nil {
			return nil, err
		}
		q.Limit = 1
		list, next, err := s.Store.Torrents(r.Context(), q)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 || next.Set {
			out = append(out, c)
		}
	}
	return out, nil
}
