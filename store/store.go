// Package store keeps everything in one SQLite file and holds every SQL statement of Swarmstake.
//
// Writes: one goroutine owns the write connection. Callers hand it functions; it runs as many as
// are waiting inside one transaction (group commit), each in its own savepoint, so that one
// caller's error undoes only that caller's work. A method returns once its transaction is on disk
// (WAL, synchronous=FULL). A method that moves money may be repeated with the same ids after an
// error: what had been committed is then found and not done twice.
//
// Reads run on other connections and see the last commit.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3" // the driver, and its error codes
	"github.com/pressly/goose/v3"

	"github.com/swarmstake/swarmstake/migrations"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// FileName is the database inside the data folder.
const FileName = "swarmstake.db"

const (
	maxBatch   = 1000 // functions in one group commit
	maxQueue   = 4096 // functions waiting; more block their callers
	maxReaders = 8
)

// Errors a caller can act on.
var (
	ErrNotFound  = errors.New("not found")
	ErrExists    = errors.New("already exists")
	ErrUsed      = errors.New("already used")
	ErrExpired   = errors.New("expired")
	ErrClosed    = errors.New("the store is closed")
	ErrIdemReuse = errors.New("idempotency key already used for another request")
)

// Funds is what the announce path must know of a member's money after a commit.
type Funds struct {
	Member    bt.MemberID
	Available int64 // utok
	Staked    int64 // utok, free stake plus collateral of all nodes
	GateOK    bool
	Charged   int64 // utok that this commit took over from pending charges (flushes only)
}

// Options configures Open. Now is the clock of transactions; OnFunds is called after each commit,
// in commit order, with the members whose money moved. Economy are the rules that methods apply.
type Options struct {
	Now     func() time.Time
	OnFunds func([]Funds)
	Economy Economy
	Log     *slog.Logger
}

// Store is safe for use by many goroutines.
type Store struct {
	w, r    *sql.DB
	opt     Options
	queue   chan *job
	closing chan struct{}
	done    chan struct{}
	ids     map[accountKey]int64 // account ids of committed accounts; writer only
	chain   chainState           // writer only

	// After a commit that reported an error; writer only.
	doubt  bool                 // it may have happened: the chain is read again before the next
	untold map[bt.MemberID]bool // members whose money it may have moved
	told   int64                // the last flush whose charges OnFunds was told
}

// Open opens or makes the database in dir, applies missing migrations and checks that the chain's
// head fits the last transfer. The folder must exist.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	path := filepath.Join(dir, FileName)
	if err := secureFile(path); err != nil {
		return nil, err
	}
	w, err := sql.Open("sqlite3", dsn(path, "immediate", "rwc"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	s := &Store{w: w, opt: opt, queue: make(chan *job, maxQueue), closing: make(chan struct{}),
		done: make(chan struct{}), ids: map[accountKey]int64{}, untold: map[bt.MemberID]bool{}}
	if err := migrate(ctx, w); err != nil {
		w.Close()
		return nil, fmt.Errorf("migrate %s: %w", path, err)
	}
	if err := errors.Join(s.fillClients(ctx), s.loadChain(ctx), s.loadTold(ctx)); err != nil {
		w.Close()
		return nil, err
	}
	if s.r, err = sql.Open("sqlite3", dsn(path, "deferred", "ro")); err != nil {
		w.Close()
		return nil, fmt.Errorf("open %s for reading: %w", path, err)
	}
	s.r.SetMaxOpenConns(maxReaders)
	go s.writeLoop()
	return s, nil
}

// Close waits for what is queued and closes the database.
func (s *Store) Close() error {
	select {
	case <-s.closing:
		return nil
	default:
	}
	close(s.closing)
	<-s.done
	return errors.Join(s.r.Close(), s.w.Close())
}

func dsn(path, txlock, mode string) string {
	q := url.Values{"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_foreign_keys": {"1"},
		"_busy_timeout": {"5000"}, "_txlock": {txlock}, "mode": {mode}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// secureFile makes the database readable by its owner only: it holds members' secrets.
func secureFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	return f.Close()
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations.FS, ".")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// retryable reports whether the transaction failed for a reason outside it: disk full, I/O, lock.
func retryable(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrFull || e.Code == sqlite3.ErrIoErr || e.Code == sqlite3.ErrBusy)
}

func unique(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.ExtendedCode == sqlite3.ErrConstraintUnique || e.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}

// notFound turns sql's word for an empty result into ours.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
