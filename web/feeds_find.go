package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web/torznab"
)

const (
	feedAsks = 10  // pages of the catalogue that are read for one list
	feedPage = 500 // … of so many rows at most
)

// feedRead reads a list of the catalogue until it has n torrents that pass, or has asked often enough; more says
// that there may be others.
func (s *site) feedRead(ctx context.Context, q store.TorrentQuery, n int, keep func(store.Torrent) bool) (found []store.Torrent, more bool, err error) {
	q.Limit = min(n, feedPage)
	for range feedAsks {
		list, next, err := s.Store.Torrents(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for _, t := range list {
			if keep == nil || keep(t) {
				found = append(found, t)
			}
		}
		if !next.Set || len(found) >= n {
			return found, next.Set, nil
		}
		q.After, q.Limit = next, feedPage // what passes is rare: a short list must not be given up after a few rows
	}
	return found, true, nil
}

// torznabFind finds what a tool asks for, the newest first. total is how many there are at least.
func (s *site) torznabFind(ctx context.Context, r torznab.Request) (page []store.Torrent, total int, err error) {
	if r.Nothing {
		return nil, 0, nil
	}
	q := store.TorrentQuery{Search: r.Text, MaxPrice: r.MaxPrice, Free: r.Free, Sort: store.ByNew}
	var found []store.Torrent
	var more bool
	for _, c := range feedCategories(r.Numbers) {
		q.Category = c
		part, rest, err := s.feedRead(ctx, q, r.Offset+r.Limit+1, func(t store.Torrent) bool { return s.wanted(t, r) })
		if err != nil {
			return nil, 0, err
		}
		found, more = append(found, part...), more || rest
	}
	slices.SortFunc(found, func(a, b store.Torrent) int { return cmp.Compare(b.ID, a.ID) })
	total = len(found)
	if more {
		total++
	}
	from := min(r.Offset, len(found))
	return found[from:min(from+r.Limit, len(found))], total, nil
}

// feedCategories are the lists to read for categories of tools: one of each category of the catalogue, or one of
// everything.
func feedCategories(numbers []int) []catalog.Category {
	if all := []catalog.Category{""}; numbers == nil {
		return all
	}
	return torznab.Catalogue(numbers)
}

// wanted are the conditions that the catalogue has no index for.
func (s *site) wanted(t store.Torrent, r torznab.Request) bool {
	if r.Numbers != nil && !torznab.In(torznab.Numbers(t.Category, t.Name, t.Tags), r.Numbers) {
		return false
	}
	if r.MinSeeders == 0 {
		return true
	}
	seeders, _, _ := s.Live.Swarm(t.ID)
	return seeders >= r.MinSeeders
}

// feedItem is a torrent as a feed shows it to its reader.
func (s *site) feedItem(t store.Torrent, reader feedReader) torznab.Item {
	symbol, free, cost := s.Rules().Economy.Symbol, s.isFree(t), fullCost(t)
	price := s.money(t.Price.Price) + " per GiB (" + surgeWord(t.Price.MultiplierPPM) + "), " + s.money(cost) + " for all of it"
	if free {
		price, cost = "costs nothing now", 0
	}
	i := torznab.Item{Title: t.Name, Page: s.BaseURL + "/torrents/" + t.InfoHash.String(), Download: s.feedFileAddress(t, reader), Published: utc(t.CreatedMs),
		Size: int64(t.Size), Numbers: torznab.Numbers(t.Category, t.Name, t.Tags), Category: string(t.Category), InfoHash: t.InfoHash.String(), Files: t.Files, Free: free,
		Description: showBytes(t.Size) + ", " + price + ".",
		Price: torznab.Price{PerGiB: t.Price.Price.String(), Total: cost.String(), UtokPerGiB: int64(t.Price.Price), MultiplierPPM: t.Price.MultiplierPPM,
			SaturationPPM: t.Price.SaturationPPM, Symbol: symbol}}
	i.Seeders, i.Grabs, i.Leechers = s.Live.Swarm(t.ID)
	return i
}

func (s *site) feedItems(list []store.Torrent, reader feedReader) []torznab.Item {
	out := make([]torznab.Item, 0, len(list))
	for _, t := range list {
		out = append(out, s.feedItem(t, reader))
	}
	return out
}

// torznab answers tools that search indexers.
func (s *site) torznab(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", torznab.MediaType)
	w.Header().Set("Cache-Control", "no-store")
	out, err := s.torznabAnswer(r)
	if err != nil {
		refused := s.refusal(w, r, err)
		w.WriteHeader(refused.Status())
		out = refused.XML()
	}
	w.Write(out)
}

func (s *site) torznabAnswer(r *http.Request) ([]byte, error) {
	query, misspelt := url.ParseQuery(r.URL.RawQuery)
	reader, err := s.feedReader(r, torznab.Key(query))
	if err != nil {
		return nil, err
	}
	if misspelt != nil { // without what cannot be read it would be a wider search than was meant
		return nil, torznab.Fail(torznab.CodeIncorrect, "an address writes % as %25 and ; as %3B")
	}
	asked, err := torznab.Parse(query)
	if err != nil {
		return nil, err
	}
	if asked.Function == torznab.Capabilities {
		return torznab.Caps(torznab.Server{Name: s.Name, Address: s.BaseURL + "/"}), nil
	}
	page, total, err := s.torznabFind(r.Context(), asked)
	if err != nil {
		return nil, err
	}
	return torznab.Feed{Title: s.Name, Description: "Torrents of " + s.Name, Link: s.BaseURL + "/", Offset: asked.Offset, Total: total,
		Items: s.feedItems(page, reader)}.Search(), nil
}
