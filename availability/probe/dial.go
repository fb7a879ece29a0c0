package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/swarmstake/swarmstake/availability"
)

// dial connects to a peer, from an address of ours if that is of its kind.
func (p *Prober) dial(ctx context.Context, from netip.Addr, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		// Checked again on what is really dialled.
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read the dialled address: %w", err)
		}
		return p.cfg.Policy.Check(a)
	}}
	if from.IsValid() && from.Is4() == addr.Addr().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.DialContext(ctx, "tcp", addr.String())
}

// dialOutcome tells a peer that does not answer (refused, or silent) from a fault on our side.
func dialOutcome(err error) availability.Outcome {
	var late net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return availability.Outcome{Unreachable: true, Reason: reasonRefused}
	case errors.As(err, &late) && late.Timeout(), errors.Is(err, syscall.EHOSTUNREACH):
		return availability.Outcome{Unreachable: true, Reason: "nobody answered the call"}
	case errors.Is(err, syscall.ECONNRESET):
		return availability.Outcome{Reason: errClosed.Error()}
	case errors.Is(err, errPolicy):
		return availability.Outcome{OurSide: true, Reason: err.Error()}
	}
	return availability.Outcome{OurSide: true, Reason: "we could not dial"}
}
