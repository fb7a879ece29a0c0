package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/settle"
)

// suspects is a site with flags of every kind: alice's (member 1), some shared with boss and bob.
func suspects(t *testing.T) (w *world, boss *client) {
	t.Helper()
	w = newWorld(t)
	w.hosts()
	boss = w.operator()
	w.member("bob", 0, 0)
	now := w.now().UnixMilli()
	day := now / 86_400_000 * 86_400_000
	w.session(1, 1, "-qB5050-", time.Minute)
	w.session(3, 1, "-TR4050-", time.Hour)
	w.exec("UPDATE peer_sessions SET flags = 5 WHERE member = 1")
	w.exec("INSERT INTO epochs (number, start_ms, seed) VALUES (1, ?, zeroblob(32))", now-1000)
	w.exec("INSERT INTO honesty (day_ms, torrent, member, claimed_bytes, excess_bytes, settlement) VALUES (?, 1, 1, ?, ?, 1)", day, 40<<30, 30<<30)
	w.exec("INSERT INTO unexplained (epoch, torrent, member, bytes) VALUES (1, 1, 1, ?)", 20<<30)
	w.exec("INSERT INTO blames (epoch, torrent, member, claimant, bytes, firm_bytes, stake_bytes, network) VALUES (1, 1, 1, 3, ?, 5, 0, '')", 20<<30)
	w.exec("INSERT INTO silences (member, at_ms, why) VALUES (1, ?, 'in 30 days <your> clients took much')", now)
	w.exec(`INSERT INTO downloads (member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok, cost_rem, charged_utok,
		reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq) VALUES (1, 1, 1024, 0, 0, ?, 0, 0, 0, 0, 0, 0, 0, 0, ?, 0, 1)`, 3<<30, now)
	w.exec("INSERT INTO usage (epoch, torrent, member, billed_bytes, charged_utok, from_ms, to_ms) VALUES (1, 1, 1, 7, 3000000, 1, 2)")
	w.exec("INSERT INTO awards (epoch, torrent, member, bytes, pay_utok) VALUES (1, 1, 3, 7, 2000000)")
	w.exec("INSERT INTO probation (epoch, torrent, member, settlement, amount_utok, at_ms) VALUES (1, 1, 1, 1, 5000000, ?)", now)
	w.exec("INSERT INTO serving (member, node, tried_ms, tried_epoch, failures, state) VALUES (1, 1, ?, 3, 2, '{}')", now)
	w.exec("INSERT INTO nodes (id, member, name, public_key, created_ms) VALUES (9, 3, 'bobs', randomblob(32), 0)")
	w.exec("INSERT INTO exchanges (node, day_ms, torrent, member, network, sent_bytes, received_bytes) VALUES (9, ?, 1, 1, '', ?, 0)", day, 9<<30)
	for m := range 3 {
		w.exec("INSERT INTO members (id, name, key_secret, created_ms) VALUES (?, ?, zeroblob(32), 0)", 10+m, fmt.Sprint("m", m))
		w.exec("INSERT INTO exchanges (node, day_ms, torrent, member, network, sent_bytes, received_bytes) VALUES (1, ?, 1, ?, '', ?, 0)", day, 10+m, 2<<30)
	}
	if err := w.store.FindFlags(t.Context(), settle.DefaultParams()); err != nil {
		t.Fatal(err)
	}
	return w, boss
}

