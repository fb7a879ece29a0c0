// Package sqlite stands in for github.com/go-llsqlite/adapter, which brings a second copy of
// SQLite that collides at link time with mattn/go-sqlite3.
//
// It offers the names that anacrolix/torrent compiles against; opening a database fails, so the
// engine must use another piece completion (seeder/engine uses Bolt).
package sqlite

import "errors"

// ErrNotBuiltIn is returned by everything in this module.
var ErrNotBuiltIn = errors.New("SQLite piece completion is not built in")

type (
	// Conn would be a database connection; none can be opened.
	Conn struct{}
	// Stmt would be a prepared statement.
	Stmt struct{}
)

// OpenConn always returns ErrNotBuiltIn.
func OpenConn(path string, flags ...uint) (*Conn, error) { return nil, ErrNotBuiltIn }

// Close does nothing.
func (*Conn) Close() error { return nil }

// ColumnInt returns 0.
func (*Stmt) ColumnInt(col int) int { return 0 }
