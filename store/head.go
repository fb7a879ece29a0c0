package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/migrations"
	"github.com/swarmstake/swarmstake/tokens"
)

// ChainHead is where the hash chain stood after a committed batch. Whoever keeps one can show later
// that the ledger still begins with all rows up to Row (Check.Head).
type ChainHead struct {
	Head tokens.Head
	Row  int64 // the last transfer it commits to; 0: the ledger is empty
	AtMs int64 // the time of the batch
}

// Head returns where the chain stands.
func (s *Store) Head(ctx context.Context) (ChainHead, error) {
	return headWhere(ctx, s.r, "1 ORDER BY last_seq DESC LIMIT 1")
}

// headWhere reads one stored head; the zero one if there is none.
func headWhere(ctx context.Context, q querier, where string, args ...any) (ChainHead, error) {
	heads, err := scan(ctx, q, func(r *sql.Rows) (h ChainHead, err error) {
		var raw []byte
		err = r.Scan(&h.Row, &raw, &h.AtMs)
		copy(h.Head[:], raw)
		return h, err
	}, "SELECT last_seq, head, at_ms FROM heads WHERE "+where, args...)
	if err != nil {
		return ChainHead{}, fmt.Errorf("read a chain head: %w", err)
	}
	if len(heads) == 0 {
		return ChainHead{}, nil
	}
	return heads[0], nil
}

// ReadOnly is a store that only reads, of a database that a running server may write. Methods that
// write return ErrClosed.
type ReadOnly struct{ *Store }

// OpenReadOnly opens the database in dir, which must be of this program's version.
func OpenReadOnly(ctx context.Context, dir string) (ReadOnly, error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return ReadOnly{}, fmt.Errorf("open the database: %w", err)
	}
	s := &Store{closing: make(chan struct{}), done: make(chan struct{})} // closed for writers
	close(s.closing)
	close(s.done)
	s.SetEconomy(DefaultEconomy())
	var err error
	if s.r, err = sql.Open("sqlite3", dsn(path, "deferred", "ro")); err != nil {
		return ReadOnly{}, fmt.Errorf("open %s for reading: %w", path, err)
	}
	s.r.SetMaxOpenConns(maxReaders)
	if err := currentVersion(ctx, s.r); err != nil {
		return ReadOnly{}, errors.Join(fmt.Errorf("open %s: %w", path, err), s.r.Close())
	}
	return ReadOnly{s}, nil
}

// Close gives the database back.
func (r ReadOnly) Close() error { return r.r.Close() }

// currentVersion reports a database that this program would have to migrate, or cannot know.
func currentVersion(ctx context.Context, db *sql.DB) error {
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return err
	}
	number, _, _ := strings.Cut(files[len(files)-1], "_")
	want, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return err
	}
	var have int64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&have); err != nil {
		return fmt.Errorf("it is not a database of Swarmstake: %w", err)
	}
	switch {
	case have < want:
		return fmt.Errorf("it is of an earlier version (%d, this program writes %d): 'swarmstake serve' brings it up to date", have, want)
	case have > want:
		return fmt.Errorf("it is of a later version (%d, this program writes %d): use the program that wrote it", have, want)
	}
	return nil
}
