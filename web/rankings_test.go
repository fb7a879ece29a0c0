package web_test

import (
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// says fails unless the page holds all the words, and none of those that begin with "!".
func (w *world) says(r reply, words ...string) {
	w.Helper()
	page := html.UnescapeString(string(w.want(r, 200).body))
	for _, text := range words {
		if unwanted, ok := strings.CutPrefix(text, "!"); ok == strings.Contains(page, unwanted) {
			w.Errorf("want %q in: %s", text, mainOf(page))
		}
	}
}

// mainOf is the text of a page's own part.
func mainOf(page string) string {
	_, page, _ = strings.Cut(page, `<main id="main" class="wrap" tabindex="-1">`)
	page, _, _ = strings.Cut(page, "</main>")
	return strings.Join(strings.Fields(regexp.MustCompile("<[^>]*>").ReplaceAllString(page, " ")), " ")
}

// busyEpochs runs and settles epochs in which member 1 downloads torrent 1 from member 2, who has proven to
// have it, and counts them.
func (w *world) busyEpochs(n int) {
	w.Helper()
	for i := range n {
		now := w.now().UnixMilli()
		u := func(m bt.MemberID, billed, claimed bt.Bytes, charge tokens.Amount) swarm.UsageRow {
			return swarm.UsageRow{Epoch: int64(i + 1), DownloadKey: swarm.DownloadKey{Member: m, Torrent: 1}, Billed: billed, Claimed: claimed, Charge: charge, FromMs: now, ToMs: now + time.Hour.Milliseconds()}
		}
		took := bt.Bytes(i%5+1) * 300 << 20
		b := &swarm.Batch{Number: int64(i + 1), Usage: []swarm.UsageRow{u(1, took, 0, tokens.Amount(took>>20)*tokens.Unit/100), u(2, 0, took, 0)}}
		for m := range bt.MemberID(2) {
			b.Downloads = append(b.Downloads, swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: m + 1, Torrent: 1}, Introduced: swarm.Everybody(), Seq: int64(i + 1), FirstMs: 1})
		}
		if err := w.store.Flush(w.Context(), b); err != nil {
			w.Fatal(err)
		}
		w.exec("INSERT INTO proven (epoch, claim, proven_ms) VALUES (?, 1, 3600000)", i+1)
		w.clock.Add(int64(time.Hour))
		if _, err := w.store.NextEpoch(w.Context(), availability.DefaultParams(), [32]byte{byte(i)}); err != nil {
			w.Fatal(err)
		}
		epochs, err := w.store.Epochs(w.Context(), 2)
		if err != nil {
			w.Fatal(err)
		}
		trusting := settle.DefaultParams()
		trusting.HonestPPM = 0
		rules := store.Rules{Settle: trusting, Availability: availability.DefaultParams(), Surge: surge.DefaultParams()}
		if _, err := w.store.SettleEpoch(w.Context(), rules, epochs[0]); err != nil {
			w.Fatal(err)
		}
		if err := w.store.KeepRankings(w.Context()); err != nil {
			w.Fatal(err)
		}
	}
}

// busy is a world with a torrent that one member downloads and another seeds.
func busy(t *testing.T, epochs int) (w *world, taker, seeder *client) {
	w = newWorld(t)
	taker, seeder = w.member("taker", 1000*tokens.Unit, 60*tokens.Unit), w.member("seeder", 0, 0)
	w.want(seeder.upload(bigTorrent("debian-13.2-amd64-netinst.iso")), 201)
	if err := w.store.ApproveTorrent(t.Context(), 1, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
		t.Fatal(err)
	}
	w.host(1, 1, 2, 0, 4<<30, true, false)
	w.busyEpochs(epochs)
	seeder.http = w.browser().http // which does not follow redirects
	return w, taker, seeder
}

// offers are a market of one torrent that pays well and wants hosts, and one that nobody wants.
func (w *world) offers() {
	w.seeding.terms = web.MarketEconomy{Replicas: 5, HostingRate: web.Utok(tokens.Unit / 500), TorrentCap: web.Utok(tokens.Unit)}
	w.seeding.market = []web.MarketTorrent{
		{ID: 1, InfoHash: strings.Repeat("a", 40), Name: "debian-13.2-amd64-netinst.iso", Category: "software", Size: 4 << 30, Price: 12e6, Approved: true, Seeders: 3, Leechers: 2,
			Hosts: 1, Day: 9 << 30, DayPaid: web.Utok(6 * tokens.Unit), CreatedAt: time.Unix(1_790_000_000, 0)},
		{ID: 2, InfoHash: strings.Repeat("b", 40), Name: "holidays.zip", Category: "other", Size: 700 << 20, Price: 10e6, Hosts: 9, CreatedAt: time.Unix(1_790_000_000, 0)},
	}
}

