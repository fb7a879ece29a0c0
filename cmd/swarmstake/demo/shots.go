package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	shotsTime  = 3 * time.Minute // for all pictures
	shotHeight = 900
	lookAgain  = 50 * time.Millisecond
)

// shot is a page that is photographed, as somebody; empty: as a visitor.
type shot struct {
	name, by, path string
}

// looks are how each page is photographed.
var looks = []struct {
	name, scheme string
	width        int64
}{{"light", "light", 1280}, {"dark", "dark", 1280}, {"phone", "light", 390}}

// shots are what is worth to be seen when the story is over.
func (s *story) shots() []shot {
	torrent, node := "/torrents/"+s.infohash, fmt.Sprintf("/hosting/nodes/%d", s.hosts[0].node)
	return []shot{
		{"01-start", "", "/"}, {"02-economy", "", "/economy"}, {"03-sign-up", "", "/sign-up"},
		{"04-torrents", "dan", "/torrents"}, {"05-torrent", "dan", torrent}, {"06-wallet", "dan", "/wallet"}, {"07-mine", "dan", "/mine/history"}, {"08-buy", "dan", "/buy"},
		{"09-hosting", "ben", "/hosting"}, {"10-node", "ben", node}, {"11-availability", "ben", "/availability"},
		{"12-penalties", "ada", "/admin/slashes"},
	}
}

// photograph writes a picture of each page in each look into the folder, if there is a browser.
func (s *story) photograph(ctx context.Context, dir string, pages []shot) error {
	path, err := exec.LookPath("chromium")
	if errors.Is(err, exec.ErrNotFound) {
		s.say("chromium is not installed: there are no screenshots")
		return nil
	}
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, shotsTime)
	defer stop()
	n, by := 0, "?"
	var page context.Context
	leave := func() {}
	defer func() { leave() }()
	for _, p := range pages {
		if p.by != by { // a browser of its own for everybody
			leave()
			if page, leave, err = s.browse(ctx, path, p.by); err != nil {
				return fmt.Errorf("screenshots: %w", err)
			}
			by = p.by
		}
		for _, look := range looks {
			file := filepath.Join(dir, p.name+"-"+look.name+".png")
			if err := capture(page, s.base+p.path, look.scheme, look.width, file); err != nil {
				return fmt.Errorf("screenshot of %s: %w", p.path, err)
			}
			n++
		}
	}
	s.say("%d screenshots are in %s", n, dir)
	return nil
}

// browse starts a browser in which somebody is signed in.
func (s *story) browse(ctx context.Context, chromium, by string) (page context.Context, leave func(), err error) {
	profile, err := os.MkdirTemp(s.dir, "browser-")
	if err != nil {
		return nil, func() {}, err
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(chromium), chromedp.UserDataDir(profile), chromedp.WindowSize(1280, shotHeight),
		chromedp.Flag("headless", true), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("hide-scrollbars", true)}
	browser, end := chromedp.NewExecAllocator(ctx, opts...)
	page, closePage := chromedp.NewContext(browser)
	leave = func() { closePage(); end(); os.RemoveAll(profile) }
	if by == "" {
		return page, leave, chromedp.Do(page)
	}
	err = chromedp.Do(page, chromedp.Navigate(s.base+"/sign-in"), whole("#password"),
		chromedp.SendKeys("#name", by), chromedp.SendKeys("#password", password),
		holds("document.querySelector('main form').requestSubmit(), true"), whole("form[action='/sign-out']"))
	return page, leave, err
}

// capture writes one picture.
func capture(page context.Context, url, scheme string, width int64, file string) error {
	prefer := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		features := []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}
		return t.Call(ctx, "Emulation.setEmulatedMedia", map[string]any{"features": features}, nil)
	})
	err := chromedp.Do(page, prefer, chromedp.EmulateViewport(width, shotHeight), chromedp.Navigate(url), whole("main"))
	if err != nil {
		return err
	}
	png, err := chromedp.Run(page, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	return os.WriteFile(file, png, 0o644)
}

// whole waits until a page with the element has been loaded.
func whole(sel string) chromedp.Action[chromedp.Void] {
	return holds("document.readyState === 'complete' && document.querySelector(" + strconv.Quote(sel) + ") !== null")
}

// holds waits until an expression is true: while a page is being left, questions about it fail.
func holds(js string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for {
			if is, err := chromedp.Evaluate[bool](js)(ctx, t); err == nil && is {
				return nil
			}
			if err := pause(ctx, lookAgain); err != nil {
				return err
			}
		}
	})
}
