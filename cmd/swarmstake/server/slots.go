package server

import (
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// done says that an audit ended without an answer; it stays due.
func (a *auditor) done(claim int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.book.Done(claim)
}

// crowdedPause is how long an audit waits whose network has its share of the slots: others come first.
const crowdedPause = 30 * time.Second

// takeSlot takes a slot for an audit of a claim, without waiting; one that gets none stays due. Half of the
// slots are the most for one network: whoever claims a lot and answers slowly keeps nobody from being audited.
func (a *auditor) takeSlot(c availability.Claim, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	network := bt.Network(c.Addr.Addr())
	if a.dialled[network] >= max(1, cap(a.slots)/2) {
		a.book.Later(c.ID, now.Add(crowdedPause).UnixMilli())
		return false
	}
	select {
	case a.slots <- struct{}{}:
		a.dialled[network]++
		return true
	default:
		a.book.Done(c.ID)
		return false
	}
}

// freeSlot gives a slot back.
func (a *auditor) freeSlot(c availability.Claim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	network := bt.Network(c.Addr.Addr())
	if a.dialled[network]--; a.dialled[network] == 0 {
		delete(a.dialled, network)
	}
	<-a.slots
}

// awayMemory is for how long an address at which nobody answered is not dialled for its other claims:
// whoever claims a lot at a dead one takes no slots from the others.
const awayMemory = time.Minute

// noteAway remembers whether somebody answered at an address.
func (a *auditor) noteAway(addr netip.AddrPort, o availability.Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case o.OurSide:
	case o.Unreachable:
		a.away[addr] = a.server.now()
	default:
		delete(a.away, addr)
	}
}

// stillAway are the addresses at which nobody answered for so long; it forgets the others. The caller
// holds mu.
func (a *auditor) stillAway(now time.Time, memory time.Duration) map[netip.AddrPort]bool {
	out := make(map[netip.AddrPort]bool, len(a.away))
	for addr, at := range a.away {
		if now.Sub(at) >= memory {
			delete(a.away, addr)
			continue
		}
		out[addr] = true
	}
	return out
}
