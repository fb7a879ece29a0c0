package locate

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const pieceLength = 16 << 10

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// data is noise that depends on the seed alone.
func data(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, b, 0o644))
}

func move(t testing.TB, from, to string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(to), 0o755))
	must(t, os.Rename(from, to))
}

// album makes a folder of files, the first of them empty, with and without whole pieces of their own, in folders of their own.
func album(t testing.TB, dir string) string {
	root := filepath.Join(dir, "album")
	write(t, filepath.Join(root, "a.bin"), data(1, 5*pieceLength+100))
	write(t, filepath.Join(root, "b", "note.txt"), data(2, 700))
	write(t, filepath.Join(root, "b", "z.bin"), data(3, 3*pieceLength))
	write(t, filepath.Join(root, "c.txt"), data(4, 900))
	write(t, filepath.Join(root, "0"), nil)
	return root
}

// single makes one file.
func single(t testing.TB, dir string) string {
	path := filepath.Join(dir, "film.bin")
	write(t, path, data(9, 4*pieceLength+5))
	return path
}

func torrentOf(t testing.TB, path string, v catalog.Version, private bool) []byte {
	t.Helper()
	b, err := catalog.Create(t.Context(), path, catalog.CreateOptions{Version: v, PieceLength: pieceLength, Private: private})
	must(t, err)
	return b
}

// made is a torrent with its data in dir.
type made struct {
	bytes []byte
	file  *engine.File
}

func create(t testing.TB, path string, v catalog.Version) made {
	t.Helper()
	b := torrentOf(t, path, v, true)
	f, err := engine.ParseFile(b)
	must(t, err)
	return made{b, f}
}

// sameData compares what lies at a place with what the torrent was made of, file by file.
func sameData(t *testing.T, m made, p Place, want map[string][]byte) {
	t.Helper()
	for i, f := range m.file.Files() {
		if f.Pad || f.Size == 0 {
			continue
		}
		path := filepath.Join(p.Dir, filepath.Join(f.Path...))
		if p.Files != nil && p.Files[i] != "" {
			path = p.Files[i]
		}
		got, err := os.ReadFile(path)
		if name := f.Path[len(f.Path)-1]; err != nil || !bytes.Equal(got, want[name]) {
			t.Errorf("%s is said to lie at %s, which has other data (%v)", name, path, err)
		}
	}
}

func albumData() map[string][]byte {
	return map[string][]byte{"a.bin": data(1, 5*pieceLength+100), "note.txt": data(2, 700), "z.bin": data(3, 3*pieceLength), "c.txt": data(4, 900)}
}

func sum(files map[string][]byte) (n bt.Bytes) {
	for _, b := range files {
		n += bt.Bytes(len(b))
	}
	return n
}
