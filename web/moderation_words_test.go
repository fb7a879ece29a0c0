package web_test

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

func TestReportsByAPI(t *testing.T) {
	w := newWorld(t)
	boss, alice, bob := w.operator(), w.member("alice", 0, 60*tokens.Unit), w.member("bob", 0, 0)
	hash := w.modUpload(alice, "one")
	tell := func(c *client, kind, id, reason, text string) reply {
		t.Helper()
		return c.post("/api/v1/reports", modBody("kind", kind, "id", id, "reason", reason, "text", text))
	}
	x := w.want(tell(bob, "torrent", hash, "false", "it is empty"), 201).json(t)
	if x["title"] != "one" || x["about"] != "alice" || x["infohash"] != hash || x["verdict"] != "" || x["others"] != nil {
		t.Errorf("%v", x)
	}
	w.problem(tell(bob, "torrent", hash, "spam", ""), 409, "exists")
	w.problem(tell(alice, "torrent", hash, "spam", ""), 409, "own")
	w.problem(tell(bob, "torrent", "1", "spam", ""), 404, "not_found")
	w.problem(tell(bob, "member", "99", "spam", ""), 404, "not_found")
	w.problem(tell(bob, "comment", "-1", "spam", ""), 404, "not_found")
	w.problem(tell(bob, "node", "1", "spam", ""), 422, "kind")
	w.problem(tell(bob, "member", "2", "", ""), 422, "reason")
	w.problem(tell(bob, "member", "2", "other", " "), 422, "text")
	w.problem(tell(bob, "member", "2", "other", strings.Repeat("x", 2001)), 422, "text")
	w.want(tell(boss, "torrent", hash, "harmful", ""), 201)
	w.want(tell(bob, "member", "2", "cheating", ""), 201)
	w.problem(bob.get("/api/v1/admin/reports"), 403, "operator_only")
	list := w.modList(boss.get("/api/v1/admin/reports?kind=torrent"), "reports")
	if len(list) != 2 || list[0]["reporter"] != "bob" || list[0]["others"] != 1.0 {
		t.Fatalf("%v", list)
	}
	next := w.want(boss.get("/api/v1/admin/reports?limit=2"), 200).json(t)["next"].(string)
	if rest := w.modList(boss.get("/api/v1/admin/reports?cursor="+next), "reports"); len(rest) != 1 || rest[0]["kind"] != "member" {
		t.Errorf("%v", rest)
	}
	w.problem(boss.get("/api/v1/admin/reports?state=x"), 400, "state")
	w.problem(boss.get("/api/v1/admin/reports?kind=x"), 400, "kind")
	resolve := func(id int, body string) reply {
		t.Helper()
		return boss.post(fmt.Sprintf("/api/v1/admin/reports/%d/resolve", id), body)
	}
	w.problem(resolve(1, modBody("verdict", "maybe", "note", "x")), 422, "verdict")
	w.problem(resolve(1, modBody("verdict", "upheld", "note", "")), 422, "reason")
	w.problem(resolve(99, modBody("verdict", "upheld", "note", "x")), 404, "not_found")
	if v := w.want(resolve(1, `{"verdict":"upheld","note":"removed","all":true}`), 200).json(t); v["resolved"] != 2.0 {
		t.Errorf("%v", v)
	}
	w.modLog(boss, "report upheld", "1, torrent 1: removed")
	w.problem(resolve(1, modBody("verdict", "upheld", "note", "x")), 409, "decided")
	own := w.modList(bob.get("/api/v1/reports"), "reports")
	if len(own) != 2 || own[1]["verdict"] != "upheld" || own[1]["note"] != "removed" || own[0]["verdict"] != "" {
		t.Errorf("%v", own)
	}
	for i := range 18 {
		w.want(tell(bob, "torrent", w.modUpload(alice, fmt.Sprint("more ", i)), "spam", ""), 201)
	}
	w.problem(tell(bob, "torrent", w.modUpload(alice, "last"), "spam", ""), 429, "slow_down")
}

