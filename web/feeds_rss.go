package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/torznab"
)

const (
	rssItems     = 100
	rssRemember  = 10_000 // feeds whose last version is remembered; above, all are forgotten
	rssAddressOf = "/rss/"
)

// rssNewest is the feed of what the address asks for, as the catalogue's address does; without parameters, of
// everything.
func (s *site) rssNewest(w http.ResponseWriter, r *http.Request) error {
	reader, err := s.feedReader(r, chi.URLParam(r, "key"))
	if err != nil {
		return err
	}
	typed, err := rssTyped(r.URL.RawQuery)
	if err != nil {
		return err
	}
	return s.rss(w, r, rssFeed{reader: reader, title: "torrents", typed: typed, path: rssAddressOf + reader.key, query: typed.Encode()})
}

// rssTyped reads the catalogue's parameters. One that cannot be read is refused: left aside it would make a feed of
// more than was meant, from which programs download.
func rssTyped(query string) (url.Values, error) {
	form, err := url.ParseQuery(query)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "query", "This address cannot be read: in it %% is written %%25 and ; is written %%3B.")
	}
	if _, err := searchQuery(form); err != nil {
		return nil, err
	}
	return searchOf(form), nil
}

// rssSaved is the feed of a search that the member keeps.
func (s *site) rssSaved(w http.ResponseWriter, r *http.Request) error {
	reader, err := s.feedReader(r, chi.URLParam(r, "key"))
	if err != nil {
		return err
	}
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	x, err := s.Store.SavedSearch(r.Context(), reader.ID, id)
	if err != nil {
		return err
	}
	typed, err := url.ParseQuery(x.Query)
	if err != nil {
		return fmt.Errorf("saved search %d: %w", id, err)
	}
	return s.rss(w, r, rssFeed{reader: reader, title: x.Name, typed: typed, path: fmt.Sprintf("%s%s/%d", rssAddressOf, reader.key, id)})
}

// rssFeed is a feed to write.
type rssFeed struct {
	reader      feedReader
	title       string
	typed       url.Values // the catalogue's parameters
	path, query string     // of its own address
}

// rss writes a feed, or says that it is as it was.
func (s *site) rss(w http.ResponseWriter, r *http.Request, f rssFeed) error {
	q, err := searchQuery(f.typed)
	if err != nil {
		return err
	}
	if q.Sort == store.ByRelevance { // nobody chose an order
		q.Sort = store.ByNew
	}
	list, _, err := s.feedRead(r.Context(), q, rssItems, nil)
	if err != nil {
		return err
	}
	self := s.BaseURL + f.path
	if f.query != "" {
		self += "?" + f.query
	}
	out := torznab.Feed{Title: s.Name + ": " + f.title, Description: "Torrents of " + s.Name + ", with what they cost now", Link: s.BaseURL + searchAddress(f.typed, "", ""),
		Self: self, Items: s.feedItems(list[:min(len(list), rssItems)], f.reader)}.RSS()
	sum := sha256.Sum256(out)
	h := w.Header()
	h.Set("Content-Type", torznab.MediaRSS)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", s.feeds.versions.since(f.path+"?"+f.query, sum, s.Now()), bytes.NewReader(out))
	return nil
}

// feedVersions remember since when feeds are as they are: what a feed shows has no time of change of its own,
// since prices move and filters let others in.
type feedVersions struct {
	mu   sync.Mutex
	last map[[sha256.Size]byte]feedVersion // by hash of the address: no keys are kept
}

type feedVersion struct {
	sum [sha256.Size]byte
	at  time.Time
}

// since is when a feed was first seen as it is now, in whole seconds, of which no two versions have the same.
func (v *feedVersions) since(address string, sum [sha256.Size]byte, now time.Time) time.Time {
	key := sha256.Sum256([]byte(address))
	v.mu.Lock()
	defer v.mu.Unlock()
	was, ok := v.last[key]
	if ok && was.sum == sum {
		return was.at
	}
	if v.last == nil || len(v.last) >= rssRemember {
		v.last = map[[sha256.Size]byte]feedVersion{}
	}
	at := now.Truncate(time.Second)
	if ok && !at.After(was.at) {
		at = was.at.Add(time.Second)
	}
	v.last[key] = feedVersion{sum, at}
	return at
}
