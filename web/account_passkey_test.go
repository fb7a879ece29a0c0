package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
	"github.com/swarmstake/swarmstake/web/factor/softkey"
)

// localhost is the one name for which browsers take passkeys without TLS.
func localhost(c *web.Config, _ *store.Economy) {
	c.BaseURL = strings.Replace(c.BaseURL, "127.0.0.1", "localhost", 1)
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// softPasskey is a passkey of the site's in software.
func (w *world) softPasskey() *softkey.Key {
	return &softkey.Key{Origin: strings.Replace(w.url, "127.0.0.1", "localhost", 1)}
}

// create makes a passkey in a browser and returns what the form would send.
func (c *client) create(k *softkey.Key) string {
	c.w.Helper()
	answer, err := k.Create(c.w.want(c.post("/account/passkeys/begin", ""), 200).body)
	if err != nil {
		c.w.Fatal(err)
	}
	return string(answer)
}

// show shows a passkey to what began at a path.
func (c *client) show(k *softkey.Key, path string) string {
	c.w.Helper()
	answer, err := k.Get(c.w.want(c.post(path, ""), 200).body)
	if err != nil {
		c.w.Fatal(err)
	}
	return string(answer)
}

const toSignIn, toConfirm = "/sign-in/passkey/begin", "/account/confirm/passkey"

func TestPasskeySignIn(t *testing.T) {
	w := newWorld(t, localhost)
	alice := w.person("alice")
	w.problem(alice.post(toConfirm, ""), 409, "no_passkeys")
	k := w.softPasskey()
	k.Count = 1
	answer := alice.create(k)
	for _, name := range []string{"", " \n", "\u202e", strings.Repeat("x", 61), "\xff"} {
		w.want(alice.form("/account/passkeys", fields{"name": name, "passkey": answer}), 422)
	}
	w.want(alice.form("/account/passkeys", fields{"name": "phone <b>", "passkey": answer}), 303)
	w.want(alice.form("/account/passkeys", fields{"name": "again", "passkey": answer}), 401)
	if page := string(w.want(alice.get("/account/passkeys"), 200).body); !strings.Contains(page, "phone &lt;b&gt;") || strings.Contains(page, "copied") {
		t.Errorf("%s", page)
	}

	k.Count++
	b := w.browser()
	shown := b.show(k, toSignIn)
	if r := w.want(b.form("/sign-in/passkey", fields{"passkey": shown, "next": "/wallet"}), 303); r.goesTo() != "/wallet" || !b.in() {
		t.Errorf("went to %s", r.goesTo())
	}
	w.want(w.browser().form("/sign-in/passkey", fields{"passkey": shown}), 401) // replayed
	for _, bad := range []string{"", "{}", "null", "[]", `{"id":"x"}`, "\x00", strings.Repeat("{", 10_000), shown[:len(shown)/2]} {
		w.want(w.browser().form("/sign-in/passkey", fields{"passkey": bad}), 401)
	}

	// A counter that stands still is a warning, not a locked door.
	k.Count = 2
	c := w.browser()
	w.want(c.form("/sign-in/passkey", fields{"passkey": c.show(k, toSignIn)}), 303)
	page := string(w.want(alice.get("/account/passkeys"), 200).body)
	if !strings.Contains(page, "may be copied") {
		t.Errorf("no warning: %s", page)
	}
	id := regexp.MustCompile(`/account/passkeys/(\d+)/remove`).FindStringSubmatch(page)[1]
	w.want(w.person("bob").form("/account/passkeys/"+id+"/remove", nil), 404)
	w.want(alice.form("/account/passkeys/"+id+"/remove", nil), 303)
	d := w.browser()
	w.want(d.form("/sign-in/passkey", fields{"passkey": d.show(k, toSignIn)}), 401)
}

// A passkey is two factors: no code is asked for, and of a device that verified nobody none is taken.
func TestPasskeyBesideAnAuthenticator(t *testing.T) {
	w := newWorld(t, localhost)
	alice := w.person("alice")
	k := w.softPasskey()
	w.want(alice.form("/account/passkeys", fields{"name": "phone", "passkey": alice.create(k)}), 303)
	alice.authenticator()
	b := w.browser()
	w.want(b.form("/sign-in/passkey", fields{"passkey": b.show(k, toSignIn)}), 303)
	if !b.in() {
		t.Error("not in")
	}
	for name, lie := range map[string]func(*softkey.Key){"nobody verified": func(k *softkey.Key) { k.Unverified = true }, "another site": func(k *softkey.Key) { k.Origin = "http://localhost:1" },
		"the address": func(k *softkey.Key) { k.Origin = w.url }} {
		liar := *k
		lie(&liar)
		b := w.browser()
		if r := b.form("/sign-in/passkey", fields{"passkey": b.show(&liar, toSignIn)}); r.status != 401 || b.in() {
			t.Errorf("%s: %d", name, r.status)
		}
	}
}

// A proof is worth something in the session that asked for it, for who owns the session, once.
func TestPasskeyConfirms(t *testing.T) {
	w := newWorld(t, localhost)
	alice, bob := w.person("alice"), w.person("bob")
	k, bobs := w.softPasskey(), w.softPasskey()
	w.want(alice.form("/account/passkeys", fields{"name": "phone", "passkey": alice.create(k)}), 303)
	w.want(bob.form("/account/passkeys", fields{"name": "phone", "passkey": bob.create(bobs)}), 303)
	second, _ := w.signIn("alice")
	early := second.create(w.softPasskey())
	w.later(4 * time.Minute)
	w.want(alice.form("/account/passkeys", fields{"name": "x", "passkey": early}), 401) // of the other session
	w.later(11 * time.Minute)
	w.problem(alice.post("/account/passkeys/begin", ""), 403, "fresh_factor")
	page := string(w.want(alice.form("/account/totp", nil), 403).body)
	if !strings.Contains(page, `data-begin="/account/confirm/passkey"`) {
		t.Errorf("%s", page)
	}
	proof := alice.show(k, toConfirm)
	for name, bad := range map[string]string{"of bob's key": alice.show(bobs, toConfirm), "of a sign-in": alice.show(k, toSignIn), "of the other session": second.show(k, toConfirm)} {
		if r := alice.form("/account/totp", fields{"confirm_passkey": bad}); r.status != 401 {
			t.Errorf("a proof %s: %d", name, r.status)
		}
	}
	var wg sync.WaitGroup
	statuses := make(chan int, 2)
	for range 2 { // one of them begins to set up the authenticator; the other finds the session fresh, or is refused
		wg.Go(func() { statuses <- alice.form("/account/totp", fields{"confirm_passkey": proof}).status })
	}
	wg.Wait()
	if a, b := <-statuses, <-statuses; a != 303 && b != 303 {
		t.Errorf("%d and %d", a, b)
	}
	w.want(alice.get("/account/totp"), 200)
	w.later(15 * time.Minute)
	w.want(alice.form("/account/totp", fields{"confirm_passkey": proof}), 401) // replayed
}
