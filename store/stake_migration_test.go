package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/swarmstake/swarmstake/migrations"
	"github.com/swarmstake/swarmstake/tokens"
)

// TestMembersOfOldDatabasesStay: who had joined before unstaking was possible is a verified member,
// and joining again after leaving makes a transfer of its own.
func TestMembersOfOldDatabasesStay(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", dsn(filepath.Join(dir, FileName), "immediate", "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	for id, gate := range map[int]any{1: 50_000_000, 2: nil, 3: 0} {
		if _, err := db.Exec("INSERT INTO members (id, name, key_secret, gate_price_utok, created_ms) VALUES (?, ?, zeroblob(32), ?, 0)", id, fmt.Sprintf("m%d", id), gate); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()

	c := &teller{Store: open(t, dir, Options{Now: func() time.Time { return time.UnixMilli(1e12) }}), t: t}
	for id, verified := range map[int]bool{1: true, 2: false, 3: false} {
		if m, err := c.MemberByName(t.Context(), fmt.Sprintf("m%d", id)); err != nil || m.Verified != verified {
			t.Errorf("%+v %v", m, err)
		}
	}
	c.must(c.Post(t.Context(), grant("s", tokens.Staked(1), 50*unit), grant("a", tokens.Available(1), 9*unit),
		tokens.Transfer{ID: "join/1", Asset: tokens.Token, From: tokens.Available(1), To: tokens.PoolLockers, Amount: 4 * unit, Code: tokens.CodeJoinFee, Ref: "join"}))
	if u := c.unstake(1, 50*unit); !u.Left {
		t.Error("did not leave")
	}
	c.must(c.Post(t.Context(), grant("more", tokens.Available(1), 50*unit)))
	if m := c.stake(1, 50*unit); m.Transfers[1] != "join/1/2" || m.Available != 0 {
		t.Errorf("%+v", m)
	}
	verified(t, c.Store, dir)
}
