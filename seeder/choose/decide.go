package choose

import (
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// spareRounds are the rounds of a plan beyond its additions: some keep what an earlier one gave up.
const spareRounds = 64

// Decide returns what to host. Torrents and Held must name each torrent once.
//
// The plan grows in rounds. Each adds the best torrent that fits, or exchanges the least valuable
// ones for better ones, as a plan for the state so far would: once a plan is carried out, another
// with the same figures, less what was spent, changes nothing, unless MaxChanges hindered the first.
//
// What is pinned by hand comes first, at once and whatever it costs: the tracker tells the operator
// what is missing. Interests come next; they need not pay back, but only Spend is spent on them. The
// rest of the disk is to earn.
func Decide(in Input) Plan {
	in.Options = in.Options.withDefaults()
	in.Quota = size(in.Quota)
	p := &planner{Input: &in, items: in.items(), spend: max(0, in.Spend), allowance: max(0, in.Allowance)}
	for _, i := range p.items {
		i.est = in.estimate(&i.Torrent, nil)
	}
	p.share = p.reach()
	for _, i := range p.items {
		if i.present {
			i.est = in.estimate(&i.Torrent, i.held)
			p.used += i.Size
		}
	}
	p.dropUnwanted()
	p.appraise()
	p.shrink()
	p.pin()
	for range in.Options.MaxChanges + spareRounds {
		p.appraise()
		if !p.add(byInterest) && !p.exchange(byInterest) && !p.add(byEarnings) && !p.exchange(byEarnings) {
			break
		}
	}
	return p.plan()
}

// planner is a plan under way.
type planner struct {
	*Input
	items     []*item
	share     portions // as far as collateral and uplink reach once the disk is full
	used      bt.Bytes
	spend     tokens.Amount // left
	allowance bt.Bytes      // left
	changes   int           // additions of what is not pinned
}

// reach returns the portions of a full disk. They depend on the market and the disk alone: else each
// torrent that is added would change what all others are worth.
func (p *planner) reach() portions {
	alone := portions{ppm, ppm}
	items := slices.DeleteFunc(slices.Clone(p.items), func(i *item) bool { return !i.listed || i.class == byNobody })
	for _, i := range items {
		i.gain, _ = p.gain(i.est, alone)
	}
	slices.SortFunc(items, better)
	left, claimed, served := p.Quota, bt.Bytes(0), bt.Bytes(0)
	for _, i := range items {
		if i.Size > left {
			continue
		}
		left -= i.Size
		served += i.est.served
		if i.Approved {
			claimed += i.Size
		}
	}
	return p.portionsOf(claimed, served)
}

// appraise says of each torrent what it would bring within the horizon, less what it costs to fetch
// with what is left, with caution. A part of the disk is held for torrents that are expected to be wanted: in it
// they count as if their trend held.
func (p *planner) appraise() {
	var rising []*item
	hopes := make(map[*item]tokens.Amount)
	for _, i := range p.items {
		i.cost, i.free = 0, 0
		if !i.present {
			i.cost, i.free = p.fetching(&i.Torrent, p.allowance)
		}
		gain, hope := p.gain(i.est, p.share)
		i.gain, i.position = gain-caution*i.cost, false
		if i.class == byEarnings && i.est.rising && (i.present || p.affordable(i.cost)) {
			rising, hopes[i] = append(rising, i), hope-caution*i.cost
		}
	}
	slices.SortFunc(rising, func(a, b *item) int {
		if a.present != b.present {
			return map[bool]int{true: -1, false: 1}[a.present]
		}
		return perByte(hopes[b], b.Size, hopes[a], a.Size)
	})
	left := bt.Bytes(tokens.MulDiv(int64(p.Quota), p.Options.Position, ppm))
	for _, i := range rising {
		if i.Size <= left {
			left -= i.Size
			i.position, i.gain = true, hopes[i]
		}
	}
}

func (p *planner) affordable(cost tokens.Amount) bool {
	return cost == 0 || p.MayPay && cost <= p.spend
}

// worth is what an item counts in an exchange.
func (i *item) worth() tokens.Amount { return max(0, i.gain) }

// candidates returns what might be added of a class, best first.
func (p *planner) candidates(c class) (out []*item) {
	for _, i := range p.items {
		if i.class == c && !i.present && i.listed && (i.gain > 0 || c == byInterest) && i.Size <= p.Quota && p.affordable(i.cost) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, better)
	return out
}

// add adds the first of a class to take what is free.
func (p *planner) add(c class) bool {
	chosen, _ := p.fill(p.candidates(c), p.Quota-p.used)
	if len(chosen) == 0 {
		return false
	}
	p.place(chosen[0])
	return true
}

// mayChange reports whether one more may be added beside so many; what the plan gave up comes back
// for nothing.
func (p *planner) mayChange(i *item, beside int) bool {
	return i.held != nil || p.changes+beside < p.Options.MaxChanges
}

// place adds an item, or keeps what was to be given up.
func (p *planner) place(i *item) {
	i.present, i.dropped, i.by = true, "", nil
	p.used += i.Size
	if i.held != nil {
		i.est = p.estimate(&i.Torrent, i.held)
		i.cost, i.free = 0, 0
		return
	}
	i.est = p.estimate(&i.Torrent, &Held{Size: i.Size, Since: p.Now, Own: true})
	i.added, i.charged, i.took = true, i.cost, i.free
	p.allowance -= i.free
	if i.class != byHand {
		p.spend -= i.cost
		p.changes++
	}
}

// drop gives an item up, for another if there is one.
func (p *planner) drop(i *item, why Why, by *item) {
	i.present, i.dropped, i.by = false, why, by
	i.est = p.estimate(&i.Torrent, nil)
	p.used -= i.Size
}
