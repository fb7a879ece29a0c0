package availability

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Book keeps all claims that are made now in memory, so that a round of audits costs what is due and
// not what there is. Not safe for concurrent use. What it returns are copies; bitmaps and targets in
// them are shared and not to be changed.
type Book struct {
	params Params // that the agendas were made with
	claims map[int64]*entry
	swarms map[bt.TorrentID]map[claimant]*entry
	nodes  map[bt.NodeID]map[int64]*entry

	audits [len(kinds)]agenda // when each claim is audited next, by kind; those under way when they are given up
	lapses agenda             // when each claim expires

	draws  *Draws
	window int64
	drawn  []*entry // of the window's torrents, as far as not asked yet
}

type claimant struct {
	member bt.MemberID
	node   bt.NodeID
}

type entry struct {
	claim        Claim
	audit, lapse alarm
	drawn        bool // listed in Book.drawn
}

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{claims: map[int64]*entry{}, swarms: map[bt.TorrentID]map[claimant]*entry{}, nodes: map[bt.NodeID]map[int64]*entry{}}
}

// Put enters a claim or replaces it: who claims which torrent never changes. An audit that Due began stays under way, unless the claim comes
// from its judgement.
func (b *Book) Put(p Params, c Claim) {
	b.use(p)
	e := b.claims[c.ID]
	if e != nil {
		if c.Judgements == e.claim.Judgements {
			c.BusyUntilMs = e.claim.BusyUntilMs
			c.SeenMs = max(c.SeenMs, e.claim.SeenMs)
		}
	} else {
		e = &entry{}
		e.audit.entry, e.lapse.entry = e, e
		b.list(e, c)
	}
	e.claim = c
	b.file(e)
}

// Remove forgets a claim.
func (b *Book) Remove(id int64) {
	if e := b.claims[id]; e != nil {
		b.unlist(e)
		e.audit.clear()
		e.lapse.clear()
	}
}

func (b *Book) list(e *entry, c Claim) {
	b.claims[c.ID] = e
	put(b.swarms, c.Torrent, claimant{c.Member, c.Node}, e)
	if c.Node != 0 {
		put(b.nodes, c.Node, c.ID, e)
	}
}

func (b *Book) unlist(e *entry) {
	c := &e.claim
	delete(b.claims, c.ID)
	drop(b.swarms, c.Torrent, claimant{c.Member, c.Node})
	drop(b.nodes, c.Node, c.ID)
}

func put[K, L comparable](index map[K]map[L]*entry, k K, l L, e *entry) {
	if index[k] == nil {
		index[k] = map[L]*entry{}
	}
	index[k][l] = e
}

func drop[K, L comparable](index map[K]map[L]*entry, k K, l L) {
	delete(index[k], l)
	if len(index[k]) == 0 {
		delete(index, k)
	}
}

// Get returns a claim.
func (b *Book) Get(id int64) (Claim, bool) { return b.claims[id].get() }

// Find returns a claimant's claim on a torrent.
func (b *Book) Find(t bt.TorrentID, m bt.MemberID, n bt.NodeID) (Claim, bool) {
	return b.swarms[t][claimant{m, n}].get()
}

func (e *entry) get() (Claim, bool) {
	if e == nil {
		return Claim{}, false
	}
	return e.claim, true
}

// Node returns a node's claims, by id; none for standard clients, node 0.
func (b *Book) Node(n bt.NodeID) []Claim { return collect(b.nodes[n]) }

// Torrent returns the claims on a torrent, by id.
func (b *Book) Torrent(t bt.TorrentID) []Claim { return collect(b.swarms[t]) }

func collect[K comparable](entries map[K]*entry) []Claim {
	out := make([]Claim, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.claim)
	}
	slices.SortFunc(out, func(a, b Claim) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// All goes through all claims, in no order. The book must not be changed meanwhile.
func (b *Book) All() iter.Seq[Claim] {
	return func(yield func(Claim) bool) {
		for _, e := range b.claims {
			if !yield(e.claim) {
				return
			}
		}
	}
}

// Len returns how many claims there are.
func (b *Book) Len() int { return len(b.claims) }

// Hear notes that a claimant was heard of, see Claim.Hear. It is kept here only.
func (b *Book) Hear(p Params, id int64, seenMs int64, addr netip.AddrPort, peer bt.PeerID) {
	b.use(p)
	if e := b.claims[id]; e != nil {
		e.claim = e.claim.Hear(seenMs, addr, peer)
		b.file(e)
	}
}

// Done says that an audit that Due began ended without a judgement: it is due again.
func (b *Book) Done(id int64) {
	if e := b.claims[id]; e != nil && e.claim.BusyUntilMs > 0 {
		e.claim.BusyUntilMs = 0
		b.file(e)
	}
}

// Later says that an audit that Due began is not to be made before a time: it is due again then.
func (b *Book) Later(id, atMs int64) {
	if e := b.claims[id]; e != nil && e.claim.BusyUntilMs > 0 {
		e.claim.BusyUntilMs = atMs
		b.file(e)
	}
}

// use brings all alarms up to date when the rules change.
func (b *Book) use(p Params) {
	if p == b.params {
		return
	}
	b.params = p
	for _, e := range b.claims {
		b.file(e)
	}
}

// file sets an entry's alarms, and lists it for the window if its torrent is drawn.
func (b *Book) file(e *entry) {
	c := &e.claim
	if at, ok := c.expires(b.params); ok {
		e.lapse.set(&b.lapses, at)
	} else {
		e.lapse.clear()
	}
	kind, at, ok := c.next(b.params)
	if !ok {
		e.audit.clear()
		return
	}
	e.audit.set(&b.audits[kind], max(at, c.BusyUntilMs))
	if b.draws != nil && kind == RenewalKind && c.LastAuditMs < b.draws.windowStart(b.window) && b.winner(c)() {
		b.draw(e)
	}
}

// draw lists an entry for the window.
func (b *Book) draw(e *entry) {
	if !e.drawn {
		e.drawn = true
		b.drawn = append(b.drawn, e)
	}
}

// Overdue returns up to limit claims that Expire would change. The caller has them lapsed in the
// database and puts or removes them; until then they are returned again.
func (b *Book) Overdue(p Params, now time.Time, limit int) (ids []int64) {
	b.use(p)
	var over []*entry
	for len(over) < limit {
		e := b.lapses.take(now.UnixMilli())
		if e == nil {
			break
		}
		over = append(over, e)
		ids = append(ids, e.claim.ID)
	}
	for _, e := range over {
		e.lapse.set(&b.lapses, e.lapse.atMs)
	}
	return ids
}
