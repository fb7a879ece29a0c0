package server

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// TestChecksFail breaks one thing after the other; each must be named, and by its own check only.
func TestChecksFail(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	now := time.Now()
	r.Server.now = func() time.Time { return now }
	fresh := func() {
		*r.health = health{started: now, commit: now, loops: map[string]*loopHealth{}}
		r.health.measured(&figures{at: now})
		r.flusher.wholeMs.Store(now.UnixMilli())
		r.flusher.given.Store(r.journal.Next())
	}
	budget := r.conf.Server.JournalBytes
	for _, c := range []struct {
		name, check, says string
		harm              func()
	}{
		{"stopping", "server", "ending", r.health.stop},
		{"failed commit", "database", "disk full", func() { r.health.committed(store.Commit{Err: errors.New("disk full")}, now) }},
		{"no commits", "database", "nothing was written for 2m0s", func() { r.health.commit = now.Add(-2 * time.Minute) }},
		{"full journal", "journal", "wait to be written", func() { r.flusher.given.Store(r.journal.Next() - budget) }},
		{"meter", "meter", "for 16m0s", func() { r.flusher.wholeMs.Store(now.Add(-16 * time.Minute).UnixMilli()) }},
		{"late loop", "loops", "sweep: no round succeeded for 6m0s", func() { r.health.begin("sweep", time.Second, now.Add(-6*time.Minute)) }},
		{"failing loop", "loops", "(no luck)", func() {
			r.health.begin("sweep", time.Second, now.Add(-6*time.Minute))
			r.health.round("sweep", time.Second, now, errors.New("no luck"))
		}},
		{"no figures", "ledger", "not added up yet", func() { r.health.measured(nil) }},
		{"old figures", "ledger", "for 11m0s", func() { r.health.measured(&figures{at: now.Add(-11 * time.Minute)}) }},
		{"imbalance", "ledger", "sum to -1, not 0", func() {
			r.health.measured(&figures{at: now, imbalance: map[tokens.Asset]tokens.Amount{tokens.Quote: -1}})
		}},
		{"no disk", "disk", "look for free space", func() { r.conf.Data = filepath.Join(r.conf.Data, "gone") }},
	} {
		fresh()
		if ready := r.Readiness(); !ready.Ready {
			t.Fatalf("before %s: %+v", c.name, ready.Failed())
		}
		dir := r.conf.Data
		c.harm()
		ready := r.Readiness()
		failed := ready.Failed()
		if ready.Ready || len(failed) != 1 || failed[0].Name != c.check || !strings.Contains(failed[0].Text, c.says) {
			t.Errorf("%s: %+v, want %s: …%s…", c.name, failed, c.check, c.says)
		}
		r.conf.Data = dir
	}
	fresh()
	r.health.begin("badges", time.Hour, now.Add(-4*time.Hour))
	if ready := r.Readiness(); !ready.Ready {
		t.Errorf("a slow loop is not late after four intervals: %+v", ready.Failed())
	}
}

// TestImbalanceIsSeen changes a balance behind the ledger's back.
func TestImbalanceIsSeen(t *testing.T) {
	r := openServer(t, quick(t.TempDir()))
	r.member("ada", 7*tokens.Unit, 0)
	if err := r.measure(t.Context(), r.now()); err != nil {
		t.Fatal(err)
	}
	if c := r.health.checkLedger(r.now()); !c.OK {
		t.Fatalf("a sound ledger: %+v", c)
	}
	db, err := sql.Open("sqlite3", filepath.Join(r.conf.Data, store.FileName)+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE accounts SET balance = balance + 5 WHERE asset = 'token' AND name = 'issuance'"); err != nil {
		t.Fatal(err)
	}
	if err := r.measure(t.Context(), r.now()); err != nil {
		t.Fatal(err)
	}
	if c := r.health.checkLedger(r.now()); c.OK || !strings.Contains(c.Text, "token sum to 5") {
		t.Errorf("5 micro-tokens out of nothing: %+v", c)
	}
}

func TestLateSettlementIsMeasured(t *testing.T) {
	conf := quick(t.TempDir())
	conf.Server.EpochLength, conf.Server.SettlementDelay = time.Hour, time.Hour
	r := openServer(t, conf)
	if err := r.nextEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.measure(t.Context(), r.now()); err != nil {
		t.Fatal(err)
	}
	f := r.health.lately()
	if in := time.Until(f.due); in <= 0 || in > time.Hour {
		t.Errorf("the epoch that just ended is due in %s", in)
	}
}

func TestBackupNote(t *testing.T) {
	dir := t.TempDir()
	if _, err := LastBackup(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no backup: %v", err)
	}
	note := BackupNote{At: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC), File: "/backup/a.db", Head: "ab", Row: 9}
	for range 2 {
		if err := NoteBackup(dir, note); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := LastBackup(dir); err != nil || got != note {
		t.Errorf("read %+v (%v), want %+v", got, err, note)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files were left", len(left))
	}
	if err := os.WriteFile(filepath.Join(dir, backupNoteName), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LastBackup(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a damaged note: %v", err)
	}
}

func TestLogFormat(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		c := DefaultConfig()
		c.Server.LogFormat, c.Server.LogLevel = format, "warn"
		log := NewLog(&b, c)
		log.Info("quiet")
		log.Warn("loud", "n", 1)
		if isJSON := json.Valid(b.Bytes()); isJSON != (format == "json") || strings.Contains(b.String(), "quiet") || !strings.Contains(b.String(), "loud") {
			t.Errorf("%s: %s", format, b.String())
		}
	}
}
