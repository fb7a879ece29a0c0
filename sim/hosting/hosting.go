// Package hosting plays nodes that host, honest and not, and the audits of them: the rules of package
// availability as the server runs them, with a clock and without a network. The figures that the
// documentation states of audits come from here.
//
// What is modelled: reports every quarter of an hour, epochs with their frozen claims and seeds,
// entry, drawn and renewal audits over peer wire and challenges, whole pieces as far as the limits of
// bytes go, the learned manifest, further looks, scores, slashes, suspension, absence and maintenance,
// attempts to download like a leecher, and outages of the tracker. What is not: bytes, latency, and
// what claims earn (package sim and its scenarios of uploads).
//
// It promises: a run is a function of the scenario and its seed, the same on every machine; each
// node's chances are its own, so that one more node changes nothing for the others; collateral never
// falls below 0.
package hosting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
)

// The clock, in steps.
const (
	Step          = 5 * time.Minute
	stepsPerEpoch = int(time.Hour / Step)
	stepsPerDay   = 24 * stepsPerEpoch
	reportSteps   = int(15 * time.Minute / Step)
	servingSteps  = stepsPerEpoch / 2 // between two attempts to download from a node
)

// start is when the first step begins; proofs and audits count in unix time.
var start = time.UnixMilli(1_700_000_000_000)

// Scenario is who hosts, what happens, and for how long.
type Scenario struct {
	Name   string
	About  string // one line
	Seed   uint64
	Params availability.Params
	// PerGiB is the collateral of a node for each GiB that it claims.
	PerGiB tokens.Amount
	Days   int
	Nodes  int // of each kind of host
	Hosts  []Host
	Outage Outage
}

// check names the first number with which nothing can be played.
func (s Scenario) check() error {
	for _, f := range []struct {
		name           string
		value, min, to int
	}{{"days", s.Days, 1, 400}, {"nodes", s.Nodes, 1, 100_000}, {"kinds of hosts", len(s.Hosts), 1, 100}} {
		if f.value < f.min || f.value > f.to {
			return fmt.Errorf("scenario %s: %d %s: want %d to %d", s.Name, f.value, f.name, f.min, f.to)
		}
	}
	for _, h := range s.Hosts {
		if h.Claims < 1 || h.Content.Pieces < 1 || h.Content.PieceLength < block {
			return fmt.Errorf("scenario %s: hosts %q claim %d torrents of %d pieces of %d bytes: want 1 or more, and blocks of %d bytes",
				s.Name, h.Name, h.Claims, h.Content.Pieces, h.Content.PieceLength, block)
		}
	}
	return s.Params.Validate()
}

// Run plays the scenario. progress, if there is one, is told how many of how many days are over.
func Run(ctx context.Context, s Scenario, progress func(done, total int)) (Report, error) {
	if err := s.check(); err != nil {
		return Report{}, err
	}
	w := newWorld(s)
	for w.step < s.Days*stepsPerDay {
		if w.step%stepsPerDay == 0 {
			if err := ctx.Err(); err != nil {
				return Report{}, err
			}
			if progress != nil {
				progress(w.step/stepsPerDay, s.Days)
			}
		}
		if err := w.tick(); err != nil {
			return Report{}, fmt.Errorf("simulate %s at %v: %w", s.Name, w.elapsed(), err)
		}
	}
	if progress != nil {
		progress(s.Days, s.Days)
	}
	return w.report(), nil
}

// Named returns the scenario of that name.
func Named(name string) (Scenario, error) {
	var names []string
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("no scenario %q: want one of %v", name, names)
}

var errOverdrawn = errors.New("a node lost more than stood behind it")
