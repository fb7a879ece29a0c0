package web_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/web"
)

func TestInvitations(t *testing.T) {
	w := newWorld(t, func(_ *web.Config, e *store.Economy) { e.Registration = store.RegisterInvite })
	alice, guest := w.member("alice", 0, 60*tokens.Unit), w.client("")
	join := func(name, invite string) reply {
		return guest.post("/api/v1/members", fmt.Sprintf(`{"name":%q,"password":%q,"invite":%q}`, name, password, invite))
	}
	w.problem(guest.post("/api/v1/members", `{"name":"bob","password":"`+password+`"}`), 403, "invitation_needed")
	w.problem(join("bob", "AAAA-BBBB-CCCC-DDDD"), 403, "invitation_unknown")
	if page := text(w.want(guest.get("/sign-up?invite=abcd"), 200)); !strings.Contains(page, "made by invitation") || !strings.Contains(page, `value="ABCD"`) {
		t.Error("the form does not explain invitations")
	}
	made := w.want(alice.post("/api/v1/invites", ""), 201).json(t)
	code := made["code"].(string)
	if made["url"] != w.url+"/sign-up?invite="+code {
		t.Errorf("%v", made)
	}
	w.problem(alice.post("/api/v1/invites", ""), 409, "invited_lately")
	bob := w.client(w.want(join("bob", " "+strings.ToLower(code)+" "), 201).json(t)["api_token"].(string))
	w.problem(join("carol", code), 409, "invitation_used")
	w.problem(bob.post("/api/v1/invites", ""), 403, "gate")
	list := w.want(alice.get("/api/v1/invites"), 200).json(t)
	if i := list["invites"].([]any)[0].(map[string]any); i["used_by"] != "bob" || list["registration"] != "invite" || strings.Contains(fmt.Sprint(list), code) {
		t.Errorf("%v", list)
	}
	w.clock.Store(int64(91 * 24 * time.Hour))
	old, err := w.store.Invite(t.Context(), 1, "SOON-OVER", time.Minute)
	if err != nil || old == 0 {
		t.Fatal(err)
	}
	w.clock.Add(int64(time.Hour))
	w.problem(join("carol", "SOON-OVER"), 410, "invitation_expired")
	w.problem(guest.get("/api/v1/invites"), 401, "sign_in")
}

func TestInvitationsByForms(t *testing.T) {
	w := newWorld(t)
	boss := w.operator()
	page := text(w.want(boss.form("/wallet/invites", nil), 200))
	at := strings.Index(page, "/sign-up?invite=")
	if at < 0 {
		t.Fatalf("no link: %s", page)
	}
	code := page[at+len("/sign-up?invite="):][:19]
	b := w.browser()
	w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password, "invite": "wrong"}), 403)
	w.want(b.form("/sign-up", map[string]string{"name": "alice", "password": password, "invite": code}), 303)
	if m, err := w.store.MemberByName(t.Context(), "alice"); err != nil || !m.Verified || m.InvitedBy != 1 {
		t.Errorf("%+v %v", m, err)
	}
	if list := text(w.want(boss.get("/wallet/invites"), 200)); !strings.Contains(list, "alice") || strings.Contains(list, code) {
		t.Error("the list lacks the account, or shows the code")
	}
	w.want(b.form("/wallet/invites", nil), 403)
	if page := text(w.want(b.get("/wallet/invites"), 200)); !strings.Contains(page, "Members whose stake is at the gate may invite") {
		t.Error("the page does not say who may invite")
	}
}

