package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/lock"
)

// accrueLocks shares what came into the lockers' pool since the last accrual over the locks that
// were made before the epoch began and whose time was not over before it ended; if there is none,
// it goes to the hosting pool (ECONOMY §11). An epoch that was accrued already is left alone.
//
// A lock made after fees came in, and before they are accrued, gets none of them; one that ends
// within an epoch gets none of that epoch's. lock.ErrUncovered if the pool does not hold what its
// locks are owed.
func (t *tx) accrueLocks(e Epoch) error {
	var done bool
	if err := t.row("SELECT EXISTS (SELECT 1 FROM lock_accruals WHERE epoch >= ?)", e.Number).Scan(&done); err != nil || done {
		return err
	}
	index, err := t.lockIndex()
	if err != nil {
		return err
	}
	if err := t.turnLocks(e, index); err != nil {
		return fmt.Errorf("begin and end locks of epoch %d: %w", e.Number, err)
	}
	shares, err := t.lockShares()
	if err != nil {
		return fmt.Errorf("read the locks: %w", err)
	}
	pool, err := t.balance(tokens.Token, tokens.PoolLockers)
	if err != nil {
		return err
	}
	accrued, err := lock.Accrue(pool, index, shares)
	if err != nil {
		return err
	}
	if accrued.Unearned > 0 {
		err := t.post(tokens.Transfer{ID: fmt.Sprintf("no_lockers/%d", e.Number), Asset: tokens.Token, From: tokens.PoolLockers, To: tokens.PoolHosting,
			Amount: accrued.Unearned, Code: tokens.CodeNoLockers, Ref: fmt.Sprintf("epoch/%d", e.Number)})
		if err != nil {
			return err
		}
	}
	return t.exec("INSERT INTO lock_accruals (epoch, fees_utok, weight, unearned_utok, index_e18, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
		e.Number, accrued.Fees, accrued.Weight, accrued.Unearned, accrued.Index.String(), t.nowMs())
}

// lockIndex returns the index after the last accrual.
func (t *tx) lockIndex() (lock.Index, error) {
	var text string
	err := t.row("SELECT index_e18 FROM lock_accruals ORDER BY epoch DESC LIMIT 1").Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return lock.Index{}, nil
	}
	if err != nil {
		return lock.Index{}, err
	}
	return lock.ParseIndex(text)
}

// turnLocks lets locks begin and cease to earn at the index before the epoch's accrual.
func (t *tx) turnLocks(e Epoch, index lock.Index) error {
	at := index.String()
	if err := t.exec("UPDATE locks SET entry_e18 = ? WHERE entry_e18 = '' AND exit_e18 = '' AND epoch < ?", at, e.Number); err != nil {
		return err
	}
	over, err := scan(t.ctx, t.Tx, readLock, selectLock+" WHERE exit_e18 = '' AND end_ms < ?", e.EndMs)
	if err != nil {
		return err
	}
	for _, l := range over {
		if l.Owed == 0 { // a fraction that can never be claimed is shared again
			l.entry = at
		}
		if err := t.change("UPDATE locks SET entry_e18 = ?, exit_e18 = ? WHERE id = ?", l.entry, at, l.ID); err != nil {
			return err
		}
	}
	return nil
}

// lockShares reads all locks that earn or are owed anything, those with the same indices as one.
func (t *tx) lockShares() ([]lock.Share, error) {
	return scan(t.ctx, t.Tx, func(r *sql.Rows) (lock.Share, error) {
		var entry, exit string
		var weight tokens.Amount
		if err := r.Scan(&entry, &exit, &weight); err != nil {
			return lock.Share{}, err
		}
		return lockShare(weight, entry, exit)
	}, "SELECT entry_e18, exit_e18, sum(weight) FROM locks WHERE "+openLock+" AND entry_e18 <> '' GROUP BY entry_e18, exit_e18")
}
