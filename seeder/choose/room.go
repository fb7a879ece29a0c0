package choose

import (
	"cmp"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// dropUnwanted gives up what the operator does not want any more.
func (p *planner) dropUnwanted() {
	for _, i := range p.items {
		if i.present && i.class == byNobody {
			p.drop(i, Unwanted, nil)
		}
	}
}

// shrink gives up what does not fit any more, the least valuable first: what was fetched, then what
// the operator brought, then what is pinned.
func (p *planner) shrink() {
	var held []*item
	for _, i := range p.items {
		if i.present {
			held = append(held, i)
		}
	}
	rank := func(i *item) int {
		switch {
		case i.movable():
			return 0
		case i.class != byHand:
			return 1
		}
		return 2
	}
	slices.SortFunc(held, func(a, b *item) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), worse(a, b)) })
	var gone []*item
	for _, i := range held {
		if p.used > p.Quota {
			p.drop(i, NoRoom, nil)
			gone = append(gone, i)
		}
	}
	p.spare(gone)
}

// spare keeps what still fits of what was to be given up, the best first.
func (p *planner) spare(worstFirst []*item) {
	for _, i := range slices.Backward(worstFirst) {
		if i.Size <= p.Quota-p.used {
			p.place(i)
		}
	}
}

// pin adds what is pinned by hand, in the operator's order. It takes the room of what was fetched for
// less, also before its holding time is over.
func (p *planner) pin() {
	byHash := make(map[bt.InfoHash]*item, len(p.items))
	for _, i := range p.items {
		byHash[i.InfoHash] = i
	}
	for _, h := range p.Pinned {
		if i := byHash[h]; i != nil && !i.present && i.held == nil {
			p.makeRoom(i)
		}
	}
}

// makeRoom adds an item if there can be room for it.
func (p *planner) makeRoom(i *item) {
	i.cost, i.free = p.fetching(&i.Torrent, p.allowance)
	var movable []*item
	room := p.Quota - p.used
	for _, v := range p.items {
		if v.movable() {
			movable = append(movable, v)
			room += v.Size
		}
	}
	if i.Size > room {
		return
	}
	slices.SortFunc(movable, worse)
	var gone []*item
	for _, v := range movable {
		if i.Size > p.Quota-p.used {
			p.drop(v, Outranked, i)
			gone = append(gone, v)
		}
	}
	p.place(i)
	p.spare(gone)
}

// exchange gives up the least valuable of what may be given up for better ones of a class, and reports
// whether there are some: those that take the place promise more than all those that leave it by the
// hysteresis. What is held for less than a wish gives way to one.
func (p *planner) exchange(c class) bool {
	candidates := p.candidates(c)
	if len(candidates) == 0 {
		return false
	}
	var gone []*item
	var lost tokens.Amount
	room := p.Quota - p.used
	for _, v := range p.victims(c) {
		if v.class == c {
			if !p.outranks(candidates[0], v) {
				return false
			}
			lost += v.worth()
		}
		gone, room = append(gone, v), room+v.Size
		chosen, won := p.fill(candidates, room)
		if len(chosen) > 0 && (v.class > c || exceeds(won, lost, p.Options.Hysteresis)) {
			p.swap(gone, chosen)
			return true
		}
	}
	return false
}

// victims returns what may be given up for one of a class, the least valuable first.
func (p *planner) victims(c class) (out []*item) {
	for _, i := range p.items {
		if i.class >= c && i.movable() && !p.holding(i) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, worse)
	return out
}

// outranks reports whether a promises enough more per byte than b; if not, no others than a do.
func (p *planner) outranks(a, b *item) bool {
	margin := tokens.Amount(muldiv(int64(b.worth()), p.Options.Hysteresis, ppm))
	return perByte(a.worth(), a.Size, b.worth()+margin, b.Size) > 0
}

// fill returns which of the candidates would take a room, best first, and what they are worth: those
// that promise most per byte, or the one that promises most with what fits beside it, if that is more
// (the usual approximation of a knapsack; a small disk may hold one large torrent or none).
func (p *planner) fill(candidates []*item, room bt.Bytes) ([]*item, tokens.Amount) {
	chosen, won, full := p.greedy(candidates, room)
	var most *item
	for _, i := range candidates {
		if i.Size <= room && (most == nil || i.worth() > most.worth()) {
			most = i
		}
	}
	if !full || most == nil {
		return chosen, won
	}
	first := append([]*item{most}, slices.DeleteFunc(slices.Clone(candidates), func(i *item) bool { return i == most })...)
	if other, more, _ := p.greedy(first, room); more > won {
		return other, more
	}
	return chosen, won
}

// greedy takes the candidates in their order as far as they fit and may be paid for; full: some did
// not fit.
func (p *planner) greedy(candidates []*item, room bt.Bytes) (chosen []*item, won tokens.Amount, full bool) {
	allowance, spend, added := p.allowance, p.spend, 0
	for _, i := range candidates {
		if !p.mayChange(i, added) {
			continue
		}
		if i.Size > room {
			full = true
			continue
		}
		cost, free := p.fetching(&i.Torrent, allowance)
		worth := i.worth() - caution*(cost-i.cost)
		if cost > 0 && (!p.MayPay || cost > spend) || worth <= 0 && i.class != byInterest {
			continue
		}
		chosen, won, room = append(chosen, i), won+max(0, worth), room-i.Size
		if i.held == nil {
			allowance, spend, added = allowance-free, spend-cost, added+1
		}
	}
	return chosen, won, full
}

// swap carries an exchange out.
func (p *planner) swap(gone, chosen []*item) {
	for _, i := range gone {
		p.drop(i, Outranked, chosen[0])
	}
	for _, i := range chosen {
		i.cost, i.free = p.fetching(&i.Torrent, p.allowance)
		p.place(i)
	}
	p.spare(gone)
}
