package web

import (
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

func (s *site) keyPages(r chi.Router) {
	r.Get("/mine/key", s.members(s.pageKey))
	r.Post("/mine/key", s.freshMembers(s.doResetKey))
}

type keyData struct {
	store.KeyReset
	Done    bool // it was replaced just now
	Answers bool // the old key is still told so
	Counts  store.OwnCounts
}

// pageKey explains what the announce key is, and what replacing it does.
func (s *site) pageKey(_ http.ResponseWriter, r *http.Request) (*view, error) {
	m := visitorOf(r).member.ID
	k, err := s.Store.KeyReset(r.Context(), m)
	if err != nil {
		return nil, err
	}
	d := keyData{KeyReset: k, Answers: s.Now().UnixMilli() < k.UntilMs}
	d.Done = d.Answers && r.URL.Query().Get("done") == "1"
	if d.Counts, err = s.Store.OwnCounts(r.Context(), m, liveFor); err != nil {
		return nil, err
	}
	return &view{name: "key", title: "Announce key", data: d}, nil
}

// resetKey replaces the visitor's key, and has the tracker told of it.
func (s *site) resetKey(r *http.Request) error {
	m := visitorOf(r).member.ID
	var secret [32]byte
	s.Random(secret[:])
	err := s.Store.ResetKey(r.Context(), m, secret)
	if errors.Is(err, store.ErrKeyAge) {
		return fail(http.StatusConflict, "key_age", "The key was replaced less than %s ago; wait a little before you replace it once more.", span(store.MinKeyAge))
	}
	if err != nil {
		return err
	}
	return s.Roster.MemberAdded(r.Context(), m)
}

func (s *site) doResetKey(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if r.PostForm.Get("sure") != "yes" {
		return s.keyAgain(w, r, fail(http.StatusUnprocessableEntity, "sure", "Tick that you know that every .torrent file has to be downloaded again."))
	}
	if err := s.resetKey(r); err != nil {
		return s.keyAgain(w, r, err)
	}
	http.Redirect(w, r, "/mine/key?done=1", http.StatusSeeOther)
	return nil, nil
}

func (s *site) keyAgain(w http.ResponseWriter, r *http.Request, err error) (*view, error) {
	v, viewErr := s.pageKey(w, r)
	if viewErr != nil {
		return nil, viewErr
	}
	return s.again(r, v, err)
}
