package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// patience is for what takes seconds: a busy machine is slow.
const patience = 90 * time.Second

// faultConfig is auditConfig with nothing for free at a price that stands still, and patient enough for
// a busy machine: what is slow is not absent, and a fault is confirmed late.
func faultConfig(t *testing.T, host int, change ...string) string {
	t.Helper()
	config := fmt.Sprintf(auditConfig, hostAddr(host)) + "\n[surge]\nstep = \"1h\"\n" + nothingFree
	config = strings.Replace(config, "[availability]\n", "[availability]\nconfirm_looks = 40\n", 1)
	for _, line := range append([]string{`claim_lapse = "60s"`, `recheck_delay = "2s"`}, change...) {
		key, _, _ := strings.Cut(line, " =")
		at := regexp.MustCompile(`(?m)^` + key + ` = .*$`)
		if !at.MatchString(config) {
			t.Fatalf("the configuration has no %s", key)
		}
		config = at.ReplaceAllLiteralString(config, line)
	}
	return config
}

// nodeHost is a member's daemon, a process of its own, on a site.
type nodeHost struct {
	*site
	owner       *member
	ip, port    string
	state, data string
	daemon      *process
	id          bt.NodeID
}

// newNode pairs a daemon that listens on an address of its own and keeps its torrents in a folder. It is
// not started.
func (s *site) newNode(t *testing.T, owner *member, ip, data string, settings ...string) *nodeHost {
	t.Helper()
	n := &nodeHost{site: s, owner: owner, ip: ip, port: fmt.Sprint(freePort(t, ip)), state: filepath.Join(t.TempDir(), "state"), data: data}
	n.says(t, "join", s.base, "--code", owner.code(t), "--no-run", "--no-port-test", "--data", data, "--quota", "1GB",
		"--listen", ip+":"+n.port, "--dashboard", fmt.Sprintf("%s:%d", ip, freePort(t, ip)))
	for i := 0; i+1 < len(settings); i += 2 {
		n.says(t, "config", settings[i], settings[i+1])
	}
	info, err := seeder.LoadNode(n.state)
	if err != nil {
		t.Fatal(err)
	}
	n.id = info.NodeID
	return n
}

// says is what a command of the daemon prints.
func (n *nodeHost) says(t *testing.T, args ...string) string {
	t.Helper()
	p := node(t, n.state, args...)
	if code := p.wait(t, patience); code != 0 {
		t.Fatalf("%v: status %d: %s", args, code, p.stderr.String())
	}
	return p.stdout.String()
}

// run starts the daemon and waits until its dashboard answers.
func (n *nodeHost) run(t *testing.T, flags ...string) {
	t.Helper()
	os.Remove(filepath.Join(n.state, "dashboard.addr")) // of a killed one
	daemon := node(t, n.state, append([]string{"run"}, flags...)...)
	n.daemon = daemon
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("a daemon said:\n%s", daemon.stderr.String())
		}
	})
	eventually(t, "the daemon to run", patience, func() bool {
		if !n.daemon.alive() {
			t.Fatalf("the daemon ended: %s", n.daemon.stderr.String())
		}
		_, ok := view(t, n.state)
		return ok
	})
}

// end ends the daemon as a service manager does.
func (n *nodeHost) end(t *testing.T) {
	t.Helper()
	n.daemon.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // what follows shows it
	if code := n.daemon.wait(t, patience); code != 0 {
		t.Errorf("the daemon ended with %d: %s", code, n.daemon.stderr.String())
	}
}

// claims are the node's live claims by torrent, as the server has them.
func (n *nodeHost) claims(t *testing.T) map[string]availability.Claim {
	t.Helper()
	db := database(t, n.dir)
	defer db.Close()
	rows, err := db.Query("SELECT t.infohash, c.state, c.have FROM claims c JOIN torrents t ON t.id = c.torrent WHERE c.node = ? AND c.live = 1", n.id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]availability.Claim{}
	for rows.Next() {
		var ih, state, have []byte
		var c availability.Claim
		err := rows.Scan(&ih, &state, &have)
		if err = errors.Join(err, json.Unmarshal(state, &c)); err != nil {
			t.Fatal(err)
		}
		if len(have) > 0 {
			c.Have = have
		}
		out[hex.EncodeToString(ih)] = c
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// proven waits until all of a torrent is claimed and proven.
func (n *nodeHost) proven(t *testing.T, infohash string) (c availability.Claim) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("the claim is %+v", c)
		}
	}()
	eventually(t, "all of it to be proven", patience, func() bool {
		c = n.claims(t)[infohash]
		return c.State == availability.Proven && c.Have == nil && c.Pending == nil
	})
	return c
}

// blameless fails the test if anything was held against the node.
func (n *nodeHost) blameless(t *testing.T) {
	t.Helper()
	for what, query := range map[string]string{
		"slashes": "SELECT count(*) FROM slashes", "forfeits": "SELECT count(*) FROM forfeits",
		"suspensions": "SELECT count(*) FROM nodes WHERE suspended_ms > 0",
	} {
		if k := n.number(t, query); k != 0 {
			t.Errorf("%d %s", k, what)
		}
	}
}

