package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// fillPools shares the lockers' pool, moves the subsidy, and records what that came to and what the
// hosting pool has for the epoch. It comes once, after everything that pays into the pools.
func (st *settlement) fillPools(ctx context.Context) error {
	return st.commit(ctx, func(t *tx) error {
		var filled bool
		if err := t.row("SELECT hosting_pool_utok IS NOT NULL FROM epoch_sums WHERE epoch = ?", st.epoch.Number).Scan(&filled); err != nil || filled {
			return err
		}
		lockers, err := t.balance(tokens.Token, tokens.PoolLockers)
		if err != nil {
			return err
		}
		if err := t.accrueLocks(st.epoch); err != nil {
			return fmt.Errorf("accrue the lockers' fees: %w", err)
		}
		before, err := t.balance(tokens.Token, tokens.PoolHosting)
		if err != nil {
			return err
		}
		if err := t.subsidise(st.epoch); err != nil {
			return fmt.Errorf("subsidise hosting: %w", err)
		}
		after, err := t.balance(tokens.Token, tokens.PoolHosting)
		if err != nil {
			return err
		}
		return t.change("UPDATE epoch_sums SET subsidy_utok = ?, lockers_utok = ?, hosting_pool_utok = ? WHERE epoch = ?",
			after-before, lockers, after, st.epoch.Number)
	})
}

// close ends the settlement: what nodes retained beyond their needs is
// released, the rates at which uploads were awarded are updated, old suspicions forgotten, and the
// epoch is marked. Its pot must be empty.
func (st *settlement) close(ctx context.Context) error {
	e := st.epoch
	return st.commit(ctx, func(t *tx) error {
		pot, err := t.balance(tokens.Token, tokens.Pot(e.Number))
		if err != nil {
			return err
		}
		if pot != 0 {
			return fmt.Errorf("%s holds %d utok after its last torrent", tokens.Pot(e.Number), pot)
		}
		if err := t.row("SELECT coalesce(sum(pot_utok), 0) FROM settlements WHERE epoch = ?", e.Number).Scan(&st.out.Pot); err != nil {
			return err
		}
		if err := t.releaseRetained(e.Number, st.rules.Settle.CollateralPerGiB); err != nil {
			return err
		}
		length := time.Duration(e.EndMs-e.StartMs) * time.Millisecond
		return errors.Join(t.updateRates(e.Number, length), t.forgetBlames(st.rules.Settle, e),
			t.change("UPDATE epochs SET settled_ms = ? WHERE number = ? AND settled_ms = 0", t.nowMs(), e.Number))
	})
}

// updateRates moves each member's award rate: up to this epoch's at once, down by a tenth. What is in
// probation does not count: it is not known to have been sent.
func (t *tx) updateRates(epoch int64, length time.Duration) error {
	if err := t.exec("UPDATE award_rates SET bytes_per_s = bytes_per_s * 9 / 10"); err != nil {
		return err
	}
	return t.exec(`INSERT INTO award_rates (member, bytes_per_s) SELECT member, sum(bytes * 1000 / ?) FROM awards
			WHERE epoch = ? AND probation_utok = 0 GROUP BY member
		ON CONFLICT DO UPDATE SET bytes_per_s = max(bytes_per_s, excluded.bytes_per_s)`, max(1, length.Milliseconds()), epoch)
}

// OpenPots is what epochs' pots hold that are not settled yet.
func (s *Store) OpenPots(ctx context.Context) (tokens.Amount, error) {
	var a tokens.Amount
	err := s.r.QueryRowContext(ctx, "SELECT coalesce(sum(balance), 0) FROM accounts WHERE asset = 'token' AND name GLOB 'pot/*'").Scan(&a)
	return a, err
}
