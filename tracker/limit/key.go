package limit

import (
	"encoding/binary"
	"net/netip"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Kind keeps the keys of different limits apart; the caller numbers its own.
type Kind uint8

// Key names a bucket. Keys made from different things are different.
type Key struct {
	kind Kind
	form form
	id   uint64
}

// form says what the id of a key is: a member on a torrent, or a prefix of so many bits. The
// lengths of IPv4 and IPv6 prefixes in use differ, so that they tell the families apart.
type form uint8

const (
	ofMember form = 1
	ofNoAddr form = 2
)

// MemberTorrent is the key of a member on a torrent, which is what one announce key is for.
func MemberTorrent(k Kind, m bt.MemberID, t bt.TorrentID) Key {
	return Key{kind: k, form: ofMember, id: uint64(m)<<32 | uint64(t)}
}

// Network is the key of the /24 or /48 of an address (SECURITY 20). An IPv4 address mapped into
// IPv6 is one of IPv4; all that are invalid share a key.
func Network(k Kind, a netip.Addr) Key { return prefix(k, a, 24, 48) }

// Address is the key of an IPv4 address, or of the /64 of an IPv6 address, within which a host
// chooses its addresses as it likes (RFC 4291 §2.5.4).
func Address(k Kind, a netip.Addr) Key { return prefix(k, a, 32, 64) }

func prefix(k Kind, a netip.Addr, bits4, bits6 form) Key {
	switch a = a.Unmap(); {
	case a.Is4():
		b := a.As4()
		return Key{kind: k, form: bits4, id: uint64(binary.BigEndian.Uint32(b[:]) >> (32 - bits4))}
	case a.Is6():
		b := a.As16()
		return Key{kind: k, form: bits6, id: binary.BigEndian.Uint64(b[:8]) >> (64 - bits6)}
	}
	return Key{kind: k, form: ofNoAddr}
}

// hash is never 0. The mix is public and the seeds before, between and after its rounds are
// secret, so that nobody can choose keys that share a set; keys of one kind and form never share
// a hash but by way of 0, since every step can be undone.
func (t *Table) hash(k Key) uint64 {
	h := mix(k.id ^ t.seeds[0])
	h = mix(h ^ t.seeds[1] ^ uint64(k.kind)<<8 ^ uint64(k.form))
	if h ^= t.seeds[2]; h == 0 {
		return 1
	}
	return h
}

// mix is the finisher of SplitMix64 (variant 13 of Stafford's), which can be undone.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
