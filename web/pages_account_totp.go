package web

import (
	"errors"
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/factor"
)

// recoveryGroups of four letters are a recovery code: 80 bits.
const recoveryGroups = 4

var errNoOffer = fail(http.StatusConflict, "no_offer", "There is nothing to confirm; begin to set up the authenticator again.")

// totpData is the page of a member's authenticator.
type totpData struct {
	On    bool
	Offer *factor.Authenticator // to take in and confirm; nil: none
	QR    factor.QR
	Codes []string // recovery codes that were just made: shown once
	Left  int      // recovery codes
	Max   int
}

func (s *site) totpView(r *http.Request, codes []string) (*view, error) {
	m := visitorOf(r).member
	d := &totpData{Codes: codes, Max: factor.RecoveryCodes}
	f, err := s.Store.Factors(r.Context(), m.ID)
	if err != nil {
		return nil, err
	}
	d.On, d.Left = f.TOTP, f.RecoveryCodes
	if !d.On {
		if err := s.offerTo(r, d); err != nil {
			return nil, err
		}
	}
	return &view{name: "account-totp", title: "Authenticator", data: d}, nil
}

// offerTo puts the secret that waits to be confirmed on the page.
func (s *site) offerTo(r *http.Request, d *totpData) error {
	m := visitorOf(r).member
	x, err := s.Store.TOTP(r.Context(), m.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	a, err := factor.NewAuthenticator(s.Name, m.Name, x.Secret)
	if err != nil {
		return err
	}
	d.Offer = &a
	d.QR, err = factor.NewQR(a.URL)
	return err
}

func (s *site) pageTOTP(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.totpView(r, nil)
}

// offerTOTP makes a secret, which counts for nothing until a code of it is shown.
func (s *site) offerTOTP(r *http.Request) ([]byte, error) {
	secret := make([]byte, factor.SecretBytes)
	s.Random(secret)
	return secret, s.Store.OfferTOTP(r.Context(), visitorOf(r).member.ID, secret)
}

func (s *site) doOfferTOTP(w http.ResponseWriter, r *http.Request) (*view, error) {
	if _, err := s.offerTOTP(r); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/account/totp", http.StatusSeeOther)
	return nil, nil
}

func (s *site) doConfirmTOTP(_ http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	codes, err := s.confirmTOTP(r, r.PostForm.Get("code"))
	v, viewErr := s.totpView(r, codes)
	if viewErr != nil {
		return nil, viewErr
	}
	if err != nil {
		return s.again(r, v, err)
	}
	return v, nil
}

// confirmTOTP makes the offered secret count and returns the recovery codes that come with it.
func (s *site) confirmTOTP(r *http.Request, code string) ([]string, error) {
	x, err := s.Store.TOTP(r.Context(), visitorOf(r).member.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && x.ConfirmedMs > 0 {
		return nil, errNoOffer
	}
	if err != nil {
		return nil, err
	}
	step, ok := factor.Step(x.Secret, code, s.Now(), 0)
	if !ok {
		return nil, fail(http.StatusUnprocessableEntity, "wrong_code", "This is not the code that your authenticator shows now. Check that the clock of your device is right, and type the next code.")
	}
	codes, hashes := s.recoveryCodes(r)
	err = s.Store.ConfirmTOTP(r.Context(), x, step, hashes)
	if errors.Is(err, store.ErrNotFound) {
		err = errNoOffer // confirmed or replaced meanwhile
	}
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// recoveryCodes makes a set of them.
func (s *site) recoveryCodes(r *http.Request) (codes []string, hashes [][]byte) {
	for range factor.RecoveryCodes {
		code := s.letters(recoveryGroups)
		codes = append(codes, code)
		hashes = append(hashes, factor.RecoveryHash(int64(visitorOf(r).member.ID), code))
	}
	return codes, hashes
}

// replaceCodes makes new recovery codes; the old ones are worth nothing from then on.
func (s *site) replaceCodes(r *http.Request) ([]string, error) {
	codes, hashes := s.recoveryCodes(r)
	return codes, s.Store.ReplaceRecoveryCodes(r.Context(), visitorOf(r).member.ID, hashes)
}

func (s *site) doRecoveryCodes(_ http.ResponseWriter, r *http.Request) (*view, error) {
	codes, err := s.replaceCodes(r)
	if err != nil {
		return nil, err
	}
	return s.totpView(r, codes)
}

func (s *site) doRemoveTOTP(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := s.Store.RemoveTOTP(r.Context(), visitorOf(r).member.ID); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil, nil
}
