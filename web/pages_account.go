package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

// accountPages are where members come in and prove who they are.
func (s *site) accountPages(r chi.Router) {
	r.Get("/sign-up", s.page(s.pageSignUp))
	r.Post("/sign-up", s.page(s.doSignUp))
	r.Get("/sign-in", s.page(s.pageSignIn))
	r.Post("/sign-in", s.page(s.doSignIn))
	r.Get("/sign-in/code", s.page(s.pageSignInCode))
	r.Post("/sign-in/code", s.page(s.doSignInCode))
	r.Post("/sign-in/passkey", s.page(s.doSignInPasskey))
	r.Post("/sign-in/passkey/begin", s.api(s.beginSignIn))
	r.Post("/sign-out", s.page(s.doSignOut))
	r.Get("/setup/{token}", s.page(s.pageSetup))
	r.Post("/setup/{token}", s.page(s.doSetup))
	r.Get("/password/{token}", s.page(s.pagePasswordLink))
	r.Post("/password/{token}", s.page(s.doPasswordLink))
	r.Route("/account", s.ownAccountPages)
}

// ownAccountPages are where members see and change how they sign in, and what they have opened by it.
// What makes it easier to come in needs a fresh proof; what ends something does not.
func (s *site) ownAccountPages(r chi.Router) {
	r.Get("/", s.members(s.pageAccount))
	r.Get("/confirm", s.members(s.pageConfirm))
	r.Post("/confirm", s.freshMembers(s.doConfirm))
	r.Post("/confirm/passkey", s.api(s.asMember(s.beginConfirm)))
	r.Get("/password", s.freshMembers(s.pagePassword)) // so that no new password has to be carried along
	r.Post("/password", s.freshMembers(s.doPassword))
	r.Get("/totp", s.freshMembers(s.pageTOTP))
	r.Post("/totp", s.freshMembers(s.doOfferTOTP))
	r.Post("/totp/confirm", s.freshMembers(s.doConfirmTOTP))
	r.Post("/totp/remove", s.freshMembers(s.doRemoveTOTP))
	r.Post("/totp/codes", s.freshMembers(s.doRecoveryCodes))
	r.Get("/passkeys", s.members(s.pagePasskeys))
	r.Get("/passkeys/new", s.freshMembers(s.pageNewPasskey))
	r.Post("/passkeys/begin", s.api(s.asMember(s.beginPasskey)))
	r.Post("/passkeys", s.freshMembers(s.doAddPasskey))
	r.Post("/passkeys/{id}/remove", s.freshMembers(s.doRemovePasskey))
	r.Get("/sessions", s.members(s.pageSessions))
	r.Post("/sessions/others", s.members(s.doEndOthers))
	r.Post("/sessions/{id}/end", s.members(s.doEndSession))
	r.Get("/tokens", s.members(s.pageTokens))
	r.Post("/tokens", s.freshMembers(s.doAddToken))
	r.Post("/tokens/{id}/revoke", s.members(s.doRevokeToken))
	r.Get("/feed", s.members(s.pageFeed))
	r.Post("/feed", s.members(s.doFeedKey))
	r.Post("/feed/remove", s.members(s.doRemoveFeedKey))
}

type accountForm struct {
	Name   string
	Next   string
	Invite string
	Needed bool // nobody signs up without an invitation

	Passkeys bool // the site takes them
}

// typed are the credentials of a form. It is shown again with the name, never with the password.
func typed(r *http.Request) (credentials, accountForm, error) {
	if err := r.ParseForm(); err != nil {
		return credentials{}, accountForm{}, badForm(err)
	}
	c := credentials{Name: shownAgain(strings.TrimSpace(r.PostForm.Get("name"))), Password: r.PostForm.Get("password")}
	return c, accountForm{Name: c.Name, Next: localPath(r.PostForm.Get("next"), ""), Invite: shownAgain(typedInvite(r.PostForm.Get("invite")))}, nil
}

