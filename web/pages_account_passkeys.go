package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web/factor"
)

// maxPasskeyName is the longest name of a passkey, in bytes.
const maxPasskeyName = 60

var (
	errPasskey    = fail(http.StatusUnauthorized, "passkey", "The passkey was not accepted. Try again; if it keeps failing, sign in with your password.")
	errNoPasskeys = fail(http.StatusConflict, "no_passkeys", "This site takes no passkeys: browsers want a domain name and https for them.")
)

// passkeys returns the ceremonies of this site, or says why there are none.
func (s *site) passkeys() (*factor.Passkeys, error) {
	if s.auth.passkeys == nil {
		return nil, errNoPasskeys
	}
	return s.auth.passkeys, nil
}

// keysOf returns a member's passkeys as the ceremonies take them.
func (s *site) keysOf(r *http.Request, m bt.MemberID) ([]factor.Key, error) {
	list, err := s.Store.Passkeys(r.Context(), m)
	keys := make([]factor.Key, 0, len(list))
	for _, k := range list {
		keys = append(keys, factor.Key{ID: k.CredentialID, Record: k.Record})
	}
	return keys, err
}

// options answers with what a browser's call for passkeys takes.
func options(w http.ResponseWriter, json []byte, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(json)
	return err
}

// beginSignIn asks for a passkey of anybody: the answer is the same for all, so that it says nothing
// of anybody.
func (s *site) beginSignIn(w http.ResponseWriter, _ *http.Request) error {
	p, err := s.passkeys()
	if err != nil {
		return err
	}
	json, err := p.BeginShow(nil, factor.ForSignIn, s.nonce(), s.Now())
	return options(w, json, err)
}

// doSignInPasskey signs in whoever holds a passkey: it is two factors, so no code is asked for.
func (s *site) doSignInPasskey(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	form := accountForm{Next: localPath(r.PostForm.Get("next"), "")}
	k, err := s.shown(r, factor.ForSignIn, r.PostForm.Get("passkey"), 0)
	if err != nil {
		return s.again(r, s.signInView(form), err)
	}
	m, err := s.Store.Member(r.Context(), k.Member)
	if err != nil {
		return nil, err
	}
	return s.signedIn(w, r, m, form.Next)
}

// beginConfirm asks for one of the member's passkeys, as the proof that the confirm page wants.
func (s *site) beginConfirm(w http.ResponseWriter, r *http.Request) error {
	p, err := s.passkeys()
	x := visitorOf(r).session
	if err == nil && x == nil {
		err = errStale
	}
	if err != nil {
		return err
	}
	keys, err := s.keysOf(r, x.Member.ID)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return fail(http.StatusConflict, "no_passkeys", "You have no passkey yet.")
	}
	json, err := p.BeginShow(keys, confirming(x), s.nonce(), s.Now())
	return options(w, json, err)
}

// confirming is the purpose of a proof in a session: it is worth nothing in another.
func confirming(x *store.Session) string { return "confirm/" + x.ID }

// showPasskey takes a passkey of the member's as a fresh proof.
func (s *site) showPasskey(r *http.Request, x *store.Session, answer string) error {
	_, err := s.shown(r, confirming(x), answer, x.Member.ID)
	return err
}

// shown checks a passkey that somebody showed for a purpose and notes its use; of is whose it must be,
// 0: anybody's.
func (s *site) shown(r *http.Request, purpose, answer string, of bt.MemberID) (store.Passkey, error) {
	p, err := s.passkeys()
	if err != nil {
		return store.Passkey{}, err
	}
	if err := s.limit(s.auth.shown, s.network(r)); err != nil {
		return store.Passkey{}, err
	}
	var k store.Passkey
	shown, err := p.FinishShow(purpose, []byte(answer), s.Now(), func(id []byte) (factor.User, error) {
		var handle []byte
		var err error
		k, handle, err = s.Store.PasskeyByCredential(r.Context(), id)
		if errors.Is(err, store.ErrNotFound) || err == nil && of != 0 && k.Member != of {
			err = factor.ErrPasskey
		}
		return factor.User{Handle: handle, Keys: []factor.Key{{ID: k.CredentialID, Record: k.Record}}}, err
	})
	if err != nil {
		return k, s.passkeyProblem(err)
	}
	cloned, err := s.Store.UsePasskey(r.Context(), k.ID, shown.SignCount)
	if errors.Is(err, store.ErrNotFound) {
		return k, errPasskey // removed meanwhile
	}
	if cloned {
		s.Log.Warn("a passkey's counter went back: there may be a copy", "member", k.Member, "passkey", k.ID)
	}
	return k, err
}

