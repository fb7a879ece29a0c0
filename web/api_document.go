package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// apiVersion is that of the API. Version 1 only grows: fields are added, none change or go.
const apiVersion = "1.0.0"

// apiPath is where the API is.
const apiPath = "/api/v1"

// spec is the document as it is sent.
type spec struct {
	text []byte
	tag  string // that its text has
}

// documentAPI is the document itself. It is written down once, when somebody first asks.
func (s *site) documentAPI() []endpoint {
	written := sync.OnceValues(s.writeDocument)
	return []endpoint{{openapi.Operation{Method: "GET", Path: "/openapi.json", Tag: tagDocument, Who: openapi.Anybody,
		Does:   "Returns this document.",
		Notes:  "It has an ETag: a program that asks again with If-None-Match gets 304 as long as nothing changed.",
		Also:   http.StatusNotModified,
		Answer: openapi.Schema{"type": "object", "description": "OpenAPI 3.1"},
	}, func(w http.ResponseWriter, r *http.Request) error {
		d, err := written()
		if err != nil {
			return err
		}
		return d.send(w, r)
	}}}
}

func (s *site) writeDocument() (spec, error) {
	d, err := s.document().JSON()
	if err != nil {
		return spec{}, err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return spec{}, err
	}
	sum := sha256.Sum256(text)
	return spec{text, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}, nil
}

func (d spec) send(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("ETag", d.tag)
	h.Set("Cache-Control", "public, no-cache") // kept, and asked about
	if noneMatch(r.Header.Get("If-None-Match"), d.tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/json")
	w.Write(d.text) // the client may be gone: nothing to tell it then
	return nil
}

// document describes the API as this site serves it.
func (s *site) document() openapi.Document {
	d := openapi.Document{Title: "Swarmstake", Version: apiVersion, Description: apiDescription(), Server: s.BaseURL + apiPath, Tags: apiTags, Params: pathParams,
		Problems: problemCodes(),
		Scope:    func(o openapi.Operation) string { return string(scopeOf(o.Method, apiPath+o.Path)) },
		Fresh:    func(o openapi.Operation) bool { return freshAPI[o.Method+" "+apiPath+o.Path] },
	}
	for _, e := range s.endpoints() {
		d.Operations = append(d.Operations, e.Operation)
	}
	return d
}

// noneMatch reports whether a header If-None-Match names the tag.
func noneMatch(header, tag string) bool {
	for _, t := range strings.Split(header, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}
