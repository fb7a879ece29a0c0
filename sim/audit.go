package sim

import (
	"time"

	"github.com/swarmstake/swarmstake/availability"
)

const pieceLength = 4 * mib

// enterClaim enters a claim that the tracker did not know.
func (w *world) enterClaim(p *peer) {
	w.claims++
	now := w.now().UnixMilli()
	p.claim = availability.Claim{ID: w.claims, Torrent: p.t.id, Member: p.m.id, Bytes: p.t.size, PieceLength: pieceLength,
		Pieces: int(p.t.size / pieceLength), State: availability.Entered, EnteredMs: now, SeenMs: now}
	w.claimants[p.claim.ID] = p
	w.book.Put(w.Rules.Availability, p.claim)
}

// put changes a claim.
func (w *world) put(c availability.Claim) {
	w.claimants[c.ID].claim = c
	w.book.Put(w.Rules.Availability, c)
}

// audit runs the audits that are due.
func (w *world) audit() {
	p, now := w.Rules.Availability, w.now()
	for _, id := range w.book.Overdue(p, now, w.book.Len()) {
		w.put(w.claimants[id].claim.Expire(p, now))
	}
	if w.draws == nil || w.step%stepsPerEpoch == 0 {
		w.draw()
	}
	for {
		due := w.book.Due(p, now, w.draws, p.MaxPerRound)
		for _, a := range due {
			q := w.claimants[a.Claim]
			c, _, _ := availability.Judge(p, now, q.claim, a, q.answer(a))
			w.put(c)
		}
		if len(due) < p.MaxPerRound {
			return
		}
	}
}

// draw freezes the claims from which the audits of the epoch that begins are drawn.
func (w *world) draw() {
	p, now := w.Rules.Availability, w.now()
	var frozen []availability.Frozen
	for c := range w.book.All() {
		if c.IsProven(p, now) {
			frozen = append(frozen, availability.Frozen{Claim: c.ID, Torrent: c.Torrent, Bytes: c.Bytes, PieceLength: c.PieceLength, Pieces: c.Pieces})
		}
	}
	seed := availability.Seed{0: byte(w.epoch()), 1: byte(w.epoch() >> 8), 2: byte(w.Seed)}
	w.draws = availability.NewDraws(p, seed, now.UnixMilli(), frozen)
}

// answer is what an audit sees of the client.
func (p *peer) answer(a availability.Audit) availability.Outcome {
	if !p.online || !p.m.hasData() {
		return availability.Outcome{Unreachable: true, Elapsed: time.Minute}
	}
	o := availability.Outcome{Bytes: 16 * mib, Elapsed: time.Second}
	for _, target := range a.Targets {
		o.Results = append(o.Results, availability.Result{Target: target, Verdict: availability.Passed})
	}
	return o
}
