package store

import (
	"fmt"
	"maps"
	"time"
)

// rulesAhead are the rules of the next epoch, and what waits to change them.
type rulesAhead struct {
	epoch   int64 // the current one
	next    map[string]string
	waiting []RulesChange
}

func (t *tx) rulesAhead() (a rulesAhead, err error) {
	if a.epoch, err = currentEpoch(t.ctx, t.Tx); err != nil {
		return a, err
	}
	if a.next, err = valuesOf(parametersAt(t.ctx, t.Tx, a.epoch+1)); err != nil {
		return a, err
	}
	a.waiting, err = waitingChanges(t.ctx, t.Tx)
	return a, err
}

// before are the values that hold right before a change that waits for the given time; 0: the next epoch's.
func (a rulesAhead) before(fromMs int64) map[string]string {
	values := maps.Clone(a.next)
	for _, c := range a.waiting {
		if c.FromMs <= fromMs {
			c.apply(values)
		}
	}
	return values
}

func (c RulesChange) apply(values map[string]string) {
	for _, v := range c.Values {
		values[v.Key] = v.To
	}
}

// hold holds every set of rules to come to the rulebook, from those of the given time on.
func (a rulesAhead) hold(book Rulebook, fromMs int64) error {
	values := maps.Clone(a.next)
	if fromMs == 0 {
		if _, err := book.Economy(values); err != nil {
			return fmt.Errorf("%w: %w", ErrParameter, err)
		}
	}
	for _, c := range a.waiting {
		c.apply(values)
		if c.FromMs < fromMs {
			continue
		}
		if _, err := book.Economy(values); err != nil {
			return fmt.Errorf("%w: with change %d, which waits for %s: %w", ErrParameter, c.ID, time.UnixMilli(c.FromMs).UTC().Format(time.RFC3339), err)
		}
	}
	return nil
}
