package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

// maxTokenDays is the longest that an API token lasts.
const maxTokenDays = int(tokenTTL / (24 * time.Hour))

func (s *site) pageAccount(_ http.ResponseWriter, r *http.Request) (*view, error) {
	f, err := s.Store.Factors(r.Context(), visitorOf(r).member.ID)
	return &view{name: "account", title: "Account", data: map[string]any{"F": f, "Passkeys": s.auth.passkeys != nil}}, err
}

func passwordView() *view {
	return &view{name: "account-password", title: "Password", data: map[string]any{"Min": minPassword, "Max": maxPassword}}
}

func (s *site) pagePassword(http.ResponseWriter, *http.Request) (*view, error) {
	return passwordView(), nil
}

// doPassword changes the password, ends every session and begins a new one here.
func (s *site) doPassword(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	m := *visitorOf(r).member
	var err error
	if m.PasswordHash, err = s.changePassword(r, m, r.PostForm.Get("password"), r.PostForm.Get("again")); err != nil {
		return s.again(r, passwordView(), err)
	}
	if visitorOf(r).session != nil {
		if err := s.startSession(w, r, m); err != nil {
			return nil, err
		}
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil, nil
}

// changePassword returns the new one's hash. It has a limit, since sign-ins wait while a password is hashed; and
// one of its own, so that who has stolen a token for less cannot use it up.
func (s *site) changePassword(r *http.Request, m store.Member, password, again string) (string, error) {
	if err := s.limit(s.moves, fmt.Sprint("password ", m.ID)); err != nil {
		return "", err
	}
	hash, err := s.newPassword(r, password, again)
	if err != nil {
		return "", err
	}
	return hash, s.Store.SetPassword(r.Context(), m.ID, hash)
}

// newPassword is the hash of a password that was typed twice.
func (s *site) newPassword(r *http.Request, password, again string) (string, error) {
	if err := s.takesPasswords(); err != nil {
		return "", err
	}
	if password != again {
		return "", fail(http.StatusUnprocessableEntity, "password", "The two passwords are not the same; type the new one twice.")
	}
	return s.passwords.hash(r.Context(), password)
}

func (s *site) pageSessions(_ http.ResponseWriter, r *http.Request) (*view, error) {
	v := visitorOf(r)
	list, err := s.Store.Sessions(r.Context(), v.member.ID)
	own := ""
	if v.session != nil {
		own = v.session.ID
	}
	return &view{name: "account-sessions", title: "Sessions", data: map[string]any{"Sessions": list, "Own": own, "Seen": store.SeenEvery, "TTL": sessionTTL}}, err
}

func (s *site) doEndSession(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.gone(w, r, "/account/sessions", s.Store.EndSessionOf(r.Context(), visitorOf(r).member.ID, chi.URLParam(r, "id")))
}

func (s *site) doEndOthers(w http.ResponseWriter, r *http.Request) (*view, error) {
	keep := ""
	if x := visitorOf(r).session; x != nil {
		keep = x.ID
	}
	return s.gone(w, r, "/account/sessions", s.Store.EndSessions(r.Context(), visitorOf(r).member.ID, keep))
}

// gone goes on after something was ended: what is not there any more is ended as well.
func (s *site) gone(w http.ResponseWriter, r *http.Request, next string, err error) (*view, error) {
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil, nil
}

// tokensData is the page of a member's API tokens.
type tokensData struct {
	Tokens   []store.TokenInfo
	New      string // just made: shown once
	Form     tokenForm
	Scopes   []store.Scope
	MaxLabel int
	MaxDays  int
}

type tokenForm struct{ Label, Scope, Days string }

func (s *site) tokensView(r *http.Request, made string, form tokenForm) (*view, error) {
	list, err := s.Store.APITokens(r.Context(), visitorOf(r).member.ID)
	d := tokensData{Tokens: list, New: made, Form: form, Scopes: store.Scopes(), MaxLabel: maxLabel, MaxDays: maxTokenDays}
	return &view{name: "account-tokens", title: "API tokens", data: d}, err
}

func (s *site) pageTokens(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.tokensView(r, "", tokenForm{Scope: string(store.ScopeRead), Days: "90"})
}

// doAddToken answers with the page itself: it shows the token, once.
func (s *site) doAddToken(_ http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	form := tokenForm{r.PostForm.Get("label"), r.PostForm.Get("scope"), shownAgain(strings.TrimSpace(r.PostForm.Get("days")))}
	made, err := s.addToken(r, form)
	if err == nil {
		form = tokenForm{Scope: form.Scope, Days: form.Days}
	}
	form.Label = shownAgain(form.Label)
	v, viewErr := s.tokensView(r, made, form)
	if viewErr != nil {
		return nil, viewErr
	}
	if err != nil {
		return s.again(r, v, err)
	}
	v.status = http.StatusCreated
	return v, nil
}

func (s *site) addToken(r *http.Request, form tokenForm) (string, error) {
	label, err := oneLine(form.Label, "label", maxLabel)
	if err != nil {
		return "", err
	}
	days, err := strconv.Atoi(form.Days)
	if err != nil || days < 1 || days > maxTokenDays {
		return "", fail(http.StatusUnprocessableEntity, "days", "A token lasts 1 to %d days.", maxTokenDays)
	}
	scope, err := parseScope(form.Scope)
	if err != nil {
		return "", err
	}
	secret := tokenPrefix + s.secret()
	t := store.APIToken{Member: visitorOf(r).member.ID, Label: label, Secret: secret, TTL: time.Duration(days) * 24 * time.Hour, Scope: scope, Told: true}
	if err := s.Store.AddAPIToken(r.Context(), t); err != nil {
		return "", err
	}
	return secret, nil
}

// parseScope reads the name of a scope; nothing is none.
func parseScope(text string) (store.Scope, error) {
	scope := store.Scope(text)
	if !scope.Allows(store.ScopeRead) {
		return "", fail(http.StatusUnprocessableEntity, "scope", "A scope is read, trade or full.")
	}
	return scope, nil
}

func (s *site) doRevokeToken(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.gone(w, r, "/account/tokens", s.Store.RevokeAPIToken(r.Context(), visitorOf(r).member.ID, chi.URLParam(r, "id")))
}

func (s *site) doFeedKey(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.gone(w, r, "/account/feed", s.Store.SetFeedKey(r.Context(), visitorOf(r).member.ID, s.secret()))
}

func (s *site) doRemoveFeedKey(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.gone(w, r, "/account/feed", s.Store.RemoveFeedKey(r.Context(), visitorOf(r).member.ID))
}
