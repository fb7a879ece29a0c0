package store

import (
	"errors"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

func open(t *testing.T, dir string, opt Options) *Store {
	t.Helper()
	if opt.Economy == (Economy{}) {
		opt.Economy = DefaultEconomy()
	}
	s, err := Open(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func grant(id string, to tokens.Account, a tokens.Amount) tokens.Transfer {
	return tokens.Transfer{ID: id, Asset: tokens.Token, From: tokens.Issuance, To: to, Amount: a, Code: tokens.CodeGrant, Ref: "test"}
}

func TestPostTwiceConflictAndOverdraft(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	ctx := t.Context()
	g := grant("g1", tokens.Treasury, 5)
	for range 2 { // the second is a no-op
		if err := s.Post(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	g.Amount = 6
	if err := s.Post(ctx, g); !errors.Is(err, tokens.ErrConflict) {
		t.Fatalf("same id, other amount: %v", err)
	}
	over := tokens.Transfer{ID: "o1", Asset: tokens.Token, From: tokens.Treasury, To: tokens.Burned, Amount: 6, Code: tokens.CodeSlashBurn}
	// A failing pair leaves nothing of its first half behind.
	if err := s.Post(ctx, grant("g2", tokens.Burned, 1), over); !errors.Is(err, tokens.ErrFunds) {
		t.Fatalf("overdraft: %v", err)
	}
	if b, _ := s.Balance(ctx, tokens.Token, tokens.Burned); b != 0 {
		t.Fatalf("burned = %d after a failed pair", b)
	}
	if b, _ := s.Balance(ctx, tokens.Token, tokens.Treasury); b != 5 {
		t.Fatalf("treasury = %d", b)
	}
}

func TestLedgerIsAppendOnly(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	if err := s.Post(t.Context(), grant("g1", tokens.Treasury, 5)); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"UPDATE transfers SET amount = 6", "DELETE FROM transfers", "UPDATE heads SET at_ms = 1", "DELETE FROM heads"} {
		if _, err := s.w.Exec(q); err == nil {
			t.Errorf("%s: allowed", q)
		}
	}
}
