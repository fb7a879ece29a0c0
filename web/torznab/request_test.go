package torznab

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// parse reads a query string as a server does.
func parse(raw string) (Request, error) {
	query, _ := url.ParseQuery(raw)
	return Parse(query)
}

// The requests of tools, as they write them.
func TestRequestsOfTools(t *testing.T) {
	tv, hd := []int{5030, 5040}, []int{2000, 2010}
	for raw, want := range map[string]Request{
		// Prowlarr, Sonarr, Radarr and cross-seed when they are set up.
		"t=caps&apikey=K": {Function: Capabilities},
		"apikey=K&t=caps": {Function: Capabilities},
		// Sonarr: what is new, an episode, a season, a day, and by number only.
		"t=tvsearch&cat=5030,5040&extended=1&apikey=K&offset=0&limit=100":                                {Function: TV, Numbers: tv, Limit: 100},
		"t=tvsearch&cat=5030,5040&extended=1&apikey=K&offset=100&limit=100&q=Some+Show&season=1&ep=2":    {Function: TV, Numbers: tv, Limit: 100, Offset: 100, Text: "Some Show S01E02"},
		"t=tvsearch&cat=5030,5040&extended=1&apikey=K&offset=0&limit=100&q=Some%20Show&season=01":        {Function: TV, Numbers: tv, Limit: 100, Text: "Some Show S01"},
		"t=tvsearch&cat=5030,5040&extended=1&apikey=K&offset=0&limit=100&q=Daily&season=2024&ep=5%2F12":  {Function: TV, Numbers: tv, Limit: 100, Text: "Daily 2024 05 12"},
		"t=tvsearch&cat=5030,5040&extended=1&apikey=K&offset=0&limit=100&tvdbid=1&season=1":              {Function: TV, Numbers: tv, Limit: 100, Text: "S01", Nothing: true},
		"t=tvsearch&cat=5030,5040&extended=1&apikey=K&offset=0&limit=100&q=Some+Show&tvdbid=1&season=10": {Function: TV, Numbers: tv, Limit: 100, Text: "Some Show S10"},
		// Radarr.
		"t=movie&cat=2000,2010&extended=1&apikey=K&offset=0&limit=100&q=Some%20Film%202020": {Function: Movie, Numbers: hd, Limit: 100, Text: "Some Film 2020"},
		"t=movie&cat=2000,2010&extended=1&apikey=K&offset=0&limit=100&imdbid=tt0133093":     {Function: Movie, Numbers: hd, Limit: 100, Nothing: true},
		"t=movie&cat=2000,2010&extended=1&apikey=K&offset=0&limit=100":                      {Function: Movie, Numbers: hd, Limit: 100},
		"t=movie&apikey=K&q=Film&year=2020&imdbid=tt1":                                      {Function: Movie, Numbers: []int{2000}, Limit: 100, Text: "Film 2020"},
		// Prowlarr.
		"t=search&extended=1&apikey=K&offset=0&limit=100&q=debian&cat=4000,100020": {Function: Search, Numbers: []int{4000, 100020}, Limit: 100, Text: "debian"},
		"t=search&extended=1&apikey=K&offset=0&limit=100":                          {Function: Search, Limit: 100},
		// Lidarr and Readarr.
		"t=music&extended=1&apikey=K&artist=Some+Band&album=First&cat=3000,3010": {Function: Music, Numbers: []int{3000, 3010}, Limit: 100, Text: "Some Band First"},
		"t=book&extended=1&apikey=K&author=A.+Writer&title=A+Book&cat=7020,8010": {Function: Book, Numbers: []int{7020, 8010}, Limit: 100, Text: "A. Writer A Book"},
		// cross-seed: queries that it leaves empty are of what is new.
		"apikey=K&t=search&q=Some.Name.2020&limit=100":    {Function: Search, Limit: 100, Text: "Some.Name.2020"},
		"apikey=K&t=search&q=&limit=100&offset=0":         {Function: Search, Limit: 100},
		"apikey=K&t=tvsearch&q=some+show&season=3&ep=14":  {Function: TV, Numbers: []int{5000}, Limit: 100, Text: "some show S03E14"},
		"apikey=K&t=tvsearch&q=show&season=2024&ep=05/12": {Function: TV, Numbers: []int{5000}, Limit: 100, Text: "show 2024 05 12"},
		// autobrr.
		"t=search&apikey=K&cat=2000,5000": {Function: Search, Numbers: []int{2000, 5000}, Limit: 100},
		// What else is sent.
		"T=SEARCH&APIKEY=K&Q=x&q=":                                      {Function: Search, Limit: 100, Text: "x"},
		"t=search&apikey=K&cat=&limit=0&nonsense=1&o=XML":               {Function: Search, Limit: MaxItems},
		"t=search&apikey=K&cat=,5040,&limit=99999999999999999999":       {Function: Search, Numbers: []int{5040}, Limit: MaxItems},
		"t=search&apikey=K&offset=1000":                                 {Function: Search, Limit: 100, Offset: 1000},
		"t=search&apikey=K&offset=1001":                                 {Function: Search, Limit: 100, Offset: 1001, Nothing: true},
		"t=search&apikey=K&offset=99999999999999999999":                 {Function: Search, Limit: 100, Offset: 1001, Nothing: true},
		"t=search&apikey=K&cat=9999":                                    {Function: Search, Numbers: []int{9999}, Limit: 100, Nothing: true},
		"t=search&apikey=K&q=%21%21":                                    {Function: Search, Limit: 100, Text: "!!", Nothing: true},
		"t=search&apikey=K&q=a%00b%ff":                                  {Function: Search, Limit: 100, Text: "ab"},
		"t=search&apikey=K&maxprice=0.5&minseeders=3&freeleech=1":       {Function: Search, Limit: 100, MaxPrice: tokens.Unit / 2, MinSeeders: 3, Free: true},
		"t=search&apikey=K&freeleech=0&limit=7&genre=":                  {Function: Search, Limit: 7},
		"t=music&apikey=K&genre=jazz":                                   {Function: Music, Numbers: []int{3000}, Limit: 100, Nothing: true},
		"t=tvsearch&apikey=K&q=x&season=S1&ep=E2":                       {Function: TV, Numbers: []int{5000}, Limit: 100, Text: "x S01E02"},
		"t=tvsearch&apikey=K&q=x&season=0&ep=":                          {Function: TV, Numbers: []int{5000}, Limit: 100, Text: "x S00"},
		"t=tvsearch&apikey=K&q=x&ep=112":                                {Function: TV, Numbers: []int{5000}, Limit: 100, Text: "x E112"},
		"t=search&apikey=K&season=1&ep=2":                               {Function: Search, Limit: 100},
		"t=audio-search&apikey=K&q=x":                                   {Function: Music, Numbers: []int{3000}, Limit: 100, Text: "x"},
		"t=movie&apikey=K&q=x&tmdbid=0":                                 {Function: Movie, Numbers: []int{2000}, Limit: 100, Text: "x"},
		"t=movie&apikey=K&imdbid=0":                                     {Function: Movie, Numbers: []int{2000}, Limit: 100},
		"t=search&apikey=K&q=%20%20spaces%20&limit=%205%20&attrs=a,b,c": {Function: Search, Limit: 5, Text: "spaces"},
	} {
		got, err := parse(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if !equal(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", raw, got, want)
		}
	}
}

func equal(a, b Request) bool {
	same := slices.Equal(a.Numbers, b.Numbers) && (a.Numbers == nil) == (b.Numbers == nil)
	a.Numbers, b.Numbers = nil, nil
	return same && a.Function == b.Function && a.Text == b.Text && a.Nothing == b.Nothing && a.Limit == b.Limit && a.Offset == b.Offset &&
		a.MaxPrice == b.MaxPrice && a.MinSeeders == b.MinSeeders && a.Free == b.Free
}

// What is wrong is said by number and name.
func TestWrongRequests(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                   "200 Missing parameter: t",
		"apikey=K":                           "200 Missing parameter: t",
		"t=nonsense":                         "202 No such function",
		"t=details&id=1":                     "203 Function not available",
		"t=get&id=1":                         "203 Function not available",
		"t=search&o=json":                    "201 Incorrect parameter: o: answers are XML",
		"t=search&limit=-1":                  "201 Incorrect parameter: limit: a whole number, not below 0",
		"t=search&limit=ten":                 "201 Incorrect parameter: limit: a whole number, not below 0",
		"t=search&offset=1.5":                "201 Incorrect parameter: offset: a whole number, not below 0",
		"t=search&cat=movies":                "201 Incorrect parameter: cat: at most 100 numbers, with commas between them",
		"t=search&cat=-1":                    "201 Incorrect parameter: cat: at most 100 numbers, with commas between them",
		"t=tvsearch&season=one":              "201 Incorrect parameter: season: a number",
		"t=tvsearch&season=99999":            "201 Incorrect parameter: season: a number",
		"t=tvsearch&q=x&ep=two":              "201 Incorrect parameter: ep: a number, or MM/DD with the year as season",
		"t=tvsearch&q=x&ep=05/12":            "201 Incorrect parameter: ep: a number, or MM/DD with the year as season",
		"t=tvsearch&q=x&season=2024&ep=13/1": "201 Incorrect parameter: ep: a number, or MM/DD with the year as season",
		"t=tvsearch&q=x&season=2024&ep=/":    "201 Incorrect parameter: ep: a number, or MM/DD with the year as season",
		"t=search&maxprice=0":                "201 Incorrect parameter: maxprice: tokens per GiB above 0, such as 2 or 0.5",
		"t=search&maxprice=cheap":            "201 Incorrect parameter: maxprice: tokens per GiB above 0, such as 2 or 0.5",
		"t=search&minseeders=many":           "201 Incorrect parameter: minseeders: a whole number, not below 0",
		"t=search&freeleech=maybe":           "201 Incorrect parameter: freeleech: 1 or 0",
		"t=search&q=" + strings.Repeat("x", maxText+1):       "201 Incorrect parameter: q: at most 500 bytes",
		"t=search&cat=" + strings.Repeat("1,", maxNumbers+1): "201 Incorrect parameter: cat: at most 100 numbers, with commas between them",
	} {
		_, err := parse(raw)
		var e *Error
		if !errors.As(err, &e) || e.Error() != "torznab "+want[:3]+": "+want[4:] || e.Status() != 400 {
			t.Errorf("%.60s: %v, want %s", raw, err, want)
		}
	}
}

