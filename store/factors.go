package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TOTPOffer is how long an authenticator's secret waits to be confirmed.
const TOTPOffer = time.Hour

// TOTP is a member's authenticator. Its secret counts once a code has confirmed it.
type TOTP struct {
	Member      bt.MemberID
	Secret      []byte
	OfferedMs   int64
	ConfirmedMs int64 // 0: offered only
	LastStep    int64 // the last one a code of which was taken
}

// TOTP returns a member's authenticator. ErrNotFound: there is none, or its offer has run out.
func (s *Store) TOTP(ctx context.Context, m bt.MemberID) (TOTP, error) {
	x := TOTP{Member: m}
	err := s.r.QueryRowContext(ctx, "SELECT secret, offered_ms, confirmed_ms, last_step FROM totp WHERE member = ? AND (confirmed_ms > 0 OR offered_ms > ?)",
		m, s.opt.Now().Add(-TOTPOffer).UnixMilli()).Scan(&x.Secret, &x.OfferedMs, &x.ConfirmedMs, &x.LastStep)
	return x, notFound(err)
}

// OfferTOTP keeps a new secret until a code of it is shown; it replaces one that was only offered.
// ErrExists: the member has an authenticator that counts.
func (s *Store) OfferTOTP(ctx context.Context, m bt.MemberID, secret []byte) error {
	return s.write(ctx, func(t *tx) error {
		err := t.change(`INSERT INTO totp (member, secret, offered_ms) VALUES (?, ?, ?)
			ON CONFLICT (member) DO UPDATE SET secret = excluded.secret, offered_ms = excluded.offered_ms, last_step = 0 WHERE confirmed_ms = 0`, m, secret, t.nowMs())
		if errors.Is(err, ErrNotFound) {
			err = ErrExists
		}
		return err
	})
}

// ConfirmTOTP makes an offered secret count, as somebody showed its code of that step, which is used
// up by that, and keeps the hashes of new recovery codes. ErrNotFound: it is not on offer.
func (s *Store) ConfirmTOTP(ctx context.Context, x TOTP, step int64, codes [][]byte) error {
	return s.write(ctx, func(t *tx) error {
		err := t.change("UPDATE totp SET confirmed_ms = ?, last_step = ? WHERE member = ? AND secret = ? AND confirmed_ms = 0 AND offered_ms > ?",
			t.nowMs(), step, x.Member, x.Secret, t.nowMs()-TOTPOffer.Milliseconds())
		if err != nil {
			return err
		}
		if err := t.replaceCodes(x.Member, codes); err != nil {
			return err
		}
		return t.tellFactor(x.Member, "an authenticator was added")
	})
}

// UseTOTP uses up the steps of an authenticator to step. ErrUsed: that step was used, or the
// authenticator is not the one that was looked at. Of two who show the same code one gets nil.
func (s *Store) UseTOTP(ctx context.Context, x TOTP, step int64) error {
	return s.write(ctx, func(t *tx) error {
		err := t.change("UPDATE totp SET last_step = ?1 WHERE member = ?2 AND secret = ?3 AND confirmed_ms > 0 AND last_step < ?1", step, x.Member, x.Secret)
		if errors.Is(err, ErrNotFound) {
			err = ErrUsed
		}
		return err
	})
}

// RemoveTOTP removes a member's authenticator and its recovery codes. ErrNotFound: there is none.
func (s *Store) RemoveTOTP(ctx context.Context, m bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		if err := t.change("DELETE FROM totp WHERE member = ?", m); err != nil {
			return err
		}
		if err := t.replaceCodes(m, nil); err != nil {
			return err
		}
		return t.tellFactor(m, "the authenticator was removed")
	})
}

