package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/badge"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

// unreached are routes that a crawl does not get to, each with the reason.
var unreached = map[string]string{
	"POST /account/passkeys/{id}/remove": "only an authenticator makes a passkey: the test of passkeys in a browser gets there",
	"POST /account/confirm/passkey":      "likewise",

	"GET /torznab/api":                    "tools ask, no page links to it: the tests of feeds get there",
	"HEAD /torznab/api":                   "likewise",
	"GET /torznab/api/api":                "likewise",
	"HEAD /torznab/api/api":               "likewise",
	"GET /torznab/download/{infohash}/*":  "likewise",
	"HEAD /torznab/download/{infohash}/*": "likewise",
	"HEAD /rss/{key}":                     "likewise",
	"HEAD /rss/{key}/{id}":                "likewise",
}

// lena is a member who lost the password; nobody walks as her.
const lena = 5

// allRecords knows the record of every epoch.
type allRecords struct{}

func (allRecords) AuditRecord(_ context.Context, epoch int64) (availability.Record, error) {
	return availability.Record{Epoch: epoch}, nil
}

// newCrawl is a site with something on every page: a host who was punished, an operator, a guest, money that
// moved, a settled epoch, names that somebody chose to hurt others.
func newCrawl(t *testing.T) (c *crawl, all []*walker) {
	t.Helper()
	key, err := badge.LoadOrCreateKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var cfg web.Config
	w := newWorld(t, func(now *web.Config, _ *store.Economy) {
		now.PublicKeys = badge.Keys{}.With(key.Public())
		cfg = *now
		cfg.BaseURL = strings.Replace(now.BaseURL, "127.0.0.1", "localhost", 1)
	})
	cfg.Rules = func() web.Rules {
		return web.Rules{EpochLength: time.Hour, Economy: store.DefaultEconomy(), Surge: surge.DefaultParams(), Settle: settle.DefaultParams(), Availability: availability.DefaultParams()}
	}
	h, err := web.New(cfg, web.Deps{Store: w.store, Live: &w.live, Roster: &w.roster, Keys: fakeKeys{}, Hosting: &w.hosting, Serving: &w.serving, Seeding: &w.seeding, Records: allRecords{}})
	if err != nil {
		t.Fatal(err)
	}
	c = &crawl{world: w, mux: h.(*chi.Mux), base: cfg.BaseURL, reached: map[string]bool{}, params: map[string]map[string]bool{}, samples: map[string]sample{}, told: map[string]bool{}, seen: map[[32]byte]*document{}, taken: map[string]bool{}, hashed: map[string]bool{}}
	c.crowd(key)
	tina := c.walker("tina")
	tina.useCodes()
	tina.signIn() // with one of them
	return c, []*walker{c.walker("visitor"), c.walker("greta"), tina, c.walker("alice"), c.walker("boss")}
}

// crowd lets an operator (member 1), a host (2), a guest (3) and a member with an authenticator use the site for
// a month.
func (c *crawl) crowd(key badge.Key) {
	c.Helper()
	boss, alice, greta := c.operator(), c.rich("alice"), c.signUp("greta")
	for _, name := range []string{"debian.iso", `<` + marker + `>"'&amp; {{printf "%s%s" "` + marker + `" "eval"}}`, "plain"} {
		c.want(alice.upload(torrentFile(name), "description", `</p><`+marker+` on`+marker+`="1">`), 201)
	}
	alice.upload(torrentFile("\u202edesrever")) // it need not be taken
	c.want(greta.upload(torrentFile("by a guest")), 201)
	c.signUp("tina")
	c.closed("cleo")
	c.signUp("lena")
	c.scenery(c.T)
	c.want(alice.pay("/api/v1/locks", "1", `{"amount_utok":"8000000","weeks":26}`), 201)
	c.settled()
	c.fees("crawl/1", 3*tokens.Unit)
	c.settled()
	c.want(alice.pay("/api/v1/locks/1/claim", "c", ""), 201)
	c.clock.Add(int64(31 * 24 * time.Hour)) // what was claimed is released
	c.fees("crawl/2", 3*tokens.Unit)
	c.paidEpoch(1)

	alice, boss = c.signedIn("alice"), c.signedIn("boss")
	c.punished(alice)
	c.session(2, 1, "-qB5050-", time.Minute)
	c.session(3, 1, "-TR4050-", time.Hour)
	if err := c.store.FindFlags(c.Context(), settle.DefaultParams()); err != nil { // the two share a network
		c.Fatal(err)
	}
	c.want(boss.do("PUT", "/api/v1/collections/classics", strings.NewReader(`{"title":"Classics"}`)), 201)
	c.requested(boss, alice)
	c.award(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "Classics")
	for _, code := range c.want(boss.post("/api/v1/admin/vouchers", `{"label":"fair","amount_quote":"25000000","count":9}`), 201).json(c)["codes"].([]any) {
		c.codes = append(c.codes, code.(string))
	}
	c.want(alice.form("/wallet/withdraw", map[string]string{"key": "w", "rail": "voucher", "amount": "1.5"}), 200)
	c.treasuryScenery()
}

