package web_test

import (
	"encoding/base32"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
	"github.com/swarmstake/swarmstake/web/factor"
)

type fields = map[string]string

// later turns the clock.
func (w *world) later(d time.Duration) { w.clock.Add(int64(d)) }

// person signs up in a browser of their own.
func (w *world) person(name string) *client {
	w.Helper()
	b := w.browser()
	w.want(b.form("/sign-up", fields{"name": name, "password": password}), 303)
	return b
}

// signIn types name and password into a new browser.
func (w *world) signIn(name string) (*client, reply) {
	w.Helper()
	b := w.browser()
	return b, w.want(b.form("/sign-in", fields{"name": name, "password": password}), 303)
}

// in reports whether the browser is signed in.
func (c *client) in() bool { c.w.Helper(); return c.get("/account").status == 200 }

var (
	secretOnPage = regexp.MustCompile(`id="totp-secret"[^>]*>([A-Z2-7 ]+)<`)
	codeOnPage   = regexp.MustCompile(`(?m)^(?:.*>)?([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})$`)
)

// authenticator sets up an authenticator and returns its secret and the recovery codes.
func (c *client) authenticator() (secret string, recovery []string) {
	c.w.Helper()
	c.w.want(c.form("/account/totp", nil), 303)
	page := c.w.want(c.get("/account/totp"), 200).body
	secret = strings.ReplaceAll(string(secretOnPage.FindSubmatch(page)[1]), " ", "")
	done := c.w.want(c.form("/account/totp/confirm", fields{"code": c.w.code(secret)}), 200)
	for _, m := range codeOnPage.FindAllSubmatch(done.body, -1) {
		recovery = append(recovery, string(m[1]))
	}
	return secret, recovery
}

// code is what an authenticator with the secret shows now.
func (w *world) code(secret string) string {
	w.Helper()
	code, err := totp.GenerateCode(secret, w.now())
	if err != nil {
		w.Fatal(err)
	}
	return code
}

// goesTo is where a redirection leads.
func (r reply) goesTo() string { return r.header.Get("Location") }

func TestAuthenticatorIsAskedForAtSignIn(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	w.want(alice.form("/account/totp/confirm", fields{"code": "123456"}), 409)
	w.want(alice.form("/account/totp", nil), 303)
	w.want(alice.form("/account/totp/confirm", fields{"code": "000000x"}), 422)
	if b, r := w.signIn("alice"); r.goesTo() != "/torrents" || !b.in() {
		t.Error("an authenticator that was only offered is asked for")
	}
	secret, recovery := alice.authenticator()
	if len(recovery) != 10 {
		t.Fatalf("recovery codes %q", recovery)
	}
	if page := string(w.want(alice.get("/account/totp"), 200).body); strings.Contains(page, recovery[0]) || strings.Contains(page, "totp-secret") || !strings.Contains(page, "10 <small>of 10 left") {
		t.Error("the codes or the secret are shown again, or are not counted")
	}
	w.want(alice.form("/account/totp", nil), 409)

	confirmed := w.code(secret)
	b, r := w.signIn("alice")
	if r.goesTo() != "/sign-in/code?next=" || b.in() {
		t.Fatalf("went to %s", r.goesTo())
	}
	for _, wrong := range []string{"", "000000", confirmed, "xxxx", recovery[0][:18], strings.Repeat("9", 30_000), "\x00", "１２３４５６"} {
		w.want(b.form("/sign-in/code", fields{"code": wrong}), 401) // that which confirmed it is used up
	}
	w.later(30 * time.Second)
	fresh := w.code(secret)
	w.want(b.form("/sign-in/code", fields{"code": " " + fresh[:3] + " " + fresh[3:], "next": "/wallet"}), 303)
	if !b.in() {
		t.Fatal("not in after the code")
	}

	other, _ := w.signIn("alice")
	w.want(other.form("/sign-in/code", fields{"code": fresh}), 401)
	w.want(other.form("/sign-in/code", fields{"code": strings.ToLower(recovery[3])}), 303)
	third, _ := w.signIn("alice")
	w.want(third.form("/sign-in/code", fields{"code": recovery[3]}), 401)

	guest := w.client("")
	w.problem(guest.post("/api/v1/session", `{"name":"alice","password":"`+password+`"}`), 401, "second_factor")
	w.problem(guest.post("/api/v1/session", `{"name":"alice","password":"`+password+`","code":"`+fresh+`"}`), 401, "wrong_code")
	w.problem(guest.post("/api/v1/session", `{"name":"alice","password":"wrong wrong wrong","code":"`+recovery[4]+`"}`), 401, "wrong_password")
	w.want(guest.post("/api/v1/session", `{"name":"alice","password":"`+password+`","code":"`+recovery[4]+`"}`), 201)
}

