//go:build unix

package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// written returns a folder as a killed process left it, with records of which the first synced are
// on disk, and the name of the segment that holds them all.
func written(t *testing.T, recs []string, synced int) (dir, name string, all []record) {
	t.Helper()
	o := small
	o.SegmentBytes, o.MaxBytes = 64<<10, 1<<20
	live := t.TempDir()
	j := mustOpen(t, live, o, quick)
	all = mustAppend(t, j, recs[:synced]...)
	for range 2 { // the second puts the mark of the first on disk
		if err := j.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	all = append(all, mustAppend(t, j, recs[synced:]...)...)
	dir = t.TempDir()
	copyDir(t, live, dir)
	return dir, segments(t, dir)[0], all
}

func byteOf(r record) int64 { return r.pos - 8 + headerBytes } // in the first segment of a folder

// TestTornAnywhere writes zeros from every byte of the unsynced records on, as if the rest had never
// been written.
func TestTornAnywhere(t *testing.T) {
	const synced = 5
	dir, name, all := written(t, numbered(10, 60), synced)
	end := byteOf(all[9]) + recordHeader + int64(len(all[9].rec))
	for at := byteOf(all[synced]); at < end; at++ {
		to := change(t, dir, name, func(b []byte) []byte { clear(b[at:]); return b })
		whole := 0
		for whole < len(all) && byteOf(all[whole])+recordHeader+int64(len(all[whole].rec)) <= at {
			whole++
		}
		wantReplay(t, to, small, all[:whole])
		wantReplay(t, to, small, all[:whole]) // the cut is durable
	}
}

// TestFlippedByte changes every byte of the last record in turn.
func TestFlippedByte(t *testing.T) {
	dir, name, all := written(t, numbered(4, 40), 2)
	last := all[3]
	for i := range int64(recordHeader + len(last.rec)) {
		to := change(t, dir, name, func(b []byte) []byte { b[byteOf(last)+i] ^= 1 << (i % 8); return b })
		wantReplay(t, to, small, all[:3])
	}
}

// TestLostPage loses each page of the unsynced records while the later ones are on disk, and sees
// that those never come back, also when new records fill the hole exactly.
func TestLostPage(t *testing.T) {
	dir, name, all := written(t, numbered(300, 92), 50)
	end := byteOf(all[299])
	for page := (byteOf(all[50])/4096 + 1) * 4096; page+4096 <= end; page += 4096 {
		to := change(t, dir, name, func(b []byte) []byte { clear(b[page : page+4096]); return b })
		whole := slices.IndexFunc(all, func(r record) bool { return byteOf(r)+recordHeader+int64(len(r.rec)) > page })
		var log bytes.Buffer
		o := small
		o.Log = logger(&log)
		j := mustOpen(t, to, o, quick)
		if !strings.Contains(log.String(), name) || !strings.Contains(log.String(), "dropped=") {
			t.Fatalf("the log does not say what was dropped: %s", &log)
		}
		want := slices.Clone(all[:whole])
		for _, r := range all[whole : whole+20] {
			want = append(want, mustAppend(t, j, r.rec)...)
		}
		j.Close()
		wantReplay(t, to, small, want)
	}
}

// TestDamage changes every byte of records that were synced, and wants to be told, and to be able to
// go on behind it.
func TestDamage(t *testing.T) {
	dir, name, all := written(t, numbered(12, 20), 8)
	for i, r := range all[:8] {
		for n := range int64(recordHeader + len(r.rec)) {
			to := change(t, dir, name, func(b []byte) []byte { b[byteOf(r)+n] ^= 0x10; return b })
			j := mustOpen(t, to, small, quick)
			got, err := replayed(j, 0)
			want := DamageError{Path: filepath.Join(to, name), Offset: byteOf(r), Position: r.pos, Resume: all[i+1].pos}
			var damage *DamageError
			if !errors.As(err, &damage) || *damage != want || !slices.Equal(got, all[:i]) {
				t.Fatalf("record %d, byte %d: %d records and %v, wanted %v", i, n, len(got), err, &want)
			}
			got, err = replayed(j, damage.Resume)
			if err != nil || !slices.Equal(got, all[i+1:]) {
				t.Fatalf("behind record %d: %d records and %v", i, len(got), err)
			}
			j.Close()
		}
	}
}

// TestDamagedSeal loses the seal of a segment that synced ones follow. If the segment was full all is
// well, else what it held last cannot be known.
func TestDamagedSeal(t *testing.T) {
	for _, test := range []struct {
		name string
		n    int // records in the first segment
		hurt bool
	}{{"full", 200, false}, {"skipped", 3, true}} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			j := mustOpen(t, dir, small, quick)
			all := mustAppend(t, j, numbered(test.n, 150)...)
			if err := j.SkipTo(j.Next() + 1); err != nil {
				t.Fatal(err)
			}
			all = append(all, mustAppend(t, j, "behind it")...)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			name := segments(t, dir)[0]
			to := change(t, dir, name, func(b []byte) []byte { b[sealAt]++; return b })
			j = mustOpen(t, to, small, quick)
			got, err := replayed(j, 0)
			var damage *DamageError
			if errors.As(err, &damage) != test.hurt {
				t.Fatalf("replay says %v", err)
			}
			if test.hurt {
				rest, err := replayed(j, damage.Resume)
				if err != nil || filepath.Base(damage.Path) != name {
					t.Fatalf("damage %v, then %v", damage, err)
				}
				got = append(got, rest...)
			}
			if !slices.Equal(got, all) {
				t.Fatalf("replay gave %d records, wanted %d", len(got), len(all))
			}
		})
	}
}

