package web_test

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/web"
)

const feedKey = "alice-feed-key-of-43-characters-0123456789a"

// feedWorld has alice, who has a feed key, and a catalogue of all sorts.
func feedWorld(t *testing.T, change ...func(*web.Config, *store.Economy)) (*world, *client) {
	t.Helper()
	w := newWorld(t, change...)
	alice := w.member("alice", 0, 0)
	if err := w.store.SetFeedKey(t.Context(), 1, feedKey); err != nil {
		t.Fatal(err)
	}
	for _, x := range [][2]string{{"Some.Show.S01E01.1080p", "video"}, {"Some.Show.S01E02.1080p", "video"}, {"Some.Show.S02E02.480p", "video"}, {"Daily.2024.05.12.720p", "video"},
		{"Some.Film.2020.1080p", "video"}, {"Band - First (2019) [FLAC]", "audio"}, {"Writer - A Book", "books"}, {"debian-13.iso", "software"}, {"weights", "models"}} {
		w.want(alice.upload(torrentFile(x[0]), "category", x[1]), 201)
	}
	return w, alice
}

// indexed is what a tool reads of an item.
type indexed struct {
	Title     string   `xml:"title"`
	GUID      string   `xml:"guid"`
	Link      string   `xml:"link"`
	PubDate   string   `xml:"pubDate"`
	Size      int64    `xml:"size"`
	Category  []string `xml:"category"`
	About     string   `xml:"description"`
	Enclosure struct {
		URL string `xml:"url,attr"`
	} `xml:"enclosure"`
	Attrs []struct {
		XMLName xml.Name
		Name    string `xml:"name,attr"`
		Value   string `xml:"value,attr"`
	} `xml:"attr"`
}

func (i indexed) attr(name string) string {
	for _, a := range i.Attrs {
		if a.Name == name && a.XMLName.Space == "http://torznab.com/schemas/2015/feed" {
			return a.Value
		}
	}
	return ""
}

type channel struct {
	Title    string `xml:"channel>title"`
	Response struct {
		Offset int `xml:"offset,attr"`
		Total  int `xml:"total,attr"`
	} `xml:"channel>response"`
	Items []indexed `xml:"channel>item"`
}

func (c channel) titles() string {
	var out []string
	for _, i := range c.Items {
		out = append(out, i.Title)
	}
	return strings.Join(out, " | ")
}

// index asks as a tool does: by address alone.
func (w *world) index(query string) channel {
	w.Helper()
	r := w.want(w.client("").get("/torznab/api/api?"+query), 200)
	if got := r.header.Get("Content-Type"); got != "application/xml; charset=utf-8" {
		w.Errorf("content type %s", got)
	}
	return w.channel(r)
}

func (w *world) channel(r reply) (c channel) {
	w.Helper()
	if err := xml.Unmarshal(r.body, &c); err != nil {
		w.Fatalf("%v\n%s", err, r.body)
	}
	return c
}

