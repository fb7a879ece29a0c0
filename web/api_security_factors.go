package web

import (
	"encoding/base32"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/factor"
)

// totpView is where a member's authenticator stands.
type totpView struct {
	On            bool `json:"on"`
	RecoveryCodes int  `json:"recovery_codes" doc:"that are left"`
}

func (s *site) apiTOTP(w http.ResponseWriter, r *http.Request) error {
	f, err := s.Store.Factors(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, totpView{f.TOTP, f.RecoveryCodes})
}

// totpOffer is a secret for an authenticator. It counts for nothing until a code of it is shown.
type totpOffer struct {
	Secret string `json:"secret" doc:"base32, shown once"`
	URL    string `json:"url" doc:"otpauth://, as authenticators read it from a QR code"`
}

func (s *site) apiOfferTOTP(w http.ResponseWriter, r *http.Request) error {
	secret, err := s.offerTOTP(r)
	if err != nil {
		return err
	}
	a, err := factor.NewAuthenticator(s.Name, visitorOf(r).member.Name, secret)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, totpOffer{base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret), a.URL})
}

// totpCode is what an authenticator shows.
type totpCode struct {
	Code string `json:"code"`
}

// recoveryView is codes that stand in for an authenticator, each once.
type recoveryView struct {
	RecoveryCodes []string `json:"recovery_codes" doc:"shown once"`
}

func (s *site) apiConfirmTOTP(w http.ResponseWriter, r *http.Request) error {
	var in totpCode
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	codes, err := s.confirmTOTP(r, in.Code)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, recoveryView{codes})
}

func (s *site) apiRecoveryCodes(w http.ResponseWriter, r *http.Request) error {
	codes, err := s.replaceCodes(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, recoveryView{codes})
}

func (s *site) apiRemoveTOTP(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.Store.RemoveTOTP(r.Context(), visitorOf(r).member.ID))
}

// passkeysView is a page of a member's passkeys, oldest first.
type passkeysView struct {
	Passkeys []keptPasskey `json:"passkeys"`
	Next     string        `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// keptPasskey is one of them.
type keptPasskey struct {
	ID        int64      `json:"id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	UsedAt    *time.Time `json:"used_at" doc:"null: never"`
	ClonedAt  *time.Time `json:"cloned_at" doc:"when its counter went back, as that of a copy would; null: never"`
}

func (s *site) apiPasskeys(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.Passkeys(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	page, next, err := pageOf(r, list, func(k store.Passkey) string { return numberKey(k.ID) })
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, passkeysView{views(page, func(k store.Passkey) keptPasskey {
		return keptPasskey{k.ID, k.Name, utc(k.CreatedMs), utcOrNil(k.UsedMs), utcOrNil(k.ClonedMs)}
	}), next})
}

func (s *site) apiRemovePasskey(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err == nil {
		err = s.Store.RemovePasskey(r.Context(), visitorOf(r).member.ID, id)
	}
	return done(w, err)
}
