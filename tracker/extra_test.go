package tracker_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

func TestExtraPeersAreForOneSession(t *testing.T) {
	r := newRoom(t)
	prober := netip.MustParseAddrPort("203.0.113.9:5000")
	packed := "\xcb\x00\x71\x09\x13\x88"
	k := swarm.SessionKey{Member: 1, Torrent: 1, PeerID: bt.PeerID([]byte("-TR3000-AAAAAAAAAAAA"))}
	for _, tt := range []struct {
		name   string
		extra  tracker.ExtraPeers
		more   string
		listed bool
	}{
		{"asked for", tracker.ExtraPeers{k: prober}, "", true},
		{"nobody waits", nil, "", false},
		{"another torrent", tracker.ExtraPeers{{Member: 1, Torrent: 2, PeerID: k.PeerID}: prober}, "", false},
		{"another client", tracker.ExtraPeers{{Member: 1, Torrent: 1, PeerID: bt.PeerID{1}}: prober}, "", false},
		{"wants no peers", tracker.ExtraPeers{k: prober}, "&numwant=0", false},
		{"says goodbye", tracker.ExtraPeers{k: prober}, "&event=stopped", false},
		{"long form", tracker.ExtraPeers{k: prober}, "&compact=0", false},
		{"six", tracker.ExtraPeers{k: netip.MustParseAddrPort("[2001:db8::9]:5000")}, "", false},
	} {
		compact := "&compact=1"
		if strings.Contains(tt.more, "compact=0") {
			compact = ""
		}
		r.handler.SetExtraPeers(tt.extra)
		reply := r.announce(key(1), strings.Replace(query(hash, 0, tt.more), "&compact=1", compact, 1))
		if got := strings.Contains(reply, packed); got != tt.listed {
			t.Errorf("%s: listed %v, want %v: %q", tt.name, got, tt.listed, reply)
		}
		if tt.name == "six" && !strings.Contains(reply, "6:peers618:") {
			t.Errorf("an IPv6 address is not listed: %q", reply)
		}
	}
}
