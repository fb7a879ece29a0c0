package seeder_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/engine"
)

// api is a server's node API, which can be down or talk nonsense.
type api struct {
	*httptest.Server
	t        *testing.T
	mu       sync.Mutex
	public   ed25519.PublicKey
	jtis     map[string]bool
	torrents map[string]content
	reports  []seeder.Report
	fetches  int
	broken   string // "down", "nonsense"
	approved bool

	statusJSON string // empty: an active node without claims

	rechecking []string
	issued     []challenge.Challenge // delivered until they are answered
	answers    map[int64][]byte
	repeated   int // answers to one challenge
}

func newAPI(t *testing.T, cs ...content) *api {
	a := &api{t: t, jtis: map[string]bool{}, torrents: map[string]content{}, answers: map[int64][]byte{}}
	for _, c := range cs {
		a.torrents[c.ih.String()] = c
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/swarmstake.json", a.discover)
	mux.HandleFunc("POST /api/v1/nodes/pair", a.pair)
	mux.HandleFunc("POST /api/v1/node/report", a.signed(a.report))
	mux.HandleFunc("GET /api/v1/node/status", a.signed(a.status))
	mux.HandleFunc("GET /api/v1/node/challenges", a.signed(a.challenges))
	mux.HandleFunc("POST /api/v1/node/challenges/{id}", a.signed(a.answer))
	mux.HandleFunc("GET /api/v1/hosting/market", a.signed(a.market))
	mux.HandleFunc("GET /api/v1/node/earnings", a.signed(a.earnings))
	mux.HandleFunc("GET /api/v1/node/audits", a.signed(a.audits))
	mux.HandleFunc("GET /api/v1/torrents/{ih}/file", a.signed(a.file))
	a.Server = httptest.NewServer(a.flaky(mux))
	t.Cleanup(a.Close)
	return a
}

func (a *api) flaky(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		switch a.broken {
		case "down":
			panic(http.ErrAbortHandler)
		case "nonsense":
			io.WriteString(w, "<html>it works!</html>")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (a *api) set(change func()) { a.mu.Lock(); defer a.mu.Unlock(); change() }

func (a *api) last() (r seeder.Report, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n = len(a.reports); n > 0 {
		r = a.reports[n-1]
	}
	return r, n
}

func (a *api) discover(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(map[string]any{"name": "Test", "api_base": a.URL + "/api/v1", "report_interval_seconds": 1})
}

func (a *api) pair(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Code      string `json:"code"`
		PublicKey string `json:"public_key"`
	}
	json.NewDecoder(r.Body).Decode(&in)
	if in.Code != "ABCD-EFGH" {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"code":"pairing_code","title":"No such code","detail":"the code is wrong or was used; make a new one on the website"}`)
		return
	}
	a.public, _ = base64.RawURLEncoding.DecodeString(in.PublicKey)
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, `{"node_id":7,"member":"alice"}`)
}

// signed verifies tokens as the contract says: EdDSA, issuer, audience, expiry, one use, kid, and
// what is sent.
func (a *api) signed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var claims struct {
			jwt.RegisteredClaims
			Body string `json:"body"`
		}
		tok, err := jwt.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &claims,
			func(*jwt.Token) (any, error) { return a.public, nil }, jwt.WithValidMethods([]string{"EdDSA"}),
			jwt.WithAudience(a.URL), jwt.WithIssuer("node/7"), jwt.WithExpirationRequired())
		if err != nil || tok.Header["kid"] != "7" || a.jtis[claims.ID] || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > 5*time.Minute {
			a.t.Errorf("%s: bad token: %v %+v", r.URL.Path, err, claims)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		a.jtis[claims.ID] = true
		body, err := io.ReadAll(r.Body)
		sum := sha256.Sum256(body)
		if signed := base64.RawURLEncoding.EncodeToString(sum[:]); err != nil || r.Method == http.MethodPost && claims.Body != signed {
			a.t.Errorf("%s: the body is not the signed one: %v", r.URL.Path, err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(w, r)
	}
}

func (a *api) report(w http.ResponseWriter, r *http.Request) {
	var in seeder.Report
	json.NewDecoder(r.Body).Decode(&in)
	if !strings.HasPrefix(r.RemoteAddr, "127.0.0.3:") {
		a.t.Errorf("a report from %s; want the address that the node listens on", r.RemoteAddr)
	}
	a.reports = append(a.reports, in)
	if !in.Challenges {
		a.t.Error("the report does not say that the daemon polls")
	}
	json.NewEncoder(w).Encode(map[string]any{"accepted": []string{}, "refused": []string{}, "rechecking": a.rechecking, "report_again_seconds": 1})
}

func (a *api) status(w http.ResponseWriter, _ *http.Request) {
	if a.statusJSON != "" {
		io.WriteString(w, a.statusJSON)
		return
	}
	io.WriteString(w, `{"state":"active","audit_score_ppm":1000000,"earned_utok":"123","claims":[]}`)
}

// market is the public list: free torrents, so that whoever hosts them needs no funds.
func (a *api) market(w http.ResponseWriter, _ *http.Request) {
	var lines []string
	for ih, c := range a.torrents {
		lines = append(lines, fmt.Sprintf(`{"infohash":%q,"name":%q,"size_bytes":%d,"price_utok_per_gib":"1000","uploader":"ada","seeders":2,"hosts":1,"free":true,"approved":%t}`,
			ih, c.name, size(c), a.approved))
	}
	fmt.Fprintf(w, `{"symbol":"TOK","economy":{"uploader_ppm":800000,"replicas":5,"hosting_utok_per_gib_hour":"100000","torrent_cap_utok_per_hour":"10000000",
		"without_collateral_bytes":20000000000,"collateral_utok_per_gib":"1000000"},"torrents":[%s],"next":""}`, strings.Join(lines, ","))
}

func (a *api) earnings(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"symbol":"TOK","today_utok":"5","pending_utok":"4","held_utok":"3","available_utok":"2","allowance_bytes":1000000000,"may_download":false,
		"days":[{"date":"2026-01-31","hosting_utok":"7"}],"torrents":[],"lines":[]}`)
}

func (a *api) audits(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"audits":[],"next":0}`)
}

func (a *api) file(w http.ResponseWriter, r *http.Request) {
	a.fetches++
	c, ok := a.torrents[r.PathValue("ih")]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"code":"not_found","detail":"no such torrent"}`)
		return
	}
	w.Write(c.torrent)
}

