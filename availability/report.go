package availability

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Hear returns the claim after its claimant was heard of, not later than now: where it can be reached,
// in which network, and under which peer id.
func (c Claim) Hear(seenMs int64, addr netip.AddrPort, peer bt.PeerID) Claim {
	c.SeenMs = max(c.SeenMs, seenMs)
	c.Addr, c.PeerID = addr, peer
	if n := bt.Network(addr.Addr()); n.IsValid() {
		c.Network = n
	}
	return c
}

// Enter returns a claim that is made, or made again after it was withdrawn or lapsed: it has to be
// proven (again). What is suspected, open or confirmed stays with it; one that was dropped stays so.
func (c Claim) Enter(now time.Time) Claim {
	if c.State == Dropped {
		return c
	}
	c.State, c.EnteredMs, c.ProvenMs, c.Leaving = Entered, now.UnixMilli(), 0, false
	return c
}

// Report returns the claim after a node reported it: so many bytes, these pieces of it (which fit the
// torrent, see Bitmap.Fits). What shrinks keeps its proof; what grows has to be proven anew, not
// before p.RetryDelay after the last audit.
func (c Claim) Report(p Params, now time.Time, have Bitmap, size bt.Bytes) Claim {
	if c.State == Dropped {
		return c
	}
	t := now.UnixMilli()
	c.SeenMs = max(c.SeenMs, t)
	grown := !have.Within(c.Have)
	if grown || !c.Have.Within(have) {
		c.ChangedMs = t
	}
	if grown && c.LastAuditMs > 0 {
		c.NextMs = max(c.NextMs, c.LastAuditMs+ms(p.RetryDelay))
	}
	if grown {
		c.Open = c.half()
	}
	if c.Leaving || c.State == Lapsed || grown && c.State == Proven {
		c = c.Enter(now)
	}
	c.Have, c.Bytes = bytes.Clone(have), size
	return c
}

// Leave withdraws the claim. It is not believed any more, and over unless a suspicion waits: that is
// looked at again all the same, as a withdrawal is no way out of a slash (see Ended).
func (c Claim) Leave() Claim {
	if c.State != Dropped {
		c.State, c.ProvenMs = Lapsed, 0
	}
	c.Leaving = true
	return c
}

// Ended reports whether nobody makes the claim any more, and nothing is left to look at: it was
// dropped, it is a standard client's and lapsed, or it was withdrawn and is not under suspicion.
func (c Claim) Ended() bool {
	return c.State == Dropped || c.State == Lapsed && c.Node == 0 || c.Leaving && c.Pending == nil
}

// Expire lapses a claim whose proof is over, or of whose claimant nothing was heard for p.ClaimLapse: who
// is silent is not paid until it is proven again. A node's claim that was not proven stays, and goes on
// being audited: silence is no way to withdraw it (see Leave).
func (c Claim) Expire(p Params, now time.Time) Claim {
	if t, ok := c.expires(p); ok && now.UnixMilli() >= t {
		c.State = Lapsed
	}
	return c
}

// expires is when Expire changes the claim, if nothing is heard until then.
func (c Claim) expires(p Params) (atMs int64, ok bool) {
	lapse := c.SeenMs + ms(p.ClaimLapse)
	switch {
	case c.State == Proven:
		return min(c.proofEnds(p), lapse), true
	}
	return lapse, c.State == Entered && c.Node == 0
}
