package bt

import "net/netip"

// The prefix lengths that relate two addresses (ECONOMY §5 step 4, SECURITY 20).
const (
	networkBits4 = 24
	networkBits6 = 48
)

// Network is the /24 or /48 that relates two members (ECONOMY §5 step 4); invalid for addresses
// that say nothing: loopback, private, link-local, unspecified, multicast.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
		return netip.Prefix{}
	}
	bits := networkBits6
	if a.Is4() {
		bits = networkBits4
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
