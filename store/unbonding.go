package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/stake"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	maxUnbondings = 100 // of a member's own requests under way
	matureBatch   = 200 // entries in one transaction of Mature
	matureRounds  = 50  // transactions of one Mature; the rest waits for the next sweep
)

// Unbonding is stake or released earnings on their way to available. A slash may have taken from
// it; Left sums up to the member's unbonding balance. Times in unix ms, 0: not yet.
type Unbonding struct {
	ID       int64
	Transfer string // that made it
	Amount   tokens.Amount
	Left     tokens.Amount // still to come
	AtMs     int64
	DueMs    int64
	DoneMs   int64 // when what was left became available
}

const selectUnbonding = "SELECT id, transfer, amount_utok, left_utok, at_ms, due_ms, done_ms FROM unbondings"

func readUnbonding(r *sql.Rows) (u Unbonding, err error) {
	err = r.Scan(&u.ID, &u.Transfer, &u.Amount, &u.Left, &u.AtMs, &u.DueMs, &u.DoneMs)
	return u, err
}

// Unbondings returns a member's entries, those under way and the last that are done, newest first;
// at most n.
func (s *Store) Unbondings(ctx context.Context, m bt.MemberID, n int) ([]Unbonding, error) {
	return scan(ctx, s.r, readUnbonding, selectUnbonding+" WHERE member = ? ORDER BY done_ms > 0, id DESC LIMIT ?", m, n)
}

// unbondingTime is never shorter than the appeal window, whatever is configured: slashing reaches
// what is unbonding (SECURITY, money 9).
func (e Economy) unbondingTime() time.Duration { return max(e.UnbondingTime, e.AppealWindow) }

// roomToUnbond bounds what a slash has to go through.
func (t *tx) roomToUnbond(m bt.MemberID) error {
	var n int
	if err := t.row("SELECT count(*) FROM unbondings WHERE member = ? AND left_utok > 0 AND transfer GLOB 'unstake/*'", m).Scan(&n); err != nil {
		return fmt.Errorf("count what is unbonding: %w", err)
	}
	if n >= maxUnbondings {
		return fmt.Errorf("%w: %d requests are unbonding; wait until the first of them is due", ErrTooMany, n)
	}
	return nil
}

// unbond posts a transfer to a member's unbonding account and enters it.
func (t *tx) unbond(m bt.MemberID, move tokens.Transfer, dueMs int64) (Unbonding, error) {
	u := Unbonding{Transfer: move.ID, Amount: move.Amount, Left: move.Amount, AtMs: t.nowMs(), DueMs: dueMs}
	if err := t.post(move); err != nil {
		return u, err
	}
	var err error
	u.ID, err = t.insert("INSERT INTO unbondings (member, transfer, amount_utok, left_utok, at_ms, due_ms) VALUES (?, ?, ?, ?, ?, ?)",
		m, u.Transfer, u.Amount, u.Left, u.AtMs, u.DueMs)
	if err != nil {
		return u, fmt.Errorf("enter %s: %w", move.ID, err)
	}
	return u, t.checkUnbonding(m)
}

// checkUnbonding asserts that a member's entries sum up to the account.
func (t *tx) checkUnbonding(m bt.MemberID) error {
	account, err := t.balance(tokens.Token, tokens.Unbonding(m))
	if err != nil {
		return err
	}
	var entries tokens.Amount
	if err := t.row("SELECT coalesce(sum(left_utok), 0) FROM unbondings WHERE member = ?", m).Scan(&entries); err != nil {
		return fmt.Errorf("add up what is unbonding: %w", err)
	}
	if entries != account {
		return fmt.Errorf("the entries of %s sum up to %d utok, the account holds %d", tokens.Unbonding(m), entries, account)
	}
	return nil
}

// Mature makes available what has been unbonding long enough; of very many entries the oldest.
func (s *Store) Mature(ctx context.Context) error {
	for range matureRounds {
		n := 0
		err := s.write(ctx, func(t *tx) (err error) {
			n, err = t.mature()
			return err
		})
		if err != nil {
			return fmt.Errorf("make available what is unbonded: %w", err)
		}
		if n < matureBatch {
			return nil
		}
	}
	return nil
}

