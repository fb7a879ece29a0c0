package web_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/availability/badge"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

// badgeWorld is a site with an operator (member 1), alice (member 2), two torrents of hers, and a key.
func badgeWorld(t *testing.T) (w *world, boss, alice *client, key badge.Key, hashes []string) {
	t.Helper()
	key, err := badge.LoadOrCreateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w = newWorld(t, func(c *web.Config, _ *store.Economy) { c.PublicKeys = badge.Keys{}.With(key.Public()) })
	boss, alice = w.operator(), w.signUp("alice")
	for _, name := range []string{"metropolis", "nosferatu"} {
		hashes = append(hashes, w.want(alice.upload(torrentFile(name)), 201).json(t)["infohash"].(string))
	}
	return w, boss, alice, key, hashes
}

// award writes a badge of alice's for collection 1 as the store would.
func (w *world) award(key badge.Key, id, title string) string {
	w.Helper()
	at := w.now().Truncate(time.Second)
	c := badge.Claims{ID: id, Issuer: w.url, Member: "alice", IssuedAt: at,
		Hosted: badge.Hosted{Collection: "classics", Title: title, From: at.Add(-time.Hour), Until: at, Torrents: 2, Bytes: 3 * bt.GiB}}
	credential, err := key.Sign(c)
	db, openErr := sql.Open("sqlite3", filepath.Join(w.dir, store.FileName))
	if err = errors.Join(err, openErr); err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(`INSERT INTO badges (id, member, collection, from_ms, to_ms, torrents, bytes, credential, at_ms) VALUES (?, 2, 1, ?, ?, 2, ?, ?, ?)`,
		id, c.From.UnixMilli()+1000, at.UnixMilli()+1000, c.Bytes, credential, at.UnixMilli())
	if err != nil {
		w.Fatal(err)
	}
	return credential
}

func TestCollectionsByAPI(t *testing.T) {
	w, boss, alice, _, hashes := badgeWorld(t)
	const at = "/api/v1/collections/classics"
	put := func(c *client, path, body string) reply { return c.do("PUT", path, strings.NewReader(body)) }
	w.problem(put(alice, at, `{"title":"Mine"}`), 403, "operator_only")
	w.problem(put(w.client(""), at, `{"title":"Mine"}`), 401, "sign_in")
	w.problem(put(boss, at, `{"title":""}`), 422, "collection")
	w.problem(put(boss, "/api/v1/collections/Classics", `{"title":"x"}`), 422, "collection")
	w.problem(put(boss, at, `{"title":"x","colour":"red"}`), 400, "json")
	w.want(put(boss, at, `{"title":"  Classic\u202e   films ","about":"Silent ones."}`), 201)
	if v := w.want(put(boss, at, `{"title":"Classic films","about":"Old ones."}`), 200).json(t); v["title"] != "Classic films" || v["about"] != "Old ones." {
		t.Errorf("%v", v)
	}
	w.problem(put(alice, at+"/torrents/"+hashes[0], ""), 403, "operator_only")
	w.problem(put(boss, at+"/torrents/"+strings.Repeat("0", 40), ""), 404, "not_found")
	w.problem(put(boss, at+"/torrents/zz", ""), 404, "not_found")
	w.problem(put(boss, "/api/v1/collections/none/torrents/"+hashes[0], ""), 404, "not_found")
	for range 2 {
		w.want(put(boss, at+"/torrents/"+hashes[0], ""), 204)
	}
	w.want(put(boss, at+"/torrents/"+strings.ToUpper(hashes[1]), ""), 204)
	w.want(boss.do("DELETE", at+"/torrents/"+hashes[1], nil), 204)
	w.problem(boss.do("DELETE", at+"/torrents/"+hashes[1], nil), 404, "not_found")
	w.problem(alice.do("DELETE", at+"/torrents/"+hashes[0], nil), 403, "operator_only")

	v := w.want(alice.get(at), 200).json(t)
	list := v["list"].([]any)
	if v["torrents"] != 1.0 || v["bytes"] != 16384.0 || len(list) != 1 || list[0].(map[string]any)["infohash"] != hashes[0] || list[0].(map[string]any)["hosted"] != false {
		t.Errorf("%v", v)
	}
	w.problem(w.client("").get(at), 401, "sign_in")
	w.problem(alice.get("/api/v1/collections/none"), 404, "not_found")
	if all := w.want(alice.get("/api/v1/collections"), 200).json(t); len(all["collections"].([]any)) != 1 || all["badge_period_seconds"] != 2592000.0 {
		t.Errorf("%v", all)
	}
}

