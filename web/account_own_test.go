package web_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

func TestPasswordChange(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	other, _ := w.signIn("alice")
	const next = "a better horse battery"
	w.want(alice.form("/account/password", fields{"password": next, "again": "another"}), 422)
	w.want(alice.form("/account/password", fields{"password": "short", "again": "short"}), 422)
	w.want(alice.form("/account/password", fields{"password": next, "again": next}), 303)
	if !alice.in() || other.in() {
		t.Error("the browser that changed it is out, or the other is in")
	}
	w.want(w.browser().form("/sign-in", fields{"name": "alice", "password": password}), 401)
	w.want(w.browser().form("/sign-in", fields{"name": "alice", "password": next}), 303)
}

func TestSessionsList(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.person("alice"), w.person("bob")
	second, _ := w.signIn("alice")
	third, _ := w.signIn("alice")
	ids := regexp.MustCompile(`/account/sessions/([0-9a-f]{64})/end`).FindAllStringSubmatch(string(w.want(alice.get("/account/sessions"), 200).body), -1)
	if len(ids) != 2 {
		t.Fatalf("%d sessions to end", len(ids))
	}
	w.want(bob.form("/account/sessions/"+ids[0][1]+"/end", nil), 303)
	if !second.in() || !third.in() {
		t.Fatal("bob ended a session of alice's")
	}
	w.want(alice.form("/account/sessions/"+ids[0][1]+"/end", nil), 303)
	if second.in() == third.in() {
		t.Fatal("not one of two is out")
	}
	w.want(alice.form("/account/sessions/others", nil), 303)
	if second.in() || third.in() || !alice.in() {
		t.Error("others are in, or this one is out")
	}
	w.want(alice.form("/account/sessions/nonsense/end", nil), 303)
	if !bob.in() {
		t.Error("bob is out")
	}
}

func TestTokensPage(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	for _, bad := range []fields{{"label": "", "scope": "read", "days": "1"}, {"label": "x", "scope": "all", "days": "1"}, {"label": "x", "scope": "", "days": "1"},
		{"label": "x", "scope": "read", "days": "0"}, {"label": "x", "scope": "read", "days": "366"}, {"label": "x", "scope": "read", "days": "1e1"}, {"label": strings.Repeat("x", 61), "scope": "read", "days": "1"}} {
		w.want(alice.form("/account/tokens", bad), 422)
	}
	made := w.want(alice.form("/account/tokens", fields{"label": "<script>", "scope": "read", "days": "2"}), 201)
	secret := regexp.MustCompile(`swst_[\w-]{43}`).FindString(string(made.body))
	list := string(w.want(alice.get("/account/tokens"), 200).body)
	if secret == "" || strings.Contains(list, secret) || strings.Contains(list, "<script>") || !strings.Contains(list, "&lt;script&gt;") {
		t.Fatalf("token %q, list %s", secret, list)
	}
	reader := w.client(secret)
	w.want(reader.get("/api/v1/session"), 200)
	if list := string(w.want(alice.get("/account/tokens"), 200).body); strings.Contains(list, ">never<") {
		t.Error("the use of a token is not noted")
	}
	id := regexp.MustCompile(`/account/tokens/([0-9a-f]{64})/revoke`).FindStringSubmatch(list)[1]
	w.want(w.person("bob").form("/account/tokens/"+id+"/revoke", nil), 303)
	w.want(reader.get("/api/v1/session"), 200)
	w.want(alice.form("/account/tokens/"+id+"/revoke", nil), 303)
	w.want(reader.get("/api/v1/session"), 401)
}

// token gives a member a token of a scope.
func (w *world) token(name string, scope store.Scope) *client {
	w.Helper()
	m, err := w.store.MemberByName(w.Context(), name)
	if err == nil {
		err = w.store.AddAPIToken(w.Context(), store.APIToken{Member: m.ID, Label: "t", Secret: "swst_" + name + string(scope), TTL: time.Hour, Scope: scope})
	}
	if err != nil {
		w.Fatal(err)
	}
	c := w.client("swst_" + name + string(scope))
	c.http = w.stranger().http
	return c
}

func TestScopesHold(t *testing.T) {
	w := newWorld(t)
	full := w.member("alice", 100*tokens.Unit, 60*tokens.Unit)
	w.want(full.upload(torrentFile("a")), 201)
	read, trade := w.token("alice", store.ScopeRead), w.token("alice", store.ScopeTrade)
	ih := w.want(read.get("/api/v1/torrents"), 200).json(t)["torrents"].([]any)[0].(map[string]any)["infohash"].(string)
	for _, c := range []struct {
		method, path, body string
		read, trade        bool
		otherwise          int // status if the scope is no obstacle
	}{
		{"GET", "/api/v1/wallet", "", true, true, 200},
		{"GET", "/wallet", "", true, true, 200},
		{"HEAD", "/api/v1/wallet", "", true, true, 200},
		{"GET", "/api/v1/torrents/" + ih + "/file", "", false, true, 200},
		{"GET", "/account", "", false, false, 200},
		{"GET", "/account/totp", "", false, false, 200},
		{"POST", "/api/v1/stake", `{"amount_utok":"1"}`, false, true, 201},
		{"POST", "/api/v1/stake/unstake", `{"amount_utok":"1"}`, false, false, 201},
		{"POST", "/api/v1/withdrawals", `{"rail":"gold","amount_quote":"1"}`, false, false, 422},
		{"POST", "/api/v1/tokens", `{"label":"x"}`, false, false, 201},
		{"POST", "/wallet/withdraw", "key=k&rail=gold&amount=1", false, false, 422},
		{"POST", "/wallet/unstake", "key=k2&amount=0.000001", false, false, 303},
		{"POST", "/account/password", "password=" + "x", false, false, 422},
		{"POST", "/account/sessions/others", "", false, false, 303},
	} {
		for who, may := range map[*client]bool{read: c.read, trade: c.trade, full: true} {
			r := who.do(c.method, c.path, strings.NewReader(c.body), "Content-Type", kind(c.body), "Idempotency-Key", c.path+who.token)
			if want := map[bool]int{true: c.otherwise, false: 403}[may]; r.status != want && !(who == full && r.status == 200 && want == 303) {
				t.Errorf("%s %s as %s: %d, want %d: %.200s", c.method, c.path, who.token, r.status, want, r.body)
			}
		}
	}
	w.problem(read.pay("/api/v1/stake", "k", `{"amount_utok":"1"}`), 403, "scope")
}

func kind(body string) string {
	if strings.HasPrefix(body, "{") {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

func TestFeedKeyPage(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	key := func() string {
		return string(regexp.MustCompile(`id="feed-key"[^>]*>([\w-]+)<`).FindSubmatch(append(w.want(alice.get("/account/feed"), 200).body, []byte(`id="feed-key">-<`)...))[1])
	}
	if key() != "-" {
		t.Error("a key before there is one")
	}
	w.want(alice.form("/account/feed", nil), 303)
	first := key()
	w.want(alice.form("/account/feed", nil), 303)
	if m, err := w.store.FeedKeyMember(t.Context(), key()); err != nil || m.Name != "alice" || first == key() {
		t.Errorf("%+v %v", m, err)
	}
	w.want(alice.form("/account/feed/remove", nil), 303)
	if key() != "-" {
		t.Error("still there")
	}
}