// Half a sign-in opens nothing, ends, and is worth nothing twice or after the password changed.
func TestHalfASignIn(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	_, recovery := alice.authenticator()
	half := func() (*client, string) {
		b, r := w.signIn("alice")
		for _, c := range r.header.Values("Set-Cookie") {
			if name, rest, _ := strings.Cut(c, "="); name == "swarmstake_half" {
				value, _, _ := strings.Cut(rest, ";")
				return b, value
			}
		}
		t.Fatal("no cookie")
		return nil, ""
	}
	b, value := half()
	w.want(b.get("/sign-in/code"), 200)
	w.want(w.stranger().do("GET", "/account", nil, "Cookie", "swarmstake_session="+value), 303)
	w.want(b.form("/sign-in/code", fields{"code": recovery[0]}), 303)
	post := func(value, code string) reply {
		return w.stranger().do("POST", "/sign-in/code", strings.NewReader(encode(fields{"code": code})), "Content-Type", "application/x-www-form-urlencoded", "Cookie", "swarmstake_half="+value)
	}
	refused := func(name, value, code string) {
		t.Helper()
		if r := post(value, code); r.status != 303 || r.goesTo() != "/sign-in?next=" || strings.Contains(strings.Join(r.header.Values("Set-Cookie"), " "), "swarmstake_session=") {
			t.Errorf("%s: %d to %s", name, r.status, r.goesTo())
		}
	}
	refused("used", value, recovery[1])
	refused("none", "", recovery[2])
	refused("no base64", "%%%", recovery[2])
	refused("forged", strings.Repeat("A", len(value)), recovery[2])
	_, late := half()
	w.later(10 * time.Minute)
	refused("too late", late, recovery[2])
	_, old := half()
	w.want(alice.form("/account/password", fields{"password": password + "!", "again": password + "!"}), 303)
	refused("of the old password", old, recovery[2])
}

// Of two who show the same code at once, one gets in.
func TestACodeLetsOneIn(t *testing.T) {
	w := newWorld(t)
	secret, recovery := w.person("alice").authenticator()
	w.later(30 * time.Second)
	for _, code := range []string{w.code(secret), recovery[0]} {
		var browsers []*client
		for range 4 {
			b, _ := w.signIn("alice")
			browsers = append(browsers, b)
		}
		statuses := make(chan int, len(browsers))
		var wg sync.WaitGroup
		for _, b := range browsers {
			wg.Go(func() { statuses <- b.form("/sign-in/code", fields{"code": code}).status })
		}
		wg.Wait()
		got := map[int]int{}
		for range browsers {
			got[<-statuses]++
		}
		if got[303] != 1 || got[401] != len(browsers)-1 {
			t.Errorf("%s: %v", code, got)
		}
	}
}

// stranger keeps no cookies and follows no redirections.
func (w *world) stranger() *client {
	return &client{w, "", &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Codes are guessed as seldom as passwords from an address, and not much more often from everywhere.
func TestCodesAreLimited(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*web.Config, *store.Economy)
		tries  int
	}{
		"from an address": {func(c *web.Config, _ *store.Economy) { c.Dev, c.BaseURL = false, "https://tracker.example" }, 5},
		"from everywhere": {func(*web.Config, *store.Economy) {}, 20}, // in development addresses are not limited
	} {
		w := newWorld(t, c.change)
		w.want(w.client("").post("/api/v1/members", `{"name":"alice","password":"`+password+`"}`), 201)
		secret, recovery := w.withAuthenticator("alice")
		half := w.half("alice")
		for i := range c.tries {
			if r := half(fmt.Sprintf("%06d", i)); r.status != 401 {
				t.Fatalf("%s: try %d: %d", name, i, r.status)
			}
		}
		for _, right := range []string{w.code(secret), recovery} {
			if r := half(right); r.status != 429 {
				t.Errorf("%s: %d after %d wrong codes", name, r.status, c.tries)
			}
		}
		w.later(15 * time.Minute)
		if r := w.half("alice")(recovery); r.status != 303 || r.goesTo() != "/torrents" {
			t.Errorf("%s: %d to %s after a quarter of an hour", name, r.status, r.goesTo())
		}
	}
}

