package probe

import (
	"context"
	"errors"
	"time"

	"github.com/swarmstake/swarmstake/availability"
)

// Leech downloads a piece as an ordinary leecher would: under the name of a common client, from
// LeechAddr, a whole piece (that of the first target) in order, waiting for several rounds of
// unchoking (SECURITY 13). A result of Passed says that the peer serves customers. Nothing else is
// evidence of a fault: a busy seeder may leave a stranger waiting.
func (p *Prober) Leech(ctx context.Context, r Request) availability.Outcome {
	if len(r.Targets) == 0 {
		return ours(errors.New("nothing is asked for"))
	}
	r.Targets = []availability.Target{{Piece: r.Targets[0].Piece, Block: availability.Whole}}
	r.MaxBytes, r.MaxPieces = 0, 1
	if err := r.check(); err != nil {
		return ours(err)
	}
	var met *session
	e := p.errand(r)
	e.as, e.from, e.budget, e.slots = leecher(r.Torrent.HasV2, r.Addr.Addr()), p.cfg.LeechAddr, p.cfg.LeechBudget, p.leeches
	e.talk = func(s *session, end time.Time) error { met = s; return s.leech(end) }
	return r.answered(p.visit(ctx, e), met)
}

// leech is the talk of a customer: it is interested once the peer says what it has, not before.
func (s *session) leech(end time.Time) error {
	s.fetch = newFetch(s.req, s.hashing)
	for s.toldAt.IsZero() {
		if err := s.listen(end, end); err != nil {
			return err
		}
	}
	return s.audit(end)
}
