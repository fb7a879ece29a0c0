package seeder

import (
	"slices"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// planner keeps the plan that is being carried out.
type planner struct {
	mu       sync.Mutex
	plan     choose.Plan
	at       time.Time // of the plan; zero: none yet
	tried    time.Time
	problem  string
	again    bool                          // a plan is wanted before its time
	basis    string                        // the settings that the plan came from
	dropping map[bt.InfoHash]bool          // what is being given up
	expected map[bt.InfoHash]tokens.Amount // per day, of what is hosted
}

func (p *planner) soon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again = true
}

// drop has a torrent given up before the next plan.
func (p *planner) drop(ih bt.InfoHash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dropping == nil {
		p.dropping = map[bt.InfoHash]bool{}
	}
	p.dropping[ih] = true
}

func (p *planner) dropped(ih bt.InfoHash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.dropping, ih)
}

func (p *planner) drops(ih bt.InfoHash) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropping[ih]
}

// due reports whether a plan is to be made now.
func (p *planner) due(now time.Time, every time.Duration, basis string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	early := p.again || p.basis != basis
	if now.Sub(p.tried) < every && !(early && now.Sub(p.tried) >= min(planPause, every)) {
		return false
	}
	p.tried, p.again, p.basis = now, false, basis
	return true
}

// take replaces the plan. What the last one gave up and this one does not is kept after all.
func (p *planner) take(plan choose.Plan, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.at, p.problem = plan, now, ""
	p.dropping = map[bt.InfoHash]bool{}
	for _, c := range plan.Drop {
		p.dropping[c.InfoHash] = true
	}
	p.expected = map[bt.InfoHash]tokens.Amount{}
	for _, c := range slices.Concat(plan.Keep, plan.Add, plan.Drop) {
		p.expected[c.InfoHash] = c.PerDay()
	}
}

// perDay is what a torrent is expected to earn in a day, by the last plan that knew it.
func (p *planner) perDay(ih bt.InfoHash, otherwise tokens.Amount) tokens.Amount {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.expected[ih]; ok {
		return a
	}
	return otherwise
}

func (p *planner) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problem = err.Error()
}

func (p *planner) latest() (plan choose.Plan, at time.Time, problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plan, p.at, p.problem
}
