package server

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const (
	// maxHeard is of how many seeders one round takes note at least, if there are so many; the next one
	// goes on from there.
	maxHeard = 2000
	// entriesPerSlot is how many new claims one round enters for each audit that can run at a time:
	// more could not be audited before the next round anyway.
	entriesPerSlot = 4
	// maxLapsed is how many claims one round lapses; the rest waits for the next.
	maxLapsed = 10_000
)

// heardShards is of how many shards one round takes note at least, so that all are heard within a
// quarter of the time in which claims lapse.
func (c Config) heardShards() int {
	rounds := max(1, int(c.Availability.ClaimLapse/4/c.Server.AuditInterval))
	return (swarm.Shards + rounds - 1) / rounds
}

type peerKey struct {
	member bt.MemberID
	peer   bt.PeerID
}

// loadClaims is the auditor's step of Open.
func (s *Server) loadClaims(ctx context.Context) error {
	learned, err := s.store.ManifestBytes(ctx)
	if err != nil {
		return fmt.Errorf("measure the learned manifest: %w", err)
	}
	s.auditor.manifest = int64(learned)
	return s.auditor.load(ctx)
}

// load fills the book at the start. Everybody counts as heard now: nobody could be heard while no
// server ran.
func (a *auditor) load(ctx context.Context) error {
	s := a.server
	rows, err := s.store.LoadClaims(ctx)
	if err != nil {
		return fmt.Errorf("load claims: %w", err)
	}
	peers, err := s.store.NodePeers(ctx)
	if err != nil {
		return fmt.Errorf("load nodes' peers: %w", err)
	}
	p, now := s.rules().Availability, s.now().UnixMilli()
	a.mu.Lock()
	for _, r := range rows {
		r.SeenMs = max(r.SeenMs, now)
		if known, ok := a.book.Get(r.ID); ok && !r.Addr.IsValid() {
			r.Addr, r.Network = known.Addr, known.Network
		}
		a.book.Put(p, r.Claim)
	}
	for _, x := range peers {
		a.peers[peerKey{x.Member, x.PeerID}] = x.Node
	}
	a.mu.Unlock()
	return a.drawFrom(ctx, s.epoch())
}

// drawFrom has the book draw with an epoch's seed from the claims that were frozen for it.
func (a *auditor) drawFrom(ctx context.Context, e store.Epoch) error {
	frozen, err := a.server.store.Frozen(ctx, e.Number)
	if err != nil {
		return fmt.Errorf("read what epoch %d draws from: %w", e.Number, err)
	}
	d := availability.NewDraws(a.server.rules().Availability, availability.Seed(e.Seed), e.StartMs, frozen)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.draws, a.epoch = d, e.Number
	return nil
}

// redraw has the book draw from the current epoch, if that failed when it began: the seed of the one
// before will be known.
func (a *auditor) redraw(ctx context.Context) error {
	e := a.server.epoch()
	a.mu.Lock()
	drawn := a.epoch
	a.mu.Unlock()
	if drawn >= e.Number {
		return nil
	}
	return a.drawFrom(ctx, e)
}

// put takes over claims as the store has them now.
func (a *auditor) put(rows []store.ClaimRow) {
	p := a.server.rules().Availability
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range rows {
		if !r.Live && !r.Leaving || r.Ended() {
			a.book.Remove(r.ID)
			continue
		}
		if r.Node != 0 {
			a.peers[peerKey{r.Member, r.PeerID}] = r.Node
		}
		if known, ok := a.book.Get(r.ID); ok && known.SeenMs > r.SeenMs { // the store learns of it with the next verdict
			r.SeenMs, r.Addr, r.PeerID, r.Network = known.SeenMs, known.Addr, known.PeerID, known.Network
		} else if ok && !r.Addr.IsValid() { // a report says nothing of it, announces do
			r.Addr, r.Network = known.Addr, known.Network
		}
		a.book.Put(p, r.Claim)
	}
}

// recover enters claims that a node reports and that only the store knows: their report was written
// and its answer lost, or overtaken by that to an older verdict. One that was dropped stays out.
func (a *auditor) recover(ctx context.Context, n bt.NodeID, reported []store.ClaimReport) error {
	unknown := func(t bt.TorrentID, m bt.MemberID) bool { _, ok := a.book.Find(t, m, n); return !ok }
	a.mu.Lock()
	missing := slices.ContainsFunc(reported, func(r store.ClaimReport) bool { return unknown(r.Torrent, r.Member) })
	a.mu.Unlock()
	if !missing {
		return nil
	}
	rows, err := a.server.store.NodeClaims(ctx, n)
	if err != nil {
		return fmt.Errorf("read the claims of node %d: %w", n, err)
	}
	a.mu.Lock()
	rows = slices.DeleteFunc(rows, func(r store.ClaimRow) bool { return !r.Live || !unknown(r.Torrent, r.Member) })
	a.mu.Unlock()
	a.put(rows)
	return nil
}

