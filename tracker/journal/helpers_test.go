//go:build unix

package journal

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// small makes segments of a few records, so that everything about them happens often.
var small = Options{SegmentBytes: MinSegmentBytes, MaxBytes: 8 * MinSegmentBytes, Log: slog.New(slog.DiscardHandler)}

// failer is what *testing.T, *testing.F and *rapid.T have in common.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// record is what the tests know of a record.
type record struct {
	pos int64
	rec string
}

// quick is a disk for tests that kill processes, or cut the power in some way of their own: it need
// not wait for the real one.
var quick = disk{blank: blank, flush: noFlush, sync: noSync}

// dirty is a quick disk on which emptied files keep their old contents.
var dirty = disk{blank: func(f *os.File, size int64) error { return f.Truncate(size) }, flush: noFlush, sync: noSync}

func noFlush(*segment, int, int) error { return nil }
func noSync(*os.File) error            { return nil }

func mustOpen(t testing.TB, dir string, o Options, d disk) *Journal {
	t.Helper()
	j, err := open(dir, o, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func mustAppend(t failer, j *Journal, recs ...string) (out []record) {
	t.Helper()
	for _, r := range recs {
		pos, err := j.Append([]byte(r))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, record{pos, r})
	}
	return out
}

// numbered returns n different records of about size bytes.
func numbered(n, size int) (recs []string) {
	for i := range n {
		recs = append(recs, fmt.Sprintf("%d:%s", i, bytes.Repeat([]byte{byte('a' + i%26)}, size+i%9)))
	}
	return recs
}

// replayed returns what Replay gives, and its error.
func replayed(j *Journal, from int64) (out []record, err error) {
	err = j.ReplayFrom(from, func(pos int64, rec []byte) error {
		out = append(out, record{pos, string(rec)})
		return nil
	})
	return out, err
}

// wantReplay opens a folder and compares what is in it.
func wantReplay(t failer, dir string, o Options, want []record) {
	t.Helper()
	j, err := open(dir, o, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	got, err := replayed(j, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("replay gave %d records, wanted %d", len(got), len(want))
	}
	if len(want) > 0 && j.Next() <= want[len(want)-1].pos {
		t.Fatalf("the next position is %d, %d was given", j.Next(), want[len(want)-1].pos)
	}
}

// copyDir copies a folder as a killed process would leave it.
func copyDir(t failer, from, to string) {
	t.Helper()
	for _, n := range ls(t, from) {
		if err := os.WriteFile(filepath.Join(to, n), mustRead(t, filepath.Join(from, n)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func mustRead(t failer, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ls(t failer, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		names = append(names, n.Name())
	}
	return names
}

// change edits a copy of a folder's file.
func change(t testing.TB, dir, name string, edit func(b []byte) []byte) string {
	t.Helper()
	to := t.TempDir()
	copyDir(t, dir, to)
	path := filepath.Join(to, name)
	if err := os.WriteFile(path, edit(mustRead(t, path)), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// segments returns the names of the segments in a folder, oldest first.
func segments(t failer, dir string) (names []string) {
	t.Helper()
	for _, n := range ls(t, dir) {
		if _, ok := firstOf(n); ok {
			names = append(names, n)
		}
	}
	return names
}

// logger returns a logger that writes to w without times.
func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
