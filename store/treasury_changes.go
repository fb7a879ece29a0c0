package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Limits of what operators change of the parameters.
const (
	MaxPlannedChanges = 50                   // that wait for their date
	MaxChangeAhead    = 400 * 24 * time.Hour // of a date
	MaxChangedAtOnce  = 10                   // keys of one change
	MaxParameterValue = 200                  // bytes of a value that is typed
)

var (
	// ErrParameter: the rules cannot be so; its text says why.
	ErrParameter = errors.New("the parameters cannot be changed so")
	// errDry undoes what was only tried.
	errDry = errors.New("only tried")
)

// Rulebook says what the economy's parameters may be. The store knows them only as text.
type Rulebook interface {
	// Canonical reads a key's value as a configuration file has it, and writes it as it is recorded.
	// An error names the key, the value and what the key takes, or says that operators do not change the key.
	Canonical(key, value string) (string, error)
	// Economy holds all values, by key, to the rules of the configuration, as if they were in force.
	Economy(values map[string]string) (Economy, error)
}

// RulesOrder is what an operator wants to change: values that come into force together.
type RulesOrder struct {
	By     bt.MemberID
	Values map[string]string // by key, as a configuration file has them
	From   time.Time         // with the first epoch that begins then or later; zero: with the next
	Reason string            // for everybody to read
}

// RulesState says what became of a change.
type RulesState string

// The states of a change.
const (
	RulesWaiting   RulesState = "waiting"   // for its date
	RulesDated     RulesState = "dated"     // it comes, or came, with an epoch
	RulesWithdrawn RulesState = "withdrawn" // before it came
	RulesRefused   RulesState = "refused"   // when its date came, or since the configuration said something else
)

// RulesChange is a change that an operator made. Times in unix ms, 0: none.
type RulesChange struct {
	ID       int64
	Operator string // name
	Reason   string
	AtMs     int64
	FromMs   int64
	State    RulesState
	Epoch    int64 // with which it comes; 0: not known yet, or never
	EndedMs  int64 // withdrawn or refused
	EndedBy  string
	EndedWhy string
	Values   []ChangedValue // by key
}

// ChangedValue is one key of a change.
type ChangedValue struct{ Key, From, To string }

// ChangeRules records a change of parameters, once it has held the rules to be, of the change's own
// epoch and of every change that waits for a later one, to the rulebook. Announced again it changes
// nothing, which is refused.
//
// Errors: ErrParameter, ErrReason, ErrTooMany, ErrNotOperator (by is none, or none any more).
func (s *Store) ChangeRules(ctx context.Context, o RulesOrder, book Rulebook) (RulesChange, error) {
	var out RulesChange
	err := s.write(ctx, func(t *tx) (err error) {
		out, err = t.changeRules(o, book)
		return err
	})
	return out, ruled("change the parameters", err)
}

// PreviewRules is ChangeRules, but nothing is recorded and no reason is needed.
func (s *Store) PreviewRules(ctx context.Context, o RulesOrder, book Rulebook) (RulesChange, error) {
	o.Reason = "preview"
	var out RulesChange
	err := s.try(ctx, func(t *tx) (err error) {
		out, err = t.changeRules(o, book)
		return err
	})
	out.ID, out.Reason = 0, ""
	return out, ruled("preview a change of the parameters", err)
}

