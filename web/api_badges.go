package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// badgeRows is how many badges a list shows.
const badgeRows = 200

// badgeProblem explains why a collection is not changed.
func badgeProblem(err error) *problem {
	if errors.Is(err, store.ErrCollection) {
		return fail(http.StatusUnprocessableEntity, "collection", "Nothing was changed: %v.", err)
	}
	return nil
}

// badgeView is a badge in the API.
type badgeView struct {
	ID         string    `json:"id"`
	URL        string    `json:"url"`
	Member     string    `json:"member"`
	Collection string    `json:"collection"`
	Title      string    `json:"title"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	Torrents   int       `json:"torrents"`
	Bytes      bt.Bytes  `json:"bytes"`
	IssuedAt   time.Time `json:"issued_at"`
	Credential string    `json:"credential" doc:"signed, to be shown elsewhere"`
	InfoHashes []string  `json:"infohashes,omitempty" doc:"for members"`
}

// badgesView is a member's badges, newest first.
type badgesView struct {
	Badges []badgeView `json:"badges"`
	Next   string      `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) badgeView(b store.Badge) badgeView {
	return badgeView{ID: b.ID, URL: s.badgeURL(b), Member: b.MemberName, Collection: b.Collection, Title: b.Title, From: utc(b.FromMs), Until: utc(b.ToMs),
		Torrents: b.Torrents, Bytes: b.Bytes, IssuedAt: utc(b.AtMs), Credential: b.Credential}
}

func (s *site) badgeURL(b store.Badge) string { return s.BaseURL + "/badges/" + b.ID }

// badge is the one that the path names.
func (s *site) badge(r *http.Request) (store.Badge, error) {
	b, err := s.Store.Badge(r.Context(), chi.URLParam(r, "badge"))
	if errors.Is(err, store.ErrNotFound) {
		return b, fail(http.StatusNotFound, "not_found", "There is no such badge here.")
	}
	return b, err
}

func (s *site) apiBadges(w http.ResponseWriter, r *http.Request) error {
	limit, err := pageLimit(r)
	if err != nil {
		return err
	}
	after := r.URL.Query().Get("cursor")
	if after != "" {
		if _, err := s.Store.Badge(r.Context(), after); errors.Is(err, store.ErrNotFound) {
			return errCursor
		}
	}
	list, next, err := s.Store.BadgesAfter(r.Context(), visitorOf(r).member.ID, after, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, badgesView{views(list, s.badgeView), next})
}

func (s *site) apiBadge(w http.ResponseWriter, r *http.Request) error {
	b, err := s.badge(r)
	if err != nil {
		return err
	}
	v := s.badgeView(b)
	if visitorOf(r).member != nil { // what is here is told to members only
		list, err := s.Store.BadgeTorrents(r.Context(), b)
		if err != nil {
			return err
		}
		for _, t := range list {
			v.InfoHashes = append(v.InfoHashes, t.InfoHash.String())
		}
	}
	return answer(w, http.StatusOK, v)
}

