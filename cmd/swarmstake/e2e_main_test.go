package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// The end-to-end tests use nothing but what a user has: the built program, its HTTP interfaces and,
// once it was stopped or killed, its data folder.

// program is the binary under test.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "swarmstake-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "swarmstake")
	if os.Getenv("SWARMSTAKE_TEST_PROGRAM") == "1" {
		// Nobody asks for it, but it links the whole program into this test: without it the linker
		// drops what only main reaches, and 'go test' would show an old program's cached result.
		main()
		return 0
	}
	build := exec.Command("go", "build", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program under test: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// basePrice is the default price in utok per GiB; it stands still in these tests.
const basePrice = 10 * tokens.Unit

// quickConfig shortens the times for impatient tests. The price never moves, nothing is free and
// newcomers are trusted, so that every bill and pay can be computed exactly.
const quickConfig = `
[server]
epoch_length = "2s"
settlement_delay = "2s"
audit_interval = "1s"

[tracker]
seeder_interval = "2s"
leecher_interval = "2s"
min_interval = "1s"
stale_window = "2s"
expiry_grace = "6s"

[surge]
step = "1h"

[settle]
honesty_prior_ppm = 500000

[economy]
free_once = 0
free_monthly = 0
free_daily = 0

[probe]
source_addr = "%s"
`

// hostAddr gives every participant a loopback address of its own where the system has them:
// clients refuse a second connection from one address on one torrent.
func hostAddr(host int) string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.0.77.%d", host)
}

// freePort finds a port that no outgoing connection can take while a server is down: clients that
// retry would otherwise end up talking to themselves.
func freePort(t *testing.T, host string) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.N(12000)
		if l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port below 32768")
	return 0
}

func eventually(t *testing.T, what string, patience time.Duration, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); {
		waited := time.Since(began)
		if waited > patience {
			t.Fatalf("waited %s in vain for: %s", patience, what)
		}
		time.Sleep(min(time.Millisecond+waited/8, 50*time.Millisecond))
	}
}

// needProgram skips, or fails where the real clients are required.
func needProgram(t *testing.T, name, debian string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	text := fmt.Sprintf("%s is not installed: install it (Debian: apt-get install %s) to run this test", name, debian)
	if os.Getenv("SWARMSTAKE_REQUIRE_CLIENTS") == "1" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// output collects what a process prints, for reading while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is a child of this test; it never outlives it.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	done           chan struct{}
}

func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.cmd.Wait() //nolint:errcheck // read off ProcessState
	}()
	t.Cleanup(p.kill)
	return p
}

