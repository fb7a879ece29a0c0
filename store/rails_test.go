package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// subject is a rail that the contract is held against, and what is outside of it.
type subject struct {
	name   string
	rail   rail.Rail                                              // nil: every store has it
	pay    func(*railWorld, tokens.Amount) (rail.Evidence, error) // makes something that a member can show
	sent   func(*railWorld, int64) (int, error)                   // how often a withdrawal went out
	arrive func(*railWorld, Withdrawn) error                      // has the outside take it
	codes  bool                                                   // the outside needs what the member was shown
}

var subjects = map[string]func() subject{
	"vouchers": func() subject {
		return subject{name: RailVoucher, codes: true,
			pay: func(w *railWorld, a tokens.Amount) (rail.Evidence, error) {
				_, codes, err := w.s.AddVouchers(w.ctx, 0, NewVouchers{Label: "test", Amount: a, Count: 1})
				return rail.Evidence{Code: string(codes[0])}, err
			},
			sent: func(w *railWorld, id int64) (n int, err error) {
				return n, w.s.r.QueryRow("SELECT count(*) FROM vouchers WHERE withdrawal = ?", id).Scan(&n)
			},
			arrive: func(w *railWorld, out Withdrawn) error {
				_, err := w.s.Deposit(w.ctx, w.once(w.bob, "use"), RailVoucher, rail.Evidence{Code: out.Code})
				return err
			}}
	},
	"faucet": func() subject {
		return subject{name: RailFaucet,
			pay:    func(_ *railWorld, a tokens.Amount) (rail.Evidence, error) { return rail.Evidence{Amount: a}, nil },
			sent:   func(*railWorld, int64) (int, error) { return 1, nil },
			arrive: func(*railWorld, Withdrawn) error { return nil }}
	},
	"an outside rail": func() subject { return newChain().subject() },
	"an outside rail that loses answers": func() subject {
		c := newChain()
		c.loses = 2
		return c.subject()
	},
}

// chain is a rail to something outside: payments have numbers, withdrawals confirm in their time.
type chain struct {
	mu       sync.Mutex
	payments map[string]tokens.Amount
	sent     map[int64]int
	arrived  map[int64]rail.State
	calls    int  // of Send
	loses    int  // so many answers to Send
	forgets  bool // what was sent: a defect
	refuses  bool
	changes  bool // what a payment is worth: a defect
	renames  bool // a payment each time it is seen: a defect
}

func newChain() *chain {
	return &chain{payments: map[string]tokens.Amount{}, sent: map[int64]int{}, arrived: map[int64]rail.State{}}
}

func (c *chain) subject() subject {
	return subject{name: "chain", rail: c,
		pay: func(_ *railWorld, a tokens.Amount) (rail.Evidence, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			number := strconv.Itoa(len(c.payments) + 1)
			c.payments[number] = a
			return rail.Evidence{Code: number}, nil
		},
		sent: func(_ *railWorld, id int64) (int, error) { c.mu.Lock(); defer c.mu.Unlock(); return c.sent[id], nil },
		arrive: func(w *railWorld, out Withdrawn) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.arrived[out.Withdrawal.ID] = rail.Confirmed
			return nil
		}}
}

var errNoPayment = errors.New("no such payment")

func (c *chain) See(_ context.Context, e rail.Evidence) (rail.Deposit, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.payments[e.Code]
	if !ok {
		return rail.Deposit{}, errNoPayment
	}
	if c.changes {
		c.payments[e.Code]++
	}
	if c.renames {
		return rail.Deposit{Reference: e.Code + "/" + e.Key, Amount: a}, nil
	}
	return rail.Deposit{Reference: e.Code, Amount: a}, nil
}

func (c *chain) Send(_ context.Context, w rail.Withdrawal) (rail.Shipment, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.refuses {
		return rail.Shipment{}, fmt.Errorf("no such address: %w", rail.ErrRefused)
	}
	if c.sent[w.ID] == 0 || c.forgets {
		c.sent[w.ID]++
	}
	if c.loses > 0 {
		c.loses--
		return rail.Shipment{}, errors.New("connection reset")
	}
	return rail.Shipment{Reference: fmt.Sprintf("out-%d", w.ID)}, nil
}

