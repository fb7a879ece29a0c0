package web_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/pquerna/otp/totp"
)

// Limits of a crawl.
const (
	crawlShape  = 5    // pages of one shape that a walker opens: same route, same parameters
	crawlPages  = 1500 // pages that a walker opens
	crawlFaults = 60   // that are reported
	crawlText   = 40   // bytes of a text that every parameter has at once
	crawlFault  = 50   // bytes of a fault by which it is known again
	crawlPatch  = 100 * time.Millisecond
)

// streams never end by themselves: a crawl reads them for crawlPatch.
var streams = []string{"/events"}

// crawl is a site that walkers look at whole.
type crawl struct {
	*world
	mux      *chi.Mux
	base     string // a name, as passkeys want one
	requests int
	reached  map[string]bool            // "GET /torrents/{infohash}"
	params   map[string]map[string]bool // of the query, by route, as links and forms have them
	samples  map[string]sample          // an address of each route, with who may open it
	told     map[string]bool            // faults
	seen     map[[32]byte]*document     // pages, but for the keys of their forms
	taken    map[string]bool            // routes of forms that were taken at least once
	hashed   map[string]bool            // forms with a password that were sent
	quiet    bool                       // another test tells faults
	count    int                        // of what must be new each time
	codes    []string                   // of vouchers, to be typed once each
	standIn  string                     // path of the account to which operators do what they do
}

type sample struct {
	by     *walker
	target string
}

// walker is somebody who opens every page that is linked, without JavaScript.
type walker struct {
	*crawl
	name   string
	cookie string
	pages  map[string]*document // by path and query
	shapes map[string]int
	queue  []string
	forms  map[string]found
	order  []string // keys of forms, as they were found
	landed []string // where forms led
	secret string   // of an authenticator
}

// found is a form, where it was found and where it goes.
type found struct {
	htmlForm
	on, target, route string
}

func (c *crawl) walker(name string) *walker {
	v := &walker{crawl: c, name: name}
	v.signIn()
	return v
}

// signIn starts a session; a visitor has none.
func (v *walker) signIn() {
	v.Helper()
	if v.name == "visitor" {
		return
	}
	v.cookie = ""
	r := v.send("POST", "/sign-in", formType, strings.NewReader(encode(map[string]string{"name": v.name, "password": password})))
	v.keep(r)
	if r.Header().Get("Location") == "/sign-in/code" || strings.HasPrefix(r.Header().Get("Location"), "/sign-in/code?") {
		v.look("GET", "/sign-in/code", "", nil)
		r = v.send("POST", "/sign-in/code", formType, strings.NewReader(encode(map[string]string{"code": v.code()})))
		v.keep(r)
	}
	if r.Code != http.StatusSeeOther {
		v.Fatalf("%s cannot sign in: %d %s", v.name, r.Code, r.Body)
	}
}

// keep takes over the cookies that an answer sets.
func (v *walker) keep(r *deadlines) {
	for _, c := range r.Result().Cookies() {
		if c.Value != "" {
			v.cookie = c.Name + "=" + c.Value
		}
	}
}

// code is the next code of the walker's authenticator: each is good for once.
func (v *walker) code() string {
	v.Helper()
	v.clock.Add(int64(30 * time.Second))
	code, err := totp.GenerateCode(v.secret, v.now())
	if err != nil {
		v.Fatal(err)
	}
	return code
}

// useCodes switches an authenticator on.
func (v *walker) useCodes() {
	v.Helper()
	v.look("POST", "/account/totp", formType, nil)
	_, page := v.look("GET", "/account/totp", "", nil)
	if m := totpSecret.FindStringSubmatch(page.Body.String()); m != nil {
		v.secret = strings.ReplaceAll(m[1], " ", "")
	}
	if _, r := v.look("POST", "/account/totp/confirm", formType, []byte("code="+v.code())); r.Code != 200 {
		v.Fatalf("no authenticator: %d %s", r.Code, r.Body)
	}
}

var totpSecret = regexp.MustCompile(`id="totp-secret"[^>]*>([A-Z2-7 ]+)<`)

// formKey is what makes two answers with the same page differ.
var formKey = regexp.MustCompile(`name="key" value="[A-Za-z0-9_-]*"`)

const formType = "application/x-www-form-urlencoded"

