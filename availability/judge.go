package availability

import "time"

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
	Confirmed     bool   // a fault was seen twice on one piece
	PriorFaults   int    // confirmed before this one, for SlashAmount
	SlashPPM      int64  // of the torrent's collateral; 0: none; never set for a standard client
	Dropped       bool   // the claim is over
}

// Judge applies the outcome of an audit to its claim. The Verdict is what this audit saw; what it
// costs is in Effects, and only a second look costs anything.
//
// offline needs both: no connection came about, and the claimant does not announce. One that
// announces but cannot be reached (a firewall, a full backlog) is inconclusive; its proof ends by
// itself.
func Judge(p Params, now time.Time, c Claim, a Audit, o Outcome) (Claim, Verdict, Effects) {
	v, piece := o.verdict(a.Pieces)
	if v == Offline && c.announcing(p, now) {
		v = Inconclusive
	}
	c.BusyUntilMs = 0
	stale := (a.Kind == RecheckKind) != (c.Pending != nil)
	if c.State == Dropped || c.ID != a.Claim || stale {
		return c, v, Effects{}
	}
	switch {
	case v == Inconclusive:
		return c.retry(p, now), v, Effects{}
	case v == Offline:
		c = c.retry(p, now)
		if c.Node == 0 {
			c.State = Lapsed
		}
		return c, v, Effects{Online: Worse}
	}
	c.LastAuditMs, c.NextMs, c.Retries = now.UnixMilli(), 0, 0
	switch {
	case v.fault():
		c, e := c.suspect(p, now, v, piece)
		return c, v, e
	case c.Pending != nil:
		// Cleared. A whole audit follows soon: one piece, asked for twice, could have been
		// fetched in between.
		c.Pending = nil
		c.NextMs = now.UnixMilli() + ms(p.RecheckDelay)
		return c, v, Effects{Online: Better}
	}
	c.State, c.ProvenMs = Proven, now.UnixMilli()
	c.Passed++
	return c, v, Effects{Audit: Better, Online: Better}
}

// retry plans the next attempt, ever later. A suspicion stays until it is cleared or confirmed:
// who stays silent loses the proof, not the suspicion.
func (c Claim) retry(p Params, now time.Time) Claim {
	delay := p.backoff(c.Retries)
	c.Retries++
	if c.Pending == nil {
		c.NextMs = now.UnixMilli() + ms(delay)
		return c.Expire(p, now)
	}
	r := *c.Pending
	r.Attempts++
	r.DueMs = now.UnixMilli() + ms(delay)
	c.Pending = &r
	if r.Attempts >= p.RecheckAttempts {
		c.State = Lapsed
	}
	return c.Expire(p, now)
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

// suspect records a fault and confirms it when it was seen before on the same piece.
func (c Claim) suspect(p Params, now time.Time, v Verdict, piece int) (Claim, Effects) {
	r := Recheck{Piece: piece, First: v, SinceMs: now.UnixMilli()}
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
	if r.Bad >= 2 {
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
	c.Pending, c.ProvenMs = nil, 0
	c.Faults++
	if c.Faults == 1 {
		c.State = Entered
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
