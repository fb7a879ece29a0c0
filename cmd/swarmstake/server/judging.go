package server

import (
	"context"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
)

// answer hands an outcome to the judge.
func (a *auditor) answer(ctx context.Context, j store.Judgement) {
	if ctx.Err() != nil || j.Carrier == availability.Wire && a.outage(a.server.now(), j.Claim, j.Outcome) {
		j.Outcome.OurSide = true
	}
	a.learn(ctx, j.Audit.Claim, j.Claim.Torrent, j.Outcome.Learned)
	a.answers <- j
}

// judge has outcomes judged, many in one transaction, until the channel is closed.
func (a *auditor) judge(ctx context.Context) {
	defer close(a.judging)
	for first := range a.answers {
		batch := []store.Judgement{first}
		for len(batch) < maxJudged && len(a.answers) > 0 {
			batch = append(batch, <-a.answers)
		}
		a.judgeBatch(ctx, batch)
	}
}

func (a *auditor) judgeBatch(ctx context.Context, batch []store.Judgement) {
	s := a.server
	batch = slices.DeleteFunc(batch, a.overtaken)
	if len(batch) == 0 {
		return
	}
	judged, err := s.store.JudgeAudits(ctx, s.rules().Availability, batch)
	switch {
	case err != nil && len(batch) > 1: // one that cannot be judged holds up no others
		for i := range batch {
			a.judgeBatch(ctx, batch[i:i+1:i+1])
		}
		return
	case err != nil:
		s.log.Error("an audit could not be recorded; it is repeated", "claim", batch[0].Audit.Claim, "error", err)
		a.done(batch[0].Audit.Claim)
		return
	}
	for i, j := range judged {
		a.put([]store.ClaimRow{j.Row})
		a.done(j.Row.ID)
		if j.Verdict != availability.Inconclusive && j.Verdict != availability.Offline {
			a.uninvite(j.Row.ID)
		}
		a.tell(batch[i], j)
	}
}

// overtaken reports whether an answer came too late: another audit of the claim was judged since it was
// asked.
func (a *auditor) overtaken(j store.Judgement) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.book.Get(j.Audit.Claim)
	return !ok || c.Judgements != j.Claim.Judgements
}

func (a *auditor) tell(asked store.Judgement, j store.Judged) {
	s, c := a.server, j.Row.Claim
	s.log.Debug("audit", "audit", j.Audit, "claim", c.ID, "node", c.Node, "kind", asked.Audit.Kind.String(), "carrier", asked.Carrier.String(),
		"verdict", j.Verdict.String(), "reason", asked.Outcome.Reason, "slashed", j.Slashed)
	if j.Slashed > 0 {
		s.log.Info("slashed", "node", c.Node, "torrent", c.Torrent, "audit", j.Audit, "verdict", j.Verdict.String(), "amount", j.Slashed.String())
	}
	s.notify(Event{Audit: &AuditEvent{Claim: c, Kind: asked.Audit.Kind, Verdict: j.Verdict, Confirmed: j.Effects.Confirmed, Slashed: j.Slashed, Reason: asked.Outcome.Reason}})
}

// finish waits for what is under way and has it judged.
func (a *auditor) finish() {
	a.wg.Wait()
	close(a.answers)
	<-a.judging
}

// dial remembers how the last connection to a seeder ended.
type dial struct {
	at          time.Time
	unreachable bool
}

// dialMemory is how far back dials tell of an outage of ours.
const dialMemory = 10 * time.Minute

// outage notes how a dial ended and reports whether it looks as if we were the ones cut off: then the
// audit counts for nothing. Each seeder counts once, and only one that could be dialled before: of who is
// behind NAT, or away since long, a dial says nothing about us.
func (a *auditor) outage(now time.Time, c availability.Claim, out availability.Outcome) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !out.Unreachable || c.RTT > 0 && c.Passed > 0 && c.Retries == 0 && c.Unreachable == 0 {
		a.dials[store.SeederKey{Member: c.Member, Node: c.Node}] = dial{now, out.Unreachable}
	}
	failed := 0
	for k, d := range a.dials {
		switch {
		case now.Sub(d.at) > dialMemory:
			delete(a.dials, k)
		case d.unreachable:
			failed++
		}
	}
	return out.Unreachable && availability.OurOutage(a.server.rules().Availability, now, a.heard.UnixMilli(), len(a.dials), failed)
}
