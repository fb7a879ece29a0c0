package store

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
)

// testBook takes whole numbers whose parts a and b together are 10, and a price of the sale.
type testBook struct{}

func (testBook) Canonical(key, value string) (string, error) {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || key == "" {
		return "", fmt.Errorf("%s = %q: want a whole number", key, value)
	}
	return strconv.Itoa(n), nil
}

func (testBook) Economy(values map[string]string) (Economy, error) {
	e := DefaultEconomy()
	a, _ := strconv.Atoi(values["a"])
	b, _ := strconv.Atoi(values["b"])
	if a+b != 10 {
		return e, fmt.Errorf("a and b are %d together: want 10", a+b)
	}
	if price, err := strconv.ParseInt(values["price"], 10, 64); err == nil {
		e.SalePrice = tokens.Amount(price)
	}
	return e, nil
}

// rulesWorld is a store with a clock and rules: a = 4, b = 6, c = 1, and the sale's price.
type rulesWorld struct {
	*Store
	t   *testing.T
	now atomic.Int64
}

func newRulesWorld(t *testing.T) *rulesWorld {
	w := &rulesWorld{t: t}
	w.now.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	w.Store = open(t, t.TempDir(), Options{Now: func() time.Time { return time.UnixMilli(w.now.Load()) }})
	addMember(t, w.Store, 1, 0, 0)
	addMember(t, w.Store, 2, 0, 0)
	addMember(t, w.Store, 3, 0, 0) // is no operator
	if err := w.write(t.Context(), func(t *tx) error { return t.execMany("UPDATE members SET operator = 1 WHERE id < 3") }); err != nil {
		t.Fatal(err)
	}
	w.configure(map[string]string{"a": "4", "b": "6", "c": "1", "price": "1000000"})
	w.epoch()
	return w
}

