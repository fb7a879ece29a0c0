package store

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ledgerWorld is a store with some hundred transfers of all kinds, and what they are.
func ledgerWorld(t *testing.T) (*Store, []Entry) {
	t.Helper()
	var now atomic.Int64
	now.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	s := open(t, t.TempDir(), Options{Now: func() time.Time { return time.UnixMilli(now.Load()) }})
	addMember(t, s, 1, 0, 0)
	addMember(t, s, 10, 0, 0)
	post := func(tr tokens.Transfer) {
		t.Helper()
		if err := s.Post(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		now.Add(17 * time.Minute.Milliseconds())
	}
	for i := range int64(150) {
		post(grant(fmt.Sprintf("grant/%d", i), tokens.Available(1), tokens.Amount(1000+i)))
		if i%2 == 0 {
			post(tokens.Transfer{ID: fmt.Sprintf("charge/%d", i), Asset: tokens.Token, From: tokens.Available(1), To: tokens.Pot(i / 10), Amount: tokens.Amount(1 + i%7), Code: tokens.CodeCharge, Ref: fmt.Sprintf("flush/%d", i)})
		}
		if i%5 == 0 {
			post(tokens.Transfer{ID: fmt.Sprintf("in/%d", i), Asset: tokens.Quote, From: tokens.External("test"), To: tokens.Available(10), Amount: tokens.Amount(5 + i), Code: tokens.CodeDeposit, Ref: "test"})
		}
		if i%9 == 0 {
			post(tokens.Transfer{ID: fmt.Sprintf("free/%d", i), Asset: tokens.Byte, From: tokens.Issuance, To: tokens.Allowance(10), Amount: 1 << 20, Code: tokens.CodeAllowance, Ref: "month ü"})
		}
	}
	var all []Entry
	if err := s.Export(t.Context(), "", Span{}, func(e Entry) error { all = append(all, e); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	return s, all
}

// fits is what a search should find, in plain words.
func (q LedgerQuery) fits(e Entry) bool {
	named := func(a tokens.Account) bool {
		if prefix, ok := strings.CutSuffix(q.Account, "*"); ok {
			return strings.HasPrefix(string(a), prefix)
		}
		return q.Account == "" || string(a) == q.Account || strings.HasPrefix(string(a), q.Account+"/")
	}
	of := func(a tokens.Account) bool {
		return q.Member == 0 || strings.HasPrefix(string(a), fmt.Sprintf("member/%d/", q.Member))
	}
	return (named(e.From) || named(e.To)) && (of(e.From) || of(e.To)) && (q.Code == "" || e.Code == q.Code) && (q.Asset == "" || e.Asset == q.Asset) &&
		strings.HasPrefix(e.ID, q.ID) && strings.HasPrefix(e.Ref, q.Ref) && (q.Min == 0 || e.Amount >= q.Min) && (q.Max == 0 || e.Amount <= q.Max) && q.Span.holds(e.AtMs)
}

// pages reads all of a search.
func pages(t *testing.T, s *Store, q LedgerQuery) (all []Entry, n int) {
	t.Helper()
	for {
		p, err := s.SearchLedger(t.Context(), q)
		if err != nil || len(p.Entries) > q.Limit || n > 2000 {
			t.Fatalf("page %d of %+v: %d, %v", n, q, len(p.Entries), err)
		}
		all, n = append(all, p.Entries...), n+1
		if p.Next == 0 {
			return all, n
		}
		if q.Before > 0 && p.Next >= q.Before {
			t.Fatalf("%+v does not go on: %d", q, p.Next)
		}
		q.Before = p.Next
	}
}

// TestTreasuryLedgerFindsWhatFits compares random searches with all transfers looked at one by one.
func TestTreasuryLedgerFindsWhatFits(t *testing.T) {
	s, all := ledgerWorld(t)
	found := 0
	rapid.Check(t, func(r *rapid.T) {
		pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(r, name) }
		q := LedgerQuery{Account: pick("account", "", "", "", "member/1", "member/1/available", "member/1*", "pot", "pot/1", "pot/1*", "issuance", "nobody"),
			Code: tokens.Code(pick("code", "", "", "charge", "grant", "deposit")), Asset: tokens.Asset(pick("asset", "", "", "token", "quote", "byte")),
			ID: pick("id", "", "", "grant/1", "charge/", "free/9", "x"), Ref: pick("ref", "", "", "flush/1", "month ü", "m", "%"),
			Limit: rapid.IntRange(1, 40).Draw(r, "limit"), reach: rapid.SampledFrom([]ledgerReach{{}, {1, 1, 1, 1, 1}, {50, 3, 2, 10, 5}, {1000, 500, 1, 40, 1000}}).Draw(r, "reach")}
		if rapid.Bool().Draw(r, "member") {
			q.Member = rapid.SampledFrom([]bt.MemberID{1, 10}).Draw(r, "whose")
		}
		if rapid.Bool().Draw(r, "amounts") {
			q.Min, q.Max = tokens.Amount(rapid.IntRange(0, 1100).Draw(r, "min")), tokens.Amount(rapid.IntRange(0, 1200).Draw(r, "max"))
		}
		if rapid.Bool().Draw(r, "times") {
			at := func(name string) int64 { return all[rapid.IntRange(0, len(all)-1).Draw(r, name)].AtMs }
			q.Span = Span{FromMs: at("from"), ToMs: at("to")}
		}
		var want []Entry
		for _, e := range all {
			if q.fits(e) {
				want = append(want, e)
			}
		}
		got, _ := pages(t, s, q)
		found += len(got)
		if !slices.Equal(got, want) {
			r.Fatalf("%+v: %d rows, want %d", q, len(got), len(want))
		}
	})
	if found == 0 {
		t.Error("nothing was ever found")
	}
}
