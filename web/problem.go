package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/sale"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// problem is an error as it is shown: RFC 9457 in the API, a sentence on a page.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`

	again time.Duration // after which it is worth trying again; 0: it is not known
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// fail makes a problem. code is stable; the detail says what to do.
func fail(status int, code, format string, args ...any) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Problems without details of their own.
var (
	errNoRoute  = fail(http.StatusNotFound, "not_found", "There is nothing at this address.")
	errMethod   = fail(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not take this method.")
	errSignIn   = fail(http.StatusUnauthorized, "sign_in", "Sign in, or send a valid API token as 'Authorization: Bearer'.")
	errNode     = fail(http.StatusUnauthorized, "node_token", "Send a fresh token signed with the node's key as 'Authorization: Bearer'.")
	errBody     = fail(http.StatusUnauthorized, "node_body", "The token's claim 'body' must be the SHA-256 of the request's body, in base64url without padding.")
	errPassword = fail(http.StatusUnauthorized, "wrong_password", "Name or password is wrong.")
	errOperator = fail(http.StatusForbidden, "operator_only", "Only an operator may do this.")
	errSlowDown = fail(http.StatusTooManyRequests, "slow_down", "Too many attempts; wait some minutes and try again.")
	errInternal = fail(http.StatusInternalServerError, "internal", "Internal error; it was logged. Try again later.")
	errStorage  = fail(http.StatusServiceUnavailable, "storage", "The server cannot write to its disk at the moment; try again in some minutes. Repeated with the same Idempotency-Key the request happens once.")
	errPlain    = fail(http.StatusForbidden, "tls_required", "Passwords are not taken over plain http: put the site behind TLS and give its https address as --url, or start it with --dev on your own machine.")
)

// asProblem is the one place where errors become answers.
func (s *site) asProblem(r *http.Request, err error) *problem {
	var p *problem
	var refusal *catalog.Refusal
	var funds *store.FundsError
	var large *http.MaxBytesError
	if p := stakeProblem(err); p != nil {
		return p
	}
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refusal):
		return fail(http.StatusUnprocessableEntity, "torrent_refused", "The torrent file breaks the rule %q: %s.", refusal.Rule, refusal.Detail)
	case errors.As(err, &funds):
		return fail(http.StatusConflict, "insufficient_funds", "Not enough: %s", s.shortfall(funds))
	case errors.Is(err, tokens.ErrFunds):
		return fail(http.StatusConflict, "insufficient_funds", "There is not enough in the account.")
	case errors.As(err, &large):
		return fail(http.StatusRequestEntityTooLarge, "too_large", "The request is larger than %d bytes.", large.Limit)
	case errors.Is(err, store.ErrName):
		return fail(http.StatusUnprocessableEntity, "name", "This name cannot be used: %v.", store.ErrName)
	case errors.Is(err, tracker.ErrClientRule):
		return fail(http.StatusUnprocessableEntity, "client_rule", "This cannot be: %v.", err)
	case errors.Is(err, store.ErrRange):
		return fail(http.StatusUnprocessableEntity, "range", "The number is too small or too large: %v.", err)
	case errors.Is(err, store.ErrIdemReuse):
		return fail(http.StatusConflict, "idempotency_key_reused", "This Idempotency-Key was used for another request; use a new one.")
	case errors.Is(err, store.ErrNotFound):
		return fail(http.StatusNotFound, "not_found", "There is no such thing here.")
	case errors.Is(err, store.ErrExists):
		return fail(http.StatusConflict, "exists", "It is there already.")
	case errors.Is(err, store.ErrUsed):
		return fail(http.StatusConflict, "used", "It was used already; ask for a new one.")
	case errors.Is(err, store.ErrExpired):
		return fail(http.StatusGone, "expired", "It expired; ask for a new one.")
	case errors.Is(err, store.ErrClosed):
		return fail(http.StatusServiceUnavailable, "closing", "The server is restarting; try again in a minute.")
	case errors.Is(err, store.ErrStorage):
		s.complain(r, "the storage failed", "error", err)
		return errStorage
	}
	if p := saleProblem(err); p != nil {
		return p
	}
	if p := s.railProblem(err); p != nil {
		return p
	}
	if p := requestProblem(err); p != nil {
		return p
	}
	if p := lockProblem(err); p != nil {
		return p
	}
	if p := challengeProblem(err); p != nil {
		return p
	}
	if p := moderationProblem(err); p != nil {
		return p
	}
	if p := treasuryProblem(err); p != nil {
		return p
	}
	if p := badgeProblem(err); p != nil {
		return p
	}
	s.complain(r, "request failed", "error", err)
	return errInternal
}

