package main

import (
	"database/sql"
	"fmt"
	"io/fs"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/swarmstake/swarmstake/migrations"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// oldVersion is the schema that the tests begin with: that before searches, when a torrent's file stood
// in its row. What came later is made of the rows, table by table.
const oldVersion = 15

// TestMigrationsAreTransactions: each file is applied as a whole or not at all, so that a server that is
// killed while it migrates goes on with the same file.
func TestMigrationsAreTransactions(t *testing.T) {
	escapes := regexp.MustCompile(`(?im)NO TRANSACTION|^\s*(PRAGMA|VACUUM|ATTACH|DETACH|COMMIT|ROLLBACK|BEGIN\s*;|BEGIN TRANSACTION|SAVEPOINT)\b`)
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil || len(files) < oldVersion {
		t.Fatalf("%d migrations: %v", len(files), err)
	}
	for i, name := range files {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if m := escapes.FindString(string(text)); m != "" {
			t.Errorf("%s leaves its transaction by %q", name, m)
		}
		if !strings.HasPrefix(name, fmt.Sprintf("%04d_", i+1)) {
			t.Errorf("%s is number %d: numbers have no gaps", name, i+1)
		}
	}
}

// TestKilledMigration: a server with a database of an older version is killed again and again while it
// brings it up to date. Then it has everything that a server has which was left alone, the ledger is
// sound, and the schema is a new database's.
func TestKilledMigration(t *testing.T) {
	t.Parallel()
	old := oldDatabase(t)
	calm, again := siteOn(t, old), siteOn(t, old)
	for _, s := range []*site{calm, again} {
		s.serve(t)
		s.stop(t)
	}
	fresh := t.TempDir()
	st, err := store.Open(t.Context(), fresh, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	st.Close()
	left := map[int64]int{} // versions that kills left
	for range 4 {
		s := siteOn(t, old)
		s.hunt(t, left)
		s.serve(t)
		s.stop(t)
		s.verifyLedger(t)
		sameContents(t, s.dir, calm.dir, again.dir)
		sameSchema(t, s.dir, fresh)
	}
	t.Logf("versions that kills left, and how often: %v", left)
	delete(left, oldVersion)
	delete(left, newestVersion(t))
	if len(left) == 0 {
		t.Error("no kill hit between two versions: the test shows nothing")
	}
}

// hunt kills servers at moments of the migration until it is done, and some more while they fill what
// is new.
func (s *site) hunt(t *testing.T, left map[int64]int) {
	t.Helper()
	newest := newestVersion(t)
	for after := 0; after < 4; {
		db := readOnly(t, s.dir)
		at := versionOf(t, db)
		p := s.launch(t)
		for deadline := time.Now().Add(time.Second); p.alive() && at < newest && versionOf(t, db) == at && time.Now().Before(deadline); {
			time.Sleep(50 * time.Microsecond)
		}
		if at == newest {
			after++
			time.Sleep(mrand.N(100 * time.Millisecond))
		}
		time.Sleep(mrand.N(2 * time.Millisecond))
		p.kill()
		left[versionOf(t, db)]++
		db.Close()
		if log := p.stderr.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "Error:") {
			t.Fatalf("the server does not go on where it was killed:\n%s", log)
		}
	}
}

// TestKilledFirstStart: the same, from no database at all.
func TestKilledFirstStart(t *testing.T) {
	t.Parallel()
	s := siteOn(t, t.TempDir())
	for range 15 {
		p := s.launch(t)
		time.Sleep(mrand.N(60 * time.Millisecond))
		p.kill()
		if log := p.stderr.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "Error:") {
			t.Fatalf("the server does not go on where it was killed:\n%s", log)
		}
	}
	s.serve(t)
	ann := s.addMember(t, "ann", "10", "50")
	ann.upload(t, hugeTorrent("first"))
	s.stop(t)
	s.verifyLedger(t)
}

// siteOn is a site with a copy of a folder's database, not started.
func siteOn(t *testing.T, from string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), config: filepath.Join(t.TempDir(), "swarmstake.toml"), listen: fmt.Sprintf("127.0.0.1:%d", freePort(t, "127.0.0.1"))}
	if err := os.WriteFile(s.config, []byte("[surge]\nstep = \"24h\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(from, store.FileName)); err == nil {
		copyDatabase(t, from, s.dir)
	}
	return s
}

