package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

//go:embed templates static
var files embed.FS

// view is a page to render: a template of that name, inside the layout.
type view struct {
	name    string
	title   string
	data    any
	status  int // 0: 200, or the problem's
	problem *problem
}

// layout is what every template gets.
type layout struct {
	Site    string
	Title   string
	Symbol  string
	Quote   string // symbol of what tokens are bought with
	Path    string
	Here    string // path and query: where a form may lead back to
	Theme   string
	Dev     bool
	Member  *store.Member
	Wallet  *store.Wallet
	Unread  int // notifications
	Problem *problem
	News    []announcementLine
	Key     string // for a form that moves money
	Data    any
}

// page runs a page handler. Whoever must sign in first is sent there; any other error is a page.
func (s *site) page(h func(http.ResponseWriter, *http.Request) (*view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r))
		w.Header().Set("Cache-Control", "no-store")
		v, err := h(w, r)
		if err != nil {
			p := s.asProblem(r, err)
			if p == errSignIn && r.Method == http.MethodGet {
				http.Redirect(w, r, "/sign-in?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
				return
			}
			v = &view{name: "problem", title: p.Title, problem: p}
		}
		if v != nil {
			s.render(w, r, v)
		}
	}
}

// members admits signed-in members only.
func (s *site) members(h func(http.ResponseWriter, *http.Request) (*view, error)) http.HandlerFunc {
	return s.admit(s.asMember, h)
}

// operators admits signed-in operators only.
func (s *site) operators(h func(http.ResponseWriter, *http.Request) (*view, error)) http.HandlerFunc {
	return s.admit(s.asOperator, h)
}

// admit puts a guard of the API before a page.
func (s *site) admit(guard func(handler) handler, h func(http.ResponseWriter, *http.Request) (*view, error)) http.HandlerFunc {
	return s.page(func(w http.ResponseWriter, r *http.Request) (v *view, err error) {
		err = guard(func(w http.ResponseWriter, r *http.Request) error {
			v, err = h(w, r)
			return err
		})(w, r)
		return v, err
	})
}

