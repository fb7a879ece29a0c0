package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
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

// account is one balance inside a batch; old values go to the batch's undo log.
type account struct {
	key     accountKey
	id      int64
	balance tokens.Amount
	dirty   bool
}

type chainState struct {
	head tokens.Head
	seq  int64
}

// batch is the ledger's state inside one group commit: balances are read once, changed in memory
// and written once at the end, sorted by account.
type batch struct {
	store    *Store
	chain    chainState
	accounts map[accountKey]*account
	log      []undo
	members  map[bt.MemberID]int64 // touched, with the charges taken over
	flush    int64                 // the last flush whose charges are among them
	buf      []byte
}

// undo restores one thing a failed job changed.
type undo func(*batch)

func newBatch(s *Store) *batch {
	b := &batch{store: s, chain: s.chain, accounts: map[accountKey]*account{}, members: map[bt.MemberID]int64{}}
	for m := range s.untold {
		b.members[m] = 0
	}
	return b
}

type mark struct {
	undo  int
	chain chainState
}

func (b *batch) mark() mark { return mark{len(b.log), b.chain} }

func (b *batch) undo(m mark) {
	for i := len(b.log) - 1; i >= m.undo; i-- {
		b.log[i](b)
	}
	b.log, b.chain = b.log[:m.undo], m.chain
}

func (b *batch) mergedIDs() map[accountKey]int64 {
	for k, a := range b.accounts {
		if a.id != 0 {
			b.store.ids[k] = a.id
		}
	}
	return b.store.ids
}

// touch notes that OnFunds must report the member.
func (b *batch) touch(m bt.MemberID, charged int64) {
	old, had := b.members[m]
	b.log = append(b.log, func(b *batch) {
		if had {
			b.members[m] = old
		} else {
			delete(b.members, m)
		}
	})
	b.members[m] = old + charged
}

// flushed notes that OnFunds will be told the charges of a flush.
func (b *batch) flushed(number int64) {
	old := b.flush
	b.log = append(b.log, func(b *batch) { b.flush = old })
	b.flush = number
}

// account finds an account, or prepares a new one that the first transfer inserts.
func (t *tx) account(k accountKey) (*account, error) {
	if a := t.batch.accounts[k]; a != nil {
		return a, nil
	}
	a := &account{key: k}
	var err error
	if id, ok := t.store.ids[k]; ok {
		a.id = id
		err = t.row("SELECT balance FROM accounts WHERE id = ?", id).Scan(&a.balance)
	} else {
		err = t.row("SELECT id, balance FROM accounts WHERE asset = ? AND name = ?", k.asset, k.name).Scan(&a.id, &a.balance)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read account %s %s: %w", k.asset, k.name, err)
	}
	t.batch.accounts[k] = a
	return a, nil
}

