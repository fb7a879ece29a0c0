package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// job is one caller's function waiting for the writer. A single job begins with nothing that would
// have to be undone: it makes its own savepoint if it needs one (tx.save).
type job struct {
	fn     func(*tx) error
	err    chan error
	single bool
}

// tx is what a write method works with: a transaction, its time, and the ledger inside it.
type tx struct {
	*sql.Tx
	ctx   context.Context
	now   time.Time
	store *Store
	batch *batch
	stmts map[string]*sql.Stmt // of execMany; closed with the transaction
	saved bool                 // the running job has a savepoint
}

func (t *tx) nowMs() int64 { return t.now.UnixMilli() }

func (t *tx) exec(query string, args ...any) error {
	_, err := t.ExecContext(t.ctx, query, args...)
	return err
}

// execMany is exec for a statement that is run for many rows: it is parsed once a transaction.
func (t *tx) execMany(query string, args ...any) error {
	st := t.stmts[query]
	if st == nil {
		var err error
		if st, err = t.PrepareContext(t.ctx, query); err != nil {
			return err
		}
		if t.stmts == nil {
			t.stmts = map[string]*sql.Stmt{}
		}
		t.stmts[query] = st
	}
	_, err := st.ExecContext(t.ctx, args...)
	return err
}

// insert runs an INSERT and returns the new row's id.
func (t *tx) insert(query string, args ...any) (int64, error) {
	r, err := t.ExecContext(t.ctx, query, args...)
	if unique(err) {
		return 0, ErrExists
	}
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// change runs an UPDATE that must hit a row.
func (t *tx) change(query string, args ...any) error {
	r, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

func (t *tx) row(query string, args ...any) *sql.Row { return t.QueryRowContext(t.ctx, query, args...) }

// write runs fn in the next group commit and returns when it is on disk, or with fn's own error.
// Once fn is queued it will run even if ctx ends first.
func (s *Store) write(ctx context.Context, fn func(*tx) error) error {
	return s.submit(ctx, &job{fn: fn, err: make(chan error, 1)})
}

func (s *Store) submit(ctx context.Context, j *job) error {
	select {
	case s.queue <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return ErrClosed
	}
	select {
	case err := <-j.err:
		return err
	case <-s.done:
		select {
		case err := <-j.err:
			return err
		default:
			return ErrClosed
		}
	}
}

func (s *Store) writeLoop() {
	defer close(s.done)
	for {
		select {
		case j := <-s.queue:
			s.commitBatch(s.gather(j))
		case <-s.closing:
			for len(s.queue) > 0 {
				s.commitBatch(s.gather(<-s.queue))
			}
			return
		}
	}
}

func (s *Store) gather(first *job) []*job {
	jobs := []*job{first}
	for len(jobs) < maxBatch {
		select {
		case j := <-s.queue:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// commitBatch runs the jobs in one transaction. If the commit fails every job gets that error: it
// may nevertheless have happened, so callers retry with the same ids.
func (s *Store) commitBatch(jobs []*job) {
	results := make([]error, len(jobs))
	b, began := newBatch(s), time.Now()
	funds, err := s.runBatch(b, jobs, results)
	s.opt.told(len(jobs), began, err)
	if err == nil {
		b.keepAccounts()
		s.chain, s.told = b.chain, max(s.told, b.flush)
		clear(s.untold)
		if s.opt.OnFunds != nil && len(funds) > 0 {
			s.opt.OnFunds(funds)
		}
	} else {
		s.opt.Log.Error("group commit failed", "error", err, "jobs", len(jobs))
		s.suspect(b)
	}
	for i, j := range jobs {
		if err != nil { // what a job came to meant what is not there now
			results[i] = fmt.Errorf("%w: %w", ErrStorage, err)
		}
		j.err <- results[i]
	}
}

// suspect notes that a commit failed: it may have happened all the same. Its members are told of
// by the next commit.
func (s *Store) suspect(b *batch) {
	s.doubt, s.cache = true, newAccounts()
	for m := range b.members {
		s.untold[m] = true
	}
}

// resolve reads again what a commit in doubt came to.
func (s *Store) resolve(ctx context.Context) error {
	if !s.doubt {
		return nil
	}
	if err := s.loadChain(ctx); err != nil {
		return err
	}
	s.doubt = false
	return nil
}

// errLost says that SQLite gave up the transaction by itself, and every job's work with it.
var errLost = errors.New("the transaction was lost")

func (s *Store) runBatch(b *batch, jobs []*job, results []error) ([]Funds, error) {
	ctx := context.Background() // a started group commit is never abandoned half-way
	if err := s.resolve(ctx); err != nil {
		return nil, err
	}
	b.chain = s.chain
	sqltx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer sqltx.Rollback()
	s.guard.shut.Store(true)
	defer s.guard.shut.Store(false)
	t := &tx{Tx: sqltx, ctx: ctx, now: s.opt.Now(), store: s, batch: b}
	for i, j := range jobs {
		if results[i] = t.runJob(j); retryable(results[i]) || errors.Is(results[i], errLost) {
			return nil, results[i]
		}
	}
	funds, err := b.finish(t)
	if err != nil {
		return nil, err
	}
	s.guard.shut.Store(false)
	if err := sqltx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return funds, nil
}

// runJob runs one function in a savepoint and undoes it alone if it fails or panics.
func (t *tx) runJob(j *job) (err error) {
	t.saved = false
	if !j.single {
		if err := t.save(); err != nil {
			return err
		}
	}
	mark := t.batch.mark()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a write: %v", p)
		}
		if err != nil {
			t.batch.undo(mark)
		}
		if e := t.release(err != nil); e != nil {
			err = errors.Join(err, errLost, e)
		}
	}()
	return j.fn(t)
}

// save makes the job's savepoint, once.
func (t *tx) save() error {
	if t.saved {
		return nil
	}
	if err := t.exec("SAVEPOINT job"); err != nil {
		return errors.Join(errLost, err)
	}
	t.saved = true
	return nil
}

// release ends the job's savepoint, if it made one, and undoes what was written since.
func (t *tx) release(undo bool) error {
	if !t.saved {
		return nil
	}
	if undo {
		if err := t.exec("ROLLBACK TO job"); err != nil {
			return err
		}
	}
	return t.exec("RELEASE job")
}

// stakeOf is a member's free stake plus the collateral of their nodes.
func (t *tx) stakeOf(m bt.MemberID) (tokens.Amount, error) {
	sum, err := t.balance(tokens.Token, tokens.Staked(m))
	if err != nil {
		return 0, err
	}
	nodes, err := collect[bt.NodeID](t.ctx, t.Tx, "SELECT id FROM nodes WHERE member = ?", m)
	if err != nil {
		return 0, err
	}
	for _, n := range nodes {
		c, err := t.balance(tokens.Token, tokens.Collateral(n))
		if err != nil {
			return 0, err
		}
		sum += c
	}
	return sum, nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect reads a one-column result.
func collect[T any](ctx context.Context, q querier, query string, args ...any) ([]T, error) {
	return scan(ctx, q, func(r *sql.Rows) (v T, err error) { return v, r.Scan(&v) }, query, args...)
}

// scan reads a result row by row.
func scan[T any](ctx context.Context, q querier, one func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := one(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