func TestCollectionsByForms(t *testing.T) {
	w, boss, alice, _, hashes := badgeWorld(t)
	films := map[string]string{"name": "classics", "title": "Classic films", "about": "Silent ones."}
	w.want(alice.form("/collections", films), 403)
	if page := text(w.want(alice.get("/collections"), 200)); !strings.Contains(page, "no collections yet") || strings.Contains(page, "make-collection") {
		t.Error("the list of nothing, for a member")
	}
	bad := w.want(boss.form("/collections", map[string]string{"name": "Classics", "title": "Kept <b>"}), 422)
	if page := string(bad.body); !strings.Contains(page, "Kept &lt;b&gt;") || !strings.Contains(page, "a-z, 0-9 and -") {
		t.Error("what was typed is lost, or what is wrong is not said")
	}
	if r := w.want(boss.form("/collections", films), 303); r.header.Get("Location") != "/collections/classics" {
		t.Errorf("goes to %s", r.header.Get("Location"))
	}
	w.want(boss.form("/collections", map[string]string{"name": "classics", "title": "Taken over"}), 409)
	w.want(boss.form("/collections/classics/add", map[string]string{"torrent": " " + w.url + "/torrents/" + hashes[0] + "/ "}), 303)
	w.want(boss.form("/collections/classics/add", map[string]string{"torrent": hashes[1]}), 303)
	if page := text(w.want(boss.form("/collections/classics/add", map[string]string{"torrent": "metropolis"}), 404)); !strings.Contains(page, "40 hex digits") || !strings.Contains(page, `value="metropolis"`) {
		t.Error("a wrong torrent is not explained")
	}
	page := text(w.want(alice.get("/collections/classics"), 200))
	for _, want := range []string{"Classic films", "Silent ones.", "metropolis", "nosferatu", "0 of 2", "not hosted", "95 %"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "Take out") || strings.Contains(page, "add-torrent") {
		t.Error("a member sees the operators' forms")
	}
	for _, path := range []string{"", "/add", "/remove"} {
		w.want(alice.form("/collections/classics"+path, map[string]string{"torrent": hashes[0], "title": "x"}), 403)
	}
	w.want(boss.form("/collections/classics/remove", map[string]string{"torrent": hashes[0]}), 303)
	w.want(boss.form("/collections/classics", map[string]string{"title": "Films", "about": ""}), 303)
	w.want(boss.form("/collections/classics", map[string]string{"title": ""}), 422)
	if page := text(w.want(boss.get("/collections/classics"), 200)); strings.Contains(page, "metropolis") || !strings.Contains(page, "<h1 class=\"long\">Films</h1>") || !strings.Contains(page, "Take out") {
		t.Error("after the changes")
	}
	w.want(boss.get("/collections/none"), 404)
	w.want(boss.form("/collections/none/add", map[string]string{"torrent": hashes[0]}), 404)
}

// Whoever has a badge's address sees it and can check it, without an account; its torrents only members
// see.
func TestBadgeIsPublic(t *testing.T) {
	w, boss, alice, key, hashes := badgeWorld(t)
	w.want(boss.form("/collections", map[string]string{"name": "classics", "title": "Classic films"}), 303)
	w.want(boss.form("/collections/classics/add", map[string]string{"torrent": hashes[0]}), 303)
	w.clock.Store(int64(2 * time.Hour)) // the torrent is in the collection for all of the badge's hour
	credential := w.award(key, "AAAA", "Classic films")
	guest := w.client("")

	v := w.want(guest.get("/api/v1/badges/AAAA"), 200).json(t)
	if v["member"] != "alice" || v["collection"] != "classics" || v["bytes"] != float64(3*bt.GiB) || v["credential"] != credential || v["url"] != w.url+"/badges/AAAA" || v["infohashes"] != nil {
		t.Errorf("%v", v)
	}
	if v := w.want(boss.get("/api/v1/badges/AAAA"), 200).json(t); fmt.Sprint(v["infohashes"]) != "["+hashes[0]+"]" {
		t.Errorf("for a member: %v", v["infohashes"])
	}
	file := w.want(guest.get("/api/v1/badges/AAAA/credential"), 200)
	if string(file.body) != credential+"\n" || file.header.Get("Content-Type") != "application/jwt" || !strings.Contains(file.header.Get("Content-Disposition"), `filename="badge-classics-`) {
		t.Errorf("%s %v", file.body, file.header)
	}
	keys, err := badge.ParseKeys(w.want(guest.get("/.well-known/swarmstake.json"), 200).body)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := badge.Verify(strings.TrimSpace(string(file.body)), keys); err != nil || c.Member != "alice" || c.Issuer != w.url {
		t.Errorf("%+v, %v", c, err)
	}

	page := text(w.want(guest.get("/badges/AAAA"), 200))
	for _, want := range []string{"alice", "Classic films", "2 torrents", "3.00 GiB", credential, "badge verify", w.url + "/.well-known/swarmstake.json", "/api/v1/badges/AAAA/credential"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "metropolis") {
		t.Error("a guest sees the torrents")
	}
	if page := text(w.want(alice.get("/badges/AAAA"), 200)); !strings.Contains(page, "metropolis") {
		t.Error("a member does not see the torrents")
	}
	for _, path := range []string{"/badges/BBBB", "/api/v1/badges/BBBB", "/api/v1/badges/BBBB/credential"} {
		w.want(guest.get(path), 404)
	}
}

