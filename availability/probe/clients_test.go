package probe

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/metainfo"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	realName        = "data.bin"
	realPieceLength = 64 << 10
	realPieces      = 24
	realSize        = realPieces*realPieceLength - 5000
)

// seed is a private torrent on disk, announced to a tracker of the test.
type seed struct {
	dir, torrent string
	info         metainfo.Info
	hash         bt.InfoHash
	announced    *atomic.Int64 // announces with left = 0
	left         *atomic.Int64 // of the last announce
}

func newSeed(t *testing.T) seed {
	t.Helper()
	s := seed{dir: t.TempDir(), announced: new(atomic.Int64), left: new(atomic.Int64)}
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("left") == "0" {
			s.announced.Add(1)
		}
		if left, err := strconv.ParseInt(r.URL.Query().Get("left"), 10, 64); err == nil {
			s.left.Store(left)
		}
		w.Write(bencode.MustMarshal(map[string]any{"interval": 1800, "complete": 1, "incomplete": 0, "peers": ""}))
	}))
	t.Cleanup(tracker.Close)
	data := make([]byte, realSize)
	r := rand.NewChaCha8([32]byte{7})
	r.Read(data)
	path := filepath.Join(s.dir, realName)
	must(t, os.WriteFile(path, data, 0o600))
	private := true
	s.info = metainfo.Info{PieceLength: realPieceLength, Private: &private, Source: "SWARMSTAKE"}
	must(t, s.info.BuildFromFilePath(path))
	raw, err := bencode.Marshal(s.info)
	must(t, err)
	s.hash = sha1.Sum(raw)
	var buf bytes.Buffer
	must(t, (&metainfo.MetaInfo{InfoBytes: raw, Announce: tracker.URL + "/announce"}).Write(&buf))
	s.torrent = filepath.Join(t.TempDir(), "data.torrent")
	must(t, os.WriteFile(s.torrent, buf.Bytes(), 0o600))
	return s
}

func (s seed) request(addr netip.AddrPort, pieces ...int) Request {
	return Request{Addr: addr, InfoHash: s.hash, PieceLength: realPieceLength, Size: realSize, NumPieces: realPieces,
		PieceHash: func(i int) [20]byte { return [20]byte(s.info.Pieces[20*i:]) }, Pieces: pieces}
}

