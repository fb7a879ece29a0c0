package probe

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

func TestPolicy(t *testing.T) {
	own := Policy{Own: []netip.Prefix{netip.MustParsePrefix("8.8.0.0/16")}}
	tests := []struct {
		addr        string
		public, dev bool
	}{
		{"9.9.9.9:51413", true, true},
		{"[2a00:1450::1]:51413", true, true},
		{"9.9.9.9:1023", false, true},
		{"9.9.9.9:0", false, false},
		{"8.8.4.4:51413", false, false}, // a network of our own
		{"127.0.0.1:51413", false, true},
		{"10.1.2.3:51413", false, true},
		{"192.168.1.1:51413", false, true},
		{"169.254.169.254:8080", false, true},
		{"100.64.1.1:51413", false, true},
		{"198.18.0.1:51413", false, true},
		{"240.0.0.1:51413", false, true},
		{"0.0.0.0:51413", false, false},
		{"0.1.2.3:51413", false, true},
		{"224.0.0.1:51413", false, false},
		{"255.255.255.255:51413", false, true},
		{"[::1]:51413", false, true},
		{"[::]:51413", false, false},
		{"[fe80::1]:51413", false, true},
		{"[fd00::1]:51413", false, true},
		{"[ff02::1]:51413", false, false},
		{"[::ffff:9.9.9.9]:51413", false, false},
		{"[64:ff9b::a00:1]:51413", false, true},
		{"[2002:a00:1::]:51413", false, true},
		{"[2001::1]:51413", false, true},
		{"[::127.0.0.1]:51413", false, true},
		{"[::ffff:0:127.0.0.1]:51413", false, true},
	}
	for _, tt := range tests {
		a := netip.MustParseAddrPort(tt.addr)
		if err := own.Check(a); (err == nil) != tt.public {
			t.Errorf("%s: %v, want allowed %v", tt.addr, err, tt.public)
		}
		if err := (Policy{AllowPrivate: true, Own: own.Own}).Check(a); (err == nil) != tt.dev {
			t.Errorf("%s in development: %v, want allowed %v", tt.addr, err, tt.dev)
		}
	}
	if (Policy{}).Check(netip.AddrPort{}) == nil {
		t.Error("no address is allowed")
	}
}

// The policy holds at the moment of the connection too.
func TestPolicyAtConnect(t *testing.T) {
	touched := make(chan struct{}, 4)
	addr := listen(t, func(*fake, int) { touched <- struct{}{} })
	p, err := New(Config{Budget: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if out := p.Probe(context.Background(), fakeRequest(addr, 1)); !out.OurSide || out.Unreachable {
		t.Errorf("%+v", out)
	}
	conn, err := p.dial(context.Background(), netip.Addr{}, addr)
	if err == nil {
		conn.Close()
		t.Fatal("a private address was dialled")
	}
	if out := dialOutcome(err); !out.OurSide || out.Unreachable {
		t.Errorf("%+v", out)
	}
	select {
	case <-touched:
		t.Error("the peer saw a connection")
	case <-time.After(100 * time.Millisecond):
	}
}