// paired is a state folder that belongs to node 7.
func paired(t *testing.T, a *api) string {
	t.Helper()
	dir := t.TempDir()
	key, err := seeder.LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := seeder.NewClient(seeder.ClientConfig{Server: a.URL, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Pair(t.Context(), "ABCD-EFGH", "test")
	if err != nil || p.NodeID != 7 || p.Member != "alice" {
		t.Fatalf("pairing: %+v, %v", p, err)
	}
	if err := seeder.SaveNode(dir, seeder.NodeInfo{Server: a.URL, NodeID: p.NodeID, Member: p.Member}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// daemon runs until stop or the test's end.
func daemon(t *testing.T, cfg seeder.Config) (logs *lockedBuffer, stop func()) {
	t.Helper()
	logs = &lockedBuffer{}
	cfg.Logger = slog.New(slog.NewTextHandler(logs, nil))
	cfg.ReconcileEvery = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- seeder.Run(ctx, cfg) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("daemon: %v", err)
		}
		if strings.Contains(logs.String(), "/announce/0000000100") {
			t.Error("an announce key is in the log")
		}
	})
	t.Cleanup(stop)
	return logs, stop
}

func hosting(a *api, c content) func() bool {
	return func() bool {
		r, _ := a.last()
		for _, cl := range r.Claims {
			if cl.InfoHash == c.ih.String() && cl.Complete && cl.Bytes == size(c) && len(cl.PeerID) == 40 && r.Port != 0 {
				return true
			}
		}
		return false
	}
}

func TestDaemonDownloadsReportsAndResumes(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "hosted.bin", testSize, tr.url())
	a := newAPI(t, c)
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0"})
	state := paired(t, a)
	cfg := seeder.Config{StateDir: state, DataDir: t.TempDir(), ListenAddr: freePort(t, "127.0.0.3")}
	if _, err := seeder.Pin(state, c.ih); err != nil {
		t.Fatal(err)
	}
	_, stop := daemon(t, cfg)
	eventually(t, "reported complete", 20*time.Second, hosting(a, c))
	stop()
	c.checkIn(t, cfg.DataDir)
	if s := tr.of("127.0.0.3", "stopped"); len(s) != 1 || s[0].Down != testSize {
		t.Errorf("farewell: %+v", s)
	}

	fetches := a.fetches
	before := len(tr.of("127.0.0.3", "*"))
	_, stop = daemon(t, cfg) // the same port at once
	_, n := a.last()
	eventually(t, "reports again", 10*time.Second, func() bool { _, m := a.last(); return m > n })
	if !hosting(a, c)() {
		r, _ := a.last()
		t.Errorf("the first report after a restart is %+v; it must not withdraw claims", r)
	}
	stop()
	for _, an := range tr.of("127.0.0.3", "*")[before:] {
		if an.Left != 0 || an.Down != 0 || an.Event == "completed" {
			t.Errorf("announced after restart: %+v; want a seeder that downloads nothing", an)
		}
	}
	if a.fetches != fetches {
		t.Error("the .torrent was fetched again")
	}
}

