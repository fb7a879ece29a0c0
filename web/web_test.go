package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// world is a site over a real database, with the tracker's parts played by fakes.
type world struct {
	*testing.T
	store   *store.Store
	dir     string // of the database
	url     string
	router  chi.Router
	clock   atomic.Int64 // ns after the real time
	roster  fakeRoster
	live    fakeLive
	hosting fakeHosting
	serving fakeServing
	seeding fakeSeeding
	log     bytes.Buffer
}

type fakeRoster struct{ torrents, members, clients, budgets atomic.Int64 }

func (f *fakeRoster) TorrentAdded(context.Context, bt.TorrentID) error { f.torrents.Add(1); return nil }
func (f *fakeRoster) MemberAdded(context.Context, bt.MemberID) error   { f.members.Add(1); return nil }

func (f *fakeRoster) ClientsChanged(context.Context) error { f.clients.Add(1); return nil }
func (f *fakeRoster) BudgetChanged(context.Context, bt.MemberID, bt.TorrentID) error {
	f.budgets.Add(1)
	return nil
}

// fakeLive is a swarm of 3 seeders and 2 leechers; tests put peers and downloads into it.
type fakeLive struct {
	mu        sync.Mutex
	peers     map[bt.TorrentID][]swarm.Peer
	downloads map[swarm.DownloadKey]swarm.DownloadRow
}

func (f *fakeLive) Swarm(bt.TorrentID) (int, int, int) { return 3, 7, 2 }

func (f *fakeLive) Peers(t bt.TorrentID, n int) []swarm.Peer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peers[t][:min(n, len(f.peers[t]))]
}

func (f *fakeLive) Download(m bt.MemberID, t bt.TorrentID) (swarm.DownloadRow, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.downloads[swarm.DownloadKey{Member: m, Torrent: t}]
	return d, ok
}

type fakeKeys struct{}

func (fakeKeys) AnnounceURL(m bt.MemberID, h bt.InfoHash) string {
	return fmt.Sprintf("http://tracker.test/announce/%08x%s/announce", uint32(m), h.String()[:32])
}

type fakeHosting struct {
	last web.Report
	fakeChallenges
}

func (f *fakeHosting) Report(_ context.Context, _ store.Node, r web.Report) (web.ReportAnswer, error) {
	f.last = r
	return web.ReportAnswer{ReportAgainSeconds: 60}, nil
}

func (f *fakeHosting) Status(context.Context, store.Node) (web.NodeStatus, error) {
	return web.NodeStatus{State: "active", Collateral: 5}, nil
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }

// newWorld starts a site; change may alter its configuration.
func newWorld(t *testing.T, change ...func(*web.Config, *store.Economy)) *world {
	t.Helper()
	w := &world{T: t}
	w.start(t, change...)
	return w
}

// start starts the world's site; it ends with t.
func (w *world) start(t testing.TB, change ...func(*web.Config, *store.Economy)) {
	t.Helper()
	w.dir = t.TempDir()
	server := httptest.NewUnstartedServer(nil)
	w.url = "http://" + server.Listener.Addr().String()
	cfg := web.Config{BaseURL: w.url, Dev: true, Source: "test", ReportInterval: time.Minute, Now: w.now, Rulebook: fakeRulebook{},
		Log: slog.New(slog.NewTextHandler(&w.log, nil))}
	eco := store.DefaultEconomy()
	for _, f := range change {
		f(&cfg, &eco)
	}
	cfg.Rules = func() web.Rules {
		return web.Rules{EpochLength: time.Hour, Economy: eco, Surge: surge.DefaultParams(), Settle: settle.DefaultParams(), Availability: availability.DefaultParams()}
	}
	s, err := store.Open(t.Context(), w.dir, store.Options{Now: w.now, Economy: eco, Faucet: store.FaucetPerDay})
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	h, err := web.New(cfg, web.Deps{Store: s, Live: &w.live, Roster: &w.roster, Keys: fakeKeys{}, Hosting: &w.hosting, Serving: &w.serving, Seeding: &w.seeding, Records: fakeRecords{}})
	if err != nil {
		t.Fatal(err)
	}
	takePart(t, h)
	w.router = h.(chi.Router)
	server.Config.Handler = h
	server.Start()
	t.Cleanup(func() { server.Close(); s.Close() })
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return v
}

// client sends requests as somebody.
type client struct {
	w     *world
	token string
	http  *http.Client
}

func (w *world) client(token string) *client { return &client{w, token, http.DefaultClient} }

// browser keeps cookies and does not follow redirects.
func (w *world) browser() *client {
	jar, _ := cookiejar.New(nil)
	return &client{w, "", &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (c *client) do(method, path string, body io.Reader, headers ...string) reply {
	c.w.Helper()
	req, err := http.NewRequest(method, c.w.url+path, body)
	if err != nil {
		c.w.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	end := theActs.begin(c.w.store, method, theContract.route(method, req.URL.EscapedPath()))
	res, err := c.http.Do(req)
	if err != nil {
		c.w.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.w.Fatal(err)
	}
	r := reply{res.StatusCode, res.Header, b}
	end(r.status)
	if err := theContract.check(method, path, r); err != nil {
		c.w.Errorf("%s %s: %v", method, path, err)
	}
	return r
}

func (c *client) get(path string) reply { c.w.Helper(); return c.do("GET", path, nil) }

func (c *client) post(path, body string, headers ...string) reply {
	c.w.Helper()
	return c.do("POST", path, strings.NewReader(body), headers...)
}

// pay posts with an Idempotency-Key.
func (c *client) pay(path, key, body string) reply {
	c.w.Helper()
	return c.post(path, body, "Idempotency-Key", key)
}

func (c *client) form(path string, values map[string]string) reply {
	c.w.Helper()
	return c.post(path, encode(values), "Content-Type", "application/x-www-form-urlencoded")
}

func (w *world) want(r reply, status int) reply {
	w.Helper()
	if r.status != status {
		w.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// problem checks an error's status, code and form.
func (w *world) problem(r reply, status int, code string) {
	w.Helper()
	w.want(r, status)
	v := r.json(w)
	if v["code"] != code || v["detail"] == "" || r.header.Get("Content-Type") != "application/problem+json" {
		w.Fatalf("problem %s, want code %q", r.body, code)
	}
}

// member makes a member with granted tokens; secret is their API token.
func (w *world) member(name string, granted, stake tokens.Amount) *client {
	w.Helper()
	_, err := w.store.AddMember(w.Context(), store.Grant{NewMember: store.NewMember{Name: name}, Tokens: granted, Stake: stake, APIToken: "swst_" + name, TokenTTL: 60 * 24 * time.Hour})
	if err != nil {
		w.Fatal(err)
	}
	return w.client("swst_" + name)
}

// torrentFile is a small valid v1 torrent; public ones are not private yet.
func torrentFile(name string) []byte {
	return fmt.Appendf(nil, "d8:announce20:http://other.invalid4:infod6:lengthi16384e4:name%d:%s12:piece lengthi16384e6:pieces20:%020dee", len(name), name, 7)
}

func (c *client) upload(file []byte, fields ...string) reply {
	c.w.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, _ := m.CreateFormFile("torrent", "x.torrent")
	part.Write(file)
	for i := 0; i+1 < len(fields); i += 2 {
		m.WriteField(fields[i], fields[i+1])
	}
	m.Close()
	return c.do("POST", "/api/v1/torrents", &body, "Content-Type", m.FormDataContentType())
}

func encode(values map[string]string) string {
	var b strings.Builder
	for k, v := range values {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(k) + "=" + url.QueryEscape(v))
	}
	return b.String()
}