// withAuthenticator gives a member an authenticator and a recovery code without a browser.
func (w *world) withAuthenticator(name string) (secret, recovery string) {
	w.Helper()
	m, err := w.store.MemberByName(w.Context(), name)
	raw := []byte("12345678901234567890")
	recovery = "AAAA-BBBB-CCCC-DDDD"
	if err == nil {
		err = w.store.OfferTOTP(w.Context(), m.ID, raw)
	}
	if err == nil {
		err = w.store.ConfirmTOTP(w.Context(), store.TOTP{Member: m.ID, Secret: raw}, 1, [][]byte{factor.RecoveryHash(int64(m.ID), recovery)})
	}
	if err != nil {
		w.Fatal(err)
	}
	return base32.StdEncoding.EncodeToString(raw), recovery
}

// half types the password and returns what types codes.
func (w *world) half(name string) func(code string) reply {
	w.Helper()
	form := func(path, cookie string, values fields) reply {
		return w.stranger().do("POST", path, strings.NewReader(encode(values)), "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie)
	}
	r := w.want(form("/sign-in", "x=y", fields{"name": name, "password": password}), 303)
	cookie, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	return func(code string) reply { return form("/sign-in/code", cookie, fields{"code": code}) }
}

func TestSignInLeadsOnlyIntoTheSite(t *testing.T) {
	w := newWorld(t)
	_, recovery := w.person("alice").authenticator()
	for i, next := range []string{"//evil.test", "https://evil.test/", "/\\evil.test", "javascript:alert(1)"} {
		b, r := w.signIn("alice")
		carried := `value="` + html.EscapeString(next) + `"`
		if page := string(w.want(b.get("/sign-in/code?next="+next), 200).body); strings.Contains(page, carried) || !strings.Contains(page, `name="next" value=""`) {
			t.Errorf("the page carries %s (after %s)", next, r.goesTo())
		}
		if r := w.want(b.form("/sign-in/code", fields{"code": recovery[i], "next": next}), 303); r.goesTo() != "/torrents" {
			t.Errorf("%s leads to %s", next, r.goesTo())
		}
		w.later(16 * time.Minute)
		if r := w.want(b.get("/account/confirm?next="+next), 200); strings.Contains(string(r.body), carried) || !strings.Contains(string(r.body), `name="next" value="/account"`) {
			t.Errorf("the confirm page carries %s", next)
		}
	}
}

// Who signs in gets a new secret, and what the browser had before is worth nothing.
func TestSessionsAreNotFixed(t *testing.T) {
	w := newWorld(t)
	w.person("alice")
	b := w.person("mallory")
	cookie := func() string {
		for _, c := range b.http.Jar.Cookies(mustURL(t, w.url)) {
			if c.Name == "swarmstake_session" {
				return c.Value
			}
		}
		return ""
	}
	before := cookie()
	w.want(b.form("/sign-in", fields{"name": "alice", "password": password}), 303)
	if cookie() == before || before == "" {
		t.Fatal("the secret stays")
	}
	if _, err := w.store.Session(t.Context(), before); err != store.ErrNotFound {
		t.Errorf("the session before it lives: %v", err)
	}
}

func TestRecoveryCodesAreReplaced(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	w.want(alice.form("/account/totp/codes", nil), 404)
	_, old := alice.authenticator()
	r := w.want(alice.form("/account/totp/codes", nil), 200)
	next := codeOnPage.FindAllSubmatch(r.body, -1)
	if len(next) != 10 {
		t.Fatalf("%d codes", len(next))
	}
	b, _ := w.signIn("alice")
	w.want(b.form("/sign-in/code", fields{"code": old[0]}), 401)
	w.want(b.form("/sign-in/code", fields{"code": string(next[9][1])}), 303)
	w.want(alice.form("/account/totp/remove", nil), 303)
	if b, r := w.signIn("alice"); r.goesTo() != "/torrents" || !b.in() {
		t.Error("a code is asked for although the authenticator is gone")
	}
}
