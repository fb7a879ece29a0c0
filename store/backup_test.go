package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

// TestBackupBesideAWriter makes backups while transfers are posted: each is a ledger of its own that
// ends where the backup says, and the ledger that went on passes through all those heads.
func TestBackupBesideAWriter(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	s := open(t, dir, Options{})
	err := s.write(t.Context(), func(t *tx) error { // pages for more than one step
		return errors.Join(t.post(grant("first", tokens.Treasury, 1)), t.setFact("filler", strings.Repeat("x", 4*backupPages*4096)))
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := s.Post(t.Context(), grant(fmt.Sprintf("g/%d/%d", w, i), tokens.Treasury, 1)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	heads := map[string]ChainHead{}
	for i := range 5 {
		file := filepath.Join(out, fmt.Sprintf("a backup?%d%%.db", i)) // characters that mean something in a URI
		told := int64(0)
		h, err := Backup(t.Context(), dir, file, func(done, total int64) {
			if done < told || done > total {
				t.Errorf("progress %d of %d after %d", done, total, told)
			}
			told = done
		})
		if err != nil {
			t.Fatal(err)
		}
		heads[file] = h
	}
	stop()
	wg.Wait()
	s.Close()
	for file, h := range heads {
		v, err := VerifyBackup(t.Context(), file, Check{Head: &h.Head})
		if err != nil || !v.OK() || v.Head != h.Head || v.Transfers != h.Row || v.HeadRow != h.Row {
			t.Errorf("%s: head %+v, verified %+v, %v", file, h, v, err)
		}
		if v, err := VerifyLedger(t.Context(), dir, Check{Head: &h.Head}); err != nil || !v.OK() || v.HeadRow != h.Row {
			t.Errorf("the ledger does not pass through row %d: %+v, %v", h.Row, v, err)
		}
		if i, err := os.Stat(file); err != nil || i.Mode() != 0o600 {
			t.Errorf("%s: mode %s, %v", file, i.Mode(), err)
		}
		b, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(b[18:20], []byte{1, 1}) { // file format: written without a log
			t.Errorf("%s says it has a log beside it: %v, %v", file, b[18:20], err)
		}
	}
	left, err := os.ReadDir(out)
	if err != nil || len(left) != len(heads) {
		t.Errorf("%d files for %d backups: %v, %v", len(left), len(heads), left, err)
	}
}

func TestBackupNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{}).Close()
	file := filepath.Join(t.TempDir(), "b.db")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), dir, file, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "mine" {
		t.Error("the file was touched")
	}
	if err := publish(file, file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that came meanwhile: %v", err)
	}
	if _, err := Backup(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "b.db"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	out := t.TempDir()
	if _, err := Backup(ended, dir, filepath.Join(out, "b.db"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("a cancelled backup left %v", left)
	}
}

// TestVerifyBackupFindsDamage flips bytes all over a backup: it never passes unless nothing changed,
// and never panics.
func TestVerifyBackupFindsDamage(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "b.db")
	s := open(t, dir, Options{})
	addMember(t, s, 1, 100, 50)
	for i := range 40 {
		if err := s.Post(t.Context(), grant(fmt.Sprintf("grant/number/%d", i), tokens.Treasury, 5)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if _, err := Backup(t.Context(), dir, file, nil); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.db")
	check := func(what string, content []byte) bool {
		t.Helper()
		if err := os.WriteFile(bad, content, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := VerifyBackup(t.Context(), bad, Check{})
		return err == nil && v.OK()
	}
	if !check("sound", sound) {
		t.Fatal("a sound backup is refused")
	}
	for what, content := range map[string][]byte{"empty": {}, "cut": sound[:len(sound)/2], "text": []byte("a text that is not a database at all"), "header": sound[:100]} {
		if check(what, content) {
			t.Errorf("%s: passes", what)
		}
	}
	if _, err := VerifyBackup(t.Context(), filepath.Join(dir, "none"), Check{}); err == nil {
		t.Error("a file that does not exist passes")
	}
	// Every place where a transfer's id, or a balance beside its account's name, lies.
	flipped := 0
	for _, text := range []string{"grant/number/", "tokentreasury", "tokenmember/1/staked"} {
		for at := 0; ; {
			i := bytes.Index(sound[at:], []byte(text))
			if i < 0 {
				break
			}
			at += i + len(text)
			for _, place := range []int{at - 1, at - len(text) - 1} {
				content := bytes.Clone(sound)
				content[place] ^= 0x11
				flipped++
				if check(text, content) {
					t.Errorf("byte %d near %q can be changed unseen", place, text)
				}
			}
		}
	}
	if flipped < 160 {
		t.Fatalf("only %d bytes were changed", flipped)
	}
}

// TestVerifyBackupNamesDanglingReferences: rows that refer to nothing.
func TestVerifyBackupNamesDanglingReferences(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "b.db")
	s := open(t, dir, Options{})
	addMember(t, s, 1, 100, 50)
	s.Close()
	tamper(t, dir, "PRAGMA foreign_keys = 0; INSERT INTO nodes (id, member, name, public_key, created_ms) VALUES (1, 77, 'n', zeroblob(32), 0)")
	if _, err := Backup(t.Context(), dir, file, nil); err != nil {
		t.Fatal(err)
	}
	v, err := VerifyBackup(t.Context(), file, Check{})
	if err != nil || v.OK() || !strings.Contains(v.Faults[0], "nodes refers to a row of members") {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := VerifyBackup(t.Context(), filepath.Join(dir, FileName), Check{}); err != nil {
		t.Errorf("a database that nobody uses: %v", err)
	}
	s = open(t, dir, Options{}) // in use: part of it is in the log
	if err := s.Post(t.Context(), grant("g", tokens.Treasury, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyBackup(t.Context(), filepath.Join(dir, FileName), Check{}); !errors.Is(err, ErrNoBackup) {
		t.Errorf("a database in use: %v", err)
	}
}
