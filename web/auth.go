package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

const (
	sessionTTL = 30 * 24 * time.Hour
	tokenTTL   = 365 * 24 * time.Hour
	// tokenPrefix lets people and secret scanners recognise an API token.
	tokenPrefix = "swst_"
)

// visitor is who sends a request; member and node nil: nobody known.
type visitor struct {
	member  *store.Member
	session *store.Session // by which the member came; nil: by an API token
	scope   store.Scope    // of that token
	node    *store.Node
}

type visitorKey struct{}

func visitorOf(r *http.Request) visitor {
	v, _ := r.Context().Value(visitorKey{}).(visitor)
	return v
}

// identify finds out who sends the request, by bearer token or session cookie. A wrong or old
// secret makes a visitor unknown; the routes say who they are for. Nodes' tokens are looked at by
// the routes for nodes only, because a look uses them up.
func (s *site) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/") {
			next.ServeHTTP(w, r)
			return
		}
		v, err := s.visitor(r)
		switch {
		case err == nil:
			r = r.WithContext(context.WithValue(r.Context(), visitorKey{}, v))
		case !errors.Is(err, store.ErrNotFound):
			s.complain(r, "cannot look up who is asking", "error", err)
			errInternal.refuse(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// visitor looks up the member who sends a request. store.ErrNotFound: nobody known.
func (s *site) visitor(r *http.Request) (visitor, error) {
	if secret, ok := bearer(r); ok {
		if looksLikeJWT(secret) {
			return visitor{}, store.ErrNotFound
		}
		m, t, err := s.Store.Token(r.Context(), secret)
		if err == nil && s.unseen(t.SeenMs) {
			s.noted(s.Store.SeeToken(r.Context(), t.ID))
		}
		return visitor{member: visiting(&m), scope: t.Scope}, err
	}
	c, err := r.Cookie(s.cookieName())
	if err != nil || c.Value == "" {
		return visitor{}, store.ErrNotFound
	}
	x, err := s.Store.Session(r.Context(), c.Value)
	if err == nil && s.unseen(x.SeenMs) {
		s.noted(s.Store.SeeSession(r.Context(), x.ID, s.coarseNetwork(r)))
	}
	return visitor{member: visiting(&x.Member), session: &x}, err
}

// visiting takes the rights of an operator from whose account is closed: they may look at what is theirs only.
func visiting(m *store.Member) *store.Member {
	m.Operator = m.Operator && m.Banned == ""
	return m
}

// unseen reports whether it is time again to note that a session or a token is used.
func (s *site) unseen(ms int64) bool { return s.Now().UnixMilli()-ms >= store.SeenEvery.Milliseconds() }

// noted lets a request go on although it could not be noted when it came: with a full disk people may
// still look.
func (s *site) noted(err error) {
	if err != nil {
		s.Log.Warn("cannot note when a session was used", "error", err)
	}
}

// memberOf is the member who sends a request, looked up anew. store.ErrNotFound: nobody known.
func (s *site) memberOf(r *http.Request) (store.Member, error) {
	v, err := s.visitor(r)
	if err != nil {
		return store.Member{}, err
	}
	return *v.member, nil
}

func bearer(r *http.Request) (string, bool) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return secret, ok && strings.EqualFold(scheme, "Bearer")
}

type handler = func(http.ResponseWriter, *http.Request) error

// asMember admits members only: by a session, or by an API token whose scope is wide enough.
func (s *site) asMember(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := visitorOf(r)
		m := v.member
		if m == nil {
			return errSignIn
		}
		if err := s.within(r, v); err != nil {
			return err
		}
		if m.Banned != "" && r.Method != http.MethodGet {
			return fail(http.StatusForbidden, "banned", "This account is closed: %s", m.Banned)
		}
		return h(w, r)
	}
}

// asOperator admits operators only.
func (s *site) asOperator(h handler) handler {
	return s.asMember(func(w http.ResponseWriter, r *http.Request) error {
		if m := visitorOf(r).member; !m.Operator || m.Banned != "" {
			return errOperator
		}
		return h(w, r)
	})
}

// asNode admits nodes only.
func (s *site) asNode(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		secret, ok := bearer(r)
		if !ok || !looksLikeJWT(secret) {
			return errNode
		}
		n, signed, err := s.nodeOf(r.Context(), secret)
		if err == nil && r.Method != http.MethodGet {
			r.Body, err = signed.verify(r.Body)
		}
		if err != nil {
			return err
		}
		return h(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, visitor{node: &n})))
	}
}

// asAnybody admits members and nodes.
func (s *site) asAnybody(h handler) handler {
	member, node := s.asMember(h), s.asNode(h)
	return func(w http.ResponseWriter, r *http.Request) error {
		if secret, ok := bearer(r); ok && looksLikeJWT(secret) {
			return node(w, r)
		}
		return member(w, r)
	}
}

// cookieName is bound to the host over https; browsers refuse __Host- over http.
func (s *site) cookieName() string {
	if s.secure {
		return "__Host-session"
	}
	return "swarmstake_session"
}