// ruled adds what was done to errors that nobody expected.
func ruled(what string, err error) error {
	if err == nil || errors.Is(err, ErrParameter) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// try runs a job as write does, and undoes it: so it says what would come of it.
func (s *Store) try(ctx context.Context, fn func(*tx) error) error {
	err := s.write(ctx, func(t *tx) error {
		if err := fn(t); err != nil {
			return err
		}
		return errDry
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

func (t *tx) changeRules(o RulesOrder, book Rulebook) (RulesChange, error) {
	fromMs, err := t.checkRulesOrder(o)
	if err == nil {
		err = t.mustOperate(o.By)
	}
	if err != nil {
		return RulesChange{}, err
	}
	ahead, err := t.rulesAhead()
	if err != nil {
		return RulesChange{}, err
	}
	if fromMs > 0 && len(ahead.waiting) >= MaxPlannedChanges {
		return RulesChange{}, fmt.Errorf("%w: %d changes wait for their date; withdraw some first", ErrTooMany, len(ahead.waiting))
	}
	c := RulesChange{Reason: o.Reason, AtMs: t.nowMs(), FromMs: fromMs, State: RulesWaiting}
	before := ahead.before(fromMs)
	if c.Values, err = changedValues(before, o.Values, book); err != nil {
		return c, err
	}
	if err := t.recordChange(&c, o.By, ahead.epoch); err != nil {
		return c, err
	}
	if ahead, err = t.rulesAhead(); err != nil {
		return c, err
	}
	if err := errors.Join(ahead.hold(book, fromMs), t.holdSale(book, before, c)); err != nil {
		return c, err
	}
	return c, t.logOperator(o.By, "parameter change", c.words())
}

// checkRulesOrder holds an order to what does not depend on the rules, and returns its time; 0: the next epoch.
func (t *tx) checkRulesOrder(o RulesOrder) (fromMs int64, err error) {
	switch {
	case strings.TrimSpace(o.Reason) == "" || len(o.Reason) > maxReason:
		return 0, ErrReason
	case len(o.Values) == 0:
		return 0, fmt.Errorf("%w: say which and to what", ErrParameter)
	case len(o.Values) > MaxChangedAtOnce:
		return 0, fmt.Errorf("%w: at most %d at once", ErrParameter, MaxChangedAtOnce)
	case o.From.IsZero():
		return 0, nil
	case !o.From.After(t.now) || o.From.After(t.now.Add(MaxChangeAhead)):
		return 0, fmt.Errorf("%w: a change can wait for a time to come, at most %d days from now", ErrParameter, int(MaxChangeAhead.Hours()/24))
	}
	return o.From.UnixMilli(), nil
}

// changedValues are the wanted values that differ, by key; at least one must.
func changedValues(before, wanted map[string]string, book Rulebook) (out []ChangedValue, err error) {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		was, known := before[key]
		if !known {
			return nil, fmt.Errorf("%w: there is no parameter %q", ErrParameter, key)
		}
		value, err := book.Canonical(key, wanted[key])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrParameter, err)
		}
		if len(value) > MaxParameterValue {
			return nil, fmt.Errorf("%w: %s: at most %d bytes", ErrParameter, key, MaxParameterValue)
		}
		if value != was {
			out = append(out, ChangedValue{key, was, value})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: it has that value then already", ErrParameter)
	}
	return out, nil
}

// recordChange writes a change, and if it waits for nothing, its values into the next epoch.
func (t *tx) recordChange(c *RulesChange, by bt.MemberID, current int64) (err error) {
	if c.FromMs == 0 {
		c.State, c.Epoch = RulesDated, current+1
	}
	if err := t.row("SELECT name FROM members WHERE id = ?", by).Scan(&c.Operator); err != nil {
		return fmt.Errorf("operator %d: %w", by, notFound(err))
	}
	c.ID, err = t.insert("INSERT INTO parameter_changes (operator, reason, at_ms, from_ms, state, epoch) VALUES (?, ?, ?, ?, ?, ?)",
		by, c.Reason, c.AtMs, c.FromMs, c.State, c.Epoch)
	if err != nil {
		return err
	}
	for _, v := range c.Values {
		if err := t.exec("INSERT INTO parameter_change_values (change, key, value, was) VALUES (?, ?, ?, ?)", c.ID, v.Key, v.To, v.From); err != nil {
			return err
		}
	}
	if c.FromMs > 0 {
		return nil
	}
	return t.dateChange(*c, current)
}

// dateChange writes a change's values into the next epoch.
func (t *tx) dateChange(c RulesChange, current int64) error {
	for _, v := range c.Values {
		if _, err := t.setParameter(Parameter{Key: v.Key, Value: v.To, By: c.Operator, Change: c.ID}, current); err != nil {
			return err
		}
	}
	return nil
}

// holdSale refuses a change by which the sale could not go on.
func (t *tx) holdSale(book Rulebook, before map[string]string, c RulesChange) error {
	after := maps.Clone(before)
	c.apply(after)
	was, err := book.Economy(before)
	if err != nil {
		was = t.economy() // what is to be mended may be wrong
	}
	e, err := book.Economy(after)
	if err != nil || e.sameSale(was) {
		return nil // rulesAhead.hold says it
	}
	row, err := t.sale()
	if err != nil {
		return err
	}
	if err := row.curve.Adjust(row.wish(e).curve, row.sold); err != nil {
		return fmt.Errorf("%w: economy.sale_price = %d, economy.sale_limit = %d: %w", ErrParameter, e.SalePrice, e.SaleLimit, err)
	}
	return nil
}

// sameSale reports whether the sale is the same with both.
func (e Economy) sameSale(o Economy) bool {
	return e.SalePrice == o.SalePrice && e.SaleLimit == o.SaleLimit && e.SaleFloor == o.SaleFloor
}

// words are what the operators' log says of a change.
func (c RulesChange) words() string {
	var values []string
	for _, v := range c.Values {
		values = append(values, fmt.Sprintf("%s %s to %s", v.Key, v.From, v.To))
	}
	when := fmt.Sprintf("with epoch %d", c.Epoch)
	if c.FromMs > 0 {
		when = "with the first epoch from " + time.UnixMilli(c.FromMs).UTC().Format(time.RFC3339) + " on"
	}
	return fmt.Sprintf("%d, %s: %s: %s", c.ID, when, strings.Join(values, ", "), c.Reason)
}
