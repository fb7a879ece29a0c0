package web

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// freshFor is how long somebody who has proved who they are is not asked again.
const freshFor = 15 * time.Minute

// Fields of the confirm page. The handler behind it never sees them.
const (
	confirmPassword = "confirm_password"
	confirmCode     = "confirm_code"
	confirmPasskey  = "confirm_passkey"
)

// Limits of what the confirm page carries of the form that it stands before.
const (
	maxCarried      = 32      // fields
	maxCarriedBytes = 8 << 10 // of names and values
)

var errStale = fail(http.StatusForbidden, "fresh_factor", "This needs a fresh proof that it is you: confirm at /account/confirm, then do it again within 15 minutes.")

// pageHandler is a handler of pages.
type pageHandler = func(http.ResponseWriter, *http.Request) (*view, error)

// freshMembers admits signed-in members who have proved lately who they are (SECURITY 25). Whoever has
// not is asked, and what they sent is carried along: after the proof it happens in the same step.
func (s *site) freshMembers(h pageHandler) http.HandlerFunc { return s.members(s.fresh(h)) }

// freshOperators is freshMembers for operators only.
func (s *site) freshOperators(h pageHandler) http.HandlerFunc { return s.operators(s.fresh(h)) }

func (s *site) fresh(h pageHandler) pageHandler {
	return func(w http.ResponseWriter, r *http.Request) (*view, error) {
		x := visitorOf(r).session
		switch {
		case x == nil: // a token has the scope for it, or would not have come here
			return h(w, r)
		case r.Method != http.MethodGet:
			return s.freshPost(w, r, x, h)
		case s.isFresh(x):
			return h(w, r)
		}
		http.Redirect(w, r, "/account/confirm?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return nil, nil
	}
}

func (s *site) freshPost(w http.ResponseWriter, r *http.Request, x *store.Session, h pageHandler) (*view, error) {
	if s.isFresh(x) {
		if err := r.ParseForm(); err != nil {
			return nil, badForm(err)
		}
		return h(w, withoutProof(r)) // a confirm page that is sent twice is the same form twice
	}
	if err := parseCarried(r); err != nil {
		return nil, err
	}
	if !r.PostForm.Has(confirmPassword) && !r.PostForm.Has(confirmPasskey) {
		return s.confirmView(r, r.URL.RequestURI(), r.PostForm)
	}
	if err := s.confirm(r, x); err != nil {
		v, viewErr := s.confirmView(r, r.URL.RequestURI(), r.PostForm)
		if viewErr != nil {
			return nil, viewErr
		}
		v.status = 0 // the problem's own: wrong, or too often
		return s.again(r, v, err)
	}
	return h(w, withoutProof(r))
}

// withoutProof takes the confirm page's own fields out of a form.
func withoutProof(r *http.Request) *http.Request {
	for _, name := range []string{confirmPassword, confirmCode, confirmPasskey} {
		r.PostForm.Del(name)
		r.Form.Del(name)
	}
	return r
}

func (s *site) isFresh(x *store.Session) bool {
	return s.Now().UnixMilli()-x.FreshMs < freshFor.Milliseconds()
}

// parseCarried reads the form of a request if the confirm page can carry it.
func parseCarried(r *http.Request) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "" && kind != "application/x-www-form-urlencoded" {
		return errStale
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	fields, bytes := 0, 0
	for name, values := range r.PostForm {
		if name == confirmPasskey { // bounded by the request's limit; it goes no further
			continue
		}
		for _, v := range values {
			fields, bytes = fields+1, bytes+len(name)+len(v)
		}
	}
	if fields > maxCarried || bytes > maxCarriedBytes {
		return errStale
	}
	return nil
}

// confirm checks what somebody showed on the confirm page, and makes their session fresh.
func (s *site) confirm(r *http.Request, x *store.Session) error {
	if err := s.checkConfirmed(r, x); err != nil {
		return err
	}
	err := s.Store.ConfirmSession(r.Context(), x.ID)
	if errors.Is(err, store.ErrNotFound) {
		return errSignIn // ended meanwhile
	}
	x.FreshMs = s.Now().UnixMilli()
	return err
}

// checkConfirmed takes a passkey, or the password and, if the member has an authenticator, a code. A
// stolen session tries as seldom as a stranger, from wherever it comes.
func (s *site) checkConfirmed(r *http.Request, x *store.Session) error {
	if answer := r.PostForm.Get(confirmPasskey); answer != "" {
		return s.showPasskey(r, x, answer)
	}
	back, err := s.auth.confirms.take(x.ID, s.Now())
	if err != nil {
		return err
	}
	m, err := s.signIn(r, credentials{Name: x.Member.Name, Password: r.PostForm.Get(confirmPassword)})
	if err == errPassword {
		return errWrongPassword
	}
	if err != nil {
		return err
	}
	if err := s.secondFactor(r, m, r.PostForm.Get(confirmCode), true); err != nil {
		return err
	}
	back()
	return nil
}

// confirmData is the page that asks again who somebody is.
type confirmData struct {
	Action  string // where the form goes, on this site
	Fields  []carried
	Code    bool // the member has an authenticator
	Passkey bool
}

// carried is a field of the form that the page stands before.
type carried struct{ Name, Value string }

// confirmView asks for a proof and carries the form to where it was going.
func (s *site) confirmView(r *http.Request, action string, form url.Values) (*view, error) {
	f, err := s.Store.Factors(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return nil, err
	}
	d := confirmData{Action: action, Code: f.TOTP, Passkey: s.auth.passkeys != nil && f.Passkeys > 0}
	for name, values := range form {
		if name == confirmPassword || name == confirmCode || name == confirmPasskey {
			continue
		}
		for _, v := range values {
			d.Fields = append(d.Fields, carried{shownAgain(name), shownAgain(v)})
		}
	}
	slices.SortStableFunc(d.Fields, func(a, b carried) int { return strings.Compare(a.Name, b.Name) })
	return &view{name: "confirm", title: "Confirm that it is you", data: d, status: http.StatusForbidden}, nil
}

// pageConfirm asks for a proof before what only a GET leads to, or a program's request.
func (s *site) pageConfirm(w http.ResponseWriter, r *http.Request) (*view, error) {
	next := localPath(r.URL.Query().Get("next"), "/account")
	if x := visitorOf(r).session; x == nil || s.isFresh(x) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil, nil
	}
	v, err := s.confirmView(r, "/account/confirm", url.Values{"next": {next}})
	if err == nil {
		v.status = http.StatusOK
	}
	return v, err
}

// doConfirm is behind freshMembers: whoever comes here has proved who they are.
func (s *site) doConfirm(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	http.Redirect(w, r, localPath(r.PostForm.Get("next"), "/account"), http.StatusSeeOther)
	return nil, nil
}