// The exact requests of tools find what they mean.
func TestToolsSearch(t *testing.T) {
	w, _ := feedWorld(t)
	const tail = "&extended=1&apikey=" + feedKey + "&offset=0&limit=100"
	everything := w.index("t=search" + tail)
	if len(everything.Items) != 9 || everything.Response.Total != 9 || everything.Items[0].Title != "weights" || everything.Items[8].Title != "Some.Show.S01E01.1080p" {
		t.Fatalf("%d %s", everything.Response.Total, everything.titles())
	}
	for query, want := range map[string]string{
		// Sonarr: what is new, an episode, a season, a day, and by number only.
		"t=tvsearch&cat=5030,5040" + tail:                                  "Daily.2024.05.12.720p | Some.Show.S02E02.480p | Some.Show.S01E02.1080p | Some.Show.S01E01.1080p",
		"t=tvsearch&cat=5040" + tail + "&q=Some+Show":                      "Some.Show.S01E02.1080p | Some.Show.S01E01.1080p",
		"t=tvsearch&cat=5030,5040" + tail + "&q=Some+Show&season=1&ep=2":   "Some.Show.S01E02.1080p",
		"t=tvsearch&cat=5030,5040" + tail + "&q=Some+Show&season=1":        "Some.Show.S01E02.1080p | Some.Show.S01E01.1080p",
		"t=tvsearch&cat=5030,5040" + tail + "&q=Daily&season=2024&ep=5/12": "Daily.2024.05.12.720p",
		"t=tvsearch&cat=5030,5040" + tail + "&tvdbid=1&season=1":           "",
		// Radarr.
		"t=movie&cat=2000,2010" + tail:                                 "Some.Film.2020.1080p",
		"t=movie&cat=2000,2010" + tail + "&q=Some%20Film%202020":       "Some.Film.2020.1080p",
		"t=movie&cat=2000,2010" + tail + "&imdbid=tt0133093":           "",
		"t=movie&cat=2000,2010" + tail + "&q=Some+Film&imdbid=0133093": "Some.Film.2020.1080p",
		// Prowlarr, with numbers of Newznab and of its own.
		"t=search" + tail + "&q=debian&cat=4000": "debian-13.iso",
		"t=search" + tail + "&cat=4020":          "debian-13.iso",
		"t=search" + tail + "&cat=100030":        "weights",
		"t=search" + tail + "&cat=7000,3000":     "Writer - A Book | Band - First (2019) [FLAC]",
		"t=search" + tail + "&cat=9999":          "",
		// Lidarr and Readarr.
		"t=music&cat=3000,3010,3040" + tail + "&artist=Band&album=First":  "Band - First (2019) [FLAC]",
		"t=music&cat=3010" + tail + "&artist=Band&album=First":            "",
		"t=book&cat=7020,8010" + tail + "&author=Writer&title=A+Book":     "Writer - A Book",
		"t=book&cat=7020,8010" + tail + "&author=Writer&title=Other+Book": "",
		// cross-seed.
		"apikey=" + feedKey + "&t=search&q=Some.Film.2020&limit=100":                 "Some.Film.2020.1080p",
		"apikey=" + feedKey + "&t=tvsearch&q=some+show&season=2&ep=2":                "Some.Show.S02E02.480p",
		"apikey=" + feedKey + "&t=tvsearch&q=&season=&ep=&limit=1":                   "Daily.2024.05.12.720p",
		"apikey=" + feedKey + "&t=search&q=&limit=2&offset=1":                        "debian-13.iso | Writer - A Book",
		"APIKEY=" + feedKey + "&T=search&q=%21%21%21":                                "",
		"apikey=" + feedKey + "&t=search&cat=&unknown=1&limit=1":                     "weights",
		"apikey=" + feedKey + "&t=search&offset=9":                                   "",
		"apikey=" + feedKey + "&t=search&offset=100000":                              "",
		"apikey=" + feedKey + "&t=search&q=weights&minseeders=3":                     "weights",
		"apikey=" + feedKey + "&t=search&q=weights&minseeders=4":                     "",
		"apikey=" + feedKey + "&t=search&q=weights&maxprice=1000":                    "weights",
		"apikey=" + feedKey + "&t=search&q=weights&maxprice=0.000001":                "",
		"apikey=" + feedKey + "&t=search&q=weights&freeleech=1":                      "",
		"apikey=" + feedKey + "&t=search&q=%3Cscript%3E%27%22%3B--&season=1&ep=oops": "",
	} {
		if got := w.index(query).titles(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
	// Pages follow one another without gap or double, and say that there is more.
	var paged []string
	for offset := 0; offset < 9; offset += 4 {
		c := w.index(fmt.Sprintf("t=search&apikey=%s&limit=4&offset=%d", feedKey, offset))
		paged = append(paged, c.titles())
		if c.Response.Offset != offset || c.Response.Total < offset+len(c.Items) || offset < 8 && c.Response.Total <= offset+4 {
			t.Errorf("at %d: %+v", offset, c.Response)
		}
	}
	if strings.Join(paged, " | ") != everything.titles() {
		t.Errorf("pages: %v", paged)
	}
}

// What is rare is found however short the list is that was asked for.
func TestToolsFindWhatIsRare(t *testing.T) {
	w, alice := feedWorld(t)
	for i := range 25 {
		w.want(alice.upload(torrentFile(fmt.Sprintf("Other.Film.2021.%d.480p", i)), "category", "video"), 201)
	}
	c := w.index("t=movie&cat=2040&limit=1&apikey=" + feedKey)
	if c.titles() != "Some.Film.2020.1080p" || c.Response.Total != 1 {
		t.Errorf("%s of %d", c.titles(), c.Response.Total)
	}
}

// Capabilities come at each of the addresses that tools make, and say what is supported.
func TestToolsAreSetUp(t *testing.T) {
	w, _ := feedWorld(t)
	for _, path := range []string{"/torznab/api", "/torznab/api/", "/torznab/api/api"} {
		r := w.want(w.client("").get(path+"?t=caps&apikey="+feedKey), 200)
		var caps struct {
			XMLName xml.Name `xml:"caps"`
			Search  struct {
				Available string `xml:"available,attr"`
				Params    string `xml:"supportedParams,attr"`
			} `xml:"searching>tv-search"`
			Categories []struct {
				ID int `xml:"id,attr"`
			} `xml:"categories>category"`
		}
		if err := xml.Unmarshal(r.body, &caps); err != nil || caps.Search.Available != "yes" || caps.Search.Params != "q,season,ep" || len(caps.Categories) != 18 {
			t.Errorf("%s: %+v %v", path, caps, err)
		}
	}
	head := w.want(w.client("").do("HEAD", "/torznab/api?t=search&apikey="+feedKey, nil), 200)
	if len(head.body) != 0 || head.header.Get("Cache-Control") != "no-store" || head.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", head.header)
	}
}

// wantTold checks an error's number, status and type.
func (w *world) wantTold(r reply, status, code int) {
	w.Helper()
	var e struct {
		XMLName     xml.Name `xml:"error"`
		Code        int      `xml:"code,attr"`
		Description string   `xml:"description,attr"`
	}
	if err := xml.Unmarshal(r.body, &e); err != nil || r.status != status || e.Code != code || e.Description == "" || !strings.HasPrefix(r.header.Get("Content-Type"), "application/xml") {
		w.Errorf("%d %s (%v), want %d with code %d", r.status, r.body, err, status, code)
	}
	if status == 401 && r.header.Get("WWW-Authenticate") == "" || status == 429 && r.header.Get("Retry-After") == "" {
		w.Errorf("headers %v", r.header)
	}
}

func TestToolsAreRefused(t *testing.T) {
	w, _ := feedWorld(t)
	anybody := w.client("")
	for query, want := range map[string][2]int{
		"": {401, 100}, "t=caps": {401, 100}, "t=caps&apikey=": {401, 100}, "t=search&apikey=" + feedKey + "x": {401, 100}, "t=search&apikey=swst_alice": {401, 100},
		"apikey=" + feedKey: {400, 200}, "t=search&limit=x&apikey=" + feedKey: {400, 201}, "t=search&maxprice=-1&apikey=" + feedKey: {400, 201},
		"t=search&q=100%&apikey=" + feedKey: {400, 201}, "t=search&q=a;b&apikey=" + feedKey: {400, 201}, "t=search&q=100%": {401, 100},
		"t=nonsense&apikey=" + feedKey: {400, 202}, "t=details&id=1&apikey=" + feedKey: {400, 203},
	} {
		w.wantTold(anybody.get("/torznab/api?"+query), want[0], want[1])
	}
	if r := anybody.post("/torznab/api?t=caps&apikey="+feedKey, ""); r.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.status)
	}
	// Nothing is owned, and everything can be read: the announce says what is missing.
	file := w.index("t=search&q=weights&apikey=" + feedKey).Items[0].Link
	w.want(anybody.get(strings.TrimPrefix(file, w.url)), 200)
	if err := w.store.SetBan(t.Context(), 1, "spam", 0); err != nil {
		t.Fatal(err)
	}
	w.wantTold(anybody.get("/torznab/api?t=caps&apikey="+feedKey), 403, 101)
	w.want(anybody.get("/rss/"+feedKey), 403)
	if page := string(w.want(w.client("swst_alice").get("/account/feed"), 200).body); strings.Contains(page, "/rss/") {
		t.Error("the page leads to feeds that are closed")
	}
	w.want(anybody.get(strings.TrimPrefix(file, w.url)), 403)
}

