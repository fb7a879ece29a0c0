package availability

import (
	"slices"
	"time"
)

// Change is what an audit does to a score.
type Change int8

// The changes of a score.
const (
	Worse  Change = -1
	Same   Change = 0
	Better Change = 1
)

// Effects is what follows from a judged audit, for the caller to carry out.
type Effects struct {
	Audit, Online Change // of the two scores
	Confirmed     bool   // a fault was seen often enough on one target, or left behind by a withdrawal
	PriorFaults   int    // confirmed before this one, for SlashAmount
	SlashPPM      int64  // of the torrent's collateral; 0: none; never set for a standard client
	Dropped       bool   // the claim is over for good
	Over          bool   // the claim is not made any more, see Claim.Ended
}

// Judge applies the outcome of an audit to its claim. The Verdict is what this audit saw; what it
// costs is in Effects, and only a further look costs anything.
//
// offline needs both: no connection came about, and the claimant does not announce. One that
// announces but cannot be reached (a firewall, a full backlog) is inconclusive; its proof ends by
// itself.
func Judge(p Params, now time.Time, c Claim, a Audit, o Outcome) (Claim, Verdict, Effects) {
	v, target := o.verdict(a.Targets)
	evaded := a.Kind != RecheckKind && c.gaveUp(a.Targets)
	grown := a.Kind != RecheckKind && !c.Have.Within(a.Have)
	outgrown := grown && v == Passed
	if evaded || outgrown || v == Offline && c.Announces(p, now) {
		v = Inconclusive
	}
	c.Judgements++
	c.BusyUntilMs = 0
	if v != Inconclusive && v != Offline {
		c.Draws++
	}
	var e Effects
	switch stale := (a.Kind == RecheckKind) != (c.Pending != nil); {
	case c.ID != a.Claim || stale || c.Ended():
	case o.OurSide:
		c = c.postpone(p, now, a)
	case outgrown: // of what it claims more nothing was asked
		c = c.connected(p, now, o)
		c.NextMs, c.Open = now.UnixMilli()+ms(p.RetryDelay), nil
		e.Online = Better
	case evaded && c.State == Proven:
		c.State, c.ProvenMs = Entered, 0
		c, e = c.retry(p, now, a)
	default:
		c, e = c.connected(p, now, o).judge(p, now, a, o, v, target)
		if v == Passed {
			c.Rate = o.Rate()
		}
	}
	if grown {
		c.Open = c.half()
	}
	e.Over = c.Ended()
	return c, v, e
}

// judge applies a verdict that counts.
func (c Claim) judge(p Params, now time.Time, a Audit, o Outcome, v Verdict, target Target) (Claim, Effects) {
	switch {
	case v == Inconclusive:
		return c.retry(p, now, a)
	case v == Offline:
		c, e := c.retry(p, now, a)
		e.Online = Worse
		if c.Node == 0 {
			c.State = Lapsed
		}
		return c, e
	}
	c.LastAuditMs, c.NextMs, c.Retries = now.UnixMilli(), 0, 0
	switch {
	case v.fault():
		if c.Pending == nil { // nobody gets rid of questions by failing another one
			c.Open = o.unanswered(target)
		}
		return c.suspect(p, now, v, target)
	case c.Pending != nil:
		// Cleared. A whole audit follows soon: one piece, asked for twice, could have been
		// fetched in between.
		c.Pending = nil
		c.NextMs = now.UnixMilli() + ms(p.RecheckDelay)
		return c, Effects{Online: Better}
	}
	c.State, c.ProvenMs, c.Open = Proven, now.UnixMilli(), nil
	c.Passed++
	return c, Effects{Audit: Better, Online: Better}
}

// gaveUp reports whether a target is not claimed any more. Who gives a piece up while being asked for
// it has to prove the rest anew: otherwise only the pieces asked for would ever have to be had.
func (c Claim) gaveUp(asked []Target) bool {
	return slices.ContainsFunc(asked, func(t Target) bool { return !c.Have.Has(t.Piece) })
}