func (t *tx) mature() (int, error) {
	type entry struct {
		id     int64
		member bt.MemberID
		left   tokens.Amount
	}
	due, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (e entry, err error) { return e, r.Scan(&e.id, &e.member, &e.left) },
		"SELECT id, member, left_utok FROM unbondings WHERE done_ms = 0 AND due_ms <= ? ORDER BY due_ms, id LIMIT ?", t.nowMs(), matureBatch)
	if err != nil {
		return 0, err
	}
	for _, e := range due {
		if e.left > 0 { // a slash may have taken all of it
			err := t.post(tokens.Transfer{ID: fmt.Sprintf("unbonded/%d", e.id), Asset: tokens.Token, From: tokens.Unbonding(e.member),
				To: tokens.Available(e.member), Amount: e.left, Code: tokens.CodeUnbonded, Ref: fmt.Sprintf("unbonding/%d", e.id)})
			if err != nil {
				return 0, err
			}
		}
		if err := t.change("UPDATE unbondings SET left_utok = 0, done_ms = ? WHERE id = ?", t.nowMs(), e.id); err != nil {
			return 0, err
		}
		if err := t.checkUnbonding(e.member); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// shrinkUnbonding takes from a member's entries what a slash took from the account: those that are
// due soonest first, so that waiting until the last moment saves nothing.
func (t *tx) shrinkUnbonding(m bt.MemberID, amount tokens.Amount) error {
	entries, err := scan(t.ctx, t.Tx, readUnbonding, selectUnbonding+" WHERE member = ? AND left_utok > 0 ORDER BY due_ms, id", m)
	if err != nil {
		return fmt.Errorf("read what is unbonding: %w", err)
	}
	left := make([]tokens.Amount, len(entries))
	for i, e := range entries {
		left[i] = e.Left
	}
	for i, part := range stake.Take(amount, left...) {
		if part == 0 {
			continue
		}
		if err := t.change("UPDATE unbondings SET left_utok = left_utok - ? WHERE id = ?", part, entries[i].ID); err != nil {
			return fmt.Errorf("shrink what is unbonding: %w", err)
		}
	}
	return t.checkUnbonding(m)
}

// releaseRetained moves to unbonding what nodes retained beyond what their live claims need
// (ECONOMY §6). Collateral that was pledged counts for the need as well: who pledges what was
// missing gets the retained earnings back. It runs once an epoch, after its hosting reward was paid.
func (t *tx) releaseRetained(epoch int64, perGiB tokens.Amount) error {
	type node struct {
		id     bt.NodeID
		member bt.MemberID
	}
	// An account is there from its first transfer on; the balance may be newer than its row.
	nodes, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (n node, err error) { return n, r.Scan(&n.id, &n.member) },
		`SELECT n.id, n.member FROM nodes n JOIN accounts a ON a.asset = 'token' AND a.name = 'node/' || n.id || '/retained' ORDER BY n.id`)
	if err != nil {
		return fmt.Errorf("look for retained earnings: %w", err)
	}
	due := t.nowMs() + t.economy().unbondingTime().Milliseconds()
	for _, n := range nodes {
		b, err := t.backing(n.id, perGiB)
		if err != nil {
			return err
		}
		free := b.Released()
		if free == 0 {
			continue
		}
		_, err = t.unbond(n.member, tokens.Transfer{ID: fmt.Sprintf("release/%d/%d", epoch, n.id), Asset: tokens.Token, From: tokens.Retained(n.id),
			To: tokens.Unbonding(n.member), Amount: free, Code: tokens.CodeRelease, Ref: fmt.Sprintf("node/%d epoch/%d", n.id, epoch)}, due)
		if err != nil {
			return fmt.Errorf("release what node %d retained: %w", n.id, err)
		}
	}
	return nil
}
