package web

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

// The rights of API tokens, by method and route. What is not named here is narrow: reading needs
// ScopeRead and everything else ScopeFull, so that a new route is closed until somebody opens it.

// tradeRoutes need ScopeTrade only: they move what the member has inside the tracker. Withdrawals,
// unstaking, keys, tokens and what operators do are not among them.
var tradeRoutes = routes(
	// A torrent file holds the announce key, which spends.
	"GET /api/v1/torrents/{infohash}/file", "GET /torrents/{infohash}/file",
	"POST /api/v1/torrents", "PUT /api/v1/torrents/{infohash}/budget", "POST /api/v1/torrents/{infohash}/sponsor",
	"PUT /api/v1/wallet/max-price", "POST /api/v1/stake", "POST /api/v1/sale/buy", "POST /api/v1/sale/exchange", "POST /api/v1/sale/sell",
	"POST /api/v1/deposits", "POST /api/v1/withdrawals/{id}/take-back", "POST /api/v1/locks", "POST /api/v1/locks/{id}/claim", "POST /api/v1/vestings/release",
	"POST /api/v1/nodes/{node}/pledge", "POST /api/v1/nodes/{node}/unpledge",
	"POST /api/v1/drafts", "POST /api/v1/drafts/{id}/publish", "POST /upload/drafts/{id}/publish",
	"POST /api/v1/requests", "POST /api/v1/requests/{id}/bounty", "POST /api/v1/requests/{id}/fills/{fill}/accept", "POST /api/v1/requests/{id}/close",
	"POST /requests", "POST /requests/{id}/bounty", "POST /requests/{id}/fills/{fill}/accept", "POST /requests/{id}/close",
	"POST /upload", "POST /torrents/{infohash}/budget", "POST /torrents/{infohash}/sponsor", "POST /buy", "POST /deposit", "POST /voucher", "POST /stake",
	"POST /wallet/max-price", "POST /wallet/stake", "POST /wallet/lock", "POST /wallet/locks/{id}/claim", "POST /wallet/release", "POST /wallet/sell",
	"POST /wallet/pay-in", "POST /wallet/withdrawals/{id}/take-back", "POST /hosting/{node}/pledge", "POST /hosting/{node}/unpledge",
)

// fullPrefixes are pages that show or change how a member signs in: they need ScopeFull even to read.
var fullPrefixes = []string{"/account", "/mine/key", "/api/v1/account", "/api/v1/tokens"}

// freshAPI are the routes of the API for which a session must be fresh, as on their pages
// (SECURITY 25); a program shows its token of ScopeFull.
var freshAPI = routes(
	"POST /api/v1/stake/unstake", "POST /api/v1/withdrawals", "POST /api/v1/tokens",
	"PUT /api/v1/account/password", "POST /api/v1/account/totp", "POST /api/v1/account/totp/confirm", "DELETE /api/v1/account/totp",
	"POST /api/v1/account/recovery-codes", "DELETE /api/v1/account/passkeys/{id}", "POST /api/v1/account/announce-key",
	"POST /api/v1/admin/vouchers", "POST /api/v1/admin/vouchers/revoke", "POST /api/v1/admin/vouchers/{batch}/revoke",
	"POST /api/v1/admin/members/{id}/verify", "POST /api/v1/admin/members/{id}/close", "POST /api/v1/admin/members/{id}/reopen",
	"POST /api/v1/admin/members/{id}/clear", "POST /api/v1/admin/members/{id}/promote", "POST /api/v1/admin/members/{id}/demote",
	"POST /api/v1/admin/members/{id}/reset-factors", "POST /api/v1/admin/members/{id}/invite",
	"POST /api/v1/admin/slashes/{id}/return", "POST /api/v1/admin/nodes/{node}/lift",
	"POST /api/v1/admin/parameters", "POST /api/v1/admin/parameters/changes/{id}/withdraw", "POST /api/v1/admin/parameters/configured/withdraw",
	"POST /api/v1/admin/corrections", "POST /api/v1/admin/corrections/{id}/approve", "POST /api/v1/admin/corrections/{id}/refuse", "POST /api/v1/admin/corrections/{id}/withdraw",
	"POST /api/v1/admin/appeals/{id}/decision",
)

func routes(list ...string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, r := range list {
		set[r] = true
	}
	return set
}

// routeOf is the route that a request took, with the pattern that the router matched: what a client
// writes into a path cannot make it look like another.
func routeOf(r *http.Request) (method, pattern string) {
	method = r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return method, chi.RouteContext(r.Context()).RoutePattern()
}

// scopeOf is the scope that a route needs.
func scopeOf(method, pattern string) store.Scope {
	switch {
	case tradeRoutes[method+" "+pattern]:
		return store.ScopeTrade
	case method != http.MethodGet:
		return store.ScopeFull
	}
	for _, p := range fullPrefixes {
		if pattern == p || strings.HasPrefix(pattern, p+"/") {
			return store.ScopeFull
		}
	}
	return store.ScopeRead
}

// within refuses what a token's scope does not hold, and what a session must be fresh for.
func (s *site) within(r *http.Request, v visitor) error {
	method, pattern := routeOf(r)
	if v.session != nil {
		if freshAPI[method+" "+pattern] && !s.isFresh(v.session) {
			return errStale
		}
		return nil
	}
	if want := scopeOf(method, pattern); !v.scope.Allows(want) {
		return fail(http.StatusForbidden, "scope", "This token may only %s. Make one with the scope %q for this.", scopeWords(v.scope), want)
	}
	return nil
}

// scopeWords says what a token may do.
func scopeWords(s store.Scope) string {
	switch s {
	case store.ScopeRead:
		return "read"
	case store.ScopeTrade:
		return "read, trade and fetch torrent files"
	}
	return "do everything"
}
