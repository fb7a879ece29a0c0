package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/probe"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

const maxCachedTorrents = 64 // parsed torrent files kept for audits

// auditor carries out what package availability schedules.
type auditor struct {
	server *Server
	prober *probe.Prober
	slots  chan struct{} // audits under way
	wg     sync.WaitGroup
	last   time.Time // of the last accrual

	cursor  int // shard of the swarms where the next round begins
	entries int // new claims that this round may still enter

	mu       sync.Mutex // guards what follows
	heard    time.Time  // the last announce of anybody
	dials    []dial     // of the last dialMemory
	torrents map[bt.TorrentID]*catalog.Torrent
	counts   map[bt.TorrentID]int // pieces of every torrent that was parsed: asked for in each round
}

// round enters claims from the swarms, expires old ones, accrues proven time, and starts the
// audits that are due.
func (a *auditor) round(ctx context.Context, now time.Time) error {
	s := a.server
	if err := a.refreshClaims(ctx, now); err != nil {
		return fmt.Errorf("refresh claims: %w", err)
	}
	if err := s.store.ExpireClaims(ctx, s.rules().Availability); err != nil {
		return fmt.Errorf("expire claims: %w", err)
	}
	last := a.last
	a.last = now // before the commit: if its answer is lost, time is lost rather than counted twice
	if dt := now.Sub(last); !last.IsZero() && dt > 0 && dt <= max(maxAccrual, 2*s.conf.Server.AuditInterval) {
		if err := s.store.AccrueProven(ctx, s.rules().Availability, s.epoch().Number, dt); err != nil {
			return err
		}
	}
	claims, err := s.store.LiveClaims(ctx)
	if err != nil {
		return err
	}
	return errors.Join(a.start(ctx, now, claims), a.look(ctx))
}

// maxAccrual bounds what one round adds, if rounds are not far apart by configuration: a pause of
// ours proves nothing.
const maxAccrual = time.Minute

// entriesPerSlot is how many new claims one round enters for each audit that can run at a time:
// more could not be audited before the next round anyway.
const entriesPerSlot = 4

// refreshClaims turns seeding sessions into claims: a session whose peer id a node reported
// refreshes that node's claim, while it makes it, and says where it can be reached; any other is a
// standard client's. What a node withdrew or lost by a verdict does not come back by its announces.
func (a *auditor) refreshClaims(ctx context.Context, now time.Time) error {
	s := a.server
	nodes, err := s.nodePeers(ctx)
	if err != nil {
		return err
	}
	rows, err := s.store.LiveClaims(ctx)
	if err != nil {
		return err
	}
	live := liveClaims(rows)
	a.entries = entriesPerSlot * cap(a.slots)
	var reports []store.ClaimReport
	a.cursor = s.swarms.Seeders(a.cursor, s.conf.heardShards(), maxHeard, func(seeders []swarm.Seeder) {
		for _, x := range seeders {
			a.hear(x.Last)
			if r, ok := a.report(ctx, x, nodes[peerKey{x.Member, x.PeerID}], live); ok {
				reports = append(reports, r)
			}
		}
	})
	return s.store.PutClaims(ctx, reports)
}

// maxHeard is of how many seeders one round takes note at least, if there are so many; the next one
// goes on from there.
const maxHeard = 2000

// heardShards is of how many shards one round takes note at least, so that all are heard within a
// quarter of the time in which claims lapse.
func (c Config) heardShards() int {
	rounds := max(1, int(c.Availability.ClaimLapse/4/c.Server.AuditInterval))
	return (swarm.Shards + rounds - 1) / rounds
}

// report is what a seeder's announces say about its claim. Standing claims are refreshed when half
// the time until they lapse is over, and new ones entered as far as audits keep up with them.
func (a *auditor) report(ctx context.Context, x swarm.Seeder, node bt.NodeID, live map[claimant]liveClaim) (r store.ClaimReport, ok bool) {
	s := a.server
	t, ok := s.roster.torrent(x.Torrent)
	if !ok || t.Withdrawn {
		return r, false
	}
	known, entered := live[claimant{x.Member, node, x.Torrent}]
	if node != 0 && !entered {
		return r, false // not reported, or withdrawn: only the node's own word puts its collateral at stake
	}
	fresh := known.addr == x.Addr && known.peer == x.PeerID && x.Last.UnixMilli()-known.seenMs < s.rules().Availability.ClaimLapse.Milliseconds()/4
	if entered && fresh || !entered && a.entries <= 0 {
		return r, false
	}
	r = store.ClaimReport{Torrent: x.Torrent, Member: x.Member, Node: node, PeerID: x.PeerID, Addr: x.Addr, Network: bt.Network(x.Addr.Addr()),
		Bytes: t.Size, PieceLength: t.PieceBytes, SeenMs: x.Last.UnixMilli(), Announced: true}
	var err error
	if r.Pieces, err = a.pieces(ctx, x.Torrent); err != nil {
		s.log.Error("a torrent cannot be audited", "torrent", x.Torrent, "error", err) // the others can
		return r, false
	}
	if !entered {
		a.entries--
	}
	return r, true
}

