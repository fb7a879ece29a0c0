package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
)

// Verification is what a verification found. Faults is empty if the ledger is sound; the first one
// names the first bad row.
type Verification struct {
	Transfers int64
	Accounts  int64
	Imbalance map[tokens.Asset]tokens.Amount // sum of all stored balances: must be 0
	Head      tokens.Head
	HeadRow   int64 // the row after which the chain stood at Check.Head; 0: nowhere
	Faults    []string
	Unlisted  int64 // faults beyond maxFaults
}

// maxFaults are listed; the others are counted.
const maxFaults = 1000

// OK reports whether nothing was wrong.
func (v *Verification) OK() bool { return len(v.Faults) == 0 }

func (v *Verification) fault(format string, args ...any) {
	if len(v.Faults) == maxFaults {
		v.Unlisted++
		return
	}
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// Check is what a caller wants of a verification beside the ledger's own soundness.
type Check struct {
	// Head, if not nil, was published or backed up: the chain must pass through it. A ledger whose
	// last rows were cut off, or that was rewritten, does not.
	Head *tokens.Head
	// Progress, if not nil, is told rows done and the total now and then.
	Progress func(done, total int64)
}

// Verify recomputes the ledger of the data folder dir: see VerifyLedger.
func Verify(ctx context.Context, dir string, progress func(done, total int64)) (*Verification, error) {
	return VerifyLedger(ctx, dir, Check{Progress: progress})
}

// VerifyLedger recomputes the ledger of the data folder dir from its transfers: every row's
// checksum, the hash chain, every balance, the sums per asset and the accounts that may not be
// negative. It opens the database read-only, beside a running server or without one, and judges
// what was committed when it began.
//
// Every row that was changed, removed, inserted or moved is named: the walk goes on after a fault
// at the next stored head, and the rows in between have checksums of their own.
func VerifyLedger(ctx context.Context, dir string, c Check) (*Verification, error) {
	return verifyAt(ctx, dsn(filepath.Join(dir, FileName), "deferred", "ro"), c)
}

// frozenDSN opens a file that nobody writes, such as a backup, without making any file beside it.
func frozenDSN(path string) string {
	return fileDSN(path, url.Values{"mode": {"ro"}, "immutable": {"1"}})
}

func verifyAt(ctx context.Context, dsn string, c Check) (*Verification, error) {
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil) // one snapshot for balances, and how far the chain goes
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	defer tx.Rollback()
	v := &verifier{ctx: ctx, db: db, tx: tx, Check: c, out: &Verification{Imbalance: map[tokens.Asset]tokens.Amount{}}}
	return v.out, v.run()
}

type verifier struct {
	Check
	ctx context.Context
	db  *sql.DB
	tx  *sql.Tx
	out *Verification

	ids     map[int64]int32 // account number → index into the next three
	names   []accountKey
	stored  []tokens.Amount
	sums    []tokens.Amount
	last    int64 // the last row, or the last that a head was stored for
	crcFrom int64 // the first row with a checksum
	crc     string
}

func (v *verifier) run() error {
	for _, step := range []func() error{v.readAccounts, v.readBounds, v.findStrays, v.walkChain, v.compareBalances, v.checkPots, v.checkHead} {
		if err := step(); err != nil {
			return fmt.Errorf("verify the ledger: %w", err)
		}
	}
	return nil
}

func (v *verifier) readAccounts() error {
	rows, err := v.tx.QueryContext(v.ctx, "SELECT id, asset, name, balance FROM accounts ORDER BY id")
	if err != nil {
		return err
	}
	defer rows.Close()
	v.ids = map[int64]int32{}
	known := map[accountKey]bool{}
	for rows.Next() {
		var id int64
		var k accountKey
		var b tokens.Amount
		if err := rows.Scan(&id, &k.asset, &k.name, &b); err != nil {
			return err
		}
		if known[k] { // each row would show a part of the balance
			v.out.fault("account %s %s is there twice", k.asset, k.name)
		}
		known[k], v.ids[id] = true, int32(len(v.names))
		v.names, v.stored = append(v.names, k), append(v.stored, b)
		v.out.Imbalance[k.asset] += b
	}
	v.sums, v.out.Accounts = make([]tokens.Amount, len(v.names)), int64(len(v.names))
	return rows.Err()
}

// readBounds finds the last row and where checksums begin: a database from before them has none.
func (v *verifier) readBounds() error {
	err := v.tx.QueryRowContext(v.ctx, `SELECT max((SELECT coalesce(max(seq), 0) FROM transfers), (SELECT coalesce(max(last_seq), 0) FROM heads)),
		(SELECT count(*) FROM transfers)`).Scan(&v.last, &v.out.Transfers)
	if err != nil {
		return err
	}
	v.crc, v.crcFrom = "-1", math.MaxInt64
	var has bool
	if err := v.tx.QueryRowContext(v.ctx, "SELECT count(*) FROM pragma_table_info('transfers') WHERE name = 'crc'").Scan(&has); err != nil || !has {
		return err
	}
	v.crc, v.crcFrom = "crc", 1
	err = v.tx.QueryRowContext(v.ctx, "SELECT CAST(value AS INTEGER) FROM facts WHERE name = ?", factCRCFrom).Scan(&v.crcFrom)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// factCRCFrom is the number of the first row that has a checksum, written by the migration.
const factCRCFrom = "ledger_crc_from"

// findStrays looks for rows outside the numbers that rows have.
func (v *verifier) findStrays() error {
	for _, q := range []struct{ query, what string }{
		{"SELECT seq FROM transfers WHERE seq < 1 ORDER BY seq LIMIT 100", "row %d was inserted: rows count from 1"},
		{"SELECT last_seq FROM heads WHERE last_seq < 1 ORDER BY last_seq LIMIT 100", "row %d: a chain head was inserted for it, rows count from 1"},
	} {
		seqs, err := collect[int64](v.ctx, v.tx, q.query)
		if err != nil {
			return err
		}
		for _, seq := range seqs {
			v.out.fault(q.what, seq)
		}
	}
	return nil
}

func (v *verifier) compareBalances() error {
	for i, k := range v.names {
		if v.stored[i] != v.sums[i] {
			v.out.fault("account %s %s stores %d, its transfers sum to %d", k.asset, k.name, v.stored[i], v.sums[i])
		}
		if v.sums[i] < 0 && !k.name.MayOverdraw() {
			v.out.fault("account %s %s is below zero: %d", k.asset, k.name, v.sums[i])
		}
	}
	for _, asset := range slices.Sorted(maps.Keys(v.out.Imbalance)) {
		if sum := v.out.Imbalance[asset]; sum != 0 {
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
	for i, k := range v.names {
		if k.asset == tokens.Token {
			pots[k.name] = v.stored[i]
		}
	}
	for _, epoch := range settled {
		if a := pots[tokens.Pot(epoch)]; a != 0 {
			v.out.fault("epoch %d is settled, but %s holds %d", epoch, tokens.Pot(epoch), a)
		}
	}
	return nil
}

// checkHead holds the chain to the head that the caller knows.
func (v *verifier) checkHead() error {
	switch {
	case v.Head == nil || v.out.HeadRow > 0 || *v.Head == tokens.Head{}: // an empty ledger's
	case v.out.OK():
		v.out.fault("the ledger ends before head %s: its tail was cut off, or it was rewritten from some row on", v.Head)
	default:
		v.out.fault("the ledger does not pass through head %s", v.Head)
	}
	return nil
}
