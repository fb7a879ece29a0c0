// Package server is the running Swarmstake: it joins the pure rules with the store, the network
// and the clock, in loops that each do one thing (flush, reprice, audit, settle). Open wires, Run
// works until its context ends and leaves everything written.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/probe"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// Limits of the listener (SECURITY 26).
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 15 * time.Second
	writeTimeout   = 20 * time.Second
	idleTimeout    = 60 * time.Second
	maxHeaderBytes = 8 << 10
	drainTime      = 10 * time.Second
	setupTTL       = 24 * time.Hour
)

// Server is one running installation.
type Server struct {
	conf     Config
	log      *slog.Logger
	now      func() time.Time
	base     string
	setup    string
	listener net.Listener
	admin    *adminServer
	release  func()

	store   *store.Store
	swarms  *swarm.Swarms
	roster  *roster
	flusher *flusher
	auditor *auditor
	market  *market
	http    *http.Server
	proven  map[swarm.DownloadKey]bool // what the swarms were told; pricing loop only

	current  atomic.Pointer[store.Epoch]
	events   sync.Mutex // guards watchers
	watchers []func(Event)
}

// Event is something a watcher may tell people about.
type Event struct {
	Audit   *AuditEvent
	Settled *SettledEvent
}

// AuditEvent is a judged audit.
type AuditEvent struct {
	Claim     availability.Claim
	Kind      availability.Kind
	Verdict   availability.Verdict
	Confirmed bool
	Slashed   tokens.Amount
	Reason    string
}

// SettledEvent is a settled epoch.
type SettledEvent struct {
	Epoch   int64
	Pot     tokens.Amount // what downloads had paid into it
	Upload  tokens.Amount // paid to uploaders, of this and reopened epochs
	Hosting tokens.Amount // earned by hosting, held or paid out
}

// Open takes the data folder, loads everything and listens. Nothing is answered before Run.
func Open(ctx context.Context, conf Config, log *slog.Logger) (_ *Server, err error) {
	if err := ensureDir(conf.Data); err != nil {
		return nil, err
	}
	s := &Server{conf: conf, log: log, now: time.Now, proven: map[swarm.DownloadKey]bool{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.release, err = Lock(conf.Data); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", conf.Listen); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", conf.Listen, err)
	}
	if s.base, err = conf.baseURL(s.listener.Addr().(*net.TCPAddr).AddrPort()); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{s.openStore, s.excuseDowntime, s.loadMeter, s.openEpoch, s.wire, s.offerSetup} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	s.admin, err = listenAdmin(conf.Data, s.addMember, log)
	return s, err
}

// URL is the public address.
func (s *Server) URL() string { return s.base }

// SetupURL is the one-use link for the first operator; empty if there is one already.
func (s *Server) SetupURL() string { return s.setup }

// Store is the database, for programs that run a server inside themselves.
func (s *Server) Store() *store.Store { return s.store }

// Watch has f called for every event from now on; f must be quick.
func (s *Server) Watch(f func(Event)) {
	s.events.Lock()
	defer s.events.Unlock()
	s.watchers = append(s.watchers, f)
}

func (s *Server) notify(e Event) {
	s.events.Lock()
	defer s.events.Unlock()
	for _, f := range s.watchers {
		f(e)
	}
}

func (s *Server) openStore(ctx context.Context) (err error) {
	s.roster = newRoster(s.conf.Surge)
	s.roster.base = s.base
	s.store, err = store.Open(ctx, s.conf.Data, store.Options{OnFunds: s.roster.onFunds, Economy: s.conf.economy(), Log: s.log})
	if err != nil {
		return err
	}
	s.roster.store = s.store
	return s.genesis(ctx)
}

// genesis fills the treasury of a new ledger; on an old one the setting changes nothing.
func (s *Server) genesis(ctx context.Context) error {
	amount := tokens.Amount(s.conf.Server.GenesisTreasury)
	empty, err := s.store.Empty(ctx)
	if err != nil || !empty || amount <= 0 {
		return err
	}
	return s.store.Post(ctx, tokens.Transfer{ID: "genesis/treasury", Asset: tokens.Token, From: tokens.Issuance, To: tokens.Treasury,
		Amount: amount, Code: tokens.CodeGenesis, Ref: "genesis"})
}

// excuseDowntime gives hosts back the time during which no server ran to hear or audit them.
func (s *Server) excuseDowntime(ctx context.Context) error {
	last, err := s.store.MarkAlive(ctx)
	if err != nil || last == 0 {
		return err
	}
	down := s.now().Sub(time.UnixMilli(last))
	if down < sweepInterval*2 {
		return nil
	}
	s.log.Info("the server was down; that time counts for nobody", "for", down.Round(time.Second).String())
	return s.store.ExcuseOutage(ctx, down)
}

func (s *Server) loadMeter(ctx context.Context) error {
	if err := s.roster.load(ctx); err != nil {
		return err
	}
	p := s.conf.Tracker
	p.Symbol, p.FundsURL, p.BasePrice = s.conf.Economy.Symbol, s.base+"/wallet", s.conf.Surge.Base
	p.QuoteFreeze, p.DemandWindow = s.conf.Surge.QuoteFreeze, s.conf.Surge.Window
	s.swarms = swarm.New(p)
	sessions, downloads, last, err := s.store.Meter(ctx)
	if err != nil {
		return err
	}
	s.swarms.Load(sessions, downloads, last, s.roster.dir.Wallet)
	s.flusher = newFlusher(s.swarms, s.store, s.conf.Server.FlushInterval, s.log)
	return nil
}