// kill is kill -9; it returns when the process is gone.
func (p *process) kill() {
	p.cmd.Process.Kill() //nolint:errcheck // it may be gone
	<-p.done
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// end asks the process to end and returns its exit code.
func (p *process) end(t *testing.T, sig os.Signal) int {
	t.Helper()
	p.cmd.Process.Signal(sig) //nolint:errcheck // it may be gone
	return p.wait(t, 15*time.Second)
}

func (p *process) wait(t *testing.T, patience time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("%v still runs after %s\n%s%s", p.cmd.Args, patience, p.stdout.String(), p.stderr.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// run runs the program under test to its end.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	p := start(t, program, args...)
	code = p.wait(t, 60*time.Second)
	return p.stdout.String(), p.stderr.String(), code
}

// site is a data folder and the server that works in it, now and then.
type site struct {
	dir, config, listen, base string
	*process
}

// newSite starts a server on an empty data folder.
func newSite(t *testing.T, config string) *site {
	t.Helper()
	s := &site{dir: filepath.Join(t.TempDir(), "data"), config: filepath.Join(t.TempDir(), "swarmstake.toml"),
		listen: fmt.Sprintf("127.0.0.1:%d", freePort(t, "127.0.0.1"))}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	return s
}

// launch starts the server and waits for nothing.
func (s *site) launch(t *testing.T) *process {
	t.Helper()
	return start(t, program, "serve", "--data", s.dir, "--listen", s.listen, "--dev", "--config", s.config)
}

var announced = regexp.MustCompile(`Swarmstake is at (http://\S+)`)

// serve starts the server and waits until it answers.
func (s *site) serve(t *testing.T) {
	t.Helper()
	s.process = s.launch(t)
	eventually(t, "the server to say where it is", 20*time.Second, func() bool {
		if !s.alive() {
			t.Fatalf("the server ended with %d:\n%s", s.cmd.ProcessState.ExitCode(), s.stderr.String())
		}
		m := announced.FindStringSubmatch(s.stdout.String())
		if m != nil {
			s.base = m[1]
		}
		return m != nil
	})
	res, err := http.Get(s.base + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("/healthz: %s", res.Status)
	}
}

// stop ends the server as an operator does, and holds it to leaving with status 0 and no complaint.
func (s *site) stop(t *testing.T) {
	t.Helper()
	if code := s.end(t, syscall.SIGTERM); code != 0 {
		t.Fatalf("the server ended with status %d:\n%s", code, s.stderr.String())
	}
	s.complaints(t)
}

// complaints fails the test if the server logged an error.
func (s *site) complaints(t *testing.T) {
	t.Helper()
	for _, line := range strings.Split(s.stderr.String(), "\n") {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "DATA RACE") {
			t.Errorf("the server complained: %s", line)
		}
	}
}

// due is the exact price of so many bytes.
func due(n bt.Bytes) tokens.Amount { return surge.Due(surge.Bill(0, 0, n, basePrice)) }

// meterRows reads the downloads from a data folder that no server uses.
func meterRows(t *testing.T, dir string) map[swarm.DownloadKey]swarm.DownloadRow {
	t.Helper()
	st, err := store.Open(t.Context(), dir, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	m, err := st.Meter(t.Context(), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	out := map[swarm.DownloadKey]swarm.DownloadRow{}
	for _, r := range m.Downloads {
		out[r.DownloadKey] = r
	}
	return out
}

// downloadOf is the member's only download.
func downloadOf(t *testing.T, rows map[swarm.DownloadKey]swarm.DownloadRow, m *member) swarm.DownloadRow {
	t.Helper()
	var found []swarm.DownloadRow
	for k, r := range rows {
		if k.Member == m.ID {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d downloads, want 1", m.Member, len(found))
	}
	return found[0]
}

// database opens the ledger's file directly: what an intruder, or a careful auditor, would do.
func database(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, store.FileName)+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// checkUsage holds the epochs' usage rows to the download's own row: every charge exactly once.
func checkUsage(t *testing.T, db *sql.DB, r swarm.DownloadRow) {
	t.Helper()
	var billed bt.Bytes
	var charged, unpaid tokens.Amount
	err := db.QueryRow("SELECT sum(billed_bytes), sum(charged_utok), sum(unpaid_utok) FROM usage WHERE member = ? AND torrent = ?", r.Member, r.Torrent).
		Scan(&billed, &charged, &unpaid)
	if err != nil {
		t.Fatal(err)
	}
	if billed != r.Billed || charged != r.Charged || unpaid != 0 {
		t.Errorf("member %d: usage sums to %d bytes, %d utok and %d unpaid; the download says %d bytes, %d utok",
			r.Member, billed, charged, unpaid, r.Billed, r.Charged)
	}
}

// verifyLedger runs the verifier, which must find nothing.
func (s *site) verifyLedger(t *testing.T) {
	t.Helper()
	out, stderr, code := run(t, "ledger", "verify", "--data", s.dir)
	if code != 0 || !strings.Contains(out, "chain: ok") || strings.Contains(out, "fault") ||
		!strings.Contains(out, "imbalance token: 0\n") || !strings.Contains(out, "imbalance quote: 0\n") || !strings.Contains(out, "imbalance byte: 0\n") {
		t.Errorf("ledger verify: status %d\n%s%s", code, out, stderr)
	}
}

// content is a file to share.
type content struct {
	name, sha256 string
	size         bt.Bytes
	dir          string // where it lies
	metainfo     []byte // made by `torrent create`
}

func newContent(t *testing.T, name string, size bt.Bytes, pieceLength string) *content {
	t.Helper()
	c := &content{name: name, size: size, dir: t.TempDir()}
	data := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(data) //nolint:errcheck // never fails
	sum := sha256.Sum256(data)
	c.sha256 = hex.EncodeToString(sum[:])
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "made.torrent")
	if stdout, stderr, code := run(t, "torrent", "create", path, "-o", out, "--piece-length", pieceLength); code != 0 || !strings.Contains(stdout, "created v1=") {
		t.Fatalf("torrent create: status %d: %s%s", code, stdout, stderr)
	}
	var err error
	if c.metainfo, err = os.ReadFile(out); err != nil {
		t.Fatal(err)
	}
	return c
}

// arrived reports whether the folder holds the whole content.
func (c *content) arrived(dir string) bool {
	data, err := os.ReadFile(filepath.Join(dir, c.name))
	if err != nil || bt.Bytes(len(data)) != c.size {
		return false
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]) == c.sha256
}
