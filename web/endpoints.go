package web

import (
	"cmp"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// endpoint is a route of the JSON API: what it promises, and what keeps the promise. Routes are made of these
// and of nothing else, and so is the document that describes them.
type endpoint struct {
	openapi.Operation
	do handler
}

// Groups of endpoints.
const (
	tagAccount    = "account"
	tagTorrents   = "torrents"
	tagRequests   = "requests"
	tagWallet     = "wallet"
	tagEconomy    = "economy"
	tagHosting    = "hosting"
	tagNode       = "node"
	tagFeeds      = "feeds"
	tagModeration = "moderation"
	tagTreasury   = "treasury"
	tagAdmin      = "admin"
	tagDocument   = "document"
)

// endpoints are all of the JSON API.
func (s *site) endpoints() []endpoint {
	return slices.Concat(s.documentAPI(), s.accountAPI(), s.securityAPI(), s.torrentsAPI(), s.uploadsAPI(), s.requestsAPI(), s.mineAPI(), s.walletAPI(), s.economyAPI(),
		s.hostingAPI(), s.nodeAPI(), s.feedsAPI(), s.deskAPI(), s.adminAPI(), s.moderationAPI(), s.treasuryAPI(), s.fraudAPI())
}

func (s *site) apiRoutes(r chi.Router) {
	r.NotFound(s.api(s.onBudget(openapi.Operation{}, func(http.ResponseWriter, *http.Request) error { return errNoRoute })))
	r.MethodNotAllowed(s.api(s.onBudget(openapi.Operation{}, otherMethod)))
	for _, e := range s.endpoints() {
		h := s.api(s.onBudget(e.Operation, s.guard(e.Who)(s.knownNode(e.Operation, takesJSON(e.Operation, e.do)))))
		r.Method(e.Method, e.Path, h)
		if e.Method == http.MethodGet && !slices.Contains(e.AnswerTypes, streamType) {
			r.Method(http.MethodHead, e.Path, likeGet(h))
		}
	}
}

// streamType is the type of answers that do not end.
const streamType = "text/event-stream"

// likeGet answers HEAD as GET is answered; the server leaves the body out.
func likeGet(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		get := r.WithContext(r.Context())
		get.Method = http.MethodGet
		h(w, get)
	}
}

// otherMethod tells OPTIONS, and whoever uses a method that an address does not take, which it takes.
func otherMethod(w http.ResponseWriter, r *http.Request) error {
	allowed := allowedMethods(r)
	if len(allowed) == 0 {
		return errNoRoute
	}
	w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
	if r.Method != http.MethodOptions {
		return errMethod
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// methodNotAllowed answers for pages, and for methods that the router does not know at all.
func (s *site) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, apiPath+"/") {
		s.api(s.onBudget(openapi.Operation{}, otherMethod))(w, r)
		return
	}
	w.Header().Set("Allow", strings.Join(allowedMethods(r), ", "))
	s.page(func(http.ResponseWriter, *http.Request) (*view, error) { return nil, errMethod })(w, r)
}

// allowedMethods are those that a request's address takes.
func allowedMethods(r *http.Request) (allowed []string) {
	path := cmp.Or(r.URL.RawPath, r.URL.Path)
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if chi.RouteContext(r.Context()).Routes.Match(chi.NewRouteContext(), m, path) {
			allowed = append(allowed, m)
		}
	}
	return allowed
}

// takesJSON refuses a body that says that it is something else where JSON is wanted. One that says nothing is taken
// for JSON.
func takesJSON(o openapi.Operation, h handler) handler {
	if o.Body == nil || o.BodyType != "" {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		if kind := r.Header.Get("Content-Type"); kind != "" && !isJSON(kind) {
			return errMediaType
		}
		return h(w, r)
	}
}

func isJSON(kind string) bool {
	kind, _, err := mime.ParseMediaType(kind)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

var errMediaType = fail(http.StatusUnsupportedMediaType, "media_type", "Send the body as Content-Type: application/json.")

// guard lets only those through whom an endpoint is for.
func (s *site) guard(w openapi.Who) func(handler) handler {
	switch w {
	case openapi.Member:
		return s.asMember
	case openapi.Operator:
		return s.asOperator
	case openapi.Node:
		return s.asNode
	case openapi.MemberOrNode:
		return s.asAnybody
	}
	return func(h handler) handler { return h }
}