func TestVerifyMembers(t *testing.T) {
	w := newWorld(t)
	alice, boss := w.member("alice", 0, 0), w.operator()
	unverified := func() string {
		t.Helper()
		return fmt.Sprint(w.want(boss.get("/api/v1/admin/members/unverified"), 200).json(t)["members"])
	}
	if !strings.Contains(unverified(), "alice") {
		t.Errorf("%s", unverified())
	}
	w.problem(alice.get("/api/v1/admin/members/unverified"), 403, "operator_only")
	w.problem(alice.post("/api/v1/admin/members/1/verify", ""), 403, "operator_only")
	for _, unknown := range []string{"99", "0", "x", "-1", "4294967297", "99999999999999999999"} {
		w.problem(boss.post("/api/v1/admin/members/"+unknown+"/verify", ""), 404, "not_found")
	}
	w.want(boss.post("/api/v1/admin/members/1/verify", ""), 200)
	w.want(boss.post("/api/v1/admin/members/1/verify", ""), 200)
	if strings.Contains(unverified(), "alice") {
		t.Errorf("%s", unverified())
	}
	if err := w.store.GrantAllowances(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := w.want(alice.get("/api/v1/wallet"), 200).json(t); v["allowance_bytes"] != 10737418240.0 {
		t.Errorf("allowance %v", v["allowance_bytes"])
	}
	w.member("bob", 0, 0)
	if page := text(w.want(boss.get("/admin/members"), 200)); !strings.Contains(page, "bob") || !strings.Contains(page, "10.00 GiB once") {
		t.Error("the page lacks bob, or what he would get")
	}
	why := map[string]string{"reason": "an old friend"}
	w.want(boss.form("/admin/members/3/verify", nil), 422)
	w.want(boss.form("/admin/members/3/verify", why), 303)
	w.want(boss.form("/admin/members/99/verify", why), 404)
	w.want(w.signUp("carol").form("/admin/members/4/verify", why), 403)
}

// slash writes a penalty of a node as an audit would.
func (w *world) slash(id int64, node int, due time.Time, a tokens.Amount) {
	w.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(w.dir, store.FileName))
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO slashes (id, audit, node, torrent, amount_utok, at_ms, due_ms) VALUES (?, 7, ?, 1, ?, ?, ?)", id, node, a, w.now().UnixMilli(), due.UnixMilli()); err != nil {
		w.Fatal(err)
	}
	err = w.store.Post(w.Context(), tokens.Transfer{ID: fmt.Sprintf("slash/%d/0", id), Asset: tokens.Token, From: tokens.Collateral(1), To: tokens.Disputed(id), Amount: a, Code: tokens.CodeSlash, Ref: "audit/7"})
	if err != nil {
		w.Fatal(err)
	}
}

func TestReturnSlashes(t *testing.T) {
	w := newWorld(t)
	alice, boss := w.member("alice", 0, 60*tokens.Unit), w.operator()
	node := w.pair(alice)
	w.want(alice.pay(fmt.Sprintf("/api/v1/nodes/%d/pledge", node), "p", `{"amount_utok":"20000000"}`), 201)
	for id := range int64(3) {
		w.slash(id+1, node, w.now().Add(time.Hour), 2*tokens.Unit)
	}
	held := func() any { t.Helper(); return w.want(alice.get("/api/v1/wallet"), 200).json(t)["held_utok"] }
	if held() != "6000000" {
		t.Errorf("held %v", held())
	}
	w.problem(alice.get("/api/v1/admin/slashes"), 403, "operator_only")
	w.problem(alice.post("/api/v1/admin/slashes/1/return", `{"reason":"please"}`), 403, "operator_only")
	w.problem(boss.post("/api/v1/admin/slashes/1/return", `{"reason":""}`), 422, "reason")
	w.problem(boss.post("/api/v1/admin/slashes/1/return", `{"reason":"`+strings.Repeat("x", 201)+`"}`), 422, "reason")
	w.problem(boss.post("/api/v1/admin/slashes/9/return", `{"reason":"x"}`), 404, "not_found")
	if v := w.want(boss.post("/api/v1/admin/slashes/1/return", `{"reason":"our line was down"}`), 200).json(t); v["returned_utok"] != "2000000" || held() != "4000000" {
		t.Errorf("%v, held %v", v, held())
	}
	list := w.want(boss.get("/api/v1/admin/slashes"), 200).json(t)["slashes"].([]any)
	if len(list) != 3 || list[2].(map[string]any)["returned_at"] == nil || list[0].(map[string]any)["returned_at"] != nil {
		t.Errorf("%v", list)
	}
	page := text(w.want(boss.get("/admin/slashes"), 200))
	if !strings.Contains(page, "penalty 3") || !strings.Contains(page, "returned") {
		t.Error("the page lacks the penalties")
	}
	w.want(boss.form("/admin/slashes/2/return", map[string]string{"reason": ""}), 422)
	w.want(boss.form("/admin/slashes/2/return", map[string]string{"reason": "also"}), 303)
	w.clock.Store(int64(2 * time.Hour))
	w.want(boss.form("/admin/slashes/3/return", map[string]string{"reason": "too late"}), 403) // not before a fresh proof
	w.want(boss.form("/admin/slashes/3/return", map[string]string{"reason": "too late", "confirm_password": password}), 409)
	w.problem(boss.post("/api/v1/admin/slashes/3/return", `{"reason":"too late"}`), 409, "appeal_over")
}
