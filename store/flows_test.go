package store

import (
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// What a member earned is what all of his nodes earned, with the fees of his locks, each transfer once.
func TestMemberDaysAreSumsOfTransfers(t *testing.T) {
	w, first, second := earningsWorld(t)
	w.must(w.Post(t.Context(),
		tokens.Transfer{ID: "b1", Asset: tokens.Token, From: tokens.Available(1), To: tokens.Request(1), Amount: 9, Code: tokens.CodeBounty, Ref: "request/1"},
		tokens.Transfer{ID: "b2", Asset: tokens.Token, From: tokens.Request(1), To: tokens.Available(3), Amount: 9, Code: tokens.CodeBountyPaid, Ref: "request/1 torrent/1"}))
	fees := w.claimed(3)
	since := time.UnixMilli(w.now.Load()).AddDate(0, 0, -5)
	days, last, err := w.MemberDays(t.Context(), 3, since, 0)
	w.must(err)
	if len(days) != 6 {
		t.Fatalf("%d days", len(days))
	}
	var sum EarningsDay
	for _, d := range days {
		a, b := w.earned(first, d.Start), w.earned(second, d.Start)
		want := EarningsDay{Start: d.Start, Upload: a.Upload, Hot: a.Hot, Sponsors: a.Sponsors, Hosting: a.Hosting + b.Hosting + w.asClient(3, d.Start), Slashed: a.Slashed + b.Slashed,
			Fees: d.Fees, Bounties: d.Bounties}
		if d != want {
			t.Errorf("%+v, the ledger has %+v", d, want)
		}
		sum = sum.Plus(d)
	}
	if sum.Upload == 0 || sum.Hosting == 0 || sum.Sponsors == 0 || sum.Slashed == 0 || sum.Fees != fees || sum.Bounties != 9 || sum.Spent != 0 {
		t.Errorf("in all %+v, fees %s", sum, fees)
	}
	for _, row := range []int64{1, last / 2, last - 3, last} { // the same, in two parts
		first, err := w.memberDaysUntil(3, since, row)
		w.must(err)
		rest, end, err := w.MemberDays(t.Context(), 3, since, row)
		w.must(err)
		for i := range days {
			if got := first[i].Plus(rest[i]); got != days[i] || end != last {
				t.Errorf("after row %d: %+v, in all %+v", row, got, days[i])
			}
		}
	}
	if later, _, err := w.MemberDays(t.Context(), 3, time.UnixMilli(w.now.Load()).AddDate(0, 0, 1), 0); err != nil || len(later) != 1 || later[0].Plus(EarningsDay{}) != (EarningsDay{Start: later[0].Start}) {
		t.Errorf("from tomorrow on: %+v %v", later, err)
	}
	if nobody, _, err := w.MemberDays(t.Context(), 99, since, 0); err != nil || len(nobody) != 6 || nobody[5].Upload != 0 {
		t.Errorf("nobody: %+v %v", nobody, err)
	}
}

// memberDaysUntil is MemberDays with the rows up to one: all, less those after it.
func (w *world) memberDaysUntil(m bt.MemberID, since time.Time, row int64) ([]EarningsDay, error) {
	all, _, err := w.MemberDays(w.t.Context(), m, since, 0)
	if err != nil {
		return nil, err
	}
	rest := map[int64]EarningsDay{}
	for _, tr := range w.transfers()[row:] {
		at := time.UnixMilli(tr.AtMs).UTC().Truncate(24 * time.Hour)
		d := rest[at.UnixMilli()]
		switch own := tr.To == tokens.Available(m) || strings.HasPrefix(string(tr.To), "node/"); {
		case own && d.income(tr.Code) != nil && !strings.HasSuffix(tr.ID, "/back"):
			*d.income(tr.Code) -= tr.Amount
		case tr.Code == tokens.CodeFees:
			d.Fees -= tr.Amount
		case tr.Code == tokens.CodeSlash:
			d.Slashed -= tr.Amount
		case tr.Code == tokens.CodeSlashBack:
			d.Slashed += tr.Amount
		}
		rest[at.UnixMilli()] = d
	}
	for i := range all {
		all[i] = all[i].Plus(rest[all[i].Start.UnixMilli()])
	}
	return all, nil
}

// asClient is what the member was paid for hosting with a client, without a node.
func (w *world) asClient(m bt.MemberID, day time.Time) (sum tokens.Amount) {
	for _, tr := range w.transfers() {
		at := time.UnixMilli(tr.AtMs)
		if tr.To == tokens.Available(m) && tr.Code == tokens.CodeHosting && !strings.HasPrefix(tr.Ref, "node/") && !at.Before(day) && at.Before(day.Add(24*time.Hour)) {
			sum += tr.Amount
		}
	}
	return sum
}

// claimed has a member lock tokens, earn fees and claim them.
func (w *world) claimed(m bt.MemberID) tokens.Amount {
	w.t.Helper()
	l, err := w.Lock(w.t.Context(), Once{Member: m, Key: "lock"}, 10*tokens.Unit, 52)
	w.must(err)
	w.settle(w.nextEpoch(time.Hour)) // it counts from the next epoch on
	n := w.current()
	w.meter(w.took(n, 1, 1, gib, 10*tokens.Unit), w.gave(n, 4, 1, gib))
	w.settle(w.nextEpoch(time.Hour))
	c, err := w.ClaimFees(w.t.Context(), Once{Member: m, Key: "claim"}, l.Lock)
	w.must(err)
	return c.Amount
}

// Every code that pays a member is an earning or is known to be none: a new one cannot be forgotten.
func TestEveryCodeIsAnEarningOrNot(t *testing.T) {
	none := []tokens.Code{tokens.CodeGenesis, tokens.CodeGrant, tokens.CodeCorrection, tokens.CodeDeposit, tokens.CodeBuy, tokens.CodeSell, tokens.CodeRevenue, tokens.CodeWithdraw, tokens.CodeReturn,
		tokens.CodeStake, tokens.CodeUnstake, tokens.CodeUnbonded, tokens.CodePledge, tokens.CodeUnpledge, tokens.CodeRelease, tokens.CodeLock, tokens.CodeUnlock, tokens.CodeVested, // a member's own
		tokens.CodeJoinFee, tokens.CodeCharge, tokens.CodeLockers, tokens.CodeTreasury, tokens.CodeSuspend, tokens.CodeUnclaimed, tokens.CodeInflation, tokens.CodeSubsidy, tokens.CodeNoLockers, // to nobody
		tokens.CodeProbation,                                                               // earned when it is trusted
		tokens.CodeFees,                                                                    // added up by claim
		tokens.CodeSlash, tokens.CodeSlashBurn, tokens.CodeSlashPool, tokens.CodeSlashBack, // added up by slash
		tokens.CodeBounty, tokens.CodeBountyBack, tokens.CodeAllowance, tokens.CodeExpire, tokens.CodeDownload}
	for _, c := range tokens.Codes() {
		if earns := new(EarningsDay).income(c) != nil; earns == slices.Contains(none, c) {
			t.Errorf("%s: earning %t, and among those that are none: %t", c, earns, !earns)
		}
	}
}

// Running downloads and earnings are read without a look at other members' rows.
func TestMoneyOfOneMemberIsFoundByIndex(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, query := range []string{selectRunning, incomeByDay, feesByDay} {
		steps, err := scan(t.Context(), s.r, func(r *sql.Rows) (step string, err error) {
			var id, parent, unused int
			return step, r.Scan(&id, &parent, &unused, &step)
		}, "EXPLAIN QUERY PLAN "+query, 1, 1, 1, 1)
		plan := strings.Join(steps, "\n")
		if err != nil || strings.Contains(plan, "SCAN") || strings.Contains(plan, "ORDER BY") {
			t.Errorf("%s:\n%s\n%v", query, plan, err)
		}
	}
}
