package web

import (
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

// passwordLink is the form behind a link of store.AddPasswordLink.
type passwordLink struct {
	Name     string
	Min, Max int
}

var errPasswordLink = fail(http.StatusNotFound, "password_link", "This link was used already, or another one took its place. Whoever gave it to you can make a new one.")

// linkedMember is whose password the link in the path changes.
func (s *site) linkedMember(r *http.Request) (store.Member, error) {
	m, err := s.Store.PasswordLink(r.Context(), chi.URLParam(r, "token"))
	if errors.Is(err, store.ErrNotFound) {
		err = errPasswordLink
	}
	return m, err
}

func (s *site) pagePasswordLink(_ http.ResponseWriter, r *http.Request) (*view, error) {
	m, err := s.linkedMember(r)
	return &view{name: "password-link", title: "Choose your password", data: passwordLink{m.Name, minPassword, maxPassword}}, err
}

// doPasswordLink sets the password and leads to where one signs in with it: a second factor is asked for there.
func (s *site) doPasswordLink(w http.ResponseWriter, r *http.Request) (*view, error) {
	v, err := s.pagePasswordLink(w, r) // before the costly hash
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	hash, err := s.newPassword(r, r.PostForm.Get("password"), r.PostForm.Get("again"))
	if err == nil {
		_, err = s.Store.UsePasswordLink(r.Context(), chi.URLParam(r, "token"), hash)
	}
	if err != nil {
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil, nil
}
