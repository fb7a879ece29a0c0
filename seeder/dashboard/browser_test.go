package dashboard_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

// screenshots names a folder in which the browser test leaves pictures for a person to look at.
const screenshots = "SWARMSTAKE_SCREENSHOTS"

// chromium starts a headless browser, or skips and says what is missing.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("SWARMSTAKE_REQUIRE_CLIENTS") == "1" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed: the dashboard is not tried in a real browser")
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.Flag("headless", true), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true)}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the first call starts the browser
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// call sends one command of the browser's protocol.
func call(method string, params map[string]any) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error { return t.Call(ctx, method, params, nil) })
}

func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
}

// holds waits until an expression is true of the page.
func holds(js string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for {
			is, err := chromedp.Evaluate[bool](js)(ctx, t)
			if err == nil && is {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("waiting for %s: %w (last: %v)", js, ctx.Err(), err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

const loaded = "document.readyState === 'complete' && document.querySelector('main h1') !== null"

// look checks one page in one look: nothing is cut off, every text can be read.
func look(test *testing.T, name, scheme string, width int64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := chromedp.Steps(prefer(scheme), chromedp.EmulateViewport(width, 900))(ctx, t); err != nil {
			return err
		}
		name := fmt.Sprintf("%s-%s-%d", name, scheme, width)
		wide, err := chromedp.Evaluate[int64]("document.documentElement.scrollWidth")(ctx, t)
		if err != nil {
			return err
		}
		if wide > width {
			test.Errorf("%s is %d px wide", name, wide)
		}
		faint, err := chromedp.Evaluate[string](contrast)(ctx, t)
		if err != nil {
			return err
		}
		if faint != "" {
			test.Errorf("%s: too little contrast (WCAG AA wants 4.5): %s", name, faint)
		}
		dir := os.Getenv(screenshots)
		if dir == "" {
			return nil
		}
		png, err := chromedp.FullScreenshot(100)(ctx, t)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "dashboard-"+name+".png"), png, 0o600)
	})
}

// contrast lists the texts whose colour is too near their background's (WCAG 2.2, 1.4.3).
const contrast = `(() => {
  const read = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length === 4 ? m : [...m, 1]; };
  const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = read(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; } return [255, 255, 255, 1]; };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode());) {
    const e = n.parentElement;
    if (!n.data.trim() || e.closest("svg") || e.getClientRects().length === 0) continue;
    const a = light(read(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(ratio.toFixed(2) + " " + n.data.trim().slice(0, 40));
  }
  return faint.slice(0, 5).join("; ");
})()`

// Every kind of page, on a desk and on a phone, in light and dark, without JavaScript.
func TestLooksInABrowser(t *testing.T) {
	ctx := chromium(t)
	if err := chromedp.Do(ctx, call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true})); err != nil {
		t.Fatal(err)
	}
	down := busyView()
	down.Earning, down.Headline, down.Do = false, "Not earning because the server does not answer.", "Nothing: what is complete goes on being seeded, and the daemon asks again every minute."
	down.Server, down.Cards, down.Node.State = dashboard.Server{Since: noon, Problem: "asking https://tracker.example: connection refused"}, nil, "suspended"
	down.Audits.Suspended, down.Traffic.Paused = true, true
	unfold := holds("document.querySelectorAll('details').forEach((d) => { d.open = true }), true")
	for name, v := range map[string]dashboard.View{"busy": busyView(), "empty": emptyView(), "huge": hugeView(2000), "down": down} {
		s := serve(t, v)
		steps := []chromedp.Action[chromedp.Void]{chromedp.Navigate(s.URL()), holds(loaded)}
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
func press(key string, number int, text string) chromedp.Action[chromedp.Void] {
	event := func(kind string) map[string]any {
		return map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number, "text": text}
	}
	return chromedp.Steps(call("Input.dispatchKeyEvent", event("keyDown")), call("Input.dispatchKeyEvent", event("keyUp")))
}

// The keyboard reaches everything, beginning with the way past the head, and what unfolds unfolds.
func TestKeyboardInABrowser(t *testing.T) {
	ctx := chromium(t)
	s := serve(t, busyView())
	if err := chromedp.Do(ctx, chromedp.Steps(chromedp.Navigate(s.URL()), holds(loaded))); err != nil {
		t.Fatal(err)
	}
	tab, enter := press("Tab", 9, ""), press("Enter", 13, "\r")
	if err := chromedp.Do(ctx, chromedp.Steps(tab, holds("document.activeElement.className === 'skip'"), enter, holds("location.hash === '#main'"))); err != nil {
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
			if err := chromedp.Do(ctx, chromedp.Steps(enter, holds("document.querySelector('#days').open && document.querySelector('#days table').offsetHeight > 0"))); err != nil {
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
	err = chromedp.Do(ctx, chromedp.Steps(chromedp.Navigate(s.URL()), holds(loaded), holds("document.querySelector('h1').textContent.startsWith('Earning')"),
		holds("document.querySelector('#days').open = true"),
		chromedp.Func(func(context.Context, *chromedp.Target) error { now.Store(&next); return nil }),
		holds(becomesVisible), holds("document.querySelector('#live').textContent.includes('Newer figures')"),
		holds("document.querySelector('h1').textContent.startsWith('Earning')"),
		holds("!(document.querySelector('#days').open = false)"),
		holds(becomesVisible), holds("document.querySelector('h1').textContent === 'Not earning because of the test.' && document.title.startsWith('Not earning')")))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Steps(holds(becomesVisible), holds("document.querySelector('#live').textContent.includes('does not answer')"))); err != nil {
		t.Fatal(err)
	}
}
