package locate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

var versions = map[string]catalog.Version{"v1": catalog.V1, "v2": catalog.V2, "hybrid": catalog.Hybrid}

// TestFindsFolder moves and renames the files of a torrent in the ways in which people do.
func TestFindsFolder(t *testing.T) {
	cases := map[string]struct {
		change func(t *testing.T, disk string) Hint
		usual  bool // every file under its own name below Dir
	}{
		"usual layout":             {func(t *testing.T, disk string) Hint { return Hint{} }, true},
		"folder moved deep":        {func(t *testing.T, disk string) Hint { move(t, disk+"/album", disk+"/x/y/album"); return Hint{} }, true},
		"folder renamed":           {func(t *testing.T, disk string) Hint { move(t, disk+"/album", disk+"/My Album"); return Hint{} }, false},
		"folder moved and renamed": {func(t *testing.T, disk string) Hint { move(t, disk+"/album", disk+"/x/other"); return Hint{} }, false},
		"large file renamed": {func(t *testing.T, disk string) Hint {
			move(t, disk+"/album/a.bin", disk+"/album/part 1")
			return Hint{}
		}, false},
		"small file renamed": {func(t *testing.T, disk string) Hint {
			move(t, disk+"/album/b/note.txt", disk+"/album/n")
			return Hint{}
		}, false},
		"file moved out": {func(t *testing.T, disk string) Hint {
			move(t, disk+"/album/b/z.bin", disk+"/elsewhere/z.bin")
			return Hint{}
		}, false},
		"files without folder, renamed":    {flatten, false},
		"hint of another folder":           {func(t *testing.T, disk string) Hint { return away(t, disk, "album", Hint{}) }, true},
		"hint of a renamed file":           {hintOfFile, false},
		"wrong hint":                       {func(t *testing.T, disk string) Hint { return Hint{Dir: disk + "/nowhere"} }, true},
		"a copy with other data is beside": {decoy, true},
	}
	for name, c := range cases {
		for vname, v := range versions {
			t.Run(name+"/"+vname, func(t *testing.T) {
				disk := t.TempDir()
				m := create(t, album(t, disk), v)
				hint := c.change(t, disk)
				p, ok := Find(t.Context(), m.file, m.bytes, []string{disk}, hint)
				if !ok || p.MissingFiles != 0 || p.Present != sum(albumData()) || (p.Files == nil) != c.usual {
					t.Fatalf("found %v: %+v", ok, p)
				}
				sameData(t, m, p, albumData())
			})
		}
	}
}

func flatten(t *testing.T, disk string) Hint {
	move(t, disk+"/album/a.bin", disk+"/1")
	move(t, disk+"/album/b/note.txt", disk+"/2")
	move(t, disk+"/album/b/z.bin", disk+"/3")
	move(t, disk+"/album/c.txt", disk+"/4")
	must(t, os.RemoveAll(disk+"/album"))
	return Hint{}
}

// away moves something where no folder looks, and hints at it.
func away(t *testing.T, disk, name string, h Hint) Hint {
	h.Dir = filepath.Join(t.TempDir(), "away")
	move(t, filepath.Join(disk, name), filepath.Join(h.Dir, name))
	return h
}

func hintOfFile(t *testing.T, disk string) Hint {
	h := away(t, disk, "album", Hint{})
	m := create(t, filepath.Join(h.Dir, "album"), catalog.V1)
	h.Files = make([]string, len(m.file.Files()))
	for i, f := range m.file.Files() {
		if f.Path[len(f.Path)-1] == "z.bin" {
			h.Files[i] = filepath.Join(h.Dir, "album", "zz")
			move(t, filepath.Join(h.Dir, "album", "b", "z.bin"), h.Files[i])
		}
	}
	return h
}

// decoy puts a folder of the same names and sizes where it is met first.
func decoy(t *testing.T, disk string) Hint {
	move(t, disk+"/album", disk+"/z/album")
	others(t, disk)
	return Hint{}
}

func others(t *testing.T, disk string) {
	for name, b := range map[string][]byte{"a.bin": data(11, 5*pieceLength+100), "b/note.txt": data(12, 700), "b/z.bin": data(13, 3*pieceLength), "c.txt": data(14, 900)} {
		write(t, filepath.Join(disk, "album", name), b)
	}
}

