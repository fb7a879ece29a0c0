package dashboard

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

//go:embed templates static
var files embed.FS

// The rows that each list shows until all are asked for.
const (
	maxTorrents = 50
	maxPlanned  = 30
	maxLines    = 30
	maxAudits   = 20
)

// page is what the template gets: the View, bounded and in the order of the page.
type page struct {
	View
	All       bool // everything was asked for
	Chart     *chart
	DayRows   []Day // newest first
	Shown     []Torrent
	AuditRows []Audit
	LineRows  []Line
	Planned   []Planned
	PlanWords string
	Forecasts []ForecastDay // newest first
	Past      string        // how the forecasts turned out
}

// more says how much of a list is shown, and where the rest is.
type more struct {
	Shown, Total int
	What, Anchor string // the section's id
}

func parsePage() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"money": money, "signed": signed, "bytes": Size, "rate": rate, "limit": limit, "percent": percent, "sentence": sentence, "plain": Plain,
		"clock": clock, "elapsed": elapsed, "web": webLink, "share": share, "minus": func(a tokens.Amount) tokens.Amount { return -a },
		"level": levelWord, "claim": claimWord, "verdict": verdictClass, "span": func(secs int64) string { return span(time.Duration(secs) * time.Second) },
		"more":  func(shown, total int, what, anchor string) more { return more{shown, total, what, anchor} },
		"sum":   func(a ...tokens.Amount) tokens.Amount { return sum(a...) },
		"count": func(n int, one, many string) string { return count(int64(n), one, many) },
	}).ParseFS(files, "templates/*.html")
}

func (s *Site) index(w http.ResponseWriter, r *http.Request) {
	p := newPage(s.cfg.View(r.Context()), r.URL.Query().Get("show") == "all")
	var out bytes.Buffer // a template that fails half-way must not send half a page
	if err := s.page.ExecuteTemplate(&out, "page", p); err != nil {
		s.cfg.Log.Error("cannot render the dashboard", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	out.WriteTo(w)
}

func newPage(v View, all bool) page {
	p := page{View: v, All: all, Chart: newChart(v.Days, v.Symbol)}
	p.DayRows = slices.Clone(lastDays(v.Days))
	slices.Reverse(p.DayRows)
	p.Shown = slices.Clone(v.Torrents)
	slices.SortFunc(p.Shown, byConcern)
	p.Shown = p.first(p.Shown)
	p.AuditRows, p.LineRows = bounded(v.Audits.Recent, maxAudits, all), bounded(v.Lines, maxLines, all)
	if v.Plan != nil {
		p.Planned = bounded(ordered(v.Plan.Lines), maxPlanned, all)
		p.PlanWords = planWords(v.Plan.Lines)
	}
	p.Forecasts = slices.Clone(v.Forecast.Days[max(0, len(v.Forecast.Days)-maxDays):])
	slices.Reverse(p.Forecasts)
	p.Past = pastWords(v)
	return p
}

func (p page) first(ts []Torrent) []Torrent { return bounded(ts, maxTorrents, p.All) }

func bounded[T any](rows []T, most int, all bool) []T {
	if all {
		return rows
	}
	return rows[:min(len(rows), most)]
}

// Troubled reports whether a person should look at the torrent.
func (t Torrent) Troubled() bool {
	return t.State == "damaged" || t.State == "missing" || t.Refused != ""
}

// Progress is how much of it is there, in ppm; 1,000,000 only for all of it.
func (t Torrent) Progress() int64 { return share(int64(t.Have), int64(t.Size)) }

// byConcern puts what needs a person first, then what earned most.
func byConcern(a, b Torrent) int {
	rank := func(t Torrent) int {
		if t.Troubled() {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(sum(b.DayHosting, b.DayUpload), sum(a.DayHosting, a.DayUpload)),
		cmp.Compare(b.Expected, a.Expected), cmp.Compare(a.Name, b.Name), cmp.Compare(a.InfoHash, b.InfoHash))
}

// planOrder is the order of what a plan says: changes first.
var planOrder = map[string]int{"drop": 1, "add": 2, "keep": 3, "pass": 4}

func ordered(lines []Planned) []Planned {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b Planned) int { return cmp.Compare(planOrder[a.What], planOrder[b.What]) })
	return lines
}

func planWords(lines []Planned) string {
	n := map[string]int64{}
	var cost tokens.Amount
	for _, l := range lines {
		n[l.What]++
		if l.What == "add" {
			cost = sum(cost, l.Cost)
		}
	}
	kept := count(n["keep"], "torrent", "torrents")
	if n["add"]+n["drop"] == 0 {
		return "Nothing would change: " + kept + " stay."
	}
	return fmt.Sprintf("It would add %d, drop %d and keep %s.", n["add"], n["drop"], kept)
}

func pastWords(v View) string {
	var expected, earned tokens.Amount
	for _, d := range v.Forecast.Days {
		expected, earned = sum(expected, max(d.Expected, 0)), sum(earned, max(d.Earned, 0))
	}
	if expected == 0 {
		return "No forecast can be compared yet: the first one can be after a whole day."
	}
	text := fmt.Sprintf("In %s %s was expected and %s came.", count(int64(len(v.Forecast.Days)), "day", "days"), money(expected, v.Symbol), money(earned, v.Symbol))
	if b := v.Forecast.BiasPPM; b > 0 {
		text += fmt.Sprintf(" So what is expected now is scaled to %s.", percent(b))
	}
	return text
}

// share is part of whole in ppm, within 0 and 1,000,000, rounded down.
func share(part, whole int64) int64 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return tokens.MulDiv(min(part, whole), 1_000_000, whole)
}

// webLink lets a server's link through if a browser may follow it.
func webLink(url string) string {
	if strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		return url
	}
	return ""
}

func levelWord(l Level) string {
	return map[Level]string{Good: "Good", Warn: "Warning", Bad: "Problem"}[l]
}

// claimWord says what the tracker makes of a claim.
func claimWord(claim string) string {
	switch claim {
	case "":
		return "not claimed"
	case "entered":
		return "claimed, first audit to come"
	}
	return Plain(claim)
}

func verdictClass(verdict string) string {
	switch {
	case verdict == "passed":
		return "ok"
	case Fault(verdict):
		return "bad"
	}
	return ""
}

// Fault reports whether an audit's verdict counts against a node (ECONOMY §7); inconclusive and
// offline ones do not.
func Fault(verdict string) bool {
	return slices.Contains([]string{"corrupt", "missing", "refused", "late", "failed"}, verdict)
}

// Free is what is left of the quota.
func (s Space) Free() bt.Bytes { return max(s.Quota-s.Used, 0) }
