package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// draftsView is a page of a member's drafts, newest first.
type draftsView struct {
	Drafts []draftAnswer `json:"drafts"`
	Most   int           `json:"most" doc:"drafts that a member may keep"`
	Next   string        `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// draftAnswer is an upload that is not published.
type draftAnswer struct {
	ID          int64            `json:"id"`
	InfoHash    string           `json:"infohash"`
	Changed     bool             `json:"changed" doc:"the info-hash is another one than the file had: seed the file that we give back"`
	Name        string           `json:"name"`
	Category    catalog.Category `json:"category"`
	Tags        []string         `json:"tags"`
	Description string           `json:"description"`
	Size        bt.Bytes         `json:"size_bytes"`
	Files       int              `json:"files"`
	CreatedAt   time.Time        `json:"created_at"`
}

// publishedView is a torrent that was a draft.
type publishedView struct {
	InfoHash string   `json:"infohash"`
	Name     string   `json:"name"`
	Size     bt.Bytes `json:"size_bytes"`
	Changed  bool     `json:"changed" doc:"the info-hash is another one than the file had: seed the file that we give back"`
}

func newDraftAnswer(d store.Draft) draftAnswer {
	return draftAnswer{d.ID, d.InfoHash.String(), d.Changed, d.Name, d.Category, notNil(d.Tags), d.Description, d.Size, d.Files, utc(d.CreatedMs)}
}

func (s *site) apiDrafts(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.Drafts(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	page, next, err := pageOf(r, list, func(d store.Draft) string { return numberKey(d.ID) })
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, draftsView{views(page, newDraftAnswer), store.MaxDrafts, next})
}

func (s *site) apiDraft(w http.ResponseWriter, r *http.Request) error {
	d, err := s.draft(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newDraftAnswer(d))
}

func (s *site) apiAddDraft(w http.ResponseWriter, r *http.Request) error {
	if err := s.mayUpload(r); err != nil {
		return err
	}
	data, fields, err := readUpload(r)
	if err != nil {
		return err
	}
	n, changed, err := CheckTorrent(data, s.Source, fields)
	if err != nil {
		return err
	}
	id, err := s.keepDraft(r, n, changed)
	if err != nil {
		return err
	}
	d, err := s.Store.Draft(r.Context(), visitorOf(r).member.ID, id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, newDraftAnswer(d))
}

// keepDraft keeps an upload for the visitor alone.
func (s *site) keepDraft(r *http.Request, n store.NewTorrent, changed bool) (int64, error) {
	n.Uploader = visitorOf(r).member.ID
	id, err := s.Store.AddDraft(r.Context(), n, changed)
	if errors.Is(err, store.ErrExists) {
		err = errUploaded(n.InfoHash)
	}
	return id, err
}

func (s *site) apiEditDraft(w http.ResponseWriter, r *http.Request) error {
	var in textBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	d, err := s.draft(r)
	if err != nil {
		return err
	}
	f, err := in.over(draftText(d))
	if err == nil {
		err = s.saveDraft(r, d, f)
	}
	if err == nil {
		d, err = s.draft(r)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newDraftAnswer(d))
}

func (s *site) apiPublishDraft(w http.ResponseWriter, r *http.Request) error {
	d, err := s.draft(r)
	if err != nil {
		return err
	}
	if err := s.mayUpload(r); err != nil {
		return err
	}
	if err := s.publishDraft(r, d); err != nil {
		return err
	}
	return answer(w, http.StatusCreated, publishedView{d.InfoHash.String(), d.Name, d.Size, d.Changed})
}

func (s *site) apiDiscardDraft(w http.ResponseWriter, r *http.Request) error {
	d, err := s.draft(r)
	if err == nil {
		err = s.Store.DiscardDraft(r.Context(), visitorOf(r).member.ID, d.ID)
	}
	return done(w, err)
}
