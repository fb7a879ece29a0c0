package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestBudgets(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	ctx := t.Context()
	m, id := uploader(t, s)
	check := func(want bt.Bytes, all ...Budget) {
		t.Helper()
		if n, err := s.BudgetOf(ctx, m, id); err != nil || n != want {
			t.Errorf("budget %d, %v, want %d", n, err, want)
		}
		if got, err := s.Budgets(ctx); err != nil || !slices.Equal(got, all) {
			t.Errorf("all %v, %v, want %v", got, err, all)
		}
	}
	set := func(n bt.Bytes) {
		t.Helper()
		if err := s.SetBudget(ctx, Budget{m, id, n}); err != nil {
			t.Fatal(err)
		}
	}
	check(0)
	set(5)
	check(5, Budget{m, id, 5})
	set(bt.MaxCounter)
	check(bt.MaxCounter, Budget{m, id, bt.MaxCounter})
	for _, n := range []bt.Bytes{-1, bt.MaxCounter + 1} {
		if err := s.SetBudget(ctx, Budget{m, id, n}); !errors.Is(err, ErrRange) {
			t.Errorf("budget of %d: %v", n, err)
		}
	}
	if err := s.SetBudget(ctx, Budget{m, id + 1, 1}); err == nil {
		t.Error("a budget for no torrent")
	}
	set(0)
	set(0) // to remove nothing is no error
	check(0)
}

func TestMaxPrice(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	ctx := t.Context()
	m, _ := uploader(t, s)
	for _, want := range []tokens.Amount{12_500_000, 0, tokens.MaxAmount} {
		if err := s.SetMaxPrice(ctx, m, want); err != nil {
			t.Fatal(err)
		}
		roster, err := s.RosterMembers(ctx, m)
		if got, e := s.MaxPrice(ctx, m); e != nil || err != nil || got != want || roster[0].MaxPrice != want {
			t.Errorf("maximum %d, the announce path reads %d, want %d: %v %v", got, roster[0].MaxPrice, want, e, err)
		}
	}
	for _, bad := range []tokens.Amount{-1, tokens.MaxAmount + 1} {
		if err := s.SetMaxPrice(ctx, m, bad); !errors.Is(err, ErrRange) {
			t.Errorf("maximum of %d: %v", bad, err)
		}
	}
	if _, err := s.MaxPrice(ctx, 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody's maximum: %v", err)
	}
	if err := s.SetMaxPrice(ctx, 99, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("to set nobody's maximum: %v", err)
	}
}
