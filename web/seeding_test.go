package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web"
)

// fakeSeeding has a market of so many torrents, numbered 10, 20, ….
type fakeSeeding struct {
	torrents int
	market   []web.MarketTorrent // before those
	terms    web.MarketEconomy   // if they name a rate
	earned   web.Earnings        // if it was anything today
	days     int                 // that were asked for
	taken    web.TransferReport
}

func (f *fakeSeeding) Market(context.Context) (web.MarketEconomy, []web.MarketTorrent, error) {
	out := f.market[:len(f.market):len(f.market)]
	for i := range f.torrents {
		id := 10 * (i + 1)
		out = append(out, web.MarketTorrent{ID: bt.TorrentID(id), InfoHash: fmt.Sprintf("%040d", id), Collections: []int64{}, Price: 9_007_199_254_740_993})
	}
	if f.terms.HostingRate != 0 {
		return f.terms, out, nil
	}
	return web.MarketEconomy{Replicas: 5, HostingRate: 7}, out, nil
}

func (f *fakeSeeding) Earnings(_ context.Context, n store.Node, days int) (web.Earnings, error) {
	f.days = days
	if f.earned.Today != 0 {
		return f.earned, nil
	}
	return web.Earnings{Today: 3, Lines: []web.EarningsLine{{ID: "hosting/1/2/3", Amount: -4}}}, nil
}

func (f *fakeSeeding) TakeTransfers(_ context.Context, n store.Node, r web.TransferReport) (web.TransferAnswer, error) {
	f.taken = r
	return web.TransferAnswer{Accepted: len(r.Transfers), Refused: 1}, nil
}

// asNode signs a request without a body.
func (w *world) asNode(jti string) *client {
	w.Helper()
	return w.client(sign(w.T, jwt.SigningMethodEdDSA, nodeKey(), "1", w.claims(jti)))
}

// Pages of the market fit together, for members and nodes; guests see nothing.
func TestMarketPages(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	w.pair(alice)
	w.seeding.torrents = 7
	var got []string
	cursor, pages := "", 0
	for {
		asks := alice
		if pages == 1 {
			asks = w.asNode("m")
		}
		v := w.want(asks.get("/api/v1/hosting/market?limit=3&cursor="+cursor), 200).json(t)
		if v["symbol"] != "VIDYA" || v["economy"].(map[string]any)["hosting_utok_per_gib_hour"] != "7" {
			t.Fatalf("%v", v)
		}
		for _, x := range v["torrents"].([]any) {
			row := x.(map[string]any)
			if row["price_utok_per_gib"] != "9007199254740993" || row["collections"] == nil {
				t.Fatalf("%v", row)
			}
			got = append(got, strings.TrimLeft(row["infohash"].(string), "0"))
		}
		pages++
		if cursor = v["next"].(string); cursor == "" {
			break
		}
	}
	if strings.Join(got, " ") != "10 20 30 40 50 60 70" || pages != 3 {
		t.Errorf("%d pages: %v", pages, got)
	}
	if v := w.want(alice.get("/api/v1/hosting/market?cursor=35"), 200).json(t); len(v["torrents"].([]any)) != 4 { // a torrent that is gone
		t.Errorf("%v", v)
	}
	w.seeding.torrents = 0
	if r := w.want(alice.get("/api/v1/hosting/market?cursor=70"), 200); !strings.Contains(string(r.body), `"torrents":[]`) {
		t.Errorf("%s", r.body)
	}
	w.problem(w.client("").get("/api/v1/hosting/market"), 401, "sign_in")
	w.problem(alice.get("/api/v1/hosting/market?cursor=-1"), 400, "cursor")
	w.problem(alice.get("/api/v1/hosting/market?cursor=9223372036854775807x"), 400, "cursor")
	w.problem(alice.get("/api/v1/hosting/market?limit=201"), 400, "limit")
	w.problem(alice.get("/api/v1/hosting/market?limit=0"), 400, "limit")
}

func TestEarningsAreForTheNode(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	w.pair(alice)
	v := w.want(w.asNode("a").get("/api/v1/node/earnings"), 200).json(t)
	line := v["lines"].([]any)[0].(map[string]any)
	if w.seeding.days != 30 || v["symbol"] != "VIDYA" || v["today_utok"] != "3" || line["url"] != w.url+"/transfers/hosting/1/2/3" || line["amount_utok"] != "-4" {
		t.Errorf("%d days, %v", w.seeding.days, v)
	}
	w.want(w.asNode("b").get("/api/v1/node/earnings?days=90"), 200)
	if w.seeding.days != 90 {
		t.Errorf("%d days", w.seeding.days)
	}
	for i, days := range []string{"0", "91", "-1", "x", "1.5"} {
		w.problem(w.asNode(fmt.Sprint("c", i)).get("/api/v1/node/earnings?days="+days), 400, "days")
	}
	w.problem(alice.get("/api/v1/node/earnings"), 401, "node_token")
}