func TestDaemonKilledMidDownloadKeepsWhatItHas(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "killed.bin", testSize, tr.url())
	a := newAPI(t, c)
	state, data := paired(t, a), t.TempDir()
	// What a kill leaves: half of the file, a database that says nothing, or that pieces are missing.
	if err := os.WriteFile(filepath.Join(data, c.name), c.data[:testSize/2], 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0"})
	daemon(t, seeder.Config{StateDir: state, DataDir: data, ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}})
	eventually(t, "reported complete", 20*time.Second, hosting(a, c))
	c.checkIn(t, data)
	want := int64(testSize - testSize/2/(64<<10)*(64<<10)) // whole pieces count
	if s := tr.of("127.0.0.3", "completed"); len(s) != 1 || s[0].Down != want {
		t.Errorf("completed: %+v; want %d bytes downloaded, the rest was there", s, want)
	}
}

func TestEngineFindsPiecesThatWereNotRecorded(t *testing.T) {
	c := newContent(t, "lost.bin", testSize, "http://127.0.0.1/announce")
	data, state := t.TempDir(), t.TempDir()
	open := func() *engine.Engine {
		e, err := engine.Open(engine.Config{DataDir: data, StateDir: state, ListenAddr: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	left := func(e *engine.Engine) int64 {
		tor, err := e.Add(t.Context(), c.torrent, engine.AddOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return int64(tor.Stats().Left)
	}
	e := open()
	if got := left(e); got != testSize {
		t.Fatalf("nothing is there, yet left=%d", got)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	// Killed after the data arrived, before the database knew: it still says "not complete".
	if err := os.WriteFile(filepath.Join(data, c.name), c.data, 0o644); err != nil {
		t.Fatal(err)
	}
	e = open()
	defer e.Close()
	if got := left(e); got != 0 {
		t.Errorf("all is there, yet left=%d: it would be downloaded and billed twice", got)
	}
}

func TestDaemonSurvivesOutageAndNonsense(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "outage.bin", 1<<20, tr.url())
	a := newAPI(t, c)
	state := paired(t, a)
	logs, _ := daemon(t, seeder.Config{StateDir: state, DataDir: c.dir(t), ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}})
	eventually(t, "hosts existing data", 20*time.Second, hosting(a, c))
	for _, how := range []string{"down", "nonsense"} {
		a.set(func() { a.broken = how })
		tr.set(func() { tr.down = true })
		time.Sleep(1500 * time.Millisecond)
		_, n := a.last()
		a.set(func() { a.broken = "" })
		tr.set(func() { tr.down = false })
		announces := len(tr.of("127.0.0.3", "*"))
		eventually(t, "reports after "+how, 15*time.Second, func() bool { _, m := a.last(); return m > n && hosting(a, c)() })
		eventually(t, "announces after "+how, 15*time.Second, func() bool { return len(tr.of("127.0.0.3", "*")) > announces })
	}
	if got := tr.of("127.0.0.3", "*"); got[len(got)-1].Left != 0 {
		t.Errorf("after the outage: %+v", got[len(got)-1])
	}
	if !strings.Contains(logs.String(), "the server is back") {
		t.Errorf("log:\n%s", logs)
	}
}

func TestDaemonFetchesOnceServerIsBack(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "late.bin", 1<<18, tr.url())
	a := newAPI(t, c)
	state := paired(t, a)
	a.set(func() { a.broken = "nonsense" })
	logs, _ := daemon(t, seeder.Config{StateDir: state, DataDir: c.dir(t), ListenAddr: "127.0.0.3:0", Pinned: []string{c.ih.String()}})
	eventually(t, "a clear line", 10*time.Second, func() bool { return strings.Contains(logs.String(), "cannot host this torrent yet") })
	a.set(func() { a.broken = "" })
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
}

func TestQuotaIsNeverExceeded(t *testing.T) {
	tr := newTracker(t)
	small, big := newContent(t, "small.bin", 100_000, tr.url()), newContent(t, "big.bin", 950_000, tr.url())
	a := newAPI(t, small, big)
	data := small.dir(t)
	cfg := seeder.Config{StateDir: paired(t, a), DataDir: data, ListenAddr: "127.0.0.3:0", QuotaBytes: 1_000_000,
		Pinned: []string{small.ih.String()}}
	_, stop := daemon(t, cfg)
	eventually(t, "hosts the small one", 20*time.Second, hosting(a, small))
	stop()
	cfg.Pinned = append(cfg.Pinned, big.ih.String())
	logs, _ := daemon(t, cfg)
	eventually(t, "a clear refusal", 10*time.Second, func() bool {
		return strings.Contains(logs.String(), "of the quota of 976.6 KiB are left; raise --quota")
	})
	if _, err := os.Stat(filepath.Join(data, big.name)); err == nil {
		t.Error("the big one was begun")
	}
}

func TestUnpinStopsAndWithdraws(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "unpin.bin", 1<<18, tr.url())
	a := newAPI(t, c)
	state := paired(t, a)
	data := c.dir(t)
	daemon(t, seeder.Config{StateDir: state, DataDir: data, ListenAddr: "127.0.0.3:0"})
	if changed, err := seeder.Pin(state, c.ih); err != nil || !changed {
		t.Fatal(changed, err)
	}
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	if changed, err := seeder.Unpin(state, c.ih); err != nil || !changed {
		t.Fatal(changed, err)
	}
	eventually(t, "withdrawn", 10*time.Second, func() bool { r, _ := a.last(); return len(r.Claims) == 0 })
	eventually(t, "a stopped announce", 10*time.Second, func() bool { return len(tr.of("127.0.0.3", "stopped")) == 1 })
	c.checkIn(t, data) // the operator's files stay
}

func TestAutoHostsApprovedOnly(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "auto.bin", 1<<18, tr.url())
	a := newAPI(t, c)
	cfg := seeder.Config{StateDir: paired(t, a), DataDir: c.dir(t), ListenAddr: "127.0.0.3:0", Auto: true, AutoEvery: 100 * time.Millisecond}
	daemon(t, cfg)
	eventually(t, "a report", 10*time.Second, func() bool { _, n := a.last(); return n > 0 })
	if hosting(a, c)() {
		t.Error("hosts what is not approved")
	}
	a.set(func() { a.approved = true })
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
}