// UseRecoveryCode uses up the recovery code of that hash and returns how many are left. ErrUsed: the
// member has no such code, or no longer. Of two who show the same code one gets nil.
func (s *Store) UseRecoveryCode(ctx context.Context, m bt.MemberID, hash []byte) (left int, err error) {
	err = s.write(ctx, func(t *tx) error {
		err := t.change(`DELETE FROM recovery_codes WHERE member = ?1 AND code_hash = ?2
			AND EXISTS (SELECT 1 FROM totp WHERE member = ?1 AND confirmed_ms > 0)`, m, hash)
		if errors.Is(err, ErrNotFound) {
			return ErrUsed
		}
		if err != nil {
			return err
		}
		if err := t.row("SELECT count(*) FROM recovery_codes WHERE member = ?", m).Scan(&left); err != nil {
			return err
		}
		return t.tellFactor(m, fmt.Sprintf("a recovery code was used, %d are left", left))
	})
	return left, err
}

// ReplaceRecoveryCodes makes the codes of those hashes the only ones. ErrNotFound: the member has no
// authenticator that they could stand in for.
func (s *Store) ReplaceRecoveryCodes(ctx context.Context, m bt.MemberID, codes [][]byte) error {
	return s.write(ctx, func(t *tx) error {
		var one int
		if err := notFound(t.row("SELECT 1 FROM totp WHERE member = ? AND confirmed_ms > 0", m).Scan(&one)); err != nil {
			return err
		}
		if err := t.replaceCodes(m, codes); err != nil {
			return err
		}
		return t.tellFactor(m, "the recovery codes were replaced")
	})
}

func (t *tx) replaceCodes(m bt.MemberID, codes [][]byte) error {
	if err := t.exec("DELETE FROM recovery_codes WHERE member = ?", m); err != nil {
		return fmt.Errorf("replace recovery codes: %w", err)
	}
	for _, hash := range codes {
		if _, err := t.insert("INSERT INTO recovery_codes (member, code_hash) VALUES (?, ?)", m, hash); err != nil {
			return fmt.Errorf("replace recovery codes: %w", err)
		}
	}
	return nil
}

// Factors counts what a member can show besides a password.
type Factors struct {
	TOTP          bool
	RecoveryCodes int
	Passkeys      int
	Sessions      int
	Tokens        int
	Feed          bool
}

// Factors returns what a member has.
func (s *Store) Factors(ctx context.Context, m bt.MemberID) (f Factors, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM totp WHERE member = ?1 AND confirmed_ms > 0),
		(SELECT count(*) FROM recovery_codes WHERE member = ?1), (SELECT count(*) FROM passkeys WHERE member = ?1),
		(SELECT count(*) FROM web_sessions WHERE member = ?1 AND expires_ms > ?2), (SELECT count(*) FROM api_tokens WHERE member = ?1 AND expires_ms > ?2),
		EXISTS (SELECT 1 FROM feed_keys WHERE member = ?1)`, m, s.opt.Now().UnixMilli()).
		Scan(&f.TOTP, &f.RecoveryCodes, &f.Passkeys, &f.Sessions, &f.Tokens, &f.Feed)
	return f, err
}

// ResetFactors takes away what a member shows besides the password, and ends their sessions, for
// somebody who lost it all; by is the operator, 0 stands for an administrative command. ErrNotFound.
func (s *Store) ResetFactors(ctx context.Context, m, by bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		have, err := readMember(t.row(selectMember+" WHERE m.id = ?", m))
		if err != nil {
			return err
		}
		return errors.Join(t.resetFactors(m), t.logOperator(by, "member reset-factors", fmt.Sprintf("%d %s", m, have.Name)))
	})
}

func (t *tx) resetFactors(m bt.MemberID) error {
	for _, table := range []string{"totp", "recovery_codes", "passkeys"} {
		if err := t.exec("DELETE FROM "+table+" WHERE member = ?", m); err != nil {
			return fmt.Errorf("reset factors: %w", err)
		}
	}
	return errors.Join(t.endSessions(m, ""), t.tellFactor(m, "an operator removed the authenticator and all passkeys"))
}

// tellFactor tells a member that something about how they sign in changed.
func (t *tx) tellFactor(m bt.MemberID, what string) error {
	var n int64
	if err := t.row("SELECT coalesce(max(id), 0) FROM notifications").Scan(&n); err != nil {
		return fmt.Errorf("tell of a change: %w", err)
	}
	return t.notify(m, NotifyFactor, what, 0, fmt.Sprintf("factor/%d/%d", t.nowMs(), n))
}