// closed makes somebody whose account is closed and whose clients get no peers. What operators do to accounts the
// crawl does to this one only: walkers whose own are closed would try no more forms.
func (c *crawl) closed(name string) {
	c.Helper()
	c.signUp(name)
	m, err := c.store.MemberByName(c.Context(), name)
	if err != nil {
		c.Fatal(err)
	}
	c.exec("UPDATE members SET banned_reason = 'a quarrel', silent_ms = 1, silent_why = 'it took in silence' WHERE id = ?", m.ID)
	c.exec("INSERT INTO silences (member, at_ms, why) VALUES (?, 1, 'it took in silence')", m.ID)
	c.standIn = fmt.Sprintf("/admin/members/%d/", m.ID)
}

// punished has the member's node suspended, with an audit that says why and a penalty.
func (c *crawl) punished(owner *client) {
	c.Helper()
	node := c.pair(owner)
	c.want(owner.pay("/api/v1/nodes/1/pledge", "p", `{"amount_utok":"20000000"}`), 201)
	c.host(1, 1, 2, node, 16<<10, true, false)
	c.auditRow(7, 1, "drawn", availability.Corrupt, corrupt())
	for id := range int64(2) { // one is appealed against and decided on, one is returned
		c.slash(id+1, node, c.now().Add(24*time.Hour), 2*tokens.Unit)
	}
	st := availability.NewStanding(availability.DefaultParams())
	st.Suspended = true
	raw, err := json.Marshal(st)
	if err != nil {
		c.Fatal(err)
	}
	c.exec("UPDATE nodes SET standing = ?, suspended_ms = ?", string(raw), c.now().UnixMilli())
}

// requested has one ask for something and the other offer it.
func (c *crawl) requested(one, other *client) {
	c.Helper()
	c.want(one.form("/requests", map[string]string{"key": "r", "title": "Something rare", "description": "In any format", "category": "other", "amount": "0"}), 303)
	hash, err := bt.ParseInfoHash(c.want(other.upload(torrentFile("rare")), 201).json(c)["infohash"].(string))
	if err != nil {
		c.Fatal(err)
	}
	t, err := c.store.TorrentByHash(c.Context(), hash)
	if err != nil {
		c.Fatal(err)
	}
	c.want(other.form("/requests/1/fill", map[string]string{"torrent": fmt.Sprint(t.ID)}), 303)
}

// signedIn is somebody in a new session.
func (c *crawl) signedIn(name string) *client {
	c.Helper()
	b := c.browser()
	c.want(b.form("/sign-in", map[string]string{"name": name, "password": password}), 303)
	return b
}

// entrances are pages that nobody links to.
var entrances = []string{"/", "/healthz", "/readyz", "/.well-known/swarmstake.json", "/static/style.css", "/static/app.js", "/static/icon.svg", "/sign-up", "/requests/1"}

// Every page and every form, by everybody, with everything that people should not type. Nothing fails, nothing
// leaks out of its place, every link leads somewhere and every page is a page, before and after.
func TestCrawl(t *testing.T) {
	c, all := newCrawl(t)
	timed := func(what string, do func()) {
		start, before := time.Now(), c.requests
		do()
		t.Logf("%-28s %6d requests %8s", what, c.requests-before, time.Since(start).Round(time.Millisecond))
	}
	walks := 0
	walk := func() {
		walks++ // a set-up link works once
		setup := fmt.Sprint("crawl-", walks)
		if err := c.store.AddSetupLink(t.Context(), setup, time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := c.store.AddPasswordLink(t.Context(), lena, setup, time.Hour, 0); err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			v.walk(append([]string{"/setup/" + setup, "/password/" + setup}, entrances...)...)
		}
	}
	timed("walk", walk)
	for range 2 { // what one form makes has forms of its own
		timed("fill in", func() {
			for _, v := range all {
				v.fillIn(false)
			}
		})
		timed("walk among what was made", walk)
	}
	timed("naughty parameters", c.tormentPages)
	timed("naughty forms", func() { c.tormentForms(all) })
	timed("naughty forms, to be confirmed", func() {
		c.clock.Add(int64(time.Hour)) // nobody has proved lately who they are
		for _, v := range all {
			v.walk(entrances...)
			for _, key := range v.order {
				v.tormentOnce(v.forms[key])
			}
		}
	})
	timed("take away", func() {
		for _, v := range all {
			v.fillIn(true)
		}
	})
	timed("walk among what is left", walk)
	c.checkRoutes()
	c.checkTaken(all)
}

