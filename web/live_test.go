package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// streamed is an open stream of events.
type streamed struct {
	w     *world
	res   *http.Response
	lines *bufio.Reader
}

func (c *client) stream(ctx context.Context) *streamed {
	c.w.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", c.w.url+"/events", nil)
	if err != nil {
		c.w.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.w.Fatal(err)
	}
	c.w.Cleanup(func() { res.Body.Close() })
	return &streamed{c.w, res, bufio.NewReader(res.Body)}
}

// next reads an event; io.EOF: the stream ended.
func (s *streamed) next() (name string, data map[string]any, err error) {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		if word, ok := strings.CutPrefix(line, "event: "); ok {
			name = strings.TrimSpace(word)
		}
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			if name == "gone" {
				return name, map[string]any{"infohash": strings.Trim(strings.TrimSpace(text), `"`)}, nil
			}
			return name, data, json.Unmarshal([]byte(text), &data)
		}
	}
}

func (s *streamed) want(name string) map[string]any {
	s.w.Helper()
	got, data, err := s.next()
	if err != nil || got != name {
		s.w.Fatalf("event %q %v %v, want %q", got, data, err, name)
	}
	return data
}

// downloads writes rows as the flusher does, with a session of a client that is not finished each.
func (w *world) downloads(number int64, rows ...swarm.DownloadRow) {
	w.Helper()
	b := &swarm.Batch{Number: number, Downloads: rows}
	for _, r := range rows {
		b.Sessions = append(b.Sessions, swarm.SessionRow{SessionKey: swarm.SessionKey{Member: r.Member, Torrent: r.Torrent, PeerID: bt.PeerID{1}}, Left: r.MinLeft, Seq: r.Seq, LastMs: w.now().UnixMilli()})
	}
	if err := w.store.Flush(w.Context(), b); err != nil {
		w.Fatal(err)
	}
}

// halfway is half of a 4 GiB torrent, at 10 tokens a GiB.
func (w *world) halfway(m bt.MemberID, t bt.TorrentID) swarm.DownloadRow {
	return swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: m, Torrent: t}, Metered: 2 * bt.GiB, Billed: 2 * bt.GiB, MaxLeft: 4 * bt.GiB, MinLeft: 2 * bt.GiB,
		Cost: 20 * tokens.Unit, Charged: 20 * tokens.Unit, Reserved: 20 * tokens.Unit, Quote: 10 * tokens.Unit, QuoteMs: w.now().UnixMilli(),
		FirstQuote: 10 * tokens.Unit, FirstMs: w.now().Add(-time.Hour).UnixMilli(), Seq: 1}
}

// A member sees what the meter sees, without loading a page again, and only what is theirs.
func TestEventsFollowTheMeter(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.member("alice", 100*tokens.Unit, 55*tokens.Unit), w.member("bob", 9*tokens.Unit, 0)
	ih := w.want(alice.upload(bigTorrent("big")), 201).json(t)["infohash"].(string)
	row := w.halfway(1, 1)
	w.downloads(1, row)
	a, b := alice.stream(t.Context()), bob.stream(t.Context())
	if a.res.StatusCode != 200 || a.res.Header.Get("Content-Type") != "text/event-stream" || a.res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", a.res.StatusCode, a.res.Header)
	}
	v := a.want("wallet")
	show := v["show"].(map[string]any)
	if v["available_utok"] != "100000000" || v["reserved_utok"] != "20000000" || v["running_utok"] != "20000000" || v["projected_utok"] != "40000000" || v["unread"] != 0.0 ||
		show["available"] != "100 VIDYA" || show["lasts"] != "Your funds cover all of it: 20 VIDYA are still to be paid, you have 100 VIDYA." {
		t.Errorf("wallet %v", v)
	}
	v = a.want("download")
	if v["infohash"] != ih || v["done_ppm"] != 500000.0 || v["cost_utok"] != "20000000" || v["projected_utok"] != "40000000" || v["price_utok_per_gib"] != "10000000" {
		t.Errorf("download %v", v)
	}
	if v = b.want("wallet"); v["available_utok"] != "9000000" || v["running_utok"] != "0" {
		t.Errorf("bob's wallet %v", v)
	}
	row.Metered, row.Billed, row.Cost, row.Seq = 3*bt.GiB, 3*bt.GiB, 30*tokens.Unit, 2
	w.live.mu.Lock()
	w.live.downloads = map[swarm.DownloadKey]swarm.DownloadRow{row.DownloadKey: row} // the meter is ahead of the database
	w.live.mu.Unlock()
	if v = a.want("wallet"); v["running_utok"] != "30000000" || v["projected_utok"] != "40000000" {
		t.Errorf("wallet later %v", v)
	}
	if v = a.want("download"); v["done_ppm"] != 750000.0 || v["cost_utok"] != "30000000" {
		t.Errorf("download later %v", v)
	}
	row.Completed, row.Reserved, row.MinLeft, row.Seq = w.now().UnixMilli(), 0, 0, 3
	w.downloads(2, row)
	a.want("wallet")
	if v = a.want("gone"); v["infohash"] != ih {
		t.Errorf("gone %v", v)
	}
}

