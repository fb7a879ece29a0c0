package engine_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

const (
	benchSize     = 500 << 20
	benchPiece    = 256 << 10
	benchTorrents = 2000
)

// BenchmarkServe500MB serves one torrent to aria2 (or, without it, to an engine of its own). Targets:
// at most 1.5 s of CPU time for serving and 60 MB resident.
func BenchmarkServe500MB(b *testing.B) {
	dir := b.TempDir()
	raw := zeros(b, dir, "large", benchSize, benchPiece)
	for b.Loop() {
		d := startDaemon(b, dir)
		fetch(b, raw, d.port)
		b.ReportMetric((d.cpu(b) - d.ready).Seconds(), "cpu-s")
		b.ReportMetric(d.memory(b, "VmRSS"), "resident-MB")
		b.ReportMetric(d.memory(b, "VmHWM"), "peak-MB")
		d.stop()
	}
}

// BenchmarkSeed2000 seeds torrents of 1,000 pieces each, after their data was hashed and after a
// restart, when the verdicts are known. Target: at most 400 MB resident.
func BenchmarkSeed2000(b *testing.B) {
	dir := b.TempDir()
	for i := range benchTorrents {
		zeros(b, dir, fmt.Sprintf("t%04d", i), 1000*16<<10, 16<<10)
	}
	for b.Loop() {
		d := startDaemon(b, dir)
		b.ReportMetric(d.memory(b, "VmRSS"), "hashed-MB")
		d.stop()
		d = startDaemon(b, dir)
		b.ReportMetric(d.memory(b, "VmRSS"), "resident-MB")
		b.ReportMetric(d.memory(b, "RssFile"), "mapped-MB") // of it: the database of verified pieces, which the system takes back when it needs memory
		d.stop()
	}
}

// zeros makes a sparse file and its torrent: what is hashed and sent costs the same as other data.
func zeros(b *testing.B, dir, name string, size, piece int64) []byte {
	b.Helper()
	path := filepath.Join(dir, "data", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		b.Fatal(err)
	}
	one, err := metainfo.GeneratePieces(bytes.NewReader(make([]byte, piece)), piece, nil)
	if err != nil {
		b.Fatal(err)
	}
	private := true
	info := metainfo.Info{Name: name, PieceLength: piece, Length: size, Private: &private, Pieces: bytes.Repeat(one, int(size/piece))}
	raw := bencode.MustMarshal(metainfo.MetaInfo{InfoBytes: bencode.MustMarshal(info)})
	if err := os.WriteFile(filepath.Join(dir, name+".torrent"), raw, 0o644); err != nil {
		b.Fatal(err)
	}
	return raw
}

// fetch downloads everything from a port of this machine.
func fetch(b *testing.B, raw []byte, port int) {
	b.Helper()
	if _, err := exec.LookPath("aria2c"); err != nil {
		e, err := engine.Open(engine.Config{DataDir: b.TempDir(), StateDir: b.TempDir(), ListenAddr: "127.0.0.1:0"})
		if err != nil {
			b.Fatal(err)
		}
		defer e.Close()
		tor, err := e.Add(b.Context(), raw, engine.AddOptions{})
		if err != nil {
			b.Fatal(err)
		}
		tor.AddPeers(loopback(port))
		<-tor.Completed()
		return
	}
	tr := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		peer := binary.BigEndian.AppendUint16([]byte{127, 0, 0, 1}, uint16(port))
		w.Write(bencode.MustMarshal(map[string]any{"interval": 60, "peers": peer}))
	}))
	defer tr.Close()
	var meta metainfo.MetaInfo
	if err := bencode.Unmarshal(raw, &meta); err != nil {
		b.Fatal(err)
	}
	meta.Announce = tr.URL + "/announce"
	dir := b.TempDir()
	path := filepath.Join(dir, "file.torrent")
	if err := os.WriteFile(path, bencode.MustMarshal(meta), 0o644); err != nil {
		b.Fatal(err)
	}
	out, err := exec.Command("aria2c", "--dir", dir, "--seed-time=0", "--enable-dht=false", "--enable-dht6=false",
		"--bt-enable-lpd=false", "--file-allocation=none", "--interface=127.0.0.1", "--no-conf", "--quiet", path).CombinedOutput()
	if err != nil {
		b.Fatalf("aria2c: %v\n%s", err, out)
	}
}
