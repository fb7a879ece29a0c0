package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// virtualAuthenticator gives the browser a device that keeps passkeys and always verifies its owner.
func virtualAuthenticator() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if err := t.Call(ctx, "WebAuthn.enable", map[string]any{}, nil); err != nil {
			return err
		}
		return t.Call(ctx, "WebAuthn.addVirtualAuthenticator", map[string]any{"options": map[string]any{"protocol": "ctap2", "transport": "internal",
			"hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true}}, nil)
	})
}

// keepText keeps the text of an element.
func keepText(sel string, into *string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		*into, err = chromedp.Text(sel)(ctx, t)
		return err
	})
}

// A real browser with a real authenticator: a passkey is made, signs in and confirms; then the code of
// an app is asked for beside the password.
func TestFactorsInABrowser(t *testing.T) {
	w := newWorld(t, localhost)
	base := strings.Replace(w.url, "127.0.0.1", "localhost", 1)
	ctx := chromium(t)
	open := func(path, wait string) chromedp.Action[chromedp.Void] {
		return chromedp.Steps(chromedp.Navigate(base+path), loaded(wait))
	}
	out := chromedp.Steps(press("form[action='/sign-out'] button"), loaded("a[href='/sign-up']"))
	var added, confirmed, secret, codes, account string
	err := chromedp.Do(ctx, virtualAuthenticator(),
		open("/sign-up", "#password"), typed("#name", "carol"), typed("#password", password), press("main form button"), loaded("#deposit"),
		open("/account", ".ways"), shoot("account"), fits(t, "account"),
		open("/account/passkeys", "#new-passkey"), press("#new-passkey"), loaded("#add-passkey"), shoot("account-passkey-new"), typed("#name", "laptop"),
		press("#add-passkey"), loaded("#new-passkey"), read(&added), shoot("account-passkeys"), fits(t, "passkeys"), out,
		open("/sign-in?next=/account/sessions", "#sign-in-passkey"), shoot("sign-in"), fits(t, "sign-in"),
		press("#sign-in-passkey"), loaded("td[data-label=From]"), shoot("account-sessions"), fits(t, "sessions"))
	if err != nil {
		t.Fatal(err)
	}
	w.later(16 * time.Minute) // the proof is stale
	err = chromedp.Do(ctx,
		open("/account/totp", "#confirm-passkey"), read(&confirmed), shoot("confirm"), fits(t, "confirm"),
		press("#confirm-passkey"), loaded("#offer-totp"), shoot("account-totp-off"),
		press("#offer-totp"), loaded("#totp-secret"), keepText("#totp-secret", &secret), shoot("account-totp-offer"), fits(t, "totp"))
	if err != nil {
		t.Fatal(err)
	}
	secret = strings.ReplaceAll(secret, " ", "")
	err = chromedp.Do(ctx, typed("#code", w.code(secret)), press("#confirm-totp"), loaded("#recovery-codes"), keepText("#recovery-codes", &codes), shoot("account-totp-on"), fits(t, "recovery codes"),
		open("/account/tokens", "#make-token"), typed("#label", "a script"), press("#make-token"), loaded("#new-token"), shoot("account-tokens"), fits(t, "tokens"),
		open("/account/feed", "#new-feed"), press("#new-feed"), loaded("#feed-key"), shoot("account-feed"), fits(t, "feed"),
		open("/account/password", "#again"), shoot("account-password"), fits(t, "password"), out,
		open("/sign-in", "#password"), typed("#name", "carol"), typed("#password", password), press("#sign-in"), loaded("#show-code"), shoot("account-code"), fits(t, "code"))
	if err != nil {
		t.Fatal(err)
	}
	w.later(30 * time.Second) // the code that confirmed it is used up
	err = chromedp.Do(ctx, typed("#code", w.code(secret)), press("#show-code"), loaded(".search"), open("/account", ".ways"), read(&account), shoot("account-full"), fits(t, "account"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(added, "laptop") || !strings.Contains(confirmed, "Use a passkey") || len(strings.Fields(codes)) != 10 || !strings.Contains(account, "10 recovery codes are left") {
		t.Errorf("added: %s\nconfirm: %s\ncodes: %s\naccount: %s", added, confirmed, codes, account)
	}
}
