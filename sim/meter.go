package sim

import (
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// book is what the tracker wrote down of a torrent's epoch.
type book struct {
	rows     map[bt.MemberID]*usage
	order    []bt.MemberID // in which rows were begun
	suspense []settle.Suspended
	hot      bool // the price stood above the base price
}

// usage is a member's part of a torrent's epoch.
type usage struct {
	m        *member
	billed   bt.Bytes
	free     bt.Bytes
	charged  tokens.Amount
	claimed  bt.Bytes
	standing bool
	leeching bool // only a piece was seen of it
	presence settle.Presence

	awarded bt.Bytes
	earned  tokens.Amount
	paid    tokens.Amount // of it, not into probation
}

func (t *torrent) book(epoch int) *book {
	for len(t.books) <= epoch {
		t.books = append(t.books, &book{rows: map[bt.MemberID]*usage{}})
	}
	return t.books[epoch]
}

func (b *book) row(m *member) *usage {
	u := b.rows[m.id]
	if u == nil {
		u = &usage{m: m, presence: settle.Presence{FromMs: 1<<62 - 1, Network: m.network}}
		b.rows[m.id], b.order = u, append(b.order, m.id)
	}
	return u
}

// announces has every client announce whose time has come; some announces are lost.
func (w *world) announces(t *torrent) {
	for _, p := range t.peers {
		if !p.online || w.step < p.due {
			continue
		}
		p.due = w.step + announceSteps
		if !p.m.r.Chance(w.LostPPM) {
			w.hear(p)
		}
	}
}

// hear is an announce that arrives: what moved since the last one is spread evenly over the time
// between them, billed, and claimed (ECONOMY §3).
func (w *world) hear(p *peer) {
	p.t.introduce(p)
	w.note(p)
	from, to := p.told.at, w.step
	up, down := p.up-p.told.up, p.down-p.told.down
	p.probed = p.probed || p.m.reachable && to-from > 0
	p.recent, p.gap = 0, to-from
	for e := from / stepsPerEpoch; from < to; e++ {
		end := min(to, (e+1)*stepsPerEpoch)
		part := func(b bt.Bytes) bt.Bytes { return b * bt.Bytes(end-from) / bt.Bytes(to-from) }
		upNow, downNow := part(up), part(down)
		w.claim(p, e, from, end, upNow)
		w.bill(p, e, from, end, downNow)
		up, down, from = up-upNow, down-downNow, end
	}
	p.told = counters{p.up, p.down, w.step}
}

// note is how the tracker learns of a claim to have the torrent.
func (w *world) note(p *peer) {
	switch {
	case p.left > 0:
	case p.claim.ID == 0:
		w.enterClaim(p)
	default:
		if p.claim.State == availability.Lapsed {
			p.claim = p.claim.Enter(w.now())
		}
		w.put(p.claim.Hear(w.now().UnixMilli(), p.claim.Addr, p.claim.PeerID))
	}
}

// present notes that a client was there.
func (u *usage) present(from, to int) {
	ms := func(step int) int64 { return int64(step) * Step.Milliseconds() }
	u.presence.FromMs, u.presence.ToMs = min(u.presence.FromMs, ms(from)), max(u.presence.ToMs, ms(to))
}

// claim adds to what a member says that it uploaded: in the epoch it belongs to, or in the oldest
// whose claims are open.
func (w *world) claim(p *peer, epoch, from, to int, b bt.Bytes) {
	if epoch <= w.settled-openEpochs {
		epoch = w.settled - openEpochs + 1
	}
	u := p.t.book(epoch).row(p.m)
	u.present(from, to)
	switch {
	case p.claim.IsProven(w.Rules.Availability, w.now()):
		u.standing, u.leeching = true, false
	case p.probed && !u.standing:
		u.standing, u.leeching = true, true
	}
	u.claimed += b
	if w.counts(p.m, epoch) {
		p.m.tally.Claimed += b
	}
}

// bill charges what a member says that it downloaded: in the epoch it belongs to, or in the oldest
// that is not settled.
func (w *world) bill(p *peer, epoch, from, to int, b bt.Bytes) {
	epoch = max(epoch, w.settled+1)
	u := p.t.book(epoch).row(p.m)
	u.present(from, to)
	free := min(b, p.m.allowance)
	p.m.allowance -= free
	u.free += free
	b -= free
	p.recent += b
	price := surge.PricePerGiB(w.Rules.Surge, p.t.market.MultiplierPPM)
	p.cost, p.rem = surge.Bill(p.cost, p.rem, b, price)
	due := surge.Due(p.cost, p.rem) - p.billed
	p.billed += due
	u.billed += b
	u.charged += due
	w.post(tokens.Available(p.m.id), tokens.Pot(int64(epoch)), due, tokens.CodeCharge)
	payer := p.m
	if p.t.owner != nil {
		payer = p.t.owner
	}
	if w.counts(payer, epoch) {
		payer.tally.Charged += due
	}
}

// reprice moves the public torrents' prices by the minutes of a step.
func (w *world) reprice() {
	var m surge.Market
	loads := map[bt.MemberID]*surge.SeederLoad{}
	var order []bt.MemberID
	for _, t := range w.torrents {
		state := surge.TorrentState{Torrent: t.id, State: t.market}
		for _, p := range t.peers {
			switch {
			case !p.online:
			case p.left > 0:
				state.Leechers = append(state.Leechers, surge.Leecher{Left: p.left, BilledRecent: w.billedRecently(p)})
			case p.claim.IsProven(w.Rules.Availability, w.now()):
				if loads[p.m.id] == nil {
					loads[p.m.id] = &surge.SeederLoad{Rate: surge.SeederRate(p.m.audited(), p.m.up/seconds)}
					order = append(order, p.m.id)
				}
				loads[p.m.id].Torrents = append(loads[p.m.id].Torrents, t.id)
			}
		}
		m.Torrents = append(m.Torrents, state)
	}
	for _, id := range order {
		m.Seeders = append(m.Seeders, *loads[id])
	}
	for range Step / time.Minute {
		for i, s := range m.Reprice(w.Rules.Surge, time.Minute) {
			m.Torrents[i].State, w.torrents[i].market = s, s
		}
	}
	for _, t := range w.torrents {
		if t.market.MultiplierPPM > surge.PPM {
			t.book(w.epoch()).hot = true
		}
	}
}

// billedRecently is what the last announce was billed, as far as it lies in the price's window.
func (w *world) billedRecently(p *peer) bt.Bytes {
	window := int(w.Rules.Surge.Window / Step)
	if p.gap == 0 || w.step-p.told.at > announceSteps {
		return 0
	}
	return p.recent * bt.Bytes(min(window, p.gap)) / bt.Bytes(p.gap)
}
