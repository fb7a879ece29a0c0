package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// punishedHost is a site where alice (member 1) has a node with a penalty of 2 tokens, and the node is suspended.
func punishedHost(t *testing.T) (w *world, alice, boss *client) {
	t.Helper()
	w = newWorld(t)
	alice, node, _ := w.hosts()
	w.slash(1, node, w.now().Add(24*time.Hour), 2*tokens.Unit)
	w.exec("INSERT INTO epochs (number, start_ms, seed) VALUES (1, ?, zeroblob(32))", w.now().UnixMilli())
	st := availability.NewStanding(availability.DefaultParams())
	st.Suspended, st.SuspendedMs = true, w.now().UnixMilli()
	raw, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	w.exec("UPDATE nodes SET standing = ?, suspended_ms = ?", string(raw), st.SuspendedMs)
	return w, alice, w.operator()
}

// A member appeals on the page, an operator sees it beside the evidence and grants it, and the member reads why.
func TestAppealOnPages(t *testing.T) {
	w, alice, boss := punishedHost(t)
	if page := text(w.want(alice.get("/hosting"), 200)); !strings.Contains(page, `href="/appeals"`) {
		t.Error("/hosting leads to no appeal")
	}
	if page := text(w.want(alice.get("/audits/7"), 200)); !strings.Contains(page, `href="/slashes/1/appeal"`) {
		t.Error("the audit leads to no appeal")
	}
	if page := text(w.want(boss.get("/audits/7"), 200)); strings.Contains(page, `href="/slashes/1/appeal"`) {
		t.Error("an operator is offered somebody else's appeal")
	}
	page := text(w.want(alice.get("/appeals"), 200))
	for _, want := range []string{"/slashes/1/appeal", "/hosting/nodes/1/appeal", "2 VIDYA", "appealed against nothing"} {
		if !strings.Contains(page, want) {
			t.Errorf("/appeals lacks %q", want)
		}
	}
	if page := text(w.want(boss.get("/admin/appeals"), 200)); !strings.Contains(page, "No appeal waits") {
		t.Error("the queue is not empty")
	}
	w.want(alice.get("/slashes/1/appeal"), 200)
	w.want(alice.form("/slashes/1/appeal", map[string]string{"text": "  "}), 422)
	if r := w.want(alice.form("/slashes/1/appeal", map[string]string{"text": "The cable\u202e was <b>cut</b>"}), 200); !strings.Contains(string(r.body), "Appeal 1") {
		t.Errorf("%s", r.body)
	}
	page = text(w.want(boss.get("/admin/appeals"), 200))
	for _, want := range []string{"Appeal 1", "alice", "The cable was <b>cut</b>", "penalty 1", "corrupt", "/admin/flags/1", "/audits/7"} {
		if !strings.Contains(page, want) {
			t.Errorf("the queue lacks %q", want)
		}
	}
	w.want(alice.get("/admin/appeals/1"), 403)
	w.want(boss.get("/admin/appeals/1"), 200)
	if page := text(w.want(boss.get("/admin/slashes"), 200)); !strings.Contains(page, "under appeal") || !strings.Contains(page, "/admin/appeals/1") {
		t.Error("the list of penalties does not lead to the appeal")
	}
	decide := func(status int, outcome, reason string) reply {
		t.Helper()
		return w.want(boss.form("/admin/appeals/1/decision", map[string]string{"outcome": outcome, "reason": reason}), status)
	}
	decide(422, "", "why")
	decide(422, "granted", " ")
	if r := decide(422, "granted", strings.Repeat("x", 201)); !strings.Contains(string(r.body), strings.Repeat("x", 201)) {
		t.Error("what was typed is gone")
	}
	w.want(alice.form("/admin/appeals/1/decision", map[string]string{"outcome": "granted", "reason": "me"}), 403)
	decide(303, "granted", "Our line\nwas down")
	decide(303, "granted", "Our line was down") // the same again
	decide(409, "refused", "or not")
	if page := text(w.want(alice.get("/appeals/1"), 200)); !strings.Contains(page, "granted") || !strings.Contains(page, "Our line was down") || !strings.Contains(page, "2 VIDYA returned") {
		t.Errorf("the member does not read why: %s", page)
	}
	if page := text(w.want(alice.get("/notifications"), 200)); !strings.Contains(page, "Your appeal 1 was granted, and 2 VIDYA came back") || !strings.Contains(page, "/appeals/1") {
		t.Error("the member was not told")
	}
	if held := w.want(alice.get("/api/v1/wallet"), 200).json(t)["held_utok"]; held != "0" {
		t.Errorf("held %v", held)
	}
	w.want(alice.get("/slashes/1/appeal"), 404)
	if page := text(w.want(boss.get("/admin/appeals?show=decided"), 200)); !strings.Contains(page, "Our line was down") {
		t.Error("the decided one is not listed")
	}
}

