package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/availability"
)

const (
	factAlive  = "alive_ms" // when the server last said that it runs
	factOutage = "outage"   // an outage that is not excused to its end (JSON, see outage)
)

// outage is a time for which the tracker was down, and how far claims were given it back.
type outage struct {
	FromMs, ToMs int64
	Claim        int64 // the last one excused
}

// excusedAtOnce is how many claims one transaction of ExcuseOutage moves.
const excusedAtOnce = 1000

// MarkAlive notes that the server runs, and returns when it had last said so (0: never): before an
// outage that is not excused to its end, if there is one.
func (s *Store) MarkAlive(ctx context.Context) (lastMs int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		if lastMs, err = t.factInt(factAlive); err != nil {
			return err
		}
		if o, pending, err := t.outage(); err != nil || pending {
			lastMs = min(lastMs, o.FromMs)
			return err
		}
		return t.setFact(factAlive, strconv.FormatInt(t.nowMs(), 10))
	})
	return lastMs, err
}

// ExcuseOutage moves all claims' times by an outage of the tracker that is over now and counts for
// nobody (ECONOMY §7): what was proven counts until it began, and goes on from now. It takes a bounded
// number of claims in each transaction; one that was interrupted is brought to its end first, and
// what passed since then is a second outage.
func (s *Store) ExcuseOutage(ctx context.Context, p availability.Params, length time.Duration) error {
	for {
		resumed, err := s.beginOutage(ctx, length)
		if err != nil {
			return fmt.Errorf("excuse an outage: %w", err)
		}
		for left := true; left; {
			err := s.write(ctx, func(t *tx) (err error) {
				left, err = t.excuseSome(p)
				return err
			})
			if err != nil {
				return fmt.Errorf("excuse an outage: %w", err)
			}
		}
		if resumed == 0 {
			return nil
		}
		if length = s.opt.Now().Sub(time.UnixMilli(resumed)); length <= 0 {
			return nil
		}
	}
}

// beginOutage notes an outage, unless there is one that is not excused to its end; then it returns
// when that ended.
func (s *Store) beginOutage(ctx context.Context, length time.Duration) (resumedMs int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		o, pending, err := t.outage()
		if err != nil {
			return err
		}
		if pending {
			resumedMs = o.ToMs
			return nil
		}
		o = outage{FromMs: t.nowMs() - length.Milliseconds(), ToMs: t.nowMs()}
		return errors.Join(t.setOutage(o), t.noteOutage(o.FromMs, o.ToMs), t.excuseAbsent(o))
	})
	return resumedMs, err
}

// excuseAbsent moves when nodes were last found absent: nobody looked for them in the outage.
func (t *tx) excuseAbsent(o outage) error {
	return t.exec(`UPDATE nodes SET standing = json_set(standing, '$.LastOfflineMs', (standing ->> '$.LastOfflineMs') + ?)
		WHERE json_valid(standing) AND standing ->> '$.LastOfflineMs' BETWEEN 1 AND ?`, o.ToMs-o.FromMs, o.FromMs)
}

func (t *tx) outage() (o outage, pending bool, err error) {
	raw, err := collect[string](t.ctx, t.Tx, "SELECT value FROM facts WHERE name = ?", factOutage)
	if err != nil || len(raw) == 0 {
		return o, false, err
	}
	return o, true, json.Unmarshal([]byte(raw[0]), &o)
}

func (t *tx) setOutage(o outage) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return t.setFact(factOutage, string(raw))
}

// excuseSome is a step of ExcuseOutage; it reports whether there is more.
func (t *tx) excuseSome(p availability.Params) (more bool, err error) {
	o, pending, err := t.outage()
	if err != nil || !pending {
		return false, err
	}
	claims, err := readClaims(t.ctx, t.Tx, "c.id > ? AND (c.live = 1 OR c.leaving = 1) ORDER BY c.id LIMIT ?", o.Claim, excusedAtOnce)
	if err != nil {
		return false, err
	}
	for _, c := range claims {
		if err := t.excuse(p, c, o); err != nil {
			return false, fmt.Errorf("claim %d: %w", c.ID, err)
		}
		o.Claim = c.ID
	}
	if len(claims) == excusedAtOnce {
		return true, t.setOutage(o)
	}
	return false, t.exec("DELETE FROM facts WHERE name = ?", factOutage)
}

// excuse gives a claim an outage back: it counts until the outage began, if it counted so long, and
// goes on from when it was over.
func (t *tx) excuse(p availability.Params, c ClaimRow, o outage) error {
	if c.countingMs > 0 {
		if err := t.addProven(c.ID, c.countingMs, min(o.FromMs, c.countsUntil(p))); err != nil {
			return err
		}
	}
	seen, proven := c.SeenMs, c.ProvenMs
	c.Claim = c.Claim.Excuse(time.Duration(o.ToMs-o.FromMs) * time.Millisecond)
	// What came when it was almost over, or after, is not moved beyond the present.
	c.SeenMs, c.ProvenMs = max(seen, min(c.SeenMs, o.ToMs)), max(proven, min(c.ProvenMs, o.ToMs))
	c.countingMs = 0
	if c.counts(p, o.ToMs) {
		c.countingMs = o.ToMs
	}
	return t.writeClaim(c)
}
