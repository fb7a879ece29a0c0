package probe

import (
	"context"
	"errors"
	"time"

	"github.com/swarmstake/swarmstake/availability"
)

var errNothing = errors.New("the peer says that it has nothing")

// Sample takes one whole piece from a leecher, of those that it says it has: it makes the leecher's
// uploads payable (ECONOMY §5). pick(n) chooses among n of them. The request's targets and limits do
// not matter; the result, if a piece was chosen, names it.
func (p *Prober) Sample(ctx context.Context, r Request, pick func(n int) int) availability.Outcome {
	r.MaxBytes, r.MaxPieces, r.Targets = 0, 1, nil
	if err := r.checkTorrent(); err != nil {
		return ours(err)
	}
	var met *session
	e := p.errand(r)
	e.allowance += 2 * int64(r.Torrent.PieceLength)
	e.talk = func(s *session, end time.Time) error {
		if err := s.choose(end, pick); err != nil {
			return err
		}
		met = s
		return s.run(end)
	}
	return r.answered(p.visit(ctx, e), met)
}

// choose finds a piece that the peer has. Of the pieces that it allows fast while it chokes us it
// knew before that we would be allowed them (BEP 6): one of those is taken only if it has kept us
// choked for half of the time.
func (s *session) choose(end time.Time, pick func(n int) int) error {
	if _, err := s.wire.Write(frame(nil, msgInterested)); err != nil {
		return err
	}
	if err := s.look(end); err != nil {
		return err
	}
	if len(s.offers(nil)) == 0 {
		return errNothing
	}
	patience := time.Now().Add(time.Until(end) / 2)
	for !s.unchoked {
		err := s.listen(patience, end)
		if err == nil {
			continue
		}
		if !s.late(err, patience, end) {
			return err
		}
		if fast := s.offers(s.allowedFast); len(fast) > 0 {
			s.take(fast[pick(len(fast))])
			return nil
		}
		patience = end
	}
	all := s.offers(nil)
	if len(all) == 0 {
		return errNothing
	}
	s.take(all[pick(len(all))])
	return nil
}

// offers are the pieces that the peer has, among those given; nil: among all.
func (s *session) offers(among map[int]bool) (out []int) {
	for i, has := range s.have {
		if has && (among == nil || among[i]) {
			out = append(out, i)
		}
	}
	return out
}

// take asks for one whole piece from now on.
func (s *session) take(piece int) {
	s.req.Targets = []availability.Target{{Piece: piece, Block: availability.Whole}}
	s.fetch = newFetch(s.req, s.hashing)
}