// overwrite changes one piece behind the client's back. A failing disk leaves the file's time as it
// was; somebody who writes to the file does not.
func (s seed) overwrite(t *testing.T, piece int64, keepTime bool) {
	t.Helper()
	path := filepath.Join(s.dir, realName)
	before, err := os.Stat(path)
	must(t, err)
	if keepTime {
		defer func() { must(t, os.Chtimes(path, before.ModTime(), before.ModTime())) }()
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xbd}, 100), piece*realPieceLength+30_000)
	must(t, err)
	must(t, f.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRealClients: an intact copy passes; one piece damaged after the client checked it is found;
// its intact neighbour still passes. Transmission 3.00 checks a piece again when the file's time
// has moved, and then stops seeding without a word: that is never a pass, and nothing to slash for.
func TestRealClients(t *testing.T) {
	t.Parallel()
	for _, client := range []struct {
		name, program string
		start         func(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd
		written       availability.Verdict // of a piece that somebody wrote over
	}{
		{"aria2", "aria2c", aria2, availability.Corrupt},
		{"aria2 that requires encryption", "aria2c", aria2Encrypted, availability.Corrupt},
		{"transmission", "transmission-daemon", transmission, availability.Inconclusive},
	} {
		t.Run(client.name, func(t *testing.T) {
			needs(t, client.program)
			t.Parallel()
			s := newSeed(t)
			addr := freeAddr(t)
			run(t, client.start(t, s, addr))
			waitFor(t, "the client seeds", func() bool { return s.announced.Load() > 0 && answers(addr) })
			time.Sleep(2 * reconnectPause) // clients drop whoever was just there

			p := newProber(t, 45*time.Second)
			intact := p.Probe(context.Background(), s.request(addr, 3, 11, realPieces-1))
			for _, r := range intact.Pieces {
				if r.Verdict != availability.Passed {
					t.Errorf("intact piece %d: %s: %s", r.Piece, r.Verdict, intact.Reason)
				}
			}
			if want := client.name == "aria2 that requires encryption"; intact.Encrypted != want {
				t.Errorf("encrypted: %v, want %v", intact.Encrypted, want)
			}
			s.overwrite(t, 7, true)
			time.Sleep(reconnectPause)
			spoilt := p.Probe(context.Background(), s.request(addr, 8, 7))
			got := map[int]availability.Verdict{}
			for _, r := range spoilt.Pieces {
				got[r.Piece] = r.Verdict
			}
			if got[7] != availability.Corrupt || got[8] != availability.Passed {
				t.Errorf("damaged piece: %s, its neighbour: %s (%s)", got[7], got[8], spoilt.Reason)
			}
			s.overwrite(t, 15, false)
			time.Sleep(reconnectPause)
			written := p.Probe(context.Background(), s.request(addr, 15))
			if v := written.Pieces[0].Verdict; v != client.written {
				t.Errorf("overwritten piece: %s, want %s (%s)", v, client.written, written.Reason)
			}
			t.Logf("%s: intact %s at %d B/s, then %s", intact.PeerClient, intact.Elapsed.Round(time.Millisecond), intact.Rate(), spoilt.Elapsed.Round(time.Millisecond))
		})
	}
}

func aria2(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
	return exec.Command("aria2c", "--no-conf", "--dir="+s.dir, "--check-integrity=true", "--seed-ratio=0.0", "--file-allocation=none",
		"--interface="+addr.Addr().String(), fmt.Sprintf("--listen-port=%d", addr.Port()), "--enable-dht=false", "--enable-dht6=false",
		"--bt-enable-lpd=false", "--enable-peer-exchange=false", "--summary-interval=0", "--async-dns=false", s.torrent)
}

func aria2Encrypted(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
	cmd := aria2(t, s, addr)
	cmd.Args = append(cmd.Args[:len(cmd.Args)-1], "--bt-require-crypto=true", "--bt-min-crypto-level=arc4", s.torrent)
	return cmd
}

func transmission(t *testing.T, s seed, addr netip.AddrPort) *exec.Cmd {
	home, watch := t.TempDir(), t.TempDir()
	settings, err := json.Marshal(map[string]any{
		"bind-address-ipv4": addr.Addr().String(), "peer-port": addr.Port(), "peer-port-random-on-start": false, "port-forwarding-enabled": false,
		"rpc-enabled": false, "dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false,
		"download-dir": s.dir, "watch-dir": watch, "watch-dir-enabled": true, "preallocation": 0, "encryption": 1,
		"speed-limit-up-enabled": false, "ratio-limit-enabled": false, "idle-seeding-limit-enabled": false,
	})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(home, "settings.json"), settings, 0o600))
	raw, err := os.ReadFile(s.torrent)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(watch, "data.torrent"), raw, 0o600))
	return exec.Command("transmission-daemon", "--foreground", "--config-dir", home, "--log-error")
}

// needs skips a test without the program, or fails it where every test has to run.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("SWARMSTAKE_REQUIRE_CLIENTS") == "1" {
		t.Fatalf("%s is not installed, and SWARMSTAKE_REQUIRE_CLIENTS=1", program)
	}
	t.Skipf("%s is not installed", program)
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s said: %s", cmd.Path, log.String())
		}
	})
}

// freeAddr is a port of a loopback address of its own, so that clients do not take each other for
// themselves.
func freeAddr(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:0", 20+rand.IntN(200)))
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func answers(addr netip.AddrPort) bool {
	conn, err := net.DialTimeout("tcp", addr.String(), time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("30 s over: not yet that %s", what)
		}
	}
}
