package dashboard_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/web/webtest"
)

// chromium starts a browser.
func chromium(t *testing.T) context.Context { return webtest.Chromium(t, 5*time.Minute) }

const loaded = "document.readyState === 'complete' && document.querySelector('main h1') !== null"

// look checks one page in one look: nothing is cut off, every text can be read.
func look(t *testing.T, name, scheme string, width int64) webtest.Action {
	name = fmt.Sprintf("dashboard-%s-%s-%d", name, scheme, width)
	return chromedp.Steps(webtest.Prefer(scheme), webtest.Fits(t, name, width), webtest.Legible(t, name), webtest.Shoot(name))
}

// Every kind of page, on a desk and on a phone, in light and dark, without JavaScript.
func TestLooksInABrowser(t *testing.T) {
	ctx := chromium(t)
	if err := chromedp.Do(ctx, webtest.NoScript()); err != nil {
		t.Fatal(err)
	}
	down := busyView()
	down.Earning, down.Headline, down.Do = false, "Not earning because the server does not answer.", "Nothing: what is complete goes on being seeded, and the daemon asks again every minute."
	down.Server, down.Cards, down.Node.State = dashboard.Server{Since: noon, Problem: "asking https://tracker.example: connection refused"}, nil, "suspended"
	down.Audits.Suspended, down.Traffic.Paused = true, true
	unfold := webtest.Holds("document.querySelectorAll('details').forEach((d) => { d.open = true }), true")
	for name, v := range map[string]dashboard.View{"busy": busyView(), "empty": emptyView(), "huge": hugeView(2000), "down": down} {
		s := serve(t, v)
		steps := []webtest.Action{chromedp.Navigate(s.URL()), webtest.Holds(loaded)}
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 360} {
				steps = append(steps, look(t, name, scheme, width))
			}
		}
		steps = append(steps, unfold, look(t, name+"-unfolded", "light", 1280), look(t, name+"-unfolded", "dark", 360))
		if err := chromedp.Do(ctx, chromedp.Steps(steps...)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// press is one key, by its name, its number and the text that it makes.
func press(key string, number int, text string) webtest.Action {
	event := func(kind string) map[string]any {
		return map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number, "text": text}
	}
	return chromedp.Steps(webtest.Call("Input.dispatchKeyEvent", event("keyDown")), webtest.Call("Input.dispatchKeyEvent", event("keyUp")))
}

// The keyboard reaches everything, beginning with the way past the head, and what unfolds unfolds.
func TestKeyboardInABrowser(t *testing.T) {
	ctx := chromium(t)
	s := serve(t, busyView())
	if err := chromedp.Do(ctx, chromedp.Steps(chromedp.Navigate(s.URL()), webtest.Holds(loaded))); err != nil {
		t.Fatal(err)
	}
	tab, enter := press("Tab", 9, ""), press("Enter", 13, "\r")
	if err := chromedp.Do(ctx, chromedp.Steps(tab, webtest.Holds("document.activeElement.className === 'skip'"), enter, webtest.Holds("location.hash === '#main'"))); err != nil {
		t.Fatal(err)
	}
	reached := map[string]bool{}
	for range 60 {
		var at string
		err := chromedp.Do(ctx, chromedp.Steps(tab, chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
			at, err = chromedp.Evaluate[string]("(e => e.tagName + ' ' + (e.getAttribute('aria-label') || e.textContent.trim()))(document.activeElement)")(ctx, t)
			return err
		})))
		if err != nil {
			t.Fatal(err)
		}
		again := reached[at]
		reached[at] = true
		if !again && at == "SUMMARY Earnings by day as a table" {
			if err := chromedp.Do(ctx, chromedp.Steps(enter, webtest.Holds("document.querySelector('#days').open && document.querySelector('#days table').offsetHeight > 0"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, want := range []string{"SUMMARY Earnings by day as a table", "DIV Earnings by day", "DIV Torrents", "DIV Ledger", "DIV Plan", "A Hosting reward of epoch 812"} {
		if !reached[want] {
			t.Errorf("Tab does not reach %q, but %v", want, reached)
		}
	}
}

// An open page follows the node, leaves alone what somebody reads, and says when the daemon is gone.
func TestLivePageInABrowser(t *testing.T) {
	ctx := chromium(t)
	var now atomic.Pointer[dashboard.View]
	first, next := busyView(), busyView()
	next.Headline, next.Earning = "Not earning because of the test.", false
	now.Store(&first)
	s, err := dashboard.New(dashboard.Config{Addr: "127.0.0.1:0", View: func(context.Context) dashboard.View { return *now.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(run) }()
	const becomesVisible = "document.dispatchEvent(new Event('visibilitychange')), true"
	err = chromedp.Do(ctx, chromedp.Steps(chromedp.Navigate(s.URL()), webtest.Holds(loaded), webtest.Holds("document.querySelector('h1').textContent.startsWith('Earning')"),
		webtest.Holds("document.querySelector('#days').open = true"),
		chromedp.Func(func(context.Context, *chromedp.Target) error { now.Store(&next); return nil }),
		webtest.Holds(becomesVisible), webtest.Holds("document.querySelector('#live').textContent.includes('Newer figures')"),
		webtest.Holds("document.querySelector('h1').textContent.startsWith('Earning')"),
		webtest.Holds("!(document.querySelector('#days').open = false)"),
		webtest.Holds(becomesVisible), webtest.Holds("document.querySelector('h1').textContent === 'Not earning because of the test.' && document.title.startsWith('Not earning')")))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Steps(webtest.Holds(becomesVisible), webtest.Holds("document.querySelector('#live').textContent.includes('does not answer')"))); err != nil {
		t.Fatal(err)
	}
}
