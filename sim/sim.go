// Package sim runs the economy without a network: members with clients of their own, honest and
// not, a clock, and between them the rules that the server runs (surge, availability, settle, the
// reference ledger of tokens). It is where a rule is tried before anybody's money depends on it,
// and where the figures that the documentation states of the rules come from.
//
// What is modelled: uploads and downloads in steps of five minutes, announces every half hour that
// may be lost, crashes that lose what was not announced, clients that go offline, peers who meet
// only as the tracker introduces them, audits, prices, and every settlement with its reopenings,
// honesty, probation and hot bonus. What is not: peers' protocol, latency, the meter's handling of
// counters that fall (package swarm has its own tests), and people who react to each other.
//
// It promises: a run is a function of the scenario and its seed, the same on every machine; every
// token goes through the ledger, whose sums a run checks; honest members act alike whoever else is
// there, so that two scenarios of one seed differ by what the others do.
package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The clock, in steps.
const (
	Step          = 5 * time.Minute
	stepsPerEpoch = int(time.Hour / Step)
	stepsPerDay   = 24 * stepsPerEpoch
	announceSteps = int(30 * time.Minute / Step)
	auditSteps    = int(10 * time.Minute / Step)
	settleDelay   = int(45 * time.Minute / Step) // after an epoch's end (ECONOMY §5)
	openEpochs    = 2                            // settlements after its own for which an epoch's claims stay open
)

// start is when the first step begins; proofs and audits count in unix time.
var start = time.UnixMilli(1_700_000_000_000)

// Rules are the parameters in force.
type Rules struct {
	Settle       settle.Params
	Surge        surge.Params
	Availability availability.Params
}

// DefaultRules returns the defaults of ECONOMY.
func DefaultRules() Rules {
	return Rules{Settle: settle.DefaultParams(), Surge: surge.DefaultParams(), Availability: availability.DefaultParams()}
}

// check says which rule cannot be, or not in a simulator whose days are made of hours.
func (r Rules) check() error {
	if d := r.Settle.HonestyDay; d < time.Hour || d%time.Hour != 0 || r.Settle.HonestyWindow < d {
		return fmt.Errorf("a day of honesty of %v in a window of %v: the simulator wants whole hours", d, r.Settle.HonestyWindow)
	}
	return errors.Join(r.Settle.Validate(), r.Surge.Validate(), r.Availability.Validate())
}

// world is a run under way.
type world struct {
	Scenario
	step      int
	members   []*member
	torrents  []*torrent
	ledger    *tokens.Ledger
	posts     int64 // transfers so far
	claims    int64 // claims to seed that were entered so far
	claimants map[int64]*peer
	book      *availability.Book
	draws     *availability.Draws
	settled   int   // the last epoch that is; -1: none
	days      []day // honesty of the days that are over
	held      []held
	unclaimed bt.Bytes // admitted, and nobody could be paid for them
	err       error    // the first one; nothing counts after it
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
		w.tick()
		if w.err != nil {
			return Report{}, fmt.Errorf("simulate %s at %v: %w", s.Name, time.Duration(w.step)*Step, w.err)
		}
	}
	w.finish()
	if w.err != nil {
		return Report{}, fmt.Errorf("simulate the end of %s: %w", s.Name, w.err)
	}
	if progress != nil {
		progress(s.Days, s.Days)
	}
	return w.report(), nil
}

// tick is one step: what clients do, what moves, what they say of it, and what the tracker does
// then.
func (w *world) tick() {
	for _, m := range w.members {
		w.act(m)
	}
	for _, t := range w.torrents {
		t.gather()
	}
	for _, t := range w.torrents {
		w.transfer(t)
	}
	w.step++
	for _, t := range w.torrents {
		w.announces(t)
	}
	if w.step%auditSteps == 0 {
		w.audit()
	}
	w.reprice()
	if e := w.step/stepsPerEpoch - 1; e >= 0 && w.step%stepsPerEpoch == settleDelay {
		w.settleEpoch(e)
	}
}

// finish has everybody announce for the last time and settles what is open.
func (w *world) finish() {
	for _, t := range w.torrents {
		for _, p := range t.peers {
			if p.online {
				w.hear(p)
			}
		}
	}
	last := w.step/stepsPerEpoch - 1
	for e := last; e <= last+openEpochs; e++ {
		w.step = (e+1)*stepsPerEpoch + settleDelay
		w.settleEpoch(e)
	}
	w.closeDay(last / w.dayEpochs())
	if sum := w.ledger.Imbalance(tokens.Token); sum != 0 {
		w.fail(fmt.Errorf("the ledger is off by %d utok", sum))
	}
}

// fail keeps the first error.
func (w *world) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// post moves money.
func (w *world) post(from, to tokens.Account, a tokens.Amount, code tokens.Code) {
	if a == 0 {
		return
	}
	w.posts++
	w.fail(w.ledger.Post([]tokens.Transfer{{ID: fmt.Sprintf("sim/%d", w.posts), Asset: tokens.Token, From: from, To: to,
		Amount: a, Code: code, Ref: "sim", AtMs: w.now().UnixMilli()}}))
}

func (w *world) now() time.Time { return start.Add(time.Duration(w.step) * Step) }

func (w *world) epoch() int { return w.step / stepsPerEpoch }

// measured reports whether the epoch counts: the warm-up does not.
func (w *world) measured(epoch int) bool { return epoch >= w.Warmup*24 }

func (w *world) member(id bt.MemberID) *member { return w.members[id-1] }
