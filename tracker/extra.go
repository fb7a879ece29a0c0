package tracker

import (
	"net/netip"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// ExtraPeers are addresses that a client finds in its next replies beside those of the swarm: the prober, for
// peers that cannot be dialled (ECONOMY §7).
type ExtraPeers map[swarm.SessionKey]netip.AddrPort

// SetExtraPeers replaces all of them. The map must not be changed afterwards.
func (h *Handler) SetExtraPeers(e ExtraPeers) {
	if len(e) == 0 {
		h.extra.Store(nil)
		return
	}
	h.extra.Store(&e)
}

// addExtra adds the extra peer of a session to its reply. A client that wants no peers gets none, and one
// that asks for the long form, which no measured client does, could not be told a peer id.
func (h *Handler) addExtra(in *swarm.Input, r *bt.Reply) {
	e := h.extra.Load()
	if e == nil || !in.Announce.Compact || in.Announce.NumWant <= 0 || in.Announce.Event == bt.Stopped {
		return
	}
	addr, ok := (*e)[swarm.SessionKey{Member: in.Member.ID, Torrent: in.Torrent.ID, PeerID: in.Announce.PeerID}]
	switch {
	case !ok:
	case addr.Addr().Is4():
		b := addr.Addr().As4()
		r.Peers4 = append(append(r.Peers4, b[:]...), byte(addr.Port()>>8), byte(addr.Port()))
	default:
		b := addr.Addr().As16()
		r.Peers6 = append(append(r.Peers6, b[:]...), byte(addr.Port()>>8), byte(addr.Port()))
	}
}
