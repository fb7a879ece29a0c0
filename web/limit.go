package web

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter gives each key a token bucket. It remembers maxLimiters keys; when it is full it forgets
// those whose bucket is full again, and if there are none, all of them.
type limiter struct {
	every time.Duration
	burst int
	mu    sync.Mutex
	keys  map[string]*rate.Limiter
}

func newLimiter(every time.Duration, burst int) *limiter {
	return &limiter{every: every, burst: burst, keys: map[string]*rate.Limiter{}}
}

// allow takes one token of the key's bucket.
func (l *limiter) allow(key string, now time.Time) bool {
	return l.bucket(key, now).AllowN(now, 1)
}

// take is allow for an attempt that may turn out to be none: back returns the token. The error says when there is
// one again.
func (l *limiter) take(key string, now time.Time) (back func(), err error) {
	r := l.bucket(key, now).ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return nil, slowDown(wait)
	}
	return func() { r.CancelAt(now) }, nil
}

// limit takes one token of a key's bucket. In development there are no limits.
func (s *site) limit(l *limiter, key string) error {
	if s.Dev {
		return nil
	}
	_, err := l.take(key, s.Now())
	return err
}

func (l *limiter) bucket(key string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.keys[key]
	if b == nil {
		if len(l.keys) >= maxLimiters {
			l.forget(now)
		}
		b = rate.NewLimiter(rate.Every(l.every), l.burst)
		l.keys[key] = b
	}
	return b
}

func (l *limiter) forget(now time.Time) {
	for k, b := range l.keys {
		if b.TokensAt(now) >= float64(l.burst) {
			delete(l.keys, k)
		}
	}
	if len(l.keys) >= maxLimiters {
		clear(l.keys)
	}
}

// network is what the limits see of an address: IPv6 hosts own a /64.
func (s *site) network(r *http.Request) string {
	a := s.ClientAddr(r).Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

func connectionAddr(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr()
}
