package web_test

import (
	"fmt"
	"html"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Who has not proved lately who they are is asked, and then what they sent happens, once.
func TestFreshFactor(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	w.want(alice.form("/deposit", fields{"key": "d", "amount": "20"}), 303)
	order := fields{"key": "w", "rail": "voucher", "amount": "5", "to": `"><script>`}
	w.want(alice.form("/wallet/withdraw", order), 200) // just signed up
	w.later(15 * time.Minute)
	order["key"] = "w2"
	page := w.want(alice.form("/wallet/withdraw", order), 403)
	for name, value := range order {
		if !strings.Contains(string(page.body), fmt.Sprintf(`<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(value))) {
			t.Errorf("the page does not carry %s: %s", name, page.body)
		}
	}
	with := func(password string) fields {
		f := fields{"confirm_password": password}
		for k, v := range order {
			f[k] = v
		}
		return f
	}
	wrong := w.want(alice.form("/wallet/withdraw", with("wrong wrong wrong")), 401)
	if !strings.Contains(string(wrong.body), "The password is wrong") || !strings.Contains(string(wrong.body), `name="key" value="w2"`) || strings.Contains(string(wrong.body), "wrong wrong wrong") {
		t.Errorf("after a wrong password: %s", wrong.body)
	}
	rest := func() string { return fmt.Sprint(w.want(alice.get("/api/v1/wallet"), 200).json(t)["quote_available"]) }
	before := rest()
	if r := w.want(alice.form("/wallet/withdraw", with(password)), 200); !strings.Contains(string(r.body), "Your voucher over") {
		t.Errorf("%s", r.body)
	}
	after := rest()
	w.want(alice.form("/wallet/withdraw", with(password)), 303) // sent twice
	w.want(alice.form("/wallet/withdraw", order), 303)          // fresh now, and without the proof the same form
	if before == after || rest() != after {
		t.Errorf("%s before, %s after, %s after a repetition", before, after, rest())
	}
}

func TestWhatNeedsAFreshFactor(t *testing.T) {
	w := newWorld(t)
	if err := w.store.AddSetupLink(t.Context(), "operator", time.Hour); err != nil {
		t.Fatal(err)
	}
	boss := w.browser()
	w.want(boss.form("/setup/operator", fields{"name": "boss", "password": password}), 303)
	w.later(15 * time.Minute)
	for _, path := range []string{"/wallet/withdraw", "/wallet/unstake", "/admin/vouchers", "/admin/vouchers/revoke", "/admin/vouchers/1/revoke", "/admin/slashes/1/return",
		"/admin/nodes/1/lift", "/account/password", "/account/totp", "/account/totp/confirm", "/account/totp/remove", "/account/totp/codes", "/account/passkeys", "/account/passkeys/1/remove", "/account/tokens"} {
		if r := boss.form(path, fields{"x": "y"}); r.status != 403 || !strings.Contains(string(r.body), `name="confirm_password"`) || !strings.Contains(string(r.body), `action="`+path+`"`) {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	for _, path := range []string{"/api/v1/withdrawals", "/api/v1/stake/unstake", "/api/v1/tokens", "/api/v1/admin/vouchers", "/api/v1/admin/vouchers/revoke", "/api/v1/admin/vouchers/1/revoke",
		"/api/v1/admin/slashes/1/return", "/api/v1/admin/nodes/1/lift", "/account/passkeys/begin"} {
		if r := boss.post(path, `{}`, "Idempotency-Key", "k"); path == "/account/passkeys/begin" {
			w.problem(r, 409, "no_passkeys") // an address has none
		} else {
			w.problem(r, 403, "fresh_factor")
		}
	}
	for _, path := range []string{"/account/totp", "/account/passkeys/new"} {
		if r := w.want(boss.get(path), 303); r.goesTo() != "/account/confirm?next="+strings.ReplaceAll(path, "/", "%2F") {
			t.Errorf("%s leads to %s", path, r.goesTo())
		}
	}
	page := string(w.want(boss.get("/account/confirm?next=/account/totp"), 200).body)
	if !strings.Contains(page, `name="next" value="/account/totp"`) {
		t.Errorf("%s", page)
	}
	if r := w.want(boss.form("/account/confirm", fields{"next": "/account/totp", "confirm_password": password}), 303); r.goesTo() != "/account/totp" {
		t.Errorf("leads to %s", r.goesTo())
	}
	w.want(boss.get("/account/totp"), 200)
	if r := w.want(boss.get("/account/confirm?next=//evil.test"), 303); r.goesTo() != "/account" {
		t.Errorf("leads to %s", r.goesTo())
	}
	// Others are not even asked.
	mallory := w.person("mallory")
	w.later(15 * time.Minute)
	w.want(mallory.form("/admin/vouchers", fields{"label": "x"}), 403)
	if r := mallory.form("/admin/vouchers", fields{"confirm_password": password}); r.status != 403 || strings.Contains(string(r.body), "confirm_password") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// The confirm page carries what forms have, not what somebody invents.
func TestConfirmPageIsBounded(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	w.later(15 * time.Minute)
	many := fields{}
	for i := range 33 {
		many[fmt.Sprint("f", i)] = "x"
	}
	if r := w.want(alice.form("/wallet/unstake", fields{"x\xff": "y\xfe"}), 403); !utf8.Valid(r.body) || !strings.Contains(string(r.body), "y\ufffd") {
		t.Error("the confirm page is no UTF-8")
	}
	for name, r := range map[string]reply{
		"many fields": alice.form("/wallet/unstake", many),
		"long fields": alice.form("/wallet/unstake", fields{"amount": strings.Repeat("9", 9000)}),
		"multipart":   alice.do("POST", "/wallet/unstake", strings.NewReader("--x--"), "Content-Type", "multipart/form-data; boundary=x"),
	} {
		if r.status != 403 || !strings.Contains(string(r.body), "fresh proof") || strings.Contains(string(r.body), "confirm_password") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

func TestConfirmWithACode(t *testing.T) {
	w := newWorld(t)
	alice := w.person("alice")
	secret, recovery := alice.authenticator()
	w.later(15 * time.Minute)
	try := func(password, code string) int {
		return alice.form("/account/confirm", fields{"confirm_password": password, "confirm_code": code}).status
	}
	code := w.code(secret)
	if a, b, c, d := try(password, ""), try(password, "000000"), try("wrong wrong wrong", code), try(password, code); a != 401 || b != 401 || c != 401 || d != 303 {
		t.Errorf("%d %d %d %d", a, b, c, d)
	}
	w.later(15 * time.Minute)
	if a, b, c := try(password, code), try(password, recovery[0]), try(password, ""); a != 401 || b != 303 || c != 303 {
		t.Errorf("an old code: %d, a recovery code: %d, fresh: %d", a, b, c)
	}
	// A thief of the session tries as seldom as a stranger, also in development.
	w.later(15 * time.Minute)
	for range 5 {
		try("wrong wrong wrong", "")
	}
	if got := try(password, recovery[1]); got != 429 {
		t.Errorf("after five wrong passwords: %d", got)
	}
}
