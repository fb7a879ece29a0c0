// Package probe asks a peer for pieces or blocks over the BitTorrent wire, as an ordinary peer
// would, and says what it saw (ECONOMY §7, CLIENTS "Asking a client for blocks"). It judges nothing:
// package availability does.
//
//   - Probe dials a peer and audits it; Await does the same when the peer dials us, as one does that
//     cannot be dialled but found us in the peer list of its announce (Run listens for it).
//   - Leech does what a customer does, to see whether the peer serves customers.
//   - Sample takes a piece from a leecher, View only hears which pieces one has.
//   - Reach only connects; Used knows the peer ids under which all these came lately.
//
// It promises: wrong bytes and a peer's own word that it lacks a piece are told apart from
// everything that may be our fault or a busy peer's; time, bytes, message sizes and connections
// are bounded whatever the peer sends; only addresses that the policy allows are dialled, and of
// those who dial us only the awaited are heard.
package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/anacrolix/torrent/mse"
	"golang.org/x/time/rate"

	"github.com/swarmstake/swarmstake/availability"
)

// Config bounds and places the prober. A zero Budget, LeechBudget, Concurrency or BytesPerSecond
// means the default.
type Config struct {
	LocalAddr      netip.Addr     // where probes come from; the zero value leaves it to the system
	LeechAddr      netip.Addr     // where Leech comes from, so that it is not known as the prober; zero: LocalAddr
	Listen         netip.AddrPort // where Await's peers are expected; zero: nowhere
	Budget         time.Duration  // longest time for one probe (45 s)
	LeechBudget    time.Duration  // … for one download like a leecher's: several rounds of unchoking (2 min)
	Concurrency    int            // probes at once; more wait (16)
	BytesPerSecond int            // received by all probes together; faster peers are read slower (64 MiB)
	Policy         Policy
}

const (
	defaultBudget      = 45 * time.Second
	defaultLeechBudget = 2 * time.Minute // clients unchoke every 10 s, and a stranger by chance every 30 s
	defaultConcurrency = 16
	defaultBandwidth   = 64 << 20
	maxLeeches         = 4 // at once; they take long, and audits do not wait for them
	dialTimeout        = 10 * time.Second
	handshakeTimeout   = 15 * time.Second
	reconnectPause     = 1100 * time.Millisecond // clients drop whoever comes back within a second
)

// Prober makes probes; it is safe for concurrent use.
type Prober struct {
	cfg       Config
	slots     chan struct{}
	leeches   chan struct{}
	bandwidth *rate.Limiter
	pace      pace
	lobby     lobby
	used      *used
}

// New checks the configuration.
func New(cfg Config) (*Prober, error) {
	if cfg.Budget < 0 || cfg.LeechBudget < 0 || cfg.Concurrency < 0 || cfg.BytesPerSecond < 0 {
		return nil, fmt.Errorf("probe: budget %s, leech budget %s, concurrency %d, bytes per second %d: want none negative", cfg.Budget, cfg.LeechBudget, cfg.Concurrency, cfg.BytesPerSecond)
	}
	cfg.Budget = cmp.Or(cfg.Budget, defaultBudget)
	cfg.LeechBudget = cmp.Or(cfg.LeechBudget, defaultLeechBudget)
	cfg.Concurrency = cmp.Or(cfg.Concurrency, defaultConcurrency)
	cfg.BytesPerSecond = cmp.Or(cfg.BytesPerSecond, defaultBandwidth)
	if !cfg.LeechAddr.IsValid() {
		cfg.LeechAddr = cfg.LocalAddr
	}
	return &Prober{
		cfg:       cfg,
		slots:     make(chan struct{}, cfg.Concurrency),
		leeches:   make(chan struct{}, maxLeeches),
		bandwidth: rate.NewLimiter(rate.Limit(cfg.BytesPerSecond), max(readChunk, cfg.BytesPerSecond/10)),
		pace:      pace{targets: map[target]*turn{}},
		lobby:     newLobby(),
		used:      newUsed(),
	}, nil
}

// Probe asks for the targets: over a plain connection first, and encrypted if the peer closes that
// one during the handshake (CLIENTS). The outcome has a result for each target that was not left
// out for the limits.
func (p *Prober) Probe(ctx context.Context, r Request) availability.Outcome {
	if err := r.check(); err != nil {
		return ours(err)
	}
	var met *session
	e := p.errand(r)
	e.talk = func(s *session, end time.Time) error { met = s; return s.audit(end) }
	return r.answered(p.visit(ctx, e), met)
}

func ours(err error) availability.Outcome {
	return availability.Outcome{OurSide: true, Reason: err.Error()}
}

