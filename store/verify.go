package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
)

// Verification is what Verify found. Faults is empty if the ledger is sound; the first one names
// the first bad row.
type Verification struct {
	Transfers int64
	Accounts  int64
	Imbalance map[tokens.Asset]tokens.Amount // sum of all stored balances: must be 0
	Head      tokens.Head
	Faults    []string
}

const maxFaults = 20 // faults listed before the verifier stops collecting

// OK reports whether nothing was wrong.
func (v *Verification) OK() bool { return len(v.Faults) == 0 }

func (v *Verification) fault(format string, args ...any) {
	if len(v.Faults) < maxFaults {
		v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
	}
}

// Verify recomputes the ledger of the data folder dir from its transfers: the hash chain, every
// balance, the sums per asset and the accounts that may not be negative. It opens the database
// read-only, beside a running server or without one. progress (may be nil) is told rows done and
// the total.
func Verify(ctx context.Context, dir string, progress func(done, total int64)) (*Verification, error) {
	path := filepath.Join(dir, FileName)
	db, err := sql.Open("sqlite3", dsn(path, "deferred", "ro"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil) // one snapshot for all reads
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer tx.Rollback()
	v := &verifier{ctx: ctx, tx: tx, progress: progress, out: &Verification{Imbalance: map[tokens.Asset]tokens.Amount{}}}
	return v.out, v.run()
}

type verifier struct {
	ctx      context.Context
	tx       *sql.Tx
	out      *Verification
	progress func(done, total int64)
	names    map[int64]accountKey
	stored   map[int64]tokens.Amount
	sums     map[int64]tokens.Amount
}

func (v *verifier) run() error {
	for _, step := range []func() error{v.readAccounts, v.walkChain, v.compareBalances, v.checkPots} {
		if err := step(); err != nil {
			return fmt.Errorf("verify the ledger: %w", err)
		}
	}
	return nil
}

func (v *verifier) readAccounts() error {
	v.names, v.stored, v.sums = map[int64]accountKey{}, map[int64]tokens.Amount{}, map[int64]tokens.Amount{}
	rows, err := v.tx.QueryContext(v.ctx, "SELECT id, asset, name, balance FROM accounts")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var k accountKey
		var b tokens.Amount
		if err := rows.Scan(&id, &k.asset, &k.name, &b); err != nil {
			return err
		}
		v.names[id], v.stored[id] = k, b
		v.out.Imbalance[k.asset] += b
		v.out.Accounts++
	}
	return rows.Err()
}

// walkChain recomputes every tag and every stored head, in row order.
func (v *verifier) walkChain() error {
	heads, err := v.readHeads()
	if err != nil {
		return err
	}
	var total int64
	if err := v.tx.QueryRowContext(v.ctx, "SELECT count(*) FROM transfers").Scan(&total); err != nil {
		return err
	}
	rows, err := v.tx.QueryContext(v.ctx, "SELECT seq, id, source, dest, amount, code, ref, at_ms, tag FROM transfers ORDER BY seq")
	if err != nil {
		return err
	}
	defer rows.Close()
	var head tokens.Head
	var buf []byte
	broken := false
	want, lastHead := int64(1), int64(0)
	for rows.Next() {
		var seq, source, dest, tag int64
		var t tokens.Transfer
		if err := rows.Scan(&seq, &t.ID, &source, &dest, &t.Amount, &t.Code, &t.Ref, &t.AtMs, &tag); err != nil {
			return err
		}
		from, to := v.names[source], v.names[dest]
		t.Asset, t.From, t.To = from.asset, from.name, to.name
		if seq != want && !broken {
			v.out.fault("row %d is missing: row %d (transfer %s) follows row %d", want, seq, t.ID, want-1)
			broken = true
		}
		if to.asset != from.asset {
			v.out.fault("row %d (transfer %s) moves between assets", seq, t.ID)
		}
		head, buf = head.Next(t, buf)
		if head.Tag() != tag && !broken {
			v.out.fault("row %d (transfer %s) was altered or reordered: its contents do not fit the chain", seq, t.ID)
			broken = true
		}
		if h, ok := heads[seq]; ok {
			lastHead = seq
			if !bytes.Equal(h, head[:]) && !broken {
				v.out.fault("row %d (transfer %s): the chain head stored for its batch does not fit", seq, t.ID)
				broken = true
			}
			delete(heads, seq)
		}
		v.sums[source] -= t.Amount
		v.sums[dest] += t.Amount
		if v.sums[source] < 0 && !t.From.MayOverdraw() && !broken {
			v.out.fault("row %d (transfer %s) takes %s below zero", seq, t.ID, t.From)
		}
		v.out.Transfers++
		want = seq + 1
		if v.progress != nil && v.out.Transfers%4096 == 0 {
			v.progress(v.out.Transfers, total)
		}
	}
	v.out.Head = head
	for _, seq := range slices.Sorted(maps.Keys(heads)) {
		v.out.fault("row %d is missing: a chain head was stored for it", seq)
	}
	if v.out.Transfers > 0 && lastHead != want-1 {
		v.out.fault("row %d: no chain head covers the last rows", want-1)
	}
	if v.progress != nil {
		v.progress(total, total)
	}
	return rows.Err()
}

func (v *verifier) readHeads() (map[int64][]byte, error) {
	rows, err := v.tx.QueryContext(v.ctx, "SELECT last_seq, head FROM heads")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	heads := map[int64][]byte{}
	for rows.Next() {
		var seq int64
		var h []byte
		if err := rows.Scan(&seq, &h); err != nil {
			return nil, err
		}
		heads[seq] = h
	}
	return heads, rows.Err()
}

func (v *verifier) compareBalances() error {
	for _, id := range slices.Sorted(maps.Keys(v.names)) {
		k := v.names[id]
		if v.stored[id] != v.sums[id] {
			v.out.fault("account %s %s stores %d, its transfers sum to %d", k.asset, k.name, v.stored[id], v.sums[id])
		}
		if v.sums[id] < 0 && !k.name.MayOverdraw() {
			v.out.fault("account %s %s is below zero: %d", k.asset, k.name, v.sums[id])
		}
		delete(v.sums, id)
	}
	for id := range v.sums {
		v.out.fault("account number %d is used by transfers but does not exist", id)
	}
	for asset, sum := range v.out.Imbalance {
		if sum != 0 {
			v.out.fault("asset %s is out of balance by %d", asset, sum)
		}
	}
	return nil
}

// checkPots looks for money left behind by a settlement.
func (v *verifier) checkPots() error {
	settled, err := collect[int64](v.ctx, v.tx, "SELECT number FROM epochs WHERE settled_ms > 0 ORDER BY number")
	if err != nil {
		return err
	}
	pots := map[tokens.Account]tokens.Amount{}
	for id, k := range v.names {
		if k.asset == tokens.Token {
			pots[k.name] = v.stored[id]
		}
	}
	for _, epoch := range settled {
		if a := pots[tokens.Pot(epoch)]; a != 0 {
			v.out.fault("epoch %d is settled, but %s holds %d", epoch, tokens.Pot(epoch), a)
		}
	}
	return nil
}
