package web_test

import (
	"database/sql"
	"fmt"
	"html"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// operator signs in whom the set-up link is for.
func (w *world) operator() *client {
	w.Helper()
	if err := w.store.AddSetupLink(w.Context(), "operator", time.Hour); err != nil {
		w.Fatal(err)
	}
	b := w.browser()
	w.want(b.form("/setup/operator", map[string]string{"name": "boss", "password": password}), 303)
	return b
}

// signUp signs in a new member.
func (w *world) signUp(name string) *client {
	w.Helper()
	b := w.browser()
	w.want(b.form("/sign-up", map[string]string{"name": name, "password": password}), 303)
	return b
}

// session writes what a client of the member told the tracker, as the flusher would.
func (w *world) session(m bt.MemberID, t bt.TorrentID, peer string, ago time.Duration) {
	w.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(w.dir, store.FileName))
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(`INSERT INTO peer_sessions (member, torrent, peer_id, generation, uploaded_bytes, downloaded_bytes, left_bytes, stopped,
		seq, last_ms, addr, seeding_ms, flags) VALUES (?, ?, ?, 1, 5368709120, 1073741824, 16384, 0, 1, ?, '192.0.2.7:51413', 0, 0)`,
		m, t, []byte((peer + strings.Repeat("0", 20))[:20]), w.now().Add(-ago).UnixMilli())
	if err != nil {
		w.Fatal(err)
	}
}

// rules reads the public list.
func (w *world) rules() (byPrefix map[string]map[string]any, unlisted bool) {
	w.Helper()
	v := w.want(w.client("").get("/api/v1/clients"), 200).json(w)
	byPrefix = map[string]map[string]any{}
	for _, r := range v["rules"].([]any) {
		rule := r.(map[string]any)
		byPrefix[rule["prefix"].(string)] = rule
	}
	return byPrefix, v["allow_unlisted"].(bool)
}

func text(r reply) string { return html.UnescapeString(string(r.body)) }

func TestOperatorChangesClientRules(t *testing.T) {
	w := newWorld(t)
	boss := w.operator()
	before, unlisted := w.rules()
	if len(before) != len(tracker.DefaultClientRules()) || unlisted || before["-TR4"]["allow"] != true {
		t.Fatalf("a new tracker: %v, unlisted %v", before, unlisted)
	}
	put := func(status int, prefix, rule, note string) reply {
		t.Helper()
		return w.want(boss.form("/admin/clients", map[string]string{"prefix": prefix, "rule": rule, "note": note}), status)
	}
	put(303, " -XX1 ", "allow", "a new\nclient")
	put(303, "-TR4", "deny", `</td><script>alert("x")</script>`)
	if n := w.roster.clients.Load(); n != 2 {
		t.Errorf("the announce path was told %d times", n)
	}
	after, _ := w.rules()
	if r := after["-XX1"]; r["allow"] != true || r["note"] != "a new client" {
		t.Errorf("new rule: %v", r)
	}
	if after["-TR4"]["allow"] != false {
		t.Errorf("changed rule: %v", after["-TR4"])
	}
	for _, path := range []string{"/clients", "/admin/clients", "/admin/clients?prefix=-TR4"} {
		r := w.want(boss.get(path), 200)
		if strings.Contains(string(r.body), "<script>") || !strings.Contains(text(r), `alert("x")`) {
			t.Errorf("%s does not show the note, or not as text", path)
		}
	}
	if r := text(boss.get("/admin/clients?prefix=-TR4")); !strings.Contains(r, `name="prefix" value="-TR4"`) || !strings.Contains(r, `<option value="deny" selected>`) {
		t.Error("the form does not hold the rule to change")
	}
	for _, bad := range [][3]string{{"", "allow", ""}, {"a b", "allow", ""}, {"µTorrent", "deny", ""}, {strings.Repeat("-", 21), "deny", ""}, {"-YY", "maybe", ""}, {"-YY", "allow", strings.Repeat("n", 201)}} {
		r := put(422, bad[0], bad[1], bad[2])
		if !strings.Contains(text(r), fmt.Sprintf(`name="prefix" value="%s"`, bad[0])) {
			t.Errorf("the form does not keep %q", bad[0])
		}
	}
	w.want(boss.form("/admin/clients/remove", map[string]string{"prefix": "-XX1"}), 303)
	w.want(boss.form("/admin/clients/remove", map[string]string{"prefix": "-XX1"}), 404)
	if r := text(boss.get("/admin/clients")); !strings.Contains(r, "clients remove") || !strings.Contains(r, "by boss") {
		t.Error("the page does not tell who changed what")
	}
	if n := w.roster.clients.Load(); n != 3 {
		t.Errorf("the announce path was told %d times", n)
	}
}

