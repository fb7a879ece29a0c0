package web_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// ownTell tells a member something, as the store would.
func (w *world) ownTell(m bt.MemberID, kind, ref string, amount tokens.Amount) {
	w.Helper()
	w.exec("INSERT INTO notifications (member, kind, ref, amount, once, at_ms) VALUES (?, ?, ?, ?, hex(randomblob(9)), ?)", m, kind, ref, amount, w.now().UnixMilli())
}

// Every kind has a sentence, a group and a name in the settings, and leads to its evidence.
func TestEveryKindOfNotificationHasWords(t *testing.T) {
	w, mina := ownWorld(t, "Big & <b>bold")
	hash := regexp.MustCompile(`[0-9a-f]{40}`).FindString(string(mina.get("/torrents").body))
	refs := map[string]struct{ ref, says, path string }{
		store.NotifyLowBalance: {"torrent/1", "download of “Big & <b>bold”: 1.5 VIDYA were missing", "/buy?tokens=1.5"},
		store.NotifyPayout:     {"epoch/7", "1.5 VIDYA were paid to you", "/economy/epochs/7"},
		store.NotifySent:       {"withdrawal/3", "Your withdrawal of 1.5 credits was sent", "/wallet/pay"},
		store.NotifyReturned:   {"withdrawal/3", "1.5 credits did not arrive", "/wallet/pay"},
		store.NotifyApproved:   {"torrent/1", "was approved", "/torrents/" + hash},
		store.NotifyWithdrawn:  {"torrent/99", "A torrent that is gone was withdrawn", ""},
		store.NotifyComment:    {"torrent/1/comment/4", "new comment on", "/torrents/" + hash + "#comment-4"},
		store.NotifyFilled:     {"request/5", "offered for request 5", "/requests/5"},
		store.NotifyAccepted:   {"request/5", "The bounty of 1.5 VIDYA is yours", "/requests/5"},
		store.NotifyRejected:   {"request/5", "was rejected", "/requests/5"},
		store.NotifyClosed:     {"request/5", "1.5 VIDYA came back", "/requests/5"},
		store.NotifyAudit:      {"audit/8", "Audit 8 of what you host failed", "/audits/8"},
		store.NotifySlash:      {"audit/8", "penalty of 1.5 VIDYA was taken after audit 8", "/audits/8"},
		store.NotifySlashBack:  {"audit/8", "was returned to you", "/audits/8"},
		store.NotifySuspended:  {"node/2", "Your node 2 was suspended", "/hosting/nodes/2"},

		store.NotifyAppealGranted: {"appeal/4", "Your appeal 4 was granted, and 1.5 VIDYA came back", "/appeals/4"},
		store.NotifyAppealRefused: {"appeal/4", "Your appeal 4 was refused", "/appeals/4"},

		store.NotifySignIn:   {"Firefox on Linux", "signed in to your account: Firefox on Linux.", "/account"},
		store.NotifyFactor:   {"a passkey was added", "changed: a passkey was added", "/account"},
		store.NotifyKeyReset: {"", "announce key was replaced", "/mine/key"},
		store.NotifyChanges:  {"torrent/1/decision/1", "asks for changes of “Big & <b>bold”", "/torrents/" + hash},
		store.NotifyRefused:  {"torrent/99/decision/1", "A torrent that is gone was refused", ""},
		store.NotifyReport:   {"report/3", "An operator decided on your report 3", "/reports#report-3"},
		store.NotifyAccount:  {"An operator closed your account: a reason", "An operator closed your account: a reason", "/account"},
	}
	settings := text(w.want(mina.get("/notifications/settings"), 200))
	for _, k := range store.NotificationKinds() {
		c, ok := refs[k.Kind]
		if !ok {
			t.Errorf("%s is not tried", k.Kind)
			continue
		}
		w.exec("DELETE FROM notifications")
		w.ownTell(2, k.Kind, c.ref, 1_500_000)
		raw := string(w.want(mina.get("/notifications"), 200).body)
		if !strings.Contains(text(reply{body: []byte(raw)}), c.says) || strings.Contains(raw, "<b>") || strings.Contains(raw, "{of}") || strings.Contains(raw, "{amount}") {
			t.Errorf("%s: %q is not said in\n%s", k.Kind, c.says, raw[strings.Index(raw, "<ul class=\"notices\""):])
		}
		if c.path != "" && !strings.Contains(raw, `href="`+c.path+`"`) {
			t.Errorf("%s does not lead to %s", k.Kind, c.path)
		}
		on := regexp.MustCompile(`value="` + k.Kind + `" checked( disabled)?> \S`).FindStringSubmatch(settings)
		if on == nil || (on[1] != "") != k.Always {
			t.Errorf("%s in the settings: %v", k.Kind, on)
		}
	}
}

