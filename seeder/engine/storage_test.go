package engine_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// folder makes dir/name with a few files, of which one is empty.
func folder(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	write(t, filepath.Join(path, "b.bin"), bytesOf("b", 150_000))
	write(t, filepath.Join(path, "a", "deep.bin"), bytesOf("deep", 70_000))
	write(t, filepath.Join(path, "0 empty"), nil)
	return path
}

func shown(f *engine.File) (out []string) {
	for _, p := range f.Files() {
		s := strings.Join(p.Path, "/")
		if p.Pad {
			s += " (padding)"
		}
		out = append(out, s)
	}
	return out
}

// TestFilesAreWhereTheyAreSaidToBe for all formats: what Files says is where the data lies and is found.
func TestFilesAreWhereTheyAreSaidToBe(t *testing.T) {
	t.Parallel()
	many := []string{"many/0 empty", "many/a/deep.bin", "many/b.bin"}
	for _, c := range []struct {
		name string
		make func(dir string) []byte
		want []string
	}{
		{"v1 folder", func(d string) []byte { return create(t, folder(t, d, "many"), catalog.V1) }, many},
		{"v2 folder", func(d string) []byte { return create(t, folder(t, d, "many"), catalog.V2) }, many},
		{"hybrid folder", func(d string) []byte { return create(t, folder(t, d, "many"), catalog.Hybrid) }, many},
		{"v1 file", func(d string) []byte { return single(t, d, "one", 100_000) }, []string{"one"}},
		{"v2 file", func(d string) []byte {
			single(t, d, "one", 100_000)
			return create(t, filepath.Join(d, "one"), catalog.V2)
		}, []string{"one"}},
		{"hybrid file", func(d string) []byte {
			single(t, d, "one", 100_000)
			return create(t, filepath.Join(d, "one"), catalog.Hybrid)
		}, []string{"one"}},
		{"folder of one file", func(d string) []byte {
			single(t, filepath.Join(d, "box"), "one", 100_000)
			return create(t, filepath.Join(d, "box"), catalog.V2)
		}, []string{"box/one"}},
		{"padded v1", func(d string) []byte { return padded(t, d, "pads", 100_000, 70_000, 5) },
			[]string{"pads/a.bin", "pads/.pad/1 (padding)", "pads/b.bin", "pads/.pad/1 (padding)", "pads/c.bin"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			raw := c.make(dir)
			e := open(t, engine.Config{})
			tor := add(t, e, raw, engine.AddOptions{Dir: dir})
			if got := shown(tor.File); !slices.Equal(got, c.want) {
				t.Errorf("files %q, want %q", got, c.want)
			}
			if s := tor.Stats(); !s.Complete || tor.Folder() != dir || len(tor.Missing()) != 0 {
				t.Errorf("%+v in %s, missing %q", s, tor.Folder(), tor.Missing())
			}
			checkSizes(t, tor)
		})
	}
}

func checkSizes(t *testing.T, tor *engine.Torrent) {
	t.Helper()
	for i, f := range tor.File.Files() {
		path := tor.Paths()[i]
		if f.Pad {
			if path != "" {
				t.Errorf("padding lies at %s", path)
			}
			continue
		}
		if st, err := os.Stat(path); err != nil || bt.Bytes(st.Size()) != f.Size || path != filepath.Join(append([]string{tor.Folder()}, f.Path...)...) {
			t.Errorf("%q of %d bytes is said to lie at %s: %v", f.Path, f.Size, path, err)
		}
	}
	if _, err := os.Stat(filepath.Join(tor.Folder(), tor.File.Name, ".pad")); err == nil {
		t.Error("padding was written into the folder")
	}
}

