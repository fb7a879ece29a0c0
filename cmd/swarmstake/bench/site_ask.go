package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"text/tabwriter"
	"time"
)

const (
	warmUps    = 5 // requests of each page before they count
	askTimeout = time.Minute
	maxPage    = 16 << 20
)

// sitePage is a page and what is asked for next to see it.
type sitePage struct {
	name string
	next func(*asker) string
}

// asker asks a site for pages as one member.
type asker struct {
	site
	base   string
	http   http.Client
	random *rand.Rand
	hashes []string // of torrents
	second string   // the list's second page
}

// siteRow is how long one page took.
type siteRow struct {
	page, slowest string
	status, bytes int // of an answer that was not as it should be, if there was one
	latencies
}

func fixed(path string) func(*asker) string { return func(*asker) string { return path } }

// sitePages are the pages that are measured beside the catalogue's orders, which the site names itself.
var sitePages = []sitePage{
	{"start", fixed("/")},
	{"list", fixed("/torrents")},
	{"list, second page", func(a *asker) string { return a.second }},
	{"search: a word that is in one name", func(a *asker) string { return fmt.Sprintf("/torrents?q=n%07d", a.random.IntN(a.torrents)) }},
	{"search: a word that is in half of the names", fixed("/torrents?q=linux")},
	{"search: two frequent words", fixed("/torrents?q=linux+amd64")},
	{"search: a frequent and a rare word", func(a *asker) string { return "/torrents?q=linux+" + siteWord(siteWords/2+a.random.IntN(siteWords/2)) }},
	{"search: the begin of many words", fixed("/torrents?q=l")},
	{"search: words of all frequencies", func(a *asker) string { return "/torrents?q=" + siteWord(a.random.IntN(siteWords)) }},
	{"search: nothing like it", fixed("/torrents?q=qqqqqq")},
	{"list: a tag", func(a *asker) string { return "/torrents?tag=" + siteWord(a.random.IntN(siteTags)) }},
	{"list: filters that nothing passes", fixed("/torrents?min_proven=3&max_price=20&min_saturation=10")},
	{"search: a frequent word and filters", fixed("/torrents?q=linux&max_price=20&max_saturation=90")},
	{"torrent", func(a *asker) string { return "/torrents/" + a.hashes[a.random.IntN(len(a.hashes))] }},
	{"wallet of a busy member", fixed("/wallet")},
	{"mine", fixed("/mine")},
	{"mine, history", fixed("/mine/history")},
	{"mine, uploads", fixed("/mine/uploads")},
	{"notifications", fixed("/notifications")},
	{"hosting", fixed("/hosting")},
	{"requests", fixed("/requests")},
	{"economy", fixed("/economy")},
	{"epoch", func(a *asker) string { return fmt.Sprintf("/economy/epochs/%d", 1+a.random.IntN(a.spans)) }},
	{"top lists", fixed("/top")},
	{"availability", fixed("/availability")},
	{"account", fixed("/account")},
	{"buy", fixed("/buy")},
}

var (
	orderChoice = regexp.MustCompile(`(?s)<select[^>]*name="sort".*?</select>`)
	optionValue = regexp.MustCompile(`<option value="([a-z_-]+)"`)
	torrentLink = regexp.MustCompile(`href="/torrents/([0-9a-f]{40})"`)
	secondLink  = regexp.MustCompile(`href="(/torrents\?[^"]*cursor=[^"]*)"`)
)

