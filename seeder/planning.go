package seeder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
)

const (
	// planTime bounds the questions that a plan takes.
	planTime = 2 * time.Minute
	// planPause is the least time between two plans, however often the settings change.
	planPause = 5 * time.Second
	// forecastEvery is how much rarer plans are that nothing follows from.
	forecastEvery = 12
)

// basis is what of the settings a plan depends on.
func (s Settings) basis() string {
	b, _ := json.Marshal([]any{s.Auto, s.Interests, s.Pinned, s.QuotaBytes, s.Spend, s.MinHold})
	return string(b)
}

// planIfDue makes a plan and carries it out. Where everything is pinned the plan only says what to
// expect, and is made more rarely.
func (d *Daemon) planIfDue(ctx context.Context) {
	s, every := d.settings(), d.cfg.AutoEvery
	if !s.chooses() {
		every *= forecastEvery
	}
	if s.paused(d.now()) || !d.planner.due(d.now(), every, s.basis()) {
		return
	}
	asking, cancel := context.WithTimeout(ctx, planTime)
	in, err := d.planInput(asking)
	cancel()
	if err != nil {
		if ctx.Err() == nil && s.chooses() {
			d.log.Warn("cannot plan what to host; keeping what there is", "error", err)
			d.planner.failed(err)
		}
		return
	}
	plan := choose.Decide(in)
	if !s.chooses() {
		plan.Drop = nil // it only says what to expect: what is not wanted any more keeps its files
	}
	d.planner.take(plan, d.now())
	d.forecast(plan, in.Bias)
	if s.chooses() {
		d.carryOut(ctx, plan)
	}
}

// carryOut gives up what the plan drops, in the next round, and hosts what it adds.
func (d *Daemon) carryOut(ctx context.Context, plan choose.Plan) {
	for _, c := range plan.Drop {
		d.log.Info("giving up", "torrent", c.Name, "infohash", c.InfoHash.String(), "reason", c.Words)
	}
	d.addPlanned(ctx, plan)
}

// addPlanned hosts what the plan adds. What finds no room yet waits for the next plan: what is given
// up for it is served until the server lets it go.
func (d *Daemon) addPlanned(ctx context.Context, plan choose.Plan) {
	for _, c := range plan.Add {
		if ctx.Err() != nil || d.isHosted(c.InfoHash) || d.isAway(c.InfoHash) {
			continue
		}
		err := d.buy(ctx, c)
		var room *ErrQuota
		switch {
		case errors.As(err, &room) && len(plan.Drop) > 0:
			d.planner.soon()
		case err != nil:
			d.log.Warn("cannot host a chosen torrent", "torrent", c.Name, "infohash", c.InfoHash.String(), "reason", err)
		default:
			d.log.Info("chosen", "torrent", c.Name, "infohash", c.InfoHash.String(), "reason", c.Words)
		}
	}
}

// buy hosts a torrent that was chosen. What it costs is remembered before the fetch: a kill, or a disk
// that cannot remember it, must not let it be spent again.
func (d *Daemon) buy(ctx context.Context, c choose.Choice) error {
	if err := addSpent(d.cfg.StateDir, d.now(), c.Cost); err != nil {
		return fmt.Errorf("remembering what is spent: %w", err)
	}
	err := d.fetchAndHost(ctx, c.InfoHash, hosting{why: c.Why, expected: c.PerDay()})
	if err == nil {
		return nil
	}
	return errors.Join(err, addSpent(d.cfg.StateDir, d.now(), -c.Cost))
}
