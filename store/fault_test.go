package store

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// outcome is what an operation comes to when nothing disturbs it.
type outcome struct {
	before, after []string
	told          map[bt.MemberID]Funds
	steps         []string // of the writer: their kinds
}

func (l *till) outcome(t *testing.T, op operation) outcome {
	t.Helper()
	x := l.trial(t)
	out := outcome{before: x.content(t)}
	x.forget(t)
	x.seam.set(func(s *seamStep) verdict { out.steps = append(out.steps, s.kind); return verdict{} })
	if err := op.do(x.Store); err != nil {
		t.Fatalf("undisturbed: %v", err)
	}
	x.seam.set(nil)
	out.after, out.told = x.content(t), x.told
	if fmt.Sprint(out.after) == fmt.Sprint(out.before) {
		t.Fatal("it changes nothing: the test shows nothing")
	}
	verified(t, x.Store, x.dir)
	return out
}

// fault is a way in which a step of the writer fails.
type fault struct {
	name string
	hits func(kind string) bool
	hit  func(*seamStep) verdict
	lost bool // the commit happened
}

var stepFaults = []fault{
	{name: "a statement fails alone", hits: func(kind string) bool { return kind != seamCommit },
		hit: func(*seamStep) verdict { return verdict{skip: true, err: errDisk} }},
	{name: "SQLite gives the transaction up", hits: func(string) bool { return true }, hit: func(s *seamStep) verdict {
		s.giveUp()
		codes := []sqlite3.ErrNo{sqlite3.ErrIoErr, sqlite3.ErrFull, sqlite3.ErrNomem}
		return verdict{skip: true, err: sqlite3.Error{Code: codes[len(s.query)%len(codes)]}}
	}},
	{name: "the answer of the commit is lost", lost: true, hits: func(kind string) bool { return kind == seamCommit },
		hit: func(*seamStep) verdict { return verdict{err: errDisk} }},
}

// TestEveryStepMayFail has every step of every operation fail in each way that a disk knows. The
// caller is told, nothing is half done, and the same request again does it once. Of the many steps
// of a settlement some fail; with SWARMSTAKE_TEST_CASES=10 all do.
func TestEveryStepMayFail(t *testing.T) {
	l := newTill(t)
	for _, op := range l.operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			want := l.outcome(t, op)
			for k, kind := range want.steps {
				if t.Failed() || k >= 40 && k%12 > 0 && testCases() < 10 {
					continue
				}
				var hits []fault
				for _, f := range stepFaults {
					if f.hits(kind) {
						hits = append(hits, f)
					}
				}
				if !op.parts {
					l.disturb(t, op, want, k, hits...)
					continue
				}
				for _, f := range hits { // a part that is done takes no steps again
					l.disturb(t, op, want, k, f)
				}
			}
		})
	}
}

// testCases is how many times as much as usual is to be tried.
func testCases() int {
	n, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	return max(1, n)
}

// failAt has the k-th step from now on fail, and returns what that was.
func (x *trial) failAt(f fault, k int) *string {
	step, hit := 0, new(string)
	x.seam.set(func(s *seamStep) verdict {
		step++
		if step-1 != k {
			return verdict{}
		}
		*hit = fmt.Sprintf("%s: step %d, %s %.60s", f.name, k, s.kind, s.query)
		return f.hit(s)
	})
	return hit
}

// disturb has the k-th step of an operation fail, in one way after the other, and then lets it happen.
func (l *till) disturb(t *testing.T, op operation, want outcome, k int, faults ...fault) {
	t.Helper()
	x := l.trial(t)
	defer func() { x.Close() }()
	hit := ""
	for _, f := range faults {
		x.forget(t)
		x.commits(t)
		failed := x.failAt(f, k)
		err := op.do(x.Store)
		x.seam.set(nil)
		if hit = *failed; err == nil && strings.Contains(hit, "notifications") { // who cannot be told gets their money all the same: see untellable
			x.Close()
			x = l.trial(t)
			continue
		}
		if err == nil || hit == "" {
			t.Errorf("%s: step %d %s: the caller was not told", f.name, k, hit)
			return
		}
		x.nothingHalfDone(t, op, want, f, hit)
		if op.unlike && f.lost {
			return
		}
	}
	if err := op.do(x.Store); err != nil {
		t.Errorf("%s: the same again: %v", hit, err)
		return
	}
	differ(t, hit+": done again", x.content(t), want.after)
	if !maps.Equal(x.told, want.told) {
		t.Errorf("%s: the tracker was told\n%v, without a fault\n%v", hit, x.told, want.told)
	}
	if err := x.Post(t.Context(), grant("afterwards", tokens.Treasury, 1)); err != nil {
		t.Errorf("%s: what comes after it: %v", hit, err)
	}
	if k%4 == 0 || faults[len(faults)-1].lost { // what differs from the undisturbed ledger is its heads only
		verified(t, x.Store, x.dir)
	}
}

