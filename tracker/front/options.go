package front

import (
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"time"
)

// Options say how to answer, and the limits. Answer is required.
type Options struct {
	// Answer appends the body of one answer to dst; what is "announce" or "scrape", query is raw.
	// The strings are valid during the call only. It must not block; when it panics, the
	// connection is closed. Several loops call it at once.
	Answer func(dst []byte, key, what, query string, addr netip.Addr) []byte

	// Client is the address a request counts for, given the connection's and all values of
	// X-Forwarded-For joined by ",". nil: the connection's.
	Client func(conn netip.Addr, forwarded string) netip.Addr

	// Refuse looks at a request before Answer does: true, with the body appended to dst, says that it
	// must not be answered as it came, unencrypted. proto is all values of X-Forwarded-Proto joined by
	// ",". It must not block. What goes to Others is for its reader to refuse. nil: none is refused.
	Refuse func(dst []byte, conn netip.Addr, proto string) (body []byte, refused bool)

	// Exempt addresses have no limit of connections per address. nil: none is exempt.
	Exempt func(netip.Addr) bool

	Loops         int           // event loops, on Linux; 0: GOMAXPROCS
	MaxConns      int           // connections that stay open; 0: DefaultMaxConns, or fewer by RLIMIT_NOFILE
	MaxPerAddr    int           // of them per IPv4 address or IPv6 /64; 0: DefaultMaxPerAddr
	HeaderTimeout time.Duration // from the accept, or the first byte of a later request, to a complete head
	IdleTimeout   time.Duration // between requests
	WriteTimeout  time.Duration // until an answer is taken
	Log           *slog.Logger  // nil: none
}

// Defaults of Options (SECURITY 26).
const (
	DefaultMaxConns      = 65536
	DefaultMaxPerAddr    = 64
	DefaultHeaderTimeout = 5 * time.Second
	DefaultIdleTimeout   = 60 * time.Second
	DefaultWriteTimeout  = 20 * time.Second
)

// Fixed limits.
const (
	maxHead       = 8 << 10  // bytes of a request line with its headers (SECURITY 26)
	maxHanded     = 512      // connections waiting in Others for Accept; beyond it 503
	maxLoops      = 64       // event loops
	maxKeptBuffer = 64 << 10 // bytes of answer buffer a loop keeps after a large answer
	retryAfter    = "30"     // seconds, in Retry-After of a 503
)

func (o *Options) fill() error {
	if o.Answer == nil {
		return errors.New("front: Answer is required")
	}
	if o.Loops < 0 || o.Loops > maxLoops || o.MaxConns < 0 || o.MaxPerAddr < 0 ||
		o.HeaderTimeout < 0 || o.IdleTimeout < 0 || o.WriteTimeout < 0 {
		return errors.New("front: limits and timeouts must not be negative, and Loops at most 64")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.Loops, min(runtime.GOMAXPROCS(0), maxLoops))
	setDefault(&o.MaxConns, defaultMaxConns())
	setDefault(&o.MaxPerAddr, DefaultMaxPerAddr)
	setDefault(&o.HeaderTimeout, DefaultHeaderTimeout)
	setDefault(&o.IdleTimeout, DefaultIdleTimeout)
	setDefault(&o.WriteTimeout, DefaultWriteTimeout)
	return nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
