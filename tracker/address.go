package tracker

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxForwarded bounds the bytes of X-Forwarded-For that are looked at, from the right.
const maxForwarded = 4 << 10

// ClientAddr is the address an announce came from: the connection's, or, when that is one of the
// configured proxies, the right-most hop of X-Forwarded-For that is none (SECURITY 17). What
// stands left of that hop is the client's own word.
func ClientAddr(r *http.Request, proxies []netip.Prefix) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	addr := ap.Addr().Unmap().WithZone("")
	if len(proxies) == 0 {
		return addr, true
	}
	return Forwarded(addr, strings.Join(r.Header.Values("X-Forwarded-For"), ","), proxies), true
}

// Forwarded is ClientAddr for a connection's address and the values of X-Forwarded-For.
func Forwarded(addr netip.Addr, hops string, proxies []netip.Prefix) netip.Addr {
	if !within(addr, proxies) {
		return addr
	}
	if len(hops) > maxForwarded {
		hops = hops[len(hops)-maxForwarded:]
	}
	for hops != "" {
		i := strings.LastIndexByte(hops, ',')
		hop := strings.TrimSpace(hops[i+1:])
		hops = hops[:max(i, 0)]
		next, ok := parseHop(hop)
		if !ok {
			return addr // nothing beyond an unreadable hop can be trusted
		}
		addr = next
		if !within(addr, proxies) {
			return addr
		}
	}
	return addr
}

// parseHop reads an address with or without a port, as proxies write both.
func parseHop(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone(""), true
}

func within(a netip.Addr, nets []netip.Prefix) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
