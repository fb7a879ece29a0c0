package store

import (
	"context"
	"database/sql/driver"
	"sync/atomic"

	"github.com/mattn/go-sqlite3"
)

// guard opens the writer's connection and sees to it that a group commit is written as a whole or not
// at all. When the disk is full or fails, or memory is short, SQLite gives the running transaction up
// by itself; each statement that follows would then be a transaction of its own. While the guard is
// shut nothing can be committed.
type guard struct {
	path string
	sqlite3.SQLiteDriver
	shut atomic.Bool
}

var _ driver.Connector = (*guard)(nil)

func newGuard(path string) *guard {
	g := &guard{path: path}
	g.ConnectHook = func(c *sqlite3.SQLiteConn) error {
		c.RegisterCommitHook(func() (refuse int) {
			if g.shut.Load() {
				return 1
			}
			return 0
		})
		return nil
	}
	return g
}

// Connect implements driver.Connector.
func (g *guard) Connect(context.Context) (driver.Conn, error) { return g.Open(g.path) }

// Driver implements driver.Connector.
func (g *guard) Driver() driver.Driver { return &g.SQLiteDriver }