// Who is not signed in gets no stream, and a stream ends with the session that opened it, with a fifth page of
// the same member, and with the server.
func TestEventStreamsEnd(t *testing.T) {
	ending, end := context.WithCancel(t.Context())
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Ending = ending })
	if r := w.browser().get("/events"); r.status != http.StatusUnauthorized {
		t.Fatalf("a visitor: %d", r.status)
	}
	b := w.browser()
	w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password}), 303)
	revoked := b.stream(t.Context())
	revoked.want("wallet")
	w.want(b.form("/sign-out", nil), 303)
	if _, _, err := revoked.next(); err != io.EOF {
		t.Errorf("the session is over: %v", err)
	}
	c := w.member("carol", tokens.Unit, 0)
	var open []*streamed
	for range 5 {
		s := c.stream(t.Context())
		s.want("wallet")
		open = append(open, s)
	}
	open[0].want("displaced")
	if _, _, err := open[0].next(); err != io.EOF {
		t.Errorf("displaced: %v", err)
	}
	end()
	for i, s := range open[1:] {
		if _, _, err := s.next(); err != io.EOF {
			t.Errorf("stream %d after the end: %v", i+1, err)
		}
	}
}

// A stream that is asked for while the server ends is not an internal error.
func TestEventsWhileEnding(t *testing.T) {
	ending, end := context.WithCancel(t.Context())
	end()
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Ending = ending })
	w.problem(w.member("alice", 0, 0).get("/events"), 503, "closing")
}

// A stream outlives the times in which the server wants requests read and answers written.
func TestEventsOutliveTheServersTimes(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", tokens.Unit, 0)
	server := httptest.NewUnstartedServer(w.site(w.store, time.Minute))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	w.url = server.URL
	s := alice.stream(t.Context())
	s.want("wallet")
	transfer := tokens.Transfer{ID: "gift", Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(1), Amount: 1, Code: tokens.CodeGrant, Ref: "test"}
	if err := w.store.Post(t.Context(), transfer); err != nil {
		t.Fatal(err)
	}
	if v := s.want("wallet"); v["available_utok"] != "1000001" { // at the next look, ten times as late
		t.Errorf("%v", v)
	}
	s.res.Body.Close()
}

