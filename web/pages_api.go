package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// apiPages are the reference of the API for people, made of the same values as its routes.
func (s *site) apiPages(r chi.Router) {
	made := sync.OnceValue(s.reference)
	r.Get("/api", s.page(func(http.ResponseWriter, *http.Request) (*view, error) {
		return &view{name: "api", title: "API", data: made()}, nil
	}))
	r.Get("/api/{tag}", s.page(func(_ http.ResponseWriter, r *http.Request) (*view, error) {
		all := made()
		i := slices.IndexFunc(all.Groups, func(g apiGroup) bool { return g.Name == chi.URLParam(r, "tag") })
		if i < 0 {
			return nil, errNoRoute
		}
		return &view{name: "api-group", title: "API: " + all.Groups[i].Name, data: all.Groups[i]}, nil
	}))
}

// apiReference is the API as its page shows it.
type apiReference struct {
	Base   string
	Guide  []chapter
	Groups []apiGroup
	Codes  []apiCode
}

type apiGroup struct {
	openapi.Tag
	Operations []apiOperation
}

// apiOperation is an operation with all that its page says of it.
type apiOperation struct {
	openapi.Operation
	Anchor, About, Curl string
	Takes               []openapi.Row // in path and query
	Sends, Answers      []openapi.Row // of body and answer
	Success             []apiStatus
}

type apiStatus struct {
	Code int
	Text string
}

type apiCode struct {
	Name, Means string
	Statuses    []int
}

func (s *site) reference() apiReference {
	d := s.document()
	out := apiReference{Base: d.Server, Guide: apiGuide}
	for _, c := range d.Problems {
		out.Codes = append(out.Codes, apiCode{c.Name, c.Means, c.Statuses})
	}
	for _, t := range d.Tags {
		g := apiGroup{Tag: t}
		for _, o := range d.Operations {
			if o.Tag == t.Name {
				g.Operations = append(g.Operations, operationOf(d, o))
			}
		}
		if len(g.Operations) > 0 {
			out.Groups = append(out.Groups, g)
		}
	}
	return out
}

func operationOf(d openapi.Document, o openapi.Operation) apiOperation {
	out := apiOperation{Operation: o, Anchor: o.ID(), About: d.About(o), Curl: d.Curl(o), Sends: openapi.Rows(o.Body), Answers: openapi.Rows(o.Answer)}
	for _, f := range append(d.InPath(o), o.Query...) {
		doc, _ := f.Schema["description"].(string)
		out.Takes = append(out.Takes, openapi.Row{Name: f.Name, Kind: openapi.Kind(f.Schema), Required: f.Required, Doc: doc})
	}
	for _, status := range o.Successes() {
		out.Success = append(out.Success, apiStatus{status, http.StatusText(status)})
	}
	return out
}

// Types are those of an operation's answer.
func (o apiOperation) Types() []string {
	if o.Answer == nil {
		return nil
	}
	if len(o.AnswerTypes) == 0 {
		return []string{"application/json"}
	}
	return o.AnswerTypes
}

// For says who may call an operation.
func (o apiOperation) For() string {
	switch o.Who {
	case openapi.Member:
		return "members"
	case openapi.Operator:
		return "operators"
	case openapi.Node:
		return "nodes"
	case openapi.MemberOrNode:
		return "members and nodes"
	}
	return "everybody"
}

// Sent is the type of an operation's body.
func (o apiOperation) Sent() string { return cmp.Or(o.BodyType, "application/json") }

// Shown are the statuses of a code.
func (c apiCode) Shown() (text string) {
	for i, s := range c.Statuses {
		if i > 0 {
			text += ", "
		}
		text += strconv.Itoa(s)
	}
	return text
}
