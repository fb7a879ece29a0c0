package web_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract holds what is answered under /api/v1 to the document that describes it. Every test of the package
// takes part: client.do and the crawl's walkers show it what they see.
type contract struct {
	mu       sync.Mutex
	document map[string]any // as a site served it
	paths    chi.Routes
	compiler *jsonschema.Compiler
	codes    map[string]map[int]bool       // of problems, with their statuses
	schemas  map[string]*jsonschema.Schema // by place in the document
	kept     map[string]bool               // operations that were called with success: "GET /wallet"
}

var theContract = contract{schemas: map[string]*jsonschema.Schema{}, kept: map[string]bool{}}

// apiRoot is the path that all of the API is under, documentURL where jsonschema finds the document.
const (
	apiRoot     = "/api/v1"
	documentURL = "https://tracker.test/openapi.json"
)

// TestMain fails a run of all tests if no test called some operation with success: nobody would know whether it
// does what its document says.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && wholeRun() {
		if missing := theContract.missing(); len(missing) > 0 {
			fmt.Printf("FAIL: no test calls these operations with success:\n\t%s\n", strings.Join(missing, "\n\t"))
			code = 1
		}
		if silent := theActs.silent(); len(silent) > 0 {
			fmt.Printf("FAIL: what operators do here is not in their log:\n\t%s\n", strings.Join(silent, "\n\t"))
			code = 1
		}
	}
	os.Exit(code)
}