func TestMyBadges(t *testing.T) {
	w, boss, alice, key, _ := badgeWorld(t)
	w.want(boss.form("/collections", map[string]string{"name": "classics", "title": "Classic films"}), 303)
	if page := text(w.want(alice.get("/badges"), 200)); !strings.Contains(page, "You have none yet") {
		t.Error("the list of nothing")
	}
	w.award(key, "AAAA", "Classic films")
	if page := text(w.want(alice.get("/badges"), 200)); !strings.Contains(page, `href="/badges/AAAA"`) || !strings.Contains(page, "Classic films") {
		t.Error("her badge is missing")
	}
	if v := w.want(alice.get("/api/v1/badges"), 200).json(t); len(v["badges"].([]any)) != 1 {
		t.Errorf("%v", v)
	}
	if v := w.want(boss.get("/api/v1/badges"), 200).json(t); len(v["badges"].([]any)) != 0 {
		t.Errorf("another member's: %v", v)
	}
	w.problem(w.client("").get("/api/v1/badges"), 401, "sign_in")
	if r := w.browser().get("/badges"); r.status != 303 || !strings.HasPrefix(r.header.Get("Location"), "/sign-in") {
		t.Errorf("a guest: %d", r.status)
	}
	if page := text(w.want(alice.get("/collections/classics"), 200)); !strings.Contains(page, "<dd>1</dd>") {
		t.Error("the collection does not count it")
	}
}

// The pages with real content, looked at by a real browser.
func TestBadgesInABrowser(t *testing.T) {
	w, boss, _, key, hashes := badgeWorld(t)
	ctx := chromium(t)
	w.want(boss.form("/collections", map[string]string{"name": "classics", "title": "Classic films", "about": "Silent films whose copyright is over.\nKept by whoever likes them."}), 303)
	w.want(boss.form("/collections", map[string]string{"name": "maps", "title": "Maps of the eighteenth century that were scanned in libraries"}), 303)
	for _, h := range hashes {
		w.want(boss.form("/collections/classics/add", map[string]string{"torrent": h}), 303)
	}
	w.award(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "Classic films")
	var guest, collections, collection, mine string
	visit := func(name, path string, into *string) chromedp.Action[chromedp.Void] {
		return chromedp.Steps(chromedp.Navigate(w.url+path), loaded("main h1"), read(into), fits(t, path), shoot(name))
	}
	signIn := func(name string) chromedp.Action[chromedp.Void] {
		return chromedp.Steps(chromedp.Navigate(w.url+"/sign-in"), loaded("#password"), chromedp.SendKeys("#name", name),
			chromedp.SendKeys("#password", password), press("main form button"), loaded(".search"))
	}
	err := chromedp.Do(ctx,
		visit("badge-guest", "/badges/ABCDEFGHIJKLMNOPQRSTUVWXYZ", &guest),
		signIn("boss"), visit("collections", "/collections", &collections), visit("collection", "/collections/classics", &collection),
		signIn("alice"), visit("badges", "/badges", &mine), visit("badge", "/badges/ABCDEFGHIJKLMNOPQRSTUVWXYZ", new(string)),
	)
	if err != nil {
		t.Fatal(err)
	}
	for page, want := range map[string]string{guest: "Check it yourself", collections: "Make a collection", collection: "Take out", mine: "Classic films"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in: %s", want, page)
		}
	}
}