func TestNotificationsAreReadOneByOneAndTogether(t *testing.T) {
	w, mina := ownWorld(t, "one")
	w.ownHas(mina.get("/notifications"), "Nothing happened yet that concerns you")
	for i := range 55 {
		w.ownTell(2, store.NotifyComment, fmt.Sprintf("torrent/1/comment/%d", i+1), 0)
		w.clock.Add(1e6)
	}
	w.ownTell(1, store.NotifyComment, "torrent/1", 0)
	badge := func(want string) {
		t.Helper()
		if page := string(w.want(mina.get("/torrents"), 200).body); !strings.Contains(page, want) {
			t.Errorf("no %q in the head of a page", want)
		}
	}
	badge(`aria-label="Notifications: 55 new"`)
	page := string(mina.get("/notifications").body)
	ids := regexp.MustCompile(`/notifications/(\d+)/read`).FindAllStringSubmatch(page, -1)
	if len(ids) != 50 || !strings.Contains(page, "Older ones") {
		t.Fatalf("%d are on the first page", len(ids))
	}
	r := w.want(mina.form("/notifications/"+ids[0][1]+"/read", map[string]string{"next": "/notifications?show=unread"}), 303)
	if r.header.Get("Location") != "/notifications?show=unread" {
		t.Errorf("leads to %s", r.header.Get("Location"))
	}
	if r := mina.form("/notifications/"+ids[1][1]+"/read", map[string]string{"next": "//evil.test"}); r.header.Get("Location") != "/notifications" {
		t.Errorf("leads away to %s", r.header.Get("Location"))
	}
	badge(`aria-label="Notifications: 53 new"`)
	w.want(w.client("swst_uploader").form("/notifications/"+ids[2][1]+"/read", nil), 404) // of another
	w.want(mina.form("/notifications/x/read", nil), 404)

	until := regexp.MustCompile(`name="until" value="(\d+)"`).FindStringSubmatch(page)
	w.clock.Add(1e9)
	w.ownTell(2, store.NotifySlash, "audit/1", 1) // while the page is looked at
	w.want(mina.form("/notifications/read", map[string]string{"until": until[1]}), 303)
	badge(`aria-label="Notifications: 1 new"`)
	w.ownHas(mina.get("/notifications?show=unread"), "A penalty of 0.000001 VIDYA")
	w.want(mina.form("/notifications/read", map[string]string{"until": "soon"}), 400)
	w.exec("UPDATE notifications SET seen_ms = 1")
	badge(`aria-label="Notifications"`)
	w.ownHas(mina.get("/notifications?show=unread"), "Nothing new.")
	for _, bad := range []string{"x", "1", "9e9.1"} {
		if r := mina.get("/notifications?cursor=" + bad); r.status != 400 {
			t.Errorf("cursor %q: %d", bad, r.status)
		}
	}
}

func TestNotificationSettings(t *testing.T) {
	w := newWorld(t)
	b := w.signUp("quiet")
	w.want(b.post("/notifications/settings", "kind=comment&kind=nonsense&kind=payout", "Content-Type", "application/x-www-form-urlencoded"), 303)
	page := string(w.want(b.get("/notifications/settings?saved=1"), 200).body)
	for kind, want := range map[string]bool{store.NotifyComment: true, store.NotifyPayout: true, store.NotifySlash: false, store.NotifySignIn: true} {
		if got := strings.Contains(page, `value="`+kind+`" checked`); got != want {
			t.Errorf("%s is on: %v", kind, got)
		}
	}
	if !strings.Contains(page, "Saved.") {
		t.Error("it is not said that it was saved")
	}
}

