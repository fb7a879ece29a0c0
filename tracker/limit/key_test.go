package limit_test

import (
	"net/netip"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/limit"
)

func TestKeys(t *testing.T) {
	addr := netip.MustParseAddr
	for name, c := range map[string]struct {
		a, b limit.Key
		same bool
	}{
		"kinds":            {limit.Network(1, addr("192.0.2.1")), limit.Network(2, addr("192.0.2.1")), false},
		"/24":              {limit.Network(1, addr("192.0.2.1")), limit.Network(1, addr("192.0.2.254")), true},
		"two /24":          {limit.Network(1, addr("192.0.2.1")), limit.Network(1, addr("192.0.3.1")), false},
		"mapped":           {limit.Network(1, addr("::ffff:192.0.2.9")), limit.Network(1, addr("192.0.2.1")), true},
		"/48":              {limit.Network(1, addr("2001:db8:1:2::3")), limit.Network(1, addr("2001:db8:1:ffff::")), true},
		"two /48":          {limit.Network(1, addr("2001:db8:1::")), limit.Network(1, addr("2001:db8:2::")), false},
		"families":         {limit.Network(1, addr("0.0.1.1")), limit.Network(1, addr("::1")), false},
		"no address":       {limit.Network(1, netip.Addr{}), limit.Network(1, addr("::")), false},
		"no address, v4":   {limit.Network(1, netip.Addr{}), limit.Network(1, addr("0.0.0.0")), false},
		"zone":             {limit.Network(1, addr("fe80::1%a")), limit.Network(1, addr("fe80::2%b")), true},
		"one address":      {limit.Address(1, addr("192.0.2.1")), limit.Address(1, addr("::ffff:192.0.2.1")), true},
		"two addresses":    {limit.Address(1, addr("192.0.2.1")), limit.Address(1, addr("192.0.2.2")), false},
		"/64":              {limit.Address(1, addr("2001:db8::1")), limit.Address(1, addr("2001:db8::ffff:1")), true},
		"two /64":          {limit.Address(1, addr("2001:db8::1")), limit.Address(1, addr("2001:db8:0:1::1")), false},
		"address, network": {limit.Address(1, addr("0.0.2.1")), limit.Network(1, addr("0.2.1.0")), false},
		"v6, both":         {limit.Address(1, addr("0:1:2:3::")), limit.Network(1, addr("1:2:3::")), false},
		"member, torrent":  {limit.MemberTorrent(1, 2, 3), limit.MemberTorrent(1, 3, 2), false},
		"member again":     {limit.MemberTorrent(1, 2, 3), limit.MemberTorrent(1, 2, 3), true},
		"member, address":  {limit.MemberTorrent(1, 0, 5), limit.Address(1, addr("0.0.0.5")), false},
	} {
		if got := c.a == c.b; got != c.same {
			t.Errorf("%s: same %v, want %v", name, got, c.same)
		}
		tab := limit.New(oneSet, 1)
		drain(tab, c.a, minute, start)
		if got := !tab.Peek(c.b, minute, start); got != c.same {
			t.Errorf("%s: share a bucket %v, want %v", name, got, c.same)
		}
	}
}
