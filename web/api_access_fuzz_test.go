package web

import (
	"encoding/hex"
	"strings"
	"testing"
)

// FuzzPeerQuery: what is taken of a node's question is what it wrote.
func FuzzPeerQuery(f *testing.F) {
	for _, addr := range []string{"192.0.2.7:6881", "[2001:db8::1]:1", "[::ffff:192.0.2.7]:6881", "[fe80::1%eth0]:65535", "192.0.2.7", "localhost:1", ":1", ""} {
		f.Add(strings.Repeat("0a", 20), strings.Repeat("fF", 20), addr)
	}
	f.Add("0a", strings.Repeat("zz", 20), "192.0.2.7:6881")
	f.Add(strings.Repeat("0", 41), "", "[::]:0")
	f.Fuzz(func(t *testing.T, hash, peer, addr string) {
		q, err := peerJSON{hash, peer, addr}.parse()
		if err != nil {
			return
		}
		if q.InfoHash.String() != strings.ToLower(hash) || hex.EncodeToString(q.PeerID[:]) != strings.ToLower(peer) {
			t.Errorf("%q, %q became %s, %x", hash, peer, q.InfoHash, q.PeerID)
		}
		if !q.Addr.IsValid() || q.Addr.Is4In6() || q.Addr.Zone() != "" {
			t.Errorf("%q became %s", addr, q.Addr)
		}
	})
}