func (t *tx) ensure(a *account) error {
	if a.id != 0 {
		return nil
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

// post appends one transfer. The same id with the same contents is a no-op; with other contents it
// is tokens.ErrConflict; more than the source holds is tokens.ErrFunds.
func (t *tx) post(tr tokens.Transfer) error {
	tr.AtMs = t.nowMs()
	if err := tr.Check(); err != nil {
		return err
	}
	known, err := t.known(tr)
	if known || err != nil {
		return err
	}
	from, err := t.account(accountKey{tr.Asset, tr.From})
	if err != nil {
		return err
	}
	to, err := t.account(accountKey{tr.Asset, tr.To})
	if err != nil {
		return err
	}
	if from.balance < tr.Amount && !tr.From.MayOverdraw() {
		return fmt.Errorf("%s holds %s %s, %s needed: %w", tr.From, from.balance, tr.Asset, tr.Amount, tokens.ErrFunds)
	}
	// -MaxInt64, not MinInt64: a balance can always be negated, as the supply is.
	if from.balance < -math.MaxInt64+tr.Amount || to.balance > math.MaxInt64-tr.Amount {
		return fmt.Errorf("%w: %s overflows", tokens.ErrInvalid, tr.ID)
	}
	if err := errors.Join(t.ensure(from), t.ensure(to)); err != nil {
		return err
	}
	return t.append(tr, from, to)
}

// known reports whether the transfer is in the ledger already.
func (t *tx) known(tr tokens.Transfer) (bool, error) {
	have, err := readTransfer(t.row(selectTransfer+" WHERE t.id = ?", tr.ID))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look up transfer %s: %w", tr.ID, err)
	case !have.Same(tr):
		return false, fmt.Errorf("%s: %w", tr.ID, tokens.ErrConflict)
	}
	return true, nil
}

func (t *tx) append(tr tokens.Transfer, from, to *account) error {
	b := t.batch
	var head tokens.Head
	head, b.buf = b.chain.head.Next(tr, b.buf)
	seq := b.chain.seq + 1
	err := t.exec(`INSERT INTO transfers (seq, id, source, dest, amount, code, ref, at_ms, tag)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		seq, tr.ID, from.id, to.id, tr.Amount, tr.Code, tr.Ref, tr.AtMs, head.Tag())
	if err != nil {
		return fmt.Errorf("append transfer %s: %w", tr.ID, err)
	}
	b.chain = chainState{head, seq}
	b.move(from, -tr.Amount)
	b.move(to, tr.Amount)
	return nil
}

func (b *batch) move(a *account, by tokens.Amount) {
	old, dirty := a.balance, a.dirty
	b.log = append(b.log, func(*batch) { a.balance, a.dirty = old, dirty })
	a.balance, a.dirty = a.balance+by, true
	if m, ok := memberOf(a.key.name); ok && a.key.asset == tokens.Token {
		b.touch(m, 0)
	}
}

// finish writes balances and the head, asserts conservation, and reports the members touched.
func (b *batch) finish(t *tx) ([]Funds, error) {
	dirty := make([]*account, 0, len(b.accounts))
	for _, a := range b.accounts {
		if a.dirty {
			dirty = append(dirty, a)
		}
	}
	slices.SortFunc(dirty, func(x, y *account) int { return int(x.id - y.id) })
	for _, a := range dirty {
		if err := t.exec("UPDATE accounts SET balance = ? WHERE id = ?", a.balance, a.id); err != nil {
			return nil, fmt.Errorf("write balance of %s: %w", a.key.name, err)
		}
	}
	if b.chain.seq > b.store.chain.seq {
		err := t.exec("INSERT INTO heads (last_seq, head, at_ms) VALUES (?, ?, ?)", b.chain.seq, b.chain.head[:], t.nowMs())
		if err != nil {
			return nil, fmt.Errorf("write chain head: %w", err)
		}
	}
	return b.funds(t)
}

func (b *batch) funds(t *tx) ([]Funds, error) {
	members := make([]bt.MemberID, 0, len(b.members))
	for m := range b.members {
		members = append(members, m)
	}
	slices.Sort(members)
	out := make([]Funds, 0, len(members))
	for _, m := range members {
		f, err := t.funds(m, b.members[m])
		if errors.Is(err, ErrNotFound) {
			continue // money of a member number that has no member: nothing to tell the tracker
		}
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// loadChain reads where the chain stands and checks that the last head belongs to the last row.
func (s *Store) loadChain(ctx context.Context) error {
	c := chainState{}
	var head []byte
	var tag int64
	err := s.w.QueryRowContext(ctx, `SELECT h.last_seq, h.head, coalesce(t.tag, 0) FROM heads h
		LEFT JOIN transfers t ON t.seq = h.last_seq ORDER BY h.last_seq DESC LIMIT 1`).Scan(&c.seq, &head, &tag)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read the chain's head: %w", err)
	}
	copy(c.head[:], head)
	var last int64
	if err := s.w.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM transfers").Scan(&last); err != nil {
		return fmt.Errorf("read the last transfer: %w", err)
	}
	if last != c.seq || c.seq > 0 && c.head.Tag() != tag {
		return fmt.Errorf("the ledger's last transfer (row %d) does not fit its chain head (row %d): run 'swarmstake ledger verify'", last, c.seq)
	}
	s.chain = c
	return nil
}

const selectTransfer = `SELECT t.id, a.asset, a.name, b.name, t.amount, t.code, t.ref, t.at_ms
	FROM transfers t JOIN accounts a ON a.id = t.source JOIN accounts b ON b.id = t.dest`

type scanner interface{ Scan(...any) error }

func readTransfer(r scanner) (t tokens.Transfer, err error) {
	err = r.Scan(&t.ID, &t.Asset, &t.From, &t.To, &t.Amount, &t.Code, &t.Ref, &t.AtMs)
	return t, err
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

// Post appends transfers, all or none, in one transaction.
func (s *Store) Post(ctx context.Context, transfers ...tokens.Transfer) error {
	return s.write(ctx, func(t *tx) error {
		for _, tr := range transfers {
			if err := t.post(tr); err != nil {
				return err
			}
		}
		return nil
	})
}

// Balance returns what an account holds; an account that was never used holds 0.
func (s *Store) Balance(ctx context.Context, asset tokens.Asset, name tokens.Account) (tokens.Amount, error) {
	var a tokens.Amount
	err := s.r.QueryRowContext(ctx, "SELECT balance FROM accounts WHERE asset = ? AND name = ?", asset, name).Scan(&a)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return a, err
}
