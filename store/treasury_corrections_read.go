package store

import (
	"context"
	"database/sql"
	"fmt"
)

const selectCorrection = `SELECT c.id, c.asset, c.source, c.dest, c.amount, c.reason, c.proposed_by, p.name, c.proposed_ms, c.due_ms, c.state,
	coalesce(c.decided_by, 0), coalesce((SELECT d.name FROM members d WHERE d.id = c.decided_by), ''), c.decided_ms, c.why, coalesce(c.transfer, '')
	FROM corrections c CROSS JOIN members p ON p.id = c.proposed_by`

func readCorrection(r scanner) (c OperatorCorrection, err error) {
	err = r.Scan(&c.ID, &c.Asset, &c.From, &c.To, &c.Amount, &c.Reason, &c.By, &c.ByName, &c.AtMs, &c.DueMs, &c.State, &c.DecidedBy, &c.Decider, &c.DecidedMs, &c.Why, &c.Transfer)
	return c, notFound(err)
}

// OperatorCorrection returns one; ErrNotFound.
func (s *Store) OperatorCorrection(ctx context.Context, id int64) (OperatorCorrection, error) {
	c, err := readCorrection(s.r.QueryRowContext(ctx, selectCorrection+" WHERE c.id = ?", id))
	if err != nil {
		return c, fmt.Errorf("correction %d: %w", id, err)
	}
	return c, nil
}

// OperatorCorrections returns up to limit, newest first, in a state (empty: in any), before the one with the
// given id (0: from the newest), and the id with which to go on; 0: that was all.
func (s *Store) OperatorCorrections(ctx context.Context, state CorrectionState, before int64, limit int) (page []OperatorCorrection, next int64, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	where, args := " WHERE c.id < ?", []any{before}
	if state != "" {
		where, args = " WHERE c.state = ? AND c.id < ?", []any{state, before}
	}
	page, err = scan(ctx, s.r, func(r *sql.Rows) (OperatorCorrection, error) { return readCorrection(r) },
		selectCorrection+where+" ORDER BY c.id DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list corrections: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}
