package server

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// The tests in files audit_* let real daemons, real engines and the real prober meet over loopback.

// audited is quick with audits carried out, in an epoch that does not end.
func audited(dir string) Config {
	c := quick(dir)
	c.Server.EpochLength, c.Server.ReportInterval = time.Hour, time.Second
	c.Tracker.SeederInterval, c.Tracker.LeecherInterval, c.Tracker.MinInterval = 2*time.Second, 2*time.Second, time.Second
	c.Probe.Budget = 5 * time.Second
	a := &c.Availability
	a.Blocks, a.RenewalBlocks, a.EntryDelay = 4, 2, 0
	a.ConfirmLooks, a.DrawInterval, a.DrawWindow = 2, time.Hour, time.Minute
	a.RecheckDelay, a.RepairDelay, a.RetryDelay, a.RetryMax = 100*time.Millisecond, time.Hour, 50*time.Millisecond, 100*time.Millisecond
	return c
}

// loopback gives every participant an address of its own where the system has them.
func loopback(host int) string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.0.78.%d", host)
}

// shared is a torrent that is registered and its data.
type shared struct {
	hash bt.InfoHash
	id   bt.TorrentID
	name string
	data []byte
	file *catalog.Torrent
}

const sharedPiece = 64 << 10

// share registers a file of noise of some pieces, hashed as version says.
func (r *rig) share(uploader bt.MemberID, pieces int, version catalog.Version) *shared {
	r.t.Helper()
	s := &shared{name: rand.Text(), data: make([]byte, pieces*sharedPiece-1234)}
	rand.Read(s.data)
	path := filepath.Join(s.folder(r.t), s.name)
	raw, err := catalog.Create(r.t.Context(), path, catalog.CreateOptions{PieceLength: sharedPiece, Private: true, Version: version})
	if err != nil {
		r.t.Fatal(err)
	}
	if s.file, err = catalog.Parse(raw); err != nil {
		r.t.Fatal(err)
	}
	s.hash = s.file.InfoHash
	if s.id, err = r.store.AddTorrent(r.t.Context(), store.NewTorrent{InfoHash: s.hash, Name: s.name, Size: s.file.Size, PieceBytes: s.file.PieceLength,
		Files: 1, Metainfo: raw, Uploader: uploader}); err != nil {
		r.t.Fatal(err)
	}
	if err := r.store.ApproveTorrent(r.t.Context(), s.id, 0); err != nil {
		r.t.Fatal(err)
	}
	if err := r.roster.TorrentAdded(r.t.Context(), s.id); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// folder is a new one with the data in it.
func (s *shared) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, s.name), s.data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// spoil overwrites the data in a folder in place: the same length, other bytes.
func (s *shared) spoil(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, s.name), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other := make([]byte, len(s.data))
	for i, b := range s.data {
		other[i] = ^b
	}
	if _, err := f.WriteAt(other, 0); err != nil {
		t.Fatal(err)
	}
}

// node is a paired daemon, running or not.
type node struct {
	id     bt.NodeID
	member bt.MemberID
	client *seeder.Client // signs as the daemon does
	key    seeder.Key
	state  string
	data   string
	stop   func()
}

