package web_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/swarmstake/swarmstake/store"
)

// acts holds operators to their log: whatever they change by the routes under /admin writes a line into it, in at
// least one of its successes (the same change again is none). client.do and the crawl's walkers take part.
type acts struct {
	mu     sync.Mutex
	logged map[string]bool // by route
}

var theActs = acts{logged: map[string]bool{}}

// unlogged are routes that change nothing that an operator decided, each with the reason.
var unlogged = map[string]string{
	"POST /admin/flags/{id}/look":           "reckons flags anew, as the server does every hour",
	"POST /api/v1/admin/flags/{id}/look":    "likewise",
	"POST /api/v1/admin/corrections/check":  "only says what would be",
	"POST /api/v1/admin/parameters/preview": "likewise",
}

// begin is called before a request with the pattern of its route, and what it returns with the answer's status.
func (a *acts) begin(s *store.Store, method, route string) (end func(status int)) {
	if method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions || !strings.HasPrefix(strings.TrimPrefix(route, apiRoot), "/admin/") {
		return func(int) {}
	}
	before := lastAct(s)
	return func(status int) {
		if status >= 400 {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.logged[method+" "+route] = a.logged[method+" "+route] || lastAct(s) > before
	}
}

// lastAct is the number of the newest line in the operators' log; -1 where it cannot be read.
func lastAct(s *store.Store) int64 {
	lines, _, err := s.Log(context.Background(), store.LogQuery{Limit: 1})
	if err != nil {
		return -1
	}
	if len(lines) == 0 {
		return 0
	}
	return lines[0].ID
}

// silent are the routes that never logged what they did.
func (a *acts) silent() (routes []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, route := range slices.Sorted(maps.Keys(a.logged)) {
		if !a.logged[route] && unlogged[route] == "" {
			routes = append(routes, route)
		}
	}
	return routes
}