func TestClientRulesByAPI(t *testing.T) {
	w := newWorld(t)
	boss := w.operator()
	path := func(prefix string) string { return "/api/v1/admin/clients/" + url.PathEscape(prefix) }
	put := func(prefix, body string) reply { return boss.do("PUT", path(prefix), strings.NewReader(body)) }
	for _, prefix := range []string{"-XX1", "a/b", "50%", "%41", "..", "?x#y", "<b>", "+;&="} {
		if got := w.want(put(prefix, `{"allow":true,"note":"n"}`), 200).json(t); got["prefix"] != prefix {
			t.Errorf("%q became %v", prefix, got["prefix"])
		}
		if rules, _ := w.rules(); rules[prefix]["note"] != "n" {
			t.Errorf("%q: %v", prefix, rules[prefix])
		}
		w.want(boss.do("DELETE", path(prefix), nil), 204)
		w.problem(boss.do("DELETE", path(prefix), nil), 404, "not_found")
	}
	w.problem(put("a b", `{"allow":true}`), 422, "client_rule")
	w.problem(put("ü", `{"allow":true}`), 422, "client_rule")
	w.problem(put("-XX", `{"note":"n"}`), 422, "client_rule")
	w.problem(put("-XX", `{"allow":"yes"}`), 400, "json")
	w.problem(put("-XX", `{"allow":true,"Anmerkung":"n"}`), 400, "json")
	w.problem(put("-XX", `{"allow":true,"note":"`+strings.Repeat("n", 201)+`"}`), 422, "note")
}

func TestClientRulesAreForOperators(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	form := map[string]string{"prefix": "-XX", "rule": "allow"}
	before, _ := w.rules()
	w.want(alice.get("/admin/clients"), 403)
	w.want(alice.form("/admin/clients", form), 403)
	w.want(alice.form("/admin/clients/remove", map[string]string{"prefix": "-TR4"}), 403)
	w.problem(alice.do("PUT", "/api/v1/admin/clients/-XX", strings.NewReader(`{"allow":true}`)), 403, "operator_only")
	w.problem(alice.do("DELETE", "/api/v1/admin/clients/-TR4", nil), 403, "operator_only")
	guest := w.browser()
	w.want(guest.get("/admin/clients"), 303)
	w.want(guest.form("/admin/clients", form), 401)
	w.problem(guest.do("DELETE", "/api/v1/admin/clients/-TR4", nil), 401, "sign_in")
	boss := w.operator()
	w.want(boss.post("/admin/clients", encode(form), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site"), 403)
	w.want(boss.do("DELETE", "/api/v1/admin/clients/-TR4", nil, "Sec-Fetch-Site", "cross-site"), 403)
	if after, _ := w.rules(); len(after) != len(before) || w.roster.clients.Load() != 0 {
		t.Error("somebody changed the rules")
	}
}

func TestMembersSeeTheirOwnClients(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.signUp("alice"), w.signUp("bob")
	ih := w.want(alice.upload(torrentFile("<i>name")), 201).json(t)["infohash"].(string)
	if r := text(w.browser().get("/clients")); !strings.Contains(r, "Sign in") || !strings.Contains(r, "BitTyrant") {
		t.Error("the public page lacks the rules")
	}
	if r := text(alice.get("/clients")); !strings.Contains(r, "None of your clients announced within 1 h") {
		t.Error("no client, and nothing that says so")
	}
	w.session(1, 1, "-qB5050-", time.Minute)
	w.session(1, 1, "-XL0012-", time.Minute)
	w.session(1, 1, "<b>\x00\xff", time.Minute)
	w.session(1, 1, "-TR3000-", 2*time.Hour)
	r := w.want(alice.get("/clients"), 200)
	for _, want := range []string{"qBittorrent 5.0.5", "Xunlei", "known to take without giving back", "<b>??000", "not listed", "<i>name", "192.0.2.7:51413", "5.00 GiB / 1.00 GiB", "/torrents/" + ih} {
		if !strings.Contains(text(r), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"<b>", "<i>", "Transmission 3.00", "[45 ", "{{"} {
		if strings.Contains(string(r.body), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if r := text(bob.get("/clients")); strings.Contains(r, "192.0.2.7") {
		t.Error("another member's client is shown")
	}
}

func TestNaughtyClientRules(t *testing.T) {
	w := newWorld(t)
	boss := w.operator()
	for _, s := range naughty {
		for _, r := range []reply{
			boss.form("/admin/clients", map[string]string{"prefix": s, "rule": "deny", "note": s}),
			boss.form("/admin/clients", map[string]string{"prefix": "-NN", "rule": "deny", "note": s}),
			boss.form("/admin/clients", map[string]string{"prefix": "-NN", "rule": s}),
			boss.form("/admin/clients/remove", map[string]string{"prefix": s}),
			boss.do("PUT", "/api/v1/admin/clients/"+url.PathEscape(s), strings.NewReader(s)),
			boss.get("/admin/clients?prefix=" + url.QueryEscape(s)),
			boss.get("/clients"),
		} {
			page := strings.Contains(r.header.Get("Content-Type"), "text/html")
			if r.status >= 500 || page && strings.ContainsAny(s, "<\"") && strings.Contains(string(r.body), s) {
				t.Errorf("%q: status %d, reflected: %v", s, r.status, page)
			}
		}
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("logged: %s", w.log.String())
	}
}