// pair makes a node of a member's.
func (r *rig) pair(m bt.MemberID) *node {
	r.t.Helper()
	n := &node{member: m, state: r.t.TempDir()}
	code := rand.Text()[:8]
	if _, err := r.store.AddPairingCode(r.t.Context(), code, m, time.Minute); err != nil {
		r.t.Fatal(err)
	}
	var err error
	if n.key, err = seeder.LoadOrCreateKey(n.state); err != nil {
		r.t.Fatal(err)
	}
	c, err := seeder.NewClient(seeder.ClientConfig{Server: r.base, Key: n.key})
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := c.Pair(r.t.Context(), code, "a node")
	if err != nil {
		r.t.Fatal(err)
	}
	n.id = p.NodeID
	if n.client, err = seeder.NewClient(seeder.ClientConfig{Server: r.base, Key: n.key, Node: n.id}); err != nil {
		r.t.Fatal(err)
	}
	if err := seeder.SaveNode(n.state, seeder.NodeInfo{Server: r.base, NodeID: n.id, Member: "m"}); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// run starts the node's daemon on torrents whose data is in its folder; stop or the test ends it.
func (n *node) run(t *testing.T, listen string, hosted ...*shared) {
	t.Helper()
	var pinned []string
	for _, s := range hosted {
		pinned = append(pinned, s.hash.String())
	}
	d, err := seeder.NewDaemon(seeder.Config{StateDir: n.state, DataDir: n.data, ListenAddr: listen, Pinned: pinned, ReconcileEvery: 100 * time.Millisecond,
		AskEvery: -1}) // it does not notice what is wrong before it is convicted
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	ended := false
	n.stop = func() {
		t.Helper()
		if cancel(); ended {
			return
		}
		ended = true
		if err := <-done; err != nil {
			t.Errorf("the daemon: %v", err)
		}
	}
	t.Cleanup(n.stop)
}

// put copies torrents' data into the node's folder.
func (n *node) put(t *testing.T, hosted ...*shared) {
	t.Helper()
	if n.data == "" {
		n.data = t.TempDir()
	}
	for _, s := range hosted {
		if err := os.WriteFile(filepath.Join(n.data, s.name), s.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// natted is a public address of a tracker: announces and reports from the addresses in outside seem to
// come from others, where nobody listens. So does a node behind NAT without port forwarding look.
func natted(t *testing.T, conf Config, outside map[string]string) Config {
	t.Helper()
	conf.Listen, conf.TrustedProxies = freePort(t, "127.0.0.1").String(), []string{"127.0.0.1/32"}
	to := &url.URL{Scheme: "http", Host: conf.Listen}
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			from := netip.MustParseAddrPort(p.In.RemoteAddr).Addr().String()
			if seen, ok := outside[from]; ok {
				from = seen
			}
			p.Out.Header.Set("X-Forwarded-For", from)
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	})
	t.Cleanup(s.Close)
	conf.URL = s.URL
	return conf
}

// claim is the live claim of a seeder; ID 0: none.
func (r *rig) claim(t bt.TorrentID, m bt.MemberID, n bt.NodeID) availability.Claim {
	r.auditor.mu.Lock()
	defer r.auditor.mu.Unlock()
	c, _ := r.auditor.book.Find(t, m, n)
	return c
}

// proven waits until a claim counts.
func (r *rig) proven(what string, t bt.TorrentID, m bt.MemberID, n bt.NodeID) {
	r.t.Helper()
	r.eventually(what, func() bool { return r.claim(t, m, n).IsProven(r.rules().Availability, r.now()) })
}

// audits are those of a claim, newest first.
func (r *rig) audits(claim int64) (out []store.AuditReport) {
	r.t.Helper()
	var ids []int64
	r.database(func(db *sql.DB) error {
		rows, err := db.Query("SELECT id FROM audits WHERE claim = ? ORDER BY id DESC", claim)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	for _, id := range ids {
		a, err := r.store.AuditReport(r.t.Context(), id)
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// database opens the file beside the server.
func (r *rig) database(use func(*sql.DB) error) {
	r.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(r.conf.Data, store.FileName)+"?_busy_timeout=5000")
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	if err := use(db); err != nil {
		r.t.Fatal(err)
	}
}

// change writes to the database behind the server's back.
func (r *rig) change(query string, args ...any) {
	r.t.Helper()
	r.database(func(db *sql.DB) error {
		_, err := db.Exec(query, args...)
		return err
	})
}

// number asks the database for one.
func (r *rig) number(query string, args ...any) (n int64) {
	r.t.Helper()
	r.database(func(db *sql.DB) error { return db.QueryRow(query, args...).Scan(&n) })
	return n
}

// pledge puts collateral behind a node.
func (r *rig) pledge(n bt.NodeID, amount tokens.Amount) {
	r.t.Helper()
	err := r.store.Post(r.t.Context(), tokens.Transfer{ID: fmt.Sprint("pledge/test/", n, "/", rand.Text()), Asset: tokens.Token, From: tokens.Issuance,
		To: tokens.Collateral(n), Amount: amount, Code: tokens.CodePledge, Ref: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
}

// token signs a member in for the API.
func (r *rig) token(m bt.MemberID) string {
	r.t.Helper()
	secret := rand.Text()
	if err := r.store.AddAPIToken(r.t.Context(), store.APIToken{Secret: secret, Member: m, Label: "test", TTL: time.Hour}); err != nil {
		r.t.Fatal(err)
	}
	return secret
}

// get asks the site, as whoever the token is of; empty: a guest.
func (r *rig) get(path, token string) (status int, body []byte) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.base+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	status, text := r.do(req)
	return status, []byte(text)
}

// do sends a request and returns the whole answer.
func (r *rig) do(req *http.Request) (status int, answer string) {
	r.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// verify holds the books to account once the server ended.
func (r *rig) verify() {
	r.t.Helper()
	v, err := store.Verify(context.Background(), r.conf.Data, nil)
	if err != nil || !v.OK() {
		r.t.Errorf("verify: %v %v", v.Faults, err)
	}
}

// freePort is one at an address where nobody listens, below those that outgoing connections take.
func freePort(t *testing.T, ip string) netip.AddrPort {
	t.Helper()
	for range 100 {
		addr := netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(20000+mrand.N(12000)))
		if l, err := net.Listen("tcp", addr.String()); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return netip.AddrPort{}
}
