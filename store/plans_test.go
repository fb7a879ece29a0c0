package store_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	nethtml "golang.org/x/net/html"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// small are tables that a request may read whole, and why they stay small. Names that the regular
// expressions of plans give to results of queries are not here: they are read as far as they were made.
var small = map[string]string{
	"client_rules":          "some dozens, made by operators",
	"collections":           "some dozens, made by operators",
	"parameters":            "one row for each change of the rules",
	"parameters_configured": "one row for each parameter",
	"parameter_changes":     "one row for each change by an operator",
	"sale":                  "one row",
	"voucher_batches":       "made by operators",
	"badge_keys":            "one row for each key",
	"known_clients":         "one row for each kind of client",
	"facts":                 "one row for each fact of the installation",
	"notifications_off":     "some kinds of one member",
}

// excused are statements that break the rule for a reason: part of the statement, and the reason.
var excused = map[string]string{
	"FROM claims c NOT INDEXED":                   "the map of availability is made once in a while, whoever looks (web, coverageMemo)",
	"SELECT count(*) FROM members":                "counts an index: some milliseconds for 100,000, measured by 'bench site'",
	"SELECT count(*) FROM listing":                "likewise",
	"FROM listing ORDER BY price_utok_per_gib":    "the median: half of an index, likewise",
	"coalesce(sum(iif(exit_e18 = '', weight, 0))": "open locks only, by their index",
}

const pagesOfOneShape = 4 // that the walk opens

// planSite is a site over a store that notes its statements.
type planSite struct {
	*testing.T
	store *store.Store
	heard *store.Statements
	mux   *chi.Mux
	forms map[string]planForm // by role and shape
}

// planForm is a form, filled in as far as anything can be without knowing what it means.
type planForm struct {
	who, action string
	values      url.Values
}

type noLive struct{}

func (noLive) Swarm(bt.TorrentID) (int, int, int)                                { return 3, 7, 2 }
func (noLive) Peers(bt.TorrentID, int) []swarm.Peer                              { return nil }
func (noLive) Download(bt.MemberID, bt.TorrentID) (d swarm.DownloadRow, ok bool) { return d, false }

type noRoster struct{}

func (noRoster) TorrentAdded(context.Context, bt.TorrentID) error               { return nil }
func (noRoster) MemberAdded(context.Context, bt.MemberID) error                 { return nil }
func (noRoster) ClientsChanged(context.Context) error                           { return nil }
func (noRoster) BudgetChanged(context.Context, bt.MemberID, bt.TorrentID) error { return nil }

type noKeys struct{}

func (noKeys) AnnounceURL(bt.MemberID, bt.InfoHash) string { return "http://tracker.test/announce" }

type noSeeding struct{}

func (noSeeding) Market(context.Context) (e web.MarketEconomy, list []web.MarketTorrent, err error) {
	return e, nil, nil
}
func (noSeeding) Earnings(context.Context, store.Node, int) (e web.Earnings, err error) {
	return e, nil
}
func (noSeeding) TakeTransfers(context.Context, store.Node, web.TransferReport) (a web.TransferAnswer, err error) {
	return a, nil
}

type noRecords struct{}

func (noRecords) AuditRecord(context.Context, int64) (r availability.Record, err error) {
	return r, store.ErrNotFound
}

type noHosting struct{ web.Hosting }

func (noHosting) Status(context.Context, store.Node) (web.NodeStatus, error) {
	return web.NodeStatus{}, nil
}

func newPlanSite(t *testing.T) *planSite {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir, store.Options{Economy: store.DefaultEconomy(), Faucet: store.FaucetPerDay})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	rules := web.Rules{EpochLength: time.Hour, Economy: store.DefaultEconomy(), Surge: surge.DefaultParams(), Settle: settle.DefaultParams(), Availability: availability.DefaultParams()}
	h, err := web.New(web.Config{BaseURL: "http://site.test", Dev: true, Rules: func() web.Rules { return rules }},
		web.Deps{Store: s, Live: noLive{}, Roster: noRoster{}, Keys: noKeys{}, Hosting: noHosting{}, Seeding: noSeeding{}, Records: noRecords{}})
	if err != nil {
		t.Fatal(err)
	}
	p := &planSite{T: t, store: s, mux: h.(*chi.Mux), forms: map[string]planForm{}}
	p.fill(rules)
	p.heard = store.Listen(t, s, dir)
	return p
}

