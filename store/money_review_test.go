package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// A correction must not put an account out of step with the table that itemises it: what pays out
// from there would fail at every try, for everybody.
func TestCorrectKeepsBookedAccounts(t *testing.T) {
	w := newBookWorld(t)
	for what, c := range map[string]Correction{
		"from unbonding":   {From: tokens.Unbonding(1), To: tokens.Treasury},
		"to unbonding":     {From: tokens.Treasury, To: tokens.Unbonding(1)},
		"from a lock":      {From: tokens.Locked(1), To: tokens.Treasury},
		"to a lock":        {From: tokens.Treasury, To: tokens.Locked(1)},
		"to an open pot":   {From: tokens.Treasury, To: tokens.Pot(1)},
		"from the lockers": {From: tokens.PoolLockers, To: tokens.Treasury},
	} {
		c.Asset, c.Amount, c.Reason = tokens.Token, 1, "test "+what
		if _, err := w.Correct(t.Context(), c); !errors.Is(err, ErrCorrection) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.now = w.now.Add(400 * 24 * time.Hour)
	if err := errors.Join(w.Mature(t.Context()), w.UnlockDue(t.Context())); err != nil {
		t.Error(err)
	}
}

type bookWorld struct {
	*Store
	now time.Time
}

func newBookWorld(t *testing.T) *bookWorld {
	w := &bookWorld{now: time.UnixMilli(1_900_000_000_000)}
	w.Store = open(t, t.TempDir(), Options{Now: func() time.Time { return w.now }})
	addMember(t, w.Store, 1, 1000*tokens.Unit, 0)
	if err := w.Post(t.Context(), grant("treasury", tokens.Treasury, 1000*tokens.Unit)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Stake(t.Context(), Once{Member: 1, Key: "s"}, 100*tokens.Unit); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Unstake(t.Context(), Once{Member: 1, Key: "u"}, 10*tokens.Unit); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Lock(t.Context(), Once{Member: 1, Key: "l"}, 10*tokens.Unit, 52); err != nil {
		t.Fatal(err)
	}
	return w
}

// What an operator takes back of an allowance must not stop everybody's grants at the month's end.
func TestExpiryAfterACorrectedAllowance(t *testing.T) {
	w := newBookWorld(t)
	if err := w.GrantAllowances(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := w.Balance(t.Context(), tokens.Byte, tokens.Allowance(1))
	if err != nil || b == 0 {
		t.Fatal(b, err)
	}
	if _, err := w.Correct(t.Context(), Correction{Asset: tokens.Byte, From: tokens.Allowance(1), To: tokens.Spent, Amount: b, Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(40 * 24 * time.Hour)
	if err := w.GrantAllowances(t.Context()); err != nil {
		t.Error(err)
	}
}

// reserve ≥ C always, corrections included.
func TestCorrectCannotUncoverTheReserve(t *testing.T) {
	w := newSaleWorld(t)
	w.buy(t, w.alice, 500*vidya)
	for i, to := range []tokens.Account{tokens.Revenue, tokens.Available(w.alice)} {
		_, err := w.s.Correct(w.ctx, Correction{Asset: tokens.Quote, From: tokens.Reserve, To: to, Amount: 200 * vidya, Reason: "mine " + string(rune('a'+i))})
		if !errors.Is(err, ErrUncovered) {
			t.Errorf("to %s: %v", to, err)
		}
	}
	if c := w.capacity(t); c.Reserve < c.Locked {
		t.Errorf("reserve %s, locked %s", c.Reserve, c.Locked)
	}
}

// Two rows of one name would show a member only a part of their balance.
func TestVerifyNamesAnAccountThatIsThereTwice(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for _, id := range []string{"g1", "g2"} {
		if err := s.Post(t.Context(), grant(id, tokens.Available(bt.MemberID(1)), 50)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	tamper(t, dir, `PRAGMA foreign_keys = 0;
		CREATE TABLE twin (id INTEGER PRIMARY KEY, asset TEXT NOT NULL, name TEXT NOT NULL, balance INTEGER NOT NULL DEFAULT 0) STRICT;
		INSERT INTO twin SELECT id, asset, name, balance FROM accounts;
		DROP TABLE accounts; ALTER TABLE twin RENAME TO accounts;
		INSERT INTO accounts (id, asset, name, balance) VALUES (99, 'token', 'member/1/available', 50);
		UPDATE accounts SET balance = 50 WHERE name = 'member/1/available';
		UPDATE transfers SET dest = 99 WHERE id = 'g2';`)
	v, err := Verify(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.OK() || !strings.Contains(strings.Join(v.Faults, "\n"), "member/1/available") {
		t.Errorf("unnoticed: %q", v.Faults)
	}
}

// Old answers are looked for every few seconds: not by reading all of them.
func TestSweepReadsNoWholeTable(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	var a, b, c int
	var plan string
	if err := s.w.QueryRow("EXPLAIN QUERY PLAN DELETE FROM idempotency WHERE created_ms <= 1").Scan(&a, &b, &c, &plan); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(plan, "SEARCH") {
		t.Error(plan)
	}
}

// A ledger that is out of balance is not worked with.
func TestOpenRefusesAnImbalance(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if err := s.Post(t.Context(), grant("g1", tokens.Treasury, 5)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	open(t, dir, Options{}).Close()
	tamper(t, dir, "UPDATE accounts SET balance = 6 WHERE name = 'treasury'")
	if s, err := Open(t.Context(), dir, Options{Economy: DefaultEconomy()}); err == nil || !strings.Contains(err.Error(), "ledger verify") {
		t.Errorf("opened: %v", err)
		s.Close()
	}
}