// apiCredential answers with the bare credential, as a file to keep.
func (s *site) apiCredential(w http.ResponseWriter, r *http.Request) error {
	b, err := s.badge(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwt")
	w.Header().Set("Content-Disposition", `attachment; filename="badge-`+b.Collection+`-`+utc(b.FromMs).Format(time.DateOnly)+`.jwt"`)
	io.WriteString(w, b.Credential+"\n")
	return nil
}

// collectionView is a collection in the API.
type collectionView struct {
	Name      string                  `json:"name"`
	Title     string                  `json:"title"`
	About     string                  `json:"about"`
	CreatedAt time.Time               `json:"created_at"`
	Torrents  int                     `json:"torrents"`
	Bytes     bt.Bytes                `json:"bytes"`
	Badges    int                     `json:"badges" doc:"that were given for it"`
	List      []collectionTorrentView `json:"list,omitempty" doc:"its torrents, on its own page"`
}

// collectionsView is all collections.
type collectionsView struct {
	Collections   []collectionView `json:"collections"`
	PeriodSeconds int64            `json:"badge_period_seconds" doc:"for how long one keeps a collection for a badge"`
	Next          string           `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// collectionBody says what a collection is.
type collectionBody struct {
	Title string `json:"title"`
	About string `json:"about,omitempty"`
}

type collectionTorrentView struct {
	InfoHash string    `json:"infohash"`
	Name     string    `json:"name"`
	Size     bt.Bytes  `json:"size_bytes"`
	Since    time.Time `json:"since"`
	Hosted   bool      `json:"hosted" doc:"by the member who asks, proven now"`
}

func newCollectionView(c store.Collection) collectionView {
	return collectionView{Name: c.Name, Title: c.Title, About: c.About, CreatedAt: utc(c.CreatedMs), Torrents: c.Torrents, Bytes: c.Bytes, Badges: c.Badges}
}

// collection is the one that the path names.
func (s *site) collection(r *http.Request) (store.Collection, error) {
	c, err := s.Store.Collection(r.Context(), chi.URLParam(r, "collection"))
	if errors.Is(err, store.ErrNotFound) {
		return c, fail(http.StatusNotFound, "not_found", "There is no such collection here.")
	}
	return c, err
}

func (s *site) apiCollections(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.Collections(r.Context())
	if err != nil {
		return err
	}
	page, next, err := pageOf(r, list, func(c store.Collection) string { return c.Name })
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, collectionsView{views(page, newCollectionView), int64(s.Rules().Availability.BadgePeriod.Seconds()), next})
}

func (s *site) apiCollection(w http.ResponseWriter, r *http.Request) error {
	c, err := s.collection(r)
	if err != nil {
		return err
	}
	list, err := s.Store.CollectionTorrents(r.Context(), c.ID, hostOf(r))
	if err != nil {
		return err
	}
	v := newCollectionView(c)
	for _, t := range list {
		v.List = append(v.List, collectionTorrentView{t.InfoHash.String(), t.Name, t.Size, utc(t.FromMs), t.Hosted})
	}
	return answer(w, http.StatusOK, v)
}

// hostOf is the member who asks, or whose node does.
func hostOf(r *http.Request) bt.MemberID {
	v := visitorOf(r)
	if v.node != nil {
		return v.node.Member
	}
	return v.member.ID
}

func (s *site) apiPutCollection(w http.ResponseWriter, r *http.Request) error {
	var in collectionBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	c := store.NewCollection{Name: chi.URLParam(r, "collection"), Title: in.Title, About: in.About}
	created, err := s.putCollection(r, c)
	if err != nil {
		return err
	}
	made, err := s.Store.Collection(r.Context(), c.Name)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return answer(w, status, newCollectionView(made))
}

// putCollection makes or changes a collection, for an operator.
func (s *site) putCollection(r *http.Request, c store.NewCollection) (created bool, err error) {
	title, err := cleanText([]byte(c.Title), "title", store.MaxCollectionTitle)
	if err != nil {
		return false, err
	}
	if c.About, err = cleanText([]byte(c.About), "about", store.MaxCollectionAbout); err != nil {
		return false, err
	}
	c.Title = strings.Join(strings.Fields(title), " ")
	return s.Store.PutCollection(r.Context(), visitorOf(r).member.ID, c)
}

func (s *site) apiAddToCollection(w http.ResponseWriter, r *http.Request) error {
	return s.changeCollection(w, r, s.addToCollection)
}

func (s *site) apiRemoveFromCollection(w http.ResponseWriter, r *http.Request) error {
	return s.changeCollection(w, r, s.removeFromCollection)
}

func (s *site) changeCollection(w http.ResponseWriter, r *http.Request, change func(*http.Request, string) error) error {
	if err := change(r, chi.URLParam(r, "infohash")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// addToCollection puts a torrent into the collection that the path names. The torrent may be written as its
// info-hash or as the address of its page.
func (s *site) addToCollection(r *http.Request, torrent string) error {
	c, t, err := s.collectionAnd(r, torrent)
	if err != nil {
		return err
	}
	return s.Store.AddToCollection(r.Context(), visitorOf(r).member.ID, c.Name, t.ID)
}

func (s *site) removeFromCollection(r *http.Request, torrent string) error {
	c, t, err := s.collectionAnd(r, torrent)
	if err != nil {
		return err
	}
	err = s.Store.RemoveFromCollection(r.Context(), visitorOf(r).member.ID, c.Name, t.ID)
	if errors.Is(err, store.ErrNotFound) {
		return fail(http.StatusNotFound, "not_found", "This torrent is not in the collection.")
	}
	return err
}

func (s *site) collectionAnd(r *http.Request, torrent string) (store.Collection, store.Torrent, error) {
	c, err := s.collection(r)
	if err != nil {
		return c, store.Torrent{}, err
	}
	torrent = strings.TrimRight(strings.TrimSpace(torrent), "/")
	h, err := bt.ParseInfoHash(torrent[strings.LastIndexByte(torrent, '/')+1:])
	if err != nil {
		return c, store.Torrent{}, fail(http.StatusNotFound, "not_found", "Name the torrent by its info-hash, 40 hex digits, or by the address of its page.")
	}
	t, err := s.Store.TorrentByHash(r.Context(), h)
	if errors.Is(err, store.ErrNotFound) {
		return c, t, fail(http.StatusNotFound, "not_found", "This torrent is not here.")
	}
	return c, t, err
}
