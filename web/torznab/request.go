package torznab

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Limits of requests.
const (
	MaxItems   = 100  // of an answer; also if none or more are asked for
	MaxOffset  = 1000 // behind it there is nothing: who wants more narrows the search
	maxText    = 500  // bytes of one parameter
	maxNumbers = 100  // categories
	maxSeeders = 1_000_000
)

// Function is what a tool asks for.
type Function string

// The functions.
const (
	Capabilities Function = "caps"
	Search       Function = "search"
	TV           Function = "tvsearch"
	Movie        Function = "movie"
	Music        Function = "music"
	Book         Function = "book"
)

// functions are the names of functions, also those that some tools use instead.
var functions = map[string]Function{"caps": Capabilities, "search": Search, "tvsearch": TV, "tv-search": TV, "movie": Movie, "movie-search": Movie,
	"music": Music, "music-search": Music, "audio": Music, "audio-search": Music, "book": Book, "book-search": Book}

// elsewhere are functions of Newznab that this is not: accounts, carts, and files by number.
var elsewhere = []string{"register", "user", "details", "getnfo", "nfo", "get", "cartadd", "cartdel", "comments", "commentadd", "rss"}

// texts are the parameters whose words a torrent must have, by function; q is one of all of them.
var texts = map[Function][]string{Search: {"q"}, TV: {"q"}, Movie: {"q", "year"}, Music: {"q", "artist", "album", "year"}, Book: {"q", "author", "title"}}

// unanswered are parameters that narrow a search by what the catalogue does not know. Beside words they are left
// aside; alone they find nothing, and never everything.
var unanswered = []string{"imdbid", "tmdbid", "tvdbid", "tvmazeid", "traktid", "doubanid", "rid", "genre", "label", "track", "publisher"}

// usual is what a function looks in if no category is named; 0: in all.
var usual = map[Function]int{TV: 5000, Movie: 2000, Music: 3000, Book: 7000}

// Request is what a tool asks, read.
type Request struct {
	Function      Function
	Text          string // words that must all be there; empty: the newest
	Nothing       bool   // it can only be answered by nothing
	Numbers       []int  // categories; nil: all
	Limit, Offset int
	MaxPrice      tokens.Amount // utok per GiB; 0: any
	MinSeeders    int
	Free          bool // costs nothing now
}

// parameters are those of a request, by their names in lower case; of several the first that is not empty.
type parameters map[string]string

// Key is the key that a request carries, whatever the case of the parameter's name.
func Key(query url.Values) string { return lowered(query)["apikey"] }

// lowered reads parameters in the order of their names, so that what one request means does not depend on a map.
func lowered(query url.Values) parameters {
	p := parameters{}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) }) // as it is written goes before CAPITALS
	for _, name := range names {
		low := strings.ToLower(name)
		for _, v := range query[name] {
			if p[low] == "" {
				p[low] = strings.TrimSpace(v)
			}
		}
	}
	return p
}

