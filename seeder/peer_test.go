package seeder_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const testSize = 3<<20 + 12345 // not a multiple of anything

// start runs a peer until the test ends; stop ends it and returns its final figures.
func start(t *testing.T, cfg seeder.PeerConfig) (p *seeder.Peer, stop func() engine.Stats) {
	t.Helper()
	p, err := seeder.NewPeer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	ended := false
	stop = func() engine.Stats {
		cancel()
		if !ended {
			ended = true
			if err := <-done; err != nil {
				t.Errorf("peer: %v", err)
			}
		}
		return p.Stats()
	}
	t.Cleanup(func() { stop() })
	return p, stop
}

func TestPeersExchangeAndAccountExactly(t *testing.T) {
	tr := newTracker(t)
	tr.warning = "price now 12.5"
	c := newContent(t, "film.bin", testSize, tr.url())
	seed, stopSeed := start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: freePort(t, "127.0.0.2")})
	eventually(t, "seeder announced", 10*time.Second, func() bool { return len(tr.of("127.0.0.2", "started")) == 1 })
	if got := tr.of("127.0.0.2", "started")[0]; got.Left != 0 || got.PeerID[:8] != engine.PeerIDPrefix {
		t.Fatalf("a verified seeder announced %+v", got)
	}

	var lastDone, lastTotal int64
	var events []string
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	got, err := seeder.RunPeer(ctx, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: dir, ListenAddr: freePort(t, "127.0.0.3"),
		StopWhenComplete: true, OnEvent: func(s string) { events = append(events, s) },
		Progress: func(done, total int64) { lastDone, lastTotal = done, total }})
	if err != nil || !got.Complete {
		t.Fatalf("leecher: %+v, %v; events %q", got, err, events)
	}
	c.checkIn(t, dir)
	if got.Downloaded != testSize || got.Left != 0 {
		t.Errorf("leecher counted %d bytes, %d left; want exactly %d, 0", got.Downloaded, got.Left, testSize)
	}
	if lastDone != testSize || lastTotal != testSize {
		t.Errorf("last progress %d of %d", lastDone, lastTotal)
	}
	if !strings.Contains(strings.Join(events, "\n"), "price now 12.5") {
		t.Errorf("the warning was not surfaced: %q", events)
	}
	checkAnnounces(t, tr)
	sent := func() (n bt.Bytes) {
		for k, b := range seed.PeerBytes() {
			if k.Addr != netip.MustParseAddr("127.0.0.3") {
				t.Errorf("a peer at %s, want the leecher's own address", k.Addr)
			}
			n += b.Sent
		}
		return n
	}
	eventually(t, "per-peer bytes sum to the size", 5*time.Second, func() bool { return sent() == testSize })
	if s := stopSeed(); s.Uploaded != testSize {
		t.Errorf("seeder counted %d bytes uploaded; want %d", s.Uploaded, testSize)
	}
	if s := tr.of("127.0.0.2", "stopped"); len(s) != 1 || s[0].Up != testSize {
		t.Errorf("the seeder's farewell: %+v", s)
	}
	if len(tr.of("127.0.0.2", "completed")) != 0 {
		t.Error("a peer that started complete announced completed")
	}
}

func checkAnnounces(t *testing.T, tr *tracker) {
	t.Helper()
	started, completed, stopped := tr.of("127.0.0.3", "started"), tr.of("127.0.0.3", "completed"), tr.of("127.0.0.3", "stopped")
	if len(started) != 1 || started[0].Left != testSize || started[0].Down != 0 {
		t.Errorf("started: %+v", started)
	}
	if len(completed) != 1 || completed[0].Left != 0 || completed[0].Down != testSize {
		t.Errorf("completed: %+v", completed)
	}
	if len(stopped) != 1 || stopped[0].Down != testSize {
		t.Errorf("stopped: %+v", stopped)
	}
}