// A node reads its own audits page by page, with what they cost it.
func TestOwnAudits(t *testing.T) {
	w := newWorld(t)
	alice, node, infohash := w.hosts()
	w.member("bob", 0, 0)
	w.host(2, 1, 2, 0, 16<<10, true, false)
	w.auditRow(8, 2, "drawn", availability.Corrupt, corrupt()) // bob's
	for id := int64(9); id < 12; id++ {
		w.auditRow(id, 1, "entry", availability.Passed, availability.Outcome{})
	}
	w.exec("INSERT INTO slashes (id, audit, node, torrent, amount_utok, at_ms, due_ms) VALUES (1, 7, ?, 1, 4000000, 0, 0)", node)
	type page struct {
		Audits []struct {
			ID                               int64
			Verdict, InfoHash, URL, Name     string
			Asked                            int
			Penalty                          string `json:"penalty_utok"`
			Elapsed                          int64  `json:"elapsed_ms"`
			At                               time.Time
			Host, Member, Address, Reason, X any
		}
		Next int64
	}
	var ids []int64
	before := int64(0)
	for i := range 2 {
		var p page
		r := w.want(w.asNode(fmt.Sprint("a", i)).get(fmt.Sprintf("/api/v1/node/audits?before=%d&limit=2", before)), 200)
		if err := json.Unmarshal(r.body, &p); err != nil {
			t.Fatal(err)
		}
		for _, a := range p.Audits {
			ids = append(ids, a.ID)
			want := map[int64][2]string{7: {"corrupt", "4000000"}}[a.ID]
			if a.ID != 7 {
				want = [2]string{"passed", "0"}
			}
			if a.Verdict != want[0] || a.Penalty != want[1] || a.InfoHash != infohash || a.URL != fmt.Sprintf("%s/audits/%d", w.url, a.ID) || a.Asked != 30 || a.Elapsed != 1234 {
				t.Errorf("%+v", a)
			}
		}
		before = p.Next
	}
	if fmt.Sprint(ids) != "[11 10 9 7]" || before != 0 {
		t.Errorf("%v, then before %d", ids, before)
	}
	w.problem(w.asNode("l").get("/api/v1/node/audits?limit=101"), 400, "limit")
	w.problem(w.asNode("m").get("/api/v1/node/audits?before=-5"), 400, "before")
	w.problem(alice.get("/api/v1/node/audits"), 401, "node_token")
}

// Whoever asks all the time is told to wait; in a demo nobody is.
func TestMarketIsLimited(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev = false; c.Now = frozenClock() })
	alice := w.member("alice", 0, 0)
	for range 1000 {
		if r := alice.get("/api/v1/hosting/market"); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	w.problem(alice.get("/api/v1/hosting/market"), 429, "slow_down")
	w.want(w.member("bob", 0, 0).get("/api/v1/hosting/market"), 200)
}

// frozenClock stands still.
func frozenClock() func() time.Time {
	now := time.Now()
	return func() time.Time { return now }
}