// Whoever asks too often is told when to come back, and so is who tries keys.
func TestToolsAreLimited(t *testing.T) {
	var from netip.Addr
	w, _ := feedWorld(t, func(c *web.Config, _ *store.Economy) {
		c.ClientAddr = func(*http.Request) netip.Addr { return from }
		c.Now = func() time.Time { return time.UnixMilli(1e12) }
		c.Dev = false
	})
	from = netip.MustParseAddr("192.0.2.1")
	anybody, file := w.client(""), ""
	for i := range 120 {
		c := w.index("t=search&limit=1&apikey=" + feedKey)
		if file = strings.TrimPrefix(c.Items[0].Link, w.url); i == 119 {
			w.wantTold(anybody.get("/torznab/api?t=caps&apikey="+feedKey), 429, 500)
		}
	}
	if r := w.want(anybody.get("/rss/"+feedKey), 429); r.header.Get("Retry-After") != "3" {
		t.Errorf("%v", r.header)
	}
	for range 60 {
		w.want(anybody.get(file), 200)
	}
	w.want(anybody.get(file), 429)
	for range 20 {
		w.wantTold(anybody.get("/torznab/api?t=caps&apikey=wrong"), 401, 100)
	}
	w.wantTold(anybody.get("/torznab/api?t=caps&apikey=wrong"), 429, 500)
	w.want(anybody.get(strings.Split(file, "?")[0]+"?key=1-x"), 429)
	from = netip.MustParseAddr("198.51.100.1")
	w.wantTold(anybody.get("/torznab/api?t=caps&apikey=wrong"), 401, 100)
}

