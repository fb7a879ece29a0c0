package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// slashCase is what the test of reconciliation keeps by itself: where every token of member 3's nodes is.
type slashCase struct {
	*world
	r       *rapid.T
	nodes   []bt.NodeID
	claims  []int64
	slashes map[int64]tokens.Amount // in dispute
	seen    map[string]int
}

// held is everything that can be slashed.
func (c *slashCase) held() (sum tokens.Amount) {
	for _, n := range c.nodes {
		sum += c.has(tokens.Collateral(n)) + c.has(tokens.Retained(n))
	}
	return sum + c.has(tokens.Staked(3)) + c.has(tokens.Unbonding(3))
}

func (c *slashCase) judge() {
	id := rapid.SampledFrom(c.claims).Draw(c.r, "claim")
	v := rapid.SampledFrom([]availability.Verdict{availability.Passed, availability.Corrupt, availability.Missing, availability.Late, availability.Refused,
		availability.Offline, availability.Offline, availability.Offline, availability.Inconclusive}).Draw(c.r, "verdict")
	row, err := readClaim(c.Store.r.QueryRow(selectClaim+" WHERE c.id = ?", id))
	c.must(err)
	kind := availability.DrawnKind
	if row.Pending != nil {
		kind = availability.RecheckKind
	}
	before, disputed := c.held(), c.disputed()
	j := c.audit(row.Claim, kind, v)
	if taken := before - c.held(); taken != j.Slashed || c.disputed()-disputed != j.Slashed {
		c.r.Fatalf("%s took %d, says %d, and %d more are in dispute", v, taken, j.Slashed, c.disputed()-disputed)
	}
	if j.Slashed == 0 {
		return
	}
	c.seen["slashed for "+v.String()]++
	slash, err := c.Slashes(c.t.Context(), 3, 1)
	c.must(err)
	if slash[0].Audit != j.Audit || slash[0].Amount != j.Slashed {
		c.r.Fatalf("%+v is not about %+v", slash[0], j)
	}
	c.slashes[slash[0].ID] = j.Slashed
}

func (c *slashCase) disputed() (sum tokens.Amount) {
	for id := range c.slashes {
		sum += c.has(tokens.Disputed(id))
	}
	last, err := c.Slashes(c.t.Context(), 3, 1)
	c.must(err)
	if len(last) > 0 && c.slashes[last[0].ID] == 0 && last[0].ClosedMs == 0 {
		sum += c.has(tokens.Disputed(last[0].ID))
	}
	return sum
}

func (c *slashCase) appeal() {
	for id, amount := range c.slashes {
		before := c.held()
		back, err := c.ReturnSlash(c.t.Context(), 0, id, "a mistake")
		if err != nil || back != amount || c.held()-before != amount {
			c.r.Fatalf("returned %d of %d: %v", c.held()-before, amount, err)
		}
		delete(c.slashes, id)
		c.seen["returned"]++
		return
	}
}

func (c *slashCase) close() {
	gone := c.has(tokens.Burned) + c.has(tokens.PoolHosting)
	var sum tokens.Amount
	for id, amount := range c.slashes {
		sum += amount
		delete(c.slashes, id)
		c.seen["closed"]++
	}
	c.now.Add(c.economy().AppealWindow.Milliseconds())
	c.must(c.CloseSlashes(c.t.Context()))
	if got := c.has(tokens.Burned) + c.has(tokens.PoolHosting) - gone; got != sum {
		c.r.Fatalf("%d burned or given to the pool, want %d", got, sum)
	}
}

// TestSlashesReconcileToTheUnit: whatever verdicts come, what a judgement says was slashed is what left
// the node's accounts and is in dispute, and an appeal or the end of its window moves exactly that.
// SWARMSTAKE_TEST_CASES multiplies the cases.
func TestSlashesReconcileToTheUnit(t *testing.T) {
	w := newWorld(t)
	w.rules.Availability.SuspendAudits, w.rules.Availability.OfflineGrace, w.rules.Availability.OfflineWindow = 5, time.Minute, time.Hour
	seen := map[string]int{}
	cases, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range max(1, cases) {
		rapid.Check(t, func(r *rapid.T) {
			c := &slashCase{world: w, r: r, slashes: map[int64]tokens.Amount{}, seen: seen}
			for range 2 {
				n := w.node(3, 0)
				held := tokens.Amount(rapid.Int64Range(0, 3_000_000).Draw(r, "collateral"))
				w.must(w.Post(t.Context(), grant(fmt.Sprint("c/", n), tokens.Collateral(n), held+1), grant(fmt.Sprint("r/", n), tokens.Retained(n), 7)))
				c.nodes = append(c.nodes, n)
				for _, row := range w.report(n, 1, 2) {
					c.claims = append(c.claims, row.ID)
				}
			}
			for range rapid.IntRange(5, 30).Draw(r, "steps") {
				w.now.Add(rapid.Int64Range(0, 6*time.Hour.Milliseconds()).Draw(r, "ms"))
				switch rapid.IntRange(0, 9).Draw(r, "step") {
				case 0:
					c.appeal()
				case 1:
					c.close()
				default:
					c.judge()
				}
			}
			c.close()
			w.balances()
		})
	}
	for _, what := range []string{"slashed for corrupt", "slashed for missing", "slashed for late", "slashed for offline", "returned", "closed"} {
		if seen[what] == 0 {
			t.Errorf("nothing was %s: %v", what, seen)
		}
	}
	verified(t, w.Store, w.dir)
}