// ask asks for all pages and returns how long they took, the slowest first.
func (s site) ask(ctx context.Context, base string, bars *progress) ([]siteRow, error) {
	a := &asker{site: s, base: base, http: http.Client{Timeout: askTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		random: rand.New(rand.NewPCG(s.seed, 'a'))}
	pages, err := a.prepare(ctx)
	if err != nil {
		return nil, err
	}
	add := bars.step("requests", len(pages)*s.requests)
	var rows []siteRow
	for _, p := range pages {
		row := siteRow{page: p.name}
		for i := range warmUps + s.requests {
			if err := a.time(ctx, p, &row, i >= warmUps); err != nil {
				return nil, err
			}
			if i >= warmUps {
				add(1)
			}
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(x, y siteRow) int { return int(y.quantile(0.99) - x.quantile(0.99)) })
	return rows, nil
}

// prepare looks at the list for what there is to ask for.
func (a *asker) prepare(ctx context.Context) (pages []sitePage, err error) {
	_, list, err := a.get(ctx, "/torrents")
	if err != nil {
		return nil, err
	}
	for _, m := range torrentLink.FindAllStringSubmatch(list, -1) {
		a.hashes = append(a.hashes, m[1])
	}
	m := secondLink.FindStringSubmatch(list)
	if len(a.hashes) == 0 || m == nil && a.torrents > 1000 {
		return nil, fmt.Errorf("the list of torrents has %d torrents and no second page, or the member is not signed in", len(a.hashes))
	}
	a.second = "/torrents"
	if m != nil {
		a.second = html.UnescapeString(m[1])
	}
	pages = slices.Clone(sitePages)
	for _, m := range optionValue.FindAllStringSubmatch(orderChoice.FindString(list), -1) {
		pages = append(pages, sitePage{"list by " + m[1], fixed("/torrents?sort=" + m[1])}, sitePage{"search by " + m[1], fixed("/torrents?q=linux&sort=" + m[1])})
	}
	return pages, nil
}

// time asks for a page once.
func (a *asker) time(ctx context.Context, p sitePage, row *siteRow, counts bool) error {
	path := p.next(a)
	start := time.Now()
	status, body, err := a.get(ctx, path)
	took := time.Since(start)
	if err != nil || !counts {
		return err
	}
	if row.n == 0 || took > row.max {
		row.slowest = path
	}
	if row.status == 0 || status != http.StatusOK {
		row.status, row.bytes = status, len(body)
	}
	row.add(took)
	return nil
}

func (a *asker) get(ctx context.Context, path string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+siteToken)
	res, err := a.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	return res.StatusCode, string(b), err
}

// print shows the rows, and fails if a page did not answer or was slower than it may be.
func (s site) print(out io.Writer, rows []siteRow) error {
	if err := s.show(out, rows); err != nil {
		return err
	}
	var faults []error
	for _, r := range rows {
		if r.status != http.StatusOK {
			faults = append(faults, fmt.Errorf("%s: status %d of %s", r.page, r.status, r.slowest))
		}
		if p99 := r.quantile(0.99); s.limit > 0 && p99 > s.limit {
			faults = append(faults, fmt.Errorf("%s: %s is more than %s (%s)", r.page, p99, s.limit, r.slowest))
		}
	}
	return errors.Join(faults...)
}

func (s site) show(out io.Writer, rows []siteRow) error {
	if s.json {
		return printSiteJSON(out, rows)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "page\tp50 ms\tp95 ms\tp99 ms\tmax ms\tbytes\tstatus\tslowest")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%s\n", r.page, ms(r.quantile(0.5)), ms(r.quantile(0.95)), ms(r.quantile(0.99)), ms(r.max), r.bytes, r.status, r.slowest)
	}
	return w.Flush()
}

func printSiteJSON(out io.Writer, rows []siteRow) error {
	type row struct {
		Page    string  `json:"page"`
		P50     float64 `json:"p50_ms"`
		P95     float64 `json:"p95_ms"`
		P99     float64 `json:"p99_ms"`
		Max     float64 `json:"max_ms"`
		Bytes   int     `json:"bytes"`
		Status  int     `json:"status"`
		Slowest string  `json:"slowest"`
	}
	all := []row{}
	for _, r := range rows {
		all = append(all, row{r.page, ms(r.quantile(0.5)), ms(r.quantile(0.95)), ms(r.quantile(0.99)), ms(r.max), r.bytes, r.status, r.slowest})
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(all)
}