// An item has what tools need, and its link fetches the torrent that it names, without any key in it that does more.
func TestToolsDownload(t *testing.T) {
	w, alice := feedWorld(t)
	w.member("bob", 0, 0)
	if err := w.store.SetFeedKey(t.Context(), 2, "bob"+feedKey); err != nil {
		t.Fatal(err)
	}
	i := w.index("t=search&q=Film&apikey=" + feedKey).Items[0]
	ih := i.attr("infohash")
	if i.GUID != w.url+"/torrents/"+ih || i.Link != i.Enclosure.URL || i.Size != 16384 || i.attr("size") != "16384" || i.attr("seeders") != "3" || i.attr("peers") != "5" ||
		i.attr("grabs") != "7" || i.attr("files") != "1" || i.attr("downloadvolumefactor") != "1" || i.attr("price_per_gib") == "" || !slices.Equal(i.Category, []string{"2000", "2040", "100070"}) {
		t.Errorf("%+v", i)
	}
	if at, err := time.Parse(time.RFC1123Z, i.PubDate); err != nil || time.Since(at) > time.Hour {
		t.Errorf("%s %v", i.PubDate, err)
	}
	path := strings.TrimPrefix(i.Link, w.url)
	if strings.Contains(i.Link, feedKey) || strings.Contains(i.Link, "announce") || !strings.HasPrefix(path, "/torznab/download/"+ih+"/Some.Film.2020.1080p.torrent?key=1-") {
		t.Errorf("link %s", i.Link)
	}
	anybody := w.client("")
	r := w.want(anybody.get(path), 200)
	info := r.body[strings.Index(string(r.body), "4:info")+len("4:info") : len(r.body)-1]
	if sum := sha1.Sum(info); hex.EncodeToString(sum[:]) != ih || r.header.Get("Content-Type") != "application/x-bittorrent" || !strings.Contains(string(r.body), "/announce/00000001") {
		t.Errorf("%q %v", r.body, r.header)
	}
	if h := w.want(anybody.do("HEAD", path, nil), 200); len(h.body) != 0 || h.header.Get("Content-Type") != "application/x-bittorrent" {
		t.Errorf("HEAD: %v", h.header)
	}
	key := path[strings.Index(path, "?"):]
	other := w.index("t=search&q=weights&apikey=" + feedKey).Items[0]
	for _, wrong := range []string{
		strings.TrimPrefix(other.Link[:strings.Index(other.Link, "?")], w.url) + key, // of another torrent
		strings.Replace(path, "?key=1-", "?key=2-", 1), strings.Replace(path, "?key=1-", "?key=9-", 1), path[:len(path)-1], path + "x",
		strings.Split(path, "?")[0], strings.Split(path, "?")[0] + "?key=" + feedKey, strings.Split(path, "?")[0] + "?key=-", strings.Split(path, "?")[0] + "?key=99999999999999-x",
	} {
		if got := anybody.get(wrong); got.status != 401 || strings.Contains(string(got.body), "announce") {
			t.Errorf("%s: %d %s", wrong, got.status, got.body)
		}
	}
	w.want(anybody.get("/torznab/download/zz/x.torrent"+key), 404)
	bob := strings.TrimPrefix(w.index("t=search&q=Film&apikey=bob" + feedKey).Items[0].Link, w.url)
	if r := w.want(anybody.get(bob), 200); !strings.Contains(string(r.body), "/announce/00000002") {
		t.Errorf("%q", r.body)
	}
	// A sponsor who pays makes it free; a withdrawn torrent has no file.
	w.operator()
	if err := w.store.SetFree(t.Context(), 5, w.now().Add(time.Hour), 3); err != nil {
		t.Fatal(err)
	}
	if i = w.index("t=search&freeleech=1&apikey=" + feedKey).Items[0]; i.attr("downloadvolumefactor") != "0" || !strings.Contains(i.About, "costs nothing now") {
		t.Errorf("%+v", i)
	}
	// One click ends all links and feeds of the old key, and of nobody else.
	w.want(alice.form("/account/feed", nil), 200)
	w.want(anybody.get(path), 401)
	w.wantTold(anybody.get("/torznab/api?t=caps&apikey="+feedKey), 401, 100)
	w.want(anybody.get("/rss/"+feedKey), 401)
	w.want(anybody.get(bob), 200)
}

