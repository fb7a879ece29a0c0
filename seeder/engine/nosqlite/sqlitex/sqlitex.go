// Package sqlitex stands in for the helpers of github.com/go-llsqlite/adapter/sqlitex.
package sqlitex

import sqlite "github.com/go-llsqlite/adapter"

// Exec always returns sqlite.ErrNotBuiltIn.
func Exec(conn *sqlite.Conn, query string, resultFn func(*sqlite.Stmt) error, args ...any) error {
	return sqlite.ErrNotBuiltIn
}

// ExecScript always returns sqlite.ErrNotBuiltIn.
func ExecScript(conn *sqlite.Conn, queries string) error { return sqlite.ErrNotBuiltIn }