// tormentPages opens every page with each of its parameters naughty, and with all that any page has.
func (c *crawl) tormentPages() {
	c.Helper()
	everything := c.everyParam()
	for _, route := range slices.Sorted(maps.Keys(c.samples)) {
		s := c.samples[route]
		if slices.Contains(streams, route) {
			continue
		}
		path, query, _ := strings.Cut(s.target, "?")
		valid, _ := url.ParseQuery(query)
		for _, text := range texts() {
			for _, name := range slices.Sorted(maps.Keys(c.params[route])) {
				values := maps.Clone(valid)
				values[name] = []string{text}
				s.by.look("GET", path+"?"+values.Encode(), "", nil)
			}
			for _, p := range naughtyPaths(route, path, text) {
				s.by.look("GET", p, "", nil)
			}
		}
		for _, text := range worst {
			values := url.Values{}
			text = text[:min(len(text), crawlText)] // the server takes no address of megabytes
			for _, name := range everything {
				values[name] = []string{text, text}
				values[name+"[]"] = []string{text}
			}
			s.by.look("GET", path+"?"+values.Encode(), "", nil)
		}
		s.by.look("GET", path+"?%zz=%f&;=&&", "", nil)
		s.by.look("DELETE", path, "", nil)
		s.by.look("GET", path+"/", "", nil)
	}
}

// naughtyPaths are the path with each of its parameters naughty.
func naughtyPaths(route, path, text string) (out []string) {
	names, parts := strings.Split(route, "/"), strings.Split(path, "/")
	for i, name := range names {
		if i < len(parts) && (strings.HasPrefix(name, "{") || name == "*") {
			p := slices.Clone(parts)
			p[i] = url.PathEscape(text)
			out = append(out, strings.Join(p, "/"))
		}
	}
	return out
}

// everyParam are the parameters that the site's source asks for, of queries and of forms.
func (c *crawl) everyParam() (names []string) {
	c.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		c.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			c.Fatal(err)
		}
		for _, part := range strings.Split(string(src), `.Get("`)[1:] {
			if name, _, _ := strings.Cut(part, `"`); name == strings.ToLower(name) && !strings.Contains(name, "/") {
				names = append(names, name)
			}
		}
	}
	for _, of := range c.params {
		names = slices.AppendSeq(names, maps.Keys(of))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// tormentForms torments each kind of form once, by whoever found it first, and its addresses.
func (c *crawl) tormentForms(all []*walker) {
	c.Helper()
	done := map[string]bool{}
	for _, v := range slices.Backward(all) {
		for _, key := range v.order {
			f := v.forms[key]
			if f.method == "GET" || done[key] {
				continue
			}
			done[key] = true
			v.torment(f)
			for _, text := range worst {
				path, _, _ := strings.Cut(f.target, "?")
				for _, p := range naughtyPaths(f.route, path, text) {
					v.look("POST", p, formType, []byte(v.fill(f.htmlForm, "", "").Encode()))
				}
			}
		}
	}
}

// checkRoutes wants every route of the pages to have been reached, so that no page is forgotten.
func (c *crawl) checkRoutes() {
	c.Helper()
	err := chi.Walk(c.mux, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		name := method + " " + plainRoute(route)
		if strings.HasPrefix(route, "/api/") || route == "/static/*" && method != "GET" {
			return nil
		}
		why, known := unreached[name]
		switch {
		case !c.reached[name] && !known:
			c.Errorf("%s was not reached: no page links to it, or no form leads there", name)
		case c.reached[name] && known:
			c.Errorf("%s was reached: it is not to be excused (%s)", name, why)
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
}

// checkTaken wants the crawl to fill in most forms so that they are taken: forms that are always refused are
// not tried at all.
func (c *crawl) checkTaken(all []*walker) {
	c.Helper()
	routes := map[string]bool{}
	for _, v := range all {
		for _, f := range v.forms {
			if f.method == "POST" {
				routes[f.route] = true
			}
		}
	}
	var refused []string
	for _, r := range slices.Sorted(maps.Keys(routes)) {
		if !c.taken[r] {
			refused = append(refused, r)
		}
	}
	c.Logf("%d pages' routes, %d forms' routes, always refused: %v", len(c.samples), len(routes), refused)
	if len(routes) < 20 || len(refused)*2 > len(routes) {
		c.Errorf("of %d forms %d were always refused", len(routes), len(refused))
	}
}
