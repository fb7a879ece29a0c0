package dashboard_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

func page(t *testing.T, v dashboard.View, path string) string {
	t.Helper()
	resp, body := ask(t, serve(t, v), "GET", path, "")
	if resp.StatusCode != 200 || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
		t.Fatalf("%d: %.200s", resp.StatusCode, body)
	}
	return body
}

// The order is that of PROTOCOLS §4.
func TestOrderOfThePage(t *testing.T) {
	body := page(t, busyView(), "/")
	at := 0
	for _, part := range []string{"Earning: 3 torrents are proven", ">Today<", ">Pending<", ">Held<", ">Available<", "Earnings by day", "penalties took 0.5 VIDYA",
		"<svg viewBox", "<caption", "Passed", ">118<", "Failed", "Late", "98.2\u00a0%", "more than 10\u00a0% of at least 20 audits", ">Torrents</h2>", "big-buck-bunny-4k", "Not counted: an audit found corrupt data.",
		"0.42 VIDYA", "One of 3 hosts", "Pinned by hand.", ">Ledger</h2>", "Hosting reward of epoch 812", "−0.25 VIDYA", ">Health</h2>", "port v4", "clock", "Set the clock right.",
		"Plan and forecast", "It would add 1, drop 1 and keep 1 torrent.", "Others promise more.", "only 2 hosts", "Larger than what is left.", "came. So what is expected now is scaled to 87\u00a0%."} {
		i := strings.Index(body[at:], part)
		if i < 0 {
			t.Fatalf("%q is missing or too early; what follows: %.300s", part, body[at:])
		}
		at += i
	}
}

// A page that says nothing must say what to do.
func TestEmptyPage(t *testing.T) {
	body := page(t, emptyView(), "/")
	for _, part := range []string{"This node is starting.", "the server has not answered", "Nothing came in so far", "No audit yet", "swarmseed torrents add INFOHASH",
		"The ledger has no line", "swarmseed doctor", "swarmseed plan", "No forecast can be compared yet"} {
		if !strings.Contains(body, part) {
			t.Errorf("%q is missing", part)
		}
	}
	for _, bad := range []string{"0001-01-01", "&lt;nil&gt;", "%!", "NaN", "<table"} {
		if strings.Contains(body, bad) {
			t.Errorf("an empty page holds %q", bad)
		}
	}
}

// What cannot be shown without the server is not shown as zero.
func TestUnreachableServer(t *testing.T) {
	v := busyView()
	v.Earning, v.Headline, v.Do = false, "Not earning because the server does not answer.", "Look at the network."
	v.Server = dashboard.Server{Since: noon, Problem: "connection refused"}
	v.Cards = nil
	body := page(t, v, "/")
	for _, part := range []string{"<title>Not earning", "Do this:</strong> Look at the network.", "cannot be reached since", "connection refused", "the server has not answered"} {
		if !strings.Contains(body, part) {
			t.Errorf("%q is missing", part)
		}
	}
}

func TestHugeNode(t *testing.T) {
	v := hugeView(2000)
	some, all := page(t, v, "/"), page(t, v, "/?show=all")
	for body, want := range map[string]int{some: 50, all: 2000} {
		if n := strings.Count(body, "<bdi>torrent "); n != want {
			t.Errorf("%d torrents are shown, want %d", n, want)
		}
	}
	if !strings.Contains(some, `<a href="/?show=all#torrents">Show all 2000 torrents</a>`) || strings.Contains(all, "Show all") {
		t.Error("the way to all torrents is not where it belongs")
	}
	if !strings.Contains(some, "torrent 2000") || !strings.Contains(some, "planned 2000") {
		t.Error("what needs a person, and what changes, does not come first")
	}
}

