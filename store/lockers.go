package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
)

// Lockers are what all members locked away, and what it earned.
type Lockers struct {
	Locks  int           // that hold tokens
	Locked tokens.Amount // by them
	Weight tokens.Amount // of those whose time is not over, those included that earn from the next epoch on
	Recent []LockAccrual // newest first
}

// LockAccrual is what an epoch's settlement shared among the locks.
type LockAccrual struct {
	Epoch  int64
	Fees   tokens.Amount
	Weight tokens.Amount // of the locks that earned; 0: the fees went to the hosting pool
	AtMs   int64
}

// Lockers adds up all locks, with the last n accruals.
func (s *Store) Lockers(ctx context.Context, n int) (out Lockers, err error) {
	err = s.read(ctx, func(r *reader) error {
		err := r.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(amount_utok), 0), coalesce(sum(iif(exit_e18 = '', weight, 0)), 0) FROM locks WHERE done_ms = 0").
			Scan(&out.Locks, &out.Locked, &out.Weight)
		if err != nil {
			return err
		}
		out.Recent, err = scan(ctx, r.Tx, func(r *sql.Rows) (a LockAccrual, err error) {
			return a, r.Scan(&a.Epoch, &a.Fees, &a.Weight, &a.AtMs)
		}, "SELECT epoch, fees_utok, weight, at_ms FROM lock_accruals ORDER BY epoch DESC LIMIT ?", n)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("add up the locks: %w", err)
	}
	return out, nil
}