func (w *rulesWorld) configure(values map[string]string) []ParameterChange {
	w.t.Helper()
	out, err := w.SetParameters(w.t.Context(), values, "configuration")
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// epoch begins one, as the server does.
func (w *rulesWorld) epoch() []RulesChange {
	w.t.Helper()
	began, err := w.BeginRules(w.t.Context(), testBook{})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.NextEpoch(w.t.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
		w.t.Fatal(err)
	}
	return began
}

func (w *rulesWorld) in(d time.Duration) time.Time {
	return time.UnixMilli(w.now.Load() + d.Milliseconds())
}

func (w *rulesWorld) change(from time.Time, values ...string) (RulesChange, error) {
	o := RulesOrder{By: 1, Values: map[string]string{}, From: from, Reason: "better so"}
	for i := 0; i+1 < len(values); i += 2 {
		o.Values[values[i]] = values[i+1]
	}
	return w.ChangeRules(w.t.Context(), o, testBook{})
}

func (w *rulesWorld) must(c RulesChange, err error) RulesChange {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// values are what holds in an epoch counted from the current one, as "a b c".
func (w *rulesWorld) values(ahead int64) string {
	w.t.Helper()
	p, err := w.Parameters(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := w.ParametersAt(w.t.Context(), p.Epoch+ahead)
	if err != nil {
		w.t.Fatal(err)
	}
	return v["a"] + " " + v["b"] + " " + v["c"]
}

func (w *rulesWorld) want(ahead int64, want string) {
	w.t.Helper()
	if got := w.values(ahead); got != want {
		w.t.Fatalf("%d epochs ahead: %s, want %s", ahead, got, want)
	}
}

// logged counts the lines of the operators' log with an action.
func (w *rulesWorld) logged(action string) (n int) {
	w.t.Helper()
	acts, err := w.OperatorLog(w.t.Context(), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range acts {
		if a.Action == action {
			n++
		}
	}
	return n
}

func TestTreasuryChangeComesWithTheNextEpoch(t *testing.T) {
	w := newRulesWorld(t)
	seen, err := w.PreviewRules(t.Context(), RulesOrder{By: 1, Values: map[string]string{"c": " 02 "}}, testBook{})
	if err != nil || fmt.Sprint(seen.Values) != "[{c 1 2}]" || seen.Epoch != 2 {
		t.Fatalf("%+v %v", seen, err)
	}
	w.want(1, "4 6 1")
	c := w.must(w.change(time.Time{}, "c", "02", "a", "4"))
	if fmt.Sprint(c.Values) != "[{c 1 2}]" || c.Epoch != 2 || c.State != RulesDated || c.Operator != "b" {
		t.Errorf("%+v", c)
	}
	w.want(0, "4 6 1")
	w.want(1, "4 6 2")
	p, err := w.Parameters(t.Context())
	if err != nil || len(p.Pending) != 1 || p.Pending[0].Reason != "better so" || p.Pending[0].By != "b" || p.Pending[0].Change != c.ID {
		t.Errorf("%+v %v", p.Pending, err)
	}
	if _, err := w.change(time.Time{}, "c", "2"); !errors.Is(err, ErrParameter) {
		t.Errorf("again: %v", err)
	}
	w.epoch()
	w.want(0, "4 6 2")
	if w.logged("parameter change") != 1 {
		t.Error("not logged once")
	}
}

func TestTreasuryChangeIsRefused(t *testing.T) {
	w := newRulesWorld(t)
	for what, tt := range map[string]struct {
		order RulesOrder
		want  error
	}{
		"no reason":       {RulesOrder{By: 1, Values: map[string]string{"c": "2"}, Reason: "  "}, ErrReason},
		"a long reason":   {RulesOrder{By: 1, Values: map[string]string{"c": "2"}, Reason: strings.Repeat("x", 201)}, ErrReason},
		"nothing":         {RulesOrder{By: 1, Reason: "r"}, ErrParameter},
		"unknown":         {RulesOrder{By: 1, Values: map[string]string{"d": "2"}, Reason: "r"}, ErrParameter},
		"no number":       {RulesOrder{By: 1, Values: map[string]string{"c": "x"}, Reason: "r"}, ErrParameter},
		"as it is":        {RulesOrder{By: 1, Values: map[string]string{"c": "1"}, Reason: "r"}, ErrParameter},
		"one of two":      {RulesOrder{By: 1, Values: map[string]string{"a": "5"}, Reason: "r"}, ErrParameter},
		"in the past":     {RulesOrder{By: 1, Values: map[string]string{"c": "2"}, Reason: "r", From: w.in(0)}, ErrParameter},
		"too far":         {RulesOrder{By: 1, Values: map[string]string{"c": "2"}, Reason: "r", From: w.in(MaxChangeAhead + time.Second)}, ErrParameter},
		"by nobody":       {RulesOrder{By: 9, Values: map[string]string{"c": "2"}, Reason: "r"}, ErrNotOperator},
		"no price at all": {RulesOrder{By: 1, Values: map[string]string{"price": "0"}, Reason: "r"}, ErrParameter},
	} {
		if _, err := w.ChangeRules(t.Context(), tt.order, testBook{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", what, err, tt.want)
		}
	}
	if list, _, err := w.RulesChanges(t.Context(), 0, 10); err != nil || len(list) > 0 || w.logged("parameter change") > 0 {
		t.Errorf("recorded all the same: %v %v", list, err)
	}
	w.must(w.change(time.Time{}, "a", "5", "b", "5"))
	w.want(1, "5 5 1")
}

func TestTreasuryChangeWaitsForItsDate(t *testing.T) {
	w := newRulesWorld(t)
	c := w.must(w.change(w.in(90*time.Minute), "c", "9"))
	if c.State != RulesWaiting || c.Epoch != 0 {
		t.Fatalf("%+v", c)
	}
	w.now.Add(time.Hour.Milliseconds())
	if began := w.epoch(); len(began) != 0 {
		t.Fatalf("began early: %v", began)
	}
	w.want(1, "4 6 1")
	if p, err := w.Parameters(t.Context()); err != nil || len(p.Planned) != 1 || p.Planned[0].Values[0].To != "9" {
		t.Errorf("%+v %v", p, err)
	}
	w.now.Add(time.Hour.Milliseconds())
	if began := w.epoch(); len(began) != 1 || began[0].Epoch != 3 {
		t.Fatalf("%+v", began)
	}
	w.want(0, "4 6 9")
	if p, err := w.Parameters(t.Context()); err != nil || len(p.Planned) != 0 || w.logged("parameter begin") != 1 {
		t.Errorf("%+v %v", p, err)
	}
}

// Changes that wait must be possible one after the other, whatever is announced or withdrawn between them.
func TestTreasuryChangesThatWaitGoTogether(t *testing.T) {
	w := newRulesWorld(t)
	first := w.must(w.change(w.in(2*time.Hour), "a", "3", "b", "7"))
	second := w.must(w.change(w.in(4*time.Hour), "a", "2", "b", "8"))
	if fmt.Sprint(second.Values) != "[{a 3 2} {b 7 8}]" {
		t.Errorf("%v", second.Values)
	}
	for what, try := range map[string]func() (RulesChange, error){
		"one of two, now":     func() (RulesChange, error) { return w.change(time.Time{}, "a", "5") },
		"one of two, between": func() (RulesChange, error) { return w.change(w.in(3*time.Hour), "b", "6") },
		"what is there then":  func() (RulesChange, error) { return w.change(w.in(3*time.Hour), "a", "3", "b", "7") },
	} {
		if _, err := try(); !errors.Is(err, ErrParameter) {
			t.Errorf("%s: %v", what, err)
		}
	}
	gone := w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Change: first.ID, Reason: "no"}, testBook{}))
	if gone.State != RulesWithdrawn || gone.EndedBy != "c" || gone.EndedWhy != "no" {
		t.Errorf("%+v", gone)
	}
	if _, err := w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Change: first.ID, Reason: "no"}, testBook{}); !errors.Is(err, ErrParameter) {
		t.Errorf("twice: %v", err)
	}
	w.now.Add(5 * time.Hour.Milliseconds())
	w.epoch()
	w.want(0, "2 8 1")
	if _, err := w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Change: second.ID, Reason: "no"}, testBook{}); !errors.Is(err, ErrParameter) {
		t.Errorf("of one in force: %v", err)
	}
	if _, err := w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Change: 99, Reason: "no"}, testBook{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
}

