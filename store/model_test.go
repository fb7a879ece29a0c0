package store

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
)

const modelMs = 1_900_000_000_000 // all transfers of the model happen at this time

// modelAccounts are few, so that transfers meet; the last two may be overdrawn.
var modelAccounts = []tokens.Account{tokens.Treasury, tokens.PoolHosting, tokens.Available(1), tokens.Staked(1), tokens.Pot(3), tokens.Burned,
	tokens.Issuance, tokens.External("faucet")}

func drawTransfer(t *rapid.T) tokens.Transfer {
	return tokens.Transfer{
		ID:     rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h", "", "has blank", "j", "k", "l", "m"}).Draw(t, "id"),
		Asset:  rapid.SampledFrom([]tokens.Asset{tokens.Token, tokens.Token, tokens.Token, tokens.Quote, tokens.Byte, "gold"}).Draw(t, "asset"),
		From:   rapid.SampledFrom(slices.Concat(modelAccounts, modelAccounts[6:], modelAccounts[6:])).Draw(t, "from"),
		To:     rapid.SampledFrom(append(modelAccounts, "")).Draw(t, "to"),
		Amount: tokens.Amount(rapid.SampledFrom([]int64{1, 2, 3, 50, 1000, 0, -1, math.MaxInt64, math.MaxInt64 - 1}).Draw(t, "amount")),
		Code:   rapid.SampledFrom([]tokens.Code{tokens.CodeGrant, tokens.CodeGrant, tokens.CodeStake, ""}).Draw(t, "code"),
		Ref:    rapid.SampledFrom([]string{"", "x", "ä\x00ö", string(make([]byte, tokens.MaxRef+1))}).Draw(t, "ref"),
		AtMs:   modelMs,
	}
}

// kind is what a caller can tell of an error.
func kind(err error) error {
	for _, k := range []error{tokens.ErrInvalid, tokens.ErrConflict, tokens.ErrFunds} {
		if errors.Is(err, k) {
			return k
		}
	}
	return err
}

// posts turns batches into jobs of one group commit.
func posts(batches [][]tokens.Transfer) []func(*tx) error {
	var out []func(*tx) error
	for _, b := range batches {
		out = append(out, func(x *tx) error {
			for _, tr := range b {
				if err := x.post(tr); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return out
}

// emptyDatabase is a migrated database without content: migrating takes longer than a case.
func emptyDatabase(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	open(t, dir, Options{}).Close()
	b, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLedgerAgreesWithTheReference runs random transfers through the SQLite ledger and the one in
// memory: one by one, in batches that fail half-way, many in one group commit, with a reopening in
// between. Errors, balances, order and the chain's head must be the same.
func TestLedgerAgreesWithTheReference(t *testing.T) {
	parent, empty := t, emptyDatabase(t)
	rapid.Check(t, func(t *rapid.T) {
		dir := parent.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), empty, 0o600); err != nil {
			t.Fatal(err)
		}
		opt := Options{Now: func() time.Time { return time.UnixMilli(modelMs) }, Economy: DefaultEconomy()}
		reopen := func() *Store {
			s, err := Open(parent.Context(), dir, opt)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s, model := reopen(), tokens.NewLedger()
		defer func() { s.Close() }()
		agree := func(what string, got, want error) {
			if kind(got) != kind(want) {
				t.Fatalf("%s: the store says %v, the reference %v", what, got, want)
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			switch rapid.IntRange(0, 8).Draw(t, "step") {
			case 0:
				s.Close()
				s = reopen()
			case 1, 2, 3:
				batches := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(drawTransfer), 1, 3), 2, 6).Draw(t, "batches")
				for i, err := range together(s, posts(batches)...) {
					agree(fmt.Sprint(batches[i]), err, model.Post(batches[i]))
				}
			default:
				batch := rapid.SliceOfN(rapid.Custom(drawTransfer), 1, 4).Draw(t, "batch")
				agree(fmt.Sprint(batch), s.Post(parent.Context(), batch...), model.Post(batch))
			}
		}
		for _, a := range modelAccounts {
			for _, asset := range []tokens.Asset{tokens.Token, tokens.Quote, tokens.Byte} {
				got, err := s.Balance(parent.Context(), asset, a)
				if err != nil || got != model.Balance(asset, a) {
					t.Fatalf("%s %s: the store says %d (%v), the reference %d", asset, a, got, err, model.Balance(asset, a))
				}
			}
		}
		s.Close()
		v, err := Verify(parent.Context(), dir, nil)
		if err != nil || !v.OK() {
			t.Fatalf("verify: %v %v", v.Faults, err)
		}
		if v.Head != model.Head() || v.Transfers != int64(len(model.Transfers())) {
			t.Fatalf("%d transfers and head %x, the reference has %d and %x", v.Transfers, v.Head, len(model.Transfers()), model.Head())
		}
	})
}

// TestConcurrentWritersMoveEachTransferOnce: many callers post the same transfers, and fight for
// the last token.
func TestConcurrentWritersMoveEachTransferOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if err := s.Post(t.Context(), grant("g", tokens.Treasury, 1)); err != nil {
		t.Fatal(err)
	}
	const writers, own = 32, 5
	var wg sync.WaitGroup
	last := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range own {
				if err := s.Post(t.Context(), grant("same", tokens.PoolHot, 7), grant(fmt.Sprintf("w/%d/%d", w, i), tokens.PoolHosting, 2)); err != nil {
					t.Error(err)
				}
			}
			last[w] = s.Post(t.Context(), tokens.Transfer{ID: fmt.Sprintf("last/%d", w), Asset: tokens.Token, From: tokens.Treasury, To: tokens.Burned,
				Amount: 1, Code: tokens.CodeSlashBurn})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range last {
		if err == nil {
			won++
		} else if !errors.Is(err, tokens.ErrFunds) {
			t.Error(err)
		}
	}
	hot, _ := s.Balance(t.Context(), tokens.Token, tokens.PoolHot)
	hosting, _ := s.Balance(t.Context(), tokens.Token, tokens.PoolHosting)
	if won != 1 || hot != 7 || hosting != 2*writers*own {
		t.Errorf("%d got the last token; pools hold %d and %d", won, hot, hosting)
	}
	verified(t, s, dir)
}

// TestBalanceCanBeNegated: issuance stops one short of the lowest number, as in the reference, so
// that the supply can be computed.
func TestBalanceCanBeNegated(t *testing.T) {
	s, model := open(t, t.TempDir(), Options{}), tokens.NewLedger()
	for _, tr := range []tokens.Transfer{grant("one", tokens.Burned, 1), grant("rest", tokens.Treasury, math.MaxInt64), grant("fits", tokens.Treasury, math.MaxInt64-1)} {
		got, want := s.Post(t.Context(), tr), model.Post([]tokens.Transfer{tr})
		if kind(got) != kind(want) {
			t.Errorf("%s: the store says %v, the reference %v", tr.ID, got, want)
		}
	}
}
