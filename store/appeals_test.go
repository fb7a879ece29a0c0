package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// appealWorld has a node of member 3 with two slashes of 10 tokens each; member 4 is an operator.
func appealWorld(t *testing.T) (*world, bt.NodeID) {
	t.Helper()
	w := newWorld(t)
	n := w.node(3, 100*unit)
	w.claim(3, n, 1)
	for range 2 {
		w.slashed(n, 3, 10*unit)
	}
	w.sql("UPDATE members SET operator = 1 WHERE id = 4")
	return w, n
}

func (w *world) appeal(n NewAppeal) Appeal {
	w.t.Helper()
	a, err := w.AddAppeal(w.t.Context(), n)
	w.must(err)
	return a
}

func (w *world) decide(id int64, d AppealDecision) Appeal {
	w.t.Helper()
	a, err := w.DecideAppeal(w.t.Context(), w.rules.Availability, id, d)
	w.must(err)
	return a
}

// An appeal is taken in once for a penalty, from whom it was taken, in time, and says something.
func TestAddAppeal(t *testing.T) {
	w, _ := appealWorld(t)
	for _, c := range []struct {
		n    NewAppeal
		want error
	}{
		{NewAppeal{Member: 3, Slash: 1}, ErrAppealText},
		{NewAppeal{Member: 3, Slash: 1, Text: " \n"}, ErrAppealText},
		{NewAppeal{Member: 3, Slash: 1, Text: strings.Repeat("ä", MaxAppeal+1)}, ErrAppealText},
		{NewAppeal{Member: 3, Slash: 1, Text: "\xff"}, ErrAppealText},
		{NewAppeal{Member: 2, Slash: 1, Text: "not mine"}, ErrNotFound},
		{NewAppeal{Member: 3, Slash: 9, Text: "none"}, ErrNotFound},
	} {
		if _, err := w.AddAppeal(t.Context(), c.n); !errors.Is(err, c.want) {
			t.Errorf("%.40q: %v, want %v", c.n.Text, err, c.want)
		}
	}
	n := NewAppeal{Member: 3, Slash: 1, Text: strings.Repeat("ä", MaxAppeal)}
	a := w.appeal(n)
	if again := w.appeal(n); again.ID != a.ID || a.Slash != 1 || a.Audit == 0 || a.Amount != 10*unit || a.Name == "" || a.Outcome != "" {
		t.Errorf("%+v, again %d", a, again.ID)
	}
	if _, err := w.AddAppeal(t.Context(), NewAppeal{Member: 3, Slash: 1, Text: "other words"}); !errors.Is(err, ErrAppealed) {
		t.Errorf("a second appeal: %v", err)
	}
	if got, err := w.AppealOf(t.Context(), 1); err != nil || got.ID != a.ID {
		t.Errorf("%+v %v", got, err)
	}
	if may, err := w.Appealable(t.Context(), 3); err != nil || len(may.Slashes) != 1 || may.Slashes[0].ID != 2 || len(may.Suspended) != 0 {
		t.Errorf("%+v %v", may, err)
	}
	w.now.Add(w.economy().AppealWindow.Milliseconds())
	if _, err := w.AddAppeal(t.Context(), NewAppeal{Member: 3, Slash: 2, Text: "late"}); !errors.Is(err, ErrAppeal) {
		t.Errorf("late: %v", err)
	}
	if may, err := w.Appealable(t.Context(), 3); err != nil || len(may.Slashes) != 0 {
		t.Errorf("%+v %v", may, err)
	}
}

// A penalty waits for the decision on its appeal, however long that takes; then it goes where the decision says.
func TestAppealHoldsThePenalty(t *testing.T) {
	for _, grant := range []bool{false, true} {
		w, n := appealWorld(t)
		a := w.appeal(NewAppeal{Member: 3, Slash: 1, Text: "our line was down"})
		w.now.Add(30 * 24 * time.Hour.Milliseconds())
		w.must(w.CloseSlashes(t.Context()))
		w.want(tokens.Disputed(1), 10*unit)
		w.want(tokens.Disputed(2), 0)
		w.want(tokens.Burned, 5*unit)
		a = w.decide(a.ID, AppealDecision{By: 4, Grant: grant, Reason: " so it is "})
		w.must(w.CloseSlashes(t.Context()))
		w.want(tokens.Disputed(1), 0)
		if a.Reason != "so it is" || a.DecidedBy != 4 || a.DecidedMs != w.now.Load() {
			t.Errorf("%+v", a)
		}
		told, act := NotifyAppealRefused, "appeal refuse"
		if grant {
			told, act = NotifyAppealGranted, "appeal grant"
			w.want(tokens.Collateral(n), 90*unit)
			w.want(tokens.Burned, 5*unit)
			w.told(3, told, 10*unit)
		} else {
			w.want(tokens.Collateral(n), 80*unit)
			w.want(tokens.Burned, 10*unit)
			w.told(3, told, 0)
		}
		log, err := w.OperatorLog(t.Context(), 1)
		if err != nil || log[0].Action != act || log[0].Detail != fmt.Sprintf("appeal 1, penalty 1 of node %d: so it is", n) {
			t.Errorf("%+v %v", log, err)
		}
		verified(t, w.Store, w.dir)
	}
}