// wholeRun reports whether all tests of the package ran.
func wholeRun() bool {
	for _, name := range []string{"run", "skip", "list", "fuzz", "bench"} {
		if f := flag.Lookup("test." + name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}

// load takes over the document, once.
func (c *contract) load(text []byte) error {
	if c.document != nil {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	c.compiler = jsonschema.NewCompiler()
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(documentURL, doc); err != nil {
		return err
	}
	routes := chi.NewRouter()
	for path, item := range at(doc, "paths").(map[string]any) {
		for method := range item.(map[string]any) {
			routes.Method(strings.ToUpper(method), strings.Replace(path, "{rest}", "*", 1), http.NotFoundHandler())
		}
	}
	c.document, c.paths = doc.(map[string]any), routes
	c.codes = codesOf(c.document)
	return nil
}

// at is what stands in a document at a place; nil: nothing.
func at(v any, place ...string) any {
	for _, p := range place {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// operation finds what a request calls: its method, path and place in the document. ok is false for what the
// document does not know.
func (c *contract) operation(method, escaped string) (path string, op map[string]any, ok bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	ctx := chi.NewRouteContext()
	if !c.paths.Match(ctx, method, strings.TrimPrefix(escaped, apiRoot)) {
		return "", nil, false
	}
	path = strings.Replace(ctx.RoutePattern(), "*", "{rest}", 1)
	op, ok = at(c.document, "paths", path, strings.ToLower(method)).(map[string]any)
	return path, op, ok
}

// route is the pattern of what a request calls; empty: the document does not know it.
func (c *contract) route(method, escaped string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.document == nil || !strings.HasPrefix(escaped, apiRoot+"/") {
		return ""
	}
	path, _, _ := c.operation(method, escaped)
	return apiRoot + path
}

// check is what is wrong with an answer; nil: nothing, or it is none of the API's. It notes what was called with
// success.
func (c *contract) check(method, target string, r reply) error {
	called, err := c.judge(method, target, r)
	if called != "" && err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.kept[called] = true
	}
	return err
}

// judge is check without the note. called is the operation that succeeded.
func (c *contract) judge(method, target string, r reply) (called string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u, err := url.Parse(target)
	if err != nil || !strings.HasPrefix(u.EscapedPath(), apiRoot+"/") || c.document == nil {
		return "", nil
	}
	path, op, ok := c.operation(method, u.EscapedPath())
	if r.status >= 400 {
		return "", c.checkProblem(method, ok, r)
	}
	if method == http.MethodOptions {
		return "", wantThat(r.status == http.StatusNoContent && r.header.Get("Allow") != "", "OPTIONS is answered with %d, Allow %q", r.status, r.header.Get("Allow"))
	}
	if !ok {
		return "", fmt.Errorf("status %d where the document knows no operation", r.status)
	}
	if method == http.MethodHead {
		method, r.body = http.MethodGet, nil
	}
	return method + " " + path, c.checkSuccess([]string{"paths", path, strings.ToLower(method)}, op, r)
}

func wantThat(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// checkProblem wants an error in the form of all errors.
func (c *contract) checkProblem(method string, known bool, r reply) error {
	if kind := r.header.Get("Content-Type"); kind != "application/problem+json" {
		return fmt.Errorf("an error of type %q: %.200s", kind, r.body)
	}
	if !known && r.status != http.StatusNotFound && r.status != http.StatusMethodNotAllowed && r.status != http.StatusTooManyRequests {
		return fmt.Errorf("status %d where the document knows no operation", r.status)
	}
	if r.status == http.StatusTooManyRequests && r.header.Get("Retry-After") == "" {
		return fmt.Errorf("status 429 without Retry-After")
	}
	if method == http.MethodHead {
		return nil
	}
	if err := c.fits([]string{"components", "schemas", "Problem"}, r.body); err != nil {
		return err
	}
	var p struct{ Code string }
	if err := json.Unmarshal(r.body, &p); err != nil {
		return err
	}
	return wantThat(c.codes[p.Code][r.status], "code %q with status %d is not in api_codes.go", p.Code, r.status)
}

// checkSuccess wants status, type and body to be what the operation promises.
func (c *contract) checkSuccess(place []string, op map[string]any, r reply) error {
	status := strconv.Itoa(r.status)
	response, ok := at(op, "responses", status).(map[string]any)
	if !ok {
		return fmt.Errorf("status %s is not among %v", status, slices.Sorted(maps.Keys(op["responses"].(map[string]any))))
	}
	types, _ := response["content"].(map[string]any)
	kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	if len(types) == 0 {
		return wantThat(len(r.body) == 0, "a body where none is promised: %.200s", r.body)
	}
	content, ok := types[kind].(map[string]any)
	if !ok {
		return fmt.Errorf("type %q is not among %v", kind, slices.Sorted(maps.Keys(types)))
	}
	if content["schema"] == nil || r.body == nil {
		return nil
	}
	return c.fits(append(slices.Clone(place), "responses", status, "content", kind, "schema"), r.body)
}

// fits reports how a body differs from the schema at a place of the document.
func (c *contract) fits(place []string, body []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the body is no JSON: %w: %.200s", err, body)
	}
	schema, err := c.schema(place)
	if err != nil {
		return err
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("%w in %.400s", err, body)
	}
	return nil
}

var pointer = strings.NewReplacer("~", "~0", "/", "~1")

// schema is the compiled one at a place of the document.
func (c *contract) schema(place []string) (*jsonschema.Schema, error) {
	at := ""
	for _, p := range place {
		at += "/" + url.PathEscape(pointer.Replace(p))
	}
	if s := c.schemas[at]; s != nil {
		return s, nil
	}
	s, err := c.compiler.Compile(documentURL + "#" + at)
	if err == nil {
		c.schemas[at] = s
	}
	return s, err
}

// missing are the operations that no test called with success.
func (c *contract) missing() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	paths, _ := at(c.document, "paths").(map[string]any)
	for path, item := range paths {
		for method := range item.(map[string]any) {
			if name := strings.ToUpper(method) + " " + path; !c.kept[name] {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// takePart has the contract know the document that a site serves.
func takePart(t testing.TB, site http.Handler) {
	t.Helper()
	theContract.mu.Lock()
	defer theContract.mu.Unlock()
	if theContract.document != nil {
		return
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest("GET", apiRoot+"/openapi.json", nil))
	if err := theContract.load(w.Body.Bytes()); err != nil {
		t.Fatalf("the document: %v: %.300s", err, w.Body)
	}
}