// TestRenamedFiles are hosted where they lie, fetched there where they are damaged, and nothing is
// made at the usual place.
func TestRenamedFiles(t *testing.T) {
	t.Parallel()
	for _, v := range []catalog.Version{catalog.V1, catalog.Hybrid} {
		orig, moved, usual := t.TempDir(), t.TempDir(), t.TempDir()
		raw := create(t, folder(t, orig, "many"), v)
		deep, b := filepath.Join(moved, "x", "renamed"), filepath.Join(moved, "other name.bin")
		damaged := bytes.Clone(bytesOf("b", 150_000))
		damaged[140_000]++
		write(t, deep, bytesOf("deep", 70_000))
		write(t, b, damaged)
		src := open(t, engine.Config{DataDir: orig})
		add(t, src, raw, engine.AddOptions{})
		e := open(t, engine.Config{})
		tor := add(t, e, raw, engine.AddOptions{Dir: usual, Files: []string{"", deep, b}})
		if s := tor.Stats(); s.Complete || s.Left > 140_000 {
			t.Fatalf("%+v; want the damaged pieces left only", s)
		}
		completes(t, tor, src)
		if !bytes.Equal(read(t, b), bytesOf("b", 150_000)) {
			t.Error("the damaged file was not repaired where it lies")
		}
		if want := []string{filepath.Join(usual, "many", "0 empty"), deep, b}; !slices.Equal(tor.Paths(), want) {
			t.Errorf("paths %q, want %q", tor.Paths(), want)
		}
		if _, err := os.Stat(filepath.Join(usual, "many", "b.bin")); err == nil {
			t.Error("a file was made at the usual place too")
		}
	}
}

// TestPaddedDownload: padding is neither written nor has it to be sent rightly, and what was verified
// is known after a restart.
func TestPaddedDownload(t *testing.T) {
	t.Parallel()
	orig, dir, state := t.TempDir(), t.TempDir(), t.TempDir()
	raw := padded(t, orig, "pads", 100_000, 70_000, 5)
	src := open(t, engine.Config{DataDir: orig})
	add(t, src, raw, engine.AddOptions{})
	e := open(t, engine.Config{DataDir: dir, StateDir: state})
	tor := add(t, e, raw, engine.AddOptions{})
	completes(t, tor, src)
	checkSizes(t, tor)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	pad := read(t, filepath.Join(state, "padding"))
	if len(pad) == 0 || bytes.Count(pad, []byte{0}) != len(pad) {
		t.Errorf("the padding of %d bytes is not zeros", len(pad))
	}
	e = open(t, engine.Config{DataDir: dir, StateDir: state})
	if tor = add(t, e, raw, engine.AddOptions{}); !tor.Stats().Complete {
		t.Errorf("after a restart %+v", tor.Stats())
	}
}

// TestPlacesThatAreRefused: above all an operator's file is never emptied.
func TestPlacesThatAreRefused(t *testing.T) {
	t.Parallel()
	orig, dir := t.TempDir(), t.TempDir()
	raw := create(t, folder(t, orig, "many"), catalog.V1)
	precious := filepath.Join(dir, "precious")
	write(t, precious, []byte("mine"))
	e := open(t, engine.Config{DataDir: dir})
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"too few":   {[]string{precious}, "3 files"},
		"relative":  {[]string{"", "b.bin", ""}, "absolute"},
		"not empty": {[]string{precious, "", ""}, "should be empty"},
		"a folder":  {[]string{dir, "", ""}, "should be empty"},
	} {
		if _, err := e.Add(t.Context(), raw, engine.AddOptions{Files: c.files}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	write(t, filepath.Join(dir, "many", "0 empty"), []byte("mine"))
	if _, err := e.Add(t.Context(), raw, engine.AddOptions{}); err == nil {
		t.Error("a file that should be empty was taken over")
	}
	if got := read(t, precious); string(got) != "mine" {
		t.Errorf("the operator's file is now %q", got)
	}
	if len(e.Torrents()) != 0 {
		t.Error("a refused torrent was kept")
	}
}

// TestEmptyFileAfterOthers: a v1 torrent is hosted, others would crash the library.
func TestEmptyFileAfterOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := folder(t, dir, "many")
	write(t, filepath.Join(path, "z empty"), nil)
	e := open(t, engine.Config{DataDir: dir})
	for v, want := range map[catalog.Version]error{catalog.V1: nil, catalog.V2: engine.ErrEmptyFile, catalog.Hybrid: engine.ErrEmptyFile} {
		if _, err := e.Add(t.Context(), create(t, path, v), engine.AddOptions{}); !errors.Is(err, want) {
			t.Errorf("version %d: error %v, want %v", v, err, want)
		}
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	orig, dir := t.TempDir(), t.TempDir()
	raw := create(t, folder(t, orig, "many"), catalog.V1)
	write(t, filepath.Join(dir, "file"), nil)
	e := open(t, engine.Config{})
	if _, err := e.Add(t.Context(), raw, engine.AddOptions{Dir: filepath.Join(dir, "file")}); err == nil || !strings.Contains(err.Error(), "opening the files in") {
		t.Errorf("error %v", err)
	}
	add(t, e, raw, engine.AddOptions{Dir: orig}) // and it can be added elsewhere then
}
