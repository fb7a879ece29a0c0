package web_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
)

const testAddr = "X-Test-Addr"

// Somebody who knows the password and types wrong codes does not keep the owner out who is elsewhere.
func TestWrongCodesDoNotLockOut(t *testing.T) {
	w := newWorld(t, func(c *web.Config, _ *store.Economy) {
		c.Dev, c.BaseURL = false, "https://tracker.example"
		c.ClientAddr = func(r *http.Request) netip.Addr {
			a, _ := netip.ParseAddr(r.Header.Get(testAddr))
			return a
		}
	})
	from := func(addr, path, cookie string, values fields) reply {
		return w.stranger().do("POST", path, strings.NewReader(encode(values)), "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie, testAddr, addr)
	}
	half := func(addr string) (cookie string) {
		r := w.want(from(addr, "/sign-in", "x=y", fields{"name": "alice", "password": password}), 303)
		cookie, _, _ = strings.Cut(r.header.Get("Set-Cookie"), ";")
		return cookie
	}
	w.want(w.client("").do("POST", "/api/v1/members", strings.NewReader(`{"name":"alice","password":"`+password+`"}`), testAddr, "192.0.2.1"), 201)
	secret, recovery := w.withAuthenticator("alice")

	// From one address, however often: it uses up its own tries only.
	thief := half("198.51.100.1")
	for i := range 40 {
		from("198.51.100.1", "/sign-in/code", thief, fields{"code": fmt.Sprintf("%06d", i)})
	}
	own := from("192.0.2.1", "/sign-in/code", half("192.0.2.1"), fields{"code": w.code(secret)})
	if own.status != 303 {
		t.Fatalf("the owner, elsewhere: %d", own.status)
	}
	session := ""
	for _, c := range own.header.Values("Set-Cookie") {
		if strings.HasPrefix(c, "__Host-session=") {
			session, _, _ = strings.Cut(c, ";")
		}
	}

	// From many addresses nobody comes in any more; the owner who is in can still change the password.
	w.later(16 * time.Minute)
	for n := range 6 {
		addr := fmt.Sprintf("203.0.113.%d", n)
		cookie := half(addr)
		for i := range 5 {
			from(addr, "/sign-in/code", cookie, fields{"code": fmt.Sprintf("%06d", i)})
		}
	}
	if r := from("203.0.113.99", "/sign-in/code", half("203.0.113.99"), fields{"code": w.code(secret)}); r.status != 429 {
		t.Errorf("after wrong codes from everywhere a stranger gets %d", r.status)
	}
	if r := from("192.0.2.1", "/account/confirm", session, fields{"confirm_password": password, "confirm_code": recovery}); r.status != 303 {
		t.Errorf("the owner in a session: %d %s", r.status, r.body)
	}
}

// Whoever signs in with the old password while it is being changed does not come in.
func TestOldPasswordMeanwhile(t *testing.T) {
	var meanwhile func()
	w := newWorld(t, func(c *web.Config, _ *store.Economy) {
		c.Random = func(b []byte) {
			rand.Read(b)
			if meanwhile != nil {
				meanwhile()
			}
		}
	})
	alice := w.person("alice")
	m, err := w.store.MemberByName(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	meanwhile = func() { // the session's secret is made: the old password was right
		meanwhile = nil
		if err := w.store.SetPassword(t.Context(), m.ID, "another"); err != nil {
			t.Error(err)
		}
	}
	if r := b.form("/sign-in", fields{"name": "alice", "password": password}); r.status != 401 {
		t.Errorf("the old password: %d", r.status)
	}
	if b.in() || alice.in() {
		t.Error("a session outlives the password")
	}
}
