package store

import (
	"context"
	"database/sql"
	"fmt"
)

const selectChange = `SELECT c.id, m.name, c.reason, c.at_ms, c.from_ms, c.state, c.epoch, c.ended_ms,
	coalesce((SELECT e.name FROM members e WHERE e.id = c.ended_by), ''), c.ended_why
	FROM parameter_changes c JOIN members m ON m.id = c.operator`

func readChange(r *sql.Rows) (c RulesChange, err error) {
	return c, r.Scan(&c.ID, &c.Operator, &c.Reason, &c.AtMs, &c.FromMs, &c.State, &c.Epoch, &c.EndedMs, &c.EndedBy, &c.EndedWhy)
}

// changes reads changes with their values.
func changes(ctx context.Context, q querier, where string, args ...any) ([]RulesChange, error) {
	list, err := scan(ctx, q, readChange, selectChange+where, args...)
	for i := range list {
		if err == nil {
			list[i].Values, err = scan(ctx, q, func(r *sql.Rows) (v ChangedValue, err error) { return v, r.Scan(&v.Key, &v.From, &v.To) },
				"SELECT key, was, value FROM parameter_change_values WHERE change = ? ORDER BY key", list[i].ID)
		}
	}
	return list, err
}

// waitingChanges are in the order in which they come.
func waitingChanges(ctx context.Context, q querier) ([]RulesChange, error) {
	return changes(ctx, q, " WHERE c.state = 'waiting' ORDER BY c.from_ms, c.id")
}

// RulesChanges returns up to limit of what operators changed, newest first, before the one with the given
// id (0: from the newest), and the id with which to go on; 0: that was all.
func (s *Store) RulesChanges(ctx context.Context, before int64, limit int) (page []RulesChange, next int64, err error) {
	err = s.read(ctx, func(r *reader) (err error) {
		where, args := " ORDER BY c.id DESC LIMIT ?", []any{limit + 1}
		if before > 0 {
			where, args = " WHERE c.id < ?"+where, []any{before, limit + 1}
		}
		page, err = changes(r.ctx, r.Tx, where, args...)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read what operators changed: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}
