package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/web/webtest"
)

// TestNewMemberInABrowser is a person's first hour: they sign up, buy, stake, take a .torrent file that a
// real client then completes, and see on the open page what it costs. Then they host what they have:
// they pair a real daemon and see it proven and paid. Nothing is used but the website and the programs.
func TestNewMemberInABrowser(t *testing.T) {
	t.Parallel()
	needProgram(t, "aria2c", "aria2")
	s := newSite(t, fmt.Sprintf(auditConfig, hostAddr(120))+nothingFree)
	owner := s.addMember(t, "owner", "10", "50")
	c := newContent(t, "lost-arcade.iso", 6<<20+321, "64KiB")
	infohash := owner.upload(t, c.metainfo)
	s.change(t, "UPDATE torrents SET approved_ms = 1")
	seed := runPeer(t, seeder.PeerConfig{TorrentFile: owner.torrent(t, infohash), DataDir: c.dir, StateDir: t.TempDir(), ListenAddr: hostAddr(121) + ":0"})

	ctx := webtest.Chromium(t, 5*time.Minute)
	do := func(steps ...webtest.Action) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Steps(steps...)); err != nil {
			t.Fatal(err)
		}
	}
	saved := t.TempDir()
	do(webtest.Call("Page.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": saved}),
		webtest.Go(s.base, ".hero"), webtest.Press("a.button[href='/sign-up']"),
		webtest.Type("#name", "carol"), webtest.Type("#password", "correct horse battery"), webtest.Press("main form button"),
		webtest.Press("#deposit"), webtest.Press("#buy"), webtest.Press("#do-stake"), webtest.Loaded("#moves"),
		webtest.Go(s.base+"/torrents", "tbody a"), webtest.Press("tbody a"), webtest.Loaded("#price"))
	var card string
	do(webtest.Read("main", &card), webtest.Shoot("e2e-torrent"), webtest.Press(fmt.Sprintf("a[href='/torrents/%s/file']", infohash)))
	if !strings.Contains(card, "VIDYA") || !strings.Contains(card, "full cost") && !strings.Contains(card, "Full cost") {
		t.Errorf("the torrent's page does not say what it costs: %s", card)
	}
	file := savedFile(t, saved)

	var before string
	do(webtest.Go(s.base+"/wallet", "#moves"), webtest.Read("[data-live=available]", &before), webtest.Holds("window.unmoved = true"))
	data := t.TempDir()
	aria := aria2(t, hostAddr(122), file, data)
	do(webtest.Holds("document.querySelector('[data-live=available]').textContent !== "+strconv.Quote(before)), webtest.Holds("window.unmoved === true"))
	if code := aria.wait(t, 90*time.Second); code != 0 || !c.arrived(data) {
		t.Fatalf("aria2 ended with %d: %s", code, aria.stdout.String())
	}
	paid := func() int64 {
		return s.number(t, "SELECT sum(t.amount) FROM transfers t JOIN accounts a ON a.id = t.source WHERE t.code = 'charge' AND a.name GLOB 'member/*/available'")
	}
	eventually(t, "the whole download to be charged", 30*time.Second, func() bool { return paid() > 0 })
	var mine string
	eventually(t, "the history to show the download", 60*time.Second, func() bool {
		do(webtest.Go(s.base+"/mine/history", "h1"), webtest.Read("main", &mine))
		return strings.Contains(mine, c.name)
	})

	var code string
	do(webtest.Go(s.base+"/hosting", "form[action='/hosting/codes']"), webtest.Press("form[action='/hosting/codes'] button"), webtest.Read(".code .big code", &code))
	state := filepath.Join(t.TempDir(), "state")
	daemon := node(t, state, "join", s.base, "--code", strings.TrimSpace(code), "--data", data, "--listen", hostAddr(123)+":0", "--quota", "1GB")
	eventually(t, "the daemon to be paired", time.Minute, func() bool {
		_, err := os.Stat(filepath.Join(state, "dashboard.addr"))
		return err == nil || !daemon.alive()
	})
	if p := node(t, state, "torrents", "add", infohash); p.wait(t, 60*time.Second) != 0 {
		t.Fatal(p.stderr.String())
	}
	var hosting string
	eventually(t, "the website to show the node's earnings", 2*time.Minute, func() bool {
		if !daemon.alive() {
			t.Fatalf("the daemon ended: %s%s", daemon.stdout.String(), daemon.stderr.String())
		}
		do(webtest.Go(s.base+"/hosting", "h1"), webtest.Read("main", &hosting))
		return strings.Contains(hosting, "1 torrent") && s.number(t, "SELECT coalesce(sum(gross_utok), 0) FROM hosting WHERE node > 0") > 0
	})
	do(webtest.Shoot("e2e-hosting"))
	daemon.kill()
	seed.stop()
	s.stop(t)
	s.verifyLedger(t)
}

// nothingFree has every download cost something.
const nothingFree = "\n[economy]\nfree_once = 0\nfree_monthly = 0\nfree_daily = 0\n"

// savedFile waits for what the browser saves.
func savedFile(t *testing.T, dir string) []byte {
	t.Helper()
	var file []byte
	eventually(t, "the browser to save the .torrent file", 30*time.Second, func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "*.torrent"))
		if len(found) != 1 {
			return false
		}
		var err error
		file, err = os.ReadFile(found[0])
		return err == nil && len(file) > 0
	})
	return file
}