// A withdrawal that would make a later change impossible is refused: that one goes first.
func TestTreasuryWithdrawalLeavesRulesThatCanBe(t *testing.T) {
	w := newRulesWorld(t)
	first := w.must(w.change(w.in(time.Hour), "a", "3", "b", "7"))
	second := w.must(w.change(w.in(2*time.Hour), "a", "4", "b", "6"))
	third := w.must(w.change(w.in(3*time.Hour), "a", "1", "b", "9"))
	w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 1, Change: second.ID, Reason: "r"}, testBook{}))
	odd := w.must(w.change(w.in(150*time.Minute), "a", "2", "b", "8"))
	w.must(w.change(w.in(160*time.Minute), "c", "5"))
	w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 1, Change: first.ID, Reason: "r"}, testBook{}))
	w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 1, Change: odd.ID, Reason: "r"}, testBook{}))
	w.now.Add(4 * time.Hour.Milliseconds())
	if began := w.epoch(); len(began) != 2 || began[1].ID != third.ID {
		t.Fatalf("%+v", began)
	}
	w.want(0, "1 9 5")
}

func TestTreasuryWithdrawRestores(t *testing.T) {
	w := newRulesWorld(t)
	c := w.must(w.change(time.Time{}, "a", "5", "b", "5"))
	w.must(w.change(time.Time{}, "c", "7"))
	if _, err := w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Change: c.ID}, testBook{}); !errors.Is(err, ErrReason) {
		t.Errorf("without a reason: %v", err)
	}
	back := w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Change: c.ID, Reason: "not now"}, testBook{}))
	if back.ID == c.ID || fmt.Sprint(back.Values) != "[{a 5 4} {b 5 6}]" {
		t.Errorf("%+v", back)
	}
	w.want(1, "4 6 7")
	history, _, err := w.ParameterHistory(t.Context(), 0, 20)
	if err != nil || len(history) != 9 { // four at first, a, b, c, and a and b again
		t.Errorf("%d entries: %v", len(history), err)
	}
	w.configure(map[string]string{"c": "3"})
	w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Reason: "not by the file"}, testBook{}))
	w.want(1, "4 6 1")
	if _, err := w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Reason: "again"}, testBook{}); !errors.Is(err, ErrParameter) {
		t.Errorf("nothing to withdraw: %v", err)
	}
	list, next, err := w.RulesChanges(t.Context(), 0, 2)
	if err != nil || len(list) != 2 || next == 0 {
		t.Fatalf("%v %d %v", list, next, err)
	}
	if list, next, err = w.RulesChanges(t.Context(), next, 2); err != nil || len(list) != 2 || next != 0 || list[1].State != RulesWithdrawn {
		t.Errorf("%+v %d %v", list, next, err)
	}
}