// TestUnreadableFolders are those that only a failing disk or a person can make.
func TestUnreadableFolders(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, dir, small, quick)
	mustAppend(t, j, numbered(200, 150)...)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	names := segments(t, dir)
	if len(names) < 3 {
		t.Fatalf("only %d segments", len(names))
	}
	for what, edit := range map[string]func(to string) error{
		"missing":   func(to string) error { return os.Remove(filepath.Join(to, names[1])) },
		"truncated": func(to string) error { return os.Truncate(filepath.Join(to, names[1]), 10000) },
		"short":     func(to string) error { return os.Truncate(filepath.Join(to, names[1]), 100) },
		"header": func(to string) error {
			return os.WriteFile(filepath.Join(to, names[1]), make([]byte, MinSegmentBytes), 0o600)
		},
		"another's": func(to string) error {
			return os.WriteFile(filepath.Join(to, names[1]), mustRead(t, filepath.Join(to, names[0])), 0o600)
		},
	} {
		to := t.TempDir()
		copyDir(t, dir, to)
		if err := edit(to); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(to, small); err == nil || !strings.Contains(err.Error(), names[1]) {
			t.Errorf("%s: %v, wanted an error that names %s", what, err, names[1])
		}
	}
}

// TestRecycledSegment puts few new records into a file full of old ones that lie at the same places.
func TestRecycledSegment(t *testing.T) {
	live, o := t.TempDir(), small
	j := mustOpen(t, live, o, dirty)
	recs := numbered(50, 150)
	for range 3 { // each file is used again
		for range 3 {
			mustAppend(t, j, recs...)
		}
		j.Release(j.Next())
	}
	if n := len(ls(t, live)); n > 2+maxSpares {
		t.Fatalf("%d files: nothing was used again", n)
	}
	if err := j.SkipTo(j.Next() + 1); err != nil { // to the beginning of a used file
		t.Fatal(err)
	}
	j.Release(j.Next())
	want := mustAppend(t, j, recs[:3]...)
	dir := t.TempDir()
	copyDir(t, live, dir)
	names := segments(t, dir)
	raw := mustRead(t, filepath.Join(dir, names[len(names)-1]))
	if !bytes.Contains(raw, []byte(recs[5])) && !bytes.Contains(raw, []byte(recs[40])) {
		t.Fatal("the file holds no old records, so this shows nothing")
	}
	wantReplay(t, dir, o, want)
}