// fill makes somebody who does everything, an operator, and torrents.
func (p *planSite) fill(rules web.Rules) {
	p.Helper()
	for _, g := range []store.Grant{
		{NewMember: store.NewMember{Name: "boss", Operator: true}, APIToken: "swst_boss"},
		{NewMember: store.NewMember{Name: "alice"}, Tokens: 900 * tokens.Unit, Stake: 60 * tokens.Unit, APIToken: "swst_alice"},
	} {
		g.TokenTTL = time.Hour
		if _, err := p.store.AddMember(p.Context(), g); err != nil {
			p.Fatal(err)
		}
	}
	for i := range 60 { // more than a page of anything
		n := store.NewTorrent{InfoHash: bt.InfoHash{byte(i + 1)}, Name: fmt.Sprintf("torrent number %d", i), Size: bt.GiB, PieceBytes: 1 << 20, Files: 1,
			Metainfo: []byte("d4:infod6:lengthi16384e4:name1:x12:piece lengthi16384e6:pieces20:00000000000000000007ee"), Uploader: 2}
		if _, err := p.store.AddTorrent(p.Context(), n); err != nil {
			p.Fatal(err)
		}
	}
	if err := p.store.SetPrices(p.Context(), []store.PriceRow{{Torrent: 1, AtMs: time.Now().UnixMilli(), MultiplierPPM: 2e6, Price: 20_000_000}}, func(store.PriceRow) bool { return true }); err != nil {
		p.Fatal(err)
	}
	for range 3 {
		if _, err := p.store.NextEpoch(p.Context(), rules.Availability, [32]byte{}); err != nil {
			p.Fatal(err)
		}
	}
}

// ask sends a request as somebody and returns what it answers.
func (p *planSite) ask(who, method, target, form string) *httptest.ResponseRecorder {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	if strings.HasPrefix(target, "/events") { // it would not end
		cancel()
	}
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://site.test"+target, strings.NewReader(form))
	if err != nil {
		p.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1"
	r.Header.Set("Authorization", "Bearer swst_"+who)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	p.heard.During(method + " " + target)
	p.mux.ServeHTTP(w, r)
	p.heard.During("")
	return w
}

var linked = regexp.MustCompile(`href="(/[^"#]*)`)

// walk opens what is linked, as somebody, and returns how many pages that were.
func (p *planSite) walk(who string) int {
	p.Helper()
	shapes, seen, queue := map[string]int{}, map[string]bool{}, []string{"/"}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		w := p.ask(who, "GET", at, "")
		if w.Code >= 500 {
			p.Errorf("%s: GET %s: %d", who, at, w.Code)
		}
		p.note(who, w.Body.Bytes())
		for _, m := range linked.FindAllStringSubmatch(w.Body.String(), -1) {
			to := html.UnescapeString(m[1])
			shape := p.shape(to)
			if seen[to] || shapes[shape] >= pagesOfOneShape {
				continue
			}
			seen[to] = true
			shapes[shape]++
			queue = append(queue, to)
		}
	}
	return len(seen)
}

func (p *planSite) shapeOf(method, path string) string {
	at := chi.NewRouteContext()
	p.mux.Match(at, method, path)
	return at.RoutePattern()
}

// shape is the route of an address and the names of its parameters.
func (p *planSite) shape(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	names := []string{p.shapeOf("GET", u.Path)}
	for name := range u.Query() {
		names = append(names, name)
	}
	slices.Sort(names[1:])
	return strings.Join(names, " ")
}

// note remembers a page's forms.
func (p *planSite) note(who string, body []byte) {
	root, err := nethtml.Parse(bytes.NewReader(body))
	if err != nil {
		return
	}
	for n := range root.Descendants() {
		if n.Data != "form" || attribute(n, "method") != "post" || attribute(n, "action") == "/sign-out" {
			continue
		}
		f := planForm{who, attribute(n, "action"), url.Values{}}
		for e := range n.Descendants() {
			if name := attribute(e, "name"); name != "" {
				f.values.Set(name, cmp.Or(attribute(e, "value"), chosen(e), guessed[name], "1"))
			}
		}
		if shape := who + p.shapeOf("POST", f.action) + strings.Join(slices.Sorted(maps.Keys(f.values)), " "); p.forms[shape].who == "" {
			p.forms[shape] = f
		}
	}
}

// guessed are what fields take that do not take "1".
var guessed = map[string]string{"password": "correct horse battery", "text": "some words", "body": "some words", "title": "A title", "description": "Some words", "reason": "a reason", "name": "someone"}

// chosen is the last choice of a select.
func chosen(n *nethtml.Node) (value string) {
	for o := range n.Descendants() {
		value = cmp.Or(attribute(o, "value"), value)
	}
	return value
}