// complain logs what should not have happened. Whatever a request does ends when its client goes away: that is
// no error, and nobody reads the answer.
func (s *site) complain(r *http.Request, what string, args ...any) {
	level := slog.LevelError
	if r.Context().Err() != nil {
		level, what = slog.LevelDebug, "the client went away: "+what
	}
	s.Log.Log(r.Context(), level, what, append([]any{"method", r.Method, "route", loggedRoute(r)}, args...)...)
}

// shortfall says what is missing, in the format of all money.
func (s *site) shortfall(e *store.FundsError) string {
	show := s.money
	if e.Asset == tokens.Quote {
		show = func(a tokens.Amount) string { return a.String() + " " + s.QuoteSymbol }
	}
	text := fmt.Sprintf("%s needed, %s free.", show(e.Need), show(e.Have))
	if e.Reserved > 0 {
		text += fmt.Sprintf(" %s are reserved for running downloads.", show(e.Reserved))
	}
	if e.Pledged > 0 {
		text += fmt.Sprintf(" %s are pledged to nodes: unpledge them first.", show(e.Pledged))
	}
	if e.Claims > 0 {
		text += fmt.Sprintf(" What the node claims to host needs %s: withdraw claims first.", show(e.Claims))
	}
	return text
}

// api runs a JSON handler and answers its error.
func (s *site) api(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r))
		w.Header().Set("Cache-Control", "no-store")
		if err := h(w, r); err != nil {
			s.asProblem(r, err).send(w)
		}
	}
}

// againAfter is the Retry-After of who tried too often where nothing better is known.
const againAfter = time.Minute

// header sets what goes with a problem on pages and in the API.
func (p *problem) header(h http.Header) {
	switch {
	case p.again > 0:
		h.Set("Retry-After", strconv.Itoa(wholeSeconds(p.again)))
	case p.Status == http.StatusTooManyRequests, p.Status == http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(wholeSeconds(againAfter)))
	}
}

// send answers a request of the API with the problem.
func (p *problem) send(w http.ResponseWriter) {
	h := w.Header()
	p.header(h)
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="swarmstake"`)
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // the client may be gone: nothing to tell it then
}

// refuse answers a request that no handler sees: with a problem in the API, else with a sentence.
func (p *problem) refuse(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, apiPath+"/") {
		p.send(w)
		return
	}
	p.header(w.Header())
	http.Error(w, p.Detail, p.Status)
}

var errOrigin = fail(http.StatusForbidden, "cross_origin", "A page of another site sent this from your browser; it was not done.")

// sameOrigin refuses what pages of other sites have a browser send (SECURITY 22).
func sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(errOrigin.refuse))
	return guard.Handler(next)
}

// answer writes a JSON answer.
func answer(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the client may be gone: nothing to tell it then
	return nil
}

const (
	maxBody    = 64 << 10
	maxUpload  = catalog.MaxFileBytes + maxBody
	maxReports = 8 << 20 // a node's report of about 30,000 torrents, or bitmaps of fewer
)

func bodyLimit(r *http.Request) int64 {
	switch {
	case r.URL.Path == "/api/v1/torrents", r.URL.Path == "/api/v1/drafts", r.URL.Path == "/upload":
		return maxUpload
	case r.URL.Path == "/api/v1/node/report":
		return maxReports
	case r.URL.Path == transfersPath:
		return maxTransferBody
	case r.URL.Path == accessPath:
		return maxAccess
	case strings.HasPrefix(r.URL.Path, answerPath):
		return maxAnswer
	}
	return maxBody
}

// saleProblem explains why the curve does not sell.
func saleProblem(err error) *problem {
	switch {
	case errors.Is(err, sale.ErrCost):
		return fail(http.StatusConflict, "price_moved", "It costs more than your maximum now; ask for a new quote.")
	case errors.Is(err, sale.ErrSoldOut):
		return fail(http.StatusConflict, "sold_out", "The sale has not that many tokens left; ask for fewer.")
	case errors.Is(err, sale.ErrRefund):
		return fail(http.StatusConflict, "price_moved", "It brings less than your minimum now; ask for a new quote.")
	case errors.Is(err, sale.ErrNotSold):
		return fail(http.StatusConflict, "not_sold", "The sale takes back no more tokens than it has sold; offer fewer.")
	case errors.Is(err, sale.ErrAmount):
		return fail(http.StatusUnprocessableEntity, "amount", "This amount cannot be traded.")
	}
	var serial *store.SerialError
	if errors.As(err, &serial) {
		return fail(http.StatusConflict, "serial", "Your last exchange had serial %d; the next must have a higher one.", serial.Last)
	}
	return nil
}
