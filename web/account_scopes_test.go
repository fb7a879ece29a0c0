package web

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

// The rules of scopes name routes that there are, and what is not named is closed.
func TestScopesNameRoutes(t *testing.T) {
	s := &site{Config: Config{Log: slog.New(slog.DiscardHandler)}}
	known := map[string]bool{}
	if err := chi.Walk(s.routes().(chi.Routes), func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if len(pattern) > 1 && pattern[len(pattern)-1] == '/' {
			pattern = pattern[:len(pattern)-1] // as RoutePattern writes it
		}
		known[method+" "+pattern] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(known) < 100 {
		t.Fatalf("only %d routes: the rules would hold of nothing", len(known))
	}
	for name, rules := range map[string]map[string]bool{"tradeRoutes": tradeRoutes, "freshAPI": freshAPI} {
		for route := range rules {
			if !known[route] {
				t.Errorf("%s names %q, which is no route", name, route)
			}
			if name == "freshAPI" && tradeRoutes[route] {
				t.Errorf("%q needs a fresh factor, and yet a token that only trades may do it", route)
			}
		}
	}
	for route, want := range map[string]store.Scope{"GET /x": store.ScopeRead, "POST /x": store.ScopeFull, "DELETE /x": store.ScopeFull, "PUT ": store.ScopeFull,
		"GET /account": store.ScopeFull, "GET /account/totp": store.ScopeFull, "GET /accounting": store.ScopeRead, "POST /buy": store.ScopeTrade, "POST /wallet/withdraw": store.ScopeFull} {
		method, pattern, _ := strings.Cut(route, " ")
		if got := scopeOf(method, pattern); got != want {
			t.Errorf("%s needs %s, want %s", route, got, want)
		}
	}
}

func TestAgentWords(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                            "Chrome on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                   "Safari on macOS",
		"curl/8.5.0":                         "curl",
		"<script>alert(1)</script>":          "an unknown program",
		"":                                   "an unknown program",
		"Something (X11; Linux x86_64) else": "a program on Linux",
	} {
		if got := agentWords(agent); got != want {
			t.Errorf("%s: %q, want %q", agent, got, want)
		}
	}
}