// TestTopTorrents: each list shows what belongs into it, and says something where there is nothing.
func TestTopTorrents(t *testing.T) {
	w, taker, _ := busy(t, 4)
	w.says(taker.get("/top"), "Nobody downloads anything at the moment", "debian-13.2", "900.00 MiB") // the first two epochs are closed: 300 + 600 MiB
	w.says(taker.get("/top/scarce"), "Nothing is under-seeded")
	w.says(taker.get("/top/earning"), "Nothing pays at the moment")
	w.offers()
	w.says(taker.get("/top/scarce"), "debian-13.2", "9.00 GiB", "!holidays.zip")
	w.says(taker.get("/top/earning"), "debian-13.2", "0.423 VIDYA", "All of it: 0.192 VIDYA for hosting and 1.5 VIDYA for uploads a day.", "!holidays.zip")
	row := store.PriceRow{Torrent: 1, AtMs: w.now().UnixMilli(), MultiplierPPM: 1e6, Price: 10e6, Demand: 3 * bt.GiB, Capacity: 5 * bt.GiB}
	if err := w.store.SetPrices(t.Context(), []store.PriceRow{row}, func(store.PriceRow) bool { return true }); err != nil {
		t.Fatal(err)
	}
	w.says(taker.get("/top"), "3.00 GiB", "!Nobody downloads anything")
	for _, path := range []string{"/top", "/top/scarce", "/top/earning", "/top/uploaders", "/top/hosts", "/top/settings"} {
		if r := w.want(w.browser().get(path), 303); !strings.HasPrefix(r.header.Get("Location"), "/sign-in?next=%2Ftop") {
			t.Errorf("a visitor of %s is sent to %s", path, r.header.Get("Location"))
		}
	}
}

// TestTopMembersAskForIt: nobody is listed who did not switch it on, and who switches it off is gone.
func TestTopMembersAskForIt(t *testing.T) {
	w, taker, seeder := busy(t, 4)
	w.says(taker.get("/top/uploaders"), "Nobody is listed yet", "!<td")
	w.says(seeder.get("/top/settings"), "You are not listed", "List me")
	if r := w.want(seeder.form("/top/settings", map[string]string{"listed": "yes"}), 303); r.header.Get("Location") != "/top/settings" {
		t.Errorf("leads to %s", r.header.Get("Location"))
	}
	w.says(seeder.get("/top/settings"), "You are listed", "Take me off")
	for _, by := range []string{"", "?by=earned", "?by=bytes"} {
		w.says(seeder.get("/top/uploaders"+by), "seeder <span class=\"tag\">you", "7.2 VIDYA", "900.00 MiB", "You are listed", "!taker")
		w.says(taker.get("/top/hosts"+by), "seeder", "You: 0 VIDYA earned", "Nobody sees this but you")
	}
	w.want(seeder.form("/top/settings", map[string]string{"listed": "no"}), 303)
	w.says(seeder.get("/top/settings"), "You are not listed")
	w.says(taker.get("/top/uploaders"), "Nobody is listed yet", "!seeder")
	for _, bad := range append([]string{"", "maybe"}, naughty...) {
		w.want(seeder.form("/top/settings", map[string]string{"listed": bad}), 422)
		w.want(taker.do("GET", "/top/uploaders?"+encode(map[string]string{"by": "x" + bad}), nil), 400)
	}
}

// TestEconomyCharts: before two epochs are settled there are none; then each has its picture, table and words.
func TestEconomyCharts(t *testing.T) {
	w, _, _ := busy(t, 1)
	guest := w.client("")
	w.says(guest.get("/economy"), "The pictures begin once two epochs are settled", "!<figure")
	w, _, _ = busy(t, 4)
	guest = w.client("")
	w.says(guest.get("/economy"), "Minted and burned as a table", "From epoch 1 to epoch 4: 2.92 GiB in all, the most 1.17 GiB (epoch 4).", "Median price per GiB as a table",
		"to the treasury", `<rect class="s1"`, "From epoch 1 to epoch 4: 30 VIDYA in all", "!ZgotmplZ", "! style=")
}

// TestHomeForVisitors: figures and no names, and how to sign up.
func TestHomeForVisitors(t *testing.T) {
	w, _, _ := busy(t, 0)
	w.offers()
	w.says(w.client("").get("/"), "Create an account", "Anybody may sign up", "Price level", "the base price", "Hosted", "!debian", "!holidays")
	invite := newWorld(t, func(_ *web.Config, e *store.Economy) { e.Registration = store.RegisterInvite })
	w.says(invite.client("").get("/"), "Sign up with an invitation", "!Create an account")
}

// TestHomeForMembers: the state with the next step, what is scarce and what is new.
func TestHomeForMembers(t *testing.T) {
	w, taker, seeder := busy(t, 0)
	w.says(taker.get("/"), "Hello, taker", "1000 VIDYA free to spend", `href="/torrents">Find a torrent`, "Everything that is wanted has hosts enough", "debian-13.2-amd64")
	w.says(seeder.get("/"), "You are a guest", `href="/buy">Get access`)
	w.offers()
	w.says(taker.get("/"), "9.00 GiB", "!holidays")
	empty := newWorld(t)
	w.says(empty.member("alone", 0, 0).get("/"), "There is no torrent yet")
}

