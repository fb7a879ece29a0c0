package seeder

import (
	"net/netip"
	"testing"
)

func TestListens(t *testing.T) {
	for addr, want := range map[string][2]bool{"0.0.0.0": {true, false}, "::": {true, true}, "127.0.0.1": {true, false}, "::1": {false, true}, "2001:db8::1": {false, true}, "::ffff:1.2.3.4": {true, false}} {
		a := netip.MustParseAddr(addr)
		if got := [2]bool{listens(a, "tcp4"), listens(a, "tcp6")}; got != want {
			t.Errorf("%s: %v; want %v", addr, got, want)
		}
	}
}
