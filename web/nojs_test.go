package web_test

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web/webtest"
)

// narrow is the width of the smallest phones that people use.
const narrow = 360

// canary shows whether a browser runs scripts.
const canary = `data:text/html,<p id="before"></p><script>document.body.innerHTML="<p id=ran></p>"</script><p id="after"></p>`

// Without JavaScript somebody signs up, buys, stakes, chooses a look and gets a torrent file.
func TestEverythingWithoutJavaScript(t *testing.T) {
	w := newWorld(t)
	bob := w.member("bob", 10*tokens.Unit, 60*tokens.Unit)
	hash := w.want(bob.upload(torrentFile("debian.iso")), 201).json(t)["infohash"].(string)
	ctx := webtest.Chromium(t, 5*time.Minute)
	on := func(sel, path string) webtest.Action { // presses it, and waits until the browser is there
		return chromedp.Steps(webtest.Press(sel), webtest.Holds("location.pathname === '"+path+"' && document.readyState === 'complete'"))
	}
	var file string
	err := chromedp.Do(ctx, webtest.NoScript(), webtest.Go(canary, "#after:not(:has(~ #ran))"),
		webtest.Go(w.url, ".hero"), on("a.button[href='/sign-up']", "/sign-up"),
		webtest.Type("#name", "carol"), webtest.Type("#password", password), on("main form button", "/buy"),
		webtest.Press("#deposit"), webtest.Press("#buy"), webtest.Press("#do-stake"),
		webtest.Loaded("main:not(:has(#do-stake))"), webtest.Go(w.url+"/torrents", ".list"),
		on("tbody a[href='/torrents/"+hash+"']", "/torrents/"+hash),
		webtest.Press("button[name=theme][value=dark]"), webtest.Loaded("html[data-theme=dark]"),
		webtest.Holds("location.pathname === '/torrents/"+hash+"'"),
		webtest.Read("a[download]", &file),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(file, ".torrent") {
		t.Errorf("the torrent's page offers %q", file)
	}
	link, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.querySelector('a[download]').getAttribute('href')"))
	if err != nil {
		t.Fatal(err)
	}
	carol := w.browser()
	w.want(carol.form("/sign-in", map[string]string{"name": "carol", "password": password}), 303)
	if _, err := catalog.Parse(w.want(carol.get(link), 200).body); err != nil {
		t.Errorf("%s: %v", link, err)
	}
}

// Every page can be read in both looks and fits on the smallest phone.
func TestEveryPageIsLegibleAndNarrow(t *testing.T) {
	ctx := webtest.Chromium(t, 5*time.Minute)
	c, all := newCrawl(t)
	c.quiet = true
	for range 2 { // what forms make is to be seen too
		for _, v := range all {
			v.walk(entrances...)
			v.fillIn(false)
		}
	}
	if err := chromedp.Do(ctx, webtest.NoScript()); err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, v := range all {
		v.walk(entrances...)
		if err := v.signInBrowser(ctx); err != nil {
			t.Fatal(err)
		}
		for _, target := range v.onePageOfEach(c) {
			looked++
			name := v.name + ": " + target
			err := chromedp.Do(ctx, chromedp.Navigate(c.url+target), webtest.Loaded("main"),
				webtest.Holds("document.querySelectorAll('details').forEach((d) => { d.open = true }), true"),
				webtest.Prefer("dark"), webtest.Legible(t, name+" (dark)"), webtest.Prefer("light"), webtest.Legible(t, name), webtest.Fits(t, name, narrow))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	if looked < 40 {
		t.Errorf("only %d pages were looked at", looked)
	}
}

// onePageOfEach are addresses of this walker's, one of each route that has HTML and was not looked at before.
func (v *walker) onePageOfEach(c *crawl) (targets []string) {
	for _, target := range slices.Sorted(maps.Keys(v.pages)) {
		u, err := url.Parse(target)
		if err != nil || v.pages[target] == nil {
			continue
		}
		if key := "seen " + v.route("GET", u.EscapedPath()); !c.told[key] {
			c.told[key] = true
			targets = append(targets, target)
		}
	}
	return targets
}

// signInBrowser has the browser be this walker.
func (v *walker) signInBrowser(ctx context.Context) error {
	name, value, ok := strings.Cut(v.cookie, "=")
	if !ok {
		return nil
	}
	return chromedp.Do(ctx, webtest.Call("Network.setCookie", map[string]any{"name": name, "value": value, "url": v.url, "httpOnly": true}))
}
