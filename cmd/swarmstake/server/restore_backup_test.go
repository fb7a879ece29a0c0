package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// drill is a data folder with a database and a journal of later than its backup.
type drill struct {
	t        *testing.T
	dir      string
	backup   string
	old, new store.ChainHead
}

func newDrill(t *testing.T) *drill {
	t.Helper()
	d := &drill{t: t, dir: t.TempDir(), backup: filepath.Join(t.TempDir(), "b.db")}
	d.post("one", "two")
	var err error
	if d.new, err = store.Backup(t.Context(), d.dir, d.backup, nil); err != nil {
		t.Fatal(err)
	}
	d.post("three")
	d.old = d.head()
	for _, file := range []string{flushMarkName, filepath.Join(journalDir, "segment")} {
		path := filepath.Join(d.dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("                  42\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *drill) post(ids ...string) {
	d.t.Helper()
	s, err := store.Open(d.t.Context(), d.dir, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, id := range ids {
		if err := s.Post(d.t.Context(), tokens.Transfer{ID: id, Asset: tokens.Token, From: tokens.Issuance, To: tokens.Treasury, Amount: 5, Code: tokens.CodeGrant}); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// head verifies the database and returns where it ends.
func (d *drill) head() store.ChainHead {
	d.t.Helper()
	v, err := store.VerifyLedger(d.t.Context(), d.dir, store.Check{})
	if err != nil || !v.OK() {
		d.t.Fatalf("%+v, %v", v, err)
	}
	return store.ChainHead{Head: v.Head, Row: v.Transfers}
}

func (d *drill) ask() Restore {
	return Restore{File: d.backup, Data: d.dir, Replace: true, Now: time.Date(2026, 11, 21, 14, 15, 0, 0, time.UTC)}
}

// names lists what lies in the folder, less what every command leaves there.
func (d *drill) names(dir string) string {
	d.t.Helper()
	entries, err := os.ReadDir(filepath.Join(d.dir, dir))
	if err != nil {
		d.t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.Name() != "lock" && !strings.HasSuffix(e.Name(), "-shm") && !strings.HasSuffix(e.Name(), "-wal") {
			out = append(out, e.Name())
		}
	}
	return strings.Join(out, " ")
}

const (
	oldFolder = "journal journal.flush swarmstake.db"
	aside     = "before-restore-20261121-141500"
)

func TestRestoreReplaces(t *testing.T) {
	d := newDrill(t)
	bars := ""
	ask := d.ask()
	ask.Progress = func(what string) (func(done, total int64), func()) {
		bars += what
		return func(done, total int64) { bars += "." }, func() { bars += "|" }
	}
	got, err := RestoreBackup(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	d.new.AtMs, got.Old.AtMs = 0, 0
	if want := (Restored{New: d.new, Old: d.old, Aside: aside}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if bars != "verifying the backup.|verifying the copy.|" {
		t.Errorf("progress %q", bars)
	}
	if d.head() != d.new || d.names("") != aside+" swarmstake.db" || d.names(aside) != oldFolder {
		t.Errorf("row %d; %s; %s", d.head().Row, d.names(""), d.names(aside))
	}
	d.post("four") // it works
	again, err := RestoreBackup(t.Context(), d.ask())
	if err != nil || again.Aside != aside+"-2" {
		t.Errorf("%+v, %v", again, err)
	}
	// By hand back to the old one.
	for _, name := range strings.Fields(oldFolder) {
		if err := os.Rename(filepath.Join(d.dir, aside, name), filepath.Join(d.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if d.head() != d.old {
		t.Error("the old database is not what it was")
	}
}

// TestRestoreIntoAnEmptyFolder: also one that has a journal and no database, or the log of none.
func TestRestoreIntoAnEmptyFolder(t *testing.T) {
	d := newDrill(t)
	d.dir = filepath.Join(t.TempDir(), "new", "folder")
	ask := d.ask()
	ask.Replace = false
	got, err := RestoreBackup(t.Context(), ask)
	if err != nil || got.Aside != "" || got.Old != (store.ChainHead{}) || d.names("") != "swarmstake.db" {
		t.Fatalf("%+v, %v: %s", got, err, d.names(""))
	}
	d.new.AtMs = 0
	if d.head() != d.new {
		t.Error("another database came out")
	}
	d.dir = t.TempDir()
	for _, name := range []string{flushMarkName, store.FileName + "-wal"} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask.Data = d.dir
	if got, err = RestoreBackup(t.Context(), ask); err != nil || d.names(got.Aside) != flushMarkName || d.head() != d.new {
		t.Errorf("%+v, %v: %s", got, err, d.names(""))
	}
}

// TestRestoreRefuses: and leaves everything as it was.
func TestRestoreRefuses(t *testing.T) {
	d := newDrill(t)
	other := filepath.Join(t.TempDir(), "other.db")
	damaged, err := os.ReadFile(d.backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, damaged[:len(damaged)-9000], 0o600); err != nil {
		t.Fatal(err)
	}
	release, err := Lock(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := RestoreBackup(t.Context(), d.ask()); !errors.As(err, &locked) {
		t.Errorf("a folder in use: %v", err)
	}
	release()
	ended, stop := context.WithCancel(t.Context())
	stop()
	var unsound *UnsoundError
	for what, tt := range map[string]struct {
		ctx    context.Context
		change func(*Restore)
		is     func(error) bool
	}{
		"a database is there": {t.Context(), func(r *Restore) { r.Replace = false }, func(err error) bool { return errors.Is(err, ErrDatabaseThere) }},
		"not a database":      {t.Context(), func(r *Restore) { r.File = filepath.Join(d.dir, flushMarkName) }, func(err error) bool { return errors.Is(err, store.ErrNoBackup) }},
		"no file":             {t.Context(), func(r *Restore) { r.File += "x" }, func(err error) bool { return errors.Is(err, os.ErrNotExist) }},
		"damaged":             {t.Context(), func(r *Restore) { r.File = other }, func(err error) bool { return errors.As(err, &unsound) }},
		"cancelled":           {ended, func(*Restore) {}, func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		ask := d.ask()
		tt.change(&ask)
		if _, err := RestoreBackup(tt.ctx, ask); err == nil || !tt.is(err) {
			t.Errorf("%s: %v", what, err)
		}
		if d.head() != d.old || d.names("") != oldFolder {
			t.Errorf("%s: row %d; %s", what, d.head().Row, d.names(""))
		}
	}
}

// TestRestoreKilledAnywhere stops a restore after each of its steps and lets the next server start, or
// the next restore, find what is left.
func TestRestoreKilledAnywhere(t *testing.T) {
	staged := func(d *drill) string { return filepath.Join(d.dir, restoreDir) }
	stage := func(d *drill) {
		if _, err := d.ask().stage(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
	}
	note := func(d *drill) {
		stage(d)
		if err := writeDurably(filepath.Join(staged(d), restoreNote), aside); err != nil {
			d.t.Fatal(err)
		}
	}
	second := func(d *drill) {
		note(d)
		if _, err := store.Seal(d.t.Context(), d.dir); err != nil {
			d.t.Fatal(err)
		}
		if err := errors.Join(os.Mkdir(filepath.Join(d.dir, aside), 0o700), keep(filepath.Join(d.dir, store.FileName), filepath.Join(d.dir, aside, store.FileName))); err != nil {
			d.t.Fatal(err)
		}
	}
	moment := func(d *drill) {
		stage(d)
		if _, _, err := d.ask().change(d.t.Context(), true); err != nil {
			d.t.Fatal(err)
		}
	}
	for what, tt := range map[string]struct {
		steps func(*drill)
		new   bool
	}{
		"nothing copied yet": {func(d *drill) { os.Mkdir(staged(d), 0o700) }, false},
		"copying": {func(d *drill) {
			os.Mkdir(staged(d), 0o700)
			os.WriteFile(filepath.Join(staged(d), restoreCopy), []byte("half"), 0o600)
		}, false},
		"copied":                 {stage, false},
		"noted":                  {note, false},
		"the old one has a name": {second, false},
		"the moment":             {moment, true},
		"half the journal is moved": {func(d *drill) {
			moment(d)
			os.Rename(filepath.Join(d.dir, flushMarkName), filepath.Join(d.dir, aside, flushMarkName))
		}, true},
		"all of it is moved": {func(d *drill) {
			moment(d)
			if err := setAside(d.dir, aside); err != nil {
				d.t.Fatal(err)
			}
		}, true},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDrill(t)
			tt.steps(d)
			if !tt.new && d.head() != d.old { // as it is, before anybody cleans up
				t.Error("neither the old nor the new database")
			}
			if err := finishRestore(d.dir); err != nil {
				t.Fatal(err)
			}
			want, names := d.old, oldFolder
			if tt.new {
				want, names = d.new, aside+" swarmstake.db"
				if d.names(aside) != oldFolder {
					t.Errorf("aside: %s", d.names(aside))
				}
			}
			if want.AtMs = 0; d.head() != want || d.names("") != names {
				t.Errorf("row %d, want %d; %s", d.head().Row, want.Row, d.names(""))
			}
			if err := finishRestore(d.dir); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServerFinishesARestore: a server that starts after a killed restore takes neither half of it.
func TestServerFinishesARestore(t *testing.T) {
	d := newDrill(t)
	if _, err := d.ask().stage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.ask().change(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	openServer(t, quick(d.dir)).close()
	if d.names(aside) != oldFolder {
		t.Errorf("aside: %s", d.names(aside))
	}
	if there, _ := exists(filepath.Join(d.dir, restoreDir)); there {
		t.Error("the restore is not finished")
	}
}
