package web_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// documentOf is the document as everybody gets it.
func documentOf(t *testing.T) map[string]any {
	t.Helper()
	w := newWorld(t)
	return w.want(w.client("").get(apiRoot+"/openapi.json"), 200).json(t)
}

// eachOperation calls do with all operations, in order of their paths.
func eachOperation(doc map[string]any, do func(method, path string, op map[string]any)) {
	paths := doc["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			do(strings.ToUpper(method), path, item[method].(map[string]any))
		}
	}
}

// The document is one of OpenAPI 3.1, and says of every operation what it does.
func TestDocument(t *testing.T) {
	doc := documentOf(t)
	if doc["openapi"] != "3.1.0" || at(doc, "info", "title") == "" || at(doc, "info", "description") == "" || at(doc, "info", "version") == "" {
		t.Errorf("not a document of OpenAPI 3.1: %v", doc["info"])
	}
	ids, tags := map[string]bool{}, map[string]bool{}
	for _, tag := range doc["tags"].([]any) {
		tags[at(tag, "name").(string)] = true
	}
	eachOperation(doc, func(method, path string, op map[string]any) {
		name := method + " " + path
		if id := op["operationId"].(string); id == "" || ids[id] {
			t.Errorf("%s: operationId %q is empty or another's", name, id)
		} else {
			ids[id] = true
		}
		if does := op["summary"].(string); !strings.HasSuffix(does, ".") || strings.ContainsAny(does, "\n!") {
			t.Errorf("%s: say in a sentence what it does, not %q", name, does)
		}
		if used := op["tags"].([]any); len(used) != 1 || !tags[used[0].(string)] {
			t.Errorf("%s: tags %v", name, used)
		}
		checkParameters(t, name, path, op)
		checkResponses(t, name, op)
		for _, need := range op["security"].([]any) {
			for scheme := range need.(map[string]any) {
				if at(doc, "components", "securitySchemes", scheme) == nil {
					t.Errorf("%s: nobody knows the security scheme %s", name, scheme)
				}
			}
		}
	})
	checkReferences(t, doc, doc)
}

var braces = regexp.MustCompile(`\{([a-z_]+)\}`)

// checkParameters wants those of the path to be declared, and all to be declared once.
func checkParameters(t *testing.T, name, path string, op map[string]any) {
	t.Helper()
	inPath, seen := map[string]bool{}, map[string]bool{}
	for _, m := range braces.FindAllStringSubmatch(path, -1) {
		inPath[m[1]] = true
	}
	for _, p := range op["parameters"].([]any) {
		if at(p, "$ref") != nil {
			continue
		}
		called, in := at(p, "name").(string), at(p, "in").(string)
		if seen[in+called] || at(p, "schema") == nil {
			t.Errorf("%s: parameter %s is there twice, or has no schema", name, called)
		}
		seen[in+called] = true
		if in != "path" {
			continue
		}
		if at(p, "required") != true || !inPath[called] {
			t.Errorf("%s: parameter %s is not in the path, or not required", name, called)
		}
		if at(p, "schema", "description") == nil {
			t.Errorf("%s: pathParams does not say what {%s} is", name, called)
		}
		delete(inPath, called)
	}
	if len(inPath) > 0 {
		t.Errorf("%s: %v are not declared", name, slices.Sorted(maps.Keys(inPath)))
	}
}

func checkResponses(t *testing.T, name string, op map[string]any) {
	t.Helper()
	good := false
	for status := range op["responses"].(map[string]any) {
		n, err := strconv.Atoi(status)
		good = good || err == nil && n < 300
		if err == nil && (n < 200 || n >= 400) {
			t.Errorf("%s: %s is no status of success", name, status)
		}
	}
	if !good || at(op, "responses", "default", "$ref") != "#/components/responses/Problem" {
		t.Errorf("%s: wants a success and the problem", name)
	}
}

// checkReferences wants every $ref to lead somewhere.
func checkReferences(t *testing.T, doc map[string]any, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
			t.Errorf("%s leads nowhere", ref)
		}
		for _, x := range v {
			checkReferences(t, doc, x)
		}
	case []any:
		for _, x := range v {
			checkReferences(t, doc, x)
		}
	}
}