// half is what stays open when the claim grows: what is new is asked for too, and what is open is not
// forgotten.
func (c Claim) half() []Target { return c.Open[:(len(c.Open)+1)/2] }

// connected notes how the claimant could be reached. A challenge's answer says nothing of that.
func (c Claim) connected(p Params, now time.Time, o Outcome) Claim {
	switch {
	case o.Unreachable && c.Announces(p, now):
		c.Unreachable++
	case o.PeerClient != "" && !o.Incoming:
		c.Unreachable = 0
	}
	if o.RTT > 0 && (c.RTT == 0 || o.RTT < c.RTT) {
		c.RTT = o.RTT
	}
	return c
}

// postpone plans the next attempt after one that our own side spoiled: it counts for nothing.
func (c Claim) postpone(p Params, now time.Time, a Audit) Claim {
	at := now.UnixMilli() + ms(p.RetryDelay)
	if c.Pending == nil {
		c.NextMs, c.Open = at, a.Targets
		return c
	}
	r := *c.Pending
	r.DueMs = at
	c.Pending = &r
	return c
}

// retry plans the next attempt, ever later, at the same targets: nobody can stay silent until it
// likes what it is asked for. A suspicion stays until it is cleared or confirmed: who stays silent
// loses the proof, not the suspicion; and who withdrew the claim meanwhile, as if it were confirmed.
func (c Claim) retry(p Params, now time.Time, a Audit) (Claim, Effects) {
	at := now.UnixMilli() + ms(p.backoff(c.Retries))
	c.Retries++
	if c.Pending == nil {
		c.NextMs, c.Open = at, a.Targets
		return c.Expire(p, now), Effects{}
	}
	r := *c.Pending
	r.Attempts++
	r.DueMs = at
	c.Pending = &r
	if r.Attempts >= p.RecheckAttempts {
		if c.Leaving {
			c, e := c.confirm(p, now)
			e.Online = Same
			return c, e
		}
		c.State = Lapsed
	}
	return c.Expire(p, now), Effects{}
}

// backoff returns RetryDelay·2^retries, at most RetryMax.
func (p Params) backoff(retries int) time.Duration {
	d := p.RetryDelay
	for range retries {
		if d >= p.RetryMax/2 {
			return p.RetryMax
		}
		d *= 2
	}
	return d
}

// suspect records a fault and confirms it when it was seen before on the same target.
func (c Claim) suspect(p Params, now time.Time, v Verdict, target Target) (Claim, Effects) {
	r := Recheck{Target: target, First: v, SinceMs: now.UnixMilli()}
	if c.Pending != nil {
		r = *c.Pending
	}
	e := Effects{Online: Better} // somebody answered
	if v == Corrupt || v == Missing {
		r.Bad, r.Slow = r.Bad+1, 0
	} else {
		e.Audit = Worse
		if r.Slow++; r.Slow == 2 { // twice in a row on one block = missing
			r.Bad, r.Slow = r.Bad+1, 0
		}
	}
	if r.Bad >= p.ConfirmLooks {
		return c.confirm(p, now)
	}
	r.Attempts = 0
	r.DueMs = now.UnixMilli() + ms(p.RecheckDelay)
	c.Pending = &r
	return c, e
}

// confirm counts a fault: the first costs part of the torrent's collateral, and the claim has to
// be proven anew; the second costs the rest, and the claim.
func (c Claim) confirm(p Params, now time.Time) (Claim, Effects) {
	e := Effects{Audit: Worse, Online: Better, Confirmed: true, PriorFaults: c.Faults}
	c.Pending, c.ProvenMs, c.Passed = nil, 0, 0
	c.Faults++
	if c.Faults == 1 {
		if !c.Leaving {
			c.State = Entered
		}
		c.NextMs = now.UnixMilli() + ms(p.RepairDelay)
	} else {
		c.State = Dropped
		e.Dropped = true
	}
	if c.Node != 0 {
		e.SlashPPM = p.faultPPM(e.PriorFaults)
	}
	return c, e
}