// The member's own pages, with something of everything.
func TestOwnPagesInABrowser(t *testing.T) {
	w := newWorld(t)
	up := w.member("uploader", 100*tokens.Unit, 60*tokens.Unit)
	for _, name := range []string{"debian-13.2-amd64-netinst.iso", "big-buck-bunny-4k", "A very long name of a torrent that somebody chose without thinking of phones at all (2026) [FLAC]",
		"archlinux-2026.11.01", "wikipedia-dump", "gutenberg-a-z", "holiday-pictures-2023", "holiday-pictures-2024", "holiday-pictures-2025"} {
		w.want(up.upload(bigTorrent(name)), 201)
	}
	now := w.now().UnixMilli()
	w.signUp("carol") // member 2
	w.exec("UPDATE torrents SET uploader = 2 WHERE id > 6")
	row := func(torrent bt.TorrentID, done bt.Bytes, cost tokens.Amount) swarm.DownloadRow {
		return swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Torrent: torrent}, Metered: done, Billed: done, MaxLeft: 4 * bt.GiB, MinLeft: 4*bt.GiB - done, Cost: cost,
			Quote: 9 * tokens.Unit, QuoteMs: now, FirstQuote: 9 * tokens.Unit, FirstMs: now - 3600_000*int64(torrent)}
	}
	finished := row(5, 4*bt.GiB, 38*tokens.Unit)
	finished.Completed = now
	left := func(n bt.Bytes, funded bool) func(*swarm.SessionRow) {
		return func(r *swarm.SessionRow) { r.Left, r.Funded = n, funded }
	}
	seeds := func(r *swarm.SessionRow) { r.SeedingMs, r.Uploaded = now, 123*bt.GiB }
	w.ownFlush(1, []swarm.SessionRow{ownSession(1, left(bt.GiB, true)), ownSession(2, left(3*bt.GiB, false)), ownSession(3, left(2*bt.GiB, true)),
		ownSession(5, seeds), ownSession(7, seeds), ownSession(8, seeds)}, row(1, 3*bt.GiB, 27*tokens.Unit), row(2, bt.GiB, 9*tokens.Unit), row(3, 2*bt.GiB, 18*tokens.Unit), finished)
	w.exec("UPDATE torrents SET price_utok_per_gib = 40000000, multiplier_ppm = 4000000 WHERE id IN (2, 8)")
	for _, n := range []struct {
		kind, ref string
		amount    tokens.Amount
	}{{store.NotifySignIn, "Firefox on Linux", 0}, {store.NotifyPayout, "epoch/3", 12_340_000}, {store.NotifyComment, "torrent/9/comment/1", 0}, {store.NotifyApproved, "torrent/8", 0},
		{store.NotifySlash, "audit/4", 250_000}, {store.NotifyLowBalance, "torrent/3", 17_500_000}} {
		w.clock.Add(1e9)
		w.ownTell(2, n.kind, n.ref, n.amount)
	}
	w.exec("UPDATE notifications SET seen_ms = 1 WHERE member = 2 AND kind IN ('comment', 'payout')")

	ctx := chromium(t)
	var mine, note, settings string
	err := chromedp.Do(ctx, chromedp.Navigate(w.url+"/sign-in?next=%2Fmine"), loaded("#password"), chromedp.SendKeys("#name", "carol"), chromedp.SendKeys("#password", password),
		press("main form button"), loaded("#seeding"), read(&mine), shoot("mine"), fits(t, "mine"),
		chromedp.Navigate(w.url+"/mine/history"), loaded("table"), shoot("mine-history"), fits(t, "history"),
		chromedp.Navigate(w.url+"/mine/uploads"), loaded("table"), shoot("mine-uploads"), fits(t, "uploads"),
		chromedp.Navigate(w.url+"/mine/key"), loaded("#reset-key"), shoot("mine-key"), fits(t, "key"),
		chromedp.Navigate(w.url+"/notifications"), loaded(".notices"), shoot("notifications"), fits(t, "notifications"),
		press("#read-all"), loaded(".notices li:not(.new)"), read(&note),
		chromedp.Navigate(w.url+"/notifications/settings"), loaded("form.switches"), shoot("notifications-settings"), fits(t, "settings"),
		press("form.switches input[value=comment]"), press("form.switches > button"), loaded(".done"), read(&settings))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(mine, "waits for the price") || !strings.Contains(mine, "27") || strings.Contains(note, "new\n") || strings.Contains(note, "Mark all") || !strings.Contains(settings, "Saved.") {
		t.Errorf("pages say\n%s\n%s\n%s", mine, note, settings)
	}
	if off, err := w.store.NotificationsOff(t.Context(), 2); err != nil || fmt.Sprint(off) != "[comment]" {
		t.Errorf("switched off: %v, %v", off, err)
	}
}
