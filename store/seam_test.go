package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mattn/go-sqlite3"
)

// seam stands between a store's writer and SQLite. Before each step of the writer it asks a function
// whether the step is to happen and what is to be reported of it: so a test makes statements fail,
// loses the answers of commits, or has the database lie.
type seam struct {
	guard  *guard
	path   string
	decide atomic.Pointer[decision]
}

// decision is called by the writer only.
type decision func(*seamStep) verdict

// verdict is what becomes of a step: a step that is not done and reports no error is a lie.
type verdict struct {
	skip bool
	err  error
}

// The kinds of steps.
const (
	seamBegin  = "begin"
	seamExec   = "exec"
	seamQuery  = "query"
	seamRows   = "rows" // the first row of a query is fetched
	seamCommit = "commit"
)

// seamStep is one thing that the writer asks of SQLite.
type seamStep struct {
	kind, query string
	args        []driver.NamedValue
	conn        *sqlite3.SQLiteConn
}

// giveUp ends the running transaction, as SQLite itself does when the disk is full or fails, or when
// memory is short.
func (s *seamStep) giveUp() {
	if !s.conn.AutoCommit() {
		s.conn.Exec("ROLLBACK", nil) //nolint:errcheck // it worked if no transaction is left
	}
}

// pierce puts a seam under the store's writer, which rests.
func pierce(t *testing.T, s *Store, dir string) *seam {
	t.Helper()
	if err := s.write(t.Context(), func(*tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	fast := strings.Replace(dsn(filepath.Join(dir, FileName), "immediate", "rwc"), "_synchronous=FULL", "_synchronous=OFF", 1) // no power fails here
	m := &seam{guard: s.guard, path: fast}
	s.w.Close()
	s.w = sql.OpenDB(m)
	s.w.SetMaxOpenConns(1)
	return m
}

// set has the seam decide from now on; nil: everything happens.
func (m *seam) set(d decision) {
	if d == nil {
		m.decide.Store(nil)
		return
	}
	m.decide.Store(&d)
}

func (m *seam) step(c *sqlite3.SQLiteConn, kind, query string, args []driver.NamedValue) verdict {
	d := m.decide.Load()
	if d == nil {
		return verdict{}
	}
	return (*d)(&seamStep{kind, query, args, c})
}

func (m *seam) Driver() driver.Driver { return m.guard.Driver() }

func (m *seam) Connect(context.Context) (driver.Conn, error) {
	c, err := m.Driver().Open(m.path)
	if err != nil {
		return nil, err
	}
	return seamConn{c.(*sqlite3.SQLiteConn), m}, nil
}

type seamConn struct {
	*sqlite3.SQLiteConn
	m *seam
}

func (c seamConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if v := c.m.step(c.SQLiteConn, seamBegin, "", nil); v.err != nil {
		return nil, v.err
	}
	tx, err := c.SQLiteConn.BeginTx(ctx, o)
	return seamTx{tx, c}, err
}

func (c seamConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	return c.m.exec(c.SQLiteConn, q, args, func() (driver.Result, error) { return c.SQLiteConn.ExecContext(ctx, q, args) })
}

func (c seamConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	return c.m.query(c.SQLiteConn, q, args, func() (driver.Rows, error) { return c.SQLiteConn.QueryContext(ctx, q, args) })
}

func (c seamConn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	st, err := c.SQLiteConn.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	return seamStmt{st.(*sqlite3.SQLiteStmt), q, c}, nil
}

type seamStmt struct {
	*sqlite3.SQLiteStmt
	q string
	c seamConn
}

func (s seamStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.c.m.exec(s.c.SQLiteConn, s.q, args, func() (driver.Result, error) { return s.SQLiteStmt.ExecContext(ctx, args) })
}

func (s seamStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.c.m.query(s.c.SQLiteConn, s.q, args, func() (driver.Rows, error) { return s.SQLiteStmt.QueryContext(ctx, args) })
}

func (m *seam) exec(c *sqlite3.SQLiteConn, q string, args []driver.NamedValue, do func() (driver.Result, error)) (driver.Result, error) {
	v := m.step(c, seamExec, q, args)
	if v.skip {
		return driver.RowsAffected(1), v.err
	}
	r, err := do()
	if v.err != nil {
		err = v.err
	}
	return r, err
}

func (m *seam) query(c *sqlite3.SQLiteConn, q string, args []driver.NamedValue, do func() (driver.Rows, error)) (driver.Rows, error) {
	if v := m.step(c, seamQuery, q, args); v.err != nil {
		return nil, v.err
	}
	r, err := do()
	if err != nil {
		return nil, err
	}
	return &seamResult{Rows: r, c: c, m: m, q: q}, nil
}

// seamResult is a query's result whose first row may not come.
type seamResult struct {
	driver.Rows
	c       *sqlite3.SQLiteConn
	m       *seam
	q       string
	fetched bool
}

func (r *seamResult) Next(dest []driver.Value) error {
	if !r.fetched {
		r.fetched = true
		if v := r.m.step(r.c, seamRows, r.q, nil); v.err != nil {
			return v.err
		} else if v.skip {
			return io.EOF
		}
	}
	return r.Rows.Next(dest)
}

type seamTx struct {
	driver.Tx
	c seamConn
}

// Commit that is not to happen leaves no transaction behind, like SQLite's own.
func (t seamTx) Commit() error {
	v := t.c.m.step(t.c.SQLiteConn, seamCommit, "", nil)
	end := t.Tx.Commit
	if v.skip {
		end = t.Tx.Rollback
	}
	if err := end(); v.err == nil {
		return err
	}
	return v.err
}
