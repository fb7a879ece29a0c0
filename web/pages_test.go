package web_test

import (
	"bytes"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/web"
)

// The whole way to access by forms alone, without JavaScript.
func TestBuyAccessByForms(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.want(b.get("/"), 200)
	if r := b.get("/wallet"); r.status != 303 || r.header.Get("Location") != "/sign-in?next=%2Fwallet" {
		t.Fatalf("unknown visitor: %d %s", r.status, r.header.Get("Location"))
	}
	r := w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password}), 303)
	if r.header.Get("Location") != "/buy" {
		t.Fatalf("after sign-up: %s", r.header.Get("Location"))
	}
	field := func(page reply, name string) string {
		t.Helper()
		m := regexp.MustCompile(`name="` + name + `"[^>]* value="([^"]*)"`).FindSubmatch(page.body)
		if m == nil {
			t.Fatalf("no field %s in %s", name, page.body)
		}
		return string(m[1])
	}
	page := w.want(b.get("/buy?tokens=120"), 200)
	w.want(b.form("/deposit", map[string]string{"key": field(page, "key"), "tokens": "120", "amount": field(page, "amount")}), 303)
	page = w.want(b.get("/buy?tokens=120"), 200)
	w.want(b.form("/buy", map[string]string{"key": field(page, "key"), "tokens": "120", "max_cost": field(page, "max_cost")}), 303)
	page = w.want(b.get("/buy"), 200)
	stake := map[string]string{"key": field(page, "key"), "amount": "50"}
	w.want(b.form("/stake", stake), 303)
	w.want(b.form("/stake", stake), 303) // a double click
	page = w.want(b.get("/wallet"), 200)
	for _, text := range []string{"65 VIDYA", "50 VIDYA", "Join fee", "you may download", "+120 VIDYA", "−5 VIDYA"} {
		if !strings.Contains(html.UnescapeString(string(page.body)), text) {
			t.Errorf("the wallet does not say %q", text)
		}
	}
	w.want(b.form("/sign-out", nil), 303)
	w.want(b.get("/wallet"), 303)
}

func TestPagesAreGuarded(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password}), 303)
	ih := w.want(b.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	for _, path := range []string{"/", "/economy", "/economy/parameters", "/availability", "/torrents", "/upload", "/buy", "/hosting", "/torrents/" + ih, "/sign-in", "/sign-up",
		"/wallet", "/wallet/stake", "/wallet/lock", "/wallet/sell", "/wallet/pay", "/wallet/held", "/wallet/invites"} {
		r := w.want(b.get(path), 200)
		csp := r.header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(csp, rule) {
				t.Errorf("%s: CSP %q lacks %s", path, csp, rule)
			}
		}
		if strings.Contains(csp, "unsafe") || r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Referrer-Policy") != "no-referrer" || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", path, r.header)
		}
		for _, bad := range []string{"<script>", "<script src=\"http", " style=", " onclick=", "ZgotmplZ", "http://fonts", "<nil>", "%!"} {
			if strings.Contains(string(r.body), bad) {
				t.Errorf("%s holds %s", path, bad)
			}
		}
	}
	w.want(b.get("/static/style.css"), 200)
	w.want(b.get("/static/"), 404)
	w.want(b.get("/static/../templates/layout.html"), 404)
	w.want(b.get("/templates/layout.html"), 404)
	w.want(b.get("/nothing"), 404)
	w.want(b.post("/stake", "amount=1&key=x", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site"), 403)
	w.want(b.post("/stake", "amount=1&key=x", "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example"), 403)
}

func TestSignInGoesNowhereElse(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password}), 303)
	for next, want := range map[string]string{"/wallet": "/wallet", "//evil.example": "/torrents", "https://evil.example": "/torrents", `/\evil.example`: "/torrents", "/\t/evil": "/torrents", "": "/torrents"} {
		r := w.want(b.form("/sign-in", map[string]string{"name": "alice", "password": password, "next": next}), 303)
		if got := r.header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q", next, got)
		}
	}
}

