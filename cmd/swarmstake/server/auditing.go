package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/probe"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// auditor carries out what package availability decides: it hears who claims what, asks for what is
// due, and has the answers judged. Claims are kept in memory in a book; what a verdict, a report or
// the passing of time changes is written first and then put into it.
type auditor struct {
	server   *Server
	prober   *probe.Prober
	torrents *torrentCache
	places   places
	nodes    *challenger
	slots    chan struct{} // audits over the wire under way
	looks    chan struct{} // other looks at peers under way
	wg       sync.WaitGroup
	answers  chan store.Judgement // to be judged
	judging  chan struct{}        // closed when all are

	cursor int       // shard of the swarms where the next round begins
	last   time.Time // of the last round

	rounds int                      // so far; the round's own, like the next
	toTry  []store.ServingCandidate // seeders to download from

	mu       sync.Mutex // guards what follows
	book     *availability.Book
	draws    *availability.Draws
	epoch    int64                        // of draws
	peers    map[peerKey]bt.NodeID        // which node announces under a peer id, as the nodes ever reported it
	heard    time.Time                    // the last announce of anybody
	dialled  map[netip.Prefix]int         // audits over the wire under way
	dials    map[store.SeederKey]dial     // of the last dialMemory
	away     map[netip.AddrPort]time.Time // where nobody answered lately
	invited  map[int64]invitation         // claims whose peer is told of the prober
	manifest int64                        // bytes of the learned manifest
}

const (
	// maxAnswers wait for the judge; more hold up those who carry audits out.
	maxAnswers = 1024
	// maxJudged is how many audits are judged in one transaction.
	maxJudged = 200
	// maxChallenges is how many daemons' challenges one round issues.
	maxChallenges = 1000
	// maxStill is how long a server may not have looked, beyond what its configuration says, without
	// that counting as an outage; at most a quarter of the silence after which claims lapse.
	maxStill = time.Minute
)

// openAuditor makes the auditor, and the key that badges are signed with.
func (s *Server) openAuditor(ctx context.Context) error {
	conf, err := s.conf.proberConfig()
	if err != nil {
		return err
	}
	prober, err := probe.New(conf)
	if err != nil {
		return err
	}
	where, err := openPlaces(s.conf.Geo)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	s.auditor = &auditor{server: s, prober: prober, torrents: newTorrentCache(s.store), places: where, nodes: newChallenger(s),
		slots: make(chan struct{}, s.conf.Probe.Concurrency), looks: make(chan struct{}, lookSlots(s.conf.Probe.Concurrency)), answers: make(chan store.Judgement, maxAnswers), judging: make(chan struct{}),
		book: availability.NewBook(), peers: map[peerKey]bt.NodeID{}, invited: map[int64]invitation{}, dials: map[store.SeederKey]dial{}, dialled: map[netip.Prefix]int{}, away: map[netip.AddrPort]time.Time{}}
	if s.conf.Probe.LeechAddr == "" && !s.conf.Dev {
		s.log.Warn("seeders can recognise the tracker when it tries them like a leecher: set probe.leech_addr to another address of this machine")
	}
	s.badges, err = s.openBadges(ctx)
	return err
}

// round hears the swarms, lapses what time did, and starts the audits and looks that are due.
func (a *auditor) round(ctx context.Context, now time.Time) error {
	last := a.last
	a.last = now.Round(0) // the wall clock: it goes on while a machine sleeps, and jumps when it is set
	if still := a.last.Sub(last); !last.IsZero() && still > a.server.stillness() {
		if err := a.excuse(ctx, still); err != nil {
			a.last = last // the next round brings it to its end
			return err
		}
	}
	if err := a.redraw(ctx); err != nil {
		return err
	}
	err := errors.Join(a.listen(ctx), a.lapse(ctx, now)) // what cannot be written holds up no audits
	a.nodes.expire(now)
	a.start(ctx, now)
	return errors.Join(err, a.lookAround(ctx))
}

// stillness is the longest time between two rounds that is no outage.
func (s *Server) stillness() time.Duration {
	return 2*s.conf.Server.AuditInterval + min(maxStill, s.rules().Availability.ClaimLapse/4)
}

// start begins as many audits as there are slots for; the rest stays due.
func (a *auditor) start(ctx context.Context, now time.Time) {
	p := a.server.rules().Availability
	free := cap(a.slots) - len(a.slots)
	a.mu.Lock()
	due := a.book.Due(p, now, a.draws, free+maxChallenges)
	epoch := a.epoch
	claims := make([]availability.Claim, len(due))
	for i, audit := range due {
		claims[i], _ = a.book.Get(audit.Claim)
	}
	away := a.stillAway(now, min(p.RetryDelay, awayMemory))
	a.mu.Unlock()
	for i, audit := range due {
		c := claims[i]
		challenged := c.Carrier(a.nodes.desk.Polls(now, c.Node)) == availability.Challenge
		dial := !challenged && !away[c.Addr]
		if dial && !a.takeSlot(c, now) {
			continue
		}
		a.wg.Go(func() {
			if dial {
				defer a.freeSlot(c)
			}
			a.carryOut(ctx, audit, c, epoch, challenged, dial)
		})
	}
}

