package server

import (
	"context"
	"net/netip"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	// maxInvited is how many peers that cannot be dialled are waited for at a time.
	maxInvited = 256
	// invitedIntervals is how long: so many of its announces, at which it is told of the prober.
	invitedIntervals = 2
)

// publicAddr is where peers reach the prober's listener; invalid: they cannot.
func (a *auditor) publicAddr() netip.AddrPort {
	addr, _ := hostPort("probe.public_addr", a.server.conf.Probe.PublicAddr)
	if !addr.IsValid() {
		addr = a.prober.Addr()
	}
	if addr.Addr().IsUnspecified() {
		return netip.AddrPort{}
	}
	return addr
}

// invite has a peer that announces but cannot be dialled find the prober in its next peer lists, and
// audits it should it come: a dial out passes where a dial in does not (ECONOMY §7).
func (a *auditor) invite(ctx context.Context, audit availability.Audit, c availability.Claim, epoch int64) {
	s, at := a.server, a.publicAddr()
	if !at.IsValid() || !c.Announces(s.rules().Availability, s.now()) {
		return
	}
	r, err := a.request(ctx, audit, c)
	if err != nil {
		return
	}
	wait, cancel := context.WithTimeout(ctx, invitedIntervals*s.rules().Tracker.SeederInterval)
	a.mu.Lock()
	_, already := a.invited[c.ID]
	if already || len(a.invited) >= maxInvited {
		a.mu.Unlock()
		cancel()
		return
	}
	a.invited[c.ID] = invitation{swarm.SessionKey{Member: c.Member, Torrent: c.Torrent, PeerID: c.PeerID}, cancel}
	a.announceInvited(at)
	a.mu.Unlock()
	a.wg.Go(func() {
		defer cancel()
		out := a.prober.Await(wait, r, c.PeerID)
		a.mu.Lock()
		delete(a.invited, c.ID)
		a.announceInvited(at)
		now, ok := a.book.Get(c.ID)
		a.mu.Unlock()
		if ok && now.Draws == c.Draws && showed(out) { // dials that failed meanwhile settled nothing
			a.answer(ctx, store.Judgement{Audit: audit, Claim: now, Epoch: epoch, Carrier: availability.Wire, Outcome: out})
		}
	})
}

// showed reports whether a visitor had everything. Only that counts: who dials in under a peer id need
// not be who announced it, and may share its address.
func showed(out availability.Outcome) bool {
	other := func(r availability.Result) bool { return r.Verdict != availability.Passed }
	return !out.OurSide && len(out.Results) > 0 && !slices.ContainsFunc(out.Results, other)
}

// invitation is a peer that is told of the prober.
type invitation struct {
	session swarm.SessionKey
	cancel  context.CancelFunc
}

// announceInvited tells the announce path whom to tell. The caller holds mu.
func (a *auditor) announceInvited(at netip.AddrPort) {
	extra := make(tracker.ExtraPeers, len(a.invited))
	for _, x := range a.invited {
		extra[x.session] = at
	}
	a.server.handler.SetExtraPeers(extra)
}

// uninvite ends the wait for a peer whose claim was judged otherwise meanwhile.
func (a *auditor) uninvite(claim int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if x, ok := a.invited[claim]; ok {
		x.cancel()
	}
}