func TestAria2DownloadsFromPeer(t *testing.T) {
	aria2 := need(t, "aria2c")
	tr := newTracker(t)
	c := newContent(t, "aria.bin", testSize, tr.url())
	_, stop := start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: freePort(t, "127.0.0.2")})
	eventually(t, "seeder announced", 10*time.Second, func() bool { return len(tr.of("127.0.0.2", "started")) == 1 })
	dir := t.TempDir()
	file := filepath.Join(dir, "aria.torrent")
	if err := os.WriteFile(file, c.torrent, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, aria2, "--no-conf", "--dir="+dir, "--seed-time=0", "--enable-dht=false",
		"--enable-dht6=false", "--bt-enable-lpd=false", "--file-allocation=none", "--listen-port="+portOf(t), file).CombinedOutput()
	if err != nil {
		t.Fatalf("aria2c: %v\n%s", err, out)
	}
	c.checkIn(t, dir)
	if s := stop(); s.Uploaded != testSize {
		t.Errorf("uploaded to aria2: %d, want %d", s.Uploaded, testSize)
	}
}

func portOf(t *testing.T) string {
	_, port, err := net.SplitHostPort(freePort(t, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// need finds a program or skips; CI turns the skip into a failure.
func need(t *testing.T, program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("SWARMSTAKE_REQUIRE_CLIENTS") == "1" {
			t.Fatalf("%s is not installed, and SWARMSTAKE_REQUIRE_CLIENTS=1", program)
		}
		t.Skipf("%s is not installed", program)
	}
	return path
}

func TestRateLimitHolds(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "slow.bin", 1<<20, tr.url())
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: freePort(t, "127.0.0.2"), UploadRate: 512 << 10})
	eventually(t, "seeder announced", 10*time.Second, func() bool { return len(tr.of("127.0.0.2", "started")) == 1 })
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := seeder.RunPeer(ctx, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: t.TempDir(),
		ListenAddr: freePort(t, "127.0.0.3"), StopWhenComplete: true}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 1500*time.Millisecond {
		t.Errorf("1 MiB at 512 KiB/s took %s", took)
	}
}

func TestRefusalIsSurfacedAndRetried(t *testing.T) {
	tr := newTracker(t)
	tr.failure = "no stake: buy and stake 10 tokens"
	c := newContent(t, "refused.bin", 1<<18, tr.url())
	heard := make(chan string, 100)
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0", OnEvent: func(s string) { heard <- s }})
	eventually(t, "refusal", 10*time.Second, func() bool { return strings.Contains(drain(heard), "no stake: buy") })
	tr.set(func() { tr.failure = "" })
	eventually(t, "started accepted", 10*time.Second, func() bool { return strings.Contains(drain(heard), "started: ") })
	if n := len(tr.of("127.0.0.2", "started")); n < 2 {
		t.Errorf("started was sent %d times; want it repeated until accepted", n)
	}
}

func drain(ch chan string) (all string) {
	for {
		select {
		case s := <-ch:
			all += s + "\n"
		default:
			return all
		}
	}
}

func TestPeerRefusesBadTorrents(t *testing.T) {
	public := newContent(t, "p.bin", 1000, "http://127.0.0.1/announce").torrent
	public = []byte(strings.Replace(string(public), "7:privatei1e", "7:privatei0e", 1))
	if _, err := seeder.NewPeer(seeder.PeerConfig{TorrentFile: public, DataDir: t.TempDir()}); !errors.Is(err, engine.ErrNotPrivate) {
		t.Errorf("public torrent: %v", err)
	}
	for name, c := range map[string]content{"unsafe name": newContent(t, "..", 1000, "http://127.0.0.1/announce"),
		"no announce URL": newContent(t, "x", 1000, "")} {
		if _, err := seeder.NewPeer(seeder.PeerConfig{TorrentFile: c.torrent, DataDir: t.TempDir()}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := engine.ParseFile([]byte(strings.Repeat("l", 1<<20))); err == nil {
		t.Error("deep nesting was accepted")
	}
}
