package store

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/swarmstake/swarmstake/migrations"
)

// TestTreasuryParametersOfOldDatabases: what was recorded before operators could change parameters is what the
// configuration said last, so that the same configuration changes nothing and another one does.
func TestTreasuryParametersOfOldDatabases(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", dsn(filepath.Join(dir, FileName), "immediate", "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 23); err != nil {
		t.Fatal(err)
	}
	const old = `INSERT INTO parameters (epoch, key, value, at_ms, by) VALUES (1, 'a', '1', 5, 'configuration'), (1, 'b', '1', 5, 'configuration'),
		(4, 'a', '2', 6, 'configuration'), (4, 'a', '3', 7, 'configuration'), (3, 'b', '9', 8, 'configuration')`
	if _, err := db.Exec(old); err != nil {
		t.Fatal(err)
	}
	db.Close()
	s := open(t, dir, Options{})
	if got, err := s.SetParameters(t.Context(), map[string]string{"a": "3", "b": "9"}, "configuration"); err != nil || len(got) != 0 {
		t.Errorf("the same: %v %v", got, err)
	}
	got, err := s.SetParameters(t.Context(), map[string]string{"a": "2", "b": "9"}, "configuration")
	if err != nil || len(got) != 1 || got[0].From != "3" || got[0].To != "2" {
		t.Errorf("another: %v %v", got, err)
	}
	history, _, err := s.ParameterHistory(t.Context(), 0, 10)
	if err != nil || len(history) != 6 || history[5].Change != 0 || history[5].Reason != "" {
		t.Errorf("%+v %v", history, err)
	}
}
