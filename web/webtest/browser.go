// Package webtest drives a real browser, Debian's chromium, for tests of pages. Its actions are
// chromedp's; those that look at a page look again until it is as they want it or the test's time is
// over, because while a navigation is under way the old page's nodes vanish under any question.
package webtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Action is something that a browser does, or that is asked of it.
type Action = chromedp.Action[chromedp.Void]

const (
	// Require names the variable by which a test fails rather than skips where no browser is installed.
	Require = "SWARMSTAKE_REQUIRE_CLIENTS"
	// Screenshots names a folder in which tests leave pictures for a person to look at.
	Screenshots = "SWARMSTAKE_TEST_SCREENSHOTS"
)

// Desk and phone are the widths, in CSS pixels, at which pages are looked at.
const (
	Desk   = 1280
	Phone  = 390
	height = 900
)

// again is how long an action waits before it looks again.
const again = 50 * time.Millisecond

// Chromium starts a browser of the test's own, which ends with it, or skips the test and says what is
// missing. Everything that is done with the context takes no longer than the patience.
func Chromium(t *testing.T, patience time.Duration) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv(Require) == "1" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed (Debian: apt-get install chromium): nothing is tried in a real browser")
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(Desk, height),
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
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	return ctx
}

// Call sends one command of the browser's protocol.
func Call(method string, params map[string]any) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error { return t.Call(ctx, method, params, nil) })
}

// NoScript switches JavaScript off.
func NoScript() Action {
	return Call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
}

// Prefer makes the browser ask for a colour scheme, light or dark.
func Prefer(scheme string) Action {
	return Call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
}

// Wide makes the window that wide, and leaves it so.
func Wide(width int64) Action { return chromedp.EmulateViewport(width, height) }

// Go loads a page and waits until it holds the element.
func Go(url, sel string) Action { return chromedp.Steps(chromedp.Navigate(url), Loaded(sel)) }

// Holds waits until an expression is true of the page.
func Holds(js string) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for {
			is, err := chromedp.Evaluate[bool](js)(ctx, t)
			if err == nil && is {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("waiting for %s: %w (last: %v)", js, ctx.Err(), err)
			case <-time.After(again):
			}
		}
	})
}

// Loaded waits until a page with the element has been loaded whole.
func Loaded(sel string) Action {
	return Holds("document.readyState === 'complete' && document.querySelector(" + strconv.Quote(sel) + ") !== null")
}

// Press clicks an element from inside the page: a click by coordinates loses its node while the window
// is being changed.
func Press(sel string) Action {
	return chromedp.Steps(Loaded(sel), Holds("document.querySelector("+strconv.Quote(sel)+").click(), true"))
}

// Type fills a field in place of what is there.
func Type(sel, value string) Action {
	return chromedp.Steps(Loaded(sel), chromedp.SetValue(sel, value))
}

// Read keeps the text of an element.
func Read(sel string, into *string) Action {
	return chromedp.Steps(Loaded(sel), chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		*into, err = chromedp.Text(sel)(ctx, t)
		return err
	}))
}

// Fits fails the test if the page must be scrolled sideways at that width.
func Fits(test *testing.T, name string, width int64) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := Wide(width)(ctx, t); err != nil {
			return err
		}
		wide, err := chromedp.Evaluate[int64]("document.documentElement.scrollWidth")(ctx, t)
		if err == nil && wide > width {
			test.Errorf("%s is %d px wide in a window of %d", name, wide, width)
		}
		return err
	})
}

// Legible fails the test if a text of the page has too little contrast.
func Legible(test *testing.T, name string) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		faint, err := chromedp.Evaluate[string](contrast)(ctx, t)
		if err == nil && faint != "" {
			test.Errorf("%s: too little contrast (WCAG AA wants 4.5): %s", name, faint)
		}
		return err
	})
}

// Shoot photographs the page as it is, if somebody wants to look.
func Shoot(name string) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		dir := os.Getenv(Screenshots)
		if dir == "" {
			return nil
		}
		png, err := chromedp.FullScreenshot(100)(ctx, t)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
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