// Parse reads a request. Its errors are *Error. Parameters that mean nothing here are left aside, as tools expect.
func Parse(query url.Values) (Request, error) {
	p := lowered(query)
	r := Request{Function: functions[strings.ToLower(p["t"])]}
	if err := p.function(r.Function); err != nil {
		return r, err
	}
	if r.Function == Capabilities {
		return r, nil
	}
	for _, read := range []func(*Request) error{p.text, p.numbers, p.page, p.filters} {
		if err := read(&r); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (p parameters) function(f Function) error {
	switch {
	case p["t"] == "":
		return Fail(CodeMissing, "t")
	case f == "" && slices.Contains(elsewhere, strings.ToLower(p["t"])):
		return Fail(CodeNotHere, "")
	case f == "":
		return Fail(CodeFunction, "")
	case p["o"] != "" && !strings.EqualFold(p["o"], "xml"):
		return incorrect("o", "answers are XML")
	}
	return nil
}

func incorrect(name, want string) error { return Fail(CodeIncorrect, name+": "+want) }

// text puts together the words to search for.
func (p parameters) text(r *Request) error {
	var parts []string
	for _, name := range texts[r.Function] {
		if len(p[name]) > maxText {
			return incorrect(name, fmt.Sprintf("at most %d bytes", maxText))
		}
		if p[name] != "" {
			parts = append(parts, p[name])
		}
	}
	asked := len(parts) > 0
	r.Nothing = !asked && slices.ContainsFunc(unanswered, func(name string) bool { return p[name] != "" && p[name] != "0" })
	if r.Function == TV {
		word, err := p.episode()
		if err != nil {
			return err
		}
		if word != "" {
			parts, asked = append(parts, word), true
		}
	}
	r.Text = clean(strings.Join(parts, " "))
	r.Nothing = r.Nothing || asked && len(catalog.Words(r.Text)) == 0
	return nil
}

// episode is how names write a season and an episode: S01E02, S01, E02, and for a daily show 2024 05 12 (asked for
// as season 2024, episode 05/12).
func (p parameters) episode() (string, error) {
	season, ep := strings.TrimLeft(p["season"], "sS"), strings.TrimLeft(p["ep"], "eE")
	if season == "" && ep == "" {
		return "", nil
	}
	s, err := atMost(season, 9999)
	if err != nil {
		return "", incorrect("season", "a number")
	}
	if month, day, ok := strings.Cut(ep, "/"); ok {
		m, errM := atMost(month, 12)
		d, errD := atMost(day, 31)
		if errM != nil || errD != nil || month == "" || day == "" || season == "" {
			return "", incorrect("ep", "a number, or MM/DD with the year as season")
		}
		return fmt.Sprintf("%04d %02d %02d", s, m, d), nil
	}
	e, err := atMost(ep, 9999)
	if err != nil {
		return "", incorrect("ep", "a number, or MM/DD with the year as season")
	}
	word := ""
	if season != "" {
		word = fmt.Sprintf("S%02d", s)
	}
	if ep != "" {
		word += fmt.Sprintf("E%02d", e)
	}
	return word, nil
}

// atMost reads digits; none are 0.
func atMost(text string, most int) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || int(n) > most {
		return 0, fmt.Errorf("want 0 to %d", most)
	}
	return int(n), nil
}

// numbers reads categories; empty ones are left aside.
func (p parameters) numbers(r *Request) error {
	for text := range strings.SplitSeq(p["cat"], ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || len(r.Numbers) >= maxNumbers {
			return incorrect("cat", fmt.Sprintf("at most %d numbers, with commas between them", maxNumbers))
		}
		r.Numbers = append(r.Numbers, n)
	}
	if n := usual[r.Function]; n > 0 && r.Numbers == nil {
		r.Numbers = []int{n}
	}
	r.Nothing = r.Nothing || r.Numbers != nil && len(Catalogue(r.Numbers)) == 0
	return nil
}

// page reads limit and offset. What is too much is cut: tools ask for what they like.
func (p parameters) page(r *Request) (err error) {
	if r.Limit, err = p.whole("limit", MaxItems); err != nil {
		return err
	}
	if r.Limit == 0 {
		r.Limit = MaxItems
	}
	if r.Offset, err = p.whole("offset", MaxOffset+1); err != nil {
		return err
	}
	r.Nothing = r.Nothing || r.Offset > MaxOffset
	return nil
}

// whole reads a number of any length and cuts it at most.
func (p parameters) whole(name string, most int) (int, error) {
	digits := p[name]
	if strings.Trim(digits, "0123456789") != "" || len(digits) > maxText {
		return 0, incorrect(name, "a whole number, not below 0")
	}
	n, err := strconv.Atoi(digits)
	if err != nil && digits != "" { // beyond every int
		return most, nil
	}
	return min(n, most), nil
}

func (p parameters) filters(r *Request) (err error) {
	if text := p["maxprice"]; text != "" {
		if r.MaxPrice, err = tokens.ParseAmount(text); err != nil || r.MaxPrice <= 0 {
			return incorrect("maxprice", "tokens per GiB above 0, such as 2 or 0.5")
		}
	}
	if r.MinSeeders, err = p.whole("minseeders", maxSeeders); err != nil {
		return err
	}
	switch strings.ToLower(p["freeleech"]) {
	case "", "0", "false", "no":
	case "1", "true", "yes":
		r.Free = true
	default:
		return incorrect("freeleech", "1 or 0")
	}
	return nil
}
