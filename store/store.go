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
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3" // the driver, and its error codes
	"github.com/pressly/goose/v3"

	"github.com/swarmstake/swarmstake/migrations"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// FileName is the database inside the data folder.
const FileName = "swarmstake.db"

const (
	maxBatch   = 4096 // functions in one group commit
	maxQueue   = 8192 // functions waiting; more block their callers
	maxReaders = 8
	// The writer's page cache in KiB holds what a large group commit touches, else pages are written
	// twice; so many pages of the log are copied into the database at once, a page that many commits
	// touched only once.
	tuning = "PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000"
)

// Errors a caller can act on.
var (
	ErrNotFound  = errors.New("not found")
	ErrExists    = errors.New("already exists")
	ErrUsed      = errors.New("already used")
	ErrExpired   = errors.New("expired")
	ErrClosed    = errors.New("the store is closed")
	ErrIdemReuse = errors.New("idempotency key already used for another request")
	// ErrStorage: the disk is full or failed, or memory was short. What was asked for did not happen, or
	// its answer was lost: repeated with the same ids it happens once.
	ErrStorage = errors.New("the storage failed")
)

// Funds is what the announce path must know of a member's money after a commit.
type Funds struct {
	Member    bt.MemberID
	Available int64 // utok
	Staked    int64 // utok, free stake plus collateral of all nodes
	GateOK    bool
	Charged   int64 // utok that this commit took over from pending charges (flushes only)
	Allowance int64 // bytes of the free allowance
	Used      int64 // bytes of it that this commit took over (flushes only)
}

// Options configures Open. Now is the clock of transactions; OnFunds is called after each commit,
// in commit order, with the members whose money moved. Economy are the rules that methods apply until
// SetEconomy.
type Options struct {
	Now     func() time.Time
	OnFunds func([]Funds)
	// OnCommit, if not nil, is told of every group commit, also of one that failed. It must be quick.
	OnCommit func(Commit)
	Economy  Economy
	Log      *slog.Logger
	Faucet   tokens.Amount        // quote micro-units that the faucet gives a member a day; 0: there is none
	Rails    map[string]rail.Rail // ways for quote in and out, beside vouchers and the faucet
}

// Store is safe for use by many goroutines.
type Store struct {
	w, r    *sql.DB
	guard   *guard // of w
	opt     Options
	queue   chan *job
	closing chan struct{}
	done    chan struct{}
	cache   accounts   // writer only
	chain   chainState // writer only
	inForce atomic.Pointer[Economy]
	rails   map[string]rail.Rail

	settling sync.Mutex // one settlement at a time

	// After a commit that reported an error; writer only.
	doubt  bool                 // it may have happened: the chain is read again before the next
	untold map[bt.MemberID]bool // members whose money it may have moved
	told   int64                // the last flush whose charges OnFunds was told
}

// Open opens or makes the database in dir, applies missing migrations and checks that the chain's
// head fits the last transfer and that each asset's balances sum to 0. The folder must exist.
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
	g := newGuard(dsn(path, "immediate", "rwc"))
	w := sql.OpenDB(g)
	w.SetMaxOpenConns(1)
	if _, err := w.ExecContext(ctx, tuning); err != nil {
		w.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s := &Store{w: w, guard: g, opt: opt, queue: make(chan *job, maxQueue), closing: make(chan struct{}),
		done: make(chan struct{}), cache: newAccounts(), untold: map[bt.MemberID]bool{}}
	s.SetEconomy(opt.Economy)
	if err := s.openRails(opt); err != nil {
		w.Close()
		return nil, err
	}
	if err := migrate(ctx, w); err != nil {
		w.Close()
		return nil, fmt.Errorf("migrate %s: %w", path, err)
	}
	if err := errors.Join(s.fillClients(ctx), s.fillSearch(ctx), s.loadChain(ctx), s.checkSums(ctx), s.loadTold(ctx)); err != nil {
		w.Close()
		return nil, err
	}
	var err error
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
		"_busy_timeout": {"5000"}, "_txlock": {txlock}, "mode": {mode},
		"_stmt_cache_size": {"200"}} // parsing a statement takes as long as running it
	if mode == "ro" {
		q.Del("_journal_mode") // the file says it; a database just restored has none yet
	}
	return fileDSN(path, q)
}

func fileDSN(path string, q url.Values) string {
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

// retryable reports whether the transaction failed for a reason outside it: disk full, I/O, lock,
// memory. SQLite may have given it up.
func retryable(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrBusy, sqlite3.ErrNomem, sqlite3.ErrInterrupt:
		return true
	}
	return false
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
