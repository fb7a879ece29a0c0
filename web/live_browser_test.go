package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// In a browser an open wallet follows the meter, times are the reader's, and what is copied or must be confirmed
// says so.
func TestLiveInABrowser(t *testing.T) {
	w := newWorld(t)
	b := w.member("bob", 10*tokens.Unit, 60*tokens.Unit)
	var hashes []string
	for _, name := range []string{"debian-13.2-amd64-netinst.iso", "big-buck-bunny-4k", "A very long name of a torrent that somebody chose without thinking of phones at all (2026) [FLAC]"} {
		hashes = append(hashes, w.want(b.upload(bigTorrent(name)), 201).json(t)["infohash"].(string))
	}
	second := hashes[1]
	w.scenery(t)
	ctx := chromium(t)
	var row swarm.DownloadRow
	begin := chromedp.Func(func(context.Context, *chromedp.Target) error {
		row = w.halfway(2, 3)
		w.downloads(1, row)
		for i, code := range []tokens.Code{tokens.CodeUpload, tokens.CodeHosting, tokens.CodeHot} {
			w.clock.Store(int64(time.Duration(i-3) * 24 * time.Hour))
			if err := w.store.Post(t.Context(), tokens.Transfer{ID: fmt.Sprint("e", i), Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(2), Amount: tokens.Amount(i+1) * tokens.Unit, Code: code, Ref: "x"}); err != nil {
				return err
			}
		}
		w.clock.Store(0)
		return nil
	})
	advance := chromedp.Func(func(context.Context, *chromedp.Target) error {
		row.Metered, row.Cost, row.Reserved, row.Charged, row.Seq = 3*bt.GiB, 30*tokens.Unit, 10*tokens.Unit, 30*tokens.Unit, 2
		b := &swarm.Batch{Number: 2, Downloads: []swarm.DownloadRow{row}}
		return w.store.Flush(t.Context(), b)
	})
	dearer := chromedp.Func(func(context.Context, *chromedp.Target) error {
		price := []store.PriceRow{{Torrent: 2, AtMs: w.now().UnixMilli(), MultiplierPPM: 1_234_000, Price: 12_340_000, Demand: bt.GiB, Capacity: bt.GiB}}
		return w.store.SetPrices(t.Context(), price, func(store.PriceRow) bool { return true })
	})
	eval := func(js string, into *string) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
			*into, err = chromedp.Evaluate[string](js)(ctx, t)
			return err
		})
	}
	until := func(js string) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			for {
				if ok, err := chromedp.Evaluate[bool](js)(ctx, t); err == nil && ok {
					return nil
				}
				select {
				case <-ctx.Done():
					return fmt.Errorf("waiting for %s: %w", js, ctx.Err())
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	// Coming back to a page asks for its quote at once. Without leave to copy, the text is there to be taken.
	quoted := until("(document.dispatchEvent(new Event('visibilitychange')), document.querySelector('[data-quote]').textContent.includes('12.34 VIDYA'))")
	chosen := until(fmt.Sprintf("['Copied', %q].includes(document.querySelector('button[data-copy]').textContent)", second))
	says := func(sel, want string) chromedp.Action[chromedp.Void] {
		return until(fmt.Sprintf("document.querySelector(%q)?.textContent === %q", sel, want))
	}
	const inRow = "[data-download] [data-live="
	var times, utc, title, asked string
	err := chromedp.Do(ctx,
		chromedp.Navigate(w.url+"/sign-up"), loaded("#password"), chromedp.SendKeys("#name", "carol"), chromedp.SendKeys("#password", password), press("main form button"),
		loaded("#deposit"), shoot("live-buy-1"), fits(t, "buy"), press("#deposit"), loaded("#buy"), press("#buy"), loaded("#do-stake"), shoot("live-buy-2"), press("#do-stake"), loaded("#moves"),
		begin, chromedp.Navigate(w.url+"/wallet"), says(inRow+"'done-text']", "50 %"), shoot("live-wallet"), fits(t, "wallet"),
		advance, says(inRow+"'done-text']", "75 %"), says(inRow+"cost]", "30 VIDYA"), says("[data-live=reserved]", "10 VIDYA"), says("p [data-live=running]", "30 VIDYA"),
		eval("document.querySelector('time').textContent", &times), eval("document.querySelector('time').title", &utc),
		eval(`(() => { let said = ""; confirm = (q) => { said = q; return false; };
			const f = document.querySelector("form[action='/wallet/max-price']"); f.dataset.confirm = "Sure?"; f.price.value = "9"; f.requestSubmit(); return said + location.pathname; })()`, &asked),
		chromedp.Navigate(w.url+"/torrents/"+second), loaded("[data-quote]"), eval("document.querySelector('[data-quote]').textContent", &title),
		dearer, quoted,
		loaded("button[data-copy]:not([hidden])"), press("button[data-copy]"), chosen,
	)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(times, "UTC") || !strings.HasSuffix(utc, " UTC") || asked != "Sure?/wallet" || strings.Contains(title, "12.34 VIDYA") {
		t.Errorf("time %q, asked %q, at first %q", times, asked, title)
	}
}
