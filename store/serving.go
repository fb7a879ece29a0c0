package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// SeederKey is who serves: a node, or with node 0 a member's standard clients together.
type SeederKey struct {
	Member bt.MemberID
	Node   bt.NodeID
}

// PutServing records what an attempt to download from a seeder came to: passed if it served. What may
// have failed on our side is not told. Who serves nobody, as package availability sees it, neither earns
// by hosting nor stands for uploads, until the epoch in which it serves again.
func (s *Store) PutServing(ctx context.Context, p availability.Params, epoch int64, k SeederKey, v availability.Verdict) error {
	return s.write(ctx, func(t *tx) error {
		x, err := t.serving(k)
		if err != nil {
			return err
		}
		x.tried, x.epoch = t.nowMs(), epoch
		return t.saveServing(x, x.state.After(p, epoch, v))
	})
}

// serving is a row of the table.
type serving struct {
	SeederKey
	tried, epoch int64 // of the last attempt: time, epoch
	state        availability.Serving
}

const selectServing = "SELECT member, node, tried_ms, tried_epoch, state FROM serving"

func readServing(r *sql.Rows) (x serving, err error) {
	var state []byte
	if err = r.Scan(&x.Member, &x.Node, &x.tried, &x.epoch, &state); err != nil {
		return x, err
	}
	x.state, err = parseServing(state)
	return x, err
}

func parseServing(raw []byte) (s availability.Serving, err error) {
	if len(raw) > 0 {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
}

func (t *tx) serving(k SeederKey) (serving, error) {
	rows, err := scan(t.ctx, t.Tx, readServing, selectServing+" WHERE member = ? AND node = ?", k.Member, k.Node)
	if err != nil || len(rows) == 0 {
		return serving{SeederKey: k}, err
	}
	return rows[0], nil
}

// saveServing writes what is known of a seeder next, and what it lost if that is over.
func (t *tx) saveServing(x serving, next availability.Serving) error {
	raw, err := json.Marshal(next)
	if err != nil {
		return err
	}
	from := next.WithheldFrom
	if next.WithheldTo > 0 {
		from = 0
	}
	err = t.exec(`INSERT INTO serving (member, node, tried_ms, tried_epoch, failures, withheld_from, state) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET tried_ms = excluded.tried_ms, tried_epoch = excluded.tried_epoch, failures = excluded.failures,
			withheld_from = excluded.withheld_from, state = excluded.state`, x.Member, x.Node, x.tried, x.epoch, len(next.Failed), from, string(raw))
	if err != nil {
		return fmt.Errorf("record whom a seeder served: %w", err)
	}
	if x.state.WithheldTo > 0 || next.WithheldTo <= next.WithheldFrom {
		return nil
	}
	err = t.exec(`INSERT INTO withholdings (member, node, from_epoch, to_epoch) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET to_epoch = max(to_epoch, excluded.to_epoch)`, x.Member, x.Node, next.WithheldFrom, next.WithheldTo)
	if err != nil {
		return fmt.Errorf("record what serving nobody cost: %w", err)
	}
	return nil
}

// noteAwards clears of the epochs that they failed those seeders who were awarded uploads in them:
// somebody was served, if not the prober.
func (st *settlement) noteAwards(ctx context.Context) error {
	var steps []step
	err := st.store.read(ctx, func(r *reader) error {
		failed, err := scan(r.ctx, r.Tx, readServing, selectServing+" WHERE failures > 0 ORDER BY member, node")
		if err != nil || len(failed) == 0 {
			return err
		}
		awarded := map[SeederKey]bool{}
		if err := addAwarded(r.ctx, r.Tx, st.epoch.Number, awarded); err != nil {
			return err
		}
		for _, x := range failed {
			if awarded[x.SeederKey] && slices.Min(x.state.Failed) <= st.epoch.Number {
				steps = append(steps, step{2, func(t *tx) error { return t.awarded(x.SeederKey, st.epoch.Number) }})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return st.write(ctx, steps)
}

func (t *tx) awarded(k SeederKey, epoch int64) error {
	x, err := t.serving(k)
	if err != nil {
		return err
	}
	return t.saveServing(x, x.state.Awarded(epoch))
}

// addAwarded adds the seeders that were awarded uploads in an epoch. An award is the member's: it says
// who served only if one of its seeders alone proved the torrent.
func addAwarded(ctx context.Context, q querier, epoch int64, to map[SeederKey]bool) error {
	_, err := scan(ctx, q, func(r *sql.Rows) (none struct{}, err error) {
		var k SeederKey
		err = r.Scan(&k.Member, &k.Node)
		to[k] = true
		return none, err
	}, `SELECT DISTINCT member, node FROM (SELECT a.member, max(c.node) AS node FROM awards a CROSS JOIN claims c ON c.torrent = a.torrent AND c.member = a.member
			CROSS JOIN proven p ON p.epoch = a.epoch AND p.claim = c.id
		WHERE a.epoch = ? AND a.bytes > 0 GROUP BY a.torrent, a.member HAVING count(*) = 1)`, epoch)
	return err
}

// Withheld lists the seeders that earn nothing now: those that serve nobody, and suspended nodes.
func (s *Store) Withheld(ctx context.Context) (map[SeederKey]bool, error) {
	keys, err := scan(ctx, s.r, func(r *sql.Rows) (k SeederKey, err error) { return k, r.Scan(&k.Member, &k.Node) },
		"SELECT member, node FROM serving WHERE withheld_from > 0 UNION SELECT member, id FROM nodes WHERE suspended_ms > 0")
	out := make(map[SeederKey]bool, len(keys))
	for _, k := range keys {
		out[k] = true
	}
	return out, err
}
