package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// modBody is a JSON object of strings.
func modBody(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		parts = append(parts, fmt.Sprintf("%q:%q", pairs[i], pairs[i+1]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// modList reads a list of an answer.
func (w *world) modList(r reply, name string) []map[string]any {
	w.Helper()
	var out []map[string]any
	for _, x := range w.want(r, 200).json(w)[name].([]any) {
		out = append(out, x.(map[string]any))
	}
	return out
}

// modUpload uploads a torrent and returns its info-hash.
func (w *world) modUpload(c *client, name string) string {
	w.Helper()
	return w.want(c.upload(torrentFile(name), "description", "about "+name), 201).json(w)["infohash"].(string)
}

// modLog wants the newest line of the operators' log to hold some words.
func (w *world) modLog(boss *client, words ...string) {
	w.Helper()
	l := w.modList(boss.get("/api/v1/admin/log?limit=1"), "lines")[0]
	for _, word := range words {
		if !strings.Contains(fmt.Sprint(l["operator"], " ", l["action"], " ", l["detail"]), word) {
			w.Errorf("the log says %v, not %q", l, word)
		}
	}
}

func TestQueueByAPI(t *testing.T) {
	w := newWorld(t)
	boss, alice := w.operator(), w.member("alice", 0, 60*tokens.Unit)
	one, two, three, four := w.modUpload(alice, "one"), w.modUpload(alice, "two of many words"), w.modUpload(alice, "three"), w.modUpload(alice, "many words two")
	w.problem(alice.get("/api/v1/admin/queue"), 403, "operator_only")
	page := w.want(boss.get("/api/v1/admin/queue?limit=3"), 200).json(t)
	rest := w.modList(boss.get("/api/v1/admin/queue?cursor="+page["next"].(string)), "torrents")
	if list := page["torrents"].([]any); len(list) != 3 || len(rest) != 1 || rest[0]["infohash"] != four || page["torrents"].([]any)[0].(map[string]any)["infohash"] != one {
		t.Fatalf("%v, then %v", page, rest)
	}
	q := w.want(boss.get("/api/v1/admin/queue/"+four), 200).json(t)
	up := q["uploader"].(map[string]any)
	if q["turn"] != "operator" || up["uploads"] != 4.0 || up["member"] != "alice" || !strings.Contains(fmt.Sprint(q["alike"]), two) || len(q["warnings"].([]any)) == 0 {
		t.Errorf("%v", q)
	}
	for _, path := range []string{"/refuse", "/changes"} {
		for _, body := range []string{`{}`, `{"reason":" "}`, modBody("reason", strings.Repeat("x", 501)), modBody("reason", "\u200b")} {
			w.problem(boss.post("/api/v1/admin/queue/"+one+path, body), 422, "reason")
		}
		w.problem(alice.post("/api/v1/admin/queue/"+one+path, modBody("reason", "x")), 403, "operator_only")
		w.problem(boss.post("/api/v1/admin/queue/"+strings.Repeat("0", 40)+path, modBody("reason", "x")), 404, "not_found")
	}
	w.want(boss.post("/api/v1/admin/queue/"+two+"/changes", modBody("reason", "say which words")), 200)
	w.modLog(boss, "boss", "torrent ask", "say which words")
	if list := w.modList(boss.get("/api/v1/admin/queue"), "torrents"); list[3]["infohash"] != two || list[3]["turn"] != "uploader" || list[3]["asked"] != "say which words" {
		t.Errorf("%v", list)
	}
	w.want(boss.post("/api/v1/admin/queue/"+three+"/refuse", modBody("reason", "it is a virus")), 200)
	w.problem(boss.post("/api/v1/admin/queue/"+three+"/refuse", modBody("reason", "again")), 404, "not_found")
	before := w.roster.torrents.Load()
	done := w.want(boss.post("/api/v1/admin/queue/approve", fmt.Sprintf(`{"infohashes":[%q,%q,%q]}`, one, three, strings.Repeat("0", 40))), 200).json(t)
	if fmt.Sprint(done["approved"]) != "["+one+"]" || w.roster.torrents.Load() != before+1 {
		t.Errorf("%v, the announce path was told %d times", done, w.roster.torrents.Load()-before)
	}
	w.problem(boss.post("/api/v1/admin/queue/approve", `{"infohashes":[]}`), 422, "torrents")
	w.problem(boss.post("/api/v1/admin/queue/approve", `{"infohashes":["x"]}`), 422, "infohash")
	w.problem(boss.get("/api/v1/admin/queue/"+one), 404, "not_found")
	w.problem(boss.post("/api/v1/admin/queue/"+one+"/refuse", modBody("reason", "too late")), 409, "decided")
	if list := w.modList(alice.get("/api/v1/torrents/"+two+"/decisions?limit=1"), "decisions"); list[0]["decision"] != "changes" || list[0]["operator"] != nil {
		t.Errorf("%v", list)
	}
	if list := w.modList(boss.get("/api/v1/torrents/"+one+"/decisions"), "decisions"); list[0]["decision"] != "approved" || list[0]["operator"] != "boss" {
		t.Errorf("%v", list)
	}
	w.problem(w.member("bob", 0, 0).get("/api/v1/torrents/"+one+"/decisions"), 403, "uploader_only")
	for _, bad := range []string{"cursor=x", "cursor=1.-1", "limit=0", "limit=201"} {
		w.want(boss.get("/api/v1/admin/queue?"+bad), 400)
	}
}

func TestQueueByForms(t *testing.T) {
	w := newWorld(t)
	boss, alice := w.operator(), w.person("alice")
	names := map[string]string{}
	for _, name := range []string{"first", "second", "third"} {
		names[name] = w.modUpload(alice, name)
	}
	page := text(w.want(boss.get("/admin/queue"), 200))
	if !strings.Contains(page, "3 torrents wait") || !strings.Contains(page, "3 uploads, 0 approved, 0 refused") || strings.Index(page, "name-"+names["second"]) > strings.Index(page, "name-"+names["third"]) {
		t.Error("the page lacks the torrents, or what is known of who uploaded them")
	}
	w.want(boss.form("/admin/queue/approve", nil), 422)
	w.want(boss.post("/admin/queue/approve", url.Values{"torrent": {names["first"], names["second"]}}.Encode(), "Content-Type", "application/x-www-form-urlencoded"), 303)
	if page = text(w.want(boss.get("/admin/queue"), 200)); strings.Contains(page, "name-"+names["second"]) || !strings.Contains(page, "1 torrent waits") {
		t.Error("the approved ones still wait")
	}
	third := "/admin/queue/" + names["third"]
	if again := text(w.want(boss.form(third+"/changes", map[string]string{"reason": strings.Repeat("long ", 150)}), 422)); !strings.Contains(again, "long long") {
		t.Error("what was typed is gone")
	}
	w.want(boss.form(third+"/changes", map[string]string{"reason": "add a <b>description</b>"}), 303)
	if page = text(w.want(alice.get("/torrents/"+names["third"]), 200)); !strings.Contains(page, "An operator asks you for changes") || !strings.Contains(page, "add a <b>description</b>") || !strings.Contains(page, "Decisions of operators") {
		t.Error("the uploader is not shown what to change")
	}
	if page = text(w.want(alice.get("/notifications"), 200)); !strings.Contains(page, "asks for changes of “third”") || !strings.Contains(page, "The reason: add a <b>description</b>") {
		t.Errorf("the uploader is not told: %s", page)
	}
	bob := w.person("bob")
	if page = text(w.want(bob.get("/torrents/"+names["third"]), 200)); strings.Contains(page, "asks for changes") || strings.Contains(page, "Decisions of operators") {
		t.Error("others are shown what was decided")
	}
	if page = text(w.want(boss.get("/admin/queue"), 200)); !strings.Contains(page, "waits for its uploader") {
		t.Error("it is not marked")
	}
	w.want(alice.form("/torrents/"+names["third"]+"/edit", map[string]string{"name": "third", "category": "other", "description": "much better"}), 303)
	if page = text(w.want(boss.get("/admin/queue"), 200)); !strings.Contains(page, "changed as asked") {
		t.Error("it is not back on top")
	}
	if page = text(w.want(alice.get("/torrents/"+names["third"]), 200)); strings.Contains(page, "asks you for changes") {
		t.Error("the uploader is still asked")
	}
	w.want(boss.form(third+"/refuse", map[string]string{"reason": "not for this place"}), 303)
	w.want(boss.get(third), 404)
	if page = text(w.want(alice.get("/torrents/"+names["third"]), 410)); !strings.Contains(page, "not for this place") || !strings.Contains(page, "Decisions of operators") {
		t.Error("the uploader does not see why")
	}
	if page = text(w.want(alice.get("/notifications"), 200)); !strings.Contains(page, "“third” was refused") || !strings.Contains(page, "The reason: not for this place") {
		t.Errorf("the uploader is not told: %s", page)
	}
	if page = text(w.want(boss.get("/admin/queue"), 200)); !strings.Contains(page, "Nothing waits") {
		t.Error("something waits")
	}
	w.want(bob.get("/admin/queue"), 403)
}

func TestMembersByAPI(t *testing.T) {
	w := newWorld(t)
	boss, alice := w.operator(), w.member("alice", 5*tokens.Unit, 0)
	w.member("Alina", 0, 0)
	w.member("bob", 0, 60*tokens.Unit)
	w.modUpload(alice, "one")
	names := func(query string) string {
		t.Helper()
		var out []string
		for _, m := range w.modList(boss.get("/api/v1/admin/members"+query), "members") {
			out = append(out, m["member"].(string))
		}
		return strings.Join(out, " ")
	}
	for query, want := range map[string]string{"": "bob Alina alice boss", "?q=AL": "alice Alina", "?q=2": "alice", "?show=operators": "boss", "?show=guests": "Alina alice boss", "?show=closed": "", "?q=nobody": ""} {
		if got := names(query); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	next := w.want(boss.get("/api/v1/admin/members?limit=2"), 200).json(t)["next"].(string)
	if got := names("?cursor=" + next); got != "alice boss" {
		t.Errorf("the page after: %q", got)
	}
	w.problem(boss.get("/api/v1/admin/members?show=all"), 400, "show")
	w.problem(alice.get("/api/v1/admin/members"), 403, "operator_only")
	w.problem(boss.get("/api/v1/admin/members/99"), 404, "not_found")
	m := w.want(boss.get("/api/v1/admin/members/2"), 200).json(t)
	if m["member"] != "alice" || m["available_utok"] != "5000000" || m["uploads"] != 1.0 || m["api_tokens"] != 1.0 || m["above_gate"] != false || m["invited_by"] != nil {
		t.Errorf("%v", m)
	}
	w.want(boss.post("/api/v1/admin/members/2/notes", modBody("text", "she asked politely")), 204)
	w.problem(boss.post("/api/v1/admin/members/2/notes", modBody("text", " \u200b ")), 422, "note")
	w.problem(boss.post("/api/v1/admin/members/99/notes", modBody("text", "x")), 404, "not_found")
	if list := w.modList(boss.get("/api/v1/admin/members/2/notes"), "notes"); len(list) != 1 || list[0]["text"] != "she asked politely" || list[0]["operator"] != "boss" {
		t.Errorf("%v", list)
	}
	w.problem(alice.get("/api/v1/admin/members/2/notes"), 403, "operator_only")
}

func TestActsOnMembersByAPI(t *testing.T) {
	w := newWorld(t)
	boss := w.operator()
	w.member("alice", 0, 0)
	why := modBody("reason", "we agreed on it")
	act := func(id int, name string) reply {
		t.Helper()
		return boss.post(fmt.Sprintf("/api/v1/admin/members/%d/%s", id, name), why)
	}
	for _, name := range []string{"close", "reopen", "promote", "demote", "reset-factors", "invite"} {
		told := w.roster.members.Load()
		if v := w.want(act(2, name), 200).json(t); v["changed"] != true || v["act"] != name || w.roster.members.Load() != told+1 {
			t.Errorf("%v", v)
		}
		w.modLog(boss, "boss", "member", "2 alice: we agreed on it")
	}
	if v := w.want(act(2, "reopen"), 200).json(t); v["changed"] != false {
		t.Errorf("%v", v)
	}
	w.problem(act(2, "clear"), 409, "not_silent")
	w.exec("UPDATE members SET silent_ms = 5, silent_why = 'too much' WHERE id = 2")
	w.exec("INSERT INTO silences (member, at_ms, why) VALUES (2, 5, 'too much')")
	if page := text(w.want(boss.get("/admin/members/2"), 200)); !strings.Contains(page, "Their clients get no peers:</strong> too much") {
		t.Error("the page does not say that the member is silent")
	}
	w.want(act(2, "clear"), 200)
	w.problem(act(1, "close"), 409, "own")
	w.problem(act(1, "demote"), 409, "own")
	w.problem(act(99, "close"), 404, "not_found")
	w.problem(boss.post("/api/v1/admin/members/2/close", `{"reason":""}`), 422, "reason")
	w.problem(boss.post("/api/v1/admin/members/2/close", modBody("reason", strings.Repeat("x", 141))), 422, "reason")
	w.want(act(2, "close"), 200)
	w.problem(act(2, "promote"), 409, "account_closed")
	for range 9 {
		w.want(act(2, "invite"), 200)
	}
	w.problem(act(2, "invite"), 409, "too_many")
	w.later(time.Hour) // nobody proved lately who they are
	w.problem(act(2, "reopen"), 403, "fresh_factor")
}

// Who is closed or is no operator any more has no right left at their next request, in sessions that are open.
func TestRightsEndAtTheNextRequest(t *testing.T) {
	w := newWorld(t)
	boss, alice := w.operator(), w.person("alice")
	why := map[string]string{"reason": "for a test"}
	w.want(alice.get("/admin/members"), 403)
	w.want(boss.form("/admin/members/2/promote", why), 303)
	w.want(alice.get("/admin/members"), 200)
	w.want(alice.get("/api/v1/admin/log"), 200)
	w.want(alice.form("/admin/members/1/close", why), 303)
	for _, path := range []string{"/admin/members", "/admin/queue", "/admin/log", "/api/v1/admin/members"} {
		w.want(boss.get(path), 403)
	}
	if v := w.want(boss.get("/api/v1/account"), 200).json(t); v["operator"] != false {
		t.Errorf("a closed account is an operator's: %v", v)
	}
	w.want(boss.form("/admin/members/2/demote", why), 403)
	w.want(alice.form("/admin/members/1/reopen", why), 303)
	w.want(boss.form("/admin/members/2/demote", why), 303)
	w.want(alice.get("/admin/members"), 403)
	w.problem(alice.get("/api/v1/admin/members"), 403, "operator_only")
	w.want(boss.form("/admin/members/2/close", why), 303)
	w.want(alice.form("/requests", map[string]string{"title": "x"}), 403)
	w.problem(alice.post("/api/v1/invites", ""), 403, "banned")
	w.want(alice.get("/wallet"), 200) // they may look at what is theirs
}

func TestMemberPage(t *testing.T) {
	w := newWorld(t)
	boss, alice := w.operator(), w.person("alice")
	w.modUpload(alice, "her upload")
	w.want(boss.form("/admin/members/2/notes", map[string]string{"text": "a <i>note</i>"}), 303)
	w.want(boss.form("/admin/members/2/notes", map[string]string{"text": ""}), 422)
	w.want(boss.form("/admin/members/2/invite", map[string]string{"reason": "she helps"}), 303)
	page := text(w.want(boss.get("/admin/members/2"), 200))
	for _, want := range []string{"alice", "a <i>note</i>", "her upload", "member invite", "2 alice: she helps", "Close the account", "Make them an operator", "/admin/ledger?account=member/2"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if own := text(w.want(boss.get("/admin/members/1"), 200)); strings.Contains(own, "Close the account") || !strings.Contains(own, "This is you") {
		t.Error("operators are offered to close their own account")
	}
	if again := text(w.want(boss.form("/admin/members/2/close", map[string]string{"reason": strings.Repeat("why ", 50)}), 422)); !strings.Contains(again, "why why") {
		t.Error("what was typed is gone")
	}
	if page = text(w.want(alice.get("/notifications"), 200)); !strings.Contains(page, "An operator granted you an invitation: she helps") {
		t.Error("she is not told")
	}
	if page = text(w.want(alice.get("/wallet/invites"), 200)); !strings.Contains(page, "An operator granted you 1 invitation.") {
		t.Error("the page of invitations does not say so")
	}
	w.want(alice.form("/wallet/invites", nil), 200)
	w.want(alice.form("/wallet/invites", nil), 403)
	w.want(alice.get("/admin/members/2"), 403)
	for _, none := range []string{"0", "x", "99", "4294967297"} {
		w.want(boss.get("/admin/members/"+none), 404)
	}
	w.later(time.Hour)
	w.want(boss.form("/admin/members/2/close", map[string]string{"reason": "x"}), 403) // not before a fresh proof
	w.want(boss.form("/admin/members/2/close", map[string]string{"reason": "x", "confirm_password": password}), 303)
}