// forget has the writer read accounts again, so that an operation takes the same steps each time.
func (x *trial) forget(t *testing.T) {
	t.Helper()
	for range 2 { // the first may tell the tracker of what failed, and reads for that
		if err := x.write(t.Context(), func(t *tx) error { t.store.cache = newAccounts(); return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// nothingHalfDone looks at what a failed operation left: nothing, or everything if only the answer
// was lost. Of one in parts whole parts may be there, which the ledger's own rules judge.
func (x *trial) nothingHalfDone(t *testing.T, op operation, want outcome, f fault, hit string) {
	t.Helper()
	switch {
	case op.parts:
		v, err := Verify(t.Context(), x.dir, nil)
		if err != nil || !v.OK() {
			t.Errorf("%s: %v %v", hit, v.Faults, err)
		}
	case f.lost:
		differ(t, hit, x.content(t), want.after)
	case x.commits(t) > 0: // else nobody has to look
		differ(t, hit, x.content(t), want.before)
	}
}

// commits tells whether anything was written since it was last asked.
func (x *trial) commits(t *testing.T) int64 {
	t.Helper()
	before := x.version
	if err := x.r.QueryRow("PRAGMA data_version").Scan(&x.version); err != nil {
		t.Fatal(err)
	}
	return x.version - before
}

// TestWithdrawalMayFailAtEveryStep: a withdrawal is several transactions with a voucher between them.
// Whatever fails, the amount is debited once, goes out once, and who never saw the code gets it back.
func TestWithdrawalMayFailAtEveryStep(t *testing.T) {
	l := newTill(t)
	withdraw := operation{name: "Withdraw", do: request(func(c context.Context, s *Store) (Withdrawn, error) {
		return s.Withdraw(c, Once{Member: 1, Key: "out"}, WithdrawOrder{Rail: RailVoucher, Amount: 40})
	})}
	push := operation{name: "PushWithdrawals", do: func(s *Store) error { return s.PushWithdrawals(context.Background()) }}
	for _, op := range []operation{withdraw, push} {
		want := l.outcome(t, op)
		for _, f := range stepFaults {
			for k, kind := range want.steps {
				if f.hits(kind) && !t.Failed() {
					l.disturbWithdrawal(t, f, k, op)
				}
			}
		}
	}
}

// disturbWithdrawal has the k-th step of an operation fail, and then ends everything that is open.
func (l *till) disturbWithdrawal(t *testing.T, f fault, k int, op operation) {
	t.Helper()
	x := l.trial(t)
	x.forget(t)
	hit := x.failAt(f, k)
	op.do(x.Store) //nolint:errcheck // it may have been debited before the fault
	x.seam.set(nil)
	if *hit == "" {
		t.Errorf("%s: step %d did not fail", f.name, k)
	}
	must := func(what string, err error) {
		if err != nil {
			t.Errorf("%s: %s: %v", *hit, what, err)
		}
	}
	ctx := t.Context()
	must("the same again", op.do(x.Store))
	defer l.now.Store(l.now.Load())
	for range 3 {
		l.now.Add((25 * time.Hour).Milliseconds())
		must("a later round", x.PushWithdrawals(ctx))
	}
	list, err := x.Withdrawals(ctx, 1, 10)
	must("list", err)
	for _, w := range list {
		var vouchers int
		must("count", x.r.QueryRow("SELECT count(*) FROM vouchers WHERE withdrawal = ?", w.ID).Scan(&vouchers))
		if w.State != rail.Sent || vouchers != 1 {
			t.Errorf("%s: withdrawal %d is %s with %d vouchers", *hit, w.ID, w.State, vouchers)
		}
		_, err := x.TakeBack(ctx, Once{Member: 1, Key: fmt.Sprint("back ", w.ID)}, w.ID)
		must("take back", err)
	}
	if got, err := x.Balance(ctx, tokens.Quote, tokens.Available(1)); err != nil || got != l.quote {
		t.Errorf("%s: %d withdrawn and taken back: %s are left of %s, %v", *hit, len(list), got, l.quote, err)
	}
	verified(t, x.Store, x.dir)
}