type peerKey struct {
	member bt.MemberID
	peer   bt.PeerID
}

// nodePeers says which node announces under which peer id, as the nodes ever reported it.
func (s *Server) nodePeers(ctx context.Context) (map[peerKey]bt.NodeID, error) {
	peers, err := s.store.NodePeers(ctx)
	if err != nil {
		return nil, err
	}
	out := map[peerKey]bt.NodeID{}
	for _, p := range peers {
		out[peerKey{p.Member, p.PeerID}] = p.Node
	}
	return out, nil
}

// claimant is who claims what.
type claimant struct {
	member  bt.MemberID
	node    bt.NodeID
	torrent bt.TorrentID
}

// liveClaim is what decides whether an announce is news about a claim.
type liveClaim struct {
	seenMs int64
	addr   netip.AddrPort
	peer   bt.PeerID
}

func liveClaims(rows []store.ClaimRow) map[claimant]liveClaim {
	out := make(map[claimant]liveClaim, len(rows))
	for _, c := range rows {
		out[claimant{c.Member, c.Node, c.Torrent}] = liveClaim{c.SeenMs, c.Addr, c.PeerID}
	}
	return out
}

func (a *auditor) start(ctx context.Context, now time.Time, rows []store.ClaimRow) error {
	s := a.server
	claims, byID := make([]availability.Claim, 0, len(rows)), map[int64]availability.Claim{}
	for _, r := range rows {
		if r.Addr.IsValid() {
			claims = append(claims, r.Claim)
			byID[r.ID] = r.Claim
		}
	}
	due := availability.Schedule(s.rules().Availability, now, claims, availability.Seed(s.epoch().Seed))
	due = due[:a.takeSlots(len(due))] // the rest stays due
	begun := map[int64]bool{}
	for _, audit := range due {
		begun[audit.Claim] = true
	}
	if len(begun) == 0 {
		return nil
	}
	if err := s.store.BeginAudits(ctx, s.rules().Availability, begun); err != nil {
		return errors.Join(err, a.freeSlots(len(begun)))
	}
	for _, audit := range due {
		a.wg.Add(1)
		go func() {
			defer a.wg.Done()
			defer func() { <-a.slots }()
			a.carryOut(ctx, audit, byID[audit.Claim])
		}()
	}
	return nil
}

// takeSlots takes up to n slots and returns how many it got, without waiting.
func (a *auditor) takeSlots(n int) int {
	for taken := range n {
		select {
		case a.slots <- struct{}{}:
		default:
			return taken
		}
	}
	return n
}

// freeSlots gives slots back; it returns nil, for errors.Join.
func (a *auditor) freeSlots(n int) error {
	for range n {
		<-a.slots
	}
	return nil
}

func (a *auditor) carryOut(ctx context.Context, audit availability.Audit, c availability.Claim) {
	s := a.server
	outcome := a.ask(ctx, audit, c)
	if ctx.Err() != nil || a.outage(s.now(), outcome.Unreachable) {
		outcome.OurSide = true
	}
	j, err := s.store.JudgeAudit(context.WithoutCancel(ctx), s.rules().Availability, audit, outcome)
	if err != nil {
		s.log.Error("an audit could not be recorded; it is repeated", "claim", c.ID, "error", err)
		return
	}
	s.log.Debug("audit", "claim", c.ID, "node", c.Node, "kind", audit.Kind.String(), "verdict", j.Verdict.String(), "reason", outcome.Reason, "slashed", j.Slashed)
	if j.Slashed > 0 {
		s.log.Info("slashed", "node", c.Node, "torrent", c.Torrent, "verdict", j.Verdict.String(), "amount", j.Slashed.String())
	}
	s.notify(Event{Audit: &AuditEvent{Claim: c, Kind: audit.Kind, Verdict: j.Verdict, Confirmed: j.Effects.Confirmed, Slashed: j.Slashed, Reason: outcome.Reason}})
}