// The wallet says what runs, what it will cost, whether the funds last, and what was earned by what.
func TestWalletPage(t *testing.T) {
	w := newWorld(t)
	alice := w.browser()
	w.want(alice.form("/sign-up", map[string]string{"name": "alice", "password": password}), 303)
	page := func() string { t.Helper(); return string(w.want(alice.get("/wallet"), 200).body) }
	if text := page(); !strings.Contains(text, "Seed what you have") || strings.Contains(text, "Running downloads") {
		t.Errorf("an empty wallet: %s", text)
	}
	post := func(id string, from, to tokens.Account, a tokens.Amount, code tokens.Code) {
		t.Helper()
		if err := w.store.Post(t.Context(), tokens.Transfer{ID: id, Asset: tokens.Token, From: from, To: to, Amount: a, Code: code, Ref: "torrent/1 epoch/1"}); err != nil {
			t.Fatal(err)
		}
	}
	post("m", tokens.Issuance, tokens.Available(1), 5*tokens.Unit, tokens.CodeGrant)
	post("u", tokens.Issuance, tokens.Available(1), 3*tokens.Unit, tokens.CodeUpload)
	post("h", tokens.Issuance, tokens.Available(1), 2*tokens.Unit, tokens.CodeHot)
	w.want(alice.upload(bigTorrent("big")), 201)
	w.downloads(1, w.halfway(1, 1))
	text := page()
	for _, words := range []string{"Running downloads", `data-download="`, `value="500000"`, "<strong data-live=\"projected\">40 VIDYA</strong>", "Upload 3 VIDYA", "Hot bonus 2 VIDYA",
		"Your funds do not cover all of it: 20 VIDYA are still to be paid, you have 10 VIDYA. At the speed so far they last for "} {
		if !strings.Contains(text, words) {
			t.Errorf("the wallet does not say %q: %s", words, text)
		}
	}
	if strings.Contains(text, "Penalties") {
		t.Error("a source that brought nothing is drawn")
	}
	post("v", tokens.Issuance, tokens.Available(1), tokens.Unit, tokens.CodeUpload)
	if text = page(); !strings.Contains(text, "Upload 4 VIDYA, Hot bonus 2 VIDYA") {
		t.Errorf("what came since is not added: %s", text)
	}
	w.clock.Store(int64(24 * time.Hour))
	if text = page(); !strings.Contains(text, "Upload 4 VIDYA, Hot bonus 2 VIDYA") {
		t.Errorf("the next day: %s", text)
	}
}

// Whoever comes from a torrent is led through all steps and back to it; nobody is led off the site.
func TestBuyingLeadsBack(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password}), 303)
	const next = "/torrents/0000000000000000000000000000000000000000"
	page := w.want(b.get("/buy?tokens=105&next="+next), 200)
	for _, text := range []string{`name="next" value="` + next, "25 VIDYA", "100 VIDYA", "<strong>50 VIDYA</strong> are left", "about <strong>5.00 GiB</strong>"} {
		if !strings.Contains(string(page.body), text) {
			t.Errorf("the page does not say %q: %s", text, page.body)
		}
	}
	if r := w.want(b.form("/deposit", map[string]string{"key": "d", "tokens": "105", "amount": "100", "next": next}), 303); r.header.Get("Location") != "/buy?next=%2Ftorrents%2F0000000000000000000000000000000000000000&tokens=105" {
		t.Errorf("after paying: %s", r.header.Get("Location"))
	}
	if r := w.want(b.form("/buy", map[string]string{"key": "b", "tokens": "105", "max_cost": "50", "next": next}), 303); r.header.Get("Location") != "/buy?next=%2Ftorrents%2F0000000000000000000000000000000000000000#stake" {
		t.Errorf("after buying: %s", r.header.Get("Location"))
	}
	if text := string(w.want(b.get("/buy?next="+next), 200).body); strings.Count(text, `<span class="tag ok">done</span>`) != 2 {
		t.Errorf("two steps are done: %s", text)
	}
	if r := w.want(b.form("/stake", map[string]string{"key": "s", "amount": "50", "next": next}), 303); r.header.Get("Location") != next {
		t.Errorf("after staking: %s", r.header.Get("Location"))
	}
	if text := string(w.want(b.get("/buy?next="+next), 200).body); !strings.Contains(text, `href="`+next+`">Go back`) {
		t.Errorf("there is no way back: %s", text)
	}
	for _, bad := range []string{"//evil.example/", "https://evil.example/", `/\evil.example`, "javascript:alert(1)"} {
		if text := string(w.want(b.get("/buy?next="+encode(map[string]string{"": bad})[1:]), 200).body); strings.Contains(text, `="`+bad) {
			t.Errorf("%q is led to", bad)
		}
		if r := w.want(b.form("/stake", map[string]string{"key": "s" + bad, "amount": "1", "next": bad}), 303); r.header.Get("Location") != "/wallet" {
			t.Errorf("%q: led to %s", bad, r.header.Get("Location"))
		}
	}
	if text := string(w.want(b.get("/buy?tokens=1"), 200).body); strings.Contains(text, "not enough to join") {
		t.Errorf("a member is asked for a stake: %s", text)
	}
}
