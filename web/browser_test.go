package web_test

import (
	"context"
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
	"github.com/swarmstake/swarmstake/web/webtest"
)

// chromium starts a browser.
func chromium(t *testing.T) context.Context { return webtest.Chromium(t, 3*time.Minute) }

// shoot photographs the page in light, dark and at phone width, if somebody wants to look.
func shoot(name string) webtest.Action {
	return chromedp.Steps(webtest.Prefer("light"), webtest.Wide(webtest.Desk), webtest.Shoot(name+"-light"),
		webtest.Prefer("dark"), webtest.Shoot(name+"-dark"), webtest.Prefer("light"), webtest.Wide(webtest.Phone), webtest.Shoot(name+"-phone"), webtest.Wide(webtest.Desk))
}

// fits fails if the page must be scrolled sideways on a phone.
func fits(t *testing.T, page string) webtest.Action {
	return chromedp.Steps(webtest.Fits(t, page, webtest.Phone), webtest.Wide(webtest.Desk))
}

// read keeps the text of the page.
func read(into *string) webtest.Action { return webtest.Read("main", into) }

func loaded(sel string) webtest.Action { return webtest.Loaded(sel) }

func press(sel string) webtest.Action { return webtest.Press(sel) }

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
	click := func(sel, wait string) webtest.Action {
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
		chromedp.Navigate(w.url+"/admin"), loaded(".grouped"), shoot("admin"), fits(t, "admin"),
		chromedp.Navigate(w.url+"/api"), loaded("main"), shoot("api"), fits(t, "api"),
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
	if err := w.store.ApproveTorrent(t.Context(), 2, 0); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := w.store.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
			t.Fatal(err)
		}
	}
}
