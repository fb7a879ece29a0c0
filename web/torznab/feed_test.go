package torznab

import (
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s (%v):\n%s", path, err, got)
	}
}

// naughty has what must not get into XML as it is.
const naughty = "a <b> & \"c\" 'd' ]]> \x00\x0b\x1b\ufffe\uffff \xff é 日本 \U0001f600 &amp; <!-- -->"

func sample() Feed {
	return Feed{Title: "Test & Co", Description: "Torrents", Link: "https://t.test/", Offset: 0, Total: 2, Items: []Item{
		{Title: "Some.Show.S01E02.1080p", Page: "https://t.test/torrents/aa", Download: "https://t.test/torznab/download/aa/x.torrent?key=1-k", Published: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600)),
			Size: 12345678901, Numbers: []int{5000, 5040, 100070}, Category: "video", Description: "11.50 GiB", InfoHash: "aa", Files: 3, Seeders: 4, Leechers: 5, Grabs: 6,
			Price: Price{"1.25", "14.37", 1_250_000, 1_250_000, 600_000, "VIDYA"}},
		{Title: naughty, Page: "https://t.test/torrents/bb", Download: "https://t.test/torznab/download/bb/%22.torrent?key=1-l", Published: time.Unix(0, 0), Size: 1, Numbers: []int{8000, 8010},
			Category: "other", Description: naughty, InfoHash: "bb", Files: 1, Free: true, Price: Price{"1", "0", 1_000_000, 1_000_000, 0, "VIDYA"}},
	}}
}

func TestGoldenFiles(t *testing.T) {
	golden(t, "caps.xml", Caps(Server{"Test & Co", "https://t.test/"}))
	golden(t, "search.xml", sample().Search())
	golden(t, "empty.xml", Feed{Title: "Test", Description: "Torrents", Link: "https://t.test/"}.Search())
	golden(t, "error.xml", Fail(CodeIncorrect, naughty).XML())
	f := sample()
	f.Self = "https://t.test/rss/KEY?q=a&sort=new"
	golden(t, "rss.xml", f.RSS())
}

// readItem is an item as a tool reads it, with a reader that knows nothing of how it was written.
type readItem struct {
	Title      string   `xml:"title"`
	GUID       string   `xml:"guid"`
	Link       string   `xml:"link"`
	Comments   string   `xml:"comments"`
	Published  string   `xml:"pubDate"`
	Size       int64    `xml:"size"`
	Categories []string `xml:"category"`
	Enclosure  struct {
		URL    string `xml:"url,attr"`
		Length int64  `xml:"length,attr"`
		Type   string `xml:"type,attr"`
	} `xml:"enclosure"`
	Attrs []struct {
		XMLName xml.Name
		Name    string `xml:"name,attr"`
		Value   string `xml:"value,attr"`
	} `xml:"attr"`
}

func read(t *testing.T, raw []byte) (items []readItem, total int) {
	t.Helper()
	var doc struct {
		XMLName xml.Name `xml:"rss"`
		Channel struct {
			Response struct {
				Total int `xml:"total,attr"`
			} `xml:"http://www.newznab.com/DTD/2010/feeds/attributes/ response"`
			Items []readItem `xml:"item"`
		} `xml:"channel"`
	}
	if err := xml.Unmarshal(raw, &doc); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return doc.Channel.Items, doc.Channel.Response.Total
}

// Each item has what tools need of it, in the vocabularies that they know.
func TestItemsAreComplete(t *testing.T) {
	items, total := read(t, sample().Search())
	if len(items) != 2 || total != 2 {
		t.Fatalf("%d of %d", len(items), total)
	}
	i := items[0]
	if i.GUID != "https://t.test/torrents/aa" || i.Comments != i.GUID+"#comments" || i.Link != i.Enclosure.URL || i.Enclosure.Type != "application/x-bittorrent" ||
		i.Size != 12345678901 || i.Enclosure.Length != i.Size || strings.Join(i.Categories, " ") != "5000 5040 100070" {
		t.Errorf("%+v", i)
	}
	if at, err := time.Parse(time.RFC1123Z, i.Published); err != nil || !at.Equal(time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC)) {
		t.Errorf("%s %v", i.Published, err)
	}
	got := map[string]string{}
	for _, a := range i.Attrs {
		got[a.XMLName.Space+" "+a.Name] += a.Value + ","
	}
	for name, want := range map[string]string{nsTorznab + " category": "5000,5040,100070,", nsTorznab + " size": "12345678901,", nsTorznab + " seeders": "4,", nsTorznab + " peers": "9,",
		nsTorznab + " grabs": "6,", nsTorznab + " files": "3,", nsTorznab + " infohash": "aa,", nsTorznab + " downloadvolumefactor": "1,", nsTorznab + " uploadvolumefactor": "1,",
		nsTorznab + " price_per_gib": "1.25,", nsTorznab + " minimumratio": "", nsOwn + " price_utok_per_gib": "1250000,", nsOwn + " saturation_ppm": "600000,", nsOwn + " price_total": "14.37,"} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	const readable = "a <b> & \"c\" 'd' ]]>   é 日本 \U0001f600 &amp; <!-- -->"
	if items[1].Title != readable {
		t.Errorf("%q", items[1].Title)
	}
	for _, a := range items[1].Attrs {
		if a.Name == "downloadvolumefactor" && a.Value != "0" {
			t.Errorf("a free torrent counts %s", a.Value)
		}
	}
}

// A feed for readers leads people to pages, and says nothing that changes all the time.
func TestFeedForReaders(t *testing.T) {
	f := sample()
	before := string(f.RSS())
	items, _ := read(t, f.RSS())
	if items[0].Link != items[0].GUID || items[0].Enclosure.URL != "https://t.test/torznab/download/aa/x.torrent?key=1-k" || items[0].Categories[0] != "video" {
		t.Errorf("%+v", items[0])
	}
	f.Items[0].Seeders, f.Items[0].Grabs, f.Items[0].Leechers, f.Items[0].Price.SaturationPPM = 99, 99, 99, 99
	if string(f.RSS()) != before {
		t.Error("it changed with the swarm")
	}
}

// Every error has a status and words.
func TestErrors(t *testing.T) {
	for code, want := range map[int]struct {
		status int
		words  string
	}{100: {401, "Incorrect user credentials"}, 101: {403, "Account suspended"}, 200: {400, "Missing parameter"}, 201: {400, "Incorrect parameter"}, 202: {400, "No such function"},
		203: {400, "Function not available"}, 500: {429, "Request limit reached"}, 900: {500, "Unknown error"}} {
		e := Fail(code, "")
		var got struct {
			XMLName     xml.Name `xml:"error"`
			Code        int      `xml:"code,attr"`
			Description string   `xml:"description,attr"`
		}
		if err := xml.Unmarshal(e.XML(), &got); err != nil || got.Code != code || got.Description != want.words || e.Status() != want.status {
			t.Errorf("%d: %+v %d %v", code, got, e.Status(), err)
		}
	}
	if len(codes) != 8 {
		t.Errorf("%d codes", len(codes))
	}
}
