package web_test

import (
	"database/sql"
	"html"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// searchTorrent is a torrent of the catalogue under test.
type searchTorrent struct {
	name     string
	tags     string
	category catalog.Category
	change   string // of its row
}

var searchCatalogue = []searchTorrent{
	{"debian-13.2_amd64.iso", "linux os-image", "software", "price_utok_per_gib = 500000, approved_ms = 1"},
	{"The Debian handbook <b>2nd</b> edition", "linux book", "books", "price_utok_per_gib = 3000000, saturation_ppm = 700000"},
	{"Night sky survey", "stars", "datasets", "price_utok_per_gib = 1000000, free_until_ms = 9000000000000, demand_bytes = 5000000"},
	{"Voices", "", "audio", "saturation_ppm = 100000, price_utok_per_gib = 2000000, approved_ms = 1"},
}

// searchWorld is a site with a small catalogue, and a member's browser.
func searchWorld(t *testing.T) (*world, *client) {
	w := newWorld(t)
	w.member("alice", 1000, 0)
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(w.dir, store.FileName)+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, x := range searchCatalogue {
		tags, err := catalog.ParseTags(x.tags)
		if err != nil {
			t.Fatal(err)
		}
		id, err := w.store.AddTorrent(t.Context(), store.NewTorrent{InfoHash: bt.InfoHash{byte(i + 1)}, Name: x.name, Size: bt.Bytes(i+1) << 30, PieceBytes: 1 << 20, Files: 1,
			Metainfo: []byte{0}, Uploader: 1, Category: x.category, Tags: tags})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("UPDATE torrents SET "+x.change+" WHERE id = ?", id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.store.PutCollection(t.Context(), 1, store.NewCollection{Name: "best", Title: "The best"}); err != nil {
		t.Fatal(err)
	}
	if err := w.store.AddToCollection(t.Context(), 1, "best", 3); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO downloads (member, torrent, metered_bytes, pass_metered_bytes, billed_bytes, max_left_bytes, min_left_bytes, cost_utok, cost_rem, charged_utok,
			reserved_utok, quote_utok_per_gib, quote_ms, first_quote_utok_per_gib, first_ms, completed_ms, seq)
		VALUES (1, 3, 5, 0, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0), (1, 4, 5, 0, 5, 9, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0)`); err != nil {
		t.Fatal(err)
	}
	return w, w.client("swst_alice")
}

var searchedRow = regexp.MustCompile(`<th scope="row"><a href="/torrents/[0-9a-f]{40}">([^<]*)</a>`)

// searched are the first letters of the torrents on a page of the catalogue, in order.
func searched(page string) (letters string) {
	for _, m := range searchedRow.FindAllStringSubmatch(page, -1) {
		letters += m[1][:1]
	}
	return letters
}

func TestSearchPage(t *testing.T) {
	w, alice := searchWorld(t)
	for query, want := range map[string]string{
		"":                                    "VNTd",
		"q=debian":                            "dT",
		"q=DEBIAN+13.2":                       "d",
		"q=deb":                               "dT",
		"q=linux&sort=new":                    "Td",
		"q=!!!":                               "VNTd",
		"category=audio":                      "V",
		"tag=LINUX":                           "Td",
		"collection=best":                     "N",
		"max_price=2":                         "VNd",
		"min_saturation=10&max_saturation=69": "V",
		"max_saturation=70":                   "VNTd",
		"max_saturation=0":                    "Nd",
		"free=1":                              "N",
		"approved=1&free=0":                   "Vd",
		"sort=cheap":                          "dNVT",
		"sort=price":                          "TVNd",
		"sort=size":                           "VNTd",
		"sort=wanted":                         "NVTd",
		"sort=earns":                          "VNTd",
		"sort=seeders&limit=1":                "V",
		"min_proven=1":                        "",
		"q=debian&category=books&tag=linux&collection=&max_price=3&min_saturation=70&max_saturation=&min_proven=&sort=": "T",
	} {
		page := string(w.want(alice.get("/torrents?"+query), 200).body)
		if got := searched(page); got != want {
			t.Errorf("%s shows %s; want %s", query, got, want)
		}
	}
	page := string(alice.get("/torrents?sort=wanted").body)
	for _, says := range []string{"you have it", "you took part of it", "free now", "not approved yet", "4.76 MiB wanted lately", `href="/torrents?sort=wanted&amp;tag=os-image"`,
		`href="/torrents?category=audio&amp;sort=wanted"`, "The Debian handbook &lt;b&gt;2nd&lt;/b&gt; edition"} {
		if !strings.Contains(page, says) {
			t.Errorf("the page does not say %q", says)
		}
	}
}

// What is on can be taken away one by one; if nothing is left, the page says which filter to drop.
func TestSearchChips(t *testing.T) {
	w, alice := searchWorld(t)
	page := string(w.want(alice.get("/torrents?q=debian&category=books&max_price=3&sort=cheap"), 200).body)
	for _, chip := range []string{`href="/torrents?category=books&amp;max_price=3&amp;sort=cheap" aria-label="Remove the filter: “debian”"`,
		`href="/torrents?max_price=3&amp;q=debian&amp;sort=cheap" aria-label="Remove the filter: books"`, `href="/torrents?category=books&amp;q=debian&amp;sort=cheap" aria-label="Remove the filter: at most 3 VIDYA per GiB"`} {
		if !strings.Contains(page, chip) {
			t.Errorf("no chip %s", chip)
		}
	}
	if strings.Count(page, "Remove the filter") != 3 {
		t.Error("not three chips")
	}
	page = string(w.want(alice.get("/torrents?q=debian&category=audio"), 200).body)
	if searched(page) != "" || !strings.Contains(page, `<a href="/torrents?q=debian">without audio</a>`) || !strings.Contains(page, `<a href="/torrents?category=audio">without “debian”</a>`) {
		t.Errorf("it is not said what to drop: %s", page)
	}
	page = string(w.want(alice.get("/torrents?q=debian&category=audio&free=1"), 200).body)
	if !strings.Contains(page, "not even with one filter less") {
		t.Error("a filter is offered that does not help")
	}
	if page = string(alice.get("/torrents?q=!!!").body); !strings.Contains(page, "no letters or digits") {
		t.Error("it is not said that there is nothing to search for")
	}
}

// Pages of every order together show everything once.
func TestSearchPages(t *testing.T) {
	w, alice := searchWorld(t)
	next := regexp.MustCompile(`href="([^"]*)" rel="next"`)
	for _, sort := range []string{"", "new", "cheap", "price", "seeders", "wanted", "size", "earns"} {
		for _, words := range []string{"", "linux", "a"} {
			all := searched(string(w.want(alice.get("/torrents?q="+words+"&sort="+sort), 200).body))
			address, got := "/torrents?limit=1&q="+words+"&sort="+sort, ""
			for range len(all) + 1 {
				page := string(w.want(alice.get(address), 200).body)
				got += searched(page)
				m := next.FindStringSubmatch(page)
				if m == nil {
					break
				}
				address = html.UnescapeString(m[1]) + "&limit=1"
			}
			if all == "" && words != "a" || got != all {
				t.Errorf("%q by %s: %s page by page; want %s", words, sort, got, all)
			}
		}
	}
}

// Nothing that is typed breaks the page or comes out as markup, and what was wrong is said above the form as typed.
func TestSearchNaughty(t *testing.T) {
	w, alice := searchWorld(t)
	params := []string{"q", "category", "tag", "collection", "max_price", "min_saturation", "max_saturation", "min_proven", "free", "approved", "sort", "cursor", "limit"}
	texts := []string{"'", "\"", "<script>alert(1)</script>", "\x00", "\u202e\u200b", "-1", "0", "1e9", "NaN", "99999999999999999999", "* OR NEAR/2 \"", "a:b", "\xff", strings.Repeat("x", 5000),
		"%", "../..", "1.2.3", "9223372036854775807.9223372036854775807.9223372036854775807", "-9223372036854775808.-1.-1", "進撃", "🎉", "1.1.1.1", "{{.}}"}
	for _, p := range params {
		for _, text := range texts {
			for _, path := range []string{"/torrents", "/api/v1/torrents"} {
				r := alice.get(path + "?" + p + "=" + url.QueryEscape(text))
				if r.status >= 500 || strings.Contains(string(r.body), "<script>alert") {
					t.Errorf("%s %s=%q: %d", path, p, text, r.status)
				}
			}
		}
	}
	page := string(w.want(alice.get("/torrents?q=debian&max_price=cheap"), 422).body)
	if !strings.Contains(page, `role="alert"`) || !strings.Contains(page, `value="debian"`) || !strings.Contains(page, `value="cheap"`) || !strings.Contains(page, "<details open>") {
		t.Errorf("the form is not shown again as it was typed: %s", page)
	}
	w.want(w.browser().get("/torrents?q=x"), 303)
}

// Somebody searches, opens the filters, uses one, and takes a filter away again.
func TestSearchInABrowser(t *testing.T) {
	w, _ := searchWorld(t)
	ctx := chromium(t)
	var first, filtered, last string
	err := chromedp.Do(ctx,
		chromedp.Navigate(w.url+"/sign-up"), loaded("#password"), chromedp.SendKeys("#name", "carol"), chromedp.SendKeys("#password", password), press("main form button"), loaded("#deposit"),
		chromedp.Navigate(w.url+"/torrents?sort=wanted"), loaded("tbody"), shoot("torrents"), fits(t, "torrents"),
		typed("#q", "deb"), press(".search button"), loaded(".chips li:only-child"), read(&first),
		press("summary"), typed("#max_price", "1"), press(".switches button"), loaded(".chips li:nth-child(3)"), shoot("torrents-filtered"), fits(t, "filtered"), read(&filtered),
		press(".chips a"), loaded(".chips li:only-child"), read(&last),
		chromedp.Navigate(w.url+"/torrents?q=debian&category=audio"), loaded(".empty"), shoot("torrents-nothing"), fits(t, "nothing"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(first, "debian-13.2") || !strings.Contains(first, "handbook") {
		t.Errorf("first %s", first)
	}
	if !strings.Contains(filtered, "debian-13.2") || strings.Contains(filtered, "handbook") || strings.Contains(last, "handbook") {
		t.Errorf("filtered %s, then %s", filtered, last)
	}
}
