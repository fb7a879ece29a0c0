package web_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
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
		t.Skip("chromium is not installed: the site is not tried in a real browser")
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
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// prefer makes the browser ask for a colour scheme.
func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		features := []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}
		return t.Call(ctx, "Emulation.setEmulatedMedia", map[string]any{"features": features}, nil)
	})
}

// shoot photographs the page in light, dark and at phone width, if somebody wants to look.
func shoot(name string) chromedp.Action[chromedp.Void] {
	dir := os.Getenv(screenshots)
	if dir == "" {
		return chromedp.Steps()
	}
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, look := range []struct {
			suffix, scheme string
			width          int64
		}{{"light", "light", 1280}, {"dark", "dark", 1280}, {"phone", "light", 390}} {
			if _, err := chromedp.Steps(prefer(look.scheme), chromedp.EmulateViewport(look.width, 900))(ctx, t); err != nil {
				return err
			}
			png, err := chromedp.FullScreenshot(100)(ctx, t)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, name+"-"+look.suffix+".png"), png, 0o600); err != nil {
				return err
			}
		}
		_, err := chromedp.Steps(prefer("light"), chromedp.EmulateViewport(1280, 900))(ctx, t)
		return err
	})
}

// fits fails if the page must be scrolled sideways on a phone.
func fits(test *testing.T, page string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := chromedp.EmulateViewport(390, 844)(ctx, t); err != nil {
			return err
		}
		width, err := chromedp.Evaluate[int]("document.documentElement.scrollWidth")(ctx, t)
		if err != nil {
			return err
		}
		if width > 390 {
			test.Errorf("%s is %d px wide on a phone of 390", page, width)
		}
		_, err = chromedp.EmulateViewport(1280, 900)(ctx, t)
		return err
	})
}

// read keeps the text of the page.
func read(into *string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		*into, err = chromedp.Text("main")(ctx, t)
		return err
	})
}