func (a *auditor) carryOut(ctx context.Context, audit availability.Audit, c availability.Claim, epoch int64, challenged, dial bool) {
	j := store.Judgement{Audit: audit, Claim: c, Epoch: epoch, Carrier: availability.Wire, Place: a.places.of(c.Addr.Addr(), c.RTT)}
	switch {
	case challenged:
		j.Carrier = availability.Challenge
		j.Outcome = a.challenge(ctx, audit, c, epoch)
	case !c.Addr.IsValid():
		j.Outcome = availability.Outcome{OurSide: true, Reason: "the client has not announced where it can be reached"}
	default:
		if j.Outcome = (availability.Outcome{Unreachable: true, Reason: "nobody answered at this address just now"}); dial {
			j.Outcome = a.ask(ctx, audit, c)
			a.noteAway(c.Addr, j.Outcome)
		}
		if j.Outcome.Unreachable {
			a.invite(ctx, audit, c, epoch)
		}
	}
	a.answer(ctx, j)
}

// request is what the prober is asked for an audit.
func (a *auditor) request(ctx context.Context, audit availability.Audit, c availability.Claim) (probe.Request, error) {
	t, err := a.torrents.get(ctx, c.Torrent)
	if err != nil {
		return probe.Request{}, err
	}
	leaf, err := a.leaves(ctx, c.Torrent, audit.Targets)
	if err != nil {
		return probe.Request{}, err
	}
	p := a.server.rules().Availability
	hash := t.InfoHash
	if t.HasV1 && t.HasV2 && c.Node != 0 { // our daemon takes both, and by this one its padding is never asked for
		hash = t.TruncatedV2()
	}
	return probe.Request{Addr: c.Addr, InfoHash: hash, Torrent: t, Targets: audit.Targets, Leaf: leaf, MaxBytes: p.MaxBytes, MaxPieces: p.MaxPieces}, nil
}

func (a *auditor) ask(ctx context.Context, audit availability.Audit, c availability.Claim) availability.Outcome {
	r, err := a.request(ctx, audit, c)
	if err != nil {
		return availability.Outcome{OurSide: true, Reason: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, a.server.conf.Probe.Budget+5*time.Second)
	defer cancel()
	return a.prober.Probe(ctx, r)
}

// leaves reads what is known of the pieces of targets.
func (a *auditor) leaves(ctx context.Context, t bt.TorrentID, targets []availability.Target) (func(piece, block int) ([32]byte, bool), error) {
	var pieces []int
	for _, x := range targets {
		pieces = append(pieces, x.Piece)
	}
	known, err := a.server.store.Leaves(ctx, t, pieces)
	return func(piece, block int) (sum [32]byte, ok bool) {
		sums := known[piece]
		if block < 0 || block >= len(sums) {
			return sum, false
		}
		return sums[block], true
	}, err
}

// learn keeps the sums of blocks that an audit brought, as long as there is room for them.
func (a *auditor) learn(ctx context.Context, claim int64, t bt.TorrentID, l []availability.Leaves) {
	var size int64
	for _, x := range l {
		size += int64(len(x.Sums)) * 32
	}
	a.mu.Lock()
	full := a.manifest+size > a.server.conf.Probe.ManifestMax
	if !full {
		a.manifest += size
	}
	a.mu.Unlock()
	if size == 0 || full {
		return
	}
	if err := a.server.store.Learn(context.WithoutCancel(ctx), t, l); err != nil {
		a.server.log.Error("sums of blocks could not be kept; their pieces will be fetched again", "claim", claim, "error", err)
	}
}

// proberConfig is what the configuration says of the prober.
func (c Config) proberConfig() (probe.Config, error) {
	source, err := sourceAddr("probe.source_addr", c.Probe.SourceAddr)
	leech, err2 := sourceAddr("probe.leech_addr", c.Probe.LeechAddr)
	listen, err3 := hostPort("probe.listen", c.Probe.Listen)
	_, err4 := hostPort("probe.public_addr", c.Probe.PublicAddr)
	own, err5 := networks("probe.own_networks", c.Probe.OwnNetworks)
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		return probe.Config{}, err
	}
	return probe.Config{LocalAddr: source, LeechAddr: leech, Listen: listen, Budget: c.Probe.Budget, Concurrency: c.Probe.Concurrency + lookSlots(c.Probe.Concurrency),
		Policy: probe.Policy{AllowPrivate: c.Dev, Own: own}}, nil
}