// Names of every kind come through as they are.
func TestFeedsCarryAnyName(t *testing.T) {
	w := newWorld(t)
	alice := w.member("alice", 0, 0)
	if err := w.store.SetFeedKey(t.Context(), 1, feedKey); err != nil {
		t.Fatal(err)
	}
	names := []string{`<script>alert("x")</script>`, "a & b ]]> c", "日本語 – é", "%2e%2e%2f..", "a?b#c=d;e", "\U0001f600", "'; DROP TABLE torrents; --", strings.Repeat("长", 80)}
	for n, name := range names {
		w.want(alice.upload(torrentFile(fmt.Sprint("f", n)), "name", name), 201)
	}
	search := w.index("t=search&apikey=" + feedKey)
	rss := w.channel(w.want(w.client("").get("/rss/"+feedKey), 200))
	for n, i := range search.Items {
		want := names[len(names)-1-n]
		if i.Title != want || rss.Items[n].Title != want {
			t.Errorf("%q and %q, want %q", i.Title, rss.Items[n].Title, want)
		}
		w.want(w.client("").get(strings.TrimPrefix(i.Link, w.url)), 200)
	}
}

// A feed is sent again only if something in it changed.
func TestRSS(t *testing.T) {
	w, alice := feedWorld(t)
	anybody := w.client("")
	r := w.want(anybody.get("/rss/"+feedKey), 200)
	c := w.channel(r)
	if len(c.Items) != 9 || c.Items[0].Title != "weights" || c.Items[0].Link != c.Items[0].GUID || c.Items[0].Category[0] != "models" ||
		!regexp.MustCompile(`^16\.00 KiB, .* per GiB \(base\), .* for all of it\.$`).MatchString(c.Items[0].About) {
		t.Fatalf("%+v", c)
	}
	if r.header.Get("Content-Type") != "application/rss+xml; charset=utf-8" || r.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("%v", r.header)
	}
	w.want(anybody.get(strings.TrimPrefix(c.Items[0].Enclosure.URL, w.url)), 200)
	etag, modified := r.header.Get("ETag"), r.header.Get("Last-Modified")
	for _, again := range [][]string{{"If-None-Match", etag}, {"If-Modified-Since", modified}, {"If-None-Match", `"x", ` + etag, "If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}} {
		if r := anybody.do("GET", "/rss/"+feedKey, nil, again...); r.status != 304 || len(r.body) != 0 || r.header.Get("ETag") != etag {
			t.Errorf("%v: %d %v", again, r.status, r.header)
		}
	}
	if r := w.want(anybody.do("HEAD", "/rss/"+feedKey, nil), 200); len(r.body) != 0 || r.header.Get("ETag") != etag {
		t.Errorf("HEAD %v", r.header)
	}
	if err := w.store.SetPrices(t.Context(), []store.PriceRow{{Torrent: 9, AtMs: 1, Price: 3 * tokens.Unit, MultiplierPPM: 3e6}}, func(store.PriceRow) bool { return false }); err != nil {
		t.Fatal(err)
	}
	for _, again := range [][]string{{"If-None-Match", etag}, {"If-Modified-Since", modified}} {
		r := w.want(anybody.do("GET", "/rss/"+feedKey, nil, again...), 200)
		if got := w.channel(r).Items[0]; got.GUID != c.Items[0].GUID || !strings.Contains(got.About, "3 VIDYA per GiB (surge)") {
			t.Errorf("%+v", got)
		}
	}
	// The address takes the catalogue's parameters.
	if got := w.channel(w.want(anybody.get("/rss/"+feedKey+"?category=video&q=some+show"), 200)).titles(); got != "Some.Show.S02E02.480p | Some.Show.S01E02.1080p | Some.Show.S01E01.1080p" {
		t.Error(got)
	}
	w.want(anybody.get("/rss/"+feedKey+"?category=nonsense"), 422)
	for query, status := range map[string]int{"q=" + strings.Repeat("x", 101): 400, "q=%ff": 400, "max_price=" + strings.Repeat("9", 101): 422, "tag=%ff": 422, "q=100%": 400, "q=a;b": 400} {
		w.want(anybody.get("/rss/"+feedKey+"?"+query), status) // and not with everything
	}
	w.want(anybody.get("/rss/"+feedKey+"?sort=nonsense"), 400)
	w.want(anybody.get("/rss/wrong"), 401)

	saved := int(w.want(alice.post("/api/v1/searches", `{"name":"Cheap films & more","query":"category=video&sort=size&max_price=500"}`), 201).json(t)["id"].(float64))
	c = w.channel(w.want(anybody.get(fmt.Sprintf("/rss/%s/%d", feedKey, saved)), 200))
	if len(c.Items) != 5 || !strings.HasSuffix(c.Title, ": Cheap films & more") {
		t.Errorf("%+v", c)
	}
	w.member("bob", 0, 0)
	if err := w.store.SetFeedKey(t.Context(), 2, "bob"+feedKey); err != nil {
		t.Fatal(err)
	}
	w.want(anybody.get(fmt.Sprintf("/rss/bob%s/%d", feedKey, saved)), 404)
	for _, id := range []string{"0", "x", "-1", "999", "1%2f2"} {
		w.want(anybody.get("/rss/"+feedKey+"/"+id), 404)
	}
}