// listen turns seeding sessions into claims: a session whose peer id a node reported is that node's,
// refreshes its claim while it makes it, and says where it can be reached; any other is a standard
// client's. What a node withdrew or lost by a verdict does not come back by its announces.
func (a *auditor) listen(ctx context.Context) error {
	s := a.server
	entries := entriesPerSlot * cap(a.slots)
	var reports []store.ClaimReport
	a.cursor = s.swarms.Seeders(a.cursor, s.conf.heardShards(), maxHeard, func(seeders []swarm.Seeder) {
		unknown := a.hear(seeders, entries-len(reports))
		for _, x := range unknown {
			if r, ok := a.report(ctx, x); ok {
				reports = append(reports, r)
			}
		}
	})
	if len(reports) == 0 {
		return nil
	}
	rows, err := s.store.PutClaims(ctx, s.rules().Availability, reports)
	if err != nil {
		return fmt.Errorf("enter claims: %w", err)
	}
	a.put(rows)
	return nil
}

// hear refreshes the claims that seeders make, and returns up to n seeders that make none yet.
func (a *auditor) hear(seeders []swarm.Seeder, n int) (unknown []swarm.Seeder) {
	p := a.server.rules().Availability
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range seeders {
		if x.Last.After(a.heard) {
			a.heard = x.Last
		}
		node := a.peers[peerKey{x.Member, x.PeerID}]
		c, ok := a.book.Find(x.Torrent, x.Member, node)
		switch {
		case ok:
			a.book.Hear(p, c.ID, x.Last.UnixMilli(), x.Addr, x.PeerID)
		case node == 0 && len(unknown) < n: // only a node's own word puts its collateral at stake
			unknown = append(unknown, x)
		}
	}
	return unknown
}

// report is the claim of a standard client that was not known.
func (a *auditor) report(ctx context.Context, x swarm.Seeder) (r store.ClaimReport, ok bool) {
	t, ok := a.server.roster.torrent(x.Torrent)
	if !ok || t.Withdrawn {
		return r, false
	}
	pieces, err := a.torrents.pieces(ctx, x.Torrent)
	if err != nil {
		a.server.log.Error("a torrent cannot be audited", "torrent", x.Torrent, "error", err) // the others can
		return r, false
	}
	return store.ClaimReport{Torrent: x.Torrent, Member: x.Member, PeerID: x.PeerID, Addr: x.Addr, Network: bt.Network(x.Addr.Addr()),
		Bytes: t.Size, PieceLength: t.PieceBytes, Pieces: pieces, SeenMs: x.Last.UnixMilli(), Announced: true}, true
}

// lapse writes what time did to claims: proofs that are over, clients that fell silent.
func (a *auditor) lapse(ctx context.Context, now time.Time) error {
	p := a.server.rules().Availability
	a.mu.Lock()
	ids := a.book.Overdue(p, now, maxLapsed)
	a.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	rows, err := a.server.store.LapseClaims(ctx, p, ids)
	if err != nil {
		return fmt.Errorf("lapse claims: %w", err)
	}
	a.put(rows)
	return nil
}

// heardNode refreshes all claims of a node that just reported, and returns the info-hashes of those
// that it withdrew and that are looked at once more.
func (a *auditor) heardNode(n bt.NodeID, now time.Time) []string {
	p, leaving := a.server.rules().Availability, []string{}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.book.Node(n) {
		a.book.Hear(p, c.ID, now.UnixMilli(), c.Addr, c.PeerID)
		if c.Leaving {
			t, _ := a.server.roster.torrent(c.Torrent)
			leaving = append(leaving, t.InfoHash.String())
		}
	}
	return leaving
}

// claims calls f with every claim of the book.
func (a *auditor) claims(f func(availability.Claim)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.book.All() {
		f(c)
	}
}

// excuse gives hosts back a time in which the server did not look, though it ran (a suspended
// machine, a stopped process): it counts for nobody (ECONOMY §7).
func (a *auditor) excuse(ctx context.Context, pause time.Duration) error {
	s := a.server
	s.log.Warn("the server stood still; that time counts for nobody", "for", pause.Round(time.Second).String())
	a.nodes.forgive()
	if err := s.store.ExcuseOutage(ctx, s.rules().Availability, pause); err != nil {
		return err
	}
	return a.load(ctx)
}

// sourceAddr is where probes come from.
func sourceAddr(key, s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return addr, fmt.Errorf("configuration: %s = %q: want an IP address of this machine", key, s)
	}
	return addr, nil
}

// hostPort reads an address with a port, such as probe.listen.
func hostPort(key, s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	addr, err := netip.ParseAddrPort(s)
	if err != nil {
		return addr, fmt.Errorf("configuration: %s = %q: want an IP address and a port, such as 203.0.113.7:51400", key, s)
	}
	return addr, nil
}
