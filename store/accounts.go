package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

type accountKey struct {
	asset tokens.Asset
	name  tokens.Account
}

// account is one balance as the writer sees it: with what the running batch did to it.
type account struct {
	key     accountKey
	id      int64 // 0: nothing was ever transferred
	balance tokens.Amount
	dirty   bool        // differs from the database
	member  bt.MemberID // of whom OnFunds tells when it changes; 0: of nobody
}

// accounts are those the writer has seen. They outlive a batch: nobody else writes them. A batch
// that fails as a whole drops them all, a job that fails takes back what it did (batch.undo).
type accounts struct {
	named  map[accountKey]*account
	purses map[bt.MemberID]*purse
}

func newAccounts() accounts {
	return accounts{map[accountKey]*account{}, map[bt.MemberID]*purse{}}
}

// purse is the accounts of a member that OnFunds tells of, beside those of nodes.
type purse struct{ available, staked, allowance *account }

const maxAccounts = 1 << 17 // kept between batches; more are forgotten and read again

// account finds an account, or prepares a new one that the first transfer inserts.
func (t *tx) account(k accountKey) (*account, error) {
	if a := t.store.cache.named[k]; a != nil {
		return a, nil
	}
	a := &account{key: k}
	if m, ok := memberOf(k.name); ok && k.asset != tokens.Quote {
		a.member = m
	}
	err := t.row("SELECT id, balance FROM accounts WHERE asset = ? AND name = ?", k.asset, k.name).Scan(&a.id, &a.balance)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read account %s %s: %w", k.asset, k.name, err)
	}
	t.store.cache.named[k] = a
	return a, nil
}

// purse finds what OnFunds tells of a member.
func (t *tx) purse(m bt.MemberID) (*purse, error) {
	if p := t.store.cache.purses[m]; p != nil {
		return p, nil
	}
	p := &purse{}
	for _, a := range []struct {
		to   **account
		of   tokens.Asset
		name tokens.Account
	}{{&p.available, tokens.Token, tokens.Available(m)}, {&p.staked, tokens.Token, tokens.Staked(m)}, {&p.allowance, tokens.Byte, tokens.Allowance(m)}} {
		var err error
		if *a.to, err = t.account(accountKey{a.of, a.name}); err != nil {
			return nil, err
		}
	}
	t.store.cache.purses[m] = p
	return p, nil
}

func (t *tx) ensure(a *account) error {
	if a.id != 0 {
		return nil
	}
	if err := t.save(); err != nil {
		return err
	}
	id, err := t.insert("INSERT INTO accounts (asset, name) VALUES (?, ?)", a.key.asset, a.key.name)
	if err != nil {
		return fmt.Errorf("make account %s %s: %w", a.key.asset, a.key.name, err)
	}
	a.id = id
	t.batch.log = append(t.batch.log, func(*batch) { a.id = 0 })
	return nil
}

func (t *tx) balance(asset tokens.Asset, name tokens.Account) (tokens.Amount, error) {
	a, err := t.account(accountKey{asset, name})
	if err != nil {
		return 0, err
	}
	return a.balance, nil
}

// moved is what an account was before a transfer.
type moved struct {
	*account
	balance tokens.Amount
	dirty   bool
}

// undoMoves takes back all but the first n.
func (b *batch) undoMoves(n int) {
	for i := len(b.moved) - 1; i >= n; i-- {
		m := b.moved[i]
		if m.account.balance, m.account.dirty = m.balance, m.dirty; !m.dirty {
			b.dirty = b.dirty[:len(b.dirty)-1]
		}
	}
	b.moved = b.moved[:n]
}

func (b *batch) move(a *account, by tokens.Amount) {
	b.moved = append(b.moved, moved{a, a.balance, a.dirty})
	if a.balance += by; !a.dirty {
		a.dirty, b.dirty = true, append(b.dirty, a)
	}
	if a.member != 0 {
		b.touch(a.member, 0)
	}
}

// writeBalances writes each balance that changed once, in the order of the table.
func (b *batch) writeBalances(t *tx) error {
	slices.SortFunc(b.dirty, func(x, y *account) int { return cmp64(x.id, y.id) })
	args := make([]any, 0, 2*len(b.dirty))
	for _, a := range b.dirty {
		args = append(args, a.id, int64(a.balance))
	}
	err := t.insertRows("UPDATE accounts SET balance = v.column2 FROM (VALUES ", 2, ") AS v WHERE accounts.id = v.column1", args)
	if err != nil {
		return fmt.Errorf("write balances: %w", err)
	}
	return nil
}

// keepAccounts: what the batch wrote is what the database holds now.
func (b *batch) keepAccounts() {
	for _, a := range b.dirty {
		a.dirty = false
	}
	if len(b.store.cache.named) > maxAccounts {
		b.store.cache = newAccounts()
	}
}

// memberOf says whose account it is, if a member's.
func memberOf(a tokens.Account) (bt.MemberID, bool) {
	rest, ok := strings.CutPrefix(string(a), "member/")
	if !ok {
		return 0, false
	}
	num, _, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(num, 10, 32)
	return bt.MemberID(n), err == nil
}