// TestEvidence: of a passed audit its draw is kept, of another one what was asked and what came.
func TestEvidence(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, tokens.Unit)
	c := w.claim(3, n, 1)
	bad := judgement(c.ID, availability.DrawnKind, availability.Corrupt)
	bad.Epoch, bad.Audit.Draw, bad.Carrier = 1, 7, availability.Challenge
	bad.Outcome.Bytes, bad.Outcome.Elapsed = 16384, 1500*time.Millisecond
	for i := range 3 * maxEvidence {
		x := availability.Target{Piece: i % 1000, Block: 100 + i}
		bad.Audit.Targets = append(bad.Audit.Targets, x)
		bad.Outcome.Results = append([]availability.Result{{Target: x, Verdict: availability.Passed}}, bad.Outcome.Results...)
	}
	out, err := w.JudgeAudits(t.Context(), w.rules.Availability, []Judgement{bad})
	w.must(err)
	again := w.audit(c.Claim, availability.RecheckKind, availability.Refused)
	third := w.audit(c.Claim, availability.RecheckKind, availability.Corrupt)
	for id, want := range map[int64]string{
		1: "1 entry passed asked 1 draw -1 rechecks 0 wire 0 bytes 0 ms, 0 results",
		2: "1 drawn corrupt asked 3001 draw 7 rechecks 0 challenge 16384 bytes 1500 ms, 1000 results, first corrupt",
		3: "1 recheck refused asked 1 draw -1 rechecks 2 wire 0 bytes 0 ms, 1 results, first refused",
		4: "1 recheck corrupt asked 1 draw -1 rechecks 2 wire 0 bytes 0 ms, 1 results, first corrupt",
	} {
		a, err := w.AuditReport(t.Context(), id)
		w.must(err)
		got := fmt.Sprintf("%d %s %s asked %d draw %d rechecks %d %s %d bytes %d ms, %d results", a.Epoch, a.Kind, a.Verdict, a.Asked, a.Draw, a.Rechecks,
			a.Carrier, a.Bytes, a.Elapsed.Milliseconds(), len(a.Outcome.Results))
		if len(a.Outcome.Results) > 0 {
			got += ", first " + a.Outcome.Results[0].Verdict.String()
		}
		if got != want {
			t.Errorf("audit %d: %s\nwant %s", id, got, want)
		}
	}
	if out[0].Audit != 2 || again.Audit != 3 || third.Slashed == 0 {
		t.Errorf("%+v %+v %+v", out, again, third)
	}
}

// TestLostAnswerIsNotJudgedTwice: the caller does not know that its audit was judged, and brings it
// again.
func TestLostAnswerIsNotJudgedTwice(t *testing.T) {
	w := newWorld(t)
	c := w.enter(claimOf(3, w.node(3, 0), 1))[0]
	j := judgement(c.ID, availability.EntryKind, availability.Corrupt)
	j.Audit.Draw = 0
	for i := range 2 {
		out, err := w.JudgeAudits(t.Context(), w.rules.Availability, []Judgement{j})
		w.must(err)
		if (out[0].Audit > 0) != (i == 0) || out[0].Row.Pending == nil || out[0].Row.Draws != 1 {
			t.Errorf("%d: %+v", i, out[0])
		}
	}
	if n := w.count("SELECT count(*) FROM audits"); n != 1 {
		t.Errorf("%d audits", n)
	}
}