// Whoever is no operator any more when it comes to it changes nothing, although the request was let in.
func TestTreasuryChangesAreOperators(t *testing.T) {
	w := newRulesWorld(t)
	if _, err := w.ChangeRules(t.Context(), RulesOrder{By: 3, Values: map[string]string{"c": "2"}, Reason: "r"}, testBook{}); !errors.Is(err, ErrNotOperator) {
		t.Errorf("change: %v", err)
	}
	c := w.must(w.change(time.Time{}, "c", "2"))
	if _, err := w.WithdrawRules(t.Context(), RulesWithdrawal{By: 3, Change: c.ID, Reason: "r"}, testBook{}); !errors.Is(err, ErrNotOperator) {
		t.Errorf("withdrawal: %v", err)
	}
}

// fixedBook is testBook, but operators do not change c.
type fixedBook struct{ testBook }

func (b fixedBook) Canonical(key, value string) (string, error) {
	if key == "c" {
		return "", errors.New("c is fixed")
	}
	return b.testBook.Canonical(key, value)
}

// What operators may not change they do not keep from changing either.
func TestTreasuryWithdrawLeavesWhatIsFixed(t *testing.T) {
	w := newRulesWorld(t)
	w.configure(map[string]string{"c": "3"})
	if _, err := w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Reason: "not by the file"}, fixedBook{}); !errors.Is(err, ErrParameter) {
		t.Errorf("%v", err)
	}
	w.configure(map[string]string{"a": "5", "b": "5"})
	w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 2, Reason: "not by the file"}, fixedBook{}))
	w.want(1, "4 6 3")
}

// What operators set stays until the configuration says something else than before.
func TestTreasuryConfigurationThatDoesNotChangeUndoesNothing(t *testing.T) {
	w := newRulesWorld(t)
	file := map[string]string{"a": "4", "b": "6", "c": "1", "price": "1000000"}
	w.must(w.change(time.Time{}, "c", "7"))
	w.must(w.change(w.in(time.Hour), "c", "8"))
	for range 2 {
		if got := w.configure(file); len(got) != 0 {
			t.Fatalf("%v", got)
		}
		w.epoch()
		w.want(0, "4 6 7")
	}
	recorded, then, err := w.NextParameters(t.Context(), map[string]string{"c": "2", "a": "4"})
	if err != nil || recorded["c"] != "7" || then["c"] != "2" || then["a"] != "4" {
		t.Errorf("%v %v %v", recorded, then, err)
	}
	file["c"] = "2"
	got := w.configure(file)
	if len(got) != 1 || got[0].From != "7" || got[0].To != "2" || got[0].Overtakes == 0 {
		t.Fatalf("%+v", got)
	}
	if w.logged("parameter configured") != 1 || w.logged("parameter refuse") != 1 {
		t.Error("the operators' log says nothing")
	}
	w.now.Add(2 * time.Hour.Milliseconds()) // the change that waited was overtaken too
	w.epoch()
	w.want(0, "4 6 2")
	if got := w.configure(file); len(got) != 0 {
		t.Errorf("%v", got)
	}
	seen, err := w.ConfiguredParameters(t.Context())
	if err != nil || !maps.Equal(seen, file) {
		t.Errorf("%v %v", seen, err)
	}
}

// stern takes nothing.
type stern struct{ testBook }

func (stern) Economy(map[string]string) (e Economy, err error) { return e, errors.New("not any more") }

// What is not possible any more when its time comes is refused, and the epoch begins all the same.
func TestTreasuryChangeIsRefusedWhenItsTimeComes(t *testing.T) {
	w := newRulesWorld(t)
	w.must(w.change(w.in(time.Hour), "c", "8"))
	w.now.Add(2 * time.Hour.Milliseconds())
	began, err := w.BeginRules(t.Context(), stern{})
	if err != nil || len(began) != 1 || began[0].State != RulesRefused || !strings.Contains(began[0].EndedWhy, "not any more") {
		t.Fatalf("%+v %v", began, err)
	}
	w.epoch()
	w.want(0, "4 6 1")
}

