package web_test

import (
	"context"
	"database/sql"
	"fmt"
	"html"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

var actionButton = regexp.MustCompile(`<a class="button action" href="([^"]*)"( download)?>([^<]*)<span>([^<]*)</span></a>`)

// action is the one big button of a torrent's page: where it leads and what it says.
func (c *client) action(ih string) (href, says string) {
	c.w.Helper()
	r := c.w.want(c.get("/torrents/"+ih), 200)
	all := actionButton.FindAllSubmatch(r.body, -1)
	if len(all) > 1 {
		c.w.Fatalf("%d big buttons: %q", len(all), all)
	}
	if len(all) == 0 {
		return "", ""
	}
	m := all[0]
	if (len(m[2]) > 0) != strings.HasSuffix(string(m[1]), "/file") {
		c.w.Errorf("download is marked wrongly: %s", m[0])
	}
	return html.UnescapeString(string(m[1])), html.UnescapeString(strings.TrimSpace(string(m[3])) + ": " + string(m[4]))
}

// torrentGrant gives a member tokens.
func (w *world) torrentGrant(id string, m bt.MemberID, a tokens.Amount) {
	w.Helper()
	if err := w.store.Post(w.Context(), tokens.Transfer{ID: id, Asset: tokens.Token, From: tokens.Issuance, To: tokens.Available(m), Amount: a, Code: tokens.CodeGrant, Ref: "test"}); err != nil {
		w.Fatal(err)
	}
}

// torrentSQL changes the database as only other parts of the program would.
func (w *world) torrentSQL(query string, args ...any) {
	w.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(w.dir, store.FileName))
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil {
		w.Fatal(err)
	}
}

// What is missing is exactly what lets a newcomer begin: the stake, the fee for joining, and the full cost.
func TestTorrentOfferOfANewcomer(t *testing.T) {
	w := newWorld(t)
	guest := w.member("guest", 20*tokens.Unit, 0)
	ih := w.want(guest.upload(bigTorrent("big")), 201).json(t)["infohash"].(string) // 4 GiB at 10: 40
	back := url.QueryEscape("/torrents/" + ih)
	if href, says := guest.action(ih); href != "/buy?next="+back+"&tokens=75" || says != "Buy 75 VIDYA: exactly what is missing: 50 VIDYA stake + 5 VIDYA fee for joining + 40 VIDYA for this download − 20 VIDYA that you have" {
		t.Errorf("%s leads to %s", says, href)
	}
	page := text(w.want(guest.get("/torrents/"+ih), 200))
	if !strings.Contains(page, "Download .torrent all the same") || !strings.Contains(page, "You cannot begin yet.") {
		t.Error("the file cannot be had without paying, or nothing says why it does not help")
	}
	w.torrentGrant("g", 1, 75*tokens.Unit-1)
	if _, says := guest.action(ih); !strings.HasPrefix(says, "Buy 0.000001 VIDYA: exactly what is missing: 50 VIDYA stake") {
		t.Error(says)
	}
	w.torrentGrant("h", 1, 1)
	if href, says := guest.action(ih); href != "/buy?next="+back || says != "Join: you have all that it takes: 50 VIDYA stake + 5 VIDYA fee for joining + 40 VIDYA for this download" {
		t.Errorf("%s leads to %s", says, href)
	}
	w.want(guest.pay("/api/v1/stake", "s", `{"amount_utok":"50000000"}`), 201)
	if href, says := guest.action(ih); href != "/torrents/"+ih+"/file" || says != "Download .torrent: full cost 40 VIDYA, you can afford all of it" {
		t.Errorf("%s leads to %s", says, href)
	}
	if q := w.want(guest.get("/api/v1/torrents/"+ih+"/quote"), 200).json(t); q["available_utok"] != "40000000" || q["reason"] != "" {
		t.Errorf("one bought too much or too little: %v", q)
	}
}

