package probe

import (
	"errors"
	"fmt"
	"net/netip"
)

// Policy says which addresses may be dialled, so that nobody makes the tracker knock on doors
// inside its own network (SECURITY 18).
type Policy struct {
	AllowPrivate bool           // loopback, private and local addresses, and low ports: for development
	Own          []netip.Prefix // further networks of the operator's, never dialled
}

var errPolicy = errors.New("the address may not be dialled")

const lowestPort = 1024

// special lists what netip calls global unicast, but is not a host's public address.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT (RFC 6598)
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), // benchmarks (RFC 2544)
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("::/96"),           // IPv4-compatible; these and the next five …
		netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4-translated (RFC 2765)
		netip.MustParsePrefix("64:ff9b::/96"),    // NAT64 (RFC 6052)
		netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64, local (RFC 8215)
		netip.MustParsePrefix("2001::/32"),       // Teredo
		netip.MustParsePrefix("2002::/16"),       // 6to4: … carry an IPv4 address that may be private
		netip.MustParsePrefix("fec0::/10"),       // site-local (RFC 3879)
	}
}

// Check returns an error for an address that must not be dialled.
func (p Policy) Check(a netip.AddrPort) error {
	ip := a.Addr()
	if !ip.IsValid() || a.Port() == 0 || ip.IsUnspecified() || ip.IsMulticast() || ip.Is4In6() {
		return fmt.Errorf("%w: it names no host", errPolicy)
	}
	if within(p.Own, ip) {
		return fmt.Errorf("%w: it is in a network of our own", errPolicy)
	}
	switch {
	case p.AllowPrivate:
		return nil
	case a.Port() < lowestPort:
		return fmt.Errorf("%w: ports below %d are services", errPolicy, lowestPort)
	case ip.IsPrivate() || !ip.IsGlobalUnicast() || within(special(), ip):
		return fmt.Errorf("%w: it is private", errPolicy)
	}
	return nil
}

func within(networks []netip.Prefix, ip netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(ip.WithZone("")) {
			return true
		}
	}
	return false
}
