package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

// following is an open stream of news of the catalogue.
type following struct {
	w     *world
	res   *http.Response
	lines *bufio.Reader
}

func (c *client) follow(last string) *following {
	c.w.Helper()
	req, err := http.NewRequestWithContext(c.w.Context(), "GET", c.w.url+"/api/v1/events", nil)
	if err != nil {
		c.w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.w.Fatal(err)
	}
	c.w.Cleanup(func() { res.Body.Close() })
	return &following{c.w, res, bufio.NewReader(res.Body)}
}

// next reads an event: its number, name and data.
func (f *following) next() (id, name string, data map[string]any) {
	f.w.Helper()
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			f.w.Fatal(err)
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				f.w.Fatal(err)
			}
			return id, name, data
		}
	}
}

// want checks the next event's number, name and one field.
func (f *following) want(id int, name, field string, value any) map[string]any {
	f.w.Helper()
	gotID, gotName, data := f.next()
	if gotID != fmt.Sprint(id) || gotName != name || data[field] != value {
		f.w.Fatalf("event %s %s %v, want %d %s with %s %v", gotID, gotName, data, id, name, field, value)
	}
	return data
}

// reprice sets a price as the market does.
func (w *world) reprice(id bt.TorrentID, price tokens.Amount, multiplier int64) {
	w.Helper()
	row := store.PriceRow{Torrent: id, AtMs: w.now().UnixMilli(), Price: price, MultiplierPPM: multiplier}
	if err := w.store.SetPrices(w.Context(), []store.PriceRow{row}, func(store.PriceRow) bool { return true }); err != nil {
		w.Fatal(err)
	}
}

// Programs hear of new torrents and of prices that moved, and go on where they were.
func TestCatalogueEvents(t *testing.T) {
	w, alice := feedWorld(t) // nine torrents, events 1 to 9
	f := alice.follow("")
	if f.res.StatusCode != 200 || f.res.Header.Get("Content-Type") != "text/event-stream" || f.res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", f.res.StatusCode, f.res.Header)
	}
	if line, err := f.lines.ReadString('\n'); err != nil || line != "retry: 5000\n" {
		t.Fatalf("%q %v", line, err)
	}
	ih := w.want(alice.upload(torrentFile("new"), "category", "books", "name", "line\u2028<b>"), 201).json(t)["infohash"].(string)
	v := f.want(10, "torrent", "infohash", ih)
	if v["name"] != "line <b>" || v["category"] != "books" || v["size_bytes"] != 16384.0 || v["url"] != w.url+"/torrents/"+ih || v["price_utok_per_gib"] != v["was_utok_per_gib"] || v["tier"] != "base" {
		t.Errorf("%v", v)
	}
	if at, err := time.Parse(time.RFC3339, v["at"].(string)); err != nil || time.Since(at) > time.Hour {
		t.Errorf("%v %v", v["at"], err)
	}
	w.reprice(10, 1_500_000, 1_500_000)
	w.reprice(10, 1_510_000, 1_510_000) // too little to tell
	w.reprice(10, 750_000, 750_000)
	if v = f.want(11, "price", "price_utok_per_gib", "1500000"); v["tier"] != "surge" || v["multiplier_ppm"] != 1.5e6 || v["infohash"] != ih {
		t.Errorf("%v", v)
	}
	f.want(12, "price", "was_utok_per_gib", "1500000")

	alice.follow("11").want(12, "price", "tier", "discount")
	again := alice.follow("0")
	for i := range 12 {
		if id, _, _ := again.next(); id != fmt.Sprint(i+1) {
			t.Fatalf("%s where %d should be", id, i+1)
		}
	}
	w.problem(alice.get("/api/v1/events"), 429, "too_many_streams") // a fourth
	w.problem(w.client("").get("/api/v1/events"), 401, "sign_in")
	bob := w.member("bob", 0, 0)
	for _, after := range []string{"-1", "x", "1.5", "99999999999999999999"} {
		w.problem(bob.get("/api/v1/events?after="+after), 400, "after")
	}
	bob.follow("99").want(12, "missed", "oldest", 13.0) // numbers of another database
}