func (s *site) render(w http.ResponseWriter, r *http.Request, v *view) {
	l := layout{Site: s.Name, Title: v.title, Symbol: s.Rules().Economy.Symbol, Quote: s.QuoteSymbol, Path: r.URL.Path,
		Here: hereOf(r), Theme: themeOf(r), Dev: s.Dev,
		Member: visitorOf(r).member, Problem: v.problem, Key: s.secret(), Data: v.data}
	if l.Member != nil {
		wallet, err := s.Store.Wallet(r.Context(), l.Member.ID)
		if err != nil {
			s.complain(r, "cannot read a wallet for the page's head", "error", err)
		} else {
			l.Wallet = &wallet
		}
		l.Unread = s.unread(r, l.Member)
		l.News = s.announcementLines(r, l.Member)
	}
	var out bytes.Buffer // a template that fails half-way must not send half a page
	if err := s.pages[v.name].ExecuteTemplate(&out, "layout", l); err != nil {
		s.Log.Error("cannot render", "page", v.name, "error", err)
		http.Error(w, errInternal.Detail, http.StatusInternalServerError)
		return
	}
	status := v.status
	if status == 0 {
		status = http.StatusOK
		if v.problem != nil {
			status = v.problem.Status
		}
	}
	if v.problem != nil {
		v.problem.header(w.Header())
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(bytes.ToValidUTF8(out.Bytes(), []byte("\uFFFD"))) // what somebody typed is shown to them again
}

// hereOf is where a form that is on every page leads back to: what a form itself answers cannot be shown again.
func hereOf(r *http.Request) string {
	if r.Method == http.MethodGet {
		return r.URL.RequestURI()
	}
	return "/"
}

// again shows a form once more with what was wrong. Internal errors stay errors.
func (s *site) again(r *http.Request, v *view, err error) (*view, error) {
	p := s.asProblem(r, err)
	if p == errInternal || p == errSignIn {
		return nil, p
	}
	v.problem = p
	return v, nil
}

func (s *site) parsePages() (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(s.funcs()).ParseFS(files, "templates/layout.html", "templates/part*.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, file := range names {
		if strings.HasPrefix(path.Base(file), "part") {
			continue
		}
		t, err := template.Must(base.Clone()).ParseFS(files, file)
		if err != nil {
			return nil, err
		}
		pages[strings.TrimSuffix(path.Base(file), ".html")] = t
	}
	return pages, nil
}

func (s *site) funcs() template.FuncMap {
	return template.FuncMap{
		"money":   s.money,
		"utok":    func(u Utok) string { return s.money(tokens.Amount(u)) },
		"credits": func(a tokens.Amount) string { return a.String() + " " + s.QuoteSymbol },
		"signed":  func(a tokens.Amount) string { return signed(a, s.Rules().Economy.Symbol) },
		"paid":    func(a tokens.Amount) string { return signed(a, s.QuoteSymbol) },
		"bytes":   showBytes,
		"times":   func(ppm int64) string { return "×" + tokens.Amount(ppm/10_000*10_000).String() },
		"surge":   surgeWord,
		"percent": func(ppm int64) string { return percent(ppm/100*100) + " %" },
		"share":   sharePPM,
		"clock":   func(ms int64) template.HTML { return clock(utc(ms)) },
		"age":     func(ms int64) string { return age(s.Now().Sub(time.UnixMilli(ms))) },
		"ago":     func(ms int64) string { return ago(s.Now().Sub(time.UnixMilli(ms))) },
		"reason":  reasonOf,
		"cost":    func(t store.Torrent) string { return s.money(fullCost(t)) },
		"has":     strings.HasPrefix,
		"themes":  func() []string { return themes },
		"every":   span,
		"length":  length,
		"amount":  s.amountOf,
		"net":     func(gross, held tokens.Amount) string { return s.money(gross - held) },
		"receipt": receiptPath,
		"micro":   func(a tokens.Amount) string { return a.String() },
		"day":     func(ms int64) template.HTML { return date(utc(ms)) },
		"until":   func(t time.Time) template.HTML { return date(t.UTC()) },
	}
}

// amountOf writes an amount of any asset.
func (s *site) amountOf(asset tokens.Asset, a tokens.Amount) string {
	switch asset {
	case tokens.Quote:
		return a.String() + " " + s.QuoteSymbol
	case tokens.Byte:
		return showBytes(bt.Bytes(a))
	}
	return s.money(a)
}

// signed writes an amount with its sign, in the same format as money.
func signed(a tokens.Amount, symbol string) string {
	text := strings.Replace(a.String(), "-", "−", 1) + " " + symbol
	if a > 0 {
		return "+" + text
	}
	return text
}

// span writes a duration of the rules in its largest whole unit.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if d >= u.unit && d%u.unit == 0 {
			return fmt.Sprintf("%d %s", d/u.unit, u.name)
		}
	}
	return d.String()
}

// length writes a duration in hours and minutes, rounded down.
func length(d time.Duration) string {
	h, m := int(d.Hours()), int(d.Minutes())%60
	switch {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	}
	return fmt.Sprintf("%d h %d min", h, m)
}

// showBytes writes a size with two decimals of the largest binary unit that it fills.
func showBytes(n bt.Bytes) string {
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB"}
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	i, unit := 0, bt.Bytes(1<<10)
	for n/unit >= 1<<10 && i < len(units)-1 {
		unit <<= 10
		i++
	}
	hundredths := int64(n%unit) * 100 / int64(unit)
	return fmt.Sprintf("%d.%02d %s", n/unit, hundredths, units[i])
}

// surgeWord says in words what the multiplier does, so that colour is never needed.
func surgeWord(ppm int64) string {
	switch {
	case ppm > 1_000_000:
		return "surge"
	case ppm < 1_000_000:
		return "discount"
	}
	return "base"
}

func sharePPM(part, whole tokens.Amount) int64 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return tokens.MulDiv(int64(min(part, whole)), 1_000_000, int64(whole))
}

// clock is a moment for machines and people. The text cannot hold anything but digits and signs.
func clock(t time.Time) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s UTC</time>`, t.Format(time.RFC3339), t.Format("2006-01-02 15:04:05")))
}

// date is clock to the minute: for moments to come.
func date(t time.Time) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s UTC</time>`, t.Format(time.RFC3339), t.Format("2006-01-02 15:04")))
}

func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func ago(d time.Duration) string {
	if d < time.Minute {
		return age(d)
	}
	return age(d) + " ago"
}

// staticFiles serves the embedded folder static; a program's files change only with the program.
func staticFiles(static fs.FS) http.Handler {
	h := http.StripPrefix("/static", http.FileServerFS(static))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fs.ValidPath(strings.TrimPrefix(r.URL.Path, "/")) { // a folder, "..", not UTF-8
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		h.ServeHTTP(w, r)
	})
}
