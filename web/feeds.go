package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/torznab"
)

// Limits of who reads by a feed key.
const (
	feedEvery, feedBurst           = time.Second, 120    // searches and feeds of a member
	feedFileEvery, feedFileBurst   = 2 * time.Second, 60 // torrent files of a member
	feedWrongEvery, feedWrongBurst = 3 * time.Second, 20 // wrong keys of an address
)

// feedState is what feeds remember between requests.
type feedState struct {
	searches, files, wrong *limiter
	versions               feedVersions
	ring                   feedRing
	streams                feedStreams
}

func newFeedState() *feedState {
	return &feedState{searches: newLimiter(feedEvery, feedBurst), files: newLimiter(feedFileEvery, feedFileBurst), wrong: newLimiter(feedWrongEvery, feedWrongBurst)}
}

// feedRoutes are what programs read with a key instead of a session, and where members keep searches for them.
func (s *site) feedRoutes(r chi.Router) {
	get := func(pattern string, h http.HandlerFunc) {
		r.Get(pattern, h)
		r.Head(pattern, h)
	}
	for _, pattern := range []string{"/torznab/api", "/torznab/api/", "/torznab/api/api"} { // tools put /api behind what they are given
		get(pattern, s.torznab)
	}
	get(feedFilePath+"{infohash}/*", s.feedPlain(s.feedFile))
	get("/rss/{key}", s.feedPlain(s.rssNewest))
	get("/rss/{key}/{id}", s.feedPlain(s.rssSaved))
	r.Post("/account/feed/searches", s.members(s.doSaveSearch))
	r.Post("/account/feed/searches/{id}/remove", s.members(s.doRemoveSearch))
}

// feedReader is who reads a feed, and by which key.
type feedReader struct {
	store.Member
	key string
}

// feedReader finds whom a key stands for. A low balance does not matter here: it is for the announce to say what is
// missing. Errors of what is asked are *torznab.Error.
func (s *site) feedReader(r *http.Request, key string) (feedReader, error) {
	m, err := s.Store.FeedKeyMember(r.Context(), key)
	if errors.Is(err, store.ErrNotFound) {
		return feedReader{}, s.wrongFeedKey(r)
	}
	if err == nil {
		err = s.mayRead(m, s.feeds.searches)
	}
	return feedReader{m, key}, err
}

// mayRead refuses members whose account is closed, and those who ask too often.
func (s *site) mayRead(m store.Member, l *limiter) error {
	if m.Banned != "" {
		return torznab.Fail(torznab.CodeClosed, m.Banned)
	}
	if !s.Dev && !l.allow(fmt.Sprint(m.ID), s.Now()) {
		return torznab.Fail(torznab.CodeLimit, "")
	}
	return nil
}

// wrongFeedKey is the error of a key that stands for nobody, or for nobody any more.
func (s *site) wrongFeedKey(r *http.Request) error {
	if !s.Dev && !s.feeds.wrong.allow(s.network(r), s.Now()) {
		return torznab.Fail(torznab.CodeLimit, "")
	}
	return torznab.Fail(torznab.CodeKey, "")
}

// feedRetry is after how many seconds there is room again in every limit of feeds.
const feedRetry = int(feedWrongEvery / time.Second)

// refusal is an error as a tool is told it; what nobody expected is logged.
func (s *site) refusal(w http.ResponseWriter, r *http.Request, err error) *torznab.Error {
	var refused *torznab.Error
	if !errors.As(err, &refused) {
		s.complain(r, "cannot answer a feed", "error", err)
		refused = torznab.Fail(torznab.CodeUnknown, "")
	}
	switch refused.Status() {
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(feedRetry))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Apikey realm="feeds"`) // no browser asks for a password then
	}
	return refused
}

// feedWords are refusals for people who look at a feed in a browser or a reader.
var feedWords = map[int]string{
	torznab.CodeKey:     "This key is not, or no longer, valid: see /account/feed.",
	torznab.CodeClosed:  "This account is closed.",
	torznab.CodeLimit:   "Too many requests; wait some seconds and try again.",
	torznab.CodeUnknown: errInternal.Detail,
}

// feedPlain runs a handler whose errors are sentences.
func (s *site) feedPlain(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		var refused *torznab.Error
		if errors.As(err, &refused) {
			http.Error(w, feedWords[s.refusal(w, r, err).Code], refused.Status())
			return
		}
		p := s.asProblem(r, err)
		http.Error(w, p.Detail, p.Status)
	}
}
