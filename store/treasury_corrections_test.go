package store

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// correctWorld is a store with a clock, three operators (1, 2, 3), two members (4, 5), and money.
type correctWorld struct {
	*Store
	t    *testing.T
	dir  string
	now  atomic.Int64
	keys int
}

func newCorrectWorld(t *testing.T) *correctWorld {
	w := &correctWorld{t: t, dir: t.TempDir()}
	w.now.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	w.Store = open(t, w.dir, Options{Now: func() time.Time { return time.UnixMilli(w.now.Load()) }})
	for m := bt.MemberID(1); m <= 5; m++ {
		addMember(t, w.Store, m, 0, 0)
	}
	w.sql("UPDATE members SET operator = 1 WHERE id <= 3")
	if err := w.Post(t.Context(), grant("treasury", tokens.Treasury, 100_000*tokens.Unit)); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *correctWorld) sql(q string, args ...any) {
	w.t.Helper()
	if err := w.write(w.t.Context(), func(t *tx) error { return t.exec(q, args...) }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *correctWorld) once(by bt.MemberID) Once {
	w.keys++
	return Once{Member: by, Key: fmt.Sprint("k", w.keys), Request: []byte("r")}
}

// to is a correction from the treasury to a member, in whole tokens.
func to(m bt.MemberID, whole int64) CorrectionOrder {
	return CorrectionOrder{Asset: tokens.Token, From: tokens.Treasury, To: tokens.Available(m), Amount: tokens.Amount(whole) * tokens.Unit, Reason: "paid twice"}
}

func (w *correctWorld) propose(by bt.MemberID, o CorrectionOrder) OperatorCorrection {
	w.t.Helper()
	c, err := w.ProposeCorrection(w.t.Context(), w.once(by), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *correctWorld) has(m bt.MemberID, whole int64) {
	w.t.Helper()
	if b, err := w.Balance(w.t.Context(), tokens.Token, tokens.Available(m)); err != nil || b != tokens.Amount(whole)*tokens.Unit {
		w.t.Fatalf("member %d has %s, %v; want %d", m, b, err, whole)
	}
}

func (w *correctWorld) acts(action string) (n int) {
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

// Small corrections are made at once, up to the limit in a day; what is beyond waits.
func TestTreasuryCorrectionAlone(t *testing.T) {
	w := newCorrectWorld(t)
	seen, err := w.PreviewCorrection(t.Context(), 1, to(4, 600))
	if err != nil || !seen.Alone || seen.AloneLeft != 1000*tokens.Unit || seen.FromHas != 100_000*tokens.Unit || seen.ToHas != 0 {
		t.Fatalf("%+v %v", seen, err)
	}
	w.has(4, 0)
	o := w.once(1)
	c, err := w.ProposeCorrection(t.Context(), o, to(4, 600))
	if err != nil || c.State != CorrectionMade || c.DecidedBy != 0 || c.Transfer == "" || c.ByName != "b" {
		t.Fatalf("%+v %v", c, err)
	}
	w.has(4, 600)
	again, err := w.ProposeCorrection(t.Context(), o, to(4, 600))
	if err != nil || again != c {
		t.Errorf("again: %+v %v", again, err)
	}
	w.has(4, 600)
	if second := w.propose(1, to(4, 401)); second.State != CorrectionProposed {
		t.Errorf("more than is left alone: %+v", second)
	}
	if third := w.propose(1, to(4, 400)); third.State != CorrectionMade {
		t.Errorf("what is left: %+v", third)
	}
	if other := w.propose(2, to(4, 1000)); other.State != CorrectionMade {
		t.Errorf("another operator: %+v", other)
	}
	w.now.Add(AloneTime.Milliseconds())
	if next := w.propose(1, to(4, 1000)); next.State != CorrectionMade {
		t.Errorf("a day later: %+v", next)
	}
	w.has(4, 3000)
	if own := w.propose(1, to(1, 1)); own.State != CorrectionProposed {
		t.Errorf("to oneself: %+v", own)
	}
	r, err := w.Receipt(t.Context(), c.Transfer)
	if err != nil || r.Ref != "paid twice" || len(r.Evidence) != 1 || r.Evidence[0].Name != "ledger correct, by b" {
		t.Errorf("%+v %v", r, err)
	}
	verified(t, w.Store, w.dir)
}

// The other assets have limits of their own.
func TestTreasuryCorrectionLimitsOfAssets(t *testing.T) {
	w := newCorrectWorld(t)
	for _, tr := range []tokens.Transfer{
		{ID: "q", Asset: tokens.Quote, From: tokens.External("test"), To: tokens.Revenue, Amount: 9000 * tokens.Unit, Code: tokens.CodeDeposit, Ref: "test"},
		{ID: "b", Asset: tokens.Byte, From: tokens.Issuance, To: tokens.Allowance(4), Amount: 4 * CorrectionLimitBytes, Code: tokens.CodeAllowance, Ref: "once"},
	} {
		if err := w.Post(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []CorrectionOrder{
		{Asset: tokens.Quote, From: tokens.Revenue, To: tokens.Available(4), Amount: CorrectionLimitQuote, Reason: "r"},
		{Asset: tokens.Byte, From: tokens.Allowance(4), To: tokens.Allowance(5), Amount: CorrectionLimitBytes, Reason: "r"},
	} {
		big := o
		big.Amount++
		if c := w.propose(1, big); c.State != CorrectionProposed {
			t.Errorf("%+v", c)
		}
		if c := w.propose(1, o); c.State != CorrectionMade {
			t.Errorf("%+v", c)
		}
	}
}

func TestTreasuryCorrectionBySecondOperator(t *testing.T) {
	w := newCorrectWorld(t)
	c := w.propose(1, to(4, 5000))
	w.has(4, 0)
	if c.State != CorrectionProposed || c.Transfer != "" || w.acts("correction propose") != 1 {
		t.Fatalf("%+v", c)
	}
	approve := func(by bt.MemberID, id int64) error {
		_, err := w.ApproveCorrection(t.Context(), w.once(by), id)
		return err
	}
	for what, tt := range map[string]struct{ err, want error }{
		"by the proposer":  {approve(1, c.ID), ErrSecond},
		"by no operator":   {approve(4, c.ID), ErrProposer},
		"of none":          {approve(2, 99), ErrNotFound},
		"withdrawn by 2":   {second(w.WithdrawCorrection(t.Context(), 2, c.ID)), ErrProposer},
		"refused by 1":     {second(w.RefuseCorrection(t.Context(), 1, c.ID, "r")), ErrSecond},
		"refused for none": {second(w.RefuseCorrection(t.Context(), 2, c.ID, " ")), ErrReason},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", what, tt.err, tt.want)
		}
	}
	w.has(4, 0)
	o := w.once(2)
	made, err := w.ApproveCorrection(t.Context(), o, c.ID)
	if err != nil || made.State != CorrectionMade || made.Decider != "c" || made.Transfer == "" {
		t.Fatalf("%+v %v", made, err)
	}
	if again, err := w.ApproveCorrection(t.Context(), o, c.ID); err != nil || again != made {
		t.Errorf("again: %+v %v", again, err)
	}
	if err := approve(3, c.ID); !errors.Is(err, ErrCorrectionOver) {
		t.Errorf("by a third: %v", err)
	}
	w.has(4, 5000)
	if stored, err := w.OperatorCorrection(t.Context(), c.ID); err != nil || stored != made {
		t.Errorf("%+v %v, want %+v", stored, err, made)
	}
	if w.acts("correction approve") != 1 || w.acts(actCorrect) != 1 {
		t.Error("not both in the log")
	}
	verified(t, w.Store, w.dir)
}

func second(_ OperatorCorrection, err error) error { return err }

// Proposals end: refused, withdrawn, too old, or because who made them is no operator any more.
func TestTreasuryCorrectionEnds(t *testing.T) {
	w := newCorrectWorld(t)
	refused, withdrawn, old, orphan := w.propose(1, to(4, 5000)), w.propose(1, to(4, 5001)), w.propose(1, to(4, 5002)), w.propose(3, to(4, 5003))
	if c, err := w.RefuseCorrection(t.Context(), 2, refused.ID, " too much "); err != nil || c.State != CorrectionRefused || c.Why != "too much" {
		t.Errorf("%+v %v", c, err)
	}
	if c, err := w.WithdrawCorrection(t.Context(), 1, withdrawn.ID); err != nil || c.State != CorrectionWithdrawn {
		t.Errorf("%+v %v", c, err)
	}
	w.sql("UPDATE members SET operator = 0 WHERE id = 3")
	if _, err := w.ApproveCorrection(t.Context(), w.once(2), orphan.ID); !errors.Is(err, ErrProposer) {
		t.Errorf("of no operator: %v", err)
	}
	w.now.Add(CorrectionTime.Milliseconds())
	if _, err := w.ApproveCorrection(t.Context(), w.once(2), old.ID); !errors.Is(err, ErrCorrectionOver) {
		t.Errorf("too late: %v", err)
	}
	for range 2 {
		if err := w.ExpireCorrections(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.acts("correction expire"); n != 2 {
		t.Errorf("%d expired", n)
	}
	for _, id := range []int64{refused.ID, withdrawn.ID, old.ID, orphan.ID} {
		if _, err := w.ApproveCorrection(t.Context(), w.once(2), id); !errors.Is(err, ErrCorrectionOver) {
			t.Errorf("%d: %v", id, err)
		}
	}
	w.has(4, 0)
	list, next, err := w.OperatorCorrections(t.Context(), CorrectionExpired, 0, 1)
	if err != nil || len(list) != 1 || list[0].ID != orphan.ID || next != orphan.ID {
		t.Fatalf("%v %d %v", list, next, err)
	}
	if list, next, err = w.OperatorCorrections(t.Context(), CorrectionExpired, next, 1); err != nil || len(list) != 1 || list[0].ID != old.ID || next != 0 {
		t.Errorf("%v %d %v", list, next, err)
	}
}

// What cannot be made is not proposed, and an approval that finds too little leaves the proposal as it is.
func TestTreasuryCorrectionThatCannotBe(t *testing.T) {
	w := newCorrectWorld(t)
	for what, tt := range map[string]struct {
		order CorrectionOrder
		want  error
	}{
		"more than there is": {to(4, 100_001), tokens.ErrFunds},
		"nobody":             {to(99, 1), ErrCorrection},
		"nothing":            {to(4, 0), tokens.ErrInvalid},
		"no reason":          {CorrectionOrder{Asset: tokens.Token, From: tokens.Treasury, To: tokens.Available(4), Amount: 1, Reason: " "}, ErrCorrection},
		"from issuance":      {CorrectionOrder{Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(4), Amount: 1, Reason: "r"}, ErrCorrection},
	} {
		if _, err := w.PreviewCorrection(t.Context(), 1, tt.order); !errors.Is(err, tt.want) {
			t.Errorf("preview of %s: %v, want %v", what, err, tt.want)
		}
		if _, err := w.ProposeCorrection(t.Context(), w.once(1), tt.order); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", what, err, tt.want)
		}
	}
	if _, err := w.ProposeCorrection(t.Context(), w.once(4), to(5, 1)); !errors.Is(err, ErrProposer) {
		t.Errorf("by no operator: %v", err)
	}
	c := w.propose(1, to(4, 60_000))
	d := w.propose(1, to(5, 60_000))
	if _, err := w.ApproveCorrection(t.Context(), w.once(2), c.ID); err != nil {
		t.Fatal(err)
	}
	o := w.once(2)
	if _, err := w.ApproveCorrection(t.Context(), o, d.ID); !errors.Is(err, tokens.ErrFunds) {
		t.Errorf("%v", err)
	}
	w.has(5, 0)
	if err := w.Post(t.Context(), grant("more", tokens.Treasury, 50_000*tokens.Unit)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ApproveCorrection(t.Context(), o, d.ID); err != nil {
		t.Errorf("with enough: %v", err)
	}
	w.has(5, 60_000)
}

func TestTreasuryCorrectionsAreAppendOnly(t *testing.T) {
	w := newCorrectWorld(t)
	w.propose(1, to(4, 1))
	w.propose(1, to(4, 5000))
	for _, q := range []string{"UPDATE corrections SET reason = 'x'", "UPDATE corrections SET state = 'refused', decided_by = 2, why = 'x', decided_ms = 1 WHERE id = 1",
		"UPDATE corrections SET amount = 1, state = 'withdrawn', decided_ms = 1 WHERE id = 2", "DELETE FROM corrections"} {
		if _, err := w.w.Exec(q); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", q, err)
		}
	}
	if _, err := w.w.Exec("UPDATE corrections SET state = 'made', decided_by = proposed_by, decided_ms = 1, transfer = 'x' WHERE id = 2"); err == nil {
		t.Error("approved by who proposed it")
	}
}

// TestTreasuryCorrectionsConserve compares random proposals and decisions with a map of balances: money only
// moves where a correction was made, once each, and never by one operator beyond the limit.
func TestTreasuryCorrectionsConserve(t *testing.T) {
	w := newCorrectWorld(t)
	has := map[tokens.Account]tokens.Amount{tokens.Treasury: 100_000 * tokens.Unit}
	names := []tokens.Account{tokens.Treasury, tokens.PoolHosting, tokens.Available(4), tokens.Available(5), tokens.Staked(4)}
	var all []OperatorCorrection
	rapid.Check(t, func(r *rapid.T) {
		move := func(c OperatorCorrection) {
			has[c.From] -= c.Amount
			has[c.To] += c.Amount
		}
		by := bt.MemberID(rapid.IntRange(1, 3).Draw(r, "by"))
		o := w.once(by)
		switch what := rapid.IntRange(0, 3).Draw(r, "what"); {
		case what == 0 || len(all) == 0:
			order := CorrectionOrder{Asset: tokens.Token, From: rapid.SampledFrom(names).Draw(r, "from"), To: rapid.SampledFrom(names).Draw(r, "to"),
				Amount: tokens.Amount(rapid.Int64Range(1, 3000*int64(tokens.Unit)).Draw(r, "amount")), Reason: "r"}
			c, err := w.ProposeCorrection(t.Context(), o, order)
			if possible := order.From != order.To && has[order.From] >= order.Amount; possible != (err == nil) {
				r.Fatalf("%+v of %v: %v", order, has, err)
			}
			if err == nil {
				all = append(all, c)
			}
			if c.State == CorrectionMade {
				move(c)
			}
		case what == 1:
			i := rapid.IntRange(0, len(all)-1).Draw(r, "which")
			c, err := w.ApproveCorrection(t.Context(), o, all[i].ID)
			possible := all[i].State == CorrectionProposed && all[i].By != by && has[all[i].From] >= all[i].Amount && w.now.Load() < all[i].DueMs
			if possible != (err == nil) {
				r.Fatalf("approve %+v of %v: %v", all[i], has, err)
			}
			if err == nil {
				all[i] = c
				move(c)
			}
		case what == 2:
			i := rapid.IntRange(0, len(all)-1).Draw(r, "which")
			if c, err := w.RefuseCorrection(t.Context(), by, all[i].ID, "no"); err == nil {
				all[i] = c
			}
		default:
			w.now.Add(rapid.Int64Range(0, 2*AloneTime.Milliseconds()).Draw(r, "later"))
		}
		for _, a := range names {
			if b, err := w.Balance(t.Context(), tokens.Token, a); err != nil || b != has[a] || b < 0 {
				r.Fatalf("%s has %s, want %s (%v)", a, b, has[a], err)
			}
		}
		alone := map[bt.MemberID]tokens.Amount{}
		for _, c := range all {
			if c.State == CorrectionMade && c.DecidedBy == 0 && c.DecidedMs > w.now.Load()-AloneTime.Milliseconds() {
				alone[c.By] += c.Amount
			}
			if alone[c.By] > 1000*tokens.Unit {
				r.Fatalf("operator %d alone: %s in a day", c.By, alone[c.By])
			}
		}
	})
	verified(t, w.Store, w.dir)
}

// What is left of a sponsorship goes back to who sponsors: putting more into one's own takes a second operator, and
// into one that is over nothing is put. A bounty is what its backers put in, and is not corrected.
func TestTreasuryCorrectionOfBudgets(t *testing.T) {
	w := newCorrectWorld(t)
	if _, err := w.AddTorrent(t.Context(), NewTorrent{Name: "t", Size: 1, PieceBytes: 1, Files: 1, Metainfo: []byte{0}, Uploader: 4}); err != nil {
		t.Fatal(err)
	}
	for id, closed := range []int{0, 0, 9} {
		w.sql("INSERT INTO sponsors (id, torrent, member, budget_utok, start_ms, end_ms, closed_ms) VALUES (?, 1, ?, 1, 0, 9, ?)", id+1, id+1, closed)
		if err := w.Post(t.Context(), grant(fmt.Sprint("s", id), tokens.Sponsor(int64(id+1)), 1)); err != nil {
			t.Fatal(err)
		}
	}
	o := to(4, 1)
	for sponsor, want := range map[int64]CorrectionState{1: CorrectionProposed, 2: CorrectionMade} {
		if o.To = tokens.Sponsor(sponsor); w.propose(1, o).State != want {
			t.Errorf("sponsor %d is not %s", sponsor, want)
		}
	}
	if err := w.Post(t.Context(), grant("bounty", tokens.Request(1), tokens.Unit)); err != nil {
		t.Fatal(err)
	}
	from := to(4, 1)
	from.From = tokens.Request(1)
	o.To = tokens.Sponsor(3)
	into := to(4, 1)
	into.To = tokens.Request(1)
	for _, o := range []CorrectionOrder{from, into, o} {
		if _, err := w.ProposeCorrection(t.Context(), w.once(1), o); !errors.Is(err, ErrCorrection) {
			t.Errorf("from %s to %s: %v", o.From, o.To, err)
		}
	}
}
