// Package probe asks a peer for pieces over the BitTorrent wire, as an ordinary peer would, and
// says what it saw (ECONOMY §7, CLIENTS "Asking a client for blocks"). It judges nothing: package
// availability does.
//
// It promises: wrong bytes and a peer's own word that it lacks a piece are told apart from
// everything that may be our fault or a busy peer's; time, bytes, message sizes and connections
// are bounded whatever the peer sends; only addresses that the policy allows are dialled.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/anacrolix/torrent/mse"
	"golang.org/x/time/rate"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Config bounds and places the prober. A zero Budget, Concurrency or BytesPerSecond means the
// default.
type Config struct {
	LocalAddr      netip.Addr    // where probes come from; the zero value leaves it to the system
	Budget         time.Duration // longest time for one probe (45 s)
	Concurrency    int           // probes at once; more wait (16)
	BytesPerSecond int           // received by all probes together; faster peers are read slower (64 MiB)
	Policy         Policy
}

const (
	defaultBudget      = 45 * time.Second
	defaultConcurrency = 16
	defaultBandwidth   = 64 << 20
	dialTimeout        = 10 * time.Second
	handshakeTimeout   = 15 * time.Second
	reconnectPause     = 1100 * time.Millisecond // clients drop whoever comes back within a second
)

// Prober makes probes; it is safe for concurrent use.
type Prober struct {
	cfg       Config
	slots     chan struct{}
	bandwidth *rate.Limiter
	pace      pace
}

// New checks the configuration.
func New(cfg Config) (*Prober, error) {
	if cfg.Budget == 0 {
		cfg.Budget = defaultBudget
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = defaultConcurrency
	}
	if cfg.BytesPerSecond == 0 {
		cfg.BytesPerSecond = defaultBandwidth
	}
	if cfg.Budget < 0 || cfg.Concurrency < 0 || cfg.BytesPerSecond < 0 {
		return nil, fmt.Errorf("probe: budget %s, concurrency %d, bytes per second %d: want none negative", cfg.Budget, cfg.Concurrency, cfg.BytesPerSecond)
	}
	return &Prober{
		cfg:       cfg,
		slots:     make(chan struct{}, cfg.Concurrency),
		bandwidth: rate.NewLimiter(rate.Limit(cfg.BytesPerSecond), max(readChunk, cfg.BytesPerSecond/10)),
		pace:      pace{targets: map[target]*turn{}},
	}, nil
}

// Probe asks for the pieces: over a plain connection first, and encrypted if the peer closes that
// one during the handshake (CLIENTS). The outcome has a result for each piece asked for.
func (p *Prober) Probe(ctx context.Context, r Request) availability.Outcome {
	out := p.visit(ctx, r, r.check(), (*session).audit)
	known := map[int]bool{}
	for _, result := range out.Pieces {
		known[result.Piece] = true
	}
	for _, i := range r.Pieces {
		if known[i] {
			continue
		}
		known[i] = true
		v := availability.Inconclusive
		if out.Reason == reasonRefused {
			v = availability.Offline
		}
		out.Pieces = append(out.Pieces, availability.PieceResult{Piece: i, Verdict: v, Reason: out.Reason})
	}
	return out
}

// visit connects to a peer in its turn and has the talk with it that it came for. bad is what is
// wrong with the request.
func (p *Prober) visit(ctx context.Context, r Request, bad error, talk talk) availability.Outcome {
	if err := errors.Join(bad, p.cfg.Policy.Check(r.Addr)); err != nil {
		return availability.Outcome{OurSide: true, Reason: err.Error()}
	}
	leave, err := p.pace.enter(ctx, target{r.Addr, r.InfoHash})
	if err != nil {
		return availability.Outcome{OurSide: true, Reason: reasonQueue}
	}
	defer leave()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return availability.Outcome{OurSide: true, Reason: reasonQueue}
	}
	budget, cancel := context.WithTimeout(ctx, p.cfg.Budget)
	defer cancel()
	began := time.Now()
	out, again := p.attempt(budget, r, talk, false)
	if again && sleep(budget, reconnectPause) == nil {
		out, _ = p.attempt(budget, r, talk, true)
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
)