// Every schema is one of JSON Schema 2020-12.
func TestDocumentSchemas(t *testing.T) {
	newWorld(t)
	c := &theContract
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	var walk func(v any, place []string)
	walk = func(v any, place []string) {
		switch v := v.(type) {
		case map[string]any:
			for name, x := range v {
				if inner := append(slices.Clone(place), name); name == "schema" {
					n++
					if _, err := c.schema(inner); err != nil {
						t.Errorf("%v: %v", inner, err)
					}
				} else {
					walk(x, inner)
				}
			}
		case []any:
			for i, x := range v {
				walk(x, append(slices.Clone(place), strconv.Itoa(i)))
			}
		}
	}
	walk(c.document, nil)
	if n < 100 {
		t.Errorf("only %d schemas were looked at", n)
	}
}

// The router has the document's operations and no others.
func TestDocumentIsWhatIsServed(t *testing.T) {
	w := newWorld(t)
	doc := w.want(w.client("").get(apiRoot+"/openapi.json"), 200).json(t)
	routes := map[string]bool{}
	err := chi.Walk(w.router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if rest, ok := strings.CutPrefix(plainRoute(route), apiRoot+"/"); ok && method != http.MethodHead {
			routes[method+" /"+strings.Replace(rest, "*", "{rest}", 1)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eachOperation(doc, func(method, path string, _ map[string]any) {
		if name := method + " " + path; !routes[name] {
			t.Errorf("%s is described and not served", name)
		} else {
			delete(routes, name)
		}
	})
	if len(routes) > 0 {
		t.Errorf("served and not described: %v", slices.Sorted(maps.Keys(routes)))
	}
}

// A program that has the document already gets it no second time.
func TestDocumentIsCached(t *testing.T) {
	w := newWorld(t)
	first := w.want(w.client("").get(apiRoot+"/openapi.json"), 200)
	tag := first.header.Get("ETag")
	for _, known := range []string{tag, `"other", W/` + tag, "*"} {
		r := w.want(w.client("").do("GET", apiRoot+"/openapi.json", nil, "If-None-Match", known), 304)
		if len(r.body) > 0 || r.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: tag %s, body %.40s", known, r.header.Get("ETag"), r.body)
		}
	}
	if r := w.want(w.client("").do("GET", apiRoot+"/openapi.json", nil, "If-None-Match", `"other"`), 200); string(r.body) != string(first.body) {
		t.Error("the document changes from one request to the next")
	}
}

// Every code that the package answers with is in the document, with its status.
func TestProblemCodes(t *testing.T) {
	known := codesOf(documentOf(t))
	for code, statuses := range codesInSource(t) {
		for status := range statuses {
			if !known[code][status] {
				t.Errorf("code %q with status %d is not in api_codes.go", code, status)
			}
		}
	}
}

// codesOf are the codes of a document, with their statuses.
func codesOf(doc map[string]any) map[string]map[int]bool {
	known := map[string]map[int]bool{}
	list, _ := at(doc, "components", "schemas", "Problem", "properties", "code", "x-codes").([]any)
	for _, c := range list {
		name, _ := at(c, "code").(string)
		known[name] = map[int]bool{}
		for _, s := range at(c, "statuses").([]any) {
			n, _ := strconv.Atoi(fmt.Sprint(s))
			known[name][n] = true
		}
	}
	return known
}

// codesInSource are the codes that calls of fail name, with their statuses.
func codesInSource(t *testing.T) map[string]map[int]bool {
	t.Helper()
	statuses := map[string]int{}
	for n := 400; n < 600; n++ {
		if text := http.StatusText(n); text != "" {
			statuses["Status"+strings.NewReplacer(" ", "", "-", "", "'", "").Replace(text)] = n
		}
	}
	found := map[string]map[int]bool{}
	packages, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		ast.Inspect(p, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 {
				return true
			}
			name, _ := call.Fun.(*ast.Ident)
			code, literal := call.Args[1].(*ast.BasicLit)
			status, named := call.Args[0].(*ast.SelectorExpr)
			if name == nil || name.Name != "fail" || !literal || !named {
				return true
			}
			text, _ := strconv.Unquote(code.Value)
			if found[text] == nil {
				found[text] = map[int]bool{}
			}
			found[text][statuses[status.Sel.Name]] = true
			return true
		})
	}
	if len(found) < 50 {
		t.Fatalf("only %d codes were found", len(found))
	}
	return found
}
