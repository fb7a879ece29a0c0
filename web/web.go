// Package web is what people and programs see of Swarmstake: the site and the JSON API.
//
// It decides nothing about money: it asks the interfaces in interfaces.go, which packages store
// and server satisfy, and shows what they answer. Every page works without JavaScript and asks no
// other host for anything. Errors become answers in one function (see problem.go); what nobody
// expected is logged and shown as "internal error".
package web

import (
	"context"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/badge"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/web/live"
)

// Config says how the site behaves. BaseURL is its public address without a trailing slash; it is
// used in cookies, announce URLs and node tokens, never the Host header.
type Config struct {
	BaseURL        string
	Name           string                         // of this tracker
	Source         string                         // tag that makes info-hashes ours (PROTOCOLS §2)
	Dev            bool                           // faucet, sign-in over plain http, no limits per address
	QuoteSymbol    string                         // what tokens are bought with
	ReportInterval time.Duration                  // between two reports of a node
	Rules          func() Rules                   // in force; required
	Parameters     map[string]ParameterInfo       // what the keys of parameters mean
	Rulebook       store.Rulebook                 // that operators' changes of parameters are held to; nil: they cannot change any
	PublicKeys     badge.Keys                     // that verify badges
	ClientAddr     func(*http.Request) netip.Addr // nil: the connection's address
	Now            func() time.Time               // nil: time.Now
	Random         func([]byte)                   // nil: crypto/rand
	Log            *slog.Logger                   // nil: discarded
	Ready          func() bool                    // whether all of the server works; nil: it does
	Ending         context.Context                // ends open event streams, for the server to end; nil: none does
}

// Rules are the economy's parameters in force, as far as pages show them or compute with them.
type Rules struct {
	EpochLength time.Duration
	Economy     store.Economy
	Surge       surge.Params
	Settle      settle.Params

	Availability availability.Params
}

// Deps are what the handlers ask.
type Deps struct {
	Store   Store
	Live    Live
	Roster  Roster
	Keys    Keys
	Hosting Hosting
	Serving Serving
	Seeding Seeding
	Records Records
}

// site is the handler's state; it is read-only but for the limiters.
type site struct {
	Config
	Deps
	audience     string
	secure       bool // BaseURL is https
	pages        map[string]*template.Template
	static       fs.FS
	passwords    *passwords
	signIns      *limiter
	joins        *limiter
	uploads      *limiter
	moves        *limiter
	codes        *limiter // wrong voucher codes
	reports      *limiter // of a node
	accesses     *limiter // likewise: whom it may serve
	ports        *limiter // likewise: tests of its port
	portsAt      *limiter // … and of an address
	looks        *limiter // at what is published for hosts
	budgets      *budgets // of the API
	earnings     *limiter // of a node
	transfers    *limiter // likewise: reports of them
	covered      coverageMemo
	picked       picksMemo // of the market, for hosts
	onTorrent    torrentState
	hub          *live.Hub
	earned       earnedMemo
	announcedNow announcedMemo
	record       chan struct{} // held while an epoch's record of audits is made
	sums         chan struct{} // held while it is added up what a node earned
	auth         *authState    // of factors and proofs
	feeds        *feedState
}

// Limits of SECURITY 26.
const (
	signInEvery, signInBurst = 3 * time.Minute, 5  // 5 per 15 min for an account and address
	joinEvery, joinBurst     = 20 * time.Minute, 3 // 3 per hour for an address
	uploadEvery, uploadBurst = 3 * time.Minute, 20 // 20 per hour for a member
	moveEvery, moveBurst     = 2 * time.Second, 60 // requests of a member that move money
	codeEvery, codeBurst     = time.Minute, 10     // wrong voucher codes of a member, and of an address
	reportEvery, reportBurst = 5 * time.Second, 20 // reports of a node
	accessEvery, accessBurst = accessAgain / 2, 20 // questions of a node whom it may serve
	portEvery, portBurst     = 20 * time.Second, 6 // tests of a node's port
	portNodes                = 4                   // … and, so many times that, of an address
	maxLimiters              = 50_000              // keys remembered; above, the oldest are forgotten
)

// New returns the handler of everything but announces and scrapes.
func New(cfg Config, deps Deps) (http.Handler, error) {
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("web: base URL %q: want http://HOST or https://HOST", cfg.BaseURL)
	}
	s := &site{Config: cfg.withDefaults(), Deps: deps, audience: cfg.BaseURL, secure: u.Scheme == "https",
		signIns: newLimiter(signInEvery, signInBurst), joins: newLimiter(joinEvery, joinBurst), uploads: newLimiter(uploadEvery, uploadBurst),
		codes: newLimiter(codeEvery, codeBurst), moves: newLimiter(moveEvery, moveBurst), record: make(chan struct{}, 1), reports: newLimiter(reportEvery, reportBurst),
		accesses: newLimiter(accessEvery, accessBurst), ports: newLimiter(portEvery, portBurst), portsAt: newLimiter(portEvery/portNodes, portBurst*portNodes),
		looks: newLimiter(lookEvery, lookBurst), budgets: newBudgets(), earnings: newLimiter(earningsEvery, earningsBurst), transfers: newLimiter(transferEvery, transferBurst),
		onTorrent: newTorrentState(),
		sums:      make(chan struct{}, earningsAtOnce)}
	if s.pages, err = s.parsePages(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.static, err = fs.Sub(files, "static"); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s.passwords = newPasswords(s.Random)
	s.auth = s.newAuth()
	s.feeds = newFeedState()
	s.hub = s.newHub()
	return s.routes(), nil
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = fillRandom
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ClientAddr == nil {
		c.ClientAddr = connectionAddr
	}
	if c.Name == "" {
		c.Name = "Swarmstake"
	}
	if c.QuoteSymbol == "" {
		c.QuoteSymbol = "credits"
	}
	return c
}

func (s *site) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.recoverer, s.headers, sameOrigin, s.identify)
	r.Get("/healthz", s.health)
	r.Get("/readyz", s.readiness)
	r.Get("/.well-known/swarmstake.json", s.discovery)
	r.Handle("/static/*", staticFiles(s.static))
	r.Route("/api/v1", s.apiRoutes)
	s.feedRoutes(r)
	s.pageRoutes(r)
	return r
}
