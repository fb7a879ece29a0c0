package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// patience bounds what a test waits for; a loaded machine takes long.
const patience = time.Minute

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// bytesOf makes the same bytes for the same name.
func bytesOf(name string, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b)
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// single makes a file of n random bytes in dir and its private v1 torrent.
func single(t *testing.T, dir, name string, n int) []byte {
	t.Helper()
	write(t, filepath.Join(dir, name), bytesOf(name, n))
	return create(t, filepath.Join(dir, name), catalog.V1)
}

func create(t *testing.T, path string, v catalog.Version) []byte {
	t.Helper()
	raw, err := catalog.Create(t.Context(), path, catalog.CreateOptions{Version: v, PieceLength: 64 << 10, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func open(t *testing.T, cfg engine.Config) *engine.Engine {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	if cfg.StateDir == "" {
		cfg.StateDir = t.TempDir()
	}
	if cfg.ListenAddr == "" {
		cfg.ListenAddr = "127.0.0.1:0"
	}
	e, err := engine.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func add(t *testing.T, e *engine.Engine, raw []byte, opt engine.AddOptions) *engine.Torrent {
	t.Helper()
	tor, err := e.Add(t.Context(), raw, opt)
	if err != nil {
		t.Fatal(err)
	}
	return tor
}

// seeder opens an engine that has a file of n bytes.
func seeder(t *testing.T, name string, n int) (*engine.Engine, *engine.Torrent, []byte) {
	t.Helper()
	dir := t.TempDir()
	raw := single(t, dir, name, n)
	e := open(t, engine.Config{DataDir: dir})
	tor := add(t, e, raw, engine.AddOptions{})
	if !tor.Stats().Complete {
		t.Fatalf("not complete: %+v", tor.Stats())
	}
	return e, tor, raw
}

func addr(e *engine.Engine) []netip.AddrPort {
	return loopback(int(e.Port()))
}

func loopback(port int) []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))}
}

// completes waits until the torrent is complete. It is told of the engines to fetch from again and again,
// as announces do: a connection may break.
func completes(t *testing.T, tor *engine.Torrent, from ...*engine.Engine) {
	t.Helper()
	eventually(t, "complete", func() bool {
		for _, e := range from {
			tor.AddPeers(addr(e))
		}
		select {
		case <-tor.Completed():
			return true
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
}

// padded is a v1 torrent with padding files, as libtorrent makes them, over files in dir/name.
func padded(t *testing.T, dir, name string, sizes ...int) []byte {
	t.Helper()
	const piece = 64 << 10
	private := true
	info := metainfo.Info{Name: name, PieceLength: piece, Private: &private}
	var all []byte
	for i, n := range sizes {
		file := string(rune('a'+i)) + ".bin"
		b := bytesOf(name+file, n)
		write(t, filepath.Join(dir, name, file), b)
		all = append(all, b...)
		info.Files = append(info.Files, metainfo.FileInfo{Length: int64(n), Path: []string{file}})
		if pad := (piece - len(all)%piece) % piece; pad > 0 && i < len(sizes)-1 {
			f := metainfo.FileInfo{Length: int64(pad), Path: []string{".pad", "1"}}
			f.Attr = "p"
			all = append(all, make([]byte, pad)...)
			info.Files = append(info.Files, f)
		}
	}
	pieces, err := metainfo.GeneratePieces(bytes.NewReader(all), piece, nil)
	if err != nil {
		t.Fatal(err)
	}
	info.Pieces = pieces
	raw, err := bencode.Marshal(metainfo.MetaInfo{InfoBytes: bencode.MustMarshal(info)})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func scrub(t *testing.T, tor *engine.Torrent, from, n int) (int, bt.Bytes) {
	t.Helper()
	next, damaged, err := tor.ScrubPieces(context.Background(), from, n)
	if err != nil {
		t.Fatal(err)
	}
	return next, damaged
}
