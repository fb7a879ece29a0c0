package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
)

// What makes it easier to come in wants a fresh proof of a session, and a token that may do everything.
func TestSecurityByAPIIsGuarded(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	read, trade := w.token("alice", store.ScopeRead), w.token("alice", store.ScopeTrade)
	for _, path := range []string{"/api/v1/account", "/api/v1/account/sessions", "/api/v1/account/totp", "/api/v1/account/passkeys", "/api/v1/account/announce-key", "/api/v1/tokens", "/api/v1/account/feed-key"} {
		w.problem(read.get(path), 403, "scope")
		w.problem(trade.get(path), 403, "scope")
		w.problem(w.client("").get(path), 401, "sign_in")
	}
	w.later(15 * time.Minute)
	for path, method := range map[string]string{"/api/v1/account/password": "PUT", "/api/v1/account/totp": "POST", "/api/v1/account/totp/confirm": "POST", "/api/v1/account/recovery-codes": "POST",
		"/api/v1/account/passkeys/1": "DELETE", "/api/v1/account/announce-key": "POST"} {
		w.problem(alice.do(method, path, strings.NewReader("{}")), 403, "fresh_factor")
		w.problem(trade.do(method, path, strings.NewReader("{}")), 403, "scope")
	}
	w.problem(alice.drop("/api/v1/account/totp"), 403, "fresh_factor")
	w.want(alice.form("/account/confirm", fields{"confirm_password": password}), 303)
	w.want(alice.post("/api/v1/account/totp", ""), 201)
}

func TestSessionsByAPI(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.person("alice"), w.person("bob")
	var others []*client
	for range 4 {
		b, _ := w.signIn("alice")
		others = append(others, b)
	}
	list := w.rows(alice.get("/api/v1/account/sessions"), "sessions")
	if got := alice.walk("/api/v1/account/sessions", "sessions", "id", 2); len(got) != 5 || len(list) != 5 {
		t.Fatalf("%d sessions", len(got))
	}
	own, another := "", ""
	for _, x := range list {
		if x["this"] == true {
			own += x["id"].(string)
		} else {
			another = x["id"].(string)
		}
	}
	w.problem(bob.drop("/api/v1/account/sessions/"+own), 404, "not_found")
	w.want(alice.drop("/api/v1/account/sessions/"+another), 204)
	w.problem(alice.drop("/api/v1/account/sessions/"+another), 404, "not_found")
	w.problem(alice.drop("/api/v1/account/sessions/nonsense"), 404, "not_found")
	if got := alice.walk("/api/v1/account/sessions", "sessions", "id", 9); len(got) != 4 {
		t.Errorf("%d sessions", len(got))
	}
	w.want(alice.drop("/api/v1/account/sessions"), 204)
	for _, b := range others {
		if b.in() {
			t.Error("another session goes on")
		}
	}
	if !alice.in() || !bob.in() {
		t.Error("a session ended that was not meant")
	}
	if v := w.want(alice.get("/api/v1/account"), 200).json(t); only(v, "member", "sessions", "totp", "passkeys", "feed_key") != "alice 1 false 0 false" {
		t.Errorf("%v", v)
	}
}

func TestTokensByAPI(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.person("alice"), w.person("bob")
	for _, scope := range []string{"read", "trade", "full"} {
		w.want(alice.post("/api/v1/tokens", fmt.Sprintf(`{"label":%q,"scope":%q}`, scope, scope)), 201)
	}
	if got := fmt.Sprint(alice.walk("/api/v1/tokens", "tokens", "label", 2)); got != "[full trade read]" {
		t.Errorf("tokens %s", got)
	}
	v := w.want(alice.post("/api/v1/tokens", `{"label":"short","scope":"read","days":2}`), 201).json(t)
	made := w.client(v["api_token"].(string))
	w.want(made.get("/api/v1/session"), 200)
	for _, days := range []string{"-1", "366", "1.5"} {
		if r := alice.post("/api/v1/tokens", `{"label":"x","days":`+days+`}`); r.status != 422 && r.status != 400 {
			t.Errorf("%s days: %d", days, r.status)
		}
	}
	list := w.rows(alice.get("/api/v1/tokens"), "tokens")
	x := list[0]
	if only(x, "label", "scope") != "short read" || x["seen_at"] == nil || x["expires_at"].(string) >= list[1]["expires_at"].(string) {
		t.Errorf("%v", x)
	}
	id := x["id"].(string)
	w.problem(bob.drop("/api/v1/tokens/"+id), 404, "not_found")
	w.want(alice.drop("/api/v1/tokens/"+id), 204)
	w.problem(made.get("/api/v1/session"), 401, "sign_in")
	w.problem(alice.drop("/api/v1/tokens/"+id), 404, "not_found")
}