// loaded waits until a page with the element has been loaded whole. While a click's navigation is
// under way the old page's nodes vanish under any query, so a failed look is only looked at again.
func loaded(sel string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		js := "document.readyState === 'complete' && document.querySelector(" + strconv.Quote(sel) + ") !== null"
		for {
			there, err := chromedp.Evaluate[bool](js)(ctx, t)
			if err == nil && there {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("waiting for %s: %w (last: %v)", sel, ctx.Err(), err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// press clicks an element from inside the page: a click by coordinates loses its node while the
// viewport is being changed.
func press(sel string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(loaded(sel), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool]("document.querySelector("+strconv.Quote(sel)+").click(), true")(ctx, t)
		return err
	}))
}

// A person who has never been here signs up, pays, buys, stakes and opens a torrent.
func TestBuyAccessInABrowser(t *testing.T) {
	w := newWorld(t)
	bob := w.member("bob", 10*tokens.Unit, 60*tokens.Unit)
	for _, name := range []string{"debian-13.2-amd64-netinst.iso", "big-buck-bunny-4k", "A very long name of a torrent that somebody chose without thinking of phones at all (2026) [FLAC]"} {
		w.want(bob.upload(bigTorrent(name), "description", "A torrent for the test.\nSecond line."), 201)
	}
	w.scenery(t)
	ctx := chromium(t)
	for i, peer := range []string{"-qB5050-", "A2-1-36-0-", "-UT355W-"} {
		w.session(2, bt.TorrentID(i+1), peer, time.Minute) // carol will be the second member
	}
	var wallet, torrent, clients string
	click := func(sel, wait string) chromedp.Action[chromedp.Void] {
		return chromedp.Steps(press(sel), loaded(wait))
	}
	err := chromedp.Do(ctx,
		chromedp.Navigate(w.url), loaded(".hero"), shoot("home"), fits(t, "home"),
		click("a.button[href='/sign-up']", "#password"), shoot("sign-up"),
		chromedp.SendKeys("#name", "carol"), chromedp.SendKeys("#password", password),
		click("main form button", "#deposit"), shoot("buy-1"), fits(t, "buy"),
		click("#deposit", "#buy"), click("#buy", "#do-stake"), shoot("buy-2"),
		click("#do-stake", "#moves"), read(&wallet), shoot("wallet"), fits(t, "wallet"),
		chromedp.Navigate(w.url+"/torrents"), loaded("table"), shoot("torrents"), fits(t, "torrents"),
		click("tbody a", "#price"), read(&torrent), shoot("torrent"), fits(t, "torrent"),
		chromedp.Navigate(w.url+"/economy"), loaded("#curve"), shoot("economy"), fits(t, "economy"),
		chromedp.Navigate(w.url+"/hosting"), loaded("form[action='/hosting/codes']"),
		click("form[action='/hosting/codes'] button", ".code"), shoot("hosting"), fits(t, "hosting"),
		chromedp.Navigate(w.url+"/clients"), loaded("#denied"), read(&clients), shoot("clients"), fits(t, "clients"),
		chromedp.Navigate(w.url+"/upload"), loaded("#torrent"), shoot("upload"), fits(t, "upload"),
		chromedp.Navigate(w.url+"/nothing"), loaded(".alert"), shoot("missing"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(wallet, "you may download") || !strings.Contains(wallet, "Join fee") {
		t.Errorf("wallet: %s", wallet)
	}
	if !strings.Contains(clients, "aria2 1.36.0") {
		t.Errorf("clients: %s", clients)
	}
	if !strings.Contains(torrent, "You can afford") || strings.Contains(torrent, "You cannot begin yet. Downloading needs a stake") {
		t.Errorf("torrent: %s", torrent)
	}
}

// An operator denies a client and takes the rule back.
func TestClientRulesInABrowser(t *testing.T) {
	w := newWorld(t)
	if err := w.store.AddSetupLink(t.Context(), "operator", time.Hour); err != nil {
		t.Fatal(err)
	}
	ctx := chromium(t)
	const removal = "form:has(input[value='-ZZ'])"
	var denied, log string
	err := chromedp.Do(ctx,
		chromedp.Navigate(w.url+"/setup/operator"), loaded("#password"), chromedp.SendKeys("#name", "boss"), chromedp.SendKeys("#password", password),
		press("main form button"), loaded(".search"),
		chromedp.Navigate(w.url+"/admin/clients"), loaded("#prefix"), chromedp.SendKeys("#prefix", "-ZZ"), chromedp.SendKeys("#note", "breaks swarms"),
		press("main form button"), loaded(removal), read(&denied), shoot("admin-clients"), fits(t, "admin-clients"),
		press(removal+" button"), loaded("main:not(:has(input[value='-ZZ']))"), read(&log),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(denied, "breaks swarms") || !strings.Contains(log, "clients remove -ZZ") {
		t.Errorf("denied: %s, then: %s", denied, log)
	}
}

// bigTorrent is a valid file of 4 GiB whose hashes fit nothing.
func bigTorrent(name string) []byte {
	const pieces = 256
	file := "d4:infod6:lengthi4294967296e4:name" + length(name) + "12:piece lengthi16777216e6:pieces"
	return []byte(file + length(strings.Repeat("h", 20*pieces)) + "ee")
}

func length(s string) string { return strconv.Itoa(len(s)) + ":" + s }

// scenery gives the pages something to show: prices that moved, an epoch, a node.
func (w *world) scenery(t *testing.T) {
	t.Helper()
	start := w.now().Add(-2 * time.Hour).UnixMilli()
	var rows []store.PriceRow
	for i, ppm := range []int64{1e6, 1_125_000, 1_265_625, 1_423_828, 1_600_000, 1_500_000, 1_400_000, 1_250_000} {
		rows = append(rows, store.PriceRow{Torrent: 3, AtMs: start + int64(i)*600_000, MultiplierPPM: ppm, SaturationPPM: 700_000 - int64(i)*30_000,
			Price: surge.PricePerGiB(surge.DefaultParams(), ppm), Demand: 3 * bt.GiB, Capacity: 5 * bt.GiB})
	}
	rows = append(rows, store.PriceRow{Torrent: 2, AtMs: start, MultiplierPPM: 820_000, Price: 8_200_000, SaturationPPM: 110_000, Capacity: bt.GiB})
	if err := w.store.SetPrices(t.Context(), rows, func(store.PriceRow) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if err := w.store.ApproveTorrent(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := w.store.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
			t.Fatal(err)
		}
	}
}
