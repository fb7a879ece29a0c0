// Package openapi describes a JSON API in Go and writes it down as an OpenAPI 3.1 document.
//
// An Operation is what one route promises. The router is made of the same values, so that no route is
// undocumented and no document speaks of a route that is not there. Schemas of Go types are made by
// reflection (Of), others by the small functions of schema.go.
package openapi

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Who may call an operation.
type Who string

// The callers. Nodes sign their own tokens (PROTOCOLS §3).
const (
	Anybody      Who = "anybody"
	Member       Who = "member"
	Operator     Who = "operator"
	Node         Who = "node"
	MemberOrNode Who = "member or node"
)

// Operation is what one route takes and answers.
type Operation struct {
	Method string
	Path   string // as the router writes it: "/torrents/{infohash}"; "*" at the end stands for the rest of the path
	Tag    string // the group that it is shown in
	Does   string // one sentence: "Lists the catalogue."
	Notes  string // what else a caller must know
	Who    Who
	Once   bool // moves money: wants an Idempotency-Key
	Paced  bool // has a limit of its own, and takes nothing of the general one
	Query  []Field
	Body   Schema // nil: none
	// BodyType is the body's media type; empty: application/json.
	BodyType string
	Status   int    // of success; 0: 200
	Also     int    // another status of success, such as 201 where something new was made; 0: none
	Answer   Schema // nil: no body
	// AnswerTypes are the media types of the answer; empty: application/json.
	AnswerTypes []string
}

// Document is an API.
type Document struct {
	Title, Version, Description string
	Server                      string            // address of the API, before every path
	Tags                        []Tag             // in the order in which they are shown
	Params                      map[string]Schema // what stands in paths, by name; others are any text
	Operations                  []Operation
	Problems                    []Code
	// Scope names what an API token must allow for a route.
	Scope func(Operation) string
	// Fresh reports whether a browser's session must have proved lately who it is for a route.
	Fresh func(Operation) bool
}

// Code is a kind of problem that operations answer with.
type Code struct {
	Name     string `json:"code"`
	Statuses []int  `json:"statuses"`
	Means    string `json:"means"`
}

// Tag is a group of operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

var inPath = regexp.MustCompile(`\{([a-z_]+)\}`)

// PathParams are the names of the parameters in the operation's path.
func (o Operation) PathParams() []string {
	var names []string
	for _, m := range inPath.FindAllStringSubmatch(o.Template(), -1) {
		names = append(names, m[1])
	}
	return names
}

// Template is the path as OpenAPI writes it.
func (o Operation) Template() string {
	if rest, ok := strings.CutSuffix(o.Path, "*"); ok {
		return rest + "{rest}"
	}
	return o.Path
}

// ID names the operation, from its method and path: "getTorrentsByInfohashPrices".
func (o Operation) ID() string {
	id := strings.ToLower(o.Method)
	for _, part := range strings.FieldsFunc(o.Template(), func(r rune) bool { return r == '/' || r == '-' || r == '_' || r == '.' }) {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			part = "by" + capital(strings.TrimSuffix(name, "}"))
		}
		id += capital(part)
	}
	return id
}

