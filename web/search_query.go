package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Bounds of what a list of torrents is filtered by.
const (
	maxSaturationPercent = 1000
	maxProvenFilter      = 1000
	percentPPM           = 10_000
)

// searchFilter is a parameter of the catalogue's address, in the order of the page.
type searchFilter struct {
	name string
	read func(text string, q *store.TorrentQuery) error
}

// searchFilters read what people typed; empty text is never read.
var searchFilters = []searchFilter{
	{"q", func(text string, q *store.TorrentQuery) error { q.Search = text; return nil }},
	{"category", func(text string, q *store.TorrentQuery) (err error) {
		q.Category, err = parseCategory(text)
		return err
	}},
	{"tag", readTag},
	{"collection", func(text string, q *store.TorrentQuery) error { q.Collection = text; return nil }},
	{"max_price", readMaxPrice},
	{"min_saturation", func(text string, q *store.TorrentQuery) error {
		n, err := searchPercent(text, "min_saturation")
		q.MinSaturationPPM = n * percentPPM
		return err
	}},
	{"max_saturation", func(text string, q *store.TorrentQuery) error {
		n, err := searchPercent(text, "max_saturation")
		q.SaturationBelowPPM = n*percentPPM + 1
		return err
	}},
	{"min_proven", func(text string, q *store.TorrentQuery) (err error) {
		q.MinProven, err = smallNumber(text, "min_proven", maxProvenFilter)
		return err
	}},
	{"free", func(text string, q *store.TorrentQuery) (err error) {
		q.Free, err = searchSwitch(text, "free")
		return err
	}},
	{"approved", func(text string, q *store.TorrentQuery) (err error) {
		q.Approved, err = searchSwitch(text, "approved")
		return err
	}},
	{"sort", func(text string, q *store.TorrentQuery) error { q.Sort = store.Sort(text); return nil }},
}

// torrentQuery reads what a list of torrents is asked for: words, filters, an order and a place in it.
func torrentQuery(r *http.Request) (store.TorrentQuery, error) {
	form := r.URL.Query()
	q, err := searchQuery(form)
	if err != nil {
		return q, err
	}
	if q.Limit, err = pageLimit(r); err != nil {
		return q, err
	}
	q.After, err = parseCursor(form.Get("cursor"))
	return q, err
}

func searchQuery(form url.Values) (store.TorrentQuery, error) {
	q := store.TorrentQuery{Limit: pageSize}
	for _, f := range searchFilters {
		text, err := searchText(form, f.name)
		if err == nil && text != "" {
			err = f.read(text, &q)
		}
		if err != nil {
			return q, err
		}
	}
	if q.Sort == "" {
		q.Sort = store.ByRelevance
	}
	if !q.Sort.Valid() {
		return q, fail(http.StatusBadRequest, "sort", "sort must be relevance, new, cheap, price, seeders, wanted, size or earns.")
	}
	return q, nil
}

// searchText is a parameter as it may be shown again.
func searchText(form url.Values, name string) (string, error) {
	text, err := cleanText([]byte(form.Get(name)), name, maxSearch)
	if err != nil && name == "q" {
		return "", fail(http.StatusBadRequest, "search", "Search for at most %d bytes of text.", maxSearch)
	}
	return text, err
}

func readTag(text string, q *store.TorrentQuery) error {
	if q.Tag = strings.ToLower(text); !catalog.ValidTag(q.Tag) {
		return fail(http.StatusUnprocessableEntity, "tag", "Filter by one tag: %d to %d of a-z, 0-9, . and -.", catalog.MinTagBytes, catalog.MaxTagBytes)
	}
	return nil
}

func readMaxPrice(text string, q *store.TorrentQuery) error {
	a, err := tokens.ParseAmount(text)
	if err != nil || a <= 0 {
		return fail(http.StatusUnprocessableEntity, "max_price", "The highest price per GiB must be above 0, such as 2 or 0.5.")
	}
	q.MaxPrice = a
	return nil
}

func searchPercent(text, name string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, "%")), 10, 64)
	if err != nil || n < 0 || n > maxSaturationPercent {
		return 0, fail(http.StatusUnprocessableEntity, name, "Saturation is a whole number of percent, 0 to %d.", maxSaturationPercent)
	}
	return n, nil
}

func searchSwitch(text, name string) (bool, error) {
	if text != "0" && text != "1" {
		return false, fail(http.StatusBadRequest, name, "%s must be 1 or 0.", name)
	}
	return text == "1", nil
}

// searchTyped is what was typed, without what is empty or no parameter of the list.
func searchTyped(r *http.Request) url.Values {
	typed, form := url.Values{}, r.URL.Query()
	for _, f := range searchFilters {
		if text, err := searchText(form, f.name); err == nil && text != "" && !(text == "0" && (f.name == "free" || f.name == "approved")) {
			typed.Set(f.name, text)
		}
	}
	return typed
}

// searchAddress is the catalogue with these parameters, less one, or with one set anew.
func searchAddress(typed url.Values, name, value string) string {
	changed := url.Values{}
	for k, v := range typed {
		changed[k] = v
	}
	changed.Del(name)
	if value != "" {
		changed.Set(name, value)
	}
	if len(changed) == 0 {
		return "/torrents"
	}
	return "/torrents?" + changed.Encode()
}

// searchChip is a filter that is on, in words, and the address without it.
type searchChip struct{ Name, Label, Drop string }

// searchChips are the filters that are on. The order is none.
func (s *site) searchChips(q store.TorrentQuery, typed url.Values) (chips []searchChip) {
	labels := map[string]string{"q": "“" + q.Search + "”", "category": string(q.Category), "tag": "tagged " + q.Tag, "collection": "in collection " + q.Collection,
		"max_price": "at most " + s.money(q.MaxPrice) + " per GiB", "min_saturation": fmt.Sprintf("saturation from %d %%", q.MinSaturationPPM/percentPPM),
		"max_saturation": fmt.Sprintf("saturation up to %d %%", q.SaturationBelowPPM/percentPPM), "min_proven": fmt.Sprintf("from %d proven seeders", q.MinProven),
		"free": "free now", "approved": "approved"}
	for _, f := range searchFilters {
		if label, ok := labels[f.name]; ok && typed.Has(f.name) {
			chips = append(chips, searchChip{f.name, label, searchAddress(typed, f.name, "")})
		}
	}
	return chips
}

// searchAdvanced reports whether a filter is on that is folded away.
func searchAdvanced(typed url.Values) bool {
	return slices.ContainsFunc(searchFilters, func(f searchFilter) bool {
		return typed.Has(f.name) && !slices.Contains([]string{"q", "category", "sort"}, f.name)
	})
}
