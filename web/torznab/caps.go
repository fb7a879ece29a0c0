package torznab

import "encoding/xml"

// Server is who answers.
type Server struct{ Name, Address string }

type capsXML struct {
	XMLName xml.Name `xml:"caps"`
	Server  struct {
		Version string `xml:"version,attr"` // of the protocol
		Title   string `xml:"title,attr"`
		Address string `xml:"url,attr"`
	} `xml:"server"`
	Limits struct {
		Max     int `xml:"max,attr"`
		Default int `xml:"default,attr"`
	} `xml:"limits"`
	Registration struct {
		Available string `xml:"available,attr"`
		Open      string `xml:"open,attr"`
	} `xml:"registration"` // by this protocol
	Searching struct {
		List []searchXML
	} `xml:"searching"`
	Categories []categoryXML `xml:"categories>category"`
	Tags       []tagXML      `xml:"tags>tag"`
}

type searchXML struct {
	XMLName   xml.Name
	Available string `xml:"available,attr"`
	Params    string `xml:"supportedParams,attr"`
}

type categoryXML struct {
	ID   int           `xml:"id,attr"`
	Name string        `xml:"name,attr"`
	Sub  []categoryXML `xml:"subcat"`
}

type tagXML struct {
	Name  string `xml:"name,attr"`
	Words string `xml:"description,attr"`
}

// searches are what can be searched, and by which parameters. Music goes by two names: Newznab's, and Torznab's.
var searches = []struct{ name, params string }{{"search", "q"}, {"tv-search", "q,season,ep"}, {"movie-search", "q,year"},
	{"audio-search", "q,artist,album,year"}, {"music-search", "q,artist,album,year"}, {"book-search", "q,author,title"}}

// Caps writes what the indexer can do.
func Caps(s Server) []byte {
	var x capsXML
	x.Server.Version, x.Server.Title, x.Server.Address = "1.3", clean(s.Name), s.Address
	x.Limits.Max, x.Limits.Default = MaxItems, MaxItems
	x.Registration.Available, x.Registration.Open = "no", "no"
	for _, f := range searches {
		x.Searching.List = append(x.Searching.List, searchXML{xml.Name{Local: f.name}, "yes", f.params})
	}
	x.Categories = categoriesXML(Categories())
	x.Tags = []tagXML{{"freeleech", "costs nothing now: somebody pays for it"}}
	return document(x)
}

func categoriesXML(list []Category) (out []categoryXML) {
	for _, c := range list {
		out = append(out, categoryXML{c.ID, c.Name, categoriesXML(c.Sub)})
	}
	return out
}
