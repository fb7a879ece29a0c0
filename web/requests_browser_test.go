package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/web/webtest"
)

// A member asks, another uploads and offers it, and the first accepts: in a browser, of which each page
// fits a phone.
func TestRequestInABrowser(t *testing.T) {
	w := newWorld(t)
	w.member("alice", 20*tokens.Unit, 0)
	m, err := w.store.MemberByName(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	for i, title := range []string{"Complete lectures on number theory, 1962, with slides", "debian-live 13.2 arm64", "A very long title of something that somebody looks for without thinking of phones at all (2026) [FLAC]"} {
		w.ask(m.ID, fmt.Sprint("seen", i), title, tokens.Amount(i)*3*tokens.Unit)
	}
	file := filepath.Join(t.TempDir(), "film.torrent")
	bad := filepath.Join(t.TempDir(), "bad.torrent")
	for name, content := range map[string][]byte{file: torrentFile("film.mkv"), bad: []byte(strings.Replace(string(torrentFile("a")), "lengthi16384e6:pieces", "lengthi16385e6:pieces", 1))} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx := chromium(t)
	var refused, done, request string
	look := func(name string) webtest.Action {
		return chromedp.Steps(shoot(name), webtest.Fits(t, name, 360), webtest.Legible(t, name), webtest.Prefer("dark"), webtest.Legible(t, name+", dark"),
			webtest.Prefer("light"), webtest.Wide(webtest.Desk))
	}
	err = chromedp.Do(ctx,
		chromedp.Navigate(w.url+"/sign-up"), loaded("#password"), chromedp.SendKeys("#name", "carol"), chromedp.SendKeys("#password", password),
		press("main form button"), loaded(".who .name"),
		chromedp.Navigate(w.url+"/requests"), loaded("tbody"), look("requests"),
		chromedp.Navigate(w.url+"/requests/new"), loaded("#ask"), look("request-new"),
		chromedp.Navigate(w.url+"/requests/3"), loaded("#fill"), look("request-open"),
		chromedp.Navigate(w.url+"/upload"), loaded("#torrent"), chromedp.SetUploadFiles("#torrent", []string{bad}), chromedp.SendKeys("#tags", "film noir"),
		press("#upload"), loaded(".broken"), read(&refused), look("upload-refused"),
		chromedp.SetUploadFiles("#torrent", []string{file}), press("#keep"), loaded("#drafts"), look("drafts"),
		press("tbody a"), loaded("#publish"), look("draft"),
		press("#publish"), loaded("ol.steps"), read(&done), look("uploaded"),
		press("a[href$='/edit']"), loaded("#do-withdraw"), chromedp.SendKeys("#description", "A film."), press("#save"), loaded("main:not(:has(#do-withdraw)) h1"),
		chromedp.Navigate(w.url+"/requests/3"), press("#offer-it"), loaded("#offer"), read(&request), look("request-review"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for words, page := range map[string]string{"broken: piece-length": refused, "The file changed": done, "6 VIDYA go to carol": request} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not say %q: %s", words, page)
		}
	}
}
