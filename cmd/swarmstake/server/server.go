// Package server is the running Swarmstake: it joins the pure rules with the store, the network
// and the clock, in loops that each do one thing (flush, reprice, audit, settle). Open wires, Run
// works until its context ends and leaves everything written.
package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/front"
	"github.com/swarmstake/swarmstake/tracker/journal"
	"github.com/swarmstake/swarmstake/tracker/swarm"
	"github.com/swarmstake/swarmstake/web"
)

// setupTTL is how long the link of the first start is good for.
const setupTTL = 24 * time.Hour

// Server is one running installation.
type Server struct {
	conf    Config
	log     *slog.Logger
	now     func() time.Time
	alive   time.Time // when the server was last known to run, before this time
	base    string
	setup   string
	front   *front.Front
	handler *tracker.Handler
	proxies []netip.Prefix
	plainly []byte       // refuses announces that came unencrypted
	secure  net.Listener // nil: no TLS of our own
	cert    certificate  // nil likewise
	admin   *adminServer
	health  *health
	metrics *metrics
	monitor *metricsServer // nil: none
	release func()

	store   *store.Store
	journal *journal.Journal // nil: none
	swarms  *swarm.Swarms
	roster  *roster
	flusher *flusher
	auditor *auditor
	badges  *badges
	market  *market
	owners  owners
	earned  earned
	offers  hostMarket
	http    *http.Server
	proven  map[swarm.DownloadKey]int // tiers that the swarms were told; pricing loop only

	inForce atomic.Pointer[Rules]
	current atomic.Pointer[store.Epoch]

	portTests atomic.Int32 // under way
	events    sync.Mutex   // guards watchers
	watchers  []func(Event)
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
	s := &Server{conf: conf, log: log, now: time.Now, proven: map[swarm.DownloadKey]int{}, health: newHealth(time.Now()), metrics: newMetrics()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.release, err = Lock(conf.Data); err != nil {
		return nil, err
	}
	if err := finishRestore(conf.Data); err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{s.openStore, s.recordRules, s.excuseDowntime, s.loadMeter, s.openEpoch, s.wire, s.loadClaims, s.offerSetup, s.openMonitor} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if s.admin, err = listenAdmin(conf.Data, s.addMember, log); err != nil {
		return nil, err
	}
	s.admin.serveHealth(s.Readiness)
	s.admin.serveClients(s.store, s.roster.ClientsChanged)
	s.admin.serveMembers(s.store, s.roster.MemberAdded)
	s.admin.serveVouchers(s.store)
	s.admin.serveRevenue(s.store)
	s.admin.serveLedger(s.store)
	s.admin.serveTorrents(s.store, s.now, s.roster.TorrentAdded)
	s.admin.serveImport(importing{store: s.store, base: s.base, source: s.conf.sourceTag(s.base), now: s.now, member: s.roster.MemberAdded, torrent: s.roster.TorrentAdded})
	return s, nil
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
	s.roster = newRoster(s.rules)
	s.roster.base = s.base
	s.store, err = store.Open(ctx, s.conf.Data, store.Options{OnFunds: s.roster.onFunds, OnCommit: s.committed, Economy: s.conf.economy(), Log: s.log, Faucet: s.conf.faucet()})
	if err != nil {
		return err
	}
	s.roster.store = s.store
	return genesis(ctx, s.store, s.conf.Server.GenesisTreasury)
}

// genesis fills the treasury of a new ledger; on an old one the setting changes nothing.
func genesis(ctx context.Context, st *store.Store, amount tokens.Amount) error {
	empty, err := st.Empty(ctx)
	if err != nil || !empty || amount <= 0 {
		return err
	}
	return st.Post(ctx, tokens.Transfer{ID: "genesis/treasury", Asset: tokens.Token, From: tokens.Issuance, To: tokens.Treasury,
		Amount: amount, Code: tokens.CodeGenesis, Ref: "genesis"})
}

// excuseDowntime gives hosts back the time during which no server ran to hear or audit them.
func (s *Server) excuseDowntime(ctx context.Context) error {
	last, err := s.store.MarkAlive(ctx)
	if err != nil || last == 0 {
		return err
	}
	s.alive = time.UnixMilli(last)
	down := s.now().Sub(s.alive)
	if down < sweepInterval*2 {
		return nil
	}
	s.log.Info("the server was down; that time counts for nobody", "for", down.Round(time.Second).String())
	return s.store.ExcuseOutage(ctx, s.rules().Availability, down)
}

func (s *Server) loadMeter(ctx context.Context) error {
	if err := s.roster.load(ctx); err != nil {
		return err
	}
	p := s.rules().Tracker
	s.swarms = swarm.New(p, s.roster.dir.Wallet)
	stored, err := s.store.Meter(ctx, p.SessionKeep)
	if err != nil {
		return err
	}
	s.swarms.Load(stored, s.alive, s.now())
	if err := s.replay(stored); err != nil {
		return err
	}
	s.swarms.Loaded()
	mark, err := openFlushMark(s.conf.Data)
	if err != nil {
		return err
	}
	s.flusher = newFlusher(s.swarms, s.store, s.journal, mark, s.conf.Server, s.log)
	if err := s.flusher.flushNow(ctx); err != nil {
		return err
	}
	if !s.conf.Server.Journal {
		s.swarms.SetJournal(noJournal{s.journal})
	}
	return nil
}

// noJournal keeps no records; positions go on, for the day when it is switched on again.
type noJournal struct{ *journal.Journal }

func (j noJournal) Append([]byte) (int64, error) { return j.Next(), nil }

// journalDir is the folder of the meter's journal in the data folder.
const journalDir = "journal"

// replay opens the journal and applies what a killed server had answered and not written. It is
// replayed even if none is to be kept from now on.
func (s *Server) replay(stored swarm.Stored) (err error) {
	if err := checkFlushMark(s.conf.Data, stored.Batch); err != nil {
		return err
	}
	dir := filepath.Join(s.conf.Data, journalDir)
	s.journal, err = journal.Open(dir, journal.Options{MaxBytes: s.conf.Server.JournalBytes, Log: s.log})
	if err != nil {
		return fmt.Errorf("open the meter's journal: %w", err)
	}
	n := 0
	err = s.journal.Replay(func(pos int64, rec []byte) error {
		n++
		return s.swarms.Replay(pos, rec)
	})
	if err != nil {
		return fmt.Errorf("replay the meter's journal in %s (move the folder away to start without what it holds): %w", dir, err)
	}
	if n > 0 {
		s.log.Info("the journal was replayed", "records", n)
	}
	var most int64
	for _, pos := range stored.Positions {
		most = max(most, pos)
	}
	if err := s.journal.SkipTo(most); err != nil {
		return fmt.Errorf("continue the meter's journal: %w", err)
	}
	s.swarms.SetJournal(s.journal) // so that the first flush says how far the rows hold the journal
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
	s.renewSale(ctx)
	return s.sortUsage(ctx)
}

func (s *Server) wire(ctx context.Context) error {
	if err := s.openAuditor(ctx); err != nil {
		return err
	}
	torrents, err := s.store.RosterTorrents(ctx)
	if err != nil {
		return err
	}
	s.market = newMarket(s.rules().Surge, torrents)
	s.handler, err = tracker.NewHandler(tracker.Options{Roster: s.roster.dir, Swarms: s.swarms, Now: s.now, Log: s.log,
		Texts:   tracker.Texts{Site: s.base, Gate: s.rules().gate()},
		Clients: s.roster.clients, Proxies: s.proxies, Limits: s.conf.limits(seed()), Unstored: s.flusher.hurry,
		Interval: s.conf.Tracker.LeecherInterval, MinInterval: s.conf.Tracker.MinInterval})
	if err != nil {
		return err
	}
	site, err := s.website(s.proxies)
	if err != nil {
		return err
	}
	mux := chi.NewRouter()
	mux.Use(s.metrics.observe)
	mux.Handle("/announce/*", s.handler)
	mux.Mount("/", site)
	s.http = s.newHTTP(mux)
	s.http.RegisterOnShutdown(s.auditor.nodes.end) // else every stop waits for the polls of daemons
	return nil
}

// seed is a secret number.
func seed() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
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
	context.AfterFunc(ctx, s.health.stop)
	if s.monitor != nil {
		g.Go(func() error { return s.monitor.run(gctx) })
	}
	g.Go(func() error { return s.every(gctx, s.figuresPause, "figures", s.measure) })
	if s.cert != nil {
		g.Go(func() error { return s.cert.keep(gctx, s.now) })
	}
	g.Go(func() error { return quiet(s.journal.Run(gctx)) })
	g.Go(func() error { return s.every(gctx, s.priceStep, "reprice", s.reprice) })
	go s.auditor.judge(context.WithoutCancel(ctx))
	g.Go(func() error { return quiet(s.auditor.prober.Run(gctx)) })
	g.Go(func() error { return s.every(gctx, always(s.conf.Server.AuditInterval), "audit", s.auditor.round) })
	g.Go(func() error { return s.every(gctx, s.epochCheck, "settle", s.settleDue) })
	g.Go(func() error { return s.every(gctx, always(sweepInterval), "sweep", s.sweep) })
	g.Go(func() error { return s.every(gctx, always(badgeInterval), "badges", s.awardBadges) })
	g.Go(func() error { return s.every(gctx, always(railInterval), "withdrawals", s.pushWithdrawals) })
	g.Go(func() error { return quiet(s.flusher.Run(gctx)) })
	err := g.Wait()
	s.auditor.finish()
	return errors.Join(err, s.flusher.flushNow(context.WithoutCancel(ctx)))
}