func TestNamesakesGetFoldersOfTheirOwn(t *testing.T) {
	tr := newTracker(t)
	one, two := newContent(t, "same.bin", 200_000, tr.url()), newContent(t, "same.bin", 300_000, tr.url())
	a := newAPI(t, one, two)
	for i, c := range []content{one, two} {
		start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: []string{"127.0.0.2:0", "127.0.0.4:0"}[i]})
	}
	cfg := seeder.Config{StateDir: paired(t, a), DataDir: t.TempDir(), ListenAddr: "127.0.0.3:0", Pinned: []string{one.ih.String(), two.ih.String()}}
	for range 2 { // also after a restart
		_, stop := daemon(t, cfg)
		eventually(t, "hosts both", 20*time.Second, func() bool { return hosting(a, one)() && hosting(a, two)() })
		stop()
		a.set(func() { a.reports = nil })
	}
}

func TestDamageOnDiskIsScrubbed(t *testing.T) {
	tr := newTracker(t)
	c := newContent(t, "scrub.bin", 1<<20, tr.url())
	a := newAPI(t, c)
	start(t, seeder.PeerConfig{TorrentFile: c.torrent, DataDir: c.dir(t), ListenAddr: "127.0.0.2:0"})
	data := c.dir(t)
	logs, _ := daemon(t, seeder.Config{StateDir: paired(t, a), DataDir: data, ListenAddr: "127.0.0.3:0",
		Pinned: []string{c.ih.String()}, ScrubEvery: time.Second})
	eventually(t, "hosts", 20*time.Second, hosting(a, c))
	flipByte(t, filepath.Join(data, c.name), c.data, 700_000) // in place: a scrub may run at any moment
	eventually(t, "repaired", 20*time.Second, func() bool {
		got, err := os.ReadFile(filepath.Join(data, c.name))
		return err == nil && bytes.Equal(got, c.data)
	})
	eventually(t, "a log line", 5*time.Second, func() bool { return strings.Contains(logs.String(), `damaged="64 KiB"`) })
}

func flipByte(t *testing.T, path string, data []byte, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{data[at] ^ 1}, at); err != nil {
		t.Fatal(err)
	}
}

func TestNotPaired(t *testing.T) {
	err := seeder.Run(t.Context(), seeder.Config{StateDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "swarmseed join") {
		t.Errorf("got %v", err)
	}
}

func TestPairingRefusedInWords(t *testing.T) {
	a := newAPI(t)
	key, err := seeder.LoadOrCreateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := seeder.NewClient(seeder.ClientConfig{Server: a.URL, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Pair(t.Context(), "WRONG", "x"); err == nil || !strings.Contains(err.Error(), "make a new one") {
		t.Errorf("got %v", err)
	}
}
