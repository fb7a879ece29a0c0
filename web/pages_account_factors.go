package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/factor"
)

// Limits of SECURITY 26 for what is shown besides a password. An authenticator's code has six digits:
// who knows the password and tries from many addresses is stopped by the limit of the account.
const (
	accountCodeEvery, accountCodeBurst = 3 * time.Minute, 20 // wrong codes of an account, from everywhere
	passkeyEvery, passkeyBurst         = 5 * time.Second, 30 // passkeys shown from an address
)

var (
	errWrongCode     = fail(http.StatusUnauthorized, "wrong_code", "The code is wrong, too old or used already. Wait for the next one, or use a recovery code.")
	errNeedCode      = fail(http.StatusUnauthorized, "second_factor", "The password is right; this account also needs a code: one of its authenticator, or a recovery code (programs send it as 'code').")
	errWrongPassword = fail(http.StatusUnauthorized, "wrong_password", "The password is wrong.")
)

// authState is what proofs need between two requests.
type authState struct {
	seal     *factor.Seal
	passkeys *factor.Passkeys // nil: browsers would take none from this site
	confirms *limiter         // wrong proofs in a session
	codes    *limiter         // wrong codes of an account from an address
	accounts *limiter         // … and from everywhere, outside their sessions
	shown    *limiter         // passkeys from an address
}

func (s *site) newAuth() *authState {
	var key [32]byte
	s.Random(key[:])
	a := &authState{seal: factor.NewSeal(key), confirms: newLimiter(signInEvery, signInBurst), codes: newLimiter(signInEvery, signInBurst),
		accounts: newLimiter(accountCodeEvery, accountCodeBurst), shown: newLimiter(passkeyEvery, passkeyBurst)}
	var err error
	if a.passkeys, err = factor.NewPasskeys(s.Name, s.BaseURL, a.seal); err != nil {
		s.Log.Info("passkeys are off", "reason", err)
	}
	return a
}

// nonce is what makes a seal different from all others.
func (s *site) nonce() (n [16]byte) {
	s.Random(n[:])
	return n
}

// secondFactor checks the code of a member whose password was right. Without an authenticator none is
// needed. inside: it is shown in a session of theirs, which has a limit of its own (checkConfirmed).
func (s *site) secondFactor(r *http.Request, m store.Member, code string, inside bool) error {
	x, err := s.Store.TOTP(r.Context(), m.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && x.ConfirmedMs == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if strings.TrimSpace(code) == "" {
		return errNeedCode
	}
	backs, err := s.tryCode(r, m, inside)
	if err != nil {
		return err
	}
	if err := s.useCode(r, x, code); err != nil {
		return err
	}
	for _, back := range backs {
		back()
	}
	return nil
}

// tryCode counts an attempt, at the account and address, and from outside at the account. backs undo that:
// right codes are not limited. What an address has no tries for takes none of the account's, and a member
// who is in keeps theirs: whoever has only the password cannot keep the owner from changing it.
func (s *site) tryCode(r *http.Request, m store.Member, inside bool) (backs []func(), err error) {
	name := strings.ToLower(m.Name)
	if !s.Dev {
		back, err := s.auth.codes.take(name+" "+s.network(r), s.Now())
		if err != nil {
			return nil, err
		}
		backs = append(backs, back)
	}
	if inside {
		return backs, nil
	}
	back, err := s.auth.accounts.take(name, s.Now())
	return append(backs, back), err
}

// useCode uses up a code of the authenticator, or a recovery code. Of two who show the same one, one
// gets in.
func (s *site) useCode(r *http.Request, x store.TOTP, code string) error {
	var err error
	if factor.IsTOTP(code) {
		step, ok := factor.Step(x.Secret, code, s.Now(), x.LastStep)
		if !ok {
			return errWrongCode
		}
		err = s.Store.UseTOTP(r.Context(), x, step)
	} else {
		_, err = s.Store.UseRecoveryCode(r.Context(), x.Member, factor.RecoveryHash(int64(x.Member), code))
	}
	if errors.Is(err, store.ErrUsed) {
		return errWrongCode
	}
	return err
}
