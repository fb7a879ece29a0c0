package front

import (
	"net"
	"net/netip"
	"sync/atomic"
)

// Share has the connections of another listener, such as one for TLS, count among those that the
// limits are for. What is beyond them is closed without a word: before a handshake nothing can be said.
func (f *Front) Share(l net.Listener) net.Listener { return &shared{l, f.slots} }

// shared is a listener whose connections take slots.
type shared struct {
	net.Listener
	slots *slots
}

// Accept waits for a connection that has a place.
func (s *shared) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p, ok := s.slots.take(remote(c))
		if ok {
			return &placed{Conn: c, slots: s.slots, slot: p}, nil
		}
		c.Close()
	}
}

// remote is the address that a connection comes from.
func remote(c net.Conn) (a netip.Addr) {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		a = tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return a
}

// placed gives its slot back when it is closed.
type placed struct {
	net.Conn
	slots  *slots
	slot   slot
	closed atomic.Bool
}

func (p *placed) Close() error {
	if p.closed.CompareAndSwap(false, true) {
		defer p.slots.give(p.slot)
	}
	return p.Conn.Close()
}
