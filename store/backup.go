package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"
)

// backupPages is how many pages of the database are copied at a time.
const backupPages = 2048

// Backup copies the database of the data folder dir into a new file, beside a running server or
// without one: everything that was committed when it began, and nothing after. The file stands alone,
// is readable by its owner only, and is on disk when Backup returns; until then it has another name.
// A file that exists is never touched: fs.ErrExist. progress (may be nil) is told pages done and the
// total. It returns where the ledger in the backup ends.
func Backup(ctx context.Context, dir, file string, progress func(done, total int64)) (head ChainHead, err error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return head, fmt.Errorf("open the database: %w", err)
	}
	if _, err := os.Lstat(file); err == nil {
		return head, fmt.Errorf("back up to %s: %w", file, fs.ErrExist)
	}
	part, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*.partial") // mode 0600
	if err != nil {
		return head, fmt.Errorf("back up to %s: %w", file, err)
	}
	defer os.Remove(part.Name())
	defer part.Close()
	if head, err = copyDatabase(ctx, path, part.Name(), progress); err != nil {
		return ChainHead{}, fmt.Errorf("back up to %s: %w", file, err)
	}
	if err := errors.Join(part.Sync(), publish(part.Name(), file), SyncDir(filepath.Dir(file))); err != nil {
		return ChainHead{}, fmt.Errorf("back up to %s: %w", file, err)
	}
	return head, nil
}

// publish gives a finished file its name, unless the name is taken.
func publish(part, file string) error {
	err := os.Link(part, file)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(file); err == nil { // a file system without links
		return fs.ErrExist
	}
	return os.Rename(part, file)
}

// SyncDir makes what was made, renamed or removed in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// copyDatabase copies the snapshot of one read transaction: what others write meanwhile is not in it.
func copyDatabase(ctx context.Context, from, to string, progress func(done, total int64)) (head ChainHead, err error) {
	src, err := sql.Open("sqlite3", dsn(from, "deferred", "ro"))
	if err != nil {
		return head, err
	}
	defer src.Close()
	dst, err := sql.Open("sqlite3", fileDSN(to, url.Values{"mode": {"rw"}, "_journal_mode": {"OFF"}, "_synchronous": {"OFF"}})) // synced by the caller
	if err != nil {
		return head, err
	}
	defer dst.Close()
	in, err := src.Conn(ctx)
	if err != nil {
		return head, err
	}
	defer in.Close()
	out, err := dst.Conn(ctx)
	if err != nil {
		return head, err
	}
	defer out.Close()
	tx, err := in.BeginTx(ctx, nil)
	if err != nil {
		return head, err
	}
	defer tx.Rollback()
	if head, err = headWhere(ctx, tx, "1 ORDER BY last_seq DESC LIMIT 1"); err != nil {
		return head, err
	}
	err = in.Raw(func(source any) error {
		return out.Raw(func(target any) error {
			return copyPages(ctx, source.(*sqlite3.SQLiteConn), target.(*sqlite3.SQLiteConn), progress)
		})
	})
	if err != nil {
		return head, err
	}
	// The copy says that it has a log beside it, as its source has: it has none.
	_, err = out.ExecContext(ctx, "PRAGMA journal_mode = DELETE")
	return head, err
}

func copyPages(ctx context.Context, from, to *sqlite3.SQLiteConn, progress func(done, total int64)) error {
	b, err := to.Backup("main", from, "main")
	if err != nil {
		return err
	}
	for last := -1; ; {
		done, err := b.Step(backupPages)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return errors.Join(err, b.Finish())
		}
		total, left := b.PageCount(), b.Remaining()
		if progress != nil {
			progress(int64(total-left), int64(total))
		}
		if done {
			return b.Finish()
		}
		if left == last { // somebody holds a lock
			time.Sleep(10 * time.Millisecond)
		}
		last = left
	}
}

// ErrNoBackup says that a file is no backup; the error around it says why.
var ErrNoBackup = errors.New("not a backup of Swarmstake")

// VerifyBackup checks a backup from end to end: SQLite's own structure, references between tables, and
// the ledger as VerifyLedger does. It writes nothing, beside the file neither. ErrNoBackup if the file
// is something else.
func VerifyBackup(ctx context.Context, file string, c Check) (*Verification, error) {
	if err := looksLikeBackup(file); err != nil {
		return nil, err
	}
	faults, err := damages(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", file, err)
	}
	v, err := verifyAt(ctx, frozenDSN(file), c)
	if v == nil {
		v = &Verification{}
	}
	v.Faults = append(faults, v.Faults...)
	if err != nil && (len(faults) == 0 || ctx.Err() != nil) { // a damaged file need not be readable to its end
		return v, fmt.Errorf("check %s: %w", file, err)
	}
	return v, nil
}

func looksLikeBackup(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open the backup: %w", err)
	}
	defer f.Close()
	magic := make([]byte, 16)
	if _, err := f.Read(magic); err != nil || !bytes.Equal(magic, []byte("SQLite format 3\x00")) {
		return fmt.Errorf("%s: %w: it is no SQLite database", file, ErrNoBackup)
	}
	if log, err := os.Stat(file + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("%s: %w: %s-wal holds a part of it, so it is a database in use or a mere copy of its file; make a backup with 'swarmstake backup create'",
			file, ErrNoBackup, filepath.Base(file))
	}
	return nil
}

// maxDamages of each kind are listed.
const maxDamages = 20

// damages lists what SQLite itself finds wrong.
func damages(ctx context.Context, file string) ([]string, error) {
	db, err := sql.Open("sqlite3", frozenDSN(file))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var out []string
	lines, err := collect[string](ctx, db, fmt.Sprintf("PRAGMA integrity_check(%d)", maxDamages))
	if err != nil {
		lines = []string{err.Error()}
	}
	for _, l := range lines {
		if l != "ok" {
			out = append(out, "the database is damaged: "+l)
		}
	}
	if len(out) > 0 {
		return out, ctx.Err()
	}
	keys, err := collect[string](ctx, db, `SELECT "table" || ' refers to a row of ' || parent || ' that is not there, ' || count(*) || ' times' FROM pragma_foreign_key_check GROUP BY "table", parent LIMIT ?`, maxDamages)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		out = append(out, "the database is damaged: "+k)
	}
	return out, nil
}

// Seal writes what the log of the database in dir holds into the database's file, so that the file is
// all of it, and tells where its ledger ends. Nobody may use the database.
func Seal(ctx context.Context, dir string) (ChainHead, error) {
	path := filepath.Join(dir, FileName)
	db, err := sql.Open("sqlite3", dsn(path, "immediate", "rw"))
	if err != nil {
		return ChainHead{}, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	head, err := headWhere(ctx, db, "1 ORDER BY last_seq DESC LIMIT 1")
	if err == nil {
		_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return ChainHead{}, fmt.Errorf("close the log of %s: %w", path, err)
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return ChainHead{}, fmt.Errorf("close the log of %s: somebody uses the database", path)
	}
	return head, nil
}