// Whoever was away for too long is told so, and goes on with what is kept.
func TestCatalogueEventsMissed(t *testing.T) {
	w, alice := feedWorld(t)
	rows := make([]store.PriceRow, store.MaxFeedEvents)
	for i := range rows {
		rows[i] = store.PriceRow{Torrent: 1, AtMs: int64(i), Price: 1_000_000 + tokens.Amount(i%2)*500_000, MultiplierPPM: 1e6}
	}
	if err := w.store.SetPrices(t.Context(), rows, func(store.PriceRow) bool { return false }); err != nil {
		t.Fatal(err)
	}
	f := alice.follow("3")
	id, name, v := f.next()
	first := int(v["oldest"].(float64))
	if name != "missed" || v["after"] != 3.0 || first <= 4 || id != fmt.Sprint(first-1) {
		t.Fatalf("%s %s %v", id, name, v)
	}
	if id, _, _ := f.next(); id != fmt.Sprint(first) {
		t.Errorf("it goes on with %s", id)
	}
}

// A stream ends with the server, and with the token that it was opened with.
func TestCatalogueEventsEnd(t *testing.T) {
	ending, end := context.WithCancel(t.Context())
	w, alice := feedWorld(t, func(c *web.Config, _ *store.Economy) { c.Ending = ending })
	f := alice.follow("8")
	f.want(9, "torrent", "name", "weights")
	if err := w.store.AddAPIToken(t.Context(), store.APIToken{Member: 1, Label: "x", Secret: "swst_short", TTL: time.Hour, Scope: store.ScopeRead}); err != nil {
		t.Fatal(err)
	}
	short := w.client("swst_short").follow("8")
	short.want(9, "torrent", "name", "weights")
	list, err := w.store.APITokens(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		if x.Label == "x" {
			if err := w.store.RevokeAPIToken(t.Context(), 1, x.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.want(alice.upload(torrentFile("secret")), 201)
	f.want(10, "torrent", "name", "secret")
	if rest, err := short.lines.ReadString('d'); err == nil || strings.Contains(rest, "secret") {
		t.Errorf("%q %v", rest, err)
	}
	end()
	if rest, err := io.ReadAll(f.lines); err != nil || strings.Contains(string(rest), "event") {
		t.Errorf("%q %v", rest, err)
	}
	w.problem(alice.get("/api/v1/events"), 503, "closing")
}

// A script that only looks now and then is told what there is.
func TestCatalogueEventsAtOnce(t *testing.T) {
	w, alice := feedWorld(t)
	r := w.want(alice.get("/api/v1/events?after=7&wait=0"), 200)
	if got := string(r.body); strings.Count(got, "event: torrent") != 2 || !strings.HasPrefix(got, "retry: 5000\n\nid: 8\nevent: torrent\ndata: {") || !strings.HasSuffix(got, "}\n\n") {
		t.Errorf("%s", got)
	}
	if r := w.want(alice.do("GET", "/api/v1/events?after=1&wait=0", nil, "Last-Event-ID", "9"), 200); strings.Contains(string(r.body), "event") {
		t.Errorf("%s", r.body)
	}
	for _, wait := range []string{"-1", "x", "3601"} {
		w.problem(alice.get("/api/v1/events?wait="+wait), 400, "wait")
	}
}

// sending are deadlines of an answer that says when something was sent.
type sending struct {
	deadlines
	sent func()
}

func (d *sending) Flush() { d.sent() }

// Between two events a stream may be silent for 20 seconds: HTTP/2 would end it when the deadline of what was
// written before has passed.
func TestStreamsOutliveSilence(t *testing.T) {
	w, alice := feedWorld(t)
	for _, path := range []string{"/api/v1/events", "/events"} {
		ctx, end := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+alice.token)
		d := &sending{deadlines{ResponseRecorder: httptest.NewRecorder()}, end}
		w.router.ServeHTTP(d, r)
		if left := time.Until(d.write); left < 22*time.Second || left > time.Minute {
			t.Errorf("%s: it ends in %s", path, left)
		}
	}
}
