package choose

import (
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxPassed bounds Plan.Passed.
const maxPassed = 20

// plan says what the rounds came to.
func (p *planner) plan() Plan {
	p.appraise()
	slices.SortFunc(p.items, better)
	now := p.reached()
	out := Plan{Used: p.used}
	for _, i := range p.items {
		switch {
		case i.added:
			out.Add = append(out.Add, p.choice(i, p.whyAdded(i), now))
			out.Cost += i.charged
		case i.present:
			out.Keep = append(out.Keep, p.choice(i, p.whyKept(i), now))
		case i.held != nil:
			out.Drop = append(out.Drop, p.choice(i, i.dropped, p.share))
		case i.class != byNobody && len(out.Passed) < maxPassed:
			out.Passed = append(out.Passed, p.choice(i, p.whyPassed(i), p.share))
		}
	}
	slices.Reverse(out.Drop)
	return out
}

// reached returns the portions of what the plan hosts.
func (p *planner) reached() portions {
	var claimed, served bt.Bytes
	for _, i := range p.items {
		if i.present {
			served += i.est.served
			if i.Approved {
				claimed += i.Size
			}
		}
	}
	return p.portionsOf(claimed, served)
}

func (p *planner) choice(i *item, why Why, at portions) Choice {
	c := Choice{InfoHash: i.InfoHash, Name: i.Name, Size: i.Size, Why: why}
	c.Hosting, c.Upload = at.of(i.est)
	switch {
	case i.added:
		c.Hosting, c.Upload = at.of(p.estimate(&i.Torrent, nil)) // as it was when it was chosen
		c.Cost, c.Free = i.charged, i.took
	case i.held == nil:
		c.Cost, c.Free = i.cost, i.free
	}
	c.Words = p.words(i, c)
	return c
}

func (p *planner) whyAdded(i *item) Why {
	switch {
	case i.class == byHand:
		return Pinned
	case i.class == byInterest:
		return Interested
	case i.position:
		return Rising
	}
	return Earning
}

func (p *planner) whyKept(i *item) Why {
	switch why := p.whyAdded(i); {
	case why != Earning:
		return why
	case p.holding(i):
		return Holding
	}
	return Steady
}

func (p *planner) whyPassed(i *item) Why {
	switch {
	case i.Size > p.Quota, i.class == byHand:
		return NoRoom
	case i.gain+caution*i.cost <= 0 && !i.Approved && i.class == byEarnings:
		return NotApproved
	case !p.affordable(i.cost), i.class == byEarnings && i.gain <= 0:
		return NoFunds
	case !p.mayChange(i, 0):
		return Later
	case i.class == byInterest:
		return NoRoom
	}
	return Outranked
}