// Operators see every kind of flag with its figures, the evidence of a member, and mark what they looked at.
func TestFlagPages(t *testing.T) {
	w, boss := suspects(t)
	page := text(w.want(boss.get("/admin/flags"), 200))
	for _, kind := range store.FlagKinds() {
		if !strings.Contains(page, "/admin/flags/1#"+kind) {
			t.Errorf("the list lacks %s of alice", kind)
		}
		if one := text(w.want(boss.get("/admin/flags?kind="+kind), 200)); !strings.Contains(one, "/admin/flags/1#"+kind) {
			t.Errorf("%s is not listed by itself", kind)
		}
	}
	for _, figure := range []string{"30.00 GiB of 40.00 GiB claimed", "2 epochs in a row", "5 VIDYA in 1 payment", "5 announces of 1 session"} {
		if !strings.Contains(page, figure) {
			t.Errorf("the list lacks %q", figure)
		}
	}
	r := w.want(boss.get("/admin/flags?member=1"), 303)
	if to := r.header.Get("Location"); to != "/admin/flags/1" {
		t.Errorf("leads to %s", to)
	}
	w.want(boss.get("/admin/flags?member=nobody"), 422)
	w.want(boss.get("/admin/flags?kind=none"), 422)
	for _, cursor := range []string{"x", "1-2", "1-2-none", "1-99999999999-probation", "x-1-probation"} {
		w.want(boss.get("/admin/flags?cursor="+cursor), 400)
	}
	page = text(w.want(boss.get("/admin/flags/1"), 200))
	for _, want := range []string{"192.0.2.0/24", "qBittorrent", "bob", "took much", "20.00 GiB", "9.00 GiB", "3 VIDYA", "2 VIDYA"} {
		if !strings.Contains(page, want) {
			t.Errorf("the evidence lacks %q", want)
		}
	}
	if strings.Contains(page, "192.0.2.7") || strings.Contains(page, "51413") {
		t.Error("the evidence has an address")
	}
	w.want(boss.get("/admin/flags/99"), 404)
	w.want(boss.get("/admin/flags/99999999999"), 404)
	w.want(w.client("swst_bob").get("/admin/flags/1"), 403)
	w.want(boss.form("/admin/flags/1/note", map[string]string{"kind": "probation", "note": " "}), 422)
	w.want(boss.form("/admin/flags/1/note", map[string]string{"kind": "none", "note": "x"}), 422)
	w.want(boss.form("/admin/flags/1/note", map[string]string{"kind": "probation", "note": "a new\nmember"}), 303)
	if page := text(w.want(boss.get("/admin/flags/1"), 200)); !strings.Contains(page, "a new member") || !strings.Contains(page, "by boss") {
		t.Error("the note is not shown")
	}
	if page := text(w.want(boss.get("/admin/flags"), 200)); strings.Contains(page, "/admin/flags/1#probation") {
		t.Error("it is still open")
	}
	if page := text(w.want(boss.get("/admin/flags?show=all"), 200)); !strings.Contains(page, "/admin/flags/1#probation") {
		t.Error("it does not stand any more")
	}
	w.want(boss.form("/admin/flags/1/look", nil), 303)
	w.want(boss.form("/admin/flags/99/look", nil), 404)
	if told := w.want(w.client("swst_alice").get("/notifications"), 200); strings.Contains(string(told.body), "probation") {
		t.Error("the member was told")
	}
}

// The same by the API, page by page.
func TestFlagAPI(t *testing.T) {
	w, boss := suspects(t)
	w.problem(w.client("swst_alice").get("/api/v1/admin/flags"), 403, "operator_only")
	w.problem(boss.get("/api/v1/admin/flags?kind=none"), 422, "kind")
	w.problem(boss.get("/api/v1/admin/flags?cursor=none"), 400, "cursor")
	all, seen := w.want(boss.get("/api/v1/admin/flags"), 200).json(t), map[string]bool{}
	for cursor, pages := "", 0; ; pages++ {
		v := w.want(boss.get("/api/v1/admin/flags?limit=2&cursor="+cursor), 200).json(t)
		for _, f := range v["flags"].([]any) {
			f := f.(map[string]any)
			key := fmt.Sprint(f["kind"], f["member_id"])
			if seen[key] {
				t.Fatalf("%s comes twice", key)
			}
			seen[key] = true
		}
		if cursor = v["next"].(string); cursor == "" {
			break
		}
	}
	if n := len(all["flags"].([]any)); n < len(store.FlagKinds()) || len(seen) != n {
		t.Errorf("%d flags, and %d page by page", n, len(seen))
	}
	for _, c := range all["counts"].([]any) {
		if c.(map[string]any)["open"].(float64) < 1 {
			t.Errorf("%v", c)
		}
	}
	v := w.want(boss.get("/api/v1/admin/flags/1"), 200).json(t)
	for _, part := range []string{"flags", "excess", "silences", "unexplained", "networks", "paid_inside", "falls", "counters", "probation", "serves_nobody", "admits_less", "reports_too_much"} {
		if len(v[part].([]any)) == 0 {
			t.Errorf("no %s", part)
		}
	}
	w.problem(boss.get("/api/v1/admin/flags/99"), 404, "not_found")
	w.problem(boss.post("/api/v1/admin/flags/1/notes", `{"kind":"none","note":"x"}`), 422, "kind")
	w.problem(boss.post("/api/v1/admin/flags/1/notes", `{"kind":"probation","note":""}`), 422, "reason")
	w.problem(boss.post("/api/v1/admin/flags/2/notes", `{"kind":"probation","note":"x"}`), 404, "not_found")
	v = w.want(boss.post("/api/v1/admin/flags/1/notes", `{"kind":"probation","note":"seen"}`), 201).json(t)
	if n := v["notes"].([]any); len(n) != 1 || n[0].(map[string]any)["note"] != "seen" {
		t.Errorf("%v", n)
	}
	w.exec("DELETE FROM probation")
	v = w.want(boss.post("/api/v1/admin/flags/1/look", ""), 200).json(t)
	for _, f := range v["flags"].([]any) {
		if f := f.(map[string]any); (f["ended_at"] != nil) != (f["kind"] == "probation") {
			t.Errorf("%v", f)
		}
	}
}
