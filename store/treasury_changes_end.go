package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// BeginRules dates the changes whose time has come: their values come with the next epoch. It is called
// right before an epoch begins: what becomes due in the moment between comes with the epoch after. A change that the rulebook does not let pass any more is refused and
// changes nothing, so that the epoch can begin all the same. It returns both kinds.
func (s *Store) BeginRules(ctx context.Context, book Rulebook) ([]RulesChange, error) {
	var out []RulesChange
	err := s.write(ctx, func(t *tx) error {
		out = nil
		ahead, err := t.rulesAhead()
		if err != nil {
			return err
		}
		for _, c := range ahead.waiting {
			if c.FromMs > t.nowMs() {
				break
			}
			if err := t.beginChange(&c, &ahead, book); err != nil {
				return fmt.Errorf("change %d: %w", c.ID, err)
			}
			out = append(out, c)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin changes of the parameters: %w", err)
	}
	return out, nil
}

func (t *tx) beginChange(c *RulesChange, ahead *rulesAhead, book Rulebook) error {
	only := rulesAhead{next: ahead.before(0)}
	c.apply(only.next)
	switch why := cmp.Or(only.hold(book, 0), t.holdSale(book, ahead.next, *c)); {
	case errors.Is(why, ErrParameter):
		c.State, c.EndedMs, c.EndedWhy = RulesRefused, t.nowMs(), ended(why)
		return t.endChange(*c, 0)
	case why != nil:
		return why
	}
	c.State, c.Epoch = RulesDated, ahead.epoch+1
	ahead.next = only.next
	return errors.Join(t.change("UPDATE parameter_changes SET state = ?, epoch = ? WHERE id = ?", c.State, c.Epoch, c.ID), t.dateChange(*c, ahead.epoch),
		t.logOperator(0, "parameter begin", c.words()))
}

// maxEndedWhy bounds, in bytes, what is kept of why a change was refused.
const maxEndedWhy = 500

func ended(why error) string {
	text := why.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxEndedWhy)], "")
}

// endChange ends a change that did not come.
func (t *tx) endChange(c RulesChange, by bt.MemberID) error {
	verb := map[RulesState]string{RulesWithdrawn: "withdraw", RulesRefused: "refuse"}[c.State]
	return errors.Join(t.change("UPDATE parameter_changes SET state = ?, ended_ms = ?, ended_by = ?, ended_why = ? WHERE id = ?",
		c.State, t.nowMs(), memberOrNil(by), c.EndedWhy, c.ID), t.logOperator(by, "parameter "+verb, fmt.Sprintf("%d: %s", c.ID, c.EndedWhy)))
}

// overtake ends the changes that wait for a date and change a key of which the configuration says
// something else now: the later word counts.
func (t *tx) overtake(p Parameter) error {
	waiting, err := changes(t.ctx, t.Tx, " WHERE c.state = 'waiting' AND EXISTS (SELECT 1 FROM parameter_change_values v WHERE v.change = c.id AND v.key = ?) ORDER BY c.from_ms, c.id", p.Key)
	for _, c := range waiting {
		c.State, c.EndedWhy = RulesRefused, "the configuration says something else of "+p.Key+" now"
		if err := t.endChange(c, 0); err != nil {
			return err
		}
	}
	return err
}

// RulesWithdrawal takes a change back that has not come into force.
type RulesWithdrawal struct {
	By     bt.MemberID
	Change int64 // 0: what the configuration changed
	Reason string
}

// WithdrawRules takes back a change that waits, or whose epoch has not begun: then the values that are
// in force are recorded anew for that epoch, as a change of its own, which it returns; of one that
// waits it returns that one.
//
// Errors: ErrNotFound, ErrParameter (it has begun, or what remains cannot be so), ErrReason, ErrNotOperator.
func (s *Store) WithdrawRules(ctx context.Context, w RulesWithdrawal, book Rulebook) (RulesChange, error) {
	if strings.TrimSpace(w.Reason) == "" || len(w.Reason) > maxReason {
		return RulesChange{}, ErrReason
	}
	var out RulesChange
	err := s.write(ctx, func(t *tx) (err error) {
		out, err = t.withdrawRules(w, book)
		return err
	})
	return out, ruled("withdraw a change of the parameters", err)
}

func (t *tx) withdrawRules(w RulesWithdrawal, book Rulebook) (RulesChange, error) {
	if err := t.mustOperate(w.By); err != nil {
		return RulesChange{}, err
	}
	found, err := changes(t.ctx, t.Tx, " WHERE c.id = ?", w.Change)
	if err != nil {
		return RulesChange{}, err
	}
	if len(found) == 0 && w.Change != 0 {
		return RulesChange{}, ErrNotFound
	}
	if len(found) == 0 || found[0].State == RulesDated {
		return t.restoreRules(w, book)
	}
	c := found[0]
	if c.State != RulesWaiting {
		return c, fmt.Errorf("%w: change %d was %s before", ErrParameter, c.ID, c.State)
	}
	c.State, c.EndedMs, c.EndedWhy = RulesWithdrawn, t.nowMs(), w.Reason
	if err := t.row("SELECT name FROM members WHERE id = ?", w.By).Scan(&c.EndedBy); err != nil {
		return c, notFound(err)
	}
	if err := t.endChange(c, w.By); err != nil {
		return c, err
	}
	ahead, err := t.rulesAhead()
	if err != nil {
		return c, err
	}
	return c, ahead.hold(book, c.FromMs)
}

// restoreRules records again the values in force, for those that a change has for the next epoch.
func (t *tx) restoreRules(w RulesWithdrawal, book Rulebook) (RulesChange, error) {
	current, err := currentEpoch(t.ctx, t.Tx)
	if err != nil {
		return RulesChange{}, err
	}
	inForce, err := valuesOf(parametersAt(t.ctx, t.Tx, current))
	if err != nil {
		return RulesChange{}, err
	}
	next, err := parametersAt(t.ctx, t.Tx, current+1)
	if err != nil {
		return RulesChange{}, err
	}
	c := RulesChange{Reason: w.Reason, AtMs: t.nowMs()}
	for _, p := range next {
		if p.Epoch > current && p.Change == w.Change && p.Value != inForce[p.Key] {
			if _, err := book.Canonical(p.Key, inForce[p.Key]); err != nil {
				continue // it is not for operators to change
			}
			c.Values = append(c.Values, ChangedValue{p.Key, p.Value, inForce[p.Key]})
		}
	}
	if len(c.Values) == 0 {
		return c, fmt.Errorf("%w: nothing of it is to come: it has begun, was changed again, or is changed in the configuration only", ErrParameter)
	}
	if err := t.recordChange(&c, w.By, current); err != nil {
		return c, err
	}
	ahead, err := t.rulesAhead()
	if err != nil {
		return c, err
	}
	before, _ := valuesOf(next, nil)
	if err := errors.Join(ahead.hold(book, 0), t.holdSale(book, before, c)); err != nil {
		return c, err
	}
	if w.Change > 0 {
		gone := RulesChange{ID: w.Change, State: RulesWithdrawn, EndedWhy: w.Reason}
		if err := t.endChange(gone, w.By); err != nil {
			return c, err
		}
	}
	return c, t.logOperator(w.By, "parameter change", c.words())
}
