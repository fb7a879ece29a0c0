package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// accountView is how a member can come in, and what is open.
type accountView struct {
	Member        string      `json:"member"`
	MemberID      bt.MemberID `json:"member_id"`
	Operator      bool        `json:"operator"`
	TOTP          bool        `json:"totp" doc:"there is an authenticator"`
	RecoveryCodes int         `json:"recovery_codes" doc:"that are left"`
	Passkeys      int         `json:"passkeys"`
	Sessions      int         `json:"sessions"`
	Tokens        int         `json:"tokens"`
	FeedKey       bool        `json:"feed_key" doc:"there is one"`
}

func (s *site) apiAccount(w http.ResponseWriter, r *http.Request) error {
	m := visitorOf(r).member
	f, err := s.Store.Factors(r.Context(), m.ID)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, accountView{m.Name, m.ID, m.Operator, f.TOTP, f.RecoveryCodes, f.Passkeys, f.Sessions, f.Tokens, f.Feed})
}

// passwordBody is a new password.
type passwordBody struct {
	Password string `json:"password"`
}

// apiPassword changes the password. Every session ends; the one that asked is begun anew.
func (s *site) apiPassword(w http.ResponseWriter, r *http.Request) error {
	var in passwordBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	m := *visitorOf(r).member
	var err error
	if m.PasswordHash, err = s.changePassword(r, m, in.Password, in.Password); err != nil {
		return err
	}
	if visitorOf(r).session != nil {
		err = s.startSession(w, r, m)
	}
	return done(w, err)
}

// sessionsView is a page of the browsers in which a member is signed in, the one last used first.
type sessionsView struct {
	Sessions []openSession `json:"sessions"`
	Next     string        `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// openSession is one of them.
type openSession struct {
	ID        string    `json:"id" doc:"names it and opens nothing"`
	Agent     string    `json:"agent" doc:"the browser, in words"`
	Network   string    `json:"network" doc:"roughly from where it was last used"`
	This      bool      `json:"this" doc:"it is the one that asks"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at" doc:"when it was last used, to some minutes"`
}

// ownSession is the id of the session that asks; empty: a token does.
func ownSession(r *http.Request) string {
	if x := visitorOf(r).session; x != nil {
		return x.ID
	}
	return ""
}

func (s *site) apiSessions(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.Sessions(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	page, next, err := pageOf(r, list, func(x store.Session) string { return x.ID })
	if err != nil {
		return err
	}
	own := ownSession(r)
	return answer(w, http.StatusOK, sessionsView{views(page, func(x store.Session) openSession {
		return openSession{x.ID, x.Agent, x.Network, x.ID == own, utc(x.CreatedMs), utc(x.SeenMs)}
	}), next})
}

func (s *site) apiEndSession(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.Store.EndSessionOf(r.Context(), visitorOf(r).member.ID, chi.URLParam(r, "session")))
}

func (s *site) apiEndSessions(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.Store.EndSessions(r.Context(), visitorOf(r).member.ID, ownSession(r)))
}

// tokensView is a page of a member's API tokens, newest first.
type tokensView struct {
	Tokens []keptToken `json:"tokens"`
	Next   string      `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// keptToken is one of them.
type keptToken struct {
	ID        string      `json:"id" doc:"names it and opens nothing"`
	Label     string      `json:"label"`
	Scope     store.Scope `json:"scope" enum:"read,trade,full"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt time.Time   `json:"expires_at"`
	SeenAt    *time.Time  `json:"seen_at" doc:"when it was last used, to some minutes; null: never"`
}

func (s *site) apiTokens(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.APITokens(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	page, next, err := pageOf(r, list, func(x store.TokenInfo) string { return x.ID })
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, tokensView{views(page, func(x store.TokenInfo) keptToken {
		return keptToken{x.ID, x.Label, x.Scope, utc(x.CreatedMs), utc(x.ExpiresMs), utcOrNil(x.SeenMs)}
	}), next})
}

func (s *site) apiRevokeToken(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.Store.RevokeAPIToken(r.Context(), visitorOf(r).member.ID, chi.URLParam(r, "token")))
}

// feedKeyView is what feed readers show instead of a session.
type feedKeyView struct {
	Key       string    `json:"key"`
	CreatedAt time.Time `json:"created_at"`
}

func (s *site) apiFeedKey(w http.ResponseWriter, r *http.Request) error {
	k, err := s.Store.FeedKey(r.Context(), visitorOf(r).member.ID)
	if errors.Is(err, store.ErrNotFound) {
		return fail(http.StatusNotFound, "not_found", "You have no feed key; make one by POST.")
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, feedKeyView{k.Key, utc(k.CreatedMs)})
}

func (s *site) apiSetFeedKey(w http.ResponseWriter, r *http.Request) error {
	m := visitorOf(r).member.ID
	if err := s.Store.SetFeedKey(r.Context(), m, s.secret()); err != nil {
		return err
	}
	k, err := s.Store.FeedKey(r.Context(), m)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, feedKeyView{k.Key, utc(k.CreatedMs)})
}

func (s *site) apiRemoveFeedKey(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.Store.RemoveFeedKey(r.Context(), visitorOf(r).member.ID))
}

// keyView is when the announce key was replaced. The key itself is in the torrent files that a member downloads.
type keyView struct {
	ResetAt  *time.Time `json:"reset_at" doc:"null: never"`
	OldUntil *time.Time `json:"old_answered_until" doc:"until when clients with the old key are told so; null: no longer"`
}

func (s *site) apiKey(w http.ResponseWriter, r *http.Request) error {
	k, err := s.Store.KeyReset(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	v := keyView{ResetAt: utcOrNil(k.AtMs)}
	if s.Now().UnixMilli() < k.UntilMs {
		v.OldUntil = utcOrNil(k.UntilMs)
	}
	return answer(w, http.StatusOK, v)
}

// sureBody says that somebody knows what they do.
type sureBody struct {
	Sure bool `json:"sure" doc:"true: you know that every torrent file has to be downloaded again"`
}

func (s *site) apiResetKey(w http.ResponseWriter, r *http.Request) error {
	var in sureBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if !in.Sure {
		return fail(http.StatusUnprocessableEntity, "sure", "Send sure: true, if you know that every .torrent file has to be downloaded again.")
	}
	if err := s.resetKey(r); err != nil {
		return err
	}
	return s.apiKey(w, r)
}
