package front

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// slots count the connections that stay, in total and by address, those handed to net/http
// included. All loops share one.
type slots struct {
	max, perAddr int
	exempt       func(netip.Addr) bool

	taken  atomic.Int64
	mu     sync.Mutex
	byAddr map[[16]byte]int32
}

// slot is one place taken.
type slot struct {
	addr    [16]byte
	counted bool // by address too
}

func newSlots(o *Options) *slots {
	return &slots{max: o.MaxConns, perAddr: o.MaxPerAddr, exempt: o.Exempt, byAddr: map[[16]byte]int32{}}
}

// take reserves a place for a connection from a; give returns it.
func (s *slots) take(a netip.Addr) (p slot, ok bool) {
	if s.taken.Add(1) > int64(s.max) {
		s.taken.Add(-1)
		return p, false
	}
	if s.exempt != nil && s.exempt(a) {
		return p, true
	}
	p = slot{addr: slotAddr(a), counted: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(s.byAddr[p.addr]) >= s.perAddr {
		s.taken.Add(-1)
		return slot{}, false
	}
	s.byAddr[p.addr]++
	return p, true
}

func (s *slots) give(p slot) {
	s.taken.Add(-1)
	if !p.counted {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byAddr[p.addr]--; s.byAddr[p.addr] <= 0 {
		delete(s.byAddr, p.addr)
	}
}

// slotAddr is what is counted: an IPv4 address, or an IPv6 /64, which is what one customer has.
func slotAddr(a netip.Addr) [16]byte {
	b := a.As16()
	if !a.Is4() && !a.Is4In6() {
		clear(b[8:])
	}
	return b
}