// shownAgain is what a form may show of what somebody typed: pages are UTF-8, whatever came in.
func shownAgain(text string) string { return strings.ToValidUTF8(text, "\ufffd") }

func badForm(err error) error { return malformed(err) }

// localPath lets a form send people only to pages of this site.
func localPath(next, otherwise string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return otherwise
	}
	return next
}

func (s *site) signUpView(f accountForm) *view {
	f.Needed = s.Rules().Economy.Registration == store.RegisterInvite
	return &view{name: "sign-up", title: "Create an account", data: f}
}

func (s *site) pageSignUp(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.signUpView(accountForm{Invite: shownAgain(typedInvite(r.URL.Query().Get("invite")))}), nil
}

func (s *site) doSignUp(w http.ResponseWriter, r *http.Request) (*view, error) {
	c, form, err := typed(r)
	if err != nil {
		return nil, err
	}
	m, err := s.join(r, c, form.Invite)
	if err != nil {
		return s.again(r, s.signUpView(form), err)
	}
	if err := s.startSession(w, r, m); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/buy", http.StatusSeeOther)
	return nil, nil
}

func (s *site) pageSignIn(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.signInView(accountForm{Next: localPath(r.URL.Query().Get("next"), "")}), nil
}

func (s *site) signInView(f accountForm) *view {
	f.Passkeys = s.auth.passkeys != nil
	return &view{name: "sign-in", title: "Sign in", data: f}
}

func (s *site) doSignIn(w http.ResponseWriter, r *http.Request) (*view, error) {
	c, form, err := typed(r)
	if err != nil {
		return nil, err
	}
	m, err := s.signIn(r, c)
	if err != nil {
		return s.again(r, s.signInView(form), err)
	}
	x, err := s.Store.TOTP(r.Context(), m.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if x.ConfirmedMs > 0 {
		return s.halfWay(w, r, m, form.Next)
	}
	return s.signedIn(w, r, m, form.Next)
}

// signedIn starts a session for somebody who has shown all there is to show, and goes on.
func (s *site) signedIn(w http.ResponseWriter, r *http.Request, m store.Member, next string) (*view, error) {
	if err := s.startSession(w, r, m); err != nil {
		return nil, err
	}
	http.Redirect(w, r, localPath(next, "/torrents"), http.StatusSeeOther)
	return nil, nil
}

func (s *site) doSignOut(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := s.endSession(w, r); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil, nil
}

func (s *site) pageSetup(_ http.ResponseWriter, r *http.Request) (*view, error) {
	if err := s.Store.SetupLink(r.Context(), chi.URLParam(r, "token")); err != nil {
		return nil, err
	}
	return &view{name: "setup", title: "Set up this tracker", data: accountForm{}}, nil
}

func (s *site) doSetup(w http.ResponseWriter, r *http.Request) (*view, error) {
	c, form, err := typed(r)
	if err != nil {
		return nil, err
	}
	m, err := s.setUp(r, c)
	if err != nil {
		return s.again(r, &view{name: "setup", title: "Set up this tracker", data: form}, err)
	}
	if err := s.startSession(w, r, m); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/torrents", http.StatusSeeOther)
	return nil, nil
}

// setUp makes the operator whom the link in the path is for.
func (s *site) setUp(r *http.Request, c credentials) (store.Member, error) {
	token := chi.URLParam(r, "token")
	if err := s.takesPasswords(); err != nil {
		return store.Member{}, err
	}
	if err := s.Store.SetupLink(r.Context(), token); err != nil {
		return store.Member{}, err // before the costly hash
	}
	n, err := s.newMember(r.Context(), c)
	if err != nil {
		return store.Member{}, err
	}
	m, err := s.Store.UseSetupLink(r.Context(), token, n)
	if err != nil {
		return m, nameTaken(err)
	}
	return m, s.Roster.MemberAdded(r.Context(), m.ID)
}
