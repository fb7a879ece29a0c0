package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mattn/go-sqlite3"
)

// Statements are the texts that a store gave to SQLite.
type Statements struct {
	store *Store

	mu   sync.Mutex
	seen map[string]string // statement: during what it came first
	what string            // empty: nothing is noted
}

// Listen puts a connection that notes every statement under a store that rests.
func Listen(t *testing.T, s *Store, dir string) *Statements {
	t.Helper()
	if err := s.write(t.Context(), func(*tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, FileName)
	st := &Statements{store: s, seen: map[string]string{}}
	fast := strings.Replace(dsn(file, "immediate", "rwc"), "_synchronous=FULL", "_synchronous=OFF", 1)
	if err := errors.Join(s.r.Close(), s.w.Close()); err != nil {
		t.Fatal(err)
	}
	s.w, s.r = sql.OpenDB(&listener{st, fast}), sql.OpenDB(&listener{st, dsn(file, "deferred", "ro")})
	s.w.SetMaxOpenConns(1)
	s.r.SetMaxOpenConns(maxReaders)
	return st
}

// During names what is going on from now on; statements are noted under the first such name. Empty: they
// are not noted.
func (s *Statements) During(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.what = what
}

func (s *Statements) note(query string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.seen[query]; !ok && s.what != "" {
		s.seen[query] = s.what
	}
}

type listener struct {
	*Statements
	path string
}

func (l *listener) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (l *listener) Connect(context.Context) (driver.Conn, error) {
	c, err := l.Driver().Open(l.path)
	if err != nil {
		return nil, err
	}
	return heard{c.(*sqlite3.SQLiteConn), l.Statements}, nil
}

type heard struct {
	*sqlite3.SQLiteConn
	s *Statements
}

func (c heard) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.s.note(query)
	return c.SQLiteConn.QueryContext(ctx, query, args)
}

func (c heard) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.s.note(query)
	return c.SQLiteConn.ExecContext(ctx, query, args)
}

func (c heard) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.s.note(query)
	return c.SQLiteConn.PrepareContext(ctx, query)
}

// Noted are the statements, sorted, each with what it was heard in.
func (s *Statements) Noted() (queries []string, in map[string]string) {
	s.During("")
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.seen)), maps.Clone(s.seen)
}

// Plan is how SQLite would carry a statement out; nothing for one that has no plan.
func (s *Statements) Plan(ctx context.Context, query string) (steps []string, err error) {
	if !planned.MatchString(query) {
		return nil, nil
	}
	conn, err := s.store.r.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		steps, err = explain(ctx, c.(heard).SQLiteConn, query)
		return err
	})
	return steps, err
}

// Tables are all that the migrations made.
func (s *Statements) Tables(ctx context.Context) (map[string]bool, error) {
	names, err := collect[string](ctx, s.store.r, "SELECT name FROM sqlite_master WHERE type = 'table'")
	all := map[string]bool{}
	for _, n := range names {
		all[n] = true
	}
	return all, err
}

var planned = regexp.MustCompile(`(?i)^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE|VALUES)\b`)

// explain asks with all parameters unknown.
func explain(ctx context.Context, c *sqlite3.SQLiteConn, query string) (steps []string, err error) {
	stmt, err := c.Prepare("EXPLAIN QUERY PLAN " + query)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	args := make([]driver.NamedValue, stmt.NumInput())
	for i := range args {
		args[i].Ordinal = i + 1
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	for rows.Next(row) == nil {
		steps = append(steps, fmt.Sprint(row[3]))
	}
	return steps, nil
}

var sources = regexp.MustCompile(`(?i)(?:\bFROM|\bJOIN|\bINTO|\bUPDATE|,)\s+([a-z_][a-z_0-9]*)(?:\s+(?:AS\s+)?([a-z_][a-z_0-9]*))?`)

// TableOf is the table that a name in a plan stands for: the table itself, or what the statement calls so.
func TableOf(query, name string) string {
	for _, m := range sources.FindAllStringSubmatch(query, -1) {
		if strings.EqualFold(m[2], name) || strings.EqualFold(m[1], name) {
			return strings.ToLower(m[1])
		}
	}
	return name
}

var scans = regexp.MustCompile(`^SCAN ([a-z_0-9]+)(.*)$`)

// Scanned is the table that a step of a plan reads whole. Empty: none. A statement that stops after some rows
// and gets them in order, by an index or by the table's own key, reads no more than those.
func Scanned(query string, steps []string, step string) string {
	m := scans.FindStringSubmatch(step)
	if m == nil || m[1] == "constant" || strings.Contains(m[2], "VIRTUAL TABLE") && !strings.Contains(m[2], "INDEX 0:") {
		return ""
	}
	upper := strings.ToUpper(query)
	sorts := slices.ContainsFunc(steps, func(s string) bool { return strings.HasPrefix(s, "USE TEMP B-TREE") })
	if strings.Contains(upper, "LIMIT") && strings.Contains(upper, "ORDER BY") && !strings.Contains(upper, "OFFSET") && !sorts {
		return ""
	}
	return TableOf(query, m[1])
}

// Driving is the table of which a plan reads rows first, unless it is one row by its number.
func Driving(query string, steps []string) string {
	for _, step := range steps {
		verb, rest, _ := strings.Cut(step, " ")
		if name, how, _ := strings.Cut(rest, " "); verb == "SCAN" || verb == "SEARCH" {
			if strings.Contains(how, "(rowid=?)") {
				return ""
			}
			return TableOf(query, name)
		}
	}
	return ""
}
