package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
)

const modelMs = 1_900_000_000_000 // all transfers of the model happen at this time

// modelAccounts are few, so that transfers meet; the last three may be overdrawn.
var modelAccounts = []tokens.Account{tokens.Treasury, tokens.PoolHosting, tokens.Available(1), tokens.Staked(1), tokens.Pot(3), tokens.Burned,
	tokens.Reserve, tokens.Allowance(1), tokens.Issuance, tokens.External("faucet"), tokens.External("voucher")}

var modelAssets = []tokens.Asset{tokens.Token, tokens.Quote, tokens.Byte}

func drawTransfer(t *rapid.T) tokens.Transfer {
	return tokens.Transfer{
		ID:     rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h", "", "has blank", "j", "k", "l", "m"}).Draw(t, "id"),
		Asset:  rapid.SampledFrom([]tokens.Asset{tokens.Token, tokens.Token, tokens.Token, tokens.Quote, tokens.Byte, "gold"}).Draw(t, "asset"),
		From:   rapid.SampledFrom(slices.Concat(modelAccounts, modelAccounts[8:], modelAccounts[8:], modelAccounts[8:])).Draw(t, "from"),
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

// posts turns batches into jobs of one group commit, as Post does.
func posts(batches [][]tokens.Transfer) []*job {
	var out []*job
	for _, b := range batches {
		out = append(out, newPost(b))
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
// between. Errors, balances, order and the chain's head must be the same. SWARMSTAKE_TEST_CASES
// multiplies the cases.
func TestLedgerAgreesWithTheReference(t *testing.T) {
	parent, empty := t, emptyDatabase(t)
	property := func(t *rapid.T) {
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
				for i, err := range commitTogether(s, posts(batches)) {
					agree(fmt.Sprint(batches[i]), err, model.Post(batches[i]))
				}
			default:
				batch := rapid.SliceOfN(rapid.Custom(drawTransfer), 1, 4).Draw(t, "batch")
				agree(fmt.Sprint(batch), s.Post(parent.Context(), batch...), model.Post(batch))
			}
		}
		if err := agrees(parent.Context(), s, dir, model); err != nil {
			t.Fatal(err)
		}
		os.RemoveAll(dir)
	}
	cases, _ := strconv.Atoi(os.Getenv("SWARMSTAKE_TEST_CASES"))
	for range 3 * max(1, cases) { // of 100 cases each
		rapid.Check(t, property)
	}
}

// agrees holds a store to the reference: every balance, every transfer in its order, the chain's
// head, and the sum of each asset. It closes the store.
func agrees(ctx context.Context, s *Store, dir string, model *tokens.Ledger) error {
	for _, asset := range modelAssets {
		for _, a := range modelAccounts {
			if got, err := s.Balance(ctx, asset, a); err != nil || got != model.Balance(asset, a) {
				return fmt.Errorf("%s %s: the store says %d (%v), the reference %d", asset, a, got, err, model.Balance(asset, a))
			}
		}
		if model.Imbalance(asset) != 0 {
			return fmt.Errorf("%s: the reference is out of balance by %d", asset, model.Imbalance(asset))
		}
	}
	want := model.Transfers()
	err := s.Export(ctx, "", Span{}, func(e Entry) error {
		if e.Row > int64(len(want)) || want[e.Row-1] != e.Transfer {
			return fmt.Errorf("row %d: the store has %+v, the reference something else", e.Row, e.Transfer)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Close()
	v, err := Verify(ctx, dir, nil)
	if err != nil || !v.OK() {
		return fmt.Errorf("verify: %v %w", v.Faults, err)
	}
	if v.Head != model.Head() || v.Transfers != int64(len(want)) {
		return fmt.Errorf("%d transfers and head %s, the reference has %d and %s", v.Transfers, v.Head, len(want), model.Head())
	}
	return nil
}

// TestAgreementCatchesABrokenLedger: a store with one fault of each kind must not agree with the
// reference, or the test above proves nothing.
func TestAgreementCatchesABrokenLedger(t *testing.T) {
	deposit := tokens.Transfer{ID: "d", Asset: tokens.Quote, From: tokens.External("faucet"), To: tokens.Available(1), Amount: 9, Code: tokens.CodeDeposit}
	spend := tokens.Transfer{ID: "s", Asset: tokens.Token, From: tokens.Available(1), To: tokens.Burned, Amount: 3, Code: tokens.CodeSlashBurn}
	withdraw := tokens.Transfer{ID: "w", Asset: tokens.Quote, From: tokens.Available(1), To: tokens.External("faucet"), Amount: 2, Code: tokens.CodeWithdraw}
	script := []tokens.Transfer{grant("a", tokens.Available(1), 10), grant("b", tokens.Treasury, 5), deposit, spend, withdraw}
	for what, corrupt := range map[string]func(*Store){
		"nothing": nil,
		"a cached balance is off": func(s *Store) {
			s.cache.named[accountKey{tokens.Token, tokens.Available(1)}].balance--
		},
		"a failed job leaves its balance behind": func(s *Store) {
			together(s, func(t *tx) error {
				if err := t.post(grant("x", tokens.Treasury, 1)); err != nil {
					return err
				}
				t.batch.moved = t.batch.moved[:0] // what undoing needs
				return errors.New("refused")
			})
		},
		"a transfer is made twice": func(s *Store) {
			together(s, func(t *tx) error { return t.post(grant("a2", tokens.Available(1), 10)) })
		},
		"a transfer goes missing": func(*Store) {}, // see below
		"the wrong asset":         func(s *Store) { s.cache.named[accountKey{tokens.Quote, tokens.Available(1)}].id++ },
		"the chain goes astray":   func(s *Store) { s.chain.head[5] ^= 1 },
		"money from nowhere": func(s *Store) {
			together(s, func(t *tx) error { return t.exec("UPDATE accounts SET balance = balance + 1 WHERE name = 'treasury'") })
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir, model := t.TempDir(), tokens.NewLedger()
			s := open(t, dir, Options{Now: stopped})
			for i, tr := range script {
				if what != "a transfer goes missing" || i != 3 {
					if err := s.Post(t.Context(), tr); err != nil {
						t.Logf("%s: %v", tr.ID, err)
					}
				}
				tr.AtMs = modelMs
				if err := model.Post([]tokens.Transfer{tr}); err != nil {
					t.Fatal(err)
				}
				if i == 2 && corrupt != nil {
					corrupt(s)
				}
			}
			err := agrees(t.Context(), s, dir, model)
			if (err == nil) != (corrupt == nil) {
				t.Errorf("agreement: %v", err)
			}
		})
	}
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
