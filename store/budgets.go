package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ErrRange says that a number lies outside what can be meant.
var ErrRange = errors.New("out of range")

// Budget bounds what is reserved for a member's download of a torrent (ECONOMY §4).
type Budget struct {
	Member  bt.MemberID
	Torrent bt.TorrentID
	Bytes   bt.Bytes
}

// SetBudget sets a member's budget for a torrent; 0 bytes remove it. ErrRange: below 0 or above
// bt.MaxCounter.
func (s *Store) SetBudget(ctx context.Context, b Budget) error {
	if b.Bytes < 0 || b.Bytes > bt.MaxCounter {
		return fmt.Errorf("budget of %d bytes: %w", b.Bytes, ErrRange)
	}
	return s.write(ctx, func(t *tx) error {
		if b.Bytes == 0 {
			return t.exec("DELETE FROM budgets WHERE member = ? AND torrent = ?", b.Member, b.Torrent)
		}
		err := t.exec("INSERT INTO budgets (member, torrent, bytes) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes", b.Member, b.Torrent, b.Bytes)
		if err != nil {
			return fmt.Errorf("set budget: %w", err)
		}
		return nil
	})
}

// Budgets returns every budget, for the announce path.
func (s *Store) Budgets(ctx context.Context) ([]Budget, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (b Budget, err error) {
		err = r.Scan(&b.Member, &b.Torrent, &b.Bytes)
		return b, err
	}, "SELECT member, torrent, bytes FROM budgets ORDER BY member, torrent")
}

// BudgetOf returns a member's budget for a torrent; 0: none was set.
func (s *Store) BudgetOf(ctx context.Context, m bt.MemberID, t bt.TorrentID) (n bt.Bytes, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT coalesce(max(bytes), 0) FROM budgets WHERE member = ? AND torrent = ?", m, t).Scan(&n)
	return n, err
}

// SetMaxPrice sets what a member consents to pay per GiB; 0 returns to the default rule of
// ECONOMY §4. ErrRange: below 0 or above tokens.MaxAmount.
func (s *Store) SetMaxPrice(ctx context.Context, m bt.MemberID, utokPerGiB tokens.Amount) error {
	if utokPerGiB < 0 || utokPerGiB > tokens.MaxAmount {
		return fmt.Errorf("maximum price of %d: %w", int64(utokPerGiB), ErrRange)
	}
	return s.write(ctx, func(t *tx) error {
		return t.change("UPDATE members SET max_price_utok_per_gib = nullif(?, 0) WHERE id = ?", utokPerGiB, m)
	})
}

// MaxPrice returns what a member consents to pay per GiB; 0: the default rule.
func (s *Store) MaxPrice(ctx context.Context, m bt.MemberID) (utokPerGiB tokens.Amount, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT coalesce(max_price_utok_per_gib, 0) FROM members WHERE id = ?", m).Scan(&utokPerGiB)
	return utokPerGiB, notFound(err)
}
