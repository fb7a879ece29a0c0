package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

const crowd = 64 // requests at once

// atOnce makes so many requests at the same time and returns what they came to.
func atOnce(n int, do func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			errs[i] = do(i)
		})
	}
	close(begin)
	wg.Wait()
	return errs
}

// TestSameRequestAtOnce: 64 times the same request, with the same key where it has one, at once come to
// what one of them does, for everything that moves money. What settlements and vouchers come to has
// tests of its own.
func TestSameRequestAtOnce(t *testing.T) {
	l := newTill(t)
	for _, op := range l.operations() {
		if op.unlike || op.parts {
			continue
		}
		want := l.outcome(t, op)
		x := l.trial(t)
		for i, err := range atOnce(crowd, func(int) error { return op.do(x.Store) }) {
			if err != nil {
				t.Errorf("%s: request %d: %v", op.name, i, err)
			}
		}
		differ(t, op.name, x.content(t), want.after)
		if !maps.Equal(x.told, want.told) {
			t.Errorf("%s: the tracker was told\n%v, of one request\n%v", op.name, x.told, want.told)
		}
		verified(t, x.Store, x.dir)
	}
}

// TestOneKeyForManyRequests: a key stands for the first request that came with it.
func TestOneKeyForManyRequests(t *testing.T) {
	l := newTill(t)
	x := l.trial(t)
	before := x.balance(t, tokens.Token, tokens.Staked(1))
	won := x.winners(t, ErrIdemReuse, func(c context.Context, i int) error {
		_, err := x.Stake(c, Once{Member: 1, Key: "k", Request: []byte(fmt.Sprint(i))}, tokens.Amount(i+1))
		return err
	})
	if got := x.balance(t, tokens.Token, tokens.Staked(1)) - before; len(won) != 1 || got != tokens.Amount(won[0]+1) {
		t.Errorf("requests %v were accepted, %s staked", won, got)
	}
	verified(t, x.Store, x.dir)
}

// TestLastTokenAtOnce: of 64 requests of different kinds for the last token one gets it.
func TestLastTokenAtOnce(t *testing.T) {
	l := newTill(t)
	x := l.trial(t)
	rest := x.balance(t, tokens.Token, tokens.Available(1)) - tokens.Unit
	if err := x.Post(t.Context(), tokens.Transfer{ID: "rest", Asset: tokens.Token, From: tokens.Available(1), To: tokens.Burned, Amount: rest, Code: tokens.CodeSlashBurn}); err != nil {
		t.Fatal(err)
	}
	won := x.winners(t, tokens.ErrFunds, func(c context.Context, i int) (err error) {
		o := Once{Member: 1, Key: fmt.Sprint("last ", i)}
		switch i % 5 {
		case 4:
			_, err = x.AddRequest(c, o, NewRequest{Title: "t", Category: "other", Bounty: tokens.Unit})
		case 0:
			_, err = x.Stake(c, o, tokens.Unit)
		case 1:
			_, err = x.Sell(c, o, SellOrder{tokens.Unit, 1})
		case 2:
			_, err = x.Lock(c, o, tokens.Unit, 50)
		case 3:
			_, err = x.Sponsor(c, o, 1, tokens.Unit, MinSponsor)
		}
		return err
	})
	if left := x.balance(t, tokens.Token, tokens.Available(1)); len(won) != 1 || left != 0 {
		t.Errorf("requests %v got the last token, %s are left", won, left)
	}
	verified(t, x.Store, x.dir)
}

// TestLastCreditAtOnce is TestLastTokenAtOnce for what tokens are bought with.
func TestLastCreditAtOnce(t *testing.T) {
	l := newTill(t)
	x := l.trial(t)
	all := x.balance(t, tokens.Quote, tokens.Available(1))
	won := x.winners(t, tokens.ErrFunds, func(c context.Context, i int) (err error) {
		o := Once{Member: 1, Key: fmt.Sprint("last ", i)}
		switch i % 3 {
		case 0:
			_, err = x.Withdraw(c, o, WithdrawOrder{Rail: RailVoucher, Amount: all})
		case 1:
			_, err = x.Withdraw(c, o, WithdrawOrder{Rail: RailFaucet, Amount: all})
		case 2: // a few tokens cost more than half of it
			_, err = x.Buy(c, o, Order{Tokens: 700 * tokens.Unit, MaxCost: tokens.MaxAmount})
		}
		return err
	})
	if left := x.balance(t, tokens.Quote, tokens.Available(1)); len(won) != 1 || left < 0 || left > all/2 {
		t.Errorf("requests %v got %s, %s are left", won, all, left)
	}
	verified(t, x.Store, x.dir)
}

// winners makes a crowd of requests at once and returns which were accepted; the others must hear why
// not.
func (x *trial) winners(t *testing.T, otherwise error, do func(c context.Context, i int) error) (won []int) {
	t.Helper()
	for i, err := range atOnce(crowd, func(i int) error { return do(context.Background(), i) }) {
		if err == nil {
			won = append(won, i)
		} else if !errors.Is(err, otherwise) {
			t.Errorf("request %d: %v", i, err)
		}
	}
	return won
}

func (x *trial) balance(t *testing.T, asset tokens.Asset, a tokens.Account) tokens.Amount {
	t.Helper()
	b, err := x.Balance(t.Context(), asset, a)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
