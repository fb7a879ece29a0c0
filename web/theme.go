package web

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
)

// themes are the looks that a visitor chooses from; the first is the browser's own choice.
var themes = []string{"system", "light", "dark"}

const themeCookie = "theme"

func (s *site) themePages(r chi.Router) { r.Post("/theme", s.page(s.doTheme)) }

// themeOf is the look that the visitor chose.
func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains(themes, c.Value) {
		return c.Value
	}
	return themes[0]
}

func (s *site) doTheme(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	theme := r.PostForm.Get("theme")
	if !slices.Contains(themes, theme) {
		return nil, fail(http.StatusUnprocessableEntity, "theme", "A look is system, light or dark.")
	}
	http.SetCookie(w, &http.Cookie{Name: themeCookie, Value: theme, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, localPath(r.PostForm.Get("next"), "/"), http.StatusSeeOther)
	return nil, nil
}