// answered gives every target a result that has none and was not left out. met is the session in
// which the talk took place, nil if there was none.
func (r Request) answered(out availability.Outcome, met *session) availability.Outcome {
	missed := r.Targets
	if met != nil {
		missed = nil
		for _, x := range met.fetch.open {
			missed = append(missed, x.targets...)
		}
	}
	v := availability.Inconclusive
	if out.Reason == reasonRefused {
		v = availability.Offline
	}
	for i, t := range missed {
		if !slices.Contains(missed[:i], t) {
			out.Results = append(out.Results, availability.Result{Target: t, Verdict: v, Reason: out.Reason})
		}
	}
	return out
}

// errand is a visit to a peer: whom, as whom, from where, for how long and how much, and what is
// talked about.
type errand struct {
	req       Request
	pieces    int // of the torrent
	as        persona
	from      netip.Addr
	budget    time.Duration
	slots     chan struct{}
	allowance int64 // bytes that the peer may send
	talk      talk
}

// talk is what follows the handshake of a connection, until it has what it wants or the time is over.
type talk func(s *session, end time.Time) error

// errand is that of an audit.
func (p *Prober) errand(r Request) errand {
	return errand{req: r, pieces: r.Torrent.NumPieces(), as: auditor(r.Torrent.HasV2), from: p.cfg.LocalAddr,
		budget: p.cfg.Budget, slots: p.slots, allowance: r.allowance()}
}

// enter waits for the peer's turn and a slot; leave gives both back.
func (p *Prober) enter(ctx context.Context, e errand) (leave func(), err error) {
	done, err := p.pace.enter(ctx, target{e.req.Addr, e.req.InfoHash, e.from})
	if err != nil {
		return nil, err
	}
	select {
	case e.slots <- struct{}{}:
		return func() { <-e.slots; done() }, nil
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
}

// visit connects to a peer in its turn and has the talk with it.
func (p *Prober) visit(ctx context.Context, e errand) availability.Outcome {
	if err := p.cfg.Policy.Check(e.req.Addr); err != nil {
		return ours(err)
	}
	leave, err := p.enter(ctx, e)
	if err != nil {
		return availability.Outcome{OurSide: true, Reason: reasonQueue}
	}
	defer leave()
	budget, cancel := context.WithTimeout(ctx, e.budget)
	defer cancel()
	began := time.Now()
	out, again := p.attempt(budget, e, false)
	if again && sleep(budget, reconnectPause) == nil {
		out, _ = p.attempt(budget, e, true)
		if out.Unreachable { // it was there a second ago
			out.Unreachable, out.Reason = false, reasonCrypto
		}
	}
	out.Elapsed = time.Since(began)
	if d, ok := ctx.Deadline(); ctx.Err() != nil || ok && !time.Now().Before(d) { // called off from our side
		out.OurSide, out.Reason = true, reasonQueue
	}
	return out
}

const (
	reasonRefused = "connection refused"
	reasonQueue   = "the probe was called off"
	reasonCrypto  = "the peer closes plain connections and does not finish the encrypted handshake"
)

// attempt makes one connection. again asks for a second, encrypted one.
func (p *Prober) attempt(ctx context.Context, e errand, encrypted bool) (out availability.Outcome, again bool) {
	began := time.Now()
	conn, err := p.dial(ctx, e.from, e.req.Addr)
	if err != nil {
		return dialOutcome(err), false
	}
	rtt := time.Since(began)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	end, _ := ctx.Deadline()
	conn.SetDeadline(earlier(end, time.Now().Add(handshakeTimeout)))
	var wire io.ReadWriter = conn
	if encrypted {
		wire, _, err = mse.InitiateHandshakeContext(ctx, conn, e.req.InfoHash[:], nil, mse.AllSupportedCrypto)
		if err != nil {
			return availability.Outcome{RTT: rtt, Reason: reasonCrypto}, false
		}
	}
	s := newSession(e.req, e.pieces, p.noted(e.as, conn), wire, &limited{ctx, wire, e.allowance, p.bandwidth})
	s.out.Encrypted, s.out.RTT = encrypted, rtt
	if err = s.handshake(); err == nil {
		err = p.hold(conn, s, e.talk, end)
	}
	s.end(ctx, err)
	return s.out, !encrypted && errors.Is(err, errClosed)
}

// hold has the talk over a connection whose handshake is over.
func (p *Prober) hold(conn net.Conn, s *session, talk talk, end time.Time) error {
	s.until = func(t time.Time) { conn.SetDeadline(earlier(end, t)) }
	return talk(s, end)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
