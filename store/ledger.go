package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

type chainState struct {
	head tokens.Head
	seq  int64
}

// batch is the ledger's state inside one group commit: balances are read once, changed in memory
// and written once at the end, sorted by account.
type batch struct {
	store   *Store
	chain   chainState
	dirty   []*account            // whose balance differs from the database
	moved   []moved               // by the transfers so far
	log     []undo                // of everything else
	members map[bt.MemberID]int64 // touched, with the charges taken over
	used    map[bt.MemberID]int64 // bytes of the free allowance taken over
	flush   int64                 // the last flush whose charges are among them
	buf     []byte
}

// undo restores one thing a failed job changed.
type undo func(*batch)

func newBatch(s *Store) *batch {
	b := &batch{store: s, chain: s.chain, members: map[bt.MemberID]int64{}, used: map[bt.MemberID]int64{}}
	for m := range s.untold {
		b.members[m] = 0
	}
	return b
}

type mark struct {
	undo  int
	moved int
	chain chainState
}

func (b *batch) mark() mark { return mark{len(b.log), len(b.moved), b.chain} }

func (b *batch) undo(m mark) {
	for i := len(b.log) - 1; i >= m.undo; i-- {
		b.log[i](b)
	}
	b.undoMoves(m.moved)
	b.log, b.chain = b.log[:m.undo], m.chain
}

// touch notes that OnFunds must report the member.
func (b *batch) touch(m bt.MemberID, charged int64) {
	old, had := b.members[m]
	if had && charged == 0 {
		return
	}
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

// post appends one transfer. The same id with the same contents is a no-op; with other contents it
// is tokens.ErrConflict; more than the source holds is tokens.ErrFunds.
func (t *tx) post(tr tokens.Transfer) error {
	_, err := t.postNew(tr)
	return err
}

// postNew is post, and tells whether the transfer is new.
func (t *tx) postNew(tr tokens.Transfer) (bool, error) {
	tr.AtMs = t.nowMs()
	if err := tr.Check(); err != nil {
		return false, err
	}
	from, err := t.account(accountKey{tr.Asset, tr.From})
	if err != nil {
		return false, err
	}
	to, err := t.account(accountKey{tr.Asset, tr.To})
	if err != nil {
		return false, err
	}
	if refused := movable(tr, from, to); refused != nil || from.id == 0 || to.id == 0 {
		// Nothing may be written for a transfer that is there already, whatever its accounts hold now.
		if known, err := t.known(tr); known || err != nil {
			return false, err
		}
		if err := errors.Join(refused); err != nil {
			return false, err
		}
		if err := errors.Join(t.ensure(from), t.ensure(to)); err != nil {
			return false, err
		}
	}
	return t.append(tr, from, to)
}

// movable reports why the accounts forbid a transfer.
func movable(tr tokens.Transfer, from, to *account) error {
	if from.balance < tr.Amount && !tr.From.MayOverdraw() {
		return fmt.Errorf("%s holds %s %s, %s needed: %w", tr.From, from.balance, tr.Asset, tr.Amount, tokens.ErrFunds)
	}
	// -MaxInt64, not MinInt64: a balance can always be negated, as the supply is.
	if from.balance < -math.MaxInt64+tr.Amount || to.balance > math.MaxInt64-tr.Amount {
		return fmt.Errorf("%w: %s overflows", tokens.ErrInvalid, tr.ID)
	}
	return nil
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

// append writes a transfer whose accounts exist, unless it is there already.
func (t *tx) append(tr tokens.Transfer, from, to *account) (bool, error) {
	b := t.batch
	var head tokens.Head
	head, b.buf = b.chain.head.Next(tr, b.buf)
	seq := b.chain.seq + 1
	res, err := t.ExecContext(t.ctx, `INSERT INTO transfers (seq, id, source, dest, amount, code, ref, at_ms, tag, crc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		seq, tr.ID, from.id, to.id, int64(tr.Amount), string(tr.Code), tr.Ref, tr.AtMs, head.Tag(), tokens.RowSum(seq, head.Tag(), b.buf))
	if err != nil {
		return false, fmt.Errorf("append transfer %s: %w", tr.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		_, known := t.known(tr)
		return false, errors.Join(err, known)
	}
	b.chain = chainState{head, seq}
	b.move(from, -tr.Amount)
	b.move(to, tr.Amount)
	return true, nil
}

// finish writes balances and the head, and reports the members touched.
func (b *batch) finish(t *tx) ([]Funds, error) {
	if err := b.writeBalances(t); err != nil {
		return nil, err
	}
	if b.chain.seq > b.store.chain.seq {
		err := t.exec("INSERT INTO heads (last_seq, head, at_ms) VALUES (?, ?, ?)", b.chain.seq, b.chain.head[:], t.nowMs())
		if err != nil {
			return nil, fmt.Errorf("write chain head: %w", err)
		}
	}
	return b.funds(t)
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

// checkSums reports an asset whose balances do not sum to 0 (ECONOMY §1).
func (s *Store) checkSums(ctx context.Context) error {
	// Halves apart: SQLite fails where a partial sum overflows.
	wrong, err := collect[string](ctx, s.w, `SELECT asset FROM accounts GROUP BY asset
		HAVING sum(balance >> 32) * 4294967296 + sum(balance & 4294967295) <> 0 ORDER BY asset`)
	if err != nil {
		return fmt.Errorf("add up the balances: %w", err)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the balances of asset %s do not sum to 0: run 'swarmstake ledger verify'", wrong[0])
	}
	return nil
}

const transferColumns = `t.id, a.asset, a.name, b.name, t.amount, t.code, t.ref, t.at_ms
	FROM transfers t JOIN accounts a ON a.id = t.source JOIN accounts b ON b.id = t.dest`

const selectTransfer = "SELECT " + transferColumns

type scanner interface{ Scan(...any) error }

func readTransfer(r scanner) (t tokens.Transfer, err error) {
	err = r.Scan(&t.ID, &t.Asset, &t.From, &t.To, &t.Amount, &t.Code, &t.Ref, &t.AtMs)
	return t, err
}

// Post appends transfers, all or none, in one transaction.
func (s *Store) Post(ctx context.Context, transfers ...tokens.Transfer) error {
	return s.submit(ctx, newPost(transfers))
}

func newPost(transfers []tokens.Transfer) *job {
	return &job{single: len(transfers) == 1, err: make(chan error, 1), fn: func(t *tx) error {
		for _, tr := range transfers {
			if err := t.post(tr); err != nil {
				return err
			}
		}
		return nil
	}}
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
