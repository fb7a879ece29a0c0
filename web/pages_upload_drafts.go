package web

import (
	"errors"
	"net/http"

	"github.com/swarmstake/swarmstake/store"
)

func (s *site) pageDrafts(_ http.ResponseWriter, r *http.Request) (*view, error) {
	list, err := s.Store.Drafts(r.Context(), visitorOf(r).member.ID)
	return &view{name: "drafts", title: "Your drafts", data: map[string]any{"Drafts": list, "Most": store.MaxDrafts}}, err
}

// draftData is one draft and its form.
type draftData struct {
	textForm
	D store.Draft
}

// draft finds the visitor's draft that the path names.
func (s *site) draft(r *http.Request) (store.Draft, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return store.Draft{}, err
	}
	d, err := s.Store.Draft(r.Context(), visitorOf(r).member.ID, id)
	if errors.Is(err, store.ErrNotFound) {
		err = fail(http.StatusNotFound, "not_found", "You have no such draft: it was published or discarded.")
	}
	return d, err
}

func draftView(d store.Draft, f textForm) *view {
	return &view{name: "draft", title: "Draft: " + d.Name, data: draftData{f, d}}
}

func (s *site) pageDraft(_ http.ResponseWriter, r *http.Request) (*view, error) {
	d, err := s.draft(r)
	if err != nil {
		return nil, err
	}
	return draftView(d, showText(draftText(d))), nil
}

// draftText is what a draft says about its torrent.
func draftText(d store.Draft) store.TorrentText {
	return store.TorrentText{Name: d.Name, Description: d.Description, Category: d.Category, Tags: d.Tags}
}

// saveDraft keeps what was typed about a draft.
func (s *site) saveDraft(r *http.Request, d store.Draft, f textForm) error {
	text, err := f.named()
	if err != nil {
		return err
	}
	if err := s.mayUpload(r); err != nil { // the row is written as a whole, with the file
		return err
	}
	return s.Store.EditDraft(r.Context(), visitorOf(r).member.ID, d.ID, text)
}

// publishDraft puts a draft into the catalogue and tells the announce path.
func (s *site) publishDraft(r *http.Request, d store.Draft) error {
	id, err := s.Store.PublishDraft(r.Context(), visitorOf(r).member.ID, d.ID)
	if errors.Is(err, store.ErrExists) {
		return errUploaded(d.InfoHash)
	}
	if err != nil {
		return err
	}
	return s.Roster.TorrentAdded(r.Context(), id)
}

// changeDraft saves what was typed about a draft, does what else was asked for, and goes on.
func (s *site) changeDraft(w http.ResponseWriter, r *http.Request, then func(store.Draft) (next string, err error)) (*view, error) {
	d, err := s.draft(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	f := postedText(r.PostForm)
	err = s.saveDraft(r, d, f)
	next := ""
	if err == nil {
		next, err = then(d)
	}
	if err != nil {
		return s.again(r, draftView(d, f), err)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil, nil
}

func (s *site) doSaveDraft(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.changeDraft(w, r, func(store.Draft) (string, error) { return "/upload/drafts#drafts", nil })
}

func (s *site) doPublishDraft(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.changeDraft(w, r, func(d store.Draft) (string, error) {
		return donePath(d.InfoHash.String(), d.Changed), s.publishDraft(r, d)
	})
}

func (s *site) doDiscardDraft(w http.ResponseWriter, r *http.Request) (*view, error) {
	d, err := s.draft(r)
	if err != nil {
		return nil, err
	}
	if err := s.Store.DiscardDraft(r.Context(), visitorOf(r).member.ID, d.ID); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/upload/drafts", http.StatusSeeOther)
	return nil, nil
}