func TestTransferReports(t *testing.T) {
	w := newWorld(t)
	w.pair(w.member("alice", 0, 0))
	row := fmt.Sprintf(`{"infohash":%q,"peer_id":%q,"addr":"192.0.2.1","sent":5,"received":6}`, strings.Repeat("ab", 20), strings.Repeat("41", 20))
	report := func(batch string, from, until time.Duration, rows int) string {
		at := func(d time.Duration) string { return w.now().Add(d).UTC().Format(time.RFC3339) }
		return fmt.Sprintf(`{"batch":%q,"from":%q,"until":%q,"transfers":[%s]}`, batch, at(from), at(until), strings.TrimSuffix(strings.Repeat(row+",", rows), ","))
	}
	n := 0
	send := func(body string) reply {
		n++
		return w.signed(fmt.Sprint("t", n), []byte(body)).post("/api/v1/node/transfers", body)
	}
	good := report("a-B_9", -5*time.Minute, 0, 5000)
	v := w.want(send(good), 200).json(t)
	got := w.seeding.taken
	if v["accepted"] != 5000.0 || v["refused"] != 1.0 || v["again_seconds"] != 5.0 || got.Batch != "a-B_9" || len(got.Transfers) != 5000 || got.Transfers[9].Received != 6 ||
		string(got.Body) != good || strings.Count(got.Token, ".") != 2 {
		t.Errorf("%v, %d rows", v, len(got.Transfers))
	}
	w.want(send(report("b", -29*24*time.Hour, -29*24*time.Hour, 0)), 200)
	for name, c := range map[string]struct{ body, code string }{
		"no batch":         {report("", 0, 0, 1), "batch"},
		"a strange batch":  {report("a/b", 0, 0, 1), "batch"},
		"a long batch":     {report(strings.Repeat("x", 65), 0, 0, 1), "batch"},
		"too many rows":    {report("c", 0, 0, 5001), "transfers"},
		"backwards":        {report("c", 0, -time.Minute, 1), "period"},
		"in the future":    {report("c", 0, time.Hour, 1), "period"},
		"long ago":         {report("c", -100*24*time.Hour, -31*24*time.Hour, 1), "period"},
		"without a period": {`{"batch":"c","transfers":[]}`, "period"},
	} {
		if r := send(c.body); r.status != 422 || r.json(t)["code"] != c.code {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	w.problem(send(`{"batch":"c","tranfers":[]}`), 400, "json")
	altered := w.signed("x", []byte(good)).post("/api/v1/node/transfers", report("other", 0, 0, 1))
	w.problem(altered, 401, "node_body")
}

// Operators see who admits less than nodes say, and that it proves nothing.
func TestTransfersPage(t *testing.T) {
	w := newWorld(t)
	alice, _, _ := w.hosts()
	w.member("mallory", 0, 0)
	operator := w.operator()
	path := "/admin/transfers"
	if page := string(w.want(operator.get(path), 200).body); !strings.Contains(page, "no node reported anything") {
		t.Error("the empty page says nothing")
	}
	w.exec("INSERT INTO exchanges (node, day_ms, torrent, member, network, sent_bytes, received_bytes) VALUES (1, 0, 1, 2, '', 3221225472, 0)")
	page := string(w.want(operator.get(path), 200).body)
	for _, want := range []string{"mallory", "3.00 GiB", "100 %", "This proves nothing by itself"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	v := w.want(operator.get("/api/v1/admin/transfers"), 200).json(t)["members"].([]any)
	if row := v[0].(map[string]any); len(v) != 1 || row["said_bytes"] != 3221225472.0 || row["owners"] != 1.0 || row["missing_ppm"] != 1e6 {
		t.Errorf("%v", v)
	}
	w.problem(alice.get("/api/v1/admin/transfers"), 403, "operator_only")
}

// A category is chosen at upload, shown, and filters the list; one that is not in the list is refused.
func TestCategories(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	for name, category := range map[string]string{"chess": "games", "go": "games", "linux": "software", "odds": ""} {
		w.want(alice.upload(torrentFile(name), "category", category), 201)
	}
	w.problem(alice.upload(torrentFile("bad"), "category", "Games"), 422, "category")
	names := func(query string) (out []string) {
		for _, x := range w.want(alice.get("/api/v1/torrents?"+query), 200).json(t)["torrents"].([]any) {
			row := x.(map[string]any)
			out = append(out, row["name"].(string)+"="+row["category"].(string))
		}
		slices.Sort(out)
		return out
	}
	for query, want := range map[string]string{"category=games": "[chess=games go=games]", "category=games&q=g": "[go=games]", "category=books": "[]", "category=other": "[odds=other]",
		"": "[chess=games go=games linux=software odds=other]"} {
		if got := fmt.Sprint(names(query)); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	w.problem(alice.get("/api/v1/torrents?category=x"), 422, "category")
	first := w.want(alice.get("/api/v1/torrents?category=games&limit=1"), 200).json(t)
	if rest := names("category=games&limit=1&cursor=" + first["next"].(string)); len(rest) != 1 || !strings.HasSuffix(rest[0], "=games") {
		t.Errorf("the next page: %v", rest)
	}
	page := string(w.want(alice.get("/torrents?category=games"), 200).body)
	if !strings.Contains(page, "chess") || strings.Contains(page, "linux") || !strings.Contains(page, `<option value="games" selected>`) {
		t.Error("the page is not filtered")
	}
	if empty := string(w.want(alice.get("/torrents?category=books"), 200).body); !strings.Contains(empty, "Show everything") {
		t.Error("an empty list does not say how to go on")
	}
	if form := string(w.want(alice.get("/upload"), 200).body); strings.Count(form, "<option") != len(catalog.Categories()) || !strings.Contains(form, `<option value="other" selected>`) {
		t.Error("the form does not offer the categories")
	}
}