// A price of the sale by which those who bought before could gain is refused.
func TestTreasuryChangeOfTheSale(t *testing.T) {
	w := newRulesWorld(t)
	if err := w.write(t.Context(), func(t *tx) error { return t.exec("UPDATE sale SET sold_utok = 1000000000") }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.change(time.Time{}, "price", "2000000"); !errors.Is(err, ErrParameter) || !strings.Contains(err.Error(), "economy.sale_price = 2000000") {
		t.Errorf("%v", err)
	}
	if _, err := w.change(w.in(time.Hour), "price", "2000000"); !errors.Is(err, ErrParameter) {
		t.Errorf("later: %v", err)
	}
	w.must(w.change(time.Time{}, "c", "2"))
}

func TestTreasuryChangesAreAppendOnly(t *testing.T) {
	w := newRulesWorld(t)
	w.must(w.change(w.in(time.Hour), "c", "8"))
	gone := w.must(w.change(w.in(time.Hour), "c", "9"))
	w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 1, Change: gone.ID, Reason: "r"}, testBook{}))
	for _, q := range []string{"UPDATE parameter_changes SET reason = 'x'", "UPDATE parameter_changes SET state = 'withdrawn', ended_ms = 1, reason = 'x' WHERE id = 1",
		"UPDATE parameter_changes SET state = 'refused' WHERE id = 2", "DELETE FROM parameter_changes", "UPDATE parameter_change_values SET value = '1'", "DELETE FROM parameter_change_values"} {
		if _, err := w.w.Exec(q); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// TestTreasuryChangesAsAModelHasThem: whatever is announced, withdrawn and configured, what holds in an epoch
// is what the last word for it said, and always possible.
func TestTreasuryChangesAsAModelHasThem(t *testing.T) {
	w, file := newRulesWorld(t), "1"
	rapid.Check(t, func(r *rapid.T) {
		p, err := w.Parameters(t.Context())
		if err != nil {
			r.Fatal(err)
		}
		next, err := w.ParametersAt(t.Context(), p.Epoch+1)
		if err != nil {
			r.Fatal(err)
		}
		waiting := map[int64]RulesChange{}
		for _, c := range p.Planned {
			waiting[c.ID] = c
		}
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			n := rapid.IntRange(0, 9).Draw(r, "value")
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0, 1: // c, or both parts, now or later
				values := []string{"c", fmt.Sprint(n)}
				if rapid.Bool().Draw(r, "parts") {
					values = []string{"a", fmt.Sprint(n), "b", fmt.Sprint(10 - n)}
				}
				var from time.Time
				if rapid.Bool().Draw(r, "dated") {
					from = w.in(time.Duration(rapid.IntRange(1, 5).Draw(r, "hours")) * time.Hour)
				}
				c, err := w.change(from, values...)
				if errors.Is(err, ErrParameter) || errors.Is(err, ErrTooMany) {
					continue
				}
				w.must(c, err)
				if c.State == RulesWaiting {
					waiting[c.ID] = c
					continue
				}
				c.apply(next)
			case 2: // one part alone never
				if _, err := w.change(time.Time{}, "a", fmt.Sprint(11+n)); !errors.Is(err, ErrParameter) {
					r.Fatalf("taken: %v", err)
				}
			case 3: // whichever
				for id := range waiting {
					w.must(w.WithdrawRules(t.Context(), RulesWithdrawal{By: 1, Change: id, Reason: "r"}, testBook{}))
					delete(waiting, id)
					break
				}
			case 4:
				if fmt.Sprint(n) != file {
					file, next["c"] = fmt.Sprint(n), fmt.Sprint(n)
					w.configure(map[string]string{"c": file})
					maps.DeleteFunc(waiting, func(_ int64, c RulesChange) bool { return c.Values[0].Key == "c" })
				}
			default:
				w.now.Add(time.Hour.Milliseconds())
				for _, c := range w.epoch() {
					if waiting[c.ID].ID != c.ID || c.FromMs > w.now.Load() || c.State != RulesDated {
						r.Fatalf("began: %+v", c)
					}
					delete(waiting, c.ID)
					c.apply(next)
				}
				w.want(0, next["a"]+" "+next["b"]+" "+next["c"])
			}
			w.want(1, next["a"]+" "+next["b"]+" "+next["c"])
		}
	})
}
