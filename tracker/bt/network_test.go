package bt_test

import (
	"net/netip"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestNetwork(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "::ffff:192.0.2.1": "192.0.2.0/24",
		"127.0.0.1": "", "10.1.1.1": "", "fe80::1": "", "fd00::1": "", "::1": "", "169.254.1.1": "", "0.0.0.0": "", "::": "", "224.0.0.1": "",
	} {
		got := bt.Network(netip.MustParseAddr(a))
		if got.IsValid() != (want != "") || want != "" && got.String() != want {
			t.Errorf("%s: got %v, want %q", a, got, want)
		}
	}
	if got := bt.Network(netip.Addr{}); got.IsValid() {
		t.Errorf("no address: got %v", got)
	}
}