// startSession signs in somebody who has just proved who they are, unless their password was changed
// since m was read. The secret is new, and what the browser had before ends.
func (s *site) startSession(w http.ResponseWriter, r *http.Request, m store.Member) error {
	if c, err := r.Cookie(s.cookieName()); err == nil && c.Value != "" {
		if err := s.Store.EndSession(r.Context(), c.Value); err != nil {
			return err
		}
	}
	secret := s.secret()
	n := store.NewSession{Member: m.ID, Secret: secret, TTL: sessionTTL, Agent: agentWords(r.UserAgent()), Network: s.coarseNetwork(r), PasswordHash: m.PasswordHash}
	err := s.Store.StartSession(r.Context(), n)
	if errors.Is(err, store.ErrNotFound) {
		return errSignIn
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(secret, int(sessionTTL.Seconds())))
	return nil
}

func (s *site) endSession(w http.ResponseWriter, r *http.Request) error {
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return nil
	}
	http.SetCookie(w, s.cookie("", -1))
	return s.Store.EndSession(r.Context(), c.Value)
}

func (s *site) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: s.cookieName(), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
}

// secret is 256 random bits as text.
func (s *site) secret() string {
	var b [32]byte
	s.Random(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// credentials are what a person types to sign in or up.
type credentials struct {
	Name     string `json:"name" doc:"2 to 32 letters, digits, . _ or -, a letter or digit first"`
	Password string `json:"password"`
}

// signIn checks credentials. An unknown name takes as long as a wrong password.
func (s *site) signIn(r *http.Request, c credentials) (store.Member, error) {
	if err := s.takesPasswords(); err != nil {
		return store.Member{}, err
	}
	name := strings.ToLower(c.Name)
	if store.CheckName(c.Name) != nil {
		name = "" // all impossible names share one bucket
	}
	if err := s.limit(s.signIns, name+" "+s.network(r)); err != nil {
		return store.Member{}, err
	}
	m, err := s.Store.MemberByName(r.Context(), c.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return m, err
	}
	ok, err := s.passwords.check(r.Context(), m.PasswordHash, c.Password)
	if err == nil && !ok {
		err = errPassword
	}
	return m, err
}

// join makes an account, with an invitation or, where registration is open, without.
func (s *site) join(r *http.Request, c credentials, invite string) (store.Member, error) {
	if err := s.takesPasswords(); err != nil {
		return store.Member{}, err
	}
	if err := store.CheckName(c.Name); err != nil {
		return store.Member{}, err
	}
	if err := s.limit(s.joins, s.network(r)); err != nil {
		return store.Member{}, err
	}
	n, err := s.newMember(r.Context(), c)
	if err != nil {
		return store.Member{}, err
	}
	n.Invite = typedInvite(invite)
	m, err := s.Store.RegisterMember(r.Context(), n)
	if err != nil {
		return m, nameTaken(err)
	}
	return m, s.Roster.MemberAdded(r.Context(), m.ID)
}

func nameTaken(err error) error {
	if errors.Is(err, store.ErrExists) {
		return fail(http.StatusConflict, "name_taken", "This name is taken; choose another.")
	}
	return err
}

func (s *site) newMember(ctx context.Context, c credentials) (store.NewMember, error) {
	hash, err := s.passwords.hash(ctx, c.Password)
	n := store.NewMember{Name: c.Name, PasswordHash: hash}
	s.Random(n.Secret[:])
	return n, err
}

// takesPasswords refuses passwords that everybody on the way could read.
func (s *site) takesPasswords() error {
	if s.secure || s.Dev {
		return nil
	}
	return errPlain
}

// headers are those of SECURITY 23.
func (s *site) headers(next http.Handler) http.Handler {
	const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// recoverer turns a panic into a logged internal error.
func (s *site) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.Log.Error("panic in a request", "route", loggedRoute(r), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				errInternal.refuse(w, r)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// maxKey bounds an Idempotency-Key.
const maxKey = 128

// onceAPI reads the request's Idempotency-Key.
func (s *site) onceAPI(r *http.Request, body []byte) (store.Once, error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || len(key) > maxKey {
		return store.Once{}, fail(http.StatusBadRequest, "idempotency_key", "Send a header Idempotency-Key of 1 to %d characters, a new one for each new request.", maxKey)
	}
	return onceFor(r, key, body), s.mayMove(r)
}

// onceAbout reads a request that moves money and has no body: what it is about, and its key.
func (s *site) onceAbout(r *http.Request) (id int64, o store.Once, err error) {
	if id, err = numberInPath(r, "id"); err != nil {
		return 0, o, err
	}
	o, err = s.onceAPI(r, nil)
	return id, o, err
}

func onceFor(r *http.Request, key string, body []byte) store.Once {
	sum := sha256.Sum256(body)
	return store.Once{Member: visitorOf(r).member.ID, Key: key, Request: append([]byte(r.Method+" "+r.URL.Path+" "), sum[:]...)}
}