// openEpoch goes on with the epoch that was under way, or begins the first.
func (s *Server) openEpoch(ctx context.Context) error {
	epochs, err := s.store.Epochs(ctx, 1)
	if err != nil {
		return err
	}
	if len(epochs) == 0 {
		return s.nextEpoch(ctx)
	}
	s.current.Store(&epochs[0])
	return s.sortUsage(ctx)
}

func (s *Server) wire(ctx context.Context) error {
	source, err := sourceAddr(s.conf.Probe.SourceAddr)
	if err != nil {
		return err
	}
	prober, err := probe.New(probe.Config{LocalAddr: source, Budget: s.conf.Probe.Budget, Concurrency: s.conf.Probe.Concurrency,
		Policy: probe.Policy{AllowPrivate: s.conf.Dev}})
	if err != nil {
		return err
	}
	s.auditor = &auditor{server: s, prober: prober, slots: make(chan struct{}, s.conf.Probe.Concurrency), torrents: map[bt.TorrentID]*catalog.Torrent{}, counts: map[bt.TorrentID]int{}}
	torrents, err := s.store.RosterTorrents(ctx)
	if err != nil {
		return err
	}
	s.market = newMarket(s.conf.Surge, torrents)
	proxies, err := s.conf.proxies()
	if err != nil {
		return err
	}
	announce, err := tracker.NewHandler(tracker.Options{Roster: s.roster.dir, Swarms: s.swarms, Commit: s.flusher, Now: s.now, Log: s.log,
		Texts:   tracker.Texts{Site: s.base, Gate: s.conf.Economy.Gate.String() + " " + s.conf.Economy.Symbol},
		Proxies: proxies, Interval: s.conf.Tracker.LeecherInterval, MinInterval: s.conf.Tracker.MinInterval})
	if err != nil {
		return err
	}
	site, err := s.website(proxies)
	if err != nil {
		return err
	}
	mux := chi.NewRouter()
	mux.Handle("/announce/*", announce)
	mux.Mount("/", site)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	return nil
}

// offerSetup makes a one-use link while there is no operator.
func (s *Server) offerSetup(ctx context.Context) error {
	has, err := s.store.HasOperator(ctx)
	if err != nil || has {
		return err
	}
	secret := rand.Text()
	if err := s.store.AddSetupLink(ctx, secret, setupTTL); err != nil {
		return err
	}
	s.setup = s.base + "/setup/" + secret
	return nil
}

func (s *Server) addMember(ctx context.Context, req AddMember) (AddedMember, error) {
	added, err := addMember(ctx, s.store, req)
	if err != nil {
		return added, err
	}
	return added, s.roster.MemberAdded(ctx, added.MemberID)
}

// Run serves until ctx ends; then it answers what is running, writes the meter and closes.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	g, gctx := errgroup.WithContext(loops)
	g.Go(func() error { return s.serve(ctx, gctx, stopLoops) })
	g.Go(func() error { return s.admin.run(gctx) })
	g.Go(func() error { return s.every(gctx, s.conf.Surge.Step, "reprice", s.reprice) })
	g.Go(func() error { return s.every(gctx, s.conf.Server.AuditInterval, "audit", s.auditor.round) })
	g.Go(func() error { return s.every(gctx, s.conf.epochCheck(), "settle", s.settleDue) })
	g.Go(func() error { return s.every(gctx, sweepInterval, "sweep", s.sweep) })
	g.Go(func() error {
		err := s.flusher.Run(gctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	err := g.Wait()
	s.auditor.wg.Wait()
	return errors.Join(err, s.flusher.flush(context.WithoutCancel(ctx)))
}

// serve answers requests; when ctx ends it drains them while the flusher still runs, because
// announces wait for it, and then ends the loops. When a loop failed it ends too: nothing would be
// written any more.
func (s *Server) serve(ctx, loops context.Context, stopLoops func()) error {
	defer stopLoops()
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-loops.Done():
		return s.http.Close()
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		s.http.Close()
	}
	return nil
}

// every calls f until ctx ends. An error is logged and the next round tries again: no round of
// these loops leaves anything half done.
func (s *Server) every(ctx context.Context, interval time.Duration, name string, f func(context.Context, time.Time) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := f(ctx, s.now()); err != nil && ctx.Err() == nil {
				s.log.Error("a round failed and will be repeated", "loop", name, "error", err)
			}
		}
	}
}

// sweepInterval is how often silent peers, ended sessions and closed slashes are looked for.
const sweepInterval = 5 * time.Second

func (s *Server) sweep(ctx context.Context, now time.Time) error {
	s.swarms.Expire(now)
	if _, err := s.store.MarkAlive(ctx); err != nil {
		return err
	}
	return errors.Join(s.store.CloseSlashes(ctx), s.store.Sweep(ctx))
}

func (s *Server) epoch() store.Epoch { return *s.current.Load() }

// close gives back what Open took; it may be called on a half-open server.
func (s *Server) close() {
	if s.admin != nil {
		s.admin.http.Close()
	}
	if s.listener != nil {
		s.listener.Close()
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error("closing the store", "error", err)
		}
	}
	if s.release != nil {
		s.release()
	}
}

// website builds the pages and the API.
func (s *Server) website(proxies []netip.Prefix) (http.Handler, error) {
	return web.New(web.Config{
		BaseURL: s.base, Name: s.conf.Name, Source: s.conf.sourceTag(s.base), Dev: s.conf.Dev, Epoch: s.conf.Server.EpochLength,
		ReportInterval: s.conf.Server.ReportInterval, Economy: s.conf.economy(), Surge: s.conf.Surge, Parameters: s.conf.public(),
		ClientAddr: func(r *http.Request) netip.Addr { addr, _ := tracker.ClientAddr(r, proxies); return addr }, Log: s.log,
	}, web.Deps{Store: bank{s.store, s.flusher}, Live: s, Roster: s.roster, Keys: s.roster, Hosting: s})
}
