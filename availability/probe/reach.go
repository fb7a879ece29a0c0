package probe

import (
	"context"
	"net/netip"
	"time"
)

// reachTime is the longest that Reach waits.
const reachTime = 5 * time.Second

// Reach connects to an address, if the policy allows it, and hangs up: it tells an operator whether peers
// can. The reason says why not, and what to do about it.
func (p *Prober) Reach(ctx context.Context, addr netip.AddrPort) (ok bool, reason string) {
	if err := p.cfg.Policy.Check(addr); err != nil {
		return false, err.Error() + "; ask from the address and for the port that peers are to connect to"
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := p.dial(ctx, p.cfg.LocalAddr, addr)
	if err == nil {
		conn.Close()
		return true, ""
	}
	switch out := dialOutcome(err); {
	case out.Unreachable && out.Reason == reasonRefused:
		return false, "connection refused: nothing listens on the port there, or a router or firewall turns calls away; forward the port to this machine"
	case out.Unreachable:
		return false, "nobody answered: a router or firewall drops calls; forward the port to this machine and open it"
	case out.OurSide:
		return false, "the tracker could not dial this address: it may have no network of that kind; try again later"
	default:
		return false, out.Reason
	}
}
