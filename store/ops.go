package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// Commit is what Options.OnCommit is told of a group commit.
type Commit struct {
	Jobs int // writes that went into it
	Took time.Duration
	Err  error // nil: it is on disk
}

// told tells whoever wants to know how a group commit went.
func (o *Options) told(jobs int, began time.Time, err error) {
	if o.OnCommit != nil {
		o.OnCommit(Commit{Jobs: jobs, Took: time.Since(began), Err: err})
	}
}

// WritesWaiting is how many writes wait for a group commit.
func (s *Store) WritesWaiting() int { return len(s.queue) }

// imbalanceRows is how many accounts are added up at a time.
const imbalanceRows = 20_000

// Imbalance is the sum of all balances of each asset, which must be 0 (ECONOMY §1). It reads every
// account, in steps of one snapshot.
func (s *Store) Imbalance(ctx context.Context) (map[tokens.Asset]tokens.Amount, error) {
	out := map[tokens.Asset]tokens.Amount{}
	err := s.read(ctx, func(r *reader) error {
		var last int64
		if err := r.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM accounts").Scan(&last); err != nil {
			return err
		}
		for from := int64(0); from < last; from += imbalanceRows {
			if err := r.addUp(out, from); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("add up the balances: %w", err)
	}
	return out, nil
}

// addUp adds the balances of the accounts behind a number. Halves apart: SQLite fails where a partial
// sum overflows, and Go's sums come out right in the end all the same.
func (r *reader) addUp(out map[tokens.Asset]tokens.Amount, from int64) error {
	type part struct {
		asset     tokens.Asset
		high, low int64
	}
	parts, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (p part, err error) {
		return p, rows.Scan(&p.asset, &p.high, &p.low)
	}, `SELECT asset, sum(balance >> 32), sum(balance & 4294967295) FROM accounts WHERE id > ? AND id <= ? GROUP BY asset`, from, from+imbalanceRows)
	for _, p := range parts {
		out[p.asset] += tokens.Amount(p.high<<32 + p.low)
	}
	return err
}