func TestFactorsByAPI(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	w.problem(alice.post("/api/v1/account/totp/confirm", `{"code":"123456"}`), 409, "no_offer")
	w.problem(alice.post("/api/v1/account/recovery-codes", ""), 404, "not_found")
	offer := w.want(alice.post("/api/v1/account/totp", ""), 201).json(t)
	secret := offer["secret"].(string)
	if !strings.Contains(offer["url"].(string), "secret="+secret) {
		t.Errorf("%v", offer)
	}
	if v := w.want(alice.get("/api/v1/account/totp"), 200); v.json(t)["on"] != false || strings.Contains(string(v.body), secret) {
		t.Errorf("%s", v.body)
	}
	w.problem(alice.post("/api/v1/account/totp/confirm", `{"code":"12"}`), 422, "wrong_code")
	codes := w.want(alice.post("/api/v1/account/totp/confirm", fmt.Sprintf(`{"code":%q}`, w.code(secret))), 200).json(t)["recovery_codes"].([]any)
	if v := w.want(alice.get("/api/v1/account/totp"), 200).json(t); only(v, "on", "recovery_codes") != "true 10" || len(codes) != 10 {
		t.Errorf("%v, codes %q", v, codes)
	}
	w.problem(alice.post("/api/v1/account/totp", ""), 409, "exists")
	if fresh := w.want(alice.post("/api/v1/account/recovery-codes", ""), 201).json(t)["recovery_codes"].([]any); len(fresh) != 10 || fresh[0] == codes[0] {
		t.Errorf("%q", fresh)
	}
	credentials := fmt.Sprintf(`{"name":"alice","password":%q,"code":%q}`, password, codes[0])
	w.problem(w.browser().post("/api/v1/session", credentials), 401, "wrong_code") // it was replaced
	w.want(alice.drop("/api/v1/account/totp"), 204)
	w.problem(alice.drop("/api/v1/account/totp"), 404, "not_found")
	w.want(w.browser().post("/api/v1/session", fmt.Sprintf(`{"name":"alice","password":%q}`, password)), 201)

	w.exec(`INSERT INTO passkeys (member, name, credential_id, record, sign_count, created_ms)
		SELECT 1, value, CAST(value AS BLOB), x'00', 0, 1 FROM json_each('["phone","key","laptop"]')`)
	if got := fmt.Sprint(alice.walk("/api/v1/account/passkeys", "passkeys", "name", 2)); got != "[phone key laptop]" {
		t.Errorf("passkeys %s", got)
	}
	w.problem(w.person("bob").drop("/api/v1/account/passkeys/2"), 404, "not_found")
	w.want(alice.drop("/api/v1/account/passkeys/2"), 204)
	if got := fmt.Sprint(alice.walk("/api/v1/account/passkeys", "passkeys", "name", 2)); got != "[phone laptop]" {
		t.Errorf("passkeys %s", got)
	}
}

func TestPasswordByAPI(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	other, _ := w.signIn("alice")
	w.problem(alice.put("/api/v1/account/password", `{"password":"short"}`), 422, "password")
	r := w.want(alice.put("/api/v1/account/password", `{"password":"a new and long password"}`), 204)
	if r.header.Get("Set-Cookie") == "" || !alice.in() || other.in() {
		t.Errorf("here %v, there %v, cookie %q", alice.in(), other.in(), r.header.Get("Set-Cookie"))
	}
	w.problem(w.browser().post("/api/v1/session", fmt.Sprintf(`{"name":"alice","password":%q}`, password)), 401, "wrong_password")
	program := w.token("alice", store.ScopeFull)
	if r := w.want(program.put("/api/v1/account/password", `{"password":"yet another long password"}`), 204); r.header.Get("Set-Cookie") != "" {
		t.Error("a token begins a session")
	}
	w.want(w.browser().post("/api/v1/session", `{"name":"alice","password":"yet another long password"}`), 201)
}

func TestKeysByAPI(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	w.problem(alice.get("/api/v1/account/feed-key"), 404, "not_found")
	w.problem(alice.drop("/api/v1/account/feed-key"), 404, "not_found")
	first := w.want(alice.post("/api/v1/account/feed-key", ""), 201).json(t)["key"]
	second := w.want(alice.post("/api/v1/account/feed-key", ""), 201).json(t)["key"]
	if v := w.want(alice.get("/api/v1/account/feed-key"), 200).json(t); v["key"] != second || first == second {
		t.Errorf("%v after %v and %v", v, first, second)
	}
	w.want(alice.drop("/api/v1/account/feed-key"), 204)

	if v := w.want(alice.get("/api/v1/account/announce-key"), 200).json(t); only(v, "reset_at", "old_answered_until") != "<nil> <nil>" {
		t.Errorf("%v", v)
	}
	w.problem(alice.post("/api/v1/account/announce-key", `{}`), 422, "sure")
	w.problem(alice.post("/api/v1/account/announce-key", `{"sure":"yes"}`), 400, "json")
	told := w.roster.members.Load()
	if v := w.want(alice.post("/api/v1/account/announce-key", `{"sure":true}`), 200).json(t); v["reset_at"] == nil || v["old_answered_until"] == nil || w.roster.members.Load() != told+1 {
		t.Errorf("%v, the tracker was told %d times", v, w.roster.members.Load()-told)
	}
	w.problem(alice.post("/api/v1/account/announce-key", `{"sure":true}`), 409, "key_age")
}

// Nobody makes all others wait to sign in by changing a password again and again.
func TestPasswordsAreNotChangedWithoutEnd(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) {
		c.Dev, c.BaseURL = false, "https://tracker.example"
		c.Now = func() time.Time { return time.UnixMilli(1e12) }
	})
	alice, bob := w.member("alice", 0, 0), w.member("bob", 0, 0)
	change := func(c *client) reply {
		return c.do("PUT", "/api/v1/account/password", strings.NewReader(`{"password":"short"}`))
	}
	for range 60 {
		w.problem(change(alice), 422, "password")
	}
	w.problem(change(alice), 429, "slow_down")
	w.problem(change(bob), 422, "password")
}
