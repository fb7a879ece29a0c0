package tokens_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
)

var alice, bob = tokens.Available(1), tokens.Available(2)

func grant(id string, to tokens.Account, a tokens.Amount) tokens.Transfer {
	return move(id, tokens.Issuance, to, a)
}

func move(id string, from, to tokens.Account, a tokens.Amount) tokens.Transfer {
	return tokens.Transfer{
		ID: id, Asset: tokens.Token, From: from, To: to, Amount: a, Code: tokens.CodeGrant, Ref: "test", AtMs: 1,
	}
}

func TestPostMovesMoney(t *testing.T) {
	l := tokens.NewLedger()
	err := l.Post([]tokens.Transfer{
		grant("a", alice, 10), move("b", alice, bob, 4), move("c", bob, tokens.Burned, 1),
	})
	if err != nil {
		t.Fatal(err)
	}
	for account, want := range map[tokens.Account]tokens.Amount{
		alice: 6, bob: 3, tokens.Burned: 1, tokens.Issuance: -10, tokens.Treasury: 0,
	} {
		if got := l.Balance(tokens.Token, account); got != want {
			t.Errorf("%s holds %d, want %d", account, got, want)
		}
	}
	if l.Supply() != 9 || l.Imbalance(tokens.Token) != 0 || len(l.Transfers()) != 3 {
		t.Errorf("supply %d, imbalance %d, %d transfers", l.Supply(), l.Imbalance(tokens.Token), len(l.Transfers()))
	}
	if l.Balance(tokens.Quote, alice) != 0 {
		t.Error("a token is not a quote unit")
	}
}

func TestPostRefuses(t *testing.T) {
	same := grant("known", alice, 100)
	other := same
	other.Amount++
	later := same
	later.AtMs++
	for _, c := range []struct {
		name  string
		batch []tokens.Transfer
		want  error
	}{
		{"repeat", []tokens.Transfer{same}, nil},
		{"repeat at a later time", []tokens.Transfer{later}, nil},
		{"repeat within the batch", []tokens.Transfer{grant("x", bob, 1), grant("x", bob, 1)}, nil},
		{"other contents", []tokens.Transfer{other}, tokens.ErrConflict},
		{"other contents within the batch", []tokens.Transfer{grant("x", bob, 1), grant("x", bob, 2)}, tokens.ErrConflict},
		{"overdraft", []tokens.Transfer{move("x", alice, bob, 108)}, tokens.ErrFunds},
		{"overdraft repaired too late", []tokens.Transfer{move("x", bob, alice, 1), grant("y", bob, 1)}, tokens.ErrFunds},
		{"burned is no source", []tokens.Transfer{move("x", tokens.Burned, alice, 1)}, tokens.ErrFunds},
		{"overdraft of a system account", []tokens.Transfer{move("x", tokens.Treasury, alice, 1)}, tokens.ErrFunds},
		{"zero", []tokens.Transfer{grant("x", bob, 0)}, tokens.ErrInvalid},
		{"negative", []tokens.Transfer{grant("x", bob, -1)}, tokens.ErrInvalid},
		{"to itself", []tokens.Transfer{move("x", alice, alice, 1)}, tokens.ErrInvalid},
		{"blank id", []tokens.Transfer{grant("x y", bob, 1)}, tokens.ErrInvalid},
		{"no id", []tokens.Transfer{grant("", bob, 1)}, tokens.ErrInvalid},
		{"long id", []tokens.Transfer{grant(strings.Repeat("x", tokens.MaxID+1), bob, 1)}, tokens.ErrInvalid},
		{"overflow", []tokens.Transfer{grant("x", alice, math.MaxInt64)}, tokens.ErrInvalid},
	} {
		l := tokens.NewLedger()
		if err := l.Post([]tokens.Transfer{same}); err != nil {
			t.Fatal(err)
		}
		before := l.Head()
		// The good transfer in front must not survive a refused batch.
		err := l.Post(append([]tokens.Transfer{grant("good", alice, 7)}, c.batch...))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if c.want != nil && (l.Head() != before || l.Balance(tokens.Token, alice) != 100 || len(l.Transfers()) != 1) {
			t.Errorf("%s: a refused batch left something behind", c.name)
		}
		if c.want == nil && l.Balance(tokens.Token, alice) != 107 {
			t.Errorf("%s: a repeat changed a balance", c.name)
		}
	}
}

func TestIssuanceCannotWrap(t *testing.T) {
	l := tokens.NewLedger()
	for i := range 8 {
		to := tokens.Available(1)
		if i > 0 {
			to = tokens.Treasury
		}
		err := l.Post([]tokens.Transfer{grant(fmt.Sprint(i), to, math.MaxInt64/2)})
		if (err == nil) != (i < 2) || err != nil && !errors.Is(err, tokens.ErrInvalid) {
			t.Fatalf("grant %d: %v", i, err)
		}
	}
	if l.Supply() != math.MaxInt64-1 {
		t.Errorf("supply %d", l.Supply())
	}
}

const goldenHead = "46ed06cbdf5636c0af608fba1c3a968d162930f8a57052d3cc711b504187f981"

func TestBalanceCannotWrap(t *testing.T) {
	l := tokens.NewLedger()
	first := move("a", tokens.External("a"), alice, math.MaxInt64)
	second := move("b", tokens.External("b"), alice, 1)
	if err := l.Post([]tokens.Transfer{first}); err != nil {
		t.Fatal(err)
	}
	if err := l.Post([]tokens.Transfer{second}); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("a full account takes more: %v", err)
	}
}

