package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// stopped is a clock.
func stopped() time.Time { return time.UnixMilli(modelMs) }

// TestExport exports more than a page and holds it to the reference ledger.
func TestExport(t *testing.T) {
	now := stopped()
	s := open(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	const n = 2*exportPage + 17
	var all []tokens.Transfer
	for i := range n {
		tr := grant(fmt.Sprintf("g%d", i), tokens.Treasury, tokens.Amount(i+1))
		if i%3 == 1 {
			tr = tokens.Transfer{ID: tr.ID, Asset: tokens.Token, From: tokens.Treasury, To: tokens.PoolHot, Amount: 1, Code: tokens.CodeHot, Ref: "=1+1"}
		}
		all = append(all, tr)
	}
	half := n / 2
	post := func(batch []tokens.Transfer) {
		t.Helper()
		if err := s.Post(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
		for i := range batch {
			batch[i].AtMs = now.UnixMilli()
		}
	}
	post(all[:half])
	now = now.Add(time.Hour)
	post(all[half:])
	later := now.UnixMilli()
	hot := slices.DeleteFunc(slices.Clone(all), func(tr tokens.Transfer) bool { return tr.From != tokens.PoolHot && tr.To != tokens.PoolHot })
	for _, tt := range []struct {
		what    string
		account tokens.Account
		span    Span
		want    []tokens.Transfer
	}{
		{"all", "", Span{}, all},
		{"an account", tokens.PoolHot, Span{}, hot},
		{"every row touches it", tokens.Treasury, Span{}, all},
		{"never used", tokens.Burned, Span{}, nil},
		{"before", "", Span{ToMs: later}, all[:half]},
		{"from", "", Span{FromMs: later}, all[half:]},
		{"nothing in it", "", Span{FromMs: later + 1}, nil},
		{"account and time", tokens.Treasury, Span{FromMs: later, ToMs: later + 1}, all[half:]},
	} {
		var got []tokens.Transfer
		err := s.Export(t.Context(), tt.account, tt.span, func(e Entry) error {
			if e.Row < 1 || all[e.Row-1] != e.Transfer {
				return fmt.Errorf("row %d is %v", e.Row, e.Transfer)
			}
			got = append(got, e.Transfer)
			return nil
		})
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %d transfers, want %d: %v", tt.what, len(got), len(tt.want), err)
		}
	}
	enough := errors.New("enough")
	if err := s.Export(t.Context(), "", Span{}, func(Entry) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the receiver's error became %v", err)
	}
}

// TestExportMember: a member's lines of all assets sum to what the member has.
func TestExportMember(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	addMember(t, s, 1, 100*tokens.Unit, 60*tokens.Unit)
	addMember(t, s, 2, 5*tokens.Unit, 0)
	for _, tr := range []tokens.Transfer{
		{ID: "in", Asset: tokens.Quote, From: tokens.External("faucet"), To: tokens.Available(1), Amount: 9, Code: tokens.CodeDeposit, Ref: "faucet"},
		{ID: "stake", Asset: tokens.Token, From: tokens.Available(1), To: tokens.Staked(1), Amount: 10, Code: tokens.CodeStake, Ref: "stake"},
		{ID: "free", Asset: tokens.Byte, From: tokens.Issuance, To: tokens.Allowance(1), Amount: 1 << 30, Code: tokens.CodeAllowance, Ref: "once"},
	} {
		if err := s.Post(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
	}
	sums, row, staked := map[string]tokens.Amount{}, int64(0), 0
	err := s.ExportMember(t.Context(), 1, Span{}, func(e MemberEntry) error {
		if e.Seq < row {
			t.Errorf("row %d after row %d", e.Seq, row)
		}
		if e.ID == "stake" {
			staked++
		}
		row = e.Seq
		sums[string(e.Asset)+" "+e.Balance] += e.Amount
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Wallet(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if staked != 2 || sums["token available"] != w.Available || sums["token staked"] != w.Staked || sums["quote available"] != 9 || sums["byte allowance"] != 1<<30 || len(sums) != 4 {
		t.Errorf("lines sum to %v, the wallet is %+v", sums, w)
	}
	if err := s.ExportMember(t.Context(), 99, Span{}, func(MemberEntry) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown member: %v", err)
	}
}