// A decision has a reason, is not the appellant's own, and is final.
func TestDecisionsAreFinal(t *testing.T) {
	w, _ := appealWorld(t)
	w.sql("UPDATE members SET operator = 1 WHERE id IN (2, 3)")
	a := w.appeal(NewAppeal{Member: 3, Slash: 1, Text: "x"})
	try := func(d AppealDecision) error {
		_, err := w.DecideAppeal(t.Context(), w.rules.Availability, a.ID, d)
		return err
	}
	for reason, want := range map[string]error{"": ErrReason, " ": ErrReason, strings.Repeat("x", maxReason+1): ErrReason} {
		if err := try(AppealDecision{By: 4, Reason: reason}); !errors.Is(err, want) {
			t.Errorf("%.10q: %v", reason, err)
		}
	}
	if err := try(AppealDecision{By: 3, Grant: true, Reason: "mine"}); !errors.Is(err, ErrOwnAppeal) {
		t.Errorf("his own: %v", err)
	}
	if _, err := w.DecideAppeal(t.Context(), w.rules.Availability, 9, AppealDecision{By: 4, Reason: "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	d := AppealDecision{By: 4, Grant: true, Reason: "our fault"}
	for range 2 {
		if err := try(d); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []AppealDecision{{By: 4, Reason: "our fault"}, {By: 4, Grant: true, Reason: "another"}, {By: 2, Grant: true, Reason: "our fault"}} {
		if err := try(other); !errors.Is(err, ErrAppealDecided) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	for _, query := range []string{"UPDATE appeals SET outcome = 'refused'", "UPDATE appeals SET text = 'y'", "DELETE FROM appeals"} {
		if err := w.run(query); err == nil || !strings.Contains(err.Error(), "appeal") {
			t.Errorf("%s: %v", query, err)
		}
	}
	verified(t, w.Store, w.dir)
}

// Who returns a penalty or lifts a suspension without looking at the appeal has granted it.
func TestReturningGrantsTheAppeal(t *testing.T) {
	w, _ := appealWorld(t)
	a := w.appeal(NewAppeal{Member: 3, Slash: 1, Text: "x"})
	w.now.Add(w.economy().AppealWindow.Milliseconds()) // held by the appeal
	_, err := w.ReturnSlash(t.Context(), 4, 1, "a mistake")
	w.must(err)
	if got, err := w.Appeal(t.Context(), a.ID); err != nil || got.Outcome != AppealGranted || got.Reason != "a mistake" || got.Returned != 10*unit {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := w.ReturnSlash(t.Context(), 4, 2, "late"); !errors.Is(err, ErrAppeal) {
		t.Errorf("without an appeal: %v", err)
	}
	verified(t, w.Store, w.dir)
}

// A suspension has an appeal of its own: one for each time, in the window, lifted if it is granted.
func TestAppealAgainstSuspension(t *testing.T) {
	w := newWorld(t)
	w.sql("UPDATE members SET operator = 1 WHERE id = 4")
	n, other := w.node(3, 10*unit), w.node(3, 10*unit)
	w.suspend(n)
	for _, c := range []struct {
		n    NewAppeal
		want error
	}{
		{NewAppeal{Member: 3, Node: other, Text: "x"}, ErrNotSuspended},
		{NewAppeal{Member: 2, Node: n, Text: "x"}, ErrNotFound},
		{NewAppeal{Member: 3, Node: 99, Text: "x"}, ErrNotFound},
	} {
		if _, err := w.AddAppeal(t.Context(), c.n); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.n, err)
		}
	}
	if may, err := w.Appealable(t.Context(), 3); err != nil || len(may.Suspended) != 1 || may.Suspended[0].ID != n {
		t.Errorf("%+v %v", may, err)
	}
	a := w.appeal(NewAppeal{Member: 3, Node: n, Text: "the disk was replaced"})
	if again := w.appeal(NewAppeal{Member: 3, Node: n, Text: "the disk was replaced"}); again.ID != a.ID || a.Slash != 0 || a.SuspendedMs != w.now.Load() {
		t.Errorf("%+v, again %d", a, again.ID)
	}
	if _, err := w.AddAppeal(t.Context(), NewAppeal{Member: 3, Node: n, Text: "more"}); !errors.Is(err, ErrAppealed) {
		t.Errorf("a second one: %v", err)
	}
	w.decide(a.ID, AppealDecision{By: 4, Grant: true, Reason: "seen it"})
	if got, err := w.Node(t.Context(), n); err != nil || got.SuspendedMs != 0 {
		t.Errorf("%+v %v", got, err)
	}
	w.told(3, NotifyAppealGranted, 0)

	w.suspend(other)
	a = w.appeal(NewAppeal{Member: 3, Node: other, Text: "x"})
	w.must(w.LiftSuspension(t.Context(), w.rules.Availability, 4, other, "it is well"))
	if got, err := w.Appeal(t.Context(), a.ID); err != nil || got.Outcome != AppealGranted || got.Reason != "it is well" {
		t.Errorf("%+v %v", got, err)
	}
}

// A suspension that is over by itself, and one that came later, are left alone by a grant; a late appeal is refused.
func TestAppealAgainstAnOldSuspension(t *testing.T) {
	w := newWorld(t)
	w.sql("UPDATE members SET operator = 1 WHERE id = 4")
	n := w.node(3, 10*unit)
	w.suspend(n)
	a := w.appeal(NewAppeal{Member: 3, Node: n, Text: "x"})
	w.now.Add(1000)
	w.sql("UPDATE nodes SET suspended_ms = ?1, standing = json_set(standing, '$.SuspendedMs', ?1) WHERE id = ?2", w.now.Load(), n)
	w.decide(a.ID, AppealDecision{By: 4, Grant: true, Reason: "that one was wrong"})
	if got, err := w.Node(t.Context(), n); err != nil || got.SuspendedMs != w.now.Load() {
		t.Errorf("the later suspension was lifted: %+v %v", got, err)
	}
	w.now.Add(w.economy().AppealWindow.Milliseconds())
	if _, err := w.AddAppeal(t.Context(), NewAppeal{Member: 3, Node: n, Text: "late"}); !errors.Is(err, ErrAppealLate) {
		t.Errorf("late: %v", err)
	}
	if may, err := w.Appealable(t.Context(), 3); err != nil || len(may.Suspended) != 0 {
		t.Errorf("%+v %v", may, err)
	}
}

// Lists: what waits, oldest first; what is decided and a member's own, newest first; page by page.
func TestListAppeals(t *testing.T) {
	w, n := appealWorld(t)
	for range 3 {
		w.slashed(n, 3, unit)
	}
	for id := range int64(5) {
		w.appeal(NewAppeal{Member: 3, Slash: id + 1, Text: "x"})
	}
	for _, id := range []int64{2, 4} {
		w.decide(id, AppealDecision{By: 4, Reason: "no"})
	}
	for _, c := range []struct {
		q    AppealQuery
		want string
	}{{AppealQuery{}, "1 3|5"}, {AppealQuery{Decided: true}, "4 2"}, {AppealQuery{Member: 3}, "5 4|3 2|1"}, {AppealQuery{Member: 2}, ""}} {
		var pages []string
		for c.q.Limit = 2; ; {
			list, next, err := w.Appeals(t.Context(), c.q)
			w.must(err)
			var ids []string
			for _, a := range list {
				ids = append(ids, fmt.Sprint(a.ID))
			}
			pages = append(pages, strings.Join(ids, " "))
			if c.q.From = next; next == 0 {
				break
			}
		}
		if got := strings.Join(pages, "|"); got != c.want {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
}

// An operator ends no penalty and no suspension of their own nodes, with an appeal or without one.
func TestNobodyEndsTheirOwnPenalty(t *testing.T) {
	w, n := appealWorld(t)
	a := w.appeal(NewAppeal{Member: 3, Slash: 1, Text: "x"})
	if _, err := w.DecideAppeal(t.Context(), w.rules.Availability, a.ID, AppealDecision{By: 2, Reason: "no"}); !errors.Is(err, ErrNotOperator) {
		t.Errorf("who is no operator decides: %v", err)
	}
	w.sql("UPDATE members SET operator = 1 WHERE id = 3")
	w.suspend(n)
	for slash := range int64(2) {
		if _, err := w.ReturnSlash(t.Context(), 3, slash+1, "mine"); !errors.Is(err, ErrOwnAppeal) {
			t.Errorf("own penalty %d: %v", slash+1, err)
		}
	}
	if err := w.LiftSuspension(t.Context(), w.rules.Availability, 3, n, "mine"); !errors.Is(err, ErrOwnAppeal) {
		t.Errorf("own suspension: %v", err)
	}
	w.must(w.LiftSuspension(t.Context(), w.rules.Availability, 4, n, "seen it"))
	if _, err := w.ReturnSlash(t.Context(), 4, 1, "seen it"); err != nil {
		t.Error(err)
	}
}