func TestSetupLink(t *testing.T) {
	w := newWorld(t)
	if err := w.store.AddSetupLink(t.Context(), "once", time.Hour); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	w.want(b.get("/setup/wrong"), 404)
	w.want(b.get("/setup/once"), 200)
	w.want(b.form("/setup/once", map[string]string{"name": "boss", "password": "short"}), 422)
	w.want(b.form("/setup/once", map[string]string{"name": "boss", "password": password}), 303)
	if s := w.want(b.get("/api/v1/session"), 200).json(t); s["operator"] != true {
		t.Fatalf("%v", s)
	}
	w.want(b.get("/setup/once"), 409)
	w.want(b.form("/setup/once", map[string]string{"name": "boss2", "password": password}), 409)
	if has, err := w.store.HasOperator(t.Context()); err != nil || !has {
		t.Fatal(has, err)
	}
}

func TestPasswordLink(t *testing.T) {
	w := newWorld(t)
	w.member("alice", 0, 0)
	m, err := w.store.MemberByName(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.AddPasswordLink(t.Context(), m.ID, "once", time.Hour, 0); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	w.want(b.get("/password/wrong"), 404)
	w.want(b.form("/password/wrong", map[string]string{"password": password, "again": password}), 404)
	if page := w.want(b.get("/password/once"), 200).body; !bytes.Contains(page, []byte("alice")) {
		t.Error("the page does not say whose password it sets")
	}
	w.want(b.form("/password/once", map[string]string{"password": "short", "again": "short"}), 422)
	w.want(b.form("/password/once", map[string]string{"password": password, "again": "another " + password}), 422)
	w.want(b.form("/password/once", map[string]string{"password": password, "again": password}), 303)
	w.want(b.get("/wallet"), 303) // setting a password signs nobody in
	w.want(b.form("/sign-in", map[string]string{"name": "alice", "password": password}), 303)
	w.want(b.get("/wallet"), 200)
	w.want(b.get("/password/once"), 404)
}

// naughty strings break careless pages, queries and parsers.
var naughty = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' OR 1=1;--`, `'; DROP TABLE members;--`, `{{.}}`, `${7*7}`, `javascript:alert(1)`,
	"a\x00b", "\xff\xfe", "\u202Egnp.exe", "٣٤", "-1", "1e9", "NaN", "0x10", "99999999999999999999", "1.0000001", "", " ", "../../etc/passwd", "%s%n", "\r\nSet-Cookie: x=y",
	strings.Repeat("A", 3000), "𝕳𝖊𝖑𝖑𝖔", "\U0001F4A9", "a\nb", "</title><svg onload=alert(1)>",
}

func TestNaughtyStrings(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password}), 303)
	node := w.pair(b)
	ih := w.want(b.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	check := func(what, text string, r reply) {
		t.Helper()
		body := string(r.body)
		if r.status >= 500 || r.header.Get("X-Y") != "" {
			t.Errorf("%s with %q: status %d", what, text, r.status)
		}
		if page := strings.Contains(r.header.Get("Content-Type"), "text/html"); page && strings.ContainsAny(text, "<\"") && strings.Contains(body, text) {
			t.Errorf("%s reflects %q", what, text)
		}
	}
	for i, s := range naughty {
		q := url.QueryEscape(s)
		for _, path := range []string{"/torrents?q=", "/torrents?sort=", "/torrents?cursor=", "/wallet?cursor=", "/buy?tokens=", "/sign-in?next=", "/sign-up?invite=", "/api/v1/sale?amounts=",
			"/wallet/sell?tokens=", "/wallet/lock?weeks=4&amount=", "/wallet/lock?amount=1&weeks=", "/wallet/pay?cursor=", "/wallet/export?format=", "/economy/parameters?cursor=", "/availability?cursor=", fmt.Sprintf("/hosting/nodes/%d?cursor=", node)} {
			check(path, s, b.get(path+q))
		}
		for _, path := range []string{"/torrents/", "/setup/", "/static/", "/api/v1/torrents/", "/transfers/", "/api/v1/transfers/", "/economy/epochs/", "/audits/", "/api/v1/audits/", "/hosting/nodes/"} {
			check(path, s, b.get(path+url.PathEscape(s)))
		}
		key := fmt.Sprint("k", i)
		check("/deposit", s, b.form("/deposit", map[string]string{"key": key + "d", "amount": s, "tokens": s}))
		check("/buy", s, b.form("/buy", map[string]string{"key": key + "b", "tokens": s, "max_cost": s}))
		check("/stake", s, b.form("/stake", map[string]string{"key": key + "s", "amount": s}))
		check("/stake key", s, b.form("/stake", map[string]string{"key": s, "amount": "1"}))
		check("pledge", s, b.form(fmt.Sprintf("/hosting/%d/pledge", node), map[string]string{"key": key + "p", "amount": s}))
		check("unpledge", s, b.form(fmt.Sprintf("/hosting/%d/unpledge", node), map[string]string{"key": key + "q", "amount": s}))
		check("maintenance", s, b.form(fmt.Sprintf("/hosting/nodes/%d/maintenance", node), map[string]string{"from": s, "hours": s}))
		check("/wallet/stake", s, b.form("/wallet/stake", map[string]string{"key": key + "t", "amount": s}))
		check("/wallet/unstake", s, b.form("/wallet/unstake", map[string]string{"key": key + "u", "amount": s}))
		check("/wallet/sell", s, b.form("/wallet/sell", map[string]string{"key": key + "v", "tokens": s, "min_refund": s}))
		check("/wallet/lock", s, b.form("/wallet/lock", map[string]string{"key": key + "w", "amount": s, "weeks": s}))
		check("/wallet/pay-in", s, b.form("/wallet/pay-in", map[string]string{"key": key + "x", "rail": "voucher", "code": s}))
		check("/wallet/withdraw", s, b.form("/wallet/withdraw", map[string]string{"key": key + "y", "rail": s, "amount": "1", "to": s}))
		check("sponsor", s, b.form("/torrents/"+ih+"/sponsor", map[string]string{"key": key + "z", "amount": s, "days": s}))
		check("invite", s, w.browser().form("/sign-up", map[string]string{"name": fmt.Sprint("n", i), "password": password, "invite": "x" + s}))
		check("/sign-in", s, w.browser().form("/sign-in", map[string]string{"name": s, "password": s, "next": s}))
		check("upload", s, b.upload(torrentFile(fmt.Sprint("n", i)), "name", s, "description", s))
		check("upload file", s, b.upload([]byte(s)))
		check("json", s, b.pay("/api/v1/stake", "j", s))
		check("bearer", s, w.client("").post("/api/v1/nodes/pair", s))
	}
	check("list", `<script>alert(1)</script>`, w.want(b.get("/torrents"), 200))
	w.want(b.get("/torrents/"+ih), 200)
	v := w.want(b.get("/api/v1/torrents?limit=200"), 200).json(t)
	for _, row := range v["torrents"].([]any) {
		r := w.want(b.get("/torrents/"+row.(map[string]any)["infohash"].(string)), 200)
		for _, s := range naughty {
			check("torrent page", s, r)
		}
		f := w.want(b.get("/torrents/"+row.(map[string]any)["infohash"].(string)+"/file"), 200)
		if f.header.Get("Set-Cookie") != "" {
			t.Error("a header was injected")
		}
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("logged: %s", w.log.String())
	}
}

func TestTorrentPageExplainsRefusalAndHistory(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password}), 303)
	ih := w.want(b.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	page := string(w.want(b.get("/torrents/"+ih), 200).body)
	for _, text := range []string{"You cannot begin yet", "needs a stake of 50 VIDYA", "You can afford <strong>0 B of 16.00 KiB", "The price has not moved yet"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	rows := []store.PriceRow{{Torrent: 1, AtMs: 1e12, Price: 10 * tokens.Unit, MultiplierPPM: 1e6}, {Torrent: 1, AtMs: 1e12 + 6e4, Price: 12_500_000, MultiplierPPM: 1_250_000}}
	if err := w.store.SetPrices(t.Context(), rows, func(store.PriceRow) bool { return true }); err != nil {
		t.Fatal(err)
	}
	page = string(w.want(b.get("/torrents/"+ih), 200).body)
	for _, text := range []string{"between 10 VIDYA and 12.5 VIDYA per GiB", "<polyline", "×1.25", "▲"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func TestBaseURLIsChecked(t *testing.T) {
	for _, bad := range []string{"", "tracker.example", "ftp://tracker.example", "http://"} {
		if _, err := web.New(web.Config{BaseURL: bad}, web.Deps{}); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