func (c *chain) Outcome(_ context.Context, w rail.Withdrawal) (rail.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.arrived[w.ID]; s != "" {
		return s, nil
	}
	return rail.Sent, nil
}

// railWorld is a store with a rail, two members and a clock; it can be killed.
type railWorld struct {
	subject
	ctx        context.Context
	dir        string
	now        time.Time
	s          *Store
	alice, bob bt.MemberID
}

func newRailWorld(t *testing.T, sub subject) *railWorld {
	t.Helper()
	w := &railWorld{subject: sub, ctx: t.Context(), dir: t.TempDir(), now: time.UnixMilli(1.7e12)}
	w.open(t)
	for _, p := range []struct {
		name string
		id   *bt.MemberID
	}{{"alice", &w.alice}, {"bob", &w.bob}} {
		m, err := w.s.RegisterMember(w.ctx, NewMember{Name: p.name})
		if err != nil {
			t.Fatal(err)
		}
		*p.id = m.ID
	}
	return w
}

func (w *railWorld) open(t *testing.T) {
	t.Helper()
	opt := Options{Now: func() time.Time { return w.now }, Faucet: FaucetPerDay}
	if w.rail != nil {
		opt.Rails = map[string]rail.Rail{w.name: w.rail}
	}
	w.s = open(t, w.dir, opt)
}

// killed ends the store between two transactions and begins it anew, after a while.
func (w *railWorld) killed(t *testing.T) {
	t.Helper()
	w.s.Close()
	w.now = w.now.Add(25 * time.Hour)
	w.open(t)
}

func (w *railWorld) once(m bt.MemberID, key string) Once {
	return Once{Member: m, Key: key, Request: []byte(key)}
}

func (w *railWorld) has(m bt.MemberID, want tokens.Amount) error {
	got, err := w.s.Balance(w.ctx, tokens.Quote, tokens.Available(m))
	if err == nil && got != want {
		err = fmt.Errorf("member %d has %s, want %s", m, got, want)
	}
	return err
}

// fund gives alice 100 to withdraw.
func (w *railWorld) fund() error {
	e, err := w.pay(w, 100)
	if err != nil {
		return err
	}
	_, err = w.s.Deposit(w.ctx, w.once(w.alice, "fund"), w.name, e)
	return err
}

// seen shows evidence in many ways at once and afterwards, and returns what was credited by the
// references that the answers name.
func (w *railWorld) seen(e rail.Evidence) (total tokens.Amount, credited int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	references := map[string]tokens.Amount{}
	show := func(m bt.MemberID, key string) {
		if d, err := w.s.Deposit(w.ctx, w.once(m, key), w.name, e); err == nil {
			mu.Lock()
			defer mu.Unlock()
			references[d.Reference] = d.Amount
		}
	}
	for i := range 64 {
		wg.Go(func() { show([]bt.MemberID{w.alice, w.bob}[i%2], fmt.Sprint("k", i/4)) })
	}
	wg.Wait()
	show(w.alice, "k0")
	show(w.bob, "later")
	for _, a := range references {
		total += a
	}
	return total, len(references)
}

