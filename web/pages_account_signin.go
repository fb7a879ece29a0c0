package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// halfTTL is how long somebody whose password was right has for the code.
const halfTTL = 10 * time.Minute

const halfPurpose = "half-way through a sign-in"

// halfCookie holds the seal of a right password. It is no session: it opens the page that asks for
// the code and nothing else, once, until halfTTL is over or the password changes.
func (s *site) halfCookie(value string, maxAge int) *http.Cookie {
	c := s.cookie(value, maxAge)
	c.Name = s.halfName()
	return c
}

func (s *site) halfName() string {
	if s.secure {
		return "__Host-half"
	}
	return "swarmstake_half"
}

// halfWay lets somebody whose password was right show a code.
func (s *site) halfWay(w http.ResponseWriter, r *http.Request, m store.Member, next string) (*view, error) {
	sealed := s.auth.seal.Make(halfPurpose, halfBody(m), s.nonce(), s.Now().Add(halfTTL))
	http.SetCookie(w, s.halfCookie(base64.RawURLEncoding.EncodeToString(sealed), int(halfTTL.Seconds())))
	http.Redirect(w, r, "/sign-in/code?"+url.Values{"next": {next}}.Encode(), http.StatusSeeOther)
	return nil, nil
}

// halfBody names a member and the password that was right.
func halfBody(m store.Member) []byte {
	sum := sha256.Sum256([]byte(m.PasswordHash))
	return append(binary.BigEndian.AppendUint64(nil, uint64(m.ID)), sum[:]...)
}

// half is whose password was right in this browser, and the seal that says so. store.ErrNotFound:
// nobody's, or too long ago.
func (s *site) half(r *http.Request) (store.Member, []byte, error) {
	c, err := r.Cookie(s.halfName())
	if err != nil {
		return store.Member{}, nil, store.ErrNotFound
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return store.Member{}, nil, store.ErrNotFound
	}
	body, ok := s.auth.seal.Open(halfPurpose, sealed, s.Now())
	if !ok || len(body) < 8 {
		return store.Member{}, nil, store.ErrNotFound
	}
	m, err := s.Store.Member(r.Context(), bt.MemberID(binary.BigEndian.Uint64(body)))
	if err != nil {
		return m, nil, err
	}
	if !bytes.Equal(body, halfBody(m)) {
		return store.Member{}, nil, store.ErrNotFound
	}
	return m, sealed, nil
}

// codeView asks for the second factor.
func codeView(next string) *view {
	return &view{name: "account-code", title: "Your code", data: map[string]string{"Next": next}}
}

func (s *site) pageSignInCode(w http.ResponseWriter, r *http.Request) (*view, error) {
	next := localPath(r.URL.Query().Get("next"), "")
	if _, _, err := s.half(r); err != nil {
		return s.backToSignIn(w, r, next, err)
	}
	return codeView(next), nil
}

// backToSignIn begins again with the password if the half-way state is over.
func (s *site) backToSignIn(w http.ResponseWriter, r *http.Request, next string, err error) (*view, error) {
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	http.SetCookie(w, s.halfCookie("", -1))
	http.Redirect(w, r, "/sign-in?"+url.Values{"next": {next}}.Encode(), http.StatusSeeOther)
	return nil, nil
}

func (s *site) doSignInCode(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	next := localPath(r.PostForm.Get("next"), "")
	m, sealed, err := s.half(r)
	if err != nil {
		return s.backToSignIn(w, r, next, err)
	}
	if err := s.secondFactor(r, m, r.PostForm.Get("code"), false); err != nil {
		return s.again(r, codeView(next), err)
	}
	if !s.auth.seal.Spend(sealed, s.Now()) {
		return s.backToSignIn(w, r, next, store.ErrNotFound)
	}
	http.SetCookie(w, s.halfCookie("", -1))
	return s.signedIn(w, r, m, next)
}
