package torznab

import (
	"encoding/xml"
	"strconv"
	"time"
)

// The names of the vocabularies that are written.
const (
	nsAtom    = "http://www.w3.org/2005/Atom"
	nsTorznab = "http://torznab.com/schemas/2015/feed"
	nsNewznab = "http://www.newznab.com/DTD/2010/feeds/attributes/"
	// nsOwn is that of prices, which Torznab has no names for.
	nsOwn = "urn:swarmstake:feed:1"
)

// Feed is an answer to a search, or a feed for readers.
type Feed struct {
	Title, Description string
	Link               string // of the page that shows the same
	Self               string // address of the feed itself, if it is not to be kept secret from who reads it
	Offset, Total      int    // of a search: where the items begin, and how many there are at least
	Items              []Item
}

// Item is a torrent in a feed.
type Item struct {
	Title       string
	Page        string // its page, which is also its name: it never changes
	Download    string // of the torrent file
	Published   time.Time
	Size        int64 // of the content, in bytes
	Numbers     []int // categories, as tools number them
	Category    string
	Description string // plain text
	InfoHash    string
	Files       int
	Seeders     int
	Leechers    int
	Grabs       int
	Free        bool // it costs nothing now
	Price       Price
}

// Price is what an item costs, in tokens as decimals. PPM are millionths.
type Price struct {
	PerGiB, Total string
	UtokPerGiB    int64
	MultiplierPPM int64
	SaturationPPM int64
	Symbol        string
}

type rssXML struct {
	XMLName xml.Name   `xml:"rss"`
	Version string     `xml:"version,attr"`
	Atom    string     `xml:"xmlns:atom,attr"`
	Torznab string     `xml:"xmlns:torznab,attr"`
	Newznab string     `xml:"xmlns:newznab,attr,omitempty"`
	Own     string     `xml:"xmlns:swarmstake,attr"`
	Channel channelXML `xml:"channel"`
}

type channelXML struct {
	Self        *selfXML     `xml:"atom:link"`
	Title       string       `xml:"title"`
	Description string       `xml:"description"`
	Link        string       `xml:"link"`
	Minutes     int          `xml:"ttl,omitempty"`
	Response    *responseXML `xml:"newznab:response"`
	Items       []itemXML    `xml:"item"`
}

type selfXML struct {
	Address string `xml:"href,attr"`
	Rel     string `xml:"rel,attr"`
	Type    string `xml:"type,attr"`
}

type responseXML struct {
	Offset int `xml:"offset,attr"`
	Total  int `xml:"total,attr"`
}

type itemXML struct {
	Title       string       `xml:"title"`
	GUID        guidXML      `xml:"guid"`
	Link        string       `xml:"link"`
	Comments    string       `xml:"comments"`
	Published   string       `xml:"pubDate"`
	Size        string       `xml:"size,omitempty"`
	Categories  []string     `xml:"category"`
	Description string       `xml:"description"`
	Enclosure   enclosureXML `xml:"enclosure"`
	Torznab     []attrXML    `xml:"torznab:attr"`
	Own         []attrXML    `xml:"swarmstake:attr"`
}

type guidXML struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	Text      string `xml:",chardata"`
}

type enclosureXML struct {
	Address string `xml:"url,attr"`
	Length  int64  `xml:"length,attr"`
	Type    string `xml:"type,attr"`
}

type attrXML struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

// Search writes the answer to a search. An item's link is its torrent file: that is what tools fetch.
func (f Feed) Search() []byte {
	x := f.xml(func(i Item) itemXML {
		out := i.xml()
		out.Link, out.Size = i.Download, strconv.FormatInt(i.Size, 10)
		out.Categories, out.Torznab = decimals(i.Numbers), i.attrs()
		out.Own = append(i.Price.attrs(), attrXML{"multiplier_ppm", strconv.FormatInt(i.Price.MultiplierPPM, 10)},
			attrXML{"saturation_ppm", strconv.FormatInt(i.Price.SaturationPPM, 10)})
		return out
	})
	x.Newznab = nsNewznab
	x.Channel.Response = &responseXML{f.Offset, f.Total}
	return document(x)
}

// rssMinutes is how long a reader may keep a feed.
const rssMinutes = 15

// RSS writes a feed for readers. An item's link is its page. It says nothing that changes with every announce or
// look at the swarm, so that a feed without news is the same to the byte.
func (f Feed) RSS() []byte {
	x := f.xml(func(i Item) itemXML {
		out := i.xml()
		out.Link, out.Categories, out.Own = i.Page, []string{clean(i.Category)}, i.Price.attrs()
		out.Torznab = []attrXML{{"infohash", i.InfoHash}, {"size", strconv.FormatInt(i.Size, 10)}, {"downloadvolumefactor", factor(i.Free)}}
		return out
	})
	x.Channel.Minutes = rssMinutes
	return document(x)
}

func (f Feed) xml(item func(Item) itemXML) rssXML {
	c := channelXML{Title: clean(f.Title), Description: clean(f.Description), Link: f.Link}
	if f.Self != "" {
		c.Self = &selfXML{f.Self, "self", "application/rss+xml"}
	}
	for _, i := range f.Items {
		c.Items = append(c.Items, item(i))
	}
	return rssXML{Version: "2.0", Atom: nsAtom, Torznab: nsTorznab, Own: nsOwn, Channel: c}
}

// xml is what searches and feeds have in common. The enclosure's length is that of the content: so do trackers, and
// so it is read.
func (i Item) xml() itemXML {
	return itemXML{Title: clean(i.Title), GUID: guidXML{true, i.Page}, Comments: i.Page + "#comments", Published: i.Published.UTC().Format(time.RFC1123Z),
		Description: clean(i.Description), Enclosure: enclosureXML{i.Download, i.Size, MediaTorrentFile}}
}

// attrs are the attributes of Torznab. There is no minimum ratio or time: sharing is paid, not owed.
func (i Item) attrs() []attrXML {
	out := make([]attrXML, 0, len(i.Numbers)+10)
	for _, n := range decimals(i.Numbers) {
		out = append(out, attrXML{"category", n})
	}
	return append(out, attrXML{"size", strconv.FormatInt(i.Size, 10)}, attrXML{"files", strconv.Itoa(i.Files)}, attrXML{"grabs", strconv.Itoa(i.Grabs)},
		attrXML{"seeders", strconv.Itoa(i.Seeders)}, attrXML{"peers", strconv.Itoa(i.Seeders + i.Leechers)}, attrXML{"infohash", i.InfoHash},
		attrXML{"downloadvolumefactor", factor(i.Free)}, attrXML{"uploadvolumefactor", "1"}, attrXML{"price_per_gib", i.Price.PerGiB})
}

func (p Price) attrs() []attrXML {
	return []attrXML{{"price_per_gib", p.PerGiB}, {"price_utok_per_gib", strconv.FormatInt(p.UtokPerGiB, 10)}, {"price_total", p.Total}, {"symbol", clean(p.Symbol)}}
}

// factor is what a download counts.
func factor(free bool) string {
	if free {
		return "0"
	}
	return "1"
}

func decimals(numbers []int) (out []string) {
	for _, n := range numbers {
		out = append(out, strconv.Itoa(n))
	}
	return out
}
