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
}

// audit runs the audits that are due.
func (w *world) audit() {
	p, now := w.Rules.Availability, w.now()
	peers := map[int64]*peer{}
	var claims []availability.Claim
	for _, t := range w.torrents {
		for _, q := range t.peers {
			if q.claim.ID == 0 {
				continue
			}
			q.claim = q.claim.Expire(p, now)
			peers[q.claim.ID] = q
			claims = append(claims, q.claim)
		}
	}
	seed := availability.Seed{0: byte(w.epoch()), 1: byte(w.epoch() >> 8), 2: byte(w.Seed)}
	for _, a := range availability.Schedule(p, now, claims, seed) {
		q := peers[a.Claim]
		q.claim, _, _ = availability.Judge(p, now, q.claim, a, q.answer(a))
	}
}

// answer is what an audit sees of the client.
func (p *peer) answer(a availability.Audit) availability.Outcome {
	if !p.online || !p.m.hasData() {
		return availability.Outcome{Unreachable: true, Elapsed: time.Minute}
	}
	o := availability.Outcome{Bytes: 16 * mib, Elapsed: time.Second}
	for _, piece := range a.Pieces {
		o.Pieces = append(o.Pieces, availability.PieceResult{Piece: piece, Verdict: availability.Passed})
	}
	return o
}
