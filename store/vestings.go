package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/lock"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Vesting is what a member claimed of a lock's fees (ECONOMY §11).
type Vesting struct {
	ID       int64
	Lock     int64
	Amount   tokens.Amount
	Released tokens.Amount // moved to the member's available tokens
	Due      tokens.Amount // can be released now
	AtMs     int64         // of the claim
	EndMs    int64         // when everything is due

	member   bt.MemberID
	exponent int64
}

// Claimed is the answer to a claim of fees.
type Claimed struct {
	Moved
	Claim  int64
	Amount tokens.Amount
}

// MaxVestings bounds a member's claims that are not wholly released: a release moves each.
const MaxVestings = 1000

// ErrNothingDue says that there is nothing to claim or to release yet.
var ErrNothingDue = errors.New("nothing is due yet")

// ClaimFees moves what a lock of the member is owed into vesting, from where ReleaseVested takes it
// as time passes. Fractions of a micro-token stay in the pool and are shared again.
//
// Errors: ErrNotFound (no such lock of the member), ErrNothingDue, ErrTooMany.
func (s *Store) ClaimFees(ctx context.Context, o Once, id int64) (Claimed, error) {
	var out Claimed
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.claimFees(o.Member, id)
			return err
		})
	})
	return out, err
}

func (t *tx) claimFees(m bt.MemberID, id int64) (Claimed, error) {
	rows, err := scan(t.ctx, t.Tx, readLock, selectLock+" WHERE id = ? AND member = ?", id, m)
	if err != nil {
		return Claimed{}, err
	}
	if len(rows) == 0 {
		return Claimed{}, ErrNotFound
	}
	l := rows[0]
	if l.Owed == 0 {
		return Claimed{}, fmt.Errorf("lock %d: %w: fees are shared when an epoch is settled", id, ErrNothingDue)
	}
	var open int64
	if err := t.row("SELECT count(*) FROM vestings WHERE member = ? AND released_utok < amount_utok", m).Scan(&open); err != nil {
		return Claimed{}, err
	}
	if open >= MaxVestings {
		return Claimed{}, fmt.Errorf("%w: %d claims are not wholly released; claim again when the oldest is", ErrTooMany, open)
	}
	return t.vest(l)
}

func (t *tx) vest(l Lock) (Claimed, error) {
	index, err := t.lockIndex()
	if err != nil {
		return Claimed{}, err
	}
	eco, out := t.economy(), Claimed{Amount: l.Owed}
	out.Claim, err = t.insert("INSERT INTO vestings (member, lock, amount_utok, at_ms, length_ms, exponent) VALUES (?, ?, ?, ?, ?, ?)",
		l.Member, l.ID, l.Owed, t.nowMs(), eco.VestingTime.Milliseconds(), eco.VestingExponent)
	if err != nil {
		return out, fmt.Errorf("enter a claim: %w", err)
	}
	err = t.change("UPDATE locks SET entry_e18 = iif(exit_e18 = '', ?, exit_e18), claimed_utok = claimed_utok + ? WHERE id = ?", index.String(), l.Owed, l.ID)
	if err != nil {
		return out, err
	}
	out.Moved, err = t.moved(l.Member, tokens.Transfer{ID: fmt.Sprintf("fees/%d", out.Claim), Asset: tokens.Token, From: tokens.PoolLockers,
		To: tokens.Vesting(out.Claim), Amount: l.Owed, Code: tokens.CodeFees, Ref: fmt.Sprintf("claim/%d", out.Claim)})
	return out, err
}

// ReleaseVested moves everything of the member's claims that is due by now to their available
// tokens. ErrNothingDue if that is nothing.
func (s *Store) ReleaseVested(ctx context.Context, o Once) (Moved, error) {
	var out Moved
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.releaseVested(o.Member)
			return err
		})
	})
	return out, err
}

func (t *tx) releaseVested(m bt.MemberID) (Moved, error) {
	claims, err := vestings(t.ctx, t.Tx, t.nowMs(), " WHERE member = ? AND released_utok < amount_utok ORDER BY id", m)
	if err != nil {
		return Moved{}, err
	}
	var moves []tokens.Transfer
	for _, v := range claims {
		if v.Due == 0 {
			continue
		}
		released := v.Released + v.Due
		moves = append(moves, tokens.Transfer{ID: fmt.Sprintf("vested/%d/%d", v.ID, released), Asset: tokens.Token, From: tokens.Vesting(v.ID),
			To: tokens.Available(m), Amount: v.Due, Code: tokens.CodeVested, Ref: fmt.Sprintf("claim/%d", v.ID)})
		if err := t.change("UPDATE vestings SET released_utok = ? WHERE id = ?", released, v.ID); err != nil {
			return Moved{}, err
		}
	}
	if len(moves) == 0 {
		return Moved{}, fmt.Errorf("release claimed fees: %w", ErrNothingDue)
	}
	return t.moved(m, moves...)
}

// vestings reads claims with what is due of them at a time; where names rows of vestings.
func vestings(ctx context.Context, q querier, nowMs int64, where string, args ...any) ([]Vesting, error) {
	return scan(ctx, q, func(r *sql.Rows) (v Vesting, err error) {
		var length int64
		err = r.Scan(&v.ID, &v.member, &v.Lock, &v.Amount, &v.Released, &v.AtMs, &length, &v.exponent)
		v.EndMs = v.AtMs + length
		// A clock that went back takes nothing back.
		v.Due = max(0, lock.Power{Whole: length, Exponent: v.exponent}.Of(v.Amount, nowMs-v.AtMs)-v.Released)
		return v, err
	}, "SELECT id, member, lock, amount_utok, released_utok, at_ms, length_ms, exponent FROM vestings"+where, args...)
}

// Vestings lists a member's last 1000 claims, newest first, with what is due now.
func (s *Store) Vestings(ctx context.Context, m bt.MemberID) ([]Vesting, error) {
	return vestings(ctx, s.r, s.opt.Now().UnixMilli(), " WHERE member = ? ORDER BY id DESC LIMIT ?", m, MaxVestings)
}