// talk is what follows the handshake of a connection, until it has what it wants or the time is over.
type talk func(s *session, end time.Time) error

// attempt makes one connection. again asks for a second, encrypted one.
func (p *Prober) attempt(ctx context.Context, r Request, talk talk, encrypted bool) (out availability.Outcome, again bool) {
	conn, err := p.dial(ctx, r.Addr)
	if err != nil {
		return dialOutcome(err), false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	end, _ := ctx.Deadline()
	conn.SetDeadline(earlier(end, time.Now().Add(handshakeTimeout)))
	var wire io.ReadWriter = conn
	if encrypted {
		wire, _, err = mse.InitiateHandshakeContext(ctx, conn, r.InfoHash[:], nil, mse.AllSupportedCrypto)
		if err != nil {
			return availability.Outcome{Reason: "the peer closes plain connections and does not finish the encrypted handshake"}, false
		}
	}
	s := newSession(r, wire, &limited{ctx, wire, r.allowance(), p.bandwidth})
	s.out.Encrypted = encrypted
	if err = s.handshake(); err == nil {
		s.until = func(t time.Time) { conn.SetDeadline(earlier(end, t)) }
		err = talk(s, end)
	}
	if err != nil {
		s.out.Reason = s.why(ctx, err)
		s.out.OurSide = errors.Is(err, errOurs)
	}
	return s.out, !encrypted && errors.Is(err, errClosed)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (p *Prober) dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		// Checked again on what is really dialled.
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read the dialled address: %w", err)
		}
		return p.cfg.Policy.Check(a)
	}}
	if p.cfg.LocalAddr.IsValid() && p.cfg.LocalAddr.Is4() == addr.Addr().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.cfg.LocalAddr, 0))
	}
	return d.DialContext(ctx, "tcp", addr.String())
}

// dialOutcome tells a peer that does not answer (refused, or silent) from a fault on our side.
func dialOutcome(err error) availability.Outcome {
	var late net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return availability.Outcome{Unreachable: true, Reason: reasonRefused}
	case errors.As(err, &late) && late.Timeout(), errors.Is(err, syscall.EHOSTUNREACH):
		return availability.Outcome{Unreachable: true, Reason: "nobody answered the call"}
	case errors.Is(err, syscall.ECONNRESET):
		return availability.Outcome{Reason: errClosed.Error()}
	case errors.Is(err, errPolicy):
		return availability.Outcome{OurSide: true, Reason: err.Error()}
	}
	return availability.Outcome{OurSide: true, Reason: "we could not dial"}
}

// Request says whom to ask for what. PieceHash returns the SHA-1 of a v1 piece; Size is what the
// pieces span.
type Request struct {
	Addr        netip.AddrPort
	InfoHash    bt.InfoHash
	PieceLength bt.Bytes
	Size        bt.Bytes
	NumPieces   int
	PieceHash   func(i int) [20]byte
	Pieces      []int
}

const (
	maxPieceLength = 64 << 20 // of a request
	maxPieces      = 1 << 23  // of a torrent
	slackBytes     = 1 << 20  // what a peer may send beyond the pieces: chatter
)

// check reports a request that cannot be made.
func (r Request) check() error {
	if r.PieceLength <= 0 || r.PieceLength > maxPieceLength || r.Size <= 0 || r.NumPieces <= 0 || r.NumPieces > maxPieces || len(r.Pieces) == 0 || r.PieceHash == nil {
		return errors.New("nothing that can be asked for")
	}
	for _, i := range r.Pieces {
		if i < 0 || i >= r.NumPieces || r.pieceSize(i) <= 0 {
			return fmt.Errorf("there is no piece %d", i)
		}
	}
	return nil
}

func (r Request) pieceSize(i int) int {
	return int(min(r.PieceLength, r.Size-bt.Bytes(i)*r.PieceLength))
}

// allowance is how many bytes the peer may send: every piece twice, a bitfield, a have for each
// piece, and chatter.
func (r Request) allowance() int64 {
	allowed := int64(slackBytes + 10*r.NumPieces)
	for _, i := range r.Pieces {
		allowed += 2 * int64(r.pieceSize(i))
	}
	return allowed
}