// send answers one request, whatever comes of it.
func (v *walker) send(method, target, kind string, body io.Reader) *deadlines {
	v.Helper()
	ctx := v.Context()
	if slices.Contains(streams, strings.Split(target, "?")[0]) {
		short, cancel := context.WithTimeout(ctx, crawlPatch)
		defer cancel()
		ctx = short
	}
	r, err := http.NewRequestWithContext(ctx, method, v.base+target, body)
	if err != nil {
		v.Fatalf("%s %q: %v", method, target, err)
	}
	r.RemoteAddr = "192.0.2.77:4711"
	r.Header.Set("Cookie", v.cookie)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	v.requests++
	route := v.route(method, r.URL.EscapedPath())
	v.reached[method+" "+route] = true
	end := theActs.begin(v.store, method, route)
	v.mux.ServeHTTP(w, r)
	end(w.Code)
	return w
}

// route is the pattern that a path fits, or "".
func (c *crawl) route(method, path string) string {
	at := chi.NewRouteContext()
	if !c.mux.Match(at, method, path) {
		return ""
	}
	return plainRoute(at.RoutePattern())
}

func plainRoute(pattern string) string {
	return cmp.Or(strings.TrimSuffix(strings.ReplaceAll(pattern, "/*/", "/"), "/"), "/")
}

// look sends a request and holds the answer to the rules of every answer. It returns the page, if it is
// one, and the status.
func (v *walker) look(method, target, kind string, body []byte) (*document, *deadlines) {
	v.Helper()
	r := v.send(method, target, kind, bytes.NewReader(body))
	if to := r.Header().Get("Location"); v.cookie != "" && strings.HasPrefix(to, "/sign-in?next=") {
		v.signIn() // a form ended the session
		r = v.send(method, target, kind, bytes.NewReader(body))
	}
	for _, f := range answerFaults(r, v.base) {
		v.tell(method, target, body, f)
	}
	if err := theContract.check(method, target, reply{r.Code, r.Header(), r.Body.Bytes()}); err != nil {
		v.tell(method, target, body, err.Error())
	}
	if r.Code >= 500 {
		log := strings.Split(strings.TrimSpace(v.log.String()), "\n")
		v.tell(method, target, body, fmt.Sprintf("status %d: %s", r.Code, log[len(log)-1]))
	}
	if r.Code/100 == 3 || !strings.HasPrefix(r.Header().Get("Content-Type"), "text/html") {
		return nil, r
	}
	sum := sha256.Sum256(formKey.ReplaceAll(r.Body.Bytes(), nil))
	d := v.seen[sum]
	if d == nil { // what many texts are answered with is read once
		d = readDocument(r.Body.Bytes(), v.base)
		v.seen[sum] = d
	}
	for _, f := range d.faults {
		v.tell(method, target, body, f)
	}
	return d, r
}

// answerFaults are those of status and header.
func answerFaults(r *deadlines, base string) (faults []string) {
	if to := r.Header().Get("Location"); r.Code/100 == 3 && !localTarget(to, base) {
		faults = append(faults, fmt.Sprintf("it redirects to %q", to))
	}
	for key, values := range r.Header() {
		if all := strings.Join(values, "\n"); strings.Contains(strings.ToLower(key+all), marker+"=") && key != "Location" || strings.ContainsAny(strings.Join(values, ""), "\r\n") {
			faults = append(faults, fmt.Sprintf("header %s holds a payload: %q", key, all))
		}
	}
	if kind := r.Header().Get("Content-Type"); strings.HasPrefix(kind, "text/html") && !strings.Contains(kind, "charset=utf-8") {
		faults = append(faults, "HTML without charset=utf-8")
	}
	if !strings.Contains(r.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		faults = append(faults, "no Content-Security-Policy")
	}
	return faults
}

// localTarget reports whether browsers stay on the site.
func localTarget(to, base string) bool {
	to = strings.TrimPrefix(to, base)
	u, err := url.Parse(to)
	return err == nil && u.Host == "" && u.Scheme == "" && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.ContainsAny(to, "\\\r\n\t")
}

// tell reports a fault once for each route.
func (v *walker) tell(method, target string, body []byte, fault string) {
	v.Helper()
	path, _, _ := strings.Cut(target, "?")
	key := method + " " + v.route(method, path) + " " + digits.ReplaceAllString(fault[:min(len(fault), crawlFault)], "0")
	if v.told[key] || v.quiet {
		return
	}
	v.told[key] = true
	switch n := len(v.told); {
	case n == crawlFaults:
		v.Errorf("and more faults")
	case n < crawlFaults:
		sent := string(body[:min(200, len(body))])
		v.Errorf("%s: %s %.200s (%s) %q: %.300s", v.name, method, target, v.route(method, path), sent, fault)
	}
}