func capital(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// StatusOr200 is the status of success.
func (o Operation) StatusOr200() int {
	if o.Status == 0 {
		return http.StatusOK
	}
	return o.Status
}

// JSON is the document as a value that encoding/json writes. It fails if two operations have one name.
func (d Document) JSON() (map[string]any, error) {
	paths, seen := map[string]map[string]any{}, map[string]bool{}
	for _, o := range d.Operations {
		if id := o.ID(); seen[id] {
			return nil, fmt.Errorf("openapi: two operations are called %s", id)
		} else {
			seen[id] = true
		}
		if paths[o.Template()] == nil {
			paths[o.Template()] = map[string]any{}
		}
		paths[o.Template()][strings.ToLower(o.Method)] = d.operation(o)
	}
	return map[string]any{
		"openapi":    "3.1.0",
		"info":       map[string]any{"title": d.Title, "version": d.Version, "description": d.Description},
		"servers":    []any{map[string]any{"url": d.Server}},
		"tags":       d.Tags,
		"paths":      paths,
		"components": d.components(),
	}, nil
}

func (d Document) operation(o Operation) map[string]any {
	x := map[string]any{"operationId": o.ID(), "tags": []string{o.Tag}, "summary": o.Does, "parameters": d.parameters(o), "responses": o.responses(), "security": d.security(o)}
	if about := d.About(o); about != "" {
		x["description"] = about
	}
	if o.Body != nil {
		x["requestBody"] = map[string]any{"required": true, "content": content(o.Body, mediaTypes(o.BodyType))}
	}
	return x
}

// parameters are what an operation takes beside its body.
func (d Document) parameters(o Operation) []any {
	list := []any{}
	for _, f := range d.InPath(o) {
		list = append(list, map[string]any{"name": f.Name, "in": "path", "required": true, "schema": f.Schema})
	}
	for _, f := range o.Query {
		list = append(list, map[string]any{"name": f.Name, "in": "query", "required": f.Required, "schema": f.Schema})
	}
	if o.Once {
		list = append(list, map[string]any{"$ref": "#/components/parameters/IdempotencyKey"})
	}
	return list
}

// InPath are the parameters in an operation's path.
func (d Document) InPath(o Operation) []Field {
	var list []Field
	for _, name := range o.PathParams() {
		schema := d.Params[name]
		if schema == nil {
			schema = Text("")
		}
		list = append(list, Need(name, schema))
	}
	return list
}

// About is what a caller must know of an operation beside what it takes and answers.
func (d Document) About(o Operation) string {
	notes := []string{}
	if o.Notes != "" {
		notes = append(notes, o.Notes)
	}
	if o.Paced {
		notes = append(notes, "It has a limit of its own and takes nothing of the general one.")
	}
	if scope := d.ScopeFor(o); scope != "" {
		notes = append(notes, "An API token needs the scope "+scope+".")
	}
	if d.Fresh != nil && d.Fresh(o) {
		notes = append(notes, "A session must have proved within 15 minutes who it is (fresh_factor).")
	}
	return strings.Join(notes, " ")
}

// ScopeFor is the scope that a token needs for an operation; empty: it is not for tokens.
func (d Document) ScopeFor(o Operation) string {
	if d.Scope == nil || o.Who == Anybody || o.Who == Node {
		return ""
	}
	return d.Scope(o)
}

func (o Operation) responses() map[string]any {
	out := map[string]any{"default": map[string]any{"$ref": "#/components/responses/Problem"}}
	for _, status := range o.Successes() {
		r := map[string]any{"description": http.StatusText(status), "headers": rateHeaders()}
		if o.Answer != nil && status != http.StatusNoContent && status != http.StatusNotModified {
			r["content"] = content(o.Answer, mediaTypes(o.AnswerTypes...))
		}
		out[strconv.Itoa(status)] = r
	}
	return out
}

// Successes are the statuses that an operation may succeed with.
func (o Operation) Successes() []int {
	if o.Also != 0 {
		return []int{o.StatusOr200(), o.Also}
	}
	return []int{o.StatusOr200()}
}

func mediaTypes(types ...string) []string {
	types = slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == "" })
	if len(types) == 0 {
		return []string{"application/json"}
	}
	return types
}

func content(s Schema, types []string) map[string]any {
	out := map[string]any{}
	for _, t := range types {
		if t != "application/json" && t != "application/problem+json" {
			out[t] = map[string]any{}
			continue
		}
		out[t] = map[string]any{"schema": s}
	}
	return out
}

// security names who may call an operation. Beside tokens stands the scope that they need.
func (d Document) security(o Operation) []any {
	scopes := []string{}
	if scope := d.ScopeFor(o); scope != "" {
		scopes = append(scopes, scope)
	}
	person := []any{map[string]any{"token": scopes}, map[string]any{"session": []string{}}}
	node := map[string]any{"node": []string{}}
	switch o.Who {
	case Member, Operator:
		return person
	case Node:
		return []any{node}
	case MemberOrNode:
		return append(person, node)
	}
	return []any{}
}