// contract is what every rail keeps. Each part begins with a world of its own and says what is broken.
var contract = map[string]func(*testing.T, *railWorld) error{
	"a deposit is credited once": func(t *testing.T, w *railWorld) error {
		e, err := w.pay(w, 7)
		if err != nil {
			return err
		}
		want, n := w.seen(e)
		if n == 0 || n > 1 && w.name != RailFaucet { // each of the faucet's requests is a deposit of its own
			return fmt.Errorf("%d references for one payment", n)
		}
		outside, err := w.s.Balance(w.ctx, tokens.Quote, tokens.External(w.name))
		if err != nil || outside != -want || want != 7*tokens.Amount(n) {
			return fmt.Errorf("%s came in for references worth %s, %v", -outside, want, err)
		}
		return nil
	},
	"a deposit is remembered by a killed program": func(t *testing.T, w *railWorld) error {
		e, err := w.pay(w, 7)
		if err != nil {
			return err
		}
		for range 2 {
			if _, err := w.s.Deposit(w.ctx, w.once(w.alice, "k"), w.name, e); err != nil {
				return err
			}
			w.killed(t)
		}
		return w.has(w.alice, 7)
	},
	"a withdrawal is debited, sent and confirmed once": func(t *testing.T, w *railWorld) error {
		if err := w.fund(); err != nil {
			return err
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		var out Withdrawn
		for range 64 {
			wg.Go(func() {
				got, err := w.s.Withdraw(w.ctx, w.once(w.alice, "out"), WithdrawOrder{Rail: w.name, Amount: 60, To: "there"})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if out.Code == "" { // it is shown to one of them
					out = got
				}
			})
		}
		wg.Wait()
		if err := w.has(w.alice, 40); err != nil {
			return err
		}
		if w.codes && out.Code == "" {
			return errors.New("nobody was shown the code")
		}
		return w.confirmed(t, out)
	},
	"a kill after the debit": func(t *testing.T, w *railWorld) error {
		out, err := w.debited(t)
		if err != nil {
			return err
		}
		return w.continued(t, out)
	},
	"a kill after the sending": func(t *testing.T, w *railWorld) error {
		out, err := w.debited(t)
		if err != nil {
			return err
		}
		sent, _ := w.s.rails[w.name].Send(w.ctx, out.Withdrawal) // nobody noted it
		out.Code = sent.Code
		return w.continued(t, out)
	},
}

// debited is a withdrawal of 60 out of 100, and nothing more.
func (w *railWorld) debited(t *testing.T) (out Withdrawn, err error) {
	if err := w.fund(); err != nil {
		return out, err
	}
	return out, w.s.write(w.ctx, func(t *tx) error {
		return once(t, w.once(w.alice, "out"), &out, func() (err error) {
			out, err = t.debit(w.alice, WithdrawOrder{Rail: w.name, Amount: 60})
			return err
		})
	})
}

// continued kills the program and has it go on, with the member's repeated request.
func (w *railWorld) continued(t *testing.T, out Withdrawn) error {
	w.killed(t)
	w.s.PushWithdrawals(w.ctx) // may fail, and is repeated
	again, err := w.s.Withdraw(w.ctx, w.once(w.alice, "out"), WithdrawOrder{Rail: w.name, Amount: 60})
	if err != nil || again.Withdrawal.ID != out.Withdrawal.ID {
		return fmt.Errorf("withdrawal %d was repeated as %d, %v", out.Withdrawal.ID, again.Withdrawal.ID, err)
	}
	return w.confirmed(t, out)
}

// confirmed has the outside take a withdrawal of 60 and looks whether it went out once.
func (w *railWorld) confirmed(t *testing.T, out Withdrawn) error {
	for range 3 { // what fails is tried again
		w.killed(t)
		w.s.PushWithdrawals(w.ctx)
	}
	if n, err := w.sent(w, out.Withdrawal.ID); n != 1 || err != nil {
		return fmt.Errorf("it was sent %d times, %v", n, err)
	}
	if w.codes && out.Code == "" { // the killed program had nobody to show it to
		if _, err := w.s.TakeBack(w.ctx, w.once(w.alice, "back"), out.Withdrawal.ID); err != nil {
			return err
		}
		return w.has(w.alice, 100)
	}
	if err := w.arrive(w, out); err != nil {
		return err
	}
	w.killed(t)
	if err := w.s.PushWithdrawals(w.ctx); err != nil {
		return err
	}
	list, err := w.s.Withdrawals(w.ctx, w.alice, 10)
	if err != nil || len(list) != 1 || list[0].State != rail.Confirmed || list[0].Reference == "" {
		return fmt.Errorf("withdrawals %+v, %v", list, err)
	}
	if n, err := w.sent(w, out.Withdrawal.ID); n != 1 || err != nil {
		return fmt.Errorf("it was sent %d times, %v", n, err)
	}
	return w.has(w.alice, 40)
}

func TestRailContract(t *testing.T) {
	for name, sub := range subjects {
		for part, hold := range contract {
			t.Run(name+"/"+part, func(t *testing.T) {
				w := newRailWorld(t, sub())
				if err := hold(t, w); err != nil {
					t.Error(err)
				}
				verified(t, w.s, w.dir)
			})
		}
	}
}

// The contract is worth something only if it notices a rail that breaks it.
func TestRailContractCatchesDefects(t *testing.T) {
	for name, c := range map[string]struct {
		part   string
		defect func(*chain)
	}{
		"sends again what it sent": {"a kill after the sending", func(c *chain) { c.forgets = true }},
		"names a payment anew":     {"a deposit is credited once", func(c *chain) { c.renames = true }},
		"refuses everything":       {"a withdrawal is debited, sent and confirmed once", func(c *chain) { c.refuses = true }},
	} {
		sub := newChain()
		c.defect(sub)
		if err := contract[c.part](t, newRailWorld(t, sub.subject())); err == nil {
			t.Errorf("a rail that %s passes the contract", name)
		}
	}
}

func TestDepositWithOtherContentsIsRefused(t *testing.T) {
	c := newChain()
	w := newRailWorld(t, c.subject())
	e, _ := w.pay(w, 7)
	c.changes = true
	if _, err := w.s.Deposit(w.ctx, w.once(w.alice, "a"), "chain", e); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Deposit(w.ctx, w.once(w.alice, "b"), "chain", e); !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("the same payment with another amount: %v", err)
	}
	c.changes = false
	c.payments[e.Code] = 7
	if _, err := w.s.Deposit(w.ctx, w.once(w.bob, "b"), "chain", e); !errors.Is(err, tokens.ErrConflict) {
		t.Errorf("the same payment by another member: %v", err)
	}
	if again, err := w.s.Deposit(w.ctx, w.once(w.alice, "c"), "chain", e); err != nil || again.Quote != 7 {
		t.Errorf("the same payment once more: %+v, %v", again, err)
	}
	for name, bad := range map[string]struct {
		rail string
		e    rail.Evidence
		want error
	}{
		"no such rail":    {"gold", e, rail.ErrUnknown},
		"no such payment": {"chain", rail.Evidence{Code: "99"}, errNoPayment},
	} {
		if _, err := w.s.Deposit(w.ctx, w.once(w.alice, "d"), bad.rail, bad.e); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.payments["0"] = 0
	if _, err := w.s.Deposit(w.ctx, w.once(w.alice, "d"), "chain", rail.Evidence{Code: "0"}); !errors.Is(err, ErrRange) {
		t.Errorf("a payment of nothing: %v", err)
	}
}

func TestReturnedWithdrawals(t *testing.T) {
	c := newChain()
	w := newRailWorld(t, c.subject())
	if err := w.fund(); err != nil {
		t.Fatal(err)
	}
	order := WithdrawOrder{Rail: "chain", Amount: 60, To: "nowhere"}
	c.refuses = true
	out, err := w.s.Withdraw(w.ctx, w.once(w.alice, "1"), order)
	if err != nil || out.Withdrawal.State != rail.Returned || out.Withdrawal.Why != "no such address: the withdrawal is refused" {
		t.Errorf("refused: %+v, %v", out.Withdrawal, err)
	}
	c.refuses = false
	if out, err = w.s.Withdraw(w.ctx, w.once(w.alice, "2"), order); err != nil || out.Withdrawal.State != rail.Sent || out.Withdrawal.Reference != "out-2" {
		t.Errorf("sent: %+v, %v", out.Withdrawal, err)
	}
	if err := w.has(w.alice, 40); err != nil {
		t.Error(err)
	}
	if _, err := w.s.TakeBack(w.ctx, w.once(w.alice, "3"), 2); !errors.Is(err, ErrGone) {
		t.Errorf("to take back what nobody can call back: %v", err)
	}
	c.arrived[2] = rail.Returned
	for range 2 {
		w.killed(t)
		if err := w.s.PushWithdrawals(w.ctx); err != nil {
			t.Fatal(err)
		}
	}
	list, err := w.s.Withdrawals(w.ctx, w.alice, 10)
	if err != nil || len(list) != 2 || list[0].ID != 2 || list[0].State != rail.Returned || list[0].Why == "" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := w.has(w.alice, 100); err != nil {
		t.Error(err)
	}
}

// A withdrawal that somebody is busy with is left alone for a while, and then tried again.
func TestWithdrawalsAreTriedAgainInTime(t *testing.T) {
	c := newChain()
	c.loses = 3
	w := newRailWorld(t, c.subject())
	if err := w.fund(); err != nil {
		t.Fatal(err)
	}
	step := func(calls int, want rail.State) {
		t.Helper()
		for range 3 {
			w.s.PushWithdrawals(w.ctx)
			out, err := w.s.Withdraw(w.ctx, w.once(w.alice, "out"), WithdrawOrder{Rail: "chain", Amount: 60})
			if err != nil || out.Withdrawal.State != want || c.calls != calls {
				t.Errorf("%s after %d calls, want %s after %d: %v", out.Withdrawal.State, c.calls, want, calls, err)
			}
		}
	}
	step(1, rail.Debited)
	w.now = w.now.Add(minLook)
	step(2, rail.Debited)
	w.now = w.now.Add(minLook)
	step(3, rail.Debited)
	w.now = w.now.Add(minLook)
	step(3, rail.Debited) // it is two minutes old: they are rarer now
	w.now = w.now.Add(minLook)
	step(4, rail.Sent)
}

func TestWithdrawalsThatCannotBe(t *testing.T) {
	w := newRailWorld(t, newChain().subject())
	if err := w.fund(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		order WithdrawOrder
		want  error
	}{
		"nothing":        {WithdrawOrder{Rail: "chain"}, ErrRange},
		"less":           {WithdrawOrder{Rail: "chain", Amount: -1}, ErrRange},
		"more than have": {WithdrawOrder{Rail: "chain", Amount: 101}, tokens.ErrFunds},
		"no such rail":   {WithdrawOrder{Rail: "gold", Amount: 1}, rail.ErrUnknown},
		"a long address": {WithdrawOrder{Rail: "chain", Amount: 1, To: string(make([]byte, MaxDestination+1))}, ErrRange},
	} {
		if _, err := w.s.Withdraw(w.ctx, w.once(w.alice, name), c.order); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e, _ := w.pay(w, 5)
	if _, err := w.s.Deposit(w.ctx, w.once(w.alice, "fund more"), "chain", e); err != nil {
		t.Fatal(err)
	}
	for i := range MaxOpenWithdrawals {
		if _, err := w.s.Withdraw(w.ctx, w.once(w.alice, fmt.Sprint(i)), WithdrawOrder{Rail: "chain", Amount: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.s.Withdraw(w.ctx, w.once(w.alice, "more"), WithdrawOrder{Rail: "chain", Amount: 1}); !errors.Is(err, ErrManyOpen) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := w.s.TakeBack(w.ctx, w.once(w.bob, "back"), 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("to take back what is another's: %v", err)
	}
}

func TestFaucetPerDay(t *testing.T) {
	w := newRailWorld(t, subjects["faucet"]())
	ask := func(key string, a tokens.Amount) error {
		_, err := w.s.Deposit(w.ctx, w.once(w.alice, key), RailFaucet, rail.Evidence{Amount: a})
		return err
	}
	if err := ask("a", FaucetPerDay-1); err != nil {
		t.Fatal(err)
	}
	var f *FaucetError
	if err := ask("b", 2); !errors.As(err, &f) || f.Left != 1 || f.PerDay != FaucetPerDay {
		t.Errorf("more than a day's: %v", err)
	}
	if err := errors.Join(ask("a", FaucetPerDay-1), ask("c", 1)); err != nil {
		t.Errorf("the rest, and a repeated request: %v", err)
	}
	for _, bad := range []tokens.Amount{0, -1, tokens.MaxAmount + 1} {
		if err := ask("bad", bad); !errors.Is(err, ErrRange) {
			t.Errorf("%d: %v", bad, err)
		}
	}
	w.now = w.now.Truncate(24 * time.Hour).Add(24*time.Hour - time.Millisecond)
	if err := ask("d", 1); !errors.Is(err, ErrFaucet) {
		t.Errorf("a millisecond before midnight: %v", err)
	}
	w.now = w.now.Add(time.Millisecond)
	if err := ask("e", FaucetPerDay); err != nil {
		t.Errorf("the next day: %v", err)
	}
	plain := open(t, t.TempDir(), Options{})
	if _, err := plain.Deposit(t.Context(), w.once(1, "k"), RailFaucet, rail.Evidence{Amount: 1}); !errors.Is(err, rail.ErrUnknown) {
		t.Errorf("a faucet where none was asked for: %v", err)
	}
}
