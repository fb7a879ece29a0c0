package availability

import (
	"cmp"
	"slices"
	"time"
)

// Due returns up to limit audits that are due now, and at most p.MaxPerRound: further looks first,
// then one of each kind in turn, so that a flood of new claims keeps nobody from being renewed. They
// are under way until Put after the judgement, Done, or p.AuditTimeout. What is drawn in a window and
// not asked in it for the limit is not asked.
func (b *Book) Due(p Params, now time.Time, d *Draws, limit int) []Audit {
	b.use(p)
	b.turn(now, d)
	r := round{b, p, now, min(limit, p.MaxPerRound), nil}
	for r.begin(r.timed(RecheckKind)) {
	}
	for more := true; more; {
		entry := r.begin(r.timed(EntryKind))
		drawn := r.begin(r.timed(DrawnKind)) || r.begin(r.listed())
		renewal := r.begin(r.timed(RenewalKind))
		more = entry || drawn || renewal
	}
	return r.audits
}

// turn lists the claims on a new window's torrents.
func (b *Book) turn(now time.Time, d *Draws) {
	w := d.Window(now)
	if d == b.draws && w == b.window {
		return
	}
	for _, e := range b.drawn {
		e.drawn = false
	}
	b.draws, b.window, b.drawn = d, w, nil
	for _, t := range d.Torrents(w) {
		first := len(b.drawn)
		for _, e := range b.swarms[t] {
			b.draw(e)
		}
		slices.SortFunc(b.drawn[first:], func(x, y *entry) int { return cmp.Compare(x.claim.ID, y.claim.ID) })
	}
}

// winner says whether the claim's torrent is drawn now.
func (b *Book) winner(c *Claim) func() bool {
	return func() bool { return b.draws.Drawn(b.window, c.Torrent) }
}

// round collects what is due.
type round struct {
	*Book
	p      Params
	now    time.Time
	limit  int
	audits []Audit
}

// timed returns the next entry whose time for an audit of that kind came, and the audit's kind now.
func (r *round) timed(k Kind) (*entry, Kind) {
	for len(r.audits) < r.limit {
		e := r.Book.audits[k].take(r.now.UnixMilli())
		if e == nil {
			break
		}
		if kind, ok := r.due(e); ok {
			return e, kind
		}
		// It was given up in another window, or is a standard client that is silent: no alarm until it
		// is heard of.
		if kind, at, ok := e.claim.next(r.p); ok && at > r.now.UnixMilli() {
			e.audit.set(&r.Book.audits[kind], at)
		}
	}
	return nil, 0
}

// listed returns the next entry that is due as its torrent is drawn.
func (r *round) listed() (*entry, Kind) {
	for len(r.audits) < r.limit && len(r.drawn) > 0 {
		e := r.drawn[0]
		r.drawn, e.drawn = r.drawn[1:], false
		if r.claims[e.claim.ID] != e {
			continue
		}
		if kind, ok := r.due(e); ok && kind == DrawnKind {
			return e, kind
		}
	}
	return nil, 0
}

func (r *round) due(e *entry) (Kind, bool) {
	return e.claim.due(r.p, r.now, r.winner(&e.claim), r.draws.windowStart(r.window))
}

// begin marks the entry's audit as under way. It reports whether there is one.
func (r *round) begin(e *entry, kind Kind) bool {
	if e == nil {
		return false
	}
	r.audits = append(r.audits, r.draws.audit(r.p, e.claim, kind))
	e.claim = e.claim.Begin(r.p, r.now)
	e.audit.set(&r.Book.audits[kind], e.claim.BusyUntilMs)
	return true
}
