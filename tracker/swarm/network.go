package swarm

import (
	"encoding/binary"
	"net/netip"
)

// network is a /24 or a /48 without pointers; 0 says nothing.
type network uint64

const (
	network4 = 1 << 56
	network6 = 2 << 56
)

func packNetwork(p netip.Prefix) network {
	switch {
	case !p.IsValid():
		return 0
	case p.Addr().Is4() && p.Bits() == 24:
		b := p.Addr().As4()
		return network(network4 | uint64(binary.BigEndian.Uint32(b[:])))
	case p.Addr().Is6() && p.Bits() == 48:
		b := p.Addr().As16()
		return network(network6 | binary.BigEndian.Uint64(b[:8])>>16)
	}
	return 0
}

func (n network) prefix() netip.Prefix {
	switch n >> 56 << 56 {
	case network4:
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(n))
		return netip.PrefixFrom(netip.AddrFrom4(b), 24)
	case network6:
		var b [16]byte
		binary.BigEndian.PutUint64(b[:8], uint64(n)<<16)
		return netip.PrefixFrom(netip.AddrFrom16(b), 48)
	}
	return netip.Prefix{}
}