// quiet takes the end that was asked for as none.
func quiet(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// every calls f until ctx ends, at an interval that is asked for again after each round. An error is
// logged and the next round tries again: no round of these loops leaves anything half done.
func (s *Server) every(ctx context.Context, interval func() time.Duration, name string, f func(context.Context, time.Time) error) error {
	length := interval()
	s.health.begin(name, length, s.now())
	tick := time.NewTicker(length)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err := f(ctx, s.now())
			if err != nil && ctx.Err() == nil {
				s.log.Error("a round failed and will be repeated", "loop", name, "error", err)
			}
			if l := interval(); l != length {
				length = l
				tick.Reset(l)
			}
			s.health.round(name, length, s.now(), err)
		}
	}
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// sweepInterval is how often silent peers, ended sessions, and slashes, unbonding stake, locks and
// allowances whose time has come are looked for, and what looks wrong, some members at a time.
const sweepInterval = 5 * time.Second

// expirePause is between two shards, so that looking for silent peers never competes with announces.
const expirePause = 5 * time.Millisecond

func (s *Server) sweep(ctx context.Context, now time.Time) error {
	s.swarms.Expire(now, func() { time.Sleep(expirePause) })
	if _, err := s.store.MarkAlive(ctx); err != nil {
		return err
	}
	return errors.Join(s.store.CloseSlashes(ctx), s.store.ExpireCorrections(ctx), s.store.Mature(ctx), s.store.UnlockDue(ctx), s.store.GrantAllowances(ctx),
		s.store.SweepAudits(ctx, s.conf.Probe.AuditKeep), s.store.SweepExchanges(ctx), s.store.SettleRequests(ctx), s.store.SweepNotifications(ctx), s.store.Sweep(ctx),
		s.store.ThinPrices(ctx, s.conf.Server.PriceKeep), s.store.SweepEvidence(ctx), s.store.FindFlags(ctx, s.rules().Settle))
}