func TestFindsSingleFile(t *testing.T) {
	want := map[string][]byte{"film.bin": data(9, 4*pieceLength+5)}
	for name, to := range map[string]string{"usual": "film.bin", "moved": "a/film.bin", "renamed": "film (2020).bin", "both": "a/b/f"} {
		for vname, v := range versions {
			t.Run(name+"/"+vname, func(t *testing.T) {
				disk := t.TempDir()
				m := create(t, single(t, disk), v)
				move(t, disk+"/film.bin", filepath.Join(disk, to))
				write(t, disk+"/decoy", data(10, 4*pieceLength+5))
				p, ok := Find(t.Context(), m.file, m.bytes, []string{disk})
				if !ok || p.MissingFiles != 0 || p.Present != m.file.Size || p.Dir != filepath.Dir(filepath.Join(disk, to)) {
					t.Fatalf("found %v: %+v", ok, p)
				}
				sameData(t, m, p, want)
			})
		}
	}
}

// TestCountsWhatIsMissing removes, cuts and damages files of a torrent.
func TestCountsWhatIsMissing(t *testing.T) {
	disk := t.TempDir()
	m := create(t, album(t, disk), catalog.V1)
	must(t, os.Remove(disk+"/album/b/z.bin"))
	must(t, os.Truncate(disk+"/album/c.txt", 10))
	damaged := data(1, 5*pieceLength+100)
	damaged[0] ^= 1
	write(t, disk+"/album/a.bin", damaged)
	p, ok := Find(t.Context(), m.file, m.bytes, []string{disk})
	if want := bt.Bytes(5*pieceLength + 100 + 700); !ok || p.MissingFiles != 2 || p.Present != want || p.Dir != disk || p.Files != nil {
		t.Errorf("found %v: %+v, want 2 files missing and %d bytes present", ok, p, want)
	}
}

// TestLeavesOtherDataAlone: data that no piece proves is somebody else's, whatever it is called.
func TestLeavesOtherDataAlone(t *testing.T) {
	for name, other := range map[string]func(t *testing.T, disk string){
		"nothing":               func(t *testing.T, disk string) {},
		"same names and sizes":  others,
		"same sizes":            func(t *testing.T, disk string) { write(t, disk+"/x", data(21, 3*pieceLength)) },
		"a folder for a file":   func(t *testing.T, disk string) { must(t, os.MkdirAll(disk+"/album/a.bin", 0o755)) },
		"links that go nowhere": func(t *testing.T, disk string) { must(t, os.Symlink(disk+"/gone", disk+"/album")) },
	} {
		t.Run(name, func(t *testing.T) {
			from, disk := t.TempDir(), t.TempDir()
			m := create(t, album(t, from), catalog.V1)
			other(t, disk)
			if p, ok := Find(t.Context(), m.file, m.bytes, []string{disk, disk + "/absent"}, Hint{Dir: disk}); ok {
				t.Errorf("took %+v", p)
			}
		})
	}
}

// TestFolderIsNoFile: a folder has a size too.
func TestFolderIsNoFile(t *testing.T) {
	disk := t.TempDir()
	info, err := os.Stat(disk)
	must(t, err)
	write(t, disk+"/x/large", data(6, 3*pieceLength))
	write(t, disk+"/x/small", data(7, int(max(info.Size(), 1))))
	m := create(t, disk+"/x", catalog.V1)
	must(t, os.Remove(disk+"/x/small"))
	must(t, os.Mkdir(disk+"/x/small", 0o755))
	if p, ok := Find(t.Context(), m.file, m.bytes, []string{disk}); !ok || p.MissingFiles != 1 || p.Present != 3*pieceLength {
		t.Errorf("found %v: %+v", ok, p)
	}
}

// TestHintWithoutFolder: only the files that it names count, not those of the working directory.
func TestHintWithoutFolder(t *testing.T) {
	disk := t.TempDir()
	m := create(t, album(t, disk), catalog.V1)
	t.Chdir(disk)
	if p, ok := Find(t.Context(), m.file, m.bytes, nil, Hint{}); ok {
		t.Errorf("an empty hint leads to %+v", p)
	}
	h := Hint{Files: make([]string, len(m.file.Files()))}
	h.Files[1] = disk + "/album/a.bin"
	if p, ok := Find(t.Context(), m.file, m.bytes, nil, h); !ok || p.MissingFiles != 3 || p.Dir != disk+"/album" || p.Files[1] != h.Files[1] {
		t.Errorf("found %v: %+v", ok, p)
	}
}

