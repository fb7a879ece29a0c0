package probe

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// persona is as whom the prober comes.
type persona struct {
	prefix    string // of its peer id
	alphabet  string // of the rest; empty: any byte
	reserved  [8]byte
	extended  string     // BEP 10 handshake, for peers that know it
	port      uint16     // … on which it listens
	disguised bool       // it does not say who it is
	used      *used      // where its peer ids are noted; nil: nowhere
	from      netip.Addr // where peers see it; invalid: nobody knows
}

// auditor says openly that it is one.
func auditor(v2 bool) persona {
	who := persona{prefix: "-SP0001-"}
	who.reserved[flagsByte] = fastBit
	if v2 {
		who.reserved[flagsByte] |= v2Bit
	}
	return who
}

// leecher looks like qBittorrent 4.5.2 (libtorrent 2.0.8) on a private torrent, so that a peer that serves
// nobody but audits cannot tell it from its customers (SECURITY 13). It says on which port it listens,
// where nobody answers, as of most customers behind NAT.
func leecher(v2 bool, peer netip.Addr) persona {
	const v = "qBittorrent/4.5.2"
	who := auditor(v2)
	who.prefix, who.alphabet = "-qB4520-", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.!~*()"
	who.disguised = true
	who.reserved[extendedByte] = extendedBit
	who.reserved[flagsByte] |= dhtBit
	var b [2]byte
	rand.Read(b[:])
	who.port = binary.BigEndian.Uint16(b[:]) | 1<<14 // not a low one
	ip := peer.Unmap().AsSlice()
	who.extended = fmt.Sprintf("d12:complete_agoi-1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e12:ut_holepunchi4ee1:pi%de4:reqqi2000e1:v%d:%s6:yourip%d:%se", who.port, len(v), v, len(ip), ip)
	return who
}

func (p persona) peerID() (id bt.PeerID) {
	n := copy(id[:], p.prefix)
	rand.Read(id[n:])
	if p.alphabet != "" {
		for i := n; i < len(id); i++ {
			id[i] = p.alphabet[int(id[i])%len(p.alphabet)]
		}
	}
	return id
}

// hello is the handshake of BEP 3.
func (p persona) hello(hash bt.InfoHash) []byte {
	id := p.peerID()
	if p.used != nil { // before the peer can ask about it
		p.used.add(id, appearance{place{hash, p.from}, p.disguised, time.Now()})
	}
	b := append([]byte(protocol), p.reserved[:]...)
	return append(append(b, hash[:]...), id[:]...)
}

// theirs is a peer's handshake.
type theirs struct {
	reserved [8]byte
	hash     bt.InfoHash
	peer     bt.PeerID
}

// parseHello reads a handshake.
func parseHello(b [handshakeLen]byte) (h theirs, err error) {
	if string(b[:len(protocol)]) != protocol {
		return h, errGarbage
	}
	rest := b[len(protocol):]
	h.reserved, h.hash, h.peer = [8]byte(rest), bt.InfoHash(rest[8:28]), bt.PeerID(rest[28:48])
	return h, nil
}