// TestHostingPages: a first visit explains, a code is in every command, and a node shows how it stands and why it
// earns what it earns.
func TestHostingPages(t *testing.T) {
	w, taker, seeder := busy(t, 0)
	w.says(taker.get("/hosting"), "It needs no stake to begin", "Get a pairing code", "Nothing pays hosts at the moment", "--code ABCD-EFGH", "swarmseed.exe", "docker run")
	w.offers()
	w.says(taker.get("/hosting"), "1.692 VIDYA", "1 torrent, the best paid per GiB", "48 VIDYA", "20.00 GiB count without collateral")
	r := w.want(taker.form("/hosting/codes", nil), 200)
	if n := strings.Count(string(r.body), "--code "); n != 5 || strings.Contains(string(r.body), "ABCD-EFGH") {
		t.Errorf("%d commands with the code: %s", n, r.body)
	}
	node := w.pair(seeder)
	w.says(seeder.get("/hosting"), "Audit score", "0 confirmed faults in 0 audits (0 %); suspended above 10 % once there are 20.", "0 % of at most 30 %", "You have none yet")
	path := fmt.Sprintf("/hosting/nodes/%d", node)
	w.says(seeder.get(path), "What it earned", "Nothing in these days yet", "No torrent earned anything")
	w.seeding.earned = earnedSample()
	w.says(seeder.get(path), "Nobody else proved to have it", "collateral 40 %", "From 2026-11-18 to 2026-11-20", "Of it: uploads +3 VIDYA, hosting +1.5 VIDYA", "penalties −0.5 VIDYA")
	if w.seeding.days != 14 {
		t.Errorf("%d days were asked for", w.seeding.days)
	}
}

// earnedSample is what a node earned in three days.
func earnedSample() web.Earnings {
	const unit = web.Utok(tokens.Unit)
	return web.Earnings{Today: unit, Pending: unit / 4,
		Days: []web.EarningsDay{{Date: "2026-11-18", Upload: unit, Hosting: unit / 2}, {Date: "2026-11-19", Upload: unit, Hosting: unit / 2, Slashed: unit / 2}, {Date: "2026-11-20", Upload: unit, Hosting: unit / 2, Hot: unit / 5}},
		Torrents: []web.EarningsTorrent{{InfoHash: strings.Repeat("a", 40), Name: "debian-13.2-amd64-netinst.iso", Bytes: 4 << 30, Epoch: unit / 20, EpochHeld: unit / 40, Day: unit / 2, DayUpload: unit, Hosts: 1, Scarcity: 1e6,
			Score: 985_000, Geo: 1_150_000, Collateral: 400_000, Why: "Nobody else proved to have it, so its work counts in full; the audit score is 98.5 %; collateral covers 40 % of what this node claims."}}}
}

// TestRankingsInABrowser: the pages fit a phone, in light and dark, without errors of their own.
func TestRankingsInABrowser(t *testing.T) {
	w, _, seeder := busy(t, 9)
	w.offers()
	w.seeding.earned = earnedSample()
	w.pair(seeder)
	w.want(seeder.form("/top/settings", map[string]string{"listed": "yes"}), 303)
	guests := chromium(t)
	var economy string
	err := chromedp.Do(guests, chromedp.Navigate(w.url), loaded(".hero"), shoot("r-home-visitor"), fits(t, "home"),
		chromedp.Navigate(w.url+"/economy"), loaded(".bars"), read(&economy), shoot("r-economy"), fits(t, "economy"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(economy, "Where the payments went") {
		t.Errorf("economy: %s", economy)
	}
	if err := chromedp.Do(guests, chromedp.Navigate(w.url+"/sign-up"), loaded("#password"), chromedp.SendKeys("#name", "carol"), chromedp.SendKeys("#password", password),
		press("main form button"), loaded(".who .name")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/top", "/top/scarce", "/top/earning", "/top/uploaders", "/top/settings", "/hosting"} {
		if err := chromedp.Do(guests, chromedp.Navigate(w.url+path), loaded("h1"), shoot("r"+strings.ReplaceAll(path, "/", "-")), fits(t, path)); err != nil {
			t.Fatal(err)
		}
	}
	var code string
	if err := chromedp.Do(guests, press("form[action='/hosting/codes'] button"), loaded(".code"), shoot("r-hosting-code"), fits(t, "code"), read(&code)); err != nil {
		t.Fatal(err)
	}
	pair := regexp.MustCompile(`--code (\S+)`).FindStringSubmatch(code)
	if pair == nil {
		t.Fatalf("no code: %s", code)
	}
	other := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("o", 32)))
	w.want(w.client("").post("/api/v1/nodes/pair", fmt.Sprintf(`{"code":%q,"public_key":%q,"name":"attic"}`, pair[1], other)), 201)
	err = chromedp.Do(guests, chromedp.Navigate(w.url+"/hosting"), loaded(".scores"), shoot("r-hosting"), fits(t, "hosting"),
		chromedp.Navigate(w.url+"/hosting/nodes/2"), loaded("#earned"), shoot("r-node"), fits(t, "node"))
	if err != nil {
		t.Fatal(err)
	}
}