// Members keep searches on the page, and get back what was not taken.
func TestSaveSearchPage(t *testing.T) {
	w, alice := feedWorld(t)
	page := string(w.want(alice.get("/torrents?q=some+show&category=video&cursor="), 200).body)
	query := regexp.MustCompile(`name="query" value="([^"]+)"`).FindStringSubmatch(page)
	if query == nil || query[1] != "category=video&amp;q=some&#43;show" {
		t.Fatalf("%v", query)
	}
	if strings.Contains(string(w.want(alice.get("/torrents"), 200).body), "Save this search") {
		t.Error("everything can be saved: that is the feed of what is new")
	}
	w.want(alice.form("/account/feed/searches", map[string]string{"name": "Shows", "query": "category=video&q=some+show&nonsense=1"}), 200)
	page = string(w.want(alice.get("/account/feed"), 200).body)
	for _, want := range []string{">Shows<", `href="/torrents?category=video&amp;q=some&#43;show"`, w.url + "/rss/" + feedKey + "/1", w.url + "/torznab/api"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in the page", want)
		}
	}
	for status, form := range map[int]map[string]string{409: {"name": "Shows", "query": "q=x"}, 422: {"name": " \u202e ", "query": "q=x"}} {
		page := string(w.want(alice.form("/account/feed/searches", form), status).body)
		if !strings.Contains(page, `value="q=x"`) || !strings.Contains(page, `href="/torrents?q=x"`) {
			t.Errorf("%d: what was typed is gone", status)
		}
	}
	for _, query := range []string{"", "nonsense=1", "category=nonsense", "%zz", "q=" + strings.Repeat("x", 3000)} {
		w.want(alice.form("/account/feed/searches", map[string]string{"name": "n", "query": query}), 422)
	}
	w.want(w.member("bob", 0, 0).form("/account/feed/searches/1/remove", nil), 200)
	if !strings.Contains(string(alice.get("/account/feed").body), ">Shows<") {
		t.Fatal("another member removed it")
	}
	w.want(alice.form("/account/feed/searches/1/remove", nil), 200)
	if strings.Contains(string(alice.get("/account/feed").body), ">Shows<") {
		t.Error("it is still there")
	}
	w.want(w.client("").form("/account/feed/searches", map[string]string{"name": "n", "query": "q=x"}), 401)
}