func TestTorrentOfferOfAMember(t *testing.T) {
	w := newWorld(t)
	alice, boss := w.member("alice", 30*tokens.Unit, 60*tokens.Unit), w.operator()
	ih := w.want(alice.upload(bigTorrent("big")), 201).json(t)["infohash"].(string)
	path := "/torrents/" + ih
	says := func(want string) {
		t.Helper()
		if _, got := alice.action(ih); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	says("Buy 10 VIDYA: exactly what is missing: 40 VIDYA for this download − 30 VIDYA that you have")
	w.want(alice.form(path+"/budget", map[string]string{"gib": "2"}), 200)
	says("Download .torrent: full cost 40 VIDYA, you can afford 3.00 GiB")
	w.want(alice.form(path+"/budget", map[string]string{"clear": "1"}), 200)
	w.allow("a", 1, bt.GiB)
	says("Download .torrent: full cost 30 VIDYA, you can afford all of it")
	w.want(alice.do("PUT", "/api/v1/wallet/max-price", strings.NewReader(`{"max_price_utok_per_gib":"1"}`)), 200)
	says("Change your maximum price: it is below the price of this torrent")
	w.want(alice.do("PUT", "/api/v1/wallet/max-price", strings.NewReader(`{"max_price_utok_per_gib":"0"}`)), 200)
	w.allow("b", 1, 3*bt.GiB)
	says("Download .torrent: full cost nothing: your free allowance covers it")
	w.want(boss.form(path+"/free", map[string]string{"days": "2"}), 303)
	says("Download .torrent: free at the moment")
	w.want(boss.form(path+"/free", map[string]string{"end": "1", "days": "2"}), 303)
	row := swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: 1, Torrent: 1}, Metered: 3 * bt.GiB, MaxLeft: 4 * bt.GiB, MinLeft: bt.GiB, Seq: 1, Cost: 30_000_000,
		Quote: 11 * tokens.Unit, QuoteMs: w.now().UnixMilli()}
	if err := w.store.Flush(t.Context(), &swarm.Batch{Number: 1, Downloads: []swarm.DownloadRow{row}}); err != nil {
		t.Fatal(err)
	}
	w.live.downloads = map[swarm.DownloadKey]swarm.DownloadRow{row.DownloadKey: row}
	says("Download .torrent: full cost nothing: your free allowance covers it")
	page := text(w.want(alice.get(path), 200))
	for _, want := range []string{`Your download: <span data-live="done-text">75 %<`, `3.00 GiB</span> so far for`, "30 VIDYA", "11 VIDYA per GiB is frozen until"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text(w.want(boss.get(path), 200)), "Your download") {
		t.Error("another member's download is shown")
	}
	row.Metered, row.MinLeft, row.Seq, row.Completed = 4*bt.GiB, 0, 2, 5
	if err := w.store.Flush(t.Context(), &swarm.Batch{Number: 2, Downloads: []swarm.DownloadRow{row}}); err != nil {
		t.Fatal(err)
	}
	says("Download .torrent: you have all of it; seeding costs nothing")
}