// dial remembers how an audit's connection ended.
type dial struct {
	at          time.Time
	unreachable bool
}

// dialMemory is how far back dials tell of an outage of ours.
const dialMemory = 10 * time.Minute

// outage notes a dial and reports whether it looks as if we were the ones cut off: then the
// audit counts for nothing.
func (a *auditor) outage(now time.Time, unreachable bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dials = slices.DeleteFunc(a.dials, func(d dial) bool { return now.Sub(d.at) > dialMemory })
	a.dials = append(a.dials, dial{now, unreachable})
	failed := 0
	for _, d := range a.dials {
		if d.unreachable {
			failed++
		}
	}
	return unreachable && availability.OurOutage(a.server.rules().Availability, now, a.heard.UnixMilli(), len(a.dials), failed)
}

// hear keeps the time of the last announce.
func (a *auditor) hear(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at.After(a.heard) {
		a.heard = at
	}
}

// look asks leechers whose left fell by more than they admitted which pieces they have, with the
// slots that audits leave free. The attempt is recorded before the dial.
func (a *auditor) look(ctx context.Context) error {
	s := a.server
	suspects, err := s.store.Suspicious(ctx, s.rules().Tracker.TolerancePPM, max(1, cap(a.slots)/4))
	if err != nil {
		return fmt.Errorf("look for hidden downloads: %w", err)
	}
	for _, x := range suspects {
		if a.takeSlots(1) == 0 {
			break
		}
		if err := s.store.PutView(ctx, store.View{Torrent: x.Torrent, Member: x.Member, Addr: x.Addr}); err != nil {
			return errors.Join(err, a.freeSlots(1))
		}
		a.wg.Add(1)
		go func() {
			defer a.wg.Done()
			defer a.freeSlots(1)
			a.view(ctx, x)
		}()
	}
	return nil
}

func (a *auditor) view(ctx context.Context, x store.Suspicion) {
	t, err := a.torrent(ctx, x.Torrent)
	if err == nil {
		v := a.prober.View(ctx, probe.ViewRequest{Addr: x.Addr, InfoHash: t.InfoHash, NumPieces: t.NumPieces(), PieceSize: t.PieceSize})
		a.server.log.Debug("looked at a leecher", "member", x.Member, "torrent", x.Torrent, "seen", v.Seen, "reason", v.Reason)
		if !v.Seen {
			return
		}
		err = a.server.store.PutView(context.WithoutCancel(ctx), store.View{Torrent: x.Torrent, Member: x.Member, Addr: x.Addr, Seen: true, Have: v.Bytes})
	}
	if err != nil {
		a.server.log.Error("a look at a leecher was lost", "member", x.Member, "torrent", x.Torrent, "error", err)
	}
}

func (a *auditor) ask(ctx context.Context, audit availability.Audit, c availability.Claim) availability.Outcome {
	t, err := a.torrent(ctx, c.Torrent)
	if err != nil {
		return availability.Outcome{OurSide: true, Reason: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, a.server.conf.Probe.Budget+5*time.Second)
	defer cancel()
	return a.prober.Probe(ctx, probe.Request{Addr: c.Addr, InfoHash: t.InfoHash, PieceLength: t.PieceLength, Size: t.Span,
		NumPieces: t.NumPieces(), PieceHash: t.PieceHash, Pieces: audit.Pieces})
}

// pieces is how many pieces of a torrent the wire audit can check: none of a v2-only torrent.
func (a *auditor) pieces(ctx context.Context, id bt.TorrentID) (int, error) {
	a.mu.Lock()
	n, ok := a.counts[id]
	a.mu.Unlock()
	if ok {
		return n, nil
	}
	t, err := a.torrent(ctx, id)
	if err != nil {
		return 0, err
	}
	if t.HasV1 {
		n = t.NumPieces()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[id] = n
	return n, nil
}

func (a *auditor) torrent(ctx context.Context, id bt.TorrentID) (*catalog.Torrent, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.torrents[id]; t != nil {
		return t, nil
	}
	raw, err := a.server.store.Metainfo(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read torrent %d: %w", id, err)
	}
	t, err := catalog.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("parse torrent %d: %w", id, err)
	}
	if len(a.torrents) >= maxCachedTorrents {
		clear(a.torrents)
	}
	a.torrents[id] = t
	return t, nil
}

// sourceAddr is where probes come from.
func sourceAddr(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return addr, fmt.Errorf("configuration: probe.source_addr = %q: want an IP address of this machine", s)
	}
	return addr, nil
}
