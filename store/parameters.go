package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Parameter is one entry in the history of the economy's parameters: Key has Value from the
// beginning of Epoch on, until another entry's epoch begins. The store knows keys and values only as
// text; what they mean is the configuration's business.
type Parameter struct {
	ID     int64
	Epoch  int64
	Key    string
	Value  string
	AtMs   int64  // when it was recorded
	By     string // who or what changed it
	Change int64  // the operators' change that it is part of; 0: the configuration said it
	Reason string // of that change
}

// ParameterChange is what SetParameters recorded of one key: the new value comes with Epoch.
type ParameterChange struct {
	Key, From, To string // From is empty for a key that had no value before
	Epoch         int64

	Overtakes int64 // the operators' change that From was part of; 0: none
}

// Parameters are the rules of an epoch and those announced for later ones, by key.
type Parameters struct {
	Epoch   int64 // the current one; 0: none began yet
	InForce []Parameter
	Pending []Parameter   // from the next epoch on
	Planned []RulesChange // later, those that come first before the others
}

// economy are the amounts and times in force.
func (t *tx) economy() Economy { return t.store.economy() }

func (s *Store) economy() Economy { return *s.inForce.Load() }

// SetEconomy replaces the amounts and times that methods apply; a transaction that is running may
// still apply the old ones.
func (s *Store) SetEconomy(e Economy) { s.inForce.Store(&e) }

// SetParameters records the value that the configuration has for every given key. What it says anew of
// a key comes into force with the next epoch: a value that operators set stays as long as the
// configuration says of it what it said before. A key that has no value yet has it from the current
// epoch on: in a new database that is the first. It returns what it recorded, by key.
func (s *Store) SetParameters(ctx context.Context, wanted map[string]string, by string) ([]ParameterChange, error) {
	var changed []ParameterChange
	err := s.write(ctx, func(t *tx) error {
		changed = nil
		epoch, err := currentEpoch(t.ctx, t.Tx)
		if err != nil {
			return err
		}
		seen, err := configured(t.ctx, t.Tx)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(wanted)) {
			if was, known := seen[key]; known && was == wanted[key] {
				continue
			}
			c, err := t.configure(Parameter{Key: key, Value: wanted[key], By: by}, epoch)
			if err != nil {
				return fmt.Errorf("record %s: %w", key, err)
			}
			if c.Epoch > 0 {
				changed = append(changed, c)
			}
		}
		return nil
	})
	return changed, err
}

// configure records what the configuration says anew of a key. It takes the place of what operators set.
func (t *tx) configure(p Parameter, current int64) (ParameterChange, error) {
	if err := t.exec(`INSERT INTO parameters_configured (key, value, seen_ms) VALUES (?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, seen_ms = excluded.seen_ms`, p.Key, p.Value, t.nowMs()); err != nil {
		return ParameterChange{}, err
	}
	if err := t.overtake(p); err != nil {
		return ParameterChange{}, err
	}
	c, err := t.setParameter(p, current)
	if err == nil && c.Overtakes > 0 {
		err = t.logOperator(0, "parameter configured", fmt.Sprintf("%s %s to %s from epoch %d, in place of change %d", c.Key, c.From, c.To, c.Epoch, c.Overtakes))
	}
	return c, err
}

// setParameter records one value in the given current epoch; the change is zero if there is none.
func (t *tx) setParameter(p Parameter, current int64) (ParameterChange, error) {
	c := ParameterChange{Key: p.Key, To: p.Value, Epoch: current + 1}
	err := t.row("SELECT value, coalesce(change, 0) FROM parameters WHERE key = ? ORDER BY epoch DESC, id DESC LIMIT 1", p.Key).Scan(&c.From, &c.Overtakes)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		c.Epoch = max(current, 1)
	case err != nil:
		return c, err
	case c.From == p.Value:
		return ParameterChange{}, nil
	}
	_, err = t.insert("INSERT INTO parameters (epoch, key, value, at_ms, by, change) VALUES (?, ?, ?, ?, ?, nullif(?, 0))", c.Epoch, p.Key, p.Value, t.nowMs(), p.By, p.Change)
	return c, err
}

// configured is what the configuration said at the last start, by key.
func configured(ctx context.Context, q querier) (map[string]string, error) {
	return valuesOf(scan(ctx, q, func(r *sql.Rows) (p Parameter, err error) { return p, r.Scan(&p.Key, &p.Value) }, "SELECT key, value FROM parameters_configured"))
}