// TestTakesNoFileTwice: two files of one content need two files on disk.
func TestTakesNoFileTwice(t *testing.T) {
	disk := t.TempDir()
	write(t, disk+"/twins/one", data(5, 3*pieceLength))
	write(t, disk+"/twins/two", data(5, 3*pieceLength))
	m := create(t, disk+"/twins", catalog.V2)
	move(t, disk+"/twins/one", disk+"/x")
	must(t, os.RemoveAll(disk+"/twins"))
	p, ok := Find(t.Context(), m.file, m.bytes, []string{disk})
	if !ok || p.MissingFiles != 1 || p.Present != 3*pieceLength {
		t.Errorf("found %v: %+v", ok, p)
	}
}

func TestFindIsBounded(t *testing.T) {
	disk := t.TempDir()
	m := create(t, single(t, disk), catalog.V1)
	move(t, disk+"/film.bin", disk+"/sub/renamed")
	for i := range 20 {
		write(t, fmt.Sprintf("%s/other%02d", disk, i), data(100+uint64(i), 4*pieceLength+5))
	}
	for name, c := range map[string]struct {
		limits    Limits
		found     bool
		truncated bool
	}{
		"defaults":         {Limits{}, false, false}, // the 21st of one size and of another name is not read
		"few entries":      {Limits{Entries: 5}, false, true},
		"no folders below": {Limits{Depth: 1}, false, false},
	} {
		ix := NewIndex([]string{disk}, c.limits)
		if _, ok := ix.Find(t.Context(), m.file, m.bytes); ok != c.found || ix.Truncated() != c.truncated {
			t.Errorf("%s: found %v, truncated %v", name, ok, ix.Truncated())
		}
	}
	for i := range 19 {
		must(t, os.Remove(fmt.Sprintf("%s/other%02d", disk, i)))
	}
	for name, c := range map[string]struct {
		limits Limits
		found  bool
	}{
		"defaults":         {Limits{}, true},
		"one piece read":   {Limits{Read: pieceLength}, false}, // the other file's
		"no folders below": {Limits{Depth: 1}, false},
	} {
		if _, ok := NewIndex([]string{disk}, c.limits).Find(t.Context(), m.file, m.bytes); ok != c.found {
			t.Errorf("%s: found %v", name, ok)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	disk := t.TempDir()
	m, other := create(t, album(t, disk), catalog.V1), create(t, single(t, disk), catalog.V1)
	if _, ok := Find(t.Context(), m.file, other.bytes, []string{disk}); ok {
		t.Error("took the bytes of another torrent")
	}
	if _, ok := Find(t.Context(), m.file, []byte("d4:infode"), []string{disk}); ok {
		t.Error("took bytes that are no torrent")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	ix := NewIndex([]string{disk}, Limits{})
	if _, ok := ix.Find(ended, m.file, m.bytes); ok {
		t.Error("found something after the context ended")
	}
	move(t, disk+"/album", disk+"/x")
	if p, ok := ix.Find(t.Context(), m.file, m.bytes); !ok || p.MissingFiles > 0 {
		t.Errorf("an index whose walk was cut off stays without files: %+v", p)
	}
}

// TestIndexIsShared: overlapping folders give each file once, and several goroutines may ask.
func TestIndexIsShared(t *testing.T) {
	disk := t.TempDir()
	m := create(t, album(t, disk), catalog.V1)
	move(t, disk+"/album", disk+"/sub/deep/renamed")
	must(t, os.Symlink(disk+"/sub", disk+"/link"))
	ix := NewIndex([]string{disk + "/sub", disk, disk + "/sub/", disk + "/link"}, Limits{})
	found := make(chan Place)
	for range 4 {
		go func() {
			p, _ := ix.Find(t.Context(), m.file, m.bytes)
			found <- p
		}()
	}
	for range 4 {
		if p := <-found; p.MissingFiles != 0 || p.Present != m.file.Size || p.Dir != disk+"/sub/deep" {
			t.Errorf("found %+v", p)
		}
	}
	if n := len(ix.candidates(t.Context(), 900, "c.txt")); n != 1 {
		t.Errorf("%d entries of one file", n)
	}
}