func attribute(n *nethtml.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// catalogue are addresses of the list of torrents: every order with words and with each of the filters.
func (p *planSite) catalogue() (targets []string) {
	p.Helper()
	root, err := nethtml.Parse(p.ask("alice", "GET", "/torrents", "").Body)
	if err != nil {
		p.Fatal(err)
	}
	var orders, filters []string
	for n := range root.Descendants() {
		inList := slices.ContainsFunc(slices.Collect(n.Ancestors()), func(f *nethtml.Node) bool { return f.Data == "form" && attribute(f, "action") == "/torrents" })
		switch name := attribute(n, "name"); {
		case !inList || name == "" || name == "q":
		case name == "sort":
			for o := range n.Descendants() {
				if v := attribute(o, "value"); v != "" {
					orders = append(orders, v)
				}
			}
		default:
			filters = append(filters, name+"="+url.QueryEscape(cmp.Or(attribute(n, "value"), chosen(n), "1")))
		}
	}
	if len(orders) < 4 || len(filters) == 0 {
		p.Fatalf("orders %v, filters %v", orders, filters)
	}
	for _, order := range append(orders, "") {
		for _, words := range []string{"", "&q=torrent", "&q=torrent+number", "&q=zzz", "&q=tor"} {
			targets = append(targets, "/torrents?sort="+order+words)
			for _, filter := range filters {
				targets = append(targets, "/torrents?sort="+order+words+"&"+filter)
			}
		}
	}
	return targets
}

// What members and operators ask of the site reads what it shows, and no whole table that grows: however
// much there is, the pages stay quick.
func TestPagesDoNotReadWholeTables(t *testing.T) {
	p := newPlanSite(t)
	pages := p.walk("alice") + p.walk("boss")
	for _, target := range p.catalogue() {
		p.ask("alice", "GET", target, "")
	}
	posted := len(p.forms)
	for _, shape := range slices.Sorted(maps.Keys(p.forms)) {
		f := p.forms[shape]
		p.ask(f.who, "POST", f.action, f.values.Encode())
	}
	pages += p.walk("alice") + p.walk("boss") // what was made has pages of its own
	queries, in := p.heard.Noted()
	if pages < 80 || posted < 20 || len(queries) < 120 {
		t.Fatalf("%d pages, %d forms, %d statements: that is not the site", pages, posted, len(queries))
	}
	tables, err := p.heard.Tables(t.Context())
	if err != nil || !tables["transfers"] {
		t.Fatal(tables, err)
	}
	used := map[string]bool{}
	for _, query := range queries {
		steps, err := p.heard.Plan(t.Context(), query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if fault := planFault(tables, query, steps); fault != "" && !excuse(query, used) {
			t.Errorf("%s: %s\n%s\n  %s", in[query], fault, strings.Join(strings.Fields(query), " "), strings.Join(steps, "\n  "))
		}
	}
	for part := range excused {
		if !used[part] {
			t.Errorf("nothing needs the excuse of %q any more", part)
		}
	}
	t.Logf("%d pages, %d forms, %d statements", pages, posted, len(queries))
}

// planFault says what of a plan grows with a table, or nothing. What a plan calls by another name than one of
// the tables is a result of its own.
func planFault(tables map[string]bool, query string, steps []string) string {
	for _, step := range steps {
		if table := store.Scanned(query, steps, step); small[table] == "" && tables[table] {
			return "it reads all of " + table
		}
		if table := store.Driving(query, steps); tall[table] && strings.HasPrefix(step, "USE TEMP B-TREE FOR ORDER BY") && strings.Contains(strings.ToUpper(query), "LIMIT") {
			return "it sorts all that it finds to show a part of it: rows of " + table
		}
	}
	return ""
}

// tall are tables of which one member or torrent alone may have very many rows.
var tall = map[string]bool{"transfers": true, "prices": true, "audits": true, "usage": true, "awards": true, "comments": true, "notifications": true, "downloads": true, "torrents": true}

func excuse(query string, used map[string]bool) bool {
	for part := range excused {
		if strings.Contains(query, part) {
			used[part] = true
			return true
		}
	}
	return false
}

// The rule finds what it is for, and nothing else.
func TestPlanFaults(t *testing.T) {
	p := newPlanSite(t)
	tables, err := p.heard.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"SELECT * FROM transfers WHERE amount = ?":                                                "it reads all of transfers",
		"SELECT count(*) FROM transfers x JOIN accounts a ON a.id = x.source":                     "it reads all of transfers",
		"SELECT * FROM members WHERE created_ms > ? LIMIT 5":                                      "it reads all of members",
		"SELECT * FROM torrents ORDER BY created_ms DESC LIMIT 5 OFFSET ?":                        "it reads all of torrents",
		"SELECT * FROM torrents ORDER BY lower(name) LIMIT 5":                                     "it reads all of torrents",
		"SELECT * FROM transfers WHERE source = ? ORDER BY amount LIMIT 5":                        "it sorts all that it finds to show a part of it: rows of transfers",
		"UPDATE members SET operator = 0 WHERE invited_by = ? AND created_ms < ?":                 "it reads all of members",
		"SELECT * FROM transfers WHERE source = ? ORDER BY seq DESC LIMIT 5":                      "",
		"SELECT * FROM torrents ORDER BY created_ms DESC LIMIT 5":                                 "",
		"SELECT * FROM transfers ORDER BY seq DESC LIMIT 5":                                       "",
		"SELECT * FROM client_rules":                                                              "",
		"WITH n (i) AS (VALUES (1), (2)) SELECT i FROM n":                                         "",
		"SELECT * FROM members m WHERE m.id = ? ORDER BY m.name LIMIT 1":                          "",
		"SELECT * FROM (SELECT source FROM transfers WHERE dest = ? ORDER BY seq DESC LIMIT 9) x": "",
	} {
		steps, err := p.heard.Plan(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if got := planFault(tables, query, steps); got != want {
			t.Errorf("%s: %q, want %q\n  %s", query, got, want, strings.Join(steps, "\n  "))
		}
	}
}
