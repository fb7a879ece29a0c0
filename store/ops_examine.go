package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
)

// Examination is what a look at the database of a data folder found, beside a running server or
// without one.
type Examination struct {
	Version  error    // the database is of another version of the program, and nothing else was looked at but Damages
	Damages  []string // of SQLite's own structure
	Ledger   []string // faults of the ledger; without full only what its head and its sums show
	Transfer int64    // the last one

	AliveMs   int64 // when a server last said that it runs; 0: never
	Flush     int64 // the last batch of the meter
	Operators []OperatorFactor
	Keys      []string // ids of the public keys that this installation published
}

// OperatorFactor says of an operator whether there is a second factor to their account.
type OperatorFactor struct {
	Name   string
	Factor bool
}

// Examine looks at the database of the data folder dir and writes nothing. full checks every row and the
// whole ledger, as VerifyBackup does. fs.ErrNotExist: there is no database.
func Examine(ctx context.Context, dir string, full bool, progress func(done, total int64)) (x Examination, err error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return x, fmt.Errorf("open the database: %w", err)
	}
	db, err := sql.Open("sqlite3", dsn(path, "deferred", "ro"))
	if err != nil {
		return x, fmt.Errorf("open %s: %w", path, err)
	}
	defer db.Close()
	check := "PRAGMA quick_check(%d)"
	if full {
		check = "PRAGMA integrity_check(%d)"
	}
	if x.Damages, err = structure(ctx, db, check); err != nil || len(x.Damages) > 0 {
		return x, err
	}
	if x.Version = currentVersion(ctx, db); x.Version != nil {
		return x, nil
	}
	if err := x.read(ctx, db); err != nil {
		return x, fmt.Errorf("examine %s: %w", path, err)
	}
	if full {
		v, err := VerifyLedger(ctx, dir, Check{Progress: progress})
		if err != nil {
			return x, err
		}
		x.Ledger = v.Faults
	}
	return x, nil
}

// structure lists what SQLite itself finds wrong.
func structure(ctx context.Context, db *sql.DB, check string) (out []string, err error) {
	lines, err := collect[string](ctx, db, fmt.Sprintf(check, maxDamages))
	if err != nil { // a file that cannot be read is damaged, unless nobody waits for the answer
		return []string{err.Error()}, ctx.Err()
	}
	for _, l := range lines {
		if l != "ok" {
			out = append(out, l)
		}
	}
	return out, nil
}

func (x *Examination) read(ctx context.Context, db *sql.DB) error {
	s := &Store{r: db, w: db}
	for _, fault := range []error{s.loadChain(ctx), s.checkSums(ctx)} {
		if fault != nil {
			x.Ledger = append(x.Ledger, fault.Error())
		}
	}
	x.Transfer = s.chain.seq
	var err error
	if x.Flush, err = lastFlush(ctx, db); err != nil {
		return err
	}
	if x.AliveMs, err = readAlive(ctx, db); err != nil {
		return err
	}
	if x.Keys, err = collect[string](ctx, db, "SELECT kid FROM badge_keys ORDER BY kid"); err != nil {
		return err
	}
	x.Operators, err = scan(ctx, db, func(r *sql.Rows) (o OperatorFactor, err error) {
		return o, r.Scan(&o.Name, &o.Factor)
	}, `SELECT m.name, EXISTS (SELECT 1 FROM totp t WHERE t.member = m.id AND t.confirmed_ms > 0) OR EXISTS (SELECT 1 FROM passkeys p WHERE p.member = m.id)
		FROM members m WHERE m.operator = 1 ORDER BY m.id`)
	return err
}

func readAlive(ctx context.Context, db *sql.DB) (ms int64, err error) {
	found, err := collect[int64](ctx, db, "SELECT CAST(value AS INTEGER) FROM facts WHERE name = ?", factAlive)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}
