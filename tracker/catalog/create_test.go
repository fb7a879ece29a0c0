package catalog

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/merkle"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// contents returns n bytes that are the same on every run.
func contents(n int) []byte {
	var seed [32]byte
	seed[0] = byte(n)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

// writeAlbum writes a folder with sizes around blocks and pieces, in an order on disk that is not
// the order of the torrent, and returns it and its files.
func writeAlbum(t testing.TB) (dir string, sizes map[string]int) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "album")
	sizes = map[string]int{
		"z last": 5, "a.txt": 40_000, "a/deep/er": 32768, "a/b": 16384, "a/c": 1,
		"empty": 0, "Ünïcødé": 100_001, "m/five pieces": 5 * 32768, "m/copy": 5 * 32768,
	}
	for name, size := range sizes {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, contents(size), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, sizes
}

func mustCreate(t testing.TB, path string, o CreateOptions) []byte {
	t.Helper()
	data, err := Create(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCreateDescribesTheFiles(t *testing.T) {
	dir, sizes := writeAlbum(t)
	var total bt.Bytes
	for _, size := range sizes {
		total += bt.Bytes(size)
	}
	for version, name := range map[Version]string{V1: "v1", V2: "v2", Hybrid: "hybrid"} {
		t.Run(name, func(t *testing.T) {
			var done bt.Bytes
			o := CreateOptions{Version: version, PieceLength: 32768, Source: "TAG", Private: true, Progress: func(d, of bt.Bytes) {
				if d <= done || of != total {
					t.Errorf("progress %d of %d after %d", d, of, done)
				}
				done = d
			}}
			data := mustCreate(t, dir, o)
			tor := mustParse(t, data)
			if done != total || tor.Size != total || tor.Name != "album" || !tor.MultiFile || !tor.Private || tor.Source != "TAG" {
				t.Errorf("hashed %d of %d: %+v", done, total, tor)
			}
			checkFiles(t, tor, sizes)
			if tor.HasV1 {
				checkPieces(t, tor, dir)
			}
			if _, changed, err := MakePrivate(data, "TAG"); err != nil || changed {
				t.Errorf("changed %v, error %v", changed, err)
			}
			o.Progress = nil
			if !bytes.Equal(mustCreate(t, dir, o), data) {
				t.Error("the same files gave another torrent")
			}
		})
	}
}

func checkFiles(t *testing.T, tor *Torrent, sizes map[string]int) {
	t.Helper()
	seen := 0
	last := ""
	for _, f := range tor.Files {
		if f.Pad {
			continue
		}
		seen++
		name := strings.Join(f.Path, "/")
		if size, ok := sizes[name]; !ok || f.Size != bt.Bytes(size) {
			t.Errorf("%s has %d bytes, want %d", name, f.Size, size)
		}
		order := strings.Join(f.Path, "\x00")
		if order <= last {
			t.Errorf("%s is out of order", name)
		}
		last = order
	}
	if seen != len(sizes) {
		t.Errorf("%d files, want %d", seen, len(sizes))
	}
}

// checkPieces hashes the files the plain way: all in one buffer, pad files as zeros.
func checkPieces(t *testing.T, tor *Torrent, dir string) {
	t.Helper()
	var all []byte
	for _, f := range tor.Files {
		b := make([]byte, f.Size)
		if !f.Pad {
			b, _ = os.ReadFile(filepath.Join(append([]string{dir}, f.Path...)...))
		}
		all = append(all, b...)
	}
	for i := range tor.NumPieces() {
		size := int(tor.PieceSize(i))
		if sha1.Sum(all[:size]) != tor.PieceHash(i) {
			t.Errorf("piece %d has another hash", i)
		}
		all = all[size:]
	}
	if len(all) > 0 {
		t.Errorf("%d bytes in no piece", len(all))
	}
}

// TestCreateAgreesWithAnacrolix lets an independent implementation read the files, compute the
// info-hashes and the roots of the hash trees.
func TestCreateAgreesWithAnacrolix(t *testing.T) {
	dir, sizes := writeAlbum(t)
	for _, version := range []Version{V1, V2, Hybrid} {
		data := mustCreate(t, dir, CreateOptions{Version: version, PieceLength: 32768})
		tor := mustParse(t, data)
		mi, err := metainfo.Load(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if tor.HasV1 && mi.HashInfoBytes() != metainfo.Hash(tor.V1) {
			t.Errorf("version %d: info-hash %s, anacrolix says %s", version, tor.V1, mi.HashInfoBytes())
		}
		info, err := mi.UnmarshalInfo()
		if err != nil {
			t.Fatal(err)
		}
		if info.NumPieces() != tor.NumPieces() || info.TotalLength() != int64(tor.Size) {
			t.Errorf("version %d: %d pieces of %d bytes, anacrolix says %d of %d",
				version, tor.NumPieces(), tor.Size, info.NumPieces(), info.TotalLength())
		}
		if !tor.HasV2 {
			continue
		}
		if err := metainfo.ValidatePieceLayers(mi.PieceLayers, &info.FileTree, info.PieceLength); err != nil {
			t.Error(err)
		}
		checkRoots(t, &info, sizes)
	}
}

func checkRoots(t *testing.T, info *metainfo.Info, sizes map[string]int) {
	t.Helper()
	files := 0
	info.FileTree.Walk(nil, func(path []string, ft *metainfo.FileTree) {
		size := sizes[strings.Join(path, "/")]
		if ft.IsDir() || size == 0 {
			return
		}
		files++
		h := merkle.NewHash()
		_, _ = h.Write(contents(size))
		if root := string(h.Sum(nil)); root != ft.File.PiecesRoot {
			t.Errorf("%q: root %x, anacrolix says %x", path, ft.File.PiecesRoot, root)
		}
	})
	if files != len(sizes)-1 {
		t.Errorf("compared %d files", files)
	}
}

// TestInfoHashAgreesWithAnacrolix compares info-hashes of files that Create would not write.
func TestInfoHashAgreesWithAnacrolix(t *testing.T) {
	for _, data := range [][]byte{oneFile(nil), hybridFile(nil), treeFile(nil), files(at("a"), pad(7), at("b"))} {
		var mi metainfo.MetaInfo
		if err := bencode.Unmarshal(data, &mi); err != nil {
			t.Fatal(err)
		}
		if tor := mustParse(t, data); !bytes.Equal(mi.InfoBytes, tor.InfoBytes) {
			t.Errorf("info %q, anacrolix says %q", tor.InfoBytes, mi.InfoBytes)
		}
	}
}

func TestCreateOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "film.mkv")
	for _, size := range []int{1, 16384, 16385, 32768, 32769, 1 << 20, 1<<20 + 1} {
		if err := os.WriteFile(path, contents(size), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, version := range []Version{V1, V2, Hybrid} {
			tor := mustParse(t, mustCreate(t, path, CreateOptions{Version: version, PieceLength: 32768}))
			if tor.MultiFile || tor.Size != bt.Bytes(size) || tor.Span != tor.Size || len(tor.Files) != 1 || tor.Files[0].Path[0] != "film.mkv" {
				t.Errorf("%d bytes, version %d: %+v", size, version, tor)
			}
			if tor.HasV2 {
				h := merkle.NewHash()
				_, _ = h.Write(contents(size))
				tree := value(tor.InfoBytes).get("file tree").get("film.mkv").get("")
				if root, _ := tree.get("pieces root").bytes(); !bytes.Equal(root, h.Sum(nil)) {
					t.Errorf("%d bytes: root %x, anacrolix says %x", size, root, h.Sum(nil))
				}
			}
		}
	}
}

func TestAutoPieceLength(t *testing.T) {
	for total, want := range map[bt.Bytes]bt.Bytes{
		1: 16 << 10, 32 << 20: 16 << 10, 32<<20 + 1: 32 << 10, bt.GiB: 512 << 10, 1 << 50: 16 << 20,
	} {
		if got := autoPieceLength(total); got != want {
			t.Errorf("%d bytes: pieces of %d, want %d", total, got, want)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	write := func(names ...string) string {
		dir := filepath.Join(t.TempDir(), "x")
		for _, name := range append([]string{"."}, names...) {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if name != "." {
				if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = os.MkdirAll(dir, 0o755)
		return dir
	}
	for rule, dir := range map[string]string{
		RuleTotalSize:     write(),
		RulePathReserved:  write("sub/nul.txt"),
		RulePath:          write("a\nb"),
		RulePathCollision: write("a", "A"),
	} {
		_, err := Create(context.Background(), dir, CreateOptions{})
		var r *Refusal
		if !errors.As(err, &r) || r.Rule != rule {
			t.Errorf("%v, want rule %s", err, rule)
		}
	}
	dir := write("a")
	if _, err := Create(context.Background(), dir, CreateOptions{PieceLength: 20_000}); err == nil {
		t.Error("accepted a piece length of 20000")
	}
	if _, err := Create(context.Background(), filepath.Join(dir, "missing"), CreateOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Create(ctx, dir, CreateOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(context.Background(), dir, CreateOptions{}); err == nil || !strings.Contains(err.Error(), "link is not a regular file") {
		t.Errorf("symbolic link: %v", err)
	}
}

func TestCreateFollowsALinkToTheFolder(t *testing.T) {
	dir, sizes := writeAlbum(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	tor := mustParse(t, mustCreate(t, link, CreateOptions{}))
	checkFiles(t, tor, sizes)
	if tor.Name != "link" {
		t.Errorf("name %q", tor.Name)
	}
}

// needProgram skips a test without a program, or fails it where CI has installed all of them.
func needProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("SWARMSTAKE_REQUIRE_CLIENTS") == "1" {
		t.Fatalf("%s is missing and SWARMSTAKE_REQUIRE_CLIENTS=1", name)
	}
	t.Skipf("install %s to run this test", name)
	return ""
}

// TestClientsReadCreatedFiles shows a created file to standard clients. It is v1, which is all that
// the measured versions read correctly (CLIENTS.md).
func TestClientsReadCreatedFiles(t *testing.T) {
	dir, sizes := writeAlbum(t)
	data := mustCreate(t, dir, CreateOptions{PieceLength: 32768, Private: true, Source: "TAG"})
	tor := mustParse(t, data)
	path := filepath.Join(t.TempDir(), "album.torrent")
	data = Personalise(data, "http://127.0.0.1:1/announce/x/announce", "")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, client := range [][]string{{"aria2c", "-S", path}, {"transmission-show", path}} {
		t.Run(client[0], func(t *testing.T) {
			out, err := exec.Command(needProgram(t, client[0]), client[1:]...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for name := range sizes {
				if !bytes.Contains(out, []byte(name)) {
					t.Errorf("does not list %q", name)
				}
			}
			if !bytes.Contains(bytes.ToLower(out), []byte(hex.EncodeToString(tor.V1[:]))) {
				t.Errorf("does not show info-hash %s:\n%s", tor.V1, out)
			}
		})
	}
}

// TestTransmissionCreatesAcceptedFiles reads what another program wrote.
func TestTransmissionCreatesAcceptedFiles(t *testing.T) {
	program := needProgram(t, "transmission-create")
	dir, sizes := writeAlbum(t)
	path := filepath.Join(t.TempDir(), "album.torrent")
	if out, err := exec.Command(program, "-s", "32", "-o", path, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tor := mustParse(t, data)
	if len(tor.Files) < len(sizes)-1 { // it may leave out empty files
		t.Errorf("%d files, want %d", len(tor.Files), len(sizes))
	}
	checkPieces(t, tor, dir)
}
