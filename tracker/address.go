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
	if !within(addr, proxies) {
		return addr, true
	}
	hops := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	if len(hops) > maxForwarded {
		hops = hops[len(hops)-maxForwarded:]
	}
	for hops != "" {
		i := strings.LastIndexByte(hops, ',')
		hop := strings.TrimSpace(hops[i+1:])
		hops = hops[:max(i, 0)]
		next, ok := parseHop(hop)
		if !ok {
			return addr, true // nothing beyond an unreadable hop can be trusted
		}
		addr = next
		if !within(addr, proxies) {
			return addr, true
		}
	}
	return addr, true
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

// Network is the /24 or /48 that relates two members (ECONOMY §5 step 4); invalid for addresses
// that say nothing: loopback, private, link-local, unspecified.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return netip.Prefix{}
	}
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