// TestAbsenceForfeitsTheEpoch, declared or not; undeclared it costs collateral too.
func TestAbsenceForfeitsTheEpoch(t *testing.T) {
	for _, declared := range []bool{false, true} {
		w := newWorld(t)
		n := w.node(3, 100*tokens.Unit)
		c := w.claim(3, n, 1)
		if declared {
			span := availability.Span{FromMs: w.now.Load(), ToMs: w.now.Load() + 24*time.Hour.Milliseconds()}
			st, err := w.Declare(t.Context(), w.rules.Availability, n, span)
			if err != nil || len(st.Declared) != 1 {
				t.Fatalf("%+v %v", st, err)
			}
			if _, err := w.Declare(t.Context(), w.rules.Availability, n, span); !errors.Is(err, availability.ErrSpanOverlap) {
				t.Errorf("declared twice: %v", err)
			}
		}
		w.now.Add(time.Hour.Milliseconds())
		var slashed tokens.Amount
		for range 4 {
			slashed += w.audit(c.Claim, availability.DrawnKind, availability.Offline).Slashed
			w.now.Add(5 * time.Hour.Milliseconds())
		}
		if (slashed > 0) == declared {
			t.Errorf("declared %t: lost %d", declared, slashed)
		}
		if got, err := w.NodeForfeits(t.Context(), n, 9); err != nil || len(got) != 1 || got[0] != (Forfeit{Epoch: 1, Audit: 2}) {
			t.Errorf("declared %t: %v %v", declared, got, err)
		}
	}
}

// suspend has a node's claims found bad until it is suspended.
func (w *world) suspend(n bt.NodeID) ClaimRow {
	w.t.Helper()
	w.rules.Availability.SuspendAudits = 1
	c := w.claim(3, n, 1)
	w.audit(c.Claim, availability.DrawnKind, availability.Corrupt)
	w.audit(c.Claim, availability.RecheckKind, availability.Corrupt)
	if got, err := w.Node(w.t.Context(), n); err != nil || got.SuspendedMs != w.now.Load() {
		w.t.Fatalf("not suspended: %+v %v", got, err)
	}
	return w.find(n, 1)
}

func TestSuspensionIsLiftedOrServed(t *testing.T) {
	w := newWorld(t)
	p := &w.rules.Availability
	n := w.node(3, 10*tokens.Unit)
	c := w.suspend(n)
	if err := w.LiftSuspension(t.Context(), *p, 4, n, " "); !errors.Is(err, ErrReason) {
		t.Errorf("without a reason: %v", err)
	}
	w.must(w.LiftSuspension(t.Context(), *p, 4, n, "its disk was replaced"))
	if got, err := w.Node(t.Context(), n); err != nil || got.SuspendedMs != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if log, err := w.OperatorLog(t.Context(), 1); err != nil || log[0].Action != "suspension lift" || log[0].Detail != fmt.Sprintf("node %d: its disk was replaced", n) {
		t.Errorf("%+v %v", log, err)
	}
	if err := w.LiftSuspension(t.Context(), *p, 4, n, "again"); !errors.Is(err, ErrNotSuspended) {
		t.Errorf("again: %v", err)
	}
	if err := w.LiftSuspension(t.Context(), *p, 4, 99, "who"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}

	m := w.node(3, 10*tokens.Unit)
	c = w.suspend(m)
	w.now.Add(p.RevetTime.Milliseconds())
	for range p.RevetAudits {
		if got, err := w.Node(t.Context(), m); err != nil || got.SuspendedMs == 0 {
			t.Fatalf("active too early: %+v %v", got, err)
		}
		w.audit(c.Claim, availability.EntryKind, availability.Passed)
	}
	if got, err := w.Node(t.Context(), m); err != nil || got.SuspendedMs != 0 {
		t.Errorf("after %d audits: %+v %v", p.RevetAudits, got, err)
	}
}

// TestSweepKeepsWhatCounts: old audits that found nothing go, a bounded number at a time, but not those
// that a penalty rests on.
func TestSweepKeepsWhatCounts(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 10*tokens.Unit)
	c := w.claim(3, n, 1)
	for _, v := range []availability.Verdict{availability.Passed, availability.Inconclusive, availability.Corrupt} {
		w.audit(c.Claim, availability.DrawnKind, v)
	}
	w.audit(c.Claim, availability.RecheckKind, availability.Corrupt)
	w.must(w.write(t.Context(), func(t *tx) error { // a node can be suspended by the count of a passed audit
		if err := t.exec("UPDATE slashes SET audit = 2"); err != nil {
			return err
		}
		return t.exec(`WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ?)
			INSERT INTO audits (claim, at_ms, kind, verdict, evidence) SELECT ?, ?, 'drawn', 'passed', '' FROM i`, sweptAtOnce, c.ID, t.nowMs())
	}))
	w.now.Add(time.Hour.Milliseconds())
	w.must(w.SweepAudits(t.Context(), time.Hour)) // exactly as old
	left := func() int { return w.count("SELECT count(*) FROM audits") }
	if left() != 5+sweptAtOnce {
		t.Errorf("%d left: swept too early", left())
	}
	w.now.Add(1)
	for _, want := range []int{3 + 5, 3, 3} {
		w.must(w.SweepAudits(t.Context(), time.Hour))
		if left() != want {
			t.Errorf("%d left, want %d", left(), want)
		}
	}
	if got := w.count("SELECT sum(id) FROM audits"); got != 2+4+5 {
		t.Errorf("others are left")
	}
}