func (s *Server) epoch() store.Epoch { return *s.current.Load() }

// close gives back what Open took; it may be called on a half-open server.
func (s *Server) close() {
	if s.secure != nil {
		s.secure.Close()
	}
	if s.admin != nil {
		s.admin.http.Close()
	}
	if s.monitor != nil {
		s.monitor.l.Close()
	}
	if s.auditor != nil {
		if err := s.auditor.places.close(); err != nil {
			s.log.Error("closing the database of places", "error", err)
		}
	}
	if s.journal != nil {
		if err := s.journal.Close(); err != nil {
			s.log.Error("closing the journal", "error", err)
		}
	}
	if s.flusher != nil {
		s.flusher.mark.file.Close()
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
		BaseURL: s.base, Name: s.conf.Name, Source: s.conf.sourceTag(s.base), Dev: s.conf.Dev, ReportInterval: s.conf.Server.ReportInterval,
		Rules: s.webRules, Parameters: parameterInfo(), Rulebook: rulebook{s.conf}, PublicKeys: s.badges.public,
		ClientAddr: func(r *http.Request) netip.Addr { addr, _ := tracker.ClientAddr(r, proxies); return addr }, Log: s.log,
		Ending: s.auditor.nodes.ending, Ready: func() bool { return s.Readiness().Ready },
	}, web.Deps{Store: bank{s.store, s.flusher}, Live: s, Roster: s.roster, Keys: s.roster, Hosting: s, Serving: s, Seeding: s, Records: s})
}
