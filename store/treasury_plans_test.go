package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// anyBook takes every value.
type anyBook struct{}

func (anyBook) Canonical(_, value string) (string, error) { return value, nil }
func (anyBook) Economy(map[string]string) (store.Economy, error) {
	return store.DefaultEconomy(), nil
}

// What operators ask of the treasury's pages is answered by indexes, or a bounded part of the ledger.
func TestTreasuryPlans(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	s, err := store.Open(ctx, dir, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, name := range []string{"boss", "other"} {
		if _, err := s.AddMember(ctx, store.Grant{NewMember: store.NewMember{Name: name, Operator: true}, Tokens: 9000 * tokens.Unit}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.SetParameters(ctx, map[string]string{"a": "1"}, "configuration"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.NextEpoch(ctx, availability.DefaultParams(), [32]byte{}); err != nil {
		t.Fatal(err)
	}
	heard := store.Listen(t, s, dir)
	heard.During("the treasury")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	all := []store.LedgerQuery{{}, {Account: "member/1"}, {Account: "m*"}, {Member: 1}, {ID: "g"}, {ID: "g", Member: 1}, {Code: "grant", Asset: "token", Ref: "x", Min: 1, Max: 2},
		{Span: store.Span{FromMs: 1, ToMs: time.Now().UnixMilli()}, Before: 2}}
	for _, q := range all {
		q.Limit = 5
		_, err := s.SearchLedger(ctx, q)
		must(err)
	}
	n := 0
	once := func(m bt.MemberID) store.Once {
		n++
		return store.Once{Member: m, Key: fmt.Sprint(n)}
	}
	order := store.CorrectionOrder{Asset: tokens.Token, From: tokens.Available(1), To: tokens.Treasury, Amount: 2000 * tokens.Unit, Reason: "r"}
	for range 3 {
		_, err := s.ProposeCorrection(ctx, once(1), order)
		must(err)
	}
	small := order
	small.Amount = 1
	_, err1 := s.ProposeCorrection(ctx, once(1), small)
	_, err2 := s.ApproveCorrection(ctx, once(2), 1)
	_, err3 := s.RefuseCorrection(ctx, 2, 2, "no")
	_, err4 := s.WithdrawCorrection(ctx, 1, 3)
	_, err5 := s.PreviewCorrection(ctx, 1, small)
	_, _, err6 := s.OperatorCorrections(ctx, "", 5, 2)
	_, _, err7 := s.OperatorCorrections(ctx, store.CorrectionMade, 0, 2)
	_, err8 := s.OperatorCorrection(ctx, 1)
	must(errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, s.ExpireCorrections(ctx)))
	_, err1 = s.ChangeRules(ctx, store.RulesOrder{By: 1, Values: map[string]string{"a": "2"}, Reason: "r"}, anyBook{})
	c, err2 := s.ChangeRules(ctx, store.RulesOrder{By: 1, Values: map[string]string{"a": "3"}, Reason: "r", From: time.Now().Add(time.Hour)}, anyBook{})
	_, err3 = s.WithdrawRules(ctx, store.RulesWithdrawal{By: 1, Change: c.ID, Reason: "r"}, anyBook{})
	_, err4 = s.WithdrawRules(ctx, store.RulesWithdrawal{By: 1, Change: 1, Reason: "r"}, anyBook{})
	_, _, err5 = s.RulesChanges(ctx, 5, 5)
	_, _, err6 = s.RulesChanges(ctx, 0, 5)
	_, err7 = s.BeginRules(ctx, anyBook{})
	_, err8 = s.SetParameters(ctx, map[string]string{"a": "9"}, "configuration")
	must(errors.Join(err1, err2, err3, err4, err5, err6, err7, err8))
	_, err1 = s.Parameters(ctx)
	_, _, err2 = s.NextParameters(ctx, nil)
	_, err3 = s.TreasuryFigures(ctx)
	_, _, err4 = s.Sponsorships(ctx, false, 0, 5)
	_, _, err5 = s.Sponsorships(ctx, true, 9, 5)
	_, _, err6 = s.Subsidies(ctx, "", 5)
	_, _, err7 = s.FreeTorrents(ctx, store.Cursor{Key: 1, ID: 1, Set: true}, 5)
	must(errors.Join(err1, err2, err3, err4, err5, err6, err7))
	queries, _ := heard.Noted()
	tables, err := heard.Tables(ctx)
	if err != nil || len(queries) < 40 || !tables["corrections"] {
		t.Fatalf("%d statements, %v", len(queries), err)
	}
	for _, query := range queries {
		steps, err := heard.Plan(ctx, query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if fault := planFault(tables, query, steps); fault != "" {
			t.Errorf("%s\n%s\n  %s", fault, strings.Join(strings.Fields(query), " "), strings.Join(steps, "\n  "))
		}
	}
}