// ConfiguredParameters returns what the configuration said at the last start, by key.
func (s *Store) ConfiguredParameters(ctx context.Context) (map[string]string, error) {
	values, err := configured(ctx, s.r)
	if err != nil {
		return nil, fmt.Errorf("read what was configured: %w", err)
	}
	return values, nil
}

// NextParameters returns, by key, what is recorded for the next epoch, and what would be if the
// configuration wanted these values now.
func (s *Store) NextParameters(ctx context.Context, wanted map[string]string) (recorded, then map[string]string, err error) {
	err = s.read(ctx, func(r *reader) error {
		epoch, err := currentEpoch(r.ctx, r.Tx)
		if err != nil {
			return err
		}
		if recorded, err = valuesOf(parametersAt(r.ctx, r.Tx, epoch+1)); err != nil {
			return err
		}
		seen, err := configured(r.ctx, r.Tx)
		then = maps.Clone(recorded)
		for key, value := range wanted {
			if was, known := seen[key]; !known || was != value {
				then[key] = value
			}
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the parameters of the next epoch: %w", err)
	}
	return recorded, then, nil
}

// ParametersAt returns the values in force in an epoch, by key. Of keys that were added later it
// has the first value they got.
func (s *Store) ParametersAt(ctx context.Context, epoch int64) (map[string]string, error) {
	values, err := valuesOf(parametersAt(ctx, s.r, epoch))
	if err != nil {
		return nil, fmt.Errorf("read the parameters of epoch %d: %w", epoch, err)
	}
	return values, nil
}

func valuesOf(rows []Parameter, err error) (map[string]string, error) {
	out := make(map[string]string, len(rows))
	for _, p := range rows {
		out[p.Key] = p.Value
	}
	return out, err
}

// Parameters returns what is in force now, what is pending, and what is planned.
func (s *Store) Parameters(ctx context.Context) (p Parameters, err error) {
	err = s.read(ctx, func(r *reader) (err error) {
		if p.Epoch, err = currentEpoch(r.ctx, r.Tx); err != nil {
			return err
		}
		if p.InForce, err = parametersAt(r.ctx, r.Tx, p.Epoch); err != nil {
			return err
		}
		later, err := parametersAt(r.ctx, r.Tx, p.Epoch+1)
		for i, l := range later { // both are by key, of the same keys
			if l.Value != p.InForce[i].Value {
				p.Pending = append(p.Pending, l)
			}
		}
		if err != nil {
			return err
		}
		p.Planned, err = waitingChanges(r.ctx, r.Tx)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("read the parameters: %w", err)
	}
	return p, nil
}

// ParameterHistory returns up to limit entries, newest first, that are older than the one with the
// id before (0: from the newest), and the id with which to go on; 0: that was all.
func (s *Store) ParameterHistory(ctx context.Context, before int64, limit int) (page []Parameter, next int64, err error) {
	page, err = scan(ctx, s.r, readParameter, selectParameter+` WHERE ? = 0 OR id < ? ORDER BY id DESC LIMIT ?`, before, before, limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("read the history of the parameters: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

const selectParameter = `SELECT id, epoch, key, value, at_ms, by, coalesce(change, 0),
	coalesce((SELECT c.reason FROM parameter_changes c WHERE c.id = p.change), '') FROM parameters p`

func readParameter(r *sql.Rows) (p Parameter, err error) {
	err = r.Scan(&p.ID, &p.Epoch, &p.Key, &p.Value, &p.AtMs, &p.By, &p.Change, &p.Reason)
	return p, err
}

func parametersAt(ctx context.Context, q querier, epoch int64) ([]Parameter, error) {
	return scan(ctx, q, readParameter, selectParameter+` WHERE id = coalesce(
			(SELECT id FROM parameters x WHERE x.key = p.key AND x.epoch <= ? ORDER BY x.epoch DESC, x.id DESC LIMIT 1),
			(SELECT id FROM parameters x WHERE x.key = p.key ORDER BY x.epoch, x.id DESC LIMIT 1))
		ORDER BY key`, epoch)
}

// currentEpoch is the number of the epoch under way; 0: none began yet.
func currentEpoch(ctx context.Context, q querier) (int64, error) {
	n, err := collect[int64](ctx, q, "SELECT coalesce(max(number), 0) FROM epochs")
	if err != nil {
		return 0, fmt.Errorf("find the current epoch: %w", err)
	}
	return n[0], nil
}