// walk opens everything that can be reached from the given addresses.
func (v *walker) walk(from ...string) {
	v.Helper()
	v.pages, v.shapes, v.forms, v.order = map[string]*document{}, map[string]int{}, map[string]found{}, nil
	v.queue = append(from, v.landed...)
	v.landed = nil
	for len(v.queue) > 0 && len(v.pages) < crawlPages {
		at := v.queue[0]
		v.queue = v.queue[1:]
		v.open(at)
	}
	if len(v.queue) > 0 {
		v.Errorf("%s: more than %d pages", v.name, crawlPages)
	}
	v.checkFragments()
}

// open looks at a linked address, which must be there.
func (v *walker) open(target string) {
	v.Helper()
	if _, ok := v.pages[target]; ok {
		return
	}
	d, r := v.look("GET", target, "", nil)
	v.pages[target] = d
	if r.Code >= 400 && r.Code != http.StatusGone { // what was taken away has a page that says so
		alert := ""
		if d != nil {
			alert = d.alert
		}
		v.tell("GET", target, nil, fmt.Sprintf("a link leads to status %d: %.200s", r.Code, alert))
		return
	}
	if to := strings.TrimPrefix(r.Header().Get("Location"), v.base); to != "" {
		v.follow(to)
	}
	if d == nil {
		return
	}
	if d.events != "" {
		v.follow(d.events)
	}
	for _, link := range d.links {
		v.follow(resolve(target, strings.TrimPrefix(link, v.base)))
	}
	for _, f := range d.forms {
		v.note(target, f)
	}
}

// follow remembers an address to open, unless enough like it were opened.
func (v *walker) follow(target string) {
	target, _, _ = strings.Cut(target, "#")
	u, err := url.Parse(target)
	if err != nil || target == "" || v.pages[target] != nil || slices.Contains(v.queue, target) {
		return
	}
	route := v.route("GET", u.EscapedPath())
	for name := range u.Query() {
		v.param(route, name)
	}
	shape := route + "?" + strings.Join(slices.Sorted(maps.Keys(u.Query())), "&")
	if v.shapes[shape]++; v.shapes[shape] > crawlShape && target+"/" != v.standIn {
		return
	}
	if old, ok := v.samples[route]; !ok || old.by.name == "visitor" {
		v.samples[route] = sample{v, target}
	}
	v.queue = append(v.queue, target)
}

func (c *crawl) param(route, name string) {
	if c.params[route] == nil {
		c.params[route] = map[string]bool{}
	}
	c.params[route][name] = true
}

// note remembers a form, one of each kind.
func (v *walker) note(on string, f htmlForm) {
	v.Helper()
	target, _, _ := strings.Cut(resolve(on, f.action), "#")
	path, _, _ := strings.Cut(target, "?")
	method := cmp.Or(f.method, "GET")
	form := found{htmlForm: f, on: on, target: target, route: v.route(method, path)}
	form.method = method
	if form.route == "" {
		v.tell("GET", on, nil, "a form goes to "+method+" "+target+", which is nowhere")
		return
	}
	if strings.HasPrefix(form.route, "/admin/members/{id}/") && !strings.HasPrefix(target, v.standIn) {
		return
	}
	names := []string{method, form.route}
	for _, c := range slices.Concat(f.fields, f.buttons) {
		names = append(names, c.name)
		if method == "GET" {
			v.param(form.route, c.name)
		}
	}
	if method == "GET" {
		v.follow(path + "?" + asIs(f).Encode())
	}
	key := strings.Join(names, " ")
	if _, ok := v.forms[key]; !ok {
		v.forms[key] = form
		v.order = append(v.order, key)
	}
}

// checkFragments wants every #place that a link names to be on its page.
func (v *walker) checkFragments() {
	for _, at := range slices.Sorted(maps.Keys(v.pages)) {
		d := v.pages[at]
		if d == nil {
			continue
		}
		for _, link := range d.links {
			path, place, ok := strings.Cut(resolve(at, strings.TrimPrefix(link, v.base)), "#")
			if to := v.pages[path]; ok && place != "" && to != nil && !to.ids[place] {
				v.tell("GET", at, nil, "the link "+link+" leads to a place that is not there")
			}
		}
	}
}

// resolve is where a link on a page leads.
func resolve(on, link string) string {
	at, err := url.Parse(on)
	if err != nil {
		return link
	}
	to, err := at.Parse(link)
	if err != nil {
		return link
	}
	return to.String()
}