// Where nobody can join the page does not ask for money.
func TestTorrentOfferWithoutASeat(t *testing.T) {
	w := newWorld(t, func(_ *web.Config, e *store.Economy) { e.Route, e.Seats = store.RouteGate, 4 })
	for i := range 3 {
		w.member(fmt.Sprint("member", i), 0, 100*tokens.Unit)
	}
	guest := w.member("guest", 0, 0)
	ih := w.want(guest.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	if href, says := guest.action(ih); href != "" || !strings.Contains(text(w.want(guest.get("/torrents/"+ih), 200)), "All seats are taken") {
		t.Errorf("%s leads to %s", says, href)
	}
}

// Peers are shown as programs: no name, no address, and one's own marked.
func TestTorrentPeers(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	bob := w.signUp("bob")
	ih := w.want(alice.upload(bigTorrent("big")), 201).json(t)["infohash"].(string)
	if page := text(w.want(alice.get("/torrents/"+ih), 200)); !strings.Contains(page, "Nobody is in the swarm at the moment") {
		t.Error("an empty swarm has no words")
	}
	w.live.peers = map[bt.TorrentID][]swarm.Peer{1: {
		{Member: 1, ID: bt.PeerID([]byte("-TR4050-xxxxxxxxxxxx")), Since: w.now().Add(-time.Hour), Seen: w.now().Add(-3 * time.Minute)},
		{Member: 2, ID: bt.PeerID([]byte("-qB5050-xxxxxxxxxxxx")), Left: 3 * bt.GiB, Seen: w.now()},
		{Member: 9, ID: bt.PeerID([]byte("-<b>\xff\"-xxxxxxxxxxxxxx")), Left: 1 << 53},
	}}
	page := string(w.want(bob.get("/torrents/"+ih), 200).body)
	peers := page[strings.Index(page, `id="peers"`):strings.Index(page, `id="comments"`)]
	for _, want := range []string{"Transmission 4.0.5", "qBittorrent 5.0.5", ">100 %<", ">25 %<", ">0 %<", `<span class="tag ok">you</span>`, "3 min", "3 seeders"} {
		if !strings.Contains(peers, want) {
			t.Errorf("peers lack %q", want)
		}
	}
	if strings.Contains(peers, "These are the first") {
		t.Error("a short list is said to be cut")
	}
	if i, j := strings.Index(peers, "qBittorrent"), strings.Index(peers, "Transmission"); i > j {
		t.Error("one's own is not first")
	}
	if strings.Contains(peers, "alice") || strings.Contains(peers, "bob") || strings.Count(peers, ">you<") != 1 || strings.Contains(peers, "<b>") {
		t.Errorf("somebody is named, or a client's bytes are HTML: %s", peers)
	}
	w.live.peers[1] = make([]swarm.Peer, 60)
	if page := text(w.want(bob.get("/torrents/"+ih), 200)); !strings.Contains(page, "These are the first 50, seeders before leechers") {
		t.Error("nothing says that the list is cut")
	}
}

// albumTorrent is a torrent with folders; path elements as given, all of 16 KiB.
func albumTorrent(name string, paths ...[]string) []byte {
	var b strings.Builder
	b.WriteString("d4:infod5:filesl")
	for _, p := range paths {
		b.WriteString("d6:lengthi16384e4:pathl")
		for _, part := range p {
			b.WriteString(length(part))
		}
		b.WriteString("ee")
	}
	b.WriteString("e4:name" + length(name) + "12:piece lengthi16384e6:pieces" + length(strings.Repeat("h", 20*len(paths))) + "ee")
	return []byte(b.String())
}

func TestTorrentFilesAreShown(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	ih := w.want(alice.upload(albumTorrent("album", []string{"CD 2", "10 - z.flac"}, []string{"CD 2", "9 - y<b>.flac"}, []string{"cover.jpg"})), 201).json(t)["infohash"].(string)
	page := string(w.want(alice.get("/torrents/"+ih), 200).body)
	files := page[strings.Index(page, `id="files"`):strings.Index(page, `id="pays"`)]
	last := -1
	for _, want := range []string{"In a folder", "album", "3 pieces of 16.00 KiB, BitTorrent v1", "CD 2/", "2 files, 32.00 KiB", "9 - y&lt;b&gt;.flac", "10 - z.flac", "cover.jpg</bdi> <span class=\"size\">16.00 KiB"} {
		i := strings.Index(files, want)
		if i <= last {
			t.Errorf("%q is not there, or not behind what comes before it: %s", want, files)
		}
		last = i
	}
	// A torrent of one file; one that cannot be read does not spoil the page.
	ih = w.want(alice.upload(torrentFile("single.iso")), 201).json(t)["infohash"].(string)
	if page := text(w.want(alice.get("/torrents/"+ih), 200)); !strings.Contains(page, "<bdi>single.iso</bdi>") || strings.Contains(page, "In a folder") || !strings.Contains(page, "in 1 file ·") {
		t.Error("one file is not shown")
	}
	var broken bt.InfoHash
	broken[0] = 7
	if _, err := w.store.AddTorrent(t.Context(), store.NewTorrent{InfoHash: broken, Name: "broken", Size: 5, PieceBytes: 1, Files: 1, Metainfo: []byte("no"), Uploader: 1}); err != nil {
		t.Fatal(err)
	}
	if page := text(w.want(alice.get("/torrents/"+broken.String()), 200)); !strings.Contains(page, "list of files cannot be shown") {
		t.Error("nothing says that the list is missing")
	}
}

// What hosting pays is told by the market's figures, once it knows the torrent.
func TestTorrentPageTellsWhatHostingPays(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	var ih string
	for i := range 10 { // the market's first torrent has number 10
		ih = w.want(alice.upload(torrentFile(fmt.Sprint("t", i))), 201).json(t)["infohash"].(string)
	}
	pays := func() string {
		t.Helper()
		page := text(w.want(alice.get("/torrents/"+ih), 200))
		return page[strings.Index(page, `id="pays"`):strings.Index(page, `id="hosting"`)]
	}
	if got := pays(); !strings.Contains(got, "figures for hosts come") {
		t.Error(got)
	}
	w.seeding.torrents = 1
	if got := pays(); !strings.Contains(got, "Nothing yet:") || !strings.Contains(got, "nobody took any of it") {
		t.Error(got)
	}
	if err := w.store.ApproveTorrent(t.Context(), 10, 0); err != nil {
		t.Fatal(err)
	}
	if got := pays(); !strings.Contains(got, "Nobody proved to have it yet, and up to 5 count in full") || !strings.Contains(got, "a day for one more host") {
		t.Error(got)
	}
}

// Tags lead to the catalogue; those who may edit find the way, and everybody the history.
func TestTorrentPageTagsAndEdits(t *testing.T) {
	w := newWorld(t)
	boss, alice, bob := w.operator(), w.signUp("alice"), w.signUp("bob")
	ih := w.want(alice.upload(torrentFile("a"), "tags", "linux amd64"), 201).json(t)["infohash"].(string)
	for who, c := range map[string]*client{"edit": alice, "changes": bob} {
		page := string(w.want(c.get("/torrents/"+ih), 200).body)
		for _, want := range []string{`<a class="tag" href="/torrents?tag=linux">linux</a>`, `?tag=amd64"`, `<a href="/torrents/` + ih + `/edit">` + who + `</a>`} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
		if strings.Contains(page, `id="operate"`) {
			t.Error("a member sees what operators do")
		}
	}
	if page := string(w.want(boss.get("/torrents/"+ih), 200).body); !strings.Contains(page, `id="operate"`) || !strings.Contains(page, "Edit it, or withdraw it") {
		t.Error("an operator does not see what he may do")
	}
}

// Of many sponsors those with the most left are shown.
func TestTorrentSponsorsAreBounded(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 100*tokens.Unit, 0)
	ih := w.want(alice.upload(torrentFile("a")), 201).json(t)["infohash"].(string)
	for i := range 22 {
		w.want(alice.pay("/api/v1/torrents/"+ih+"/sponsor", fmt.Sprint("k", i), fmt.Sprintf(`{"amount_utok":"%d","hours":48}`, 1_000_000+i)), 201)
	}
	page := text(w.want(alice.get("/torrents/"+ih), 200))
	if !strings.Contains(page, "most left of 22 sponsors, who have 22.000231 VIDYA left together") || strings.Count(page, " left of 1.") != 20 ||
		strings.Contains(page, "1.000001 VIDYA left of") || !strings.Contains(page, "1.000021 VIDYA left of 1.000021 VIDYA") {
		t.Error(page[strings.Index(page, `id="sponsors"`):strings.Index(page, `id="budget"`)])
	}
}