func TestReportsByForms(t *testing.T) {
	w := newWorld(t)
	boss, alice, bob := w.operator(), w.person("alice"), w.person("bob")
	hash := w.modUpload(alice, "one")
	w.want(alice.form("/torrents/"+hash+"/comments", map[string]string{"text": "you are all fools"}), 303)
	w.want(alice.form("/requests", map[string]string{"key": "k", "title": "Something odd", "category": "other"}), 303)
	page := w.want(bob.get("/torrents/"+hash), 200)
	for _, link := range []string{"/report?kind=torrent&amp;id=" + hash, "/report?kind=comment&amp;id=1"} {
		if !strings.Contains(string(page.body), link) {
			t.Errorf("the page lacks a link to %s", link)
		}
	}
	if own := string(w.want(alice.get("/torrents/"+hash), 200).body); strings.Contains(own, "/report?") {
		t.Error("she can report her own")
	}
	if !strings.Contains(string(w.want(bob.get("/requests/1"), 200).body), "/report?kind=request&amp;id=1") {
		t.Error("requests cannot be reported")
	}
	if form := text(w.want(bob.get("/report?kind=comment&id=1"), 200)); !strings.Contains(form, "you are all fools") || !strings.Contains(form, "Report alice") {
		t.Error("the form does not say what it is about")
	}
	for _, x := range []struct{ kind, id string }{{"comment", "1"}, {"request", "1"}, {"torrent", hash}, {"member", "2"}} {
		w.want(bob.get("/report?kind="+x.kind+"&id="+x.id), 200)
		w.want(bob.form("/report", map[string]string{"kind": x.kind, "id": x.id, "reason": "abuse", "text": "see <b>there</b>"}), 303)
	}
	w.want(bob.get("/report?kind=comment&id=9"), 404)
	w.want(bob.get("/report?kind=x&id=9"), 422)
	if again := text(w.want(bob.form("/report", map[string]string{"kind": "request", "id": "1", "reason": "spam", "text": "once more"}), 409)); !strings.Contains(again, "once more") {
		t.Error("what was typed is gone")
	}
	admin := text(w.want(boss.get("/admin/reports"), 200))
	for _, want := range []string{"Open (4)", "comments (1)", "you are all fools", "Something odd", "see <b>there</b>", "It insults or threatens"} {
		if !strings.Contains(admin, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if again := text(w.want(boss.form("/admin/reports/1/resolve", map[string]string{"verdict": "x", "note": "kept words"}), 422)); !strings.Contains(again, "kept words") {
		t.Error("what was typed is gone")
	}
	w.want(boss.form("/admin/reports/1/resolve", map[string]string{"verdict": "upheld", "note": "the comment is gone"}), 303)
	w.want(boss.form("/admin/reports/2/resolve", map[string]string{"verdict": "unfounded", "note": "an honest question"}), 303)
	if page := text(w.want(bob.get("/notifications"), 200)); !strings.Contains(page, "An operator decided on your report 1. It is upheld: the comment is gone") {
		t.Errorf("the reporter is not told: %s", page)
	}
	if own := text(w.want(bob.get("/reports"), 200)); !strings.Contains(own, "An operator says:</strong> an honest question") {
		t.Error("the reporter does not find what came of it")
	}
	if page := text(w.want(boss.get("/admin/reports?state=unfounded"), 200)); !strings.Contains(page, "Something odd") || strings.Contains(page, "fools") {
		t.Error("the list of verdicts is wrong")
	}
	w.want(bob.get("/admin/reports"), 403)
}

func TestAnnouncementsByAPI(t *testing.T) {
	w := newWorld(t)
	boss, alice := w.operator(), w.member("alice", 0, 0)
	w.problem(alice.post("/api/v1/admin/announcements", modBody("kind", "notice", "title", "x")), 403, "operator_only")
	for body, code := range map[string]string{
		modBody("kind", "joke", "title", "x"): "kind", modBody("kind", "notice", "title", " "): "title", modBody("kind", "notice", "title", strings.Repeat("x", 121)): "title",
		modBody("kind", "notice", "title", "x", "text", strings.Repeat("x", 4001)): "text", modBody("kind", "notice", "title", "x", "until_at", "1990-01-01T00:00:00Z"): "until",
		modBody("kind", "notice", "title", "x", "until_at", w.now().Add(-time.Hour).UTC().Format(time.RFC3339)): "range",
	} {
		w.problem(boss.post("/api/v1/admin/announcements", body), 422, code)
	}
	soon := w.now().Add(time.Hour).UTC().Format(time.RFC3339)
	w.want(boss.post("/api/v1/admin/announcements", modBody("kind", "warning", "title", "We move tonight", "text", "For an hour.")), 201)
	w.modLog(boss, "boss", "announcement add", "1 warning: We move tonight")
	if v := w.want(boss.post("/api/v1/admin/announcements", modBody("kind", "notice", "title", "Later", "from_at", soon)), 201).json(t); v["state"] != "to come" {
		t.Errorf("%v", v)
	}
	if list := w.modList(alice.get("/api/v1/announcements"), "announcements"); len(list) != 1 || list[0]["state"] != "shown" || list[0]["until_at"] != nil {
		t.Errorf("%v", list)
	}
	if list := w.modList(boss.get("/api/v1/admin/announcements?limit=1"), "announcements"); len(list) != 1 || list[0]["title"] != "Later" {
		t.Errorf("%v", list)
	}
	if v := w.want(boss.do("PUT", "/api/v1/admin/announcements/1", strings.NewReader(modBody("kind", "notice", "title", "We moved"))), 200).json(t); v["title"] != "We moved" || v["edited_at"] == nil {
		t.Errorf("%v", v)
	}
	w.want(alice.post("/api/v1/announcements/1/dismiss", ""), 204)
	w.problem(alice.post("/api/v1/announcements/99/dismiss", ""), 404, "not_found")
	w.want(boss.post("/api/v1/admin/announcements/1/end", ""), 204)
	w.problem(boss.post("/api/v1/admin/announcements/1/end", ""), 409, "decided")
	w.problem(boss.do("PUT", "/api/v1/admin/announcements/1", strings.NewReader(modBody("kind", "notice", "title", "x"))), 409, "decided")
	for i := range 4 {
		w.want(boss.post("/api/v1/admin/announcements", modBody("kind", "notice", "title", fmt.Sprint(i))), 201)
	}
	w.problem(boss.post("/api/v1/admin/announcements", modBody("kind", "notice", "title", "x")), 409, "too_many")
}

func TestAnnouncementsOnEveryPage(t *testing.T) {
	w := newWorld(t)
	boss, alice, bob := w.operator(), w.person("alice"), w.person("bob")
	shows := func(c *client, words string) bool {
		t.Helper()
		return strings.Contains(text(w.want(c.get("/torrents"), 200)), words)
	}
	const moment = "2006-01-02T15:04"
	form := map[string]string{"kind": "warning", "title": "Bring <b>tea</b>", "text": strings.Repeat("long text ", 40), "until": w.now().Add(3 * time.Hour).UTC().Format(moment)}
	w.want(boss.form("/admin/announcements", map[string]string{"kind": "notice", "title": ""}), 422)
	if again := text(w.want(boss.form("/admin/announcements", map[string]string{"kind": "notice", "title": "kept words", "from": "tomorrow"}), 422)); !strings.Contains(again, "kept words") {
		t.Error("what was typed is gone")
	}
	w.want(boss.form("/admin/announcements", form), 303)
	for _, c := range []*client{boss, alice, bob} {
		if !shows(c, "Bring <b>tea</b>") || shows(c, form["text"]) {
			t.Error("it is not shown, or all of it is")
		}
	}
	if visitor := text(w.want(w.browser().get("/economy"), 200)); strings.Contains(visitor, "tea") {
		t.Error("strangers are shown it")
	}
	r := w.want(alice.form("/announcements/1/dismiss", map[string]string{"next": "/torrents?sort=new"}), 303)
	if to := r.header.Get("Location"); to != "/torrents?sort=new" || shows(alice, "tea") || !shows(bob, "tea") {
		t.Errorf("it leads to %s, or was not put away for her alone", to)
	}
	if page := text(w.want(alice.get("/announcements"), 200)); !strings.Contains(page, strings.TrimSpace(form["text"])) {
		t.Error("the page of announcements lacks it")
	}
	w.later(time.Minute)
	form["title"] = "Bring coffee"
	w.want(boss.form("/admin/announcements/1", form), 303)
	if !shows(alice, "coffee") || shows(bob, "tea") {
		t.Error("new words are not shown again")
	}
	if page := text(w.want(boss.get("/admin/announcements/1"), 200)); !strings.Contains(page, "Bring coffee") {
		t.Error("the form does not hold it")
	}
	w.later(3 * time.Hour)
	if shows(bob, "coffee") {
		t.Error("it is over")
	}
	w.want(boss.form("/admin/announcements/1/end", nil), 409)
	w.want(boss.form("/admin/announcements", map[string]string{"kind": "notice", "title": "No end"}), 303)
	if !shows(bob, "No end") {
		t.Error("it is not shown")
	}
	w.want(boss.form("/admin/announcements/2/end", nil), 303)
	if shows(bob, "No end") {
		t.Error("it was ended")
	}
	w.want(alice.get("/admin/announcements"), 403)
	w.want(boss.get("/admin/announcements/99"), 404)
}

func TestOperatorsLog(t *testing.T) {
	w := newWorld(t)
	boss, alice := w.operator(), w.member("alice", 0, 0)
	w.want(boss.form("/admin/members/2/verify", map[string]string{"reason": "=1+1"}), 303)
	w.want(boss.do("PUT", "/api/v1/collections/classics", strings.NewReader(`{"title":"=evil()"}`)), 200+1)
	lines := func(query string) string {
		t.Helper()
		var out []string
		for _, l := range w.modList(boss.get("/api/v1/admin/log"+query), "lines") {
			out = append(out, fmt.Sprint(l["operator"], ":", l["action"]))
		}
		return strings.Join(out, " ")
	}
	if got := lines("?operator=boss"); got != "boss:collection put boss:member verify" {
		t.Errorf("%q", got)
	}
	if got := lines("?operator=boss&kind=member"); got != "boss:member verify" {
		t.Errorf("%q", got)
	}
	if got := lines("?operator=-"); strings.Contains(got, "boss") || got == "" {
		t.Errorf("%q", got)
	}
	if got := lines("?about=2&limit=1"); got != "boss:member verify" {
		t.Errorf("%q", got)
	}
	next := w.want(boss.get("/api/v1/admin/log?limit=1"), 200).json(t)["next"].(string)
	if got := lines("?limit=1&cursor=" + next); got != "boss:member verify" {
		t.Errorf("%q", got)
	}
	w.problem(boss.get("/api/v1/admin/log?operator=nobody"), 400, "operator")
	w.problem(boss.get("/api/v1/admin/log?about=x"), 400, "about")
	w.problem(boss.get("/api/v1/admin/log?kind="+strings.Repeat("x", 41)), 400, "kind")
	w.problem(alice.get("/api/v1/admin/log"), 403, "operator_only")
	page := text(w.want(boss.get("/admin/log?kind=member"), 200))
	if !strings.Contains(page, "2 alice: =1+1") || strings.Contains(page, "collection put") {
		t.Error("the page is not filtered")
	}
	for _, path := range []string{"/admin/log.csv?operator=boss", "/api/v1/admin/log.csv?operator=boss"} {
		r := w.want(boss.get(path), 200)
		rows, err := csv.NewReader(strings.NewReader(string(r.body))).ReadAll()
		if err != nil || len(rows) != 3 || rows[0][0] != "line" || rows[1][3] != "collection put" || rows[2][4] != "2 alice: =1+1" || !strings.HasPrefix(r.header.Get("Content-Type"), "text/csv") {
			t.Errorf("%s: %q, %v", path, rows, err)
		}
	}
	w.want(alice.get("/admin/log"), 403)
}