// oldDatabase is a folder with a database of oldVersion: some hundred members with money, and torrents
// with their files.
func oldDatabase(t *testing.T) string {
	t.Helper()
	now, old := t.TempDir(), t.TempDir()
	st, err := store.Open(t.Context(), now, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	var people []store.StakedMember
	for i := range 200 {
		people = append(people, store.StakedMember{Name: fmt.Sprintf("member%d", i), Secret: [32]byte{byte(i)}, Tokens: tokens.Amount(i) * tokens.Unit, Stake: 60 * tokens.Unit})
	}
	ids, err := st.AddStakedMembers(t.Context(), people)
	if err != nil {
		t.Fatal(err)
	}
	var torrents []store.NewTorrent
	for i := range 3000 {
		h := bt.InfoHash{byte(i), byte(i >> 8), 7}
		torrents = append(torrents, store.NewTorrent{InfoHash: h, Name: fmt.Sprintf("Some Show %d of %d words", i, i*7919%1009), Size: bt.Bytes(i+1) << 20, PieceBytes: 1 << 18, Files: 1,
			Metainfo: fmt.Appendf(nil, "d4:infod4:name%04dee%0300d", i, i), Uploader: ids[i%len(ids)]})
	}
	if _, err := st.AddTorrents(t.Context(), torrents); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	downgrade(t, now, old)
	return old
}

// downgrade makes a database of oldVersion with those columns of another's tables that it has.
func downgrade(t *testing.T, from, to string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(to, store.FileName)+"?_journal_mode=WAL&_foreign_keys=0")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS)
	if err == nil {
		_, err = p.UpTo(t.Context(), oldVersion)
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	run("ATTACH ? AS new", filepath.Join(from, store.FileName))
	triggers := words(t, db, "SELECT sql FROM main.sqlite_schema WHERE type = 'trigger'")
	for _, name := range words(t, db, "SELECT name FROM main.sqlite_schema WHERE type = 'trigger'") {
		run("DROP TRIGGER " + name)
	}
	copied := 0
	for _, table := range words(t, db, "SELECT o.name FROM main.sqlite_schema o JOIN new.sqlite_schema n USING (name, type) WHERE type = 'table' AND name NOT LIKE 'goose%'") {
		columns := words(t, db, "SELECT name FROM pragma_table_info(?, 'main') WHERE name IN (SELECT name FROM pragma_table_info(?, 'new'))", table, table)
		into, take := strings.Join(columns, ", "), strings.Join(columns, ", ")
		if table == "torrents" {
			into, take = into+", metainfo", take+", (SELECT file FROM new.metainfos WHERE torrent = id)"
		}
		run("DELETE FROM main." + table)
		run(fmt.Sprintf("INSERT INTO main.%s (%s) SELECT %s FROM new.%s", table, into, take, table))
		copied++
	}
	for _, trigger := range triggers {
		run(trigger)
	}
	run("DETACH new")
	if broken := words(t, db, `SELECT "table" FROM pragma_foreign_key_check`); len(broken) > 0 || copied < 20 {
		t.Fatalf("%d tables copied, broken references in %v", copied, broken)
	}
}

// words are the values of a query with one column.
func words(t *testing.T, db *sql.DB, query string, args ...any) (out []string) {
	t.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var w string
		if err := rows.Scan(&w); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		out = append(out, w)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

func newestVersion(t *testing.T) int64 {
	t.Helper()
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(files))
}

// versionOf is the last migration that a database has, also while a server applies the next.
func versionOf(t *testing.T, db *sql.DB) (v int64) {
	t.Helper()
	if err := db.QueryRow("SELECT max(version_id) FROM goose_db_version").Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// schemaOf is every table, index, trigger and view, as they were made.
func schemaOf(t *testing.T, dir string) []string {
	t.Helper()
	db := readOnly(t, dir)
	defer db.Close()
	return words(t, db, "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1")
}

// sameSchema holds a schema to a new database's.
func sameSchema(t *testing.T, gotDir, wantDir string) {
	t.Helper()
	got, want := schemaOf(t, gotDir), schemaOf(t, wantDir)
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("only in the migrated schema: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("only in a new schema: %s", line)
		}
	}
}

// sameContents holds a database to what two servers have that were left alone: in every table in which
// those two agree. What is left depends on the time, or on chance.
func sameContents(t *testing.T, dir, calm, again string) {
	t.Helper()
	got, want, other := readOnly(t, dir), readOnly(t, calm), readOnly(t, again)
	defer got.Close()
	defer want.Close()
	defer other.Close()
	var compared []string
	for _, table := range words(t, want, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
		a := contents(t, want, table)
		if table == "goose_db_version" || !slices.Equal(a, contents(t, other, table)) { // the former has the time, in seconds
			continue
		}
		compared = append(compared, table)
		b := contents(t, got, table)
		if slices.Equal(a, b) {
			continue
		}
		t.Errorf("table %s has %d rows after a calm start and %d after kills, or they differ", table, len(a), len(b))
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Errorf("  %.300s\n  %.300s", a[i], b[i])
				break
			}
		}
	}
	for _, table := range []string{"accounts", "listing", "members", "metainfos", "search", "torrents", "transfers"} {
		if !slices.Contains(compared, table) {
			t.Errorf("table %s was not compared", table)
		}
	}
}

// contents are a table's rows as text, in order.
func contents(t *testing.T, db *sql.DB, table string) (out []string) {
	t.Helper()
	rows, err := db.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%v", values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