func TestSavedSearchAPI(t *testing.T) {
	w, alice := feedWorld(t)
	bob := w.member("bob", 0, 0)
	for i := range store.MaxSavedSearches {
		v := w.want(alice.post("/api/v1/searches", fmt.Sprintf(`{"name":"n%02d","query":"free=1"}`, i)), 201).json(t)
		if v["name"] != fmt.Sprintf("n%02d", i) || v["query"] != "free=1" {
			t.Fatalf("%v", v)
		}
	}
	w.problem(alice.post("/api/v1/searches", `{"name":"more","query":"free=1"}`), 409, "too_many")
	w.problem(bob.post("/api/v1/searches", `{"name":"more","query":""}`), 422, "query")
	w.problem(bob.post("/api/v1/searches", `{"name":"","query":"free=1"}`), 422, "name")
	list := w.want(alice.get("/api/v1/searches"), 200).json(t)
	if got := list["searches"].([]any); len(got) != store.MaxSavedSearches || list["next"] != "" {
		t.Errorf("%d %v", len(got), list["next"])
	}
	if list := w.want(bob.get("/api/v1/searches"), 200).json(t); len(list["searches"].([]any)) != 0 {
		t.Errorf("%v", list)
	}
	w.problem(bob.do("DELETE", "/api/v1/searches/1", nil), 404, "not_found")
	w.want(alice.do("DELETE", "/api/v1/searches/1", nil), 204)
	w.problem(alice.do("DELETE", "/api/v1/searches/1", nil), 404, "not_found")
	w.problem(w.client("").get("/api/v1/searches"), 401, "sign_in")
}

// No key is in the log, whatever goes wrong.
func TestFeedKeysAreNotLogged(t *testing.T) {
	w, _ := feedWorld(t)
	link, err := url.Parse(w.index("t=search&limit=1&apikey=" + feedKey).Items[0].Link)
	if err != nil {
		t.Fatal(err)
	}
	w.store.Close()
	anybody := w.browser()
	w.wantTold(anybody.get("/torznab/api?t=search&apikey="+feedKey), 500, 900)
	for _, path := range []string{"/rss/" + feedKey, "/rss/" + feedKey + "/1", "/rss/" + feedKey + "/%31", link.RequestURI()} {
		if r := anybody.do("GET", path, nil, "Cookie", "swarmstake_session=x"); r.status < 500 {
			t.Errorf("%s: %d", path, r.status)
		}
		w.want(anybody.get(path), 500)
	}
	log := w.log.String()
	if !strings.Contains(log, "/rss/{key}") || strings.Contains(log, feedKey) || strings.Contains(log, link.Query().Get("key")) {
		t.Errorf("the log:\n%s", log)
	}
}
