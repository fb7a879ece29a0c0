package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/lock"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Lock is what a member locked away (ECONOMY §11).
type Lock struct {
	ID      int64
	Member  bt.MemberID
	Amount  tokens.Amount
	Weeks   int64
	Weight  tokens.Amount
	StartMs int64
	EndMs   int64
	DoneMs  int64         // when the tokens went back; 0: they are locked
	Earning bool          // fees are shared with it; false also until the first epoch that began after it was made is settled
	Owed    tokens.Amount // fees that can be claimed now
	Claimed tokens.Amount // fees claimed before

	entry, exit string
}

// Locked is the answer to a request to lock.
type Locked struct {
	Moved
	Lock   int64
	Weight tokens.Amount
	EndMs  int64
}

const (
	// MaxLocks bounds a member's locks that still hold tokens or are owed fees: each costs work in
	// every epoch.
	MaxLocks   = 100
	unlockOnce = 250 // locks that one UnlockDue ends
)

// ErrTooMany says that a member has as many of something as one may have.
var ErrTooMany = errors.New("too many")

const week = 7 * 24 * time.Hour

// openLock is the condition of the index locks_open.
const openLock = "(exit_e18 = '' OR exit_e18 <> entry_e18)"

// Lock moves available tokens to a lock of some weeks, after which UnlockDue returns them. Its
// weight is that of ECONOMY §11 by the rules of the day it is made; it counts from the first epoch
// that begins after that, so that nobody shares in fees that were there before.
//
// Errors: ErrRange (weeks, or an amount too small to have a weight), ErrTooMany, FundsError.
func (s *Store) Lock(ctx context.Context, o Once, amount tokens.Amount, weeks int64) (Locked, error) {
	var out Locked
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.lock(o.Member, amount, weeks)
			return err
		})
	})
	return out, err
}

func (t *tx) lock(m bt.MemberID, amount tokens.Amount, weeks int64) (Locked, error) {
	weight, err := t.lockWeight(amount, weeks)
	if err != nil {
		return Locked{}, err
	}
	var open int64
	if err := t.row("SELECT count(*) FROM locks WHERE member = ? AND (done_ms = 0 OR "+openLock+")", m).Scan(&open); err != nil {
		return Locked{}, err
	}
	if open >= MaxLocks {
		return Locked{}, fmt.Errorf("%w: %d locks hold tokens or fees; claim the fees of those that ended, or wait until one ends", ErrTooMany, open)
	}
	epoch, err := currentEpoch(t.ctx, t.Tx)
	if err != nil {
		return Locked{}, err
	}
	out := Locked{Weight: weight, EndMs: t.now.Add(time.Duration(weeks) * week).UnixMilli()}
	out.Lock, err = t.insert("INSERT INTO locks (member, amount_utok, weeks, weight, epoch, start_ms, end_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
		m, amount, weeks, weight, epoch, t.nowMs(), out.EndMs)
	if err != nil {
		return out, fmt.Errorf("enter a lock: %w", err)
	}
	move := tokens.Transfer{ID: fmt.Sprintf("lock/%d", out.Lock), Asset: tokens.Token, From: tokens.Available(m), To: tokens.Locked(out.Lock),
		Amount: amount, Code: tokens.CodeLock, Ref: fmt.Sprintf("lock/%d", out.Lock)}
	if err := t.unreserved(m, []tokens.Transfer{move}); err != nil {
		return out, err
	}
	out.Moved, err = t.moved(m, move)
	return out, err
}

// lockWeight checks what is to be locked and weighs it.
func (t *tx) lockWeight(amount tokens.Amount, weeks int64) (tokens.Amount, error) {
	eco := t.economy()
	if weeks < 1 || weeks > eco.LockWeeksMax {
		return 0, fmt.Errorf("a lock of %d weeks is %w: it must end in the future, after 1 to %d weeks", weeks, ErrRange, eco.LockWeeksMax)
	}
	if amount < 1 || amount > tokens.MaxAmount {
		return 0, fmt.Errorf("a lock of %s tokens is %w: more than 0 and at most %s", amount, ErrRange, tokens.MaxAmount)
	}
	weight := lock.Power{Whole: eco.LockWeeksMax, Exponent: eco.LockExponent}.Of(amount, weeks)
	if weight == 0 {
		return 0, fmt.Errorf("a lock of %s tokens for %d weeks is %w: it is too small to earn anything; lock more, or for longer", amount, weeks, ErrRange)
	}
	return weight, nil
}

// UnlockDue returns the tokens of locks whose time is over, of at most 250 at a call. Their fees
// wait to be claimed.
func (s *Store) UnlockDue(ctx context.Context) error {
	err := s.write(ctx, func(t *tx) error {
		due, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (l Lock, err error) { return l, r.Scan(&l.ID, &l.Member, &l.Amount) },
			"SELECT id, member, amount_utok FROM locks WHERE done_ms = 0 AND end_ms <= ? ORDER BY end_ms, id LIMIT ?", t.nowMs(), unlockOnce)
		if err != nil {
			return err
		}
		for _, l := range due {
			move := tokens.Transfer{ID: fmt.Sprintf("unlock/%d", l.ID), Asset: tokens.Token, From: tokens.Locked(l.ID), To: tokens.Available(l.Member),
				Amount: l.Amount, Code: tokens.CodeUnlock, Ref: fmt.Sprintf("lock/%d", l.ID)}
			if err := errors.Join(t.post(move), t.change("UPDATE locks SET done_ms = ? WHERE id = ?", t.nowMs(), l.ID)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("unlock what is due: %w", err)
	}
	return nil
}

const selectLock = `SELECT id, member, amount_utok, weeks, weight, start_ms, end_ms, done_ms, entry_e18, exit_e18, claimed_utok,
	coalesce((SELECT index_e18 FROM lock_accruals ORDER BY epoch DESC LIMIT 1), '0') FROM locks`

// readLock reads a lock and what it is owed at the last accrual's index.
func readLock(r *sql.Rows) (l Lock, err error) {
	var now string
	if err := r.Scan(&l.ID, &l.Member, &l.Amount, &l.Weeks, &l.Weight, &l.StartMs, &l.EndMs, &l.DoneMs, &l.entry, &l.exit, &l.Claimed, &now); err != nil {
		return l, err
	}
	l.Earning = l.entry != "" && l.exit == ""
	if l.entry == "" {
		return l, nil
	}
	index, err := lock.ParseIndex(now)
	if err != nil {
		return l, err
	}
	share, err := lockShare(l.Weight, l.entry, l.exit)
	l.Owed = share.Owed(index)
	return l, err
}

// lockShare makes of a lock's columns what package lock computes with.
func lockShare(weight tokens.Amount, entry, exit string) (lock.Share, error) {
	out := lock.Share{Weight: weight, Earning: exit == ""}
	var err, err2 error
	out.From, err = lock.ParseIndex(entry)
	if !out.Earning {
		out.To, err2 = lock.ParseIndex(exit)
	}
	return out, errors.Join(err, err2)
}

// Locks lists a member's locks, newest first, with what each is owed now.
func (s *Store) Locks(ctx context.Context, m bt.MemberID) ([]Lock, error) {
	return scan(ctx, s.r, readLock, selectLock+" WHERE member = ? ORDER BY id DESC", m)
}