// Names come from uploaders, verdicts and links from a server.
func TestHostileText(t *testing.T) {
	const evil = "</title><script src=//evil.example></script><img src=x onerror=alert(1)>\"'\u202egnp.exe\x00\x1b[2J\u2066\u200b"
	v := busyView()
	v.Node = dashboard.Node{ID: 1, Name: evil, Member: evil, Server: "javascript:alert(1)", Version: evil, State: evil}
	v.Headline, v.Do, v.Symbol, v.Server.Problem = evil, evil, evil, evil
	for i := range v.Torrents {
		tt := &v.Torrents[i]
		tt.Name, tt.Why, tt.Rate, tt.Refused, tt.Folder, tt.State, tt.Claim, tt.InfoHash = evil, evil, evil, evil, evil, evil, evil, evil
	}
	for i := range v.Audits.Recent {
		a := &v.Audits.Recent[i]
		a.Torrent, a.Kind, a.Verdict, a.URL = evil, evil, evil, "javascript:alert(1)"
	}
	for i := range v.Plan.Lines {
		p := &v.Plan.Lines[i]
		p.What, p.Name, p.Why = evil, evil, evil
	}
	for i := range v.Lines {
		v.Lines[i].Words, v.Lines[i].URL = evil, "data:text/html,<script>alert(1)</script>"
	}
	for i := range v.Days {
		v.Days[i].Date = evil
	}
	for i := range v.Health {
		c := &v.Health[i]
		c.Name, c.Text, c.Do, c.Level = evil, evil, evil, evil
	}
	v.Space.Folders[1] = dashboard.Folder{Path: evil, Problem: evil}
	body := page(t, v, "/")
	for _, bad := range []string{"<script src=//", "<img src=x", "=\"javascript:", "=\"data:", "ZgotmplZ"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	if i := strings.IndexFunc(body, func(r rune) bool { return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }); i >= 0 {
		t.Errorf("the page holds %q", body[max(0, i-20):i+10])
	}
}

// The policy of the page forbids inline style and script; what breaks it would be lost silently.
func TestPageObeysItsPolicy(t *testing.T) {
	for name, v := range map[string]dashboard.View{"busy": busyView(), "empty": emptyView(), "huge": hugeView(60)} {
		body := page(t, v, "/")
		for _, bad := range []string{" style=", "<style", "javascript:", "http-equiv", "<form"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s: the page holds %s", name, bad)
			}
		}
		if m := regexp.MustCompile(`\son\w+=`).FindString(body); m != "" {
			t.Errorf("%s: an inline handler %s", name, m)
		}
		for _, m := range regexp.MustCompile(`<(?:script|link|img)[^>]*(?:src|href)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if !strings.HasPrefix(m[1], "/static/") {
				t.Errorf("%s: loads %s", name, m[1])
			}
		}
		checkAnchors(t, name, body)
		checkNesting(t, name, body)
	}
}

func checkAnchors(t *testing.T, name, body string) {
	t.Helper()
	var ids []string
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if slices.Contains(ids, m[1]) {
			t.Errorf("%s: two elements are called %s", name, m[1])
		}
		ids = append(ids, m[1])
	}
	for _, m := range regexp.MustCompile(`(?:href="[^"#]*#|aria-labelledby=")([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if !slices.Contains(ids, m[1]) {
			t.Errorf("%s: nothing is called %s", name, m[1])
		}
	}
}

// checkNesting reads the page as XML, which forgives nothing.
func checkNesting(t *testing.T, name, body string) {
	t.Helper()
	body = strings.Replace(strings.ReplaceAll(body, " defer>", ` defer="">`), "<!doctype html>", "", 1)
	d := xml.NewDecoder(strings.NewReader(regexp.MustCompile(`<((?:meta|link|img)[^>]*)>`).ReplaceAllString(body, "<$1/>")))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

func TestPausedAndSuspended(t *testing.T) {
	v := busyView()
	until := noon.AddDate(0, 0, 1)
	v.Traffic.Paused, v.Traffic.PausedUntil, v.Audits.Suspended = true, &until, true
	body := page(t, v, "/")
	for _, part := range []string{"Paused</strong> until", "2026-03-15 12:30", "swarmseed resume", "This node is suspended"} {
		if !strings.Contains(body, part) {
			t.Errorf("%q is missing", part)
		}
	}
	v.Traffic.PausedUntil = nil
	if body := page(t, v, "/"); !strings.Contains(body, "Paused</strong>: nothing is served") {
		t.Error("paused without an end is not shown")
	}
}

func TestFormats(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\nb\tc": "a b c", "a\x00b": "a\ufffdb", "\u202eabc": "\ufffdabc", "\xff": "\ufffd", "日本語": "日本語", strings.Repeat("é", 301): strings.Repeat("é", 300) + "…",
	} {
		if got := dashboard.Plain(in); got != want {
			t.Errorf("Plain(%q) = %q, want %q", in, got, want)
		}
	}
	if got := fmt.Sprintln(dashboard.Size(1023), dashboard.Size(1536), dashboard.Size(5<<30)); got != "1023 B 1.5 KiB 5 GiB\n" {
		t.Errorf("Size: %s", got)
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"", "a", "\u202e", "\xff\xfe", strings.Repeat("x", 400), "a\u2028b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := dashboard.Plain(s)
		if len([]rune(p)) > 301 || strings.ContainsFunc(p, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("Plain(%q) = %q", s, p)
		}
		if again := dashboard.Plain(p); len([]rune(p)) <= 300 && again != p {
			t.Errorf("Plain is not done after one go: %q, %q", p, again)
		}
	})
}
