package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

// badgePages are the pages of badges and collections.
func (s *site) badgePages(r chi.Router) {
	r.Get("/badges", s.members(s.pageBadges))
	r.Get("/badges/{badge}", s.page(s.pageBadge))
	r.Get("/collections", s.members(s.pageCollections))
	r.Post("/collections", s.operators(s.doPutCollection))
	r.Get("/collections/{collection}", s.members(s.pageCollection))
	r.Post("/collections/{collection}", s.operators(s.doChangeCollection))
	r.Post("/collections/{collection}/add", s.operators(s.doAddToCollection))
	r.Post("/collections/{collection}/remove", s.operators(s.doRemoveFromCollection))
}

// badgeRules say what earns a badge.
type badgeRules struct {
	Period          time.Duration
	SharePPM        int64
	FromMs, UntilMs int64 // of the period that is under way
}

func (s *site) badgeRules() badgeRules {
	p := s.Rules().Availability
	length := max(1, p.BadgePeriod.Milliseconds())
	from := s.Now().UnixMilli() / length * length
	return badgeRules{p.BadgePeriod, p.BadgeSharePPM, from, from + length}
}

func (s *site) pageBadges(_ http.ResponseWriter, r *http.Request) (*view, error) {
	list, err := s.Store.Badges(r.Context(), visitorOf(r).member.ID, badgeRows)
	return &view{name: "badges", title: "Badges", data: map[string]any{"Rows": list, "Rules": s.badgeRules()}}, err
}

func (s *site) pageBadge(_ http.ResponseWriter, r *http.Request) (*view, error) {
	b, err := s.badge(r)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"B": b, "Base": s.BaseURL, "Torrents": []store.CollectionTorrent(nil)}
	if visitorOf(r).member != nil {
		if data["Torrents"], err = s.Store.BadgeTorrents(r.Context(), b); err != nil {
			return nil, err
		}
	}
	return &view{name: "badge", title: "Badge: " + b.Title, data: data}, nil
}

// collectionsData is the page of all collections.
type collectionsData struct {
	Rows  []store.Collection
	Rules badgeRules
	Form  store.NewCollection
	Max   collectionLimits
}

// collectionLimits bound what operators type.
type collectionLimits struct{ Name, Title, About int }

var typedLimits = collectionLimits{store.MaxCollectionName, store.MaxCollectionTitle, store.MaxCollectionAbout}

func (s *site) collectionsView(r *http.Request, typed store.NewCollection) (*view, error) {
	list, err := s.Store.Collections(r.Context())
	return &view{name: "collections", title: "Collections", data: collectionsData{list, s.badgeRules(), typed, typedLimits}}, err
}

func (s *site) pageCollections(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.collectionsView(r, store.NewCollection{})
}

func typedCollection(r *http.Request, name string) (store.NewCollection, error) {
	if err := r.ParseForm(); err != nil {
		return store.NewCollection{}, badForm(err)
	}
	return store.NewCollection{Name: name, Title: r.PostForm.Get("title"), About: r.PostForm.Get("about")}, nil
}

func (s *site) doPutCollection(w http.ResponseWriter, r *http.Request) (*view, error) {
	c, err := typedCollection(r, r.PostFormValue("name"))
	if err != nil {
		return nil, err
	}
	if err := s.makeCollection(r, c); err != nil {
		v, viewErr := s.collectionsView(r, c)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/collections/"+c.Name, http.StatusSeeOther)
	return nil, nil
}

// makeCollection is putCollection for a name that is free: a form that makes one must not change another.
func (s *site) makeCollection(r *http.Request, c store.NewCollection) error {
	switch _, err := s.Store.Collection(r.Context(), c.Name); {
	case err == nil:
		return fail(http.StatusConflict, "exists", "There is a collection of this name already; change it on its own page.")
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	_, err := s.putCollection(r, c)
	return err
}

// collectionData is the page of one collection.
type collectionData struct {
	store.Collection
	Rows   []store.CollectionTorrent
	Hosted int // of the rows
	Rules  badgeRules
	Form   store.NewCollection
	Typed  string // the torrent to add
	Max    collectionLimits
}

func (s *site) collectionView(r *http.Request, c store.Collection) (*view, error) {
	d := collectionData{Collection: c, Rules: s.badgeRules(), Form: c.NewCollection, Typed: r.PostForm.Get("torrent"), Max: typedLimits}
	var err error
	d.Rows, err = s.Store.CollectionTorrents(r.Context(), c.ID, visitorOf(r).member.ID)
	for _, t := range d.Rows {
		if t.Hosted {
			d.Hosted++
		}
	}
	return &view{name: "collection", title: c.Title, data: &d}, err
}

func (s *site) pageCollection(_ http.ResponseWriter, r *http.Request) (*view, error) {
	c, err := s.collection(r)
	if err != nil {
		return nil, err
	}
	return s.collectionView(r, c)
}

// changedCollection shows the collection that the path names again: by a redirect, or with what was wrong.
func (s *site) changedCollection(w http.ResponseWriter, r *http.Request, err error) (*view, error) {
	c, viewErr := s.collection(r)
	if viewErr != nil {
		return nil, viewErr
	}
	if err == nil {
		http.Redirect(w, r, "/collections/"+c.Name, http.StatusSeeOther)
		return nil, nil
	}
	v, viewErr := s.collectionView(r, c)
	if viewErr != nil {
		return nil, viewErr
	}
	return s.again(r, v, err)
}

func (s *site) doChangeCollection(w http.ResponseWriter, r *http.Request) (*view, error) {
	was, err := s.collection(r)
	if err != nil {
		return nil, err
	}
	c, err := typedCollection(r, was.Name)
	if err != nil {
		return nil, err
	}
	_, err = s.putCollection(r, c)
	return s.changedCollection(w, r, err)
}

func (s *site) doAddToCollection(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	return s.changedCollection(w, r, s.addToCollection(r, r.PostForm.Get("torrent")))
}

func (s *site) doRemoveFromCollection(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	return s.changedCollection(w, r, s.removeFromCollection(r, r.PostForm.Get("torrent")))
}
