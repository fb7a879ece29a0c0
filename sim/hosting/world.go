package hosting

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/sim/random"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// world is a run under way.
type world struct {
	Scenario
	step   int
	nodes  []*node
	claims map[int64]*claim
	lines  []*Line

	book    *availability.Book
	draws   *availability.Draws
	epoch   int64
	heard   int64 // when anybody reported last, by the tracker's clock
	dials   dials
	stopped int // steps that the tracker's process has missed
}

func newWorld(s Scenario) *world {
	w := &world{Scenario: s, claims: map[int64]*claim{}, book: availability.NewBook()}
	for k := range s.Hosts {
		h := &s.Hosts[k]
		line := &Line{Host: h.Name, About: h.About, Nodes: s.Nodes}
		w.lines = append(w.lines, line)
		for i := range s.Nodes {
			n := &node{Host: h, id: bt.NodeID(len(w.nodes) + 1), line: line, standing: availability.NewStanding(s.Params),
				r: random.New(s.Seed, uint64(i), random.Label(h.Name))}
			n.held = tokens.Amount(tokens.MulDiv(int64(s.PerGiB)*int64(h.Claims), int64(h.Content.size()), int64(bt.GiB)))
			line.Held += n.held
			n.later = (h.Spread * time.Duration(i) / time.Duration(s.Nodes)).Truncate(time.Hour)
			w.nodes = append(w.nodes, n)
			for range h.Claims {
				w.addClaim(n)
			}
		}
	}
	return w
}

func (w *world) addClaim(n *node) {
	c := &claim{node: n, id: int64(len(w.claims) + 1), gap: n.r.Below(n.Content.Pieces)}
	if n.Content.Sums == Learned {
		c.learned = make([]bool, n.Content.Pieces)
	}
	n.claims, w.claims[c.id] = append(n.claims, c), c
	now := w.now().UnixMilli()
	w.book.Put(w.Params, availability.Claim{ID: c.id, Torrent: bt.TorrentID(c.id), Member: bt.MemberID(n.id), Node: n.id,
		Addr: n.addr(), Bytes: n.Content.size(), PieceLength: n.Content.PieceLength, Pieces: n.Content.Pieces,
		State: availability.Entered, EnteredMs: now, SeenMs: now})
}

func (n *node) addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + n.id>>16), byte(n.id >> 8), byte(n.id), 1}), 6881)
}

// tick is one step: what nodes report, and what the tracker does then.
func (w *world) tick() error {
	defer func() { w.step++ }()
	if w.is(Stopped) {
		w.stopped++
		return nil
	}
	w.excuse()
	if w.step%stepsPerEpoch == 0 || w.draws == nil {
		w.nextEpoch()
	}
	w.dials.next(w.step)
	w.hear()
	w.expire()
	if err := w.audit(); err != nil {
		return err
	}
	if w.step%servingSteps == 0 {
		w.serve()
	}
	if w.step%reportSteps == 0 {
		w.count()
	}
	return nil
}

// excuse is what the tracker does first when it was stopped: the time counts for nobody.
func (w *world) excuse() {
	if w.stopped == 0 {
		return
	}
	for _, c := range w.all() {
		w.book.Put(w.Params, c.Excuse(time.Duration(w.stopped)*Step))
	}
	w.stopped = 0
	w.nextEpoch()
}

// all are the claims now, which may then be changed.
func (w *world) all() (claims []availability.Claim) {
	for c := range w.book.All() {
		claims = append(claims, c)
	}
	return claims
}

// nextEpoch ends the epoch and freezes the claims from which the next one's audits are drawn.
func (w *world) nextEpoch() {
	w.settle()
	w.epoch++
	var frozen []availability.Frozen
	for c := range w.book.All() {
		if c.IsProven(w.Params, w.now()) {
			frozen = append(frozen, availability.Frozen{Claim: c.ID, Torrent: c.Torrent, Bytes: c.Bytes, PieceLength: c.PieceLength, Pieces: c.Pieces, Have: c.Have})
		}
	}
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, w.Seed), uint64(w.epoch)))
	w.draws = availability.NewDraws(w.Params, seed, w.now().UnixMilli(), frozen)
}

// hear takes the reports of nodes whose time has come.
func (w *world) hear() {
	if w.deaf() {
		return
	}
	for _, n := range w.nodes {
		if (w.step+int(n.id))%reportSteps != 0 || n.away(w.elapsed()) {
			continue
		}
		w.heard = w.now().UnixMilli()
		w.declare(n)
		for _, c := range n.claims {
			w.refresh(c)
		}
	}
}

// declare announces the maintenance that begins within the next hour.
func (w *world) declare(n *node) {
	for _, a := range n.Away {
		if in := a.From + n.later - w.elapsed(); a.Declared && in > 45*time.Minute && in <= time.Hour {
			from := w.now().Add(in).UnixMilli()
			standing, err := n.standing.Declare(w.Params, w.now(), availability.Span{FromMs: from, ToMs: from + a.For.Milliseconds()})
			if err == nil {
				n.standing = standing
			}
		}
	}
}

// refresh reports a claim, or withdraws it.
func (w *world) refresh(c *claim) {
	known, ok := w.book.Get(c.id)
	switch {
	case !ok || c.gone:
	case c.Evades == Withdraws && c.warned:
		c.gone = true
		w.withdraw(known)
	case known.State == availability.Lapsed:
		w.book.Put(w.Params, known.Report(w.Params, w.now(), known.Have, known.Bytes))
	default:
		w.book.Hear(w.Params, c.id, w.now().UnixMilli(), known.Addr, known.PeerID)
	}
}

// withdraw ends a claim, unless a suspicion waits.
func (w *world) withdraw(c availability.Claim) {
	if c.Pending == nil {
		w.book.Remove(c.ID)
		return
	}
	w.book.Put(w.Params, c.Leave())
}

// expire lapses what is not believed any more.
func (w *world) expire() {
	for _, id := range w.book.Overdue(w.Params, w.now(), len(w.claims)) {
		if c, ok := w.book.Get(id); ok {
			w.book.Put(w.Params, c.Expire(w.Params, w.now()))
		}
	}
}