// A torrent that was withdrawn has a page that says so, and nothing else of it can be had.
func TestWithdrawnTorrentPage(t *testing.T) {
	w := newWorld(t)
	alice := w.signUp("alice")
	ih := w.want(alice.upload(torrentFile("a"), "description", "secret words"), 201).json(t)["infohash"].(string)
	w.want(alice.form("/torrents/"+ih+"/comments", map[string]string{"text": "a remark"}), 303)
	if err := w.store.WithdrawTorrent(t.Context(), 1, 1, "the wrong <file>"); err != nil {
		t.Fatal(err)
	}
	page := text(w.want(alice.get("/torrents/"+ih), 410))
	for _, want := range []string{"withdrawn <time", "The reason: the wrong <file>", "taken out of the catalogue", "The price has not moved yet"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "secret words") || strings.Contains(page, "a remark") || strings.Contains(page, "/file") {
		t.Error("what was withdrawn is still shown")
	}
	for _, path := range []string{"/file", "/quote"} {
		w.want(alice.get("/api/v1/torrents/"+ih+path), 404)
	}
	w.want(alice.get("/torrents/"+ih+"/file"), 404)
	w.want(alice.form("/torrents/"+ih+"/comments", map[string]string{"text": "late"}), 404)
	w.want(alice.get("/torrents/"+strings.Repeat("0", 40)), 404)
	w.want(alice.get("/torrents/nonsense"), 404)
	w.want(w.browser().get("/torrents/"+ih), 303)
}