// passes waits for a drawn audit of the node that began after now and was passed.
func (n *nodeHost) passes(t *testing.T) {
	t.Helper()
	last := n.number(t, "SELECT coalesce(max(id), 0) FROM audits")
	eventually(t, "a drawn audit to be passed", patience, func() bool {
		return n.number(t, "SELECT count(*) FROM audits WHERE id > ? AND kind = 'drawn' AND verdict = 'passed'", last) > 0
	})
}

// honest fails the test if a piece is claimed that is not right on disk.
func (n *nodeHost) honest(t *testing.T, c *content, infohash string, piece int) {
	t.Helper()
	claim, ok := n.claims(t)[infohash]
	if !ok {
		return
	}
	want, err := os.ReadFile(filepath.Join(c.dir, c.name))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(n.data, c.name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for i := 0; i*piece < len(want); i++ {
		from, to := i*piece, min((i+1)*piece, len(want))
		if (claim.Have == nil || claim.Have.Has(i)) && (len(got) < to || string(got[from:to]) != string(want[from:to])) {
			t.Fatalf("piece %d is claimed and is not right on disk", i)
		}
	}
}

// TestDaemonKilledWhileDownloading: what a daemon claims after each kill is there, and what it had is
// not fetched and paid for again.
func TestDaemonKilledWhileDownloading(t *testing.T) {
	t.Parallel()
	const piece = 64 << 10
	s := newSite(t, faultConfig(t, 150))
	tim, owner := s.addMember(t, "tim", "0", "0"), s.addMember(t, "owner", "1000", "50")
	c := newContent(t, "killed.bin", 6<<20, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	seed := runPeer(t, seeder.PeerConfig{TorrentFile: tim.torrent(t, infohash), DataDir: c.dir, StateDir: t.TempDir(), ListenAddr: hostAddr(151) + ":0"})
	n := s.newNode(t, owner, hostAddr(152), t.TempDir(), "download-rate", "1MiB")
	n.says(t, "torrents", "add", infohash)
	var before bt.Bytes // verified when it was killed
	downloading := func() (have bt.Bytes, ok bool) {
		v, ok := view(t, n.state)
		if n.honest(t, c, infohash, piece); !ok || len(v.Torrents) != 1 || v.Torrents[0].State == "verifying" {
			return 0, false
		}
		return v.Torrents[0].Have, true
	}
	for _, part := range []bt.Bytes{c.size / 3, 2 * c.size / 3} {
		n.run(t)
		var first, have bt.Bytes
		eventually(t, fmt.Sprintf("%d bytes to be there", part), patience, func() bool {
			now, ok := downloading()
			if have = now; ok && first == 0 {
				first = now
			}
			return have >= part
		})
		n.daemon.kill()
		n.honest(t, c, infohash, piece)
		if c.arrived(n.data) {
			t.Fatal("the download ended before the kill: the test shows nothing")
		}
		if first < before {
			t.Errorf("%d bytes were verified before a kill, and %d after it", before, first)
		}
		before = have
	}
	n.run(t)
	eventually(t, "all of it to be there", patience, func() bool {
		have, ok := downloading()
		if ok && have < before {
			t.Errorf("%d bytes were verified before a kill, and %d after it", before, have)
		}
		return c.arrived(n.data)
	})
	n.proven(t, infohash)
	n.end(t)
	seed.stop()
	s.stop(t)
	n.blameless(t)
	r := downloadOf(t, meterRows(t, s.dir), owner)
	if most := c.size + c.size/2; r.Metered > most || r.Charged > due(most) { // what was in no whole piece yet
		t.Errorf("%d bytes were downloaded and %d utok charged for %d bytes", r.Metered, r.Charged, c.size)
	}
	s.verifyLedger(t)
}

// TestDaemonOutlivesTheServer: while the server is away, killed, the daemon goes on serving whom it was
// told to serve. It ends meanwhile, and starts at another address once the server is back: what it sent
// in the outage is reported then, and its proof stands.
func TestDaemonOutlivesTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultConfig(t, 155))
	owner, lea := s.addMember(t, "owner", "10", "50"), s.addMember(t, "lea", "1000", "50")
	c := newContent(t, "outage.bin", 6<<20, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	n := s.newNode(t, owner, hostAddr(156), c.dir, "courtesy", "0")
	n.says(t, "torrents", "add", infohash)
	n.run(t)
	before := n.proven(t, infohash)
	dir := t.TempDir()
	leech := runPeer(t, seeder.PeerConfig{TorrentFile: lea.torrent(t, infohash), DataDir: dir, ListenAddr: hostAddr(157) + ":0", DownloadRate: 512 << 10})
	eventually(t, "a part to be downloaded", patience, func() bool { return leech.Stats().Left < c.size*9/10 })
	s.process.kill()
	s.complaints(t)
	if leech.Stats().Left == 0 {
		t.Fatal("the download ended before the server was killed: the test shows nothing")
	}
	eventually(t, "the rest to be downloaded without a server", patience, func() bool { return leech.Stats().Left == 0 })
	eventually(t, "the dashboard to say that the server is away", patience, func() bool {
		v, ok := view(t, n.state)
		return ok && !v.Server.Reached && v.Torrents[0].State == "seeding"
	})
	n.end(t)
	if waiting, _ := filepath.Glob(filepath.Join(n.state, "transfers", "*.json")); len(waiting) == 0 {
		t.Error("no report waits for the server")
	}
	s.serve(t)
	n.run(t, "--listen", hostAddr(158)+":0")
	leech.stop()
	eventually(t, "what was sent to be reported", patience, func() bool {
		return s.number(t, "SELECT coalesce(sum(sent_bytes), 0) FROM exchanges WHERE node = ?", n.id) >= int64(c.size)
	})
	n.passes(t)
	eventually(t, "the claim to follow the address", patience, func() bool { return n.claims(t)[infohash].Addr.Addr().String() == hostAddr(158) })
	if after := n.proven(t, infohash); after.ID != before.ID || after.EnteredMs != before.EnteredMs {
		t.Errorf("claim %d entered at %d, and is claim %d entered at %d", before.ID, before.EnteredMs, after.ID, after.EnteredMs)
	}
	if k := s.number(t, "SELECT count(*) FROM audits WHERE verdict NOT IN ('passed', 'inconclusive')"); k != 0 {
		t.Errorf("%d audits found a fault", k)
	}
	n.end(t)
	s.stop(t)
	n.blameless(t)
	if !c.arrived(dir) {
		t.Error("other bytes arrived than were shared")
	}
	s.verifyLedger(t)
}

// TestDaemonWithASteppingClock: a clock that is hours wrong, and is set while the daemon runs, ends
// nothing. What is signed has the server's time.
func TestDaemonWithASteppingClock(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultConfig(t, 160))
	owner := s.addMember(t, "owner", "10", "50")
	c := newContent(t, "clock.bin", 2<<20, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	n := s.newNode(t, owner, hostAddr(161), c.dir)
	var ahead atomic.Int64 // ns
	ahead.Store(int64(3 * time.Hour))
	stop := n.inProcess(t, seeder.Config{StateDir: n.state, Pinned: []string{infohash}, ReconcileEvery: 100 * time.Millisecond,
		Now: func() time.Time { return time.Now().Round(0).Add(time.Duration(ahead.Load())) }})
	entered := n.proven(t, infohash).EnteredMs
	for _, off := range []time.Duration{-3 * time.Hour, 40 * 24 * time.Hour, 0} {
		ahead.Store(int64(off))
		stepped := time.Now().UnixMilli()
		eventually(t, fmt.Sprintf("reports with the clock %s ahead", off), patience, func() bool {
			return n.claims(t)[infohash].SeenMs > stepped+3000 // one may have been under way
		})
		n.passes(t)
	}
	if c := n.proven(t, infohash); c.EnteredMs != entered {
		t.Errorf("the proof of %d was lost: %+v", entered, c)
	}
	ahead.Store(int64(-2 * time.Hour))
	stop() // a goodbye with the wrong time
	s.stop(t)
	n.blameless(t)
	s.verifyLedger(t)
}

// TestDaemonDeclaresPlannedStops: a stop with a word announces the absence and ends the daemon when it
// begins; one by signal announces what the settings say.
func TestDaemonDeclaresPlannedStops(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultConfig(t, 165))
	owner := s.addMember(t, "owner", "10", "50")
	c := newContent(t, "stop.bin", 1<<20, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	n := s.newNode(t, owner, hostAddr(166), c.dir, "stop-span", "30m")
	n.says(t, "torrents", "add", infohash)
	n.run(t)
	n.proven(t, infohash)
	n.end(t)
	declared := func() (d []seeder.MaintenanceSpan) {
		var m seeder.Maintenance
		nodeSays(t, n.state, &m, "maintenance", "list")
		return m.Declared
	}
	if d := declared(); len(d) != 1 || d[0].Until.Sub(d[0].From) != 30*time.Minute {
		t.Fatalf("ended by a signal, the daemon declared %+v; want 30 minutes", d)
	}
	n.run(t)
	n.says(t, "config", "stop-span", "default")
	n.says(t, "stop", "--from", time.Now().Add(31*time.Minute).UTC().Format(time.RFC3339), "--for", "8h") // beside what is declared
	if d := declared(); len(d) != 2 || d[1].Until.Sub(d[1].From) != 8*time.Hour {
		t.Errorf("declared: %+v", d)
	}
	if err := seeder.PlanStop(n.state, time.Now().Add(time.Second)); err != nil { // when it begins
		t.Fatal(err)
	}
	if code := n.daemon.wait(t, patience); code != 0 {
		t.Errorf("the daemon ended with %d: %s", code, n.daemon.stderr.String())
	}
	s.stop(t)
	n.blameless(t)
}

// inProcess runs the daemon in the test, for what a process of its own cannot be told.
func (n *nodeHost) inProcess(t *testing.T, cfg seeder.Config) (stop func()) {
	t.Helper()
	d, err := seeder.NewDaemon(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the daemon: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}