// passkeyProblem hides from strangers what exactly was wrong with what they sent.
func (s *site) passkeyProblem(err error) error {
	if !errors.Is(err, factor.ErrPasskey) {
		return err
	}
	s.Log.Info("a passkey was not accepted", "error", err)
	return errPasskey
}

func (s *site) passkeysView(r *http.Request) (*view, error) {
	list, err := s.Store.Passkeys(r.Context(), visitorOf(r).member.ID)
	return &view{name: "account-passkeys", title: "Passkeys", data: map[string]any{"Passkeys": list, "On": s.auth.passkeys != nil, "Max": store.MaxPasskeys}}, err
}

func (s *site) pagePasskeys(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.passkeysView(r)
}

func newPasskeyView(name string) *view {
	return &view{name: "account-passkey-new", title: "Add a passkey", data: map[string]any{"Name": name, "Max": maxPasskeyName}}
}

func (s *site) pageNewPasskey(_ http.ResponseWriter, r *http.Request) (*view, error) {
	if _, err := s.passkeys(); err != nil {
		return nil, err
	}
	return newPasskeyView(agentWords(r.UserAgent())), nil
}

// owner is the visitor as the ceremonies take them; they get a handle if they have none.
func (s *site) owner(r *http.Request) (factor.User, error) {
	m := visitorOf(r).member
	var random [32]byte
	s.Random(random[:])
	handle, err := s.Store.PasskeyHandle(r.Context(), m.ID, random)
	if err != nil {
		return factor.User{}, err
	}
	keys, err := s.keysOf(r, m.ID)
	return factor.User{Handle: handle, Name: m.Name, Keys: keys}, err
}

// beginPasskey begins to register a passkey in a session that is fresh.
func (s *site) beginPasskey(w http.ResponseWriter, r *http.Request) error {
	p, err := s.passkeys()
	x := visitorOf(r).session
	if err == nil && (x == nil || !s.isFresh(x)) {
		err = errStale
	}
	if err != nil {
		return err
	}
	u, err := s.owner(r)
	if err != nil {
		return err
	}
	json, err := p.BeginRegister(u, x.ID, s.nonce(), s.Now())
	return options(w, json, err)
}

func (s *site) doAddPasskey(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	name := r.PostForm.Get("name")
	if err := s.addPasskey(r, name, r.PostForm.Get("passkey")); err != nil {
		return s.again(r, newPasskeyView(shownAgain(name)), err)
	}
	http.Redirect(w, r, "/account/passkeys", http.StatusSeeOther)
	return nil, nil
}

func (s *site) addPasskey(r *http.Request, name, answer string) error {
	p, err := s.passkeys()
	x := visitorOf(r).session
	if err == nil && x == nil {
		err = errStale // a challenge belongs to a session
	}
	if err != nil {
		return err
	}
	name, err = oneLine(name, "name", maxPasskeyName)
	if err != nil {
		return err
	}
	u, err := s.owner(r)
	if err != nil {
		return err
	}
	k, err := p.FinishRegister(u, x.ID, []byte(answer), s.Now())
	if err != nil {
		return s.passkeyProblem(err)
	}
	return s.Store.AddPasskey(r.Context(), store.Passkey{Member: x.Member.ID, Name: name, CredentialID: k.ID, Record: k.Record, SignCount: k.SignCount})
}

// oneLine reads a short name that a person gave to something.
func oneLine(text, field string, limit int) (string, error) {
	text, err := cleanText([]byte(text), field, limit)
	if err != nil {
		return "", err
	}
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return "", fail(http.StatusUnprocessableEntity, field, "Give it a %s of 1 to %d bytes.", field, limit)
	}
	return text, nil
}

func (s *site) doRemovePasskey(w http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	if err := s.Store.RemovePasskey(r.Context(), visitorOf(r).member.ID, id); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/account/passkeys", http.StatusSeeOther)
	return nil, nil
}