// unfold opens everything that is folded.
func unfold() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool]("document.querySelectorAll('details').forEach(d => d.open = true), true")(ctx, t)
		return err
	})
}

// The whole page, with all that it can show, in a real browser.
func TestTorrentPageInABrowser(t *testing.T) {
	w := newWorld(t)
	bob := w.member("bob", 100*tokens.Unit, 60*tokens.Unit)
	w.want(bob.upload(bigTorrent("first")), 201)
	w.want(bob.upload(bigTorrent("second")), 201)
	var paths [][]string
	for season := range 3 {
		for e := range 12 {
			paths = append(paths, []string{fmt.Sprintf("Season %d", season+1), fmt.Sprintf("The.Long.Name.Of.A.Series.S%02dE%02d.2160p.WEB.x265-SOMEBODY.mkv", season+1, e+1)})
		}
	}
	paths = append(paths, []string{"Extras", "Behind the scenes", "Making of", "part1.mkv"}, []string{"readme.txt"})
	ih := w.want(bob.upload(albumTorrent("The.Long.Name.Of.A.Series.Complete.2160p.WEB.x265-SOMEBODY", paths...), "category", "video", "description", "All three seasons.\n\nChecked against the originals."), 201).json(t)["infohash"].(string)
	w.torrentSQL("UPDATE torrents SET size_bytes = 4294967296 WHERE id = 3")
	w.scenery(t)
	w.live.peers = map[bt.TorrentID][]swarm.Peer{3: {{Member: 1, ID: bt.PeerID([]byte("-qB5050-xxxxxxxxxxxx")), Since: w.now().Add(-5 * time.Hour), Seen: w.now()},
		{Member: 9, ID: bt.PeerID([]byte("-TR4050-xxxxxxxxxxxx")), Left: bt.GiB, Seen: w.now().Add(-9 * time.Minute)}}}
	for i, m := range []bt.MemberID{1, 1, 1} {
		if _, err := w.store.AddComment(t.Context(), store.NewComment{Torrent: 3, Member: m, Text: []string{"Audio is in two languages.", "Seeding from a fast line until the end of the year.", "https://example.invalid/" + strings.Repeat("longword", 30)}[i]}); err != nil {
			t.Fatal(err)
		}
	}
	ctx := chromium(t)
	var first, afterwards string
	err := chromedp.Do(ctx,
		chromedp.Navigate(w.url+"/sign-up"), loaded("#password"), chromedp.SendKeys("#name", "carol"), chromedp.SendKeys("#password", password),
		press("main form button"), loaded("#deposit"),
		chromedp.Navigate(w.url+"/torrents/"+ih), loaded("#add-comment"), read(&first), shoot("torrent-page"), fits(t, "torrent page"),
		chromedp.SendKeys("#comment", "Thank you."), press("#do-comment"), loaded("#comment-4:target"), read(&afterwards), unfold(), shoot("torrent-comment"),
		press("#comment-4 form[action$='/delete'] button"), loaded("#comment-4:target:not(:has(form))"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"How this price came about", "Season 1/", "Extras/Behind the scenes/Making of/", "Transmission 4.0.5", "Buy "} {
		if !strings.Contains(first, want) {
			t.Errorf("the page lacks %q: %s", want, first)
		}
	}
	if !strings.Contains(afterwards, "Thank you.") {
		t.Error("the comment is not shown")
	}
}