// A decision wants a fresh proof of who decides.
func TestDecisionsAreFresh(t *testing.T) {
	w, alice, boss := punishedHost(t)
	w.want(alice.post("/api/v1/nodes/1/appeal", `{"text":"it is well"}`), 201)
	w.clock.Store(int64(time.Hour))
	form := map[string]string{"outcome": "granted", "reason": "it is"}
	w.want(boss.form("/admin/appeals/1/decision", form), 403)
	w.problem(boss.post("/api/v1/admin/appeals/1/decision", `{"outcome":"granted","reason":"it is"}`), 403, "fresh_factor")
	form["confirm_password"] = password
	w.want(boss.form("/admin/appeals/1/decision", form), 303)
	if page := text(w.want(alice.get("/hosting/nodes/1"), 200)); strings.Contains(page, "suspended</span>") {
		t.Error("it is still suspended")
	}
}

// The same by the API, for penalties and suspensions.
func TestAppealAPI(t *testing.T) {
	w, alice, boss := punishedHost(t)
	bob := w.member("bob", 0, 0)
	w.problem(bob.post("/api/v1/slashes/1/appeal", `{"text":"not mine"}`), 404, "not_found")
	w.problem(alice.post("/api/v1/slashes/9/appeal", `{"text":"none"}`), 404, "not_found")
	w.problem(alice.post("/api/v1/slashes/1/appeal", `{"text":""}`), 422, "text")
	w.problem(alice.post("/api/v1/slashes/1/appeal", `{"text":"`+strings.Repeat("x", store.MaxAppeal+1)+`"}`), 422, "text")
	w.problem(alice.get("/api/v1/slashes/1/appeal"), 404, "not_found")
	v := w.want(alice.post("/api/v1/slashes/1/appeal", `{"text":"why"}`), 201).json(t)
	if v["id"] != 1.0 || v["slash"] != 1.0 || v["audit"] != 7.0 || v["amount_utok"] != "2000000" || v["suspended_at"] != nil || v["outcome"] != "" || v["decided_at"] != nil {
		t.Errorf("%v", v)
	}
	w.want(alice.post("/api/v1/slashes/1/appeal", `{"text":"why"}`), 201)
	w.problem(alice.post("/api/v1/slashes/1/appeal", `{"text":"and more"}`), 409, "exists")
	v = w.want(alice.post("/api/v1/nodes/1/appeal", `{"text":"the disk is new"}`), 201).json(t)
	if v["id"] != 2.0 || v["slash"] != nil || v["suspended_at"] == nil || v["node"] != 1.0 {
		t.Errorf("%v", v)
	}
	w.problem(bob.get("/api/v1/slashes/1/appeal"), 404, "not_found")
	w.problem(bob.get("/api/v1/appeals/1"), 404, "not_found")
	w.want(boss.get("/api/v1/slashes/1/appeal"), 200)
	w.want(alice.get("/api/v1/appeals/2"), 200)
	first := w.want(alice.get("/api/v1/appeals?limit=1"), 200).json(t)
	if list := first["appeals"].([]any); len(list) != 1 || list[0].(map[string]any)["id"] != 2.0 {
		t.Errorf("%v", first)
	}
	if rest := w.want(alice.get(fmt.Sprintf("/api/v1/appeals?limit=1&cursor=%v", first["next"])), 200).json(t); rest["next"] != "" || rest["appeals"].([]any)[0].(map[string]any)["id"] != 1.0 {
		t.Errorf("%v", rest)
	}
	w.problem(alice.get("/api/v1/appeals?limit=x"), 400, "limit")
	w.problem(alice.get("/api/v1/admin/appeals"), 403, "operator_only")
	w.problem(boss.post("/api/v1/admin/appeals/1/decision", `{"outcome":"perhaps","reason":"x"}`), 422, "outcome")
	w.problem(boss.post("/api/v1/admin/appeals/1/decision", `{"outcome":"refused","reason":""}`), 422, "reason")
	w.problem(boss.post("/api/v1/admin/appeals/9/decision", `{"outcome":"refused","reason":"x"}`), 404, "not_found")
	w.exec("UPDATE members SET operator = 1 WHERE name = 'alice'")
	w.problem(alice.post("/api/v1/admin/appeals/1/decision", `{"outcome":"granted","reason":"mine"}`), 409, "own")
	v = w.want(boss.post("/api/v1/admin/appeals/1/decision", `{"outcome":"refused","reason":"two looks saw it"}`), 200).json(t)
	if v["outcome"] != "refused" || v["reason"] != "two looks saw it" || v["returned_utok"] != "0" || v["decided_at"] == nil {
		t.Errorf("%v", v)
	}
	w.problem(boss.post("/api/v1/admin/appeals/1/decision", `{"outcome":"granted","reason":"or not"}`), 409, "decided")
	open := w.want(boss.get("/api/v1/admin/appeals"), 200).json(t)["appeals"].([]any)
	decided := w.want(boss.get("/api/v1/admin/appeals?show=decided"), 200).json(t)["appeals"].([]any)
	if len(open) != 1 || len(decided) != 1 || open[0].(map[string]any)["id"] != 2.0 {
		t.Errorf("%v, %v", open, decided)
	}
	if page := text(w.want(w.client("swst_alice").get("/notifications"), 200)); !strings.Contains(page, "Your appeal 1 was refused") {
		t.Error("the member was not told")
	}
	w.clock.Store(int64(8 * 24 * time.Hour))
	w.exec("UPDATE nodes SET suspended_ms = suspended_ms + 1")
	w.problem(alice.post("/api/v1/nodes/1/appeal", `{"text":"late"}`), 409, "appeal_over")
	w.exec("UPDATE nodes SET suspended_ms = 0")
	w.problem(alice.post("/api/v1/nodes/1/appeal", `{"text":"for nothing"}`), 409, "not_suspended")
}

// An operator whose account is closed reads no appeals of others, and one who is a host decides nothing about it.
func TestOwnAndClosedOperators(t *testing.T) {
	w, alice, boss := punishedHost(t)
	w.want(alice.post("/api/v1/slashes/1/appeal", `{"text":"why"}`), 201)
	w.exec("UPDATE members SET operator = 1 WHERE id = 1")
	why := `{"reason":"it is mine"}`
	w.problem(alice.post("/api/v1/admin/slashes/1/return", why), 409, "own")
	w.problem(alice.post("/api/v1/admin/nodes/1/lift", why), 409, "own")
	form := map[string]string{"reason": "it is mine"}
	w.want(alice.form("/admin/slashes/1/return", form), 409)
	w.want(alice.form("/admin/nodes/1/lift", form), 409)
	w.want(boss.get("/api/v1/appeals/1"), 200)
	w.exec("UPDATE members SET banned_reason = 'gone' WHERE name = 'boss'")
	w.problem(boss.get("/api/v1/appeals/1"), 404, "not_found")
	w.want(boss.get("/appeals/1"), 404)
}
