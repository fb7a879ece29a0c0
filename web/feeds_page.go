package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/swarmstake/swarmstake/store"
)

// Bounds of saved searches.
const (
	maxSavedName  = 60   // bytes
	maxSavedQuery = 2000 // bytes
)

// feedPageData is the page of a member's feed key and saved searches.
type feedPageData struct {
	Key      store.FeedKey
	Torznab  string // address for tools
	Newest   string // feed of everything; empty: nobody can read any
	Searches []savedRow
	Most     int
	MaxName  int
	// What was typed and not taken.
	Name, Query string
}

// Page is the catalogue with what was typed and not taken.
func (d *feedPageData) Page() string { return "/torrents?" + d.Query }

// savedRow is a saved search with where it leads.
type savedRow struct {
	store.SavedSearch
	Page string // of the catalogue
	Feed string // empty: nobody can read it
}

func (s *site) pageFeed(_ http.ResponseWriter, r *http.Request) (*view, error) {
	m := visitorOf(r).member
	d := &feedPageData{Torznab: s.BaseURL + "/torznab/api", Most: store.MaxSavedSearches, MaxName: maxSavedName}
	var err error
	if d.Key, err = s.Store.FeedKey(r.Context(), m.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	list, err := s.Store.SavedSearches(r.Context(), m.ID)
	if err != nil {
		return nil, err
	}
	if d.Key.Key != "" && m.Banned == "" { // feeds of a closed account are closed
		d.Newest = s.BaseURL + rssAddressOf + d.Key.Key
	}
	for _, x := range list {
		row := savedRow{SavedSearch: x, Page: "/torrents?" + x.Query}
		if d.Newest != "" {
			row.Feed = fmt.Sprintf("%s/%d", d.Newest, x.ID)
		}
		d.Searches = append(d.Searches, row)
	}
	return &view{name: "account-feed", title: "Feeds", data: d}, nil
}

// doSaveSearch keeps a search of the catalogue.
func (s *site) doSaveSearch(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	name, query := r.PostForm.Get("name"), r.PostForm.Get("query")
	_, err := s.saveSearch(r, name, query)
	if err == nil {
		http.Redirect(w, r, "/account/feed", http.StatusSeeOther)
		return nil, nil
	}
	v, viewErr := s.pageFeed(w, r)
	if viewErr != nil {
		return nil, viewErr
	}
	d := v.data.(*feedPageData)
	d.Name = name
	if form, err := savedQuery(query); err == nil {
		d.Query = form.Encode()
	}
	return s.again(r, v, err)
}

// saveSearch checks and keeps a search for the page and the API.
func (s *site) saveSearch(r *http.Request, name, query string) (store.SavedSearch, error) {
	name, err := cleanText([]byte(name), "name", maxSavedName)
	if err != nil {
		return store.SavedSearch{}, err
	}
	if name = visibleLine(name); name == "" {
		return store.SavedSearch{}, fail(http.StatusUnprocessableEntity, "name", "Give the search a name of 1 to %d bytes.", maxSavedName)
	}
	form, err := savedQuery(query)
	if err != nil {
		return store.SavedSearch{}, err
	}
	x, err := s.Store.SaveSearch(r.Context(), visitorOf(r).member.ID, store.SavedSearch{Name: name, Query: form.Encode()})
	switch {
	case errors.Is(err, store.ErrExists):
		err = fail(http.StatusConflict, "exists", "You keep a search of this name; choose another.")
	case errors.Is(err, store.ErrTooMany):
		err = fail(http.StatusConflict, "too_many", "You keep %d searches, which is the most; remove one first.", store.MaxSavedSearches)
	}
	return x, err
}

// savedQuery reads the catalogue's parameters that a search is to be kept with; there must be one at least.
func savedQuery(query string) (url.Values, error) {
	form, err := url.ParseQuery(query)
	if err != nil || len(query) > maxSavedQuery {
		return nil, fail(http.StatusUnprocessableEntity, "query", "The query is the part of the catalogue's address behind the question mark, at most %d bytes.", maxSavedQuery)
	}
	if _, err := searchQuery(form); err != nil {
		return nil, err
	}
	if form = searchOf(form); len(form) == 0 || len(form.Encode()) > maxSavedQuery {
		return nil, fail(http.StatusUnprocessableEntity, "query", "Search for something first: words, a category or another filter.")
	}
	return form, nil
}

// searchOf are the catalogue's parameters among those of an address.
func searchOf(form url.Values) url.Values {
	return searchTyped(&http.Request{URL: &url.URL{RawQuery: form.Encode()}})
}

// Query is the search that the page shows, for a form that keeps it.
func (d *torrentsData) Query() string { return d.typed.Encode() }

func (s *site) doRemoveSearch(w http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	return s.gone(w, r, "/account/feed", s.Store.RemoveSearch(r.Context(), visitorOf(r).member.ID, id))
}