func TestKeyOfAnyCase(t *testing.T) {
	for raw, want := range map[string]string{"apikey=K": "K", "ApiKey=K": "K", "APIKEY=K&apikey=": "K", "apikey=a&APIKEY=b": "a", "key=K": "", "": ""} {
		query, _ := url.ParseQuery(raw)
		if got := Key(query); got != want {
			t.Errorf("%s: %q", raw, got)
		}
	}
}

// FuzzRequest: whatever is sent is refused by a known number, or read into what the limits allow.
func FuzzRequest(f *testing.F) {
	for _, raw := range []string{"t=caps", "t=tvsearch&cat=5030,5040&q=Some+Show&season=1&ep=2", "t=tvsearch&season=2024&ep=05/12", "t=movie&imdbid=tt1", "T=search&limit=0&offset=9&maxprice=0.5",
		"t=music&artist=a&album=%00", "t=book&author=%ff", "t=search&cat=,,1&freeleech=yes&minseeders=1"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parse(raw)
		var e *Error
		if errors.As(err, &e) {
			if e.Status() != 400 || !strings.Contains(string(e.XML()), "<error code=") {
				t.Fatalf("%q: %v", raw, e)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Function == Capabilities {
			return
		}
		if r.Limit < 1 || r.Limit > MaxItems || r.Offset < 0 || r.Offset > MaxOffset && !r.Nothing || r.MaxPrice < 0 || r.MinSeeders < 0 || len(r.Numbers) > maxNumbers+1 ||
			len(r.Text) > 5*maxText || r.Text != clean(r.Text) {
			t.Fatalf("%q: %+v", raw, r)
		}
		if r.Text == "" && !r.Nothing && strings.Contains(strings.ToLower(raw), "imdbid=t") {
			query, _ := url.ParseQuery(raw)
			if lowered(query)["imdbid"] != "" {
				t.Fatalf("%q asks for one film and would get everything", raw)
			}
		}
		if r.Text != "" && !r.Nothing && len(catalog.Words(r.Text)) == 0 {
			t.Fatalf("%q would get everything", raw)
		}
	})
}
