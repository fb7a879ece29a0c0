package engine

import (
	"net"
	"net/netip"
)

// Listen listens for peers. [::] takes IPv4 and IPv6; on a machine without IPv6 it means 0.0.0.0.
func Listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if want, bad := netip.ParseAddrPort(addr); err != nil && bad == nil && want.Addr() == netip.IPv6Unspecified() {
		if l4, err4 := net.Listen("tcp4", netip.AddrPortFrom(netip.IPv4Unspecified(), want.Port()).String()); err4 == nil {
			return l4, nil
		}
	}
	return l, err
}
