package web_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
)

// strict is a site that is not in development: it has limits.
func strict(t *testing.T) *world {
	t.Helper()
	return newWorld(t, func(c *web.Config, _ *store.Economy) { c.Dev, c.BaseURL = false, "https://tracker.example" })
}

// wantLeft checks what an answer says is left of a budget.
func (w *world) wantLeft(r reply, status, quota, left int) {
	w.Helper()
	w.want(r, status)
	if policy := r.header.Get("RateLimit-Policy"); policy != fmt.Sprintf(`"default";q=%d;w=60`, quota) {
		w.Fatalf("policy %q", policy)
	}
	if now := r.header.Get("RateLimit"); !strings.HasPrefix(now, fmt.Sprintf(`"default";r=%d;t=`, left)) {
		w.Fatalf("limit %q, want %d left", now, left)
	}
}

// A member has a budget for all of a minute, wherever they ask from; then it is full again.
func TestBudgetOfMember(t *testing.T) {
	w := strict(t)
	alice, bob := w.member("alice", 0, 0), w.member("bob", 0, 0)
	for left := 599; left >= 0; left-- {
		w.wantLeft(alice.ask("GET", apiRoot+"/session", fmt.Sprintf("192.0.2.%d:1", left%250), ""), 200, 600, left)
	}
	r := alice.ask("GET", apiRoot+"/session", somewhere, "")
	w.wantLeft(r, 429, 600, 0)
	w.problem(r, 429, "slow_down")
	if n, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || n < 1 || n > 60 {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	w.wantLeft(bob.ask("GET", apiRoot+"/session", somewhere, ""), 200, 600, 599)
	w.wantLeft(w.client("").ask("GET", apiRoot+"/sale", somewhere, ""), 200, 120, 119)
	w.clock.Add(int64(time.Minute))
	w.wantLeft(alice.ask("GET", apiRoot+"/nothing", somewhere, ""), 404, 600, 599)
	w.wantLeft(alice.ask("DELETE", apiRoot+"/wallet", somewhere, ""), 405, 600, 598)
}

// Somebody unknown has the budget of their address; of IPv6 a /64 has one.
func TestBudgetOfAddress(t *testing.T) {
	w := strict(t)
	nobody, wrong := w.client(""), w.client("swst_wrong")
	for left := 119; left >= 0; left-- {
		from := fmt.Sprintf("[2001:db8:0:1::%x]:99", left+1)
		if left%2 == 0 {
			w.wantLeft(wrong.ask("GET", apiRoot+"/session", from, ""), 401, 120, left)
			continue
		}
		w.wantLeft(nobody.ask("GET", apiRoot+"/sale", from, ""), 200, 120, left)
	}
	w.wantLeft(nobody.ask("GET", apiRoot+"/sale", "[2001:db8:0:1::ffff]:99", ""), 429, 120, 0)
	w.wantLeft(nobody.ask("GET", apiRoot+"/sale", "[2001:db8:0:2::1]:99", ""), 200, 120, 119)
}

// A node has its own budget. Tokens that are nobody's use up what their address has, and no node's budget.
func TestBudgetOfNode(t *testing.T) {
	w := strict(t)
	w.pair(w.member("alice", 0, 0))
	claims := func(jti string) *client {
		c := w.claims(jti)
		c["aud"] = "https://tracker.example"
		return w.client(sign(t, jwt.SigningMethodEdDSA, nodeKey(), "1", c))
	}
	w.wantLeft(claims("a").ask("GET", apiRoot+"/node/status", somewhere, ""), 200, 600, 599)
	forged := w.client("e30.e30.AA")
	for left := 119; left >= 0; left-- {
		w.wantLeft(forged.ask("GET", apiRoot+"/node/status", somewhere, ""), 401, 120, left)
	}
	w.wantLeft(forged.ask("GET", apiRoot+"/node/status", somewhere, ""), 429, 120, 0)
	w.wantLeft(claims("b").ask("GET", apiRoot+"/node/status", "198.51.100.7:1", ""), 200, 600, 598)
	w.wantLeft(forged.ask("GET", apiRoot+"/sale", somewhere, ""), 200, 120, 119) // nobody looks at it there
}

// In development the limits are told and nobody is refused.
func TestBudgetInDevelopment(t *testing.T) {
	w := newWorld(t)
	for range 130 {
		w.want(w.client("").ask("GET", apiRoot+"/sale", somewhere, ""), 200)
	}
	w.wantLeft(w.client("").ask("GET", apiRoot+"/sale", somewhere, ""), 200, 120, 0)
}

// Methods and types of bodies that an address does not take are refused as such.
func TestMethodsAndTypes(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	for method, status := range map[string]int{"OPTIONS": 204, "DELETE": 405, "POST": 405, "FOO": 405, "TRACE": 405} {
		r := w.want(alice.ask(method, apiRoot+"/wallet", somewhere, ""), status)
		if r.header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: Allow %q", method, r.header.Get("Allow"))
		}
	}
	w.problem(alice.ask("OPTIONS", apiRoot+"/nothing", somewhere, ""), 404, "not_found")
	if r := w.want(alice.do("HEAD", apiRoot+"/wallet", nil), 200); len(r.body) > 0 || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %s %.40s", r.header, r.body)
	}
	w.want(w.client("").do("HEAD", apiRoot+"/wallet", nil), 401)
	for kind, status := range map[string]int{"": 201, "application/json": 201, "application/json; charset=utf-8": 201, "application/vnd.test+json": 201,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "application/": 415, ";": 415} {
		w.want(alice.ask("POST", apiRoot+"/tokens", somewhere, `{"label":"a"}`, "Content-Type", kind), status)
	}
	w.problem(alice.ask("POST", apiRoot+"/tokens", somewhere, `{"label":"a"}`, "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "media_type")
	w.problem(alice.ask("POST", apiRoot+"/tokens", somewhere, strings.Repeat(" ", 65<<10)), http.StatusRequestEntityTooLarge, "too_large")
}
