package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
)

// Proven time is not written down round by round. A claim that counts carries the time since when
// (claims.counting_ms); what passed since then is added to table proven, to each epoch its part, when
// the claim stops to count, and for all that count when an epoch is settled.

// countsUntil is how long a proven claim counts if nothing more is heard of it: until its proof ends
// or its node has been silent for too long. A standard client that falls silent is lapsed by whoever
// hears the swarms.
func (c ClaimRow) countsUntil(p availability.Params) int64 {
	until := c.ProvenMs + p.ProofLifetime.Milliseconds()
	if c.Node != 0 {
		until = min(until, c.SeenMs+p.ClaimLapse.Milliseconds())
	}
	return until
}

func (c ClaimRow) counts(p availability.Params, nowMs int64) bool {
	return c.drawnFrom() && nowMs < c.countsUntil(p)
}

// recount adds up the proven time of a claim that changed from was to c, if it ended or was
// interrupted, and has c count from now on if it does. Time that was proven for less is worth less
// when the claim grows.
func (t *tx) recount(p availability.Params, was, c ClaimRow) (ClaimRow, error) {
	now, counts := t.nowMs(), c.counts(p, t.nowMs())
	c.countingMs = was.countingMs
	if end := was.countsUntil(p); was.countingMs > 0 && (!counts || end < now) {
		if err := t.addProven(c.ID, was.countingMs, min(end, now)); err != nil {
			return c, err
		}
		c.countingMs = 0
	}
	if counts && c.countingMs == 0 {
		c.countingMs = now
	}
	if was.Bytes > 0 && c.Bytes > was.Bytes {
		return c, t.dilute(was, c)
	}
	return c, nil
}

// addProven adds a span of time to the epochs in which it lies. What is before the first epoch is
// lost.
func (t *tx) addProven(claim, fromMs, toMs int64) error {
	epochs, err := t.epochsSince(fromMs)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		from, to := max(fromMs, e.StartMs), toMs
		if e.EndMs > 0 {
			to = min(toMs, e.EndMs)
		}
		if from >= to {
			continue
		}
		err := t.exec(`INSERT INTO proven (epoch, claim, proven_ms) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET proven_ms = proven_ms + excluded.proven_ms`, e.Number, claim, to-from)
		if err != nil {
			return fmt.Errorf("add proven time of claim %d: %w", claim, err)
		}
	}
	return nil
}

// epochsSince returns the current epoch and those before it that were not over then, newest first.
func (t *tx) epochsSince(ms int64) ([]Epoch, error) {
	rows, err := t.QueryContext(t.ctx, "SELECT number, start_ms, end_ms FROM epochs ORDER BY number DESC")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Epoch
	for rows.Next() {
		var e Epoch
		if err := rows.Scan(&e.Number, &e.StartMs, &e.EndMs); err != nil {
			return nil, err
		}
		if e.EndMs > 0 && e.EndMs <= ms {
			break // and so are all before it
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// dilute makes of the time for which fewer bytes were proven, in the epochs that are not settled,
// as much as it is worth at what is claimed from now on: bytes·time stay the same, rounded down.
func (t *tx) dilute(was, c ClaimRow) error {
	type row struct{ epoch, ms int64 }
	rows, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.epoch, &x.ms) },
		"SELECT epoch, proven_ms FROM proven WHERE claim = ? AND epoch >= (SELECT min(number) FROM epochs WHERE settled_ms = 0)", c.ID)
	if err != nil {
		return err
	}
	for _, x := range rows {
		ms := tokens.MulDiv(x.ms, int64(was.Bytes), int64(c.Bytes))
		if err := t.change("UPDATE proven SET proven_ms = ? WHERE epoch = ? AND claim = ?", ms, x.epoch, c.ID); err != nil {
			return fmt.Errorf("proven time of claim %d: %w", c.ID, err)
		}
	}
	return nil
}

// countedAtOnce is for how many claims one transaction of countProven adds up proven time.
const countedAtOnce = 1000

func (st *settlement) countProven(ctx context.Context) error {
	return st.store.countProven(ctx, st.rules.Availability, st.epoch.Number, st.commit)
}

// countProven brings the proven time of all claims that count up to the end of an epoch that is
// over, a bounded number in each commit. It may be repeated.
func (s *Store) countProven(ctx context.Context, p availability.Params, epoch int64, commit func(context.Context, func(*tx) error) error) error {
	epochs, err := s.uncounted(ctx, epoch)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		for left := true; left; {
			err := commit(ctx, func(t *tx) (err error) {
				left, err = t.countSome(p, e)
				return err
			})
			if err != nil {
				return fmt.Errorf("epoch %d: %w", e.Number, err)
			}
		}
	}
	return nil
}

// uncounted returns the epochs up to the given one for which claims still count, oldest first.
func (s *Store) uncounted(ctx context.Context, epoch int64) ([]Epoch, error) {
	return scan(ctx, s.r, readEpoch, selectEpoch+` WHERE number <= ? AND end_ms > coalesce((SELECT min(counting_ms) FROM claims WHERE counting_ms > 0), end_ms)
		ORDER BY number`, epoch)
}

// countSome is a step of countProven; it reports whether there may be more.
func (t *tx) countSome(p availability.Params, e Epoch) (more bool, err error) {
	args := []any{sql.Named("epoch", e.Number), sql.Named("start", e.StartMs), sql.Named("end", e.EndMs), sql.Named("lapse", p.ClaimLapse.Milliseconds()),
		sql.Named("lifetime", p.ProofLifetime.Milliseconds()), sql.Named("many", countedAtOnce)}
	const due = `counting_ms > 0 AND counting_ms < :end ORDER BY counting_ms, id LIMIT :many`
	// As countsUntil says it.
	err = t.exec(`INSERT INTO proven (epoch, claim, proven_ms) SELECT :epoch, id, until - since FROM (
			SELECT c.id, max(c.counting_ms, :start) AS since, min(:end, c.proven_ms + :lifetime,
				iif(c.node = 0, :end, max(c.seen_ms, coalesce(n.last_report_ms, 0)) + :lapse)) AS until
			FROM (SELECT * FROM claims WHERE `+due+`) c LEFT JOIN nodes n ON n.id = c.node)
		WHERE until > since ON CONFLICT DO UPDATE SET proven_ms = proven_ms + excluded.proven_ms`, args...)
	if err != nil {
		return false, err
	}
	return t.try("UPDATE claims SET counting_ms = :end WHERE id IN (SELECT id FROM claims WHERE "+due+")", args...)
}