// The golden value was computed with Python's hashlib from the canonical form in chain.go.
func TestChainGolden(t *testing.T) {
	l := tokens.NewLedger()
	if l.Head() != (tokens.Head{}) {
		t.Fatal("an empty ledger has a head")
	}
	err := l.Post([]tokens.Transfer{
		{ID: "grant/1", Asset: tokens.Token, From: tokens.Issuance, To: alice, Amount: 5_000_000, Code: tokens.CodeGrant, Ref: "welcome", AtMs: 1_700_000_000_000},
		{ID: "stake/1", Asset: tokens.Token, From: alice, To: tokens.Staked(1), Amount: 2_000_000, Code: tokens.CodeStake, Ref: "stake", AtMs: 1_700_000_000_001},
	})
	if err != nil {
		t.Fatal(err)
	}
	head := l.Head()
	if got := hex.EncodeToString(head[:]); got != goldenHead {
		t.Errorf("head %s, want %s", got, goldenHead)
	}
	if got := uint64(head.Tag()); fmt.Sprintf("%016x", got) != goldenHead[:16] {
		t.Errorf("tag %016x, want %s", got, goldenHead[:16])
	}
}

// accounts among which the property tests move money; two of them may go below zero.
var accounts = []tokens.Account{
	tokens.Issuance, tokens.External("faucet"), alice, bob, tokens.Staked(1), tokens.Treasury, tokens.Burned, tokens.Pot(3),
}

func drawTransfer(t *rapid.T) tokens.Transfer {
	return tokens.Transfer{
		ID:     fmt.Sprintf("t/%d", rapid.IntRange(0, 30).Draw(t, "id")),
		Asset:  rapid.SampledFrom([]tokens.Asset{tokens.Token, tokens.Quote, tokens.Byte}).Draw(t, "asset"),
		From:   rapid.SampledFrom(accounts).Draw(t, "from"),
		To:     rapid.SampledFrom(accounts).Draw(t, "to"),
		Amount: tokens.Amount(rapid.Int64Range(-1, 50).Draw(t, "amount")),
		Code:   tokens.CodeGrant,
		AtMs:   rapid.Int64Range(0, 9).Draw(t, "at"),
	}
}

// Whatever is posted: balances sum to zero and to the transfers, nobody is overdrawn, the chain
// is that of the transfers, a refused batch changes nothing, and posting all again changes nothing.
func TestLedgerInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := tokens.NewLedger()
		for range rapid.IntRange(1, 15).Draw(t, "batches") {
			before, length := l.Head(), len(l.Transfers())
			batch := rapid.SliceOfN(rapid.Custom(drawTransfer), 0, 4).Draw(t, "batch")
			if err := l.Post(batch); err != nil && (l.Head() != before || len(l.Transfers()) != length) {
				t.Fatalf("a refused batch changed the ledger: %v", err)
			}
			checkInvariants(t, l)
		}
		head, length := l.Head(), len(l.Transfers())
		if err := l.Post(l.Transfers()); err != nil || l.Head() != head || len(l.Transfers()) != length {
			t.Fatalf("posting everything again: %v, %d transfers instead of %d", err, len(l.Transfers()), length)
		}
	})
}

func checkInvariants(t *rapid.T, l *tokens.Ledger) {
	var head tokens.Head
	var buf []byte
	sums := map[tokens.Asset]map[tokens.Account]tokens.Amount{tokens.Token: {}, tokens.Quote: {}, tokens.Byte: {}}
	for _, x := range l.Transfers() {
		head, buf = head.Next(x, buf)
		sums[x.Asset][x.From] -= x.Amount
		sums[x.Asset][x.To] += x.Amount
	}
	if head != l.Head() {
		t.Fatal("the head is not that of the transfers")
	}
	for asset, balances := range sums {
		if l.Imbalance(asset) != 0 {
			t.Fatalf("%s: imbalance %d", asset, l.Imbalance(asset))
		}
		for _, account := range accounts {
			got := l.Balance(asset, account)
			if got != balances[account] || got < 0 && !account.MayOverdraw() {
				t.Fatalf("%s %s: balance %d, transfers sum to %d", asset, account, got, balances[account])
			}
		}
	}
	if want := -sums[tokens.Token][tokens.Issuance] - sums[tokens.Token][tokens.Burned]; l.Supply() != want {
		t.Fatalf("supply %d, want %d", l.Supply(), want)
	}
}

// Transfers that are all covered whatever the order lead to the same balances in any order, and
// to another head in another order.
func TestOrderMattersToTheChainOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 10).Draw(t, "n")
		batch := make([]tokens.Transfer, n)
		for i := range batch {
			batch[i] = grant(fmt.Sprint(i), rapid.SampledFrom(accounts[2:]).Draw(t, "to"), tokens.Amount(i+1))
		}
		shuffled := rapid.Permutation(batch).Draw(t, "order")
		a, b := tokens.NewLedger(), tokens.NewLedger()
		if a.Post(batch) != nil || b.Post(shuffled) != nil {
			t.Fatal("a grant was refused")
		}
		moved := false
		for i := range batch {
			moved = moved || batch[i] != shuffled[i]
		}
		for _, account := range accounts {
			if a.Balance(tokens.Token, account) != b.Balance(tokens.Token, account) {
				t.Fatalf("%s differs", account)
			}
		}
		if moved == (a.Head() == b.Head()) {
			t.Fatalf("reordered: %v, heads equal: %v", moved, a.Head() == b.Head())
		}
	})
}
