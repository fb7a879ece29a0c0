package store

import (
	"context"
	"database/sql"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// claimants are the members who ever claimed each of the torrents and whose badge is not there yet.
func (s *Store) claimants(ctx context.Context, collection int64, torrents []collected, span period) ([]holder, error) {
	marks, args := "", []any{}
	for _, w := range torrents {
		marks, args = marks+", ?", append(args, w.torrent)
	}
	return scan(ctx, s.r, func(r *sql.Rows) (h holder, err error) { return h, r.Scan(&h.id, &h.name) },
		`SELECT m.id, m.name FROM claims c JOIN members m ON m.id = c.member WHERE m.banned_reason = '' AND c.torrent IN (`+marks[2:]+`)
		AND NOT EXISTS (SELECT 1 FROM badges b WHERE b.member = m.id AND b.collection = ? AND b.from_ms = ?)
		GROUP BY m.id HAVING count(DISTINCT c.torrent) = ? ORDER BY m.id`, append(args, collection, span.from, len(torrents))...)
}

func (s *Store) provedAll(ctx context.Context, proofs proofs, m bt.MemberID, torrents []collected) (bool, error) {
	for _, w := range torrents {
		if ok, err := s.proved(ctx, proofs, m, w.torrent); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// proofs is what a period is measured by.
type proofs struct {
	span   period
	needed int64 // ms that are to be proven; 0: too much of the period was an outage
	epochs []Epoch
}

// periodProofs reads the epochs of the period, and how much of it must be proven: the share of what was
// not an outage, which must be at least half of it.
func (s *Store) periodProofs(ctx context.Context, p availability.Params, span period) (proofs, error) {
	out := proofs{span: span}
	outages, err := scan(ctx, s.r, func(r *sql.Rows) (o period, err error) { return o, r.Scan(&o.from, &o.to) },
		"SELECT from_ms, to_ms FROM outages WHERE to_ms > ? AND from_ms < ? ORDER BY from_ms", span.from, span.to)
	if err != nil {
		return out, err
	}
	up, last := span.to-span.from, span.from
	for _, o := range outages { // they may overlap
		up, last = up-span.overlap(max(o.from, last), max(o.to, last)), max(o.to, last)
	}
	if 2*up >= span.to-span.from {
		out.needed = max(1, tokens.MulDivUp(up, p.BadgeSharePPM, 1_000_000))
	}
	out.epochs, err = scan(ctx, s.r, readEpoch, selectEpoch+" WHERE end_ms > ? AND start_ms < ? ORDER BY number", span.from, span.to)
	if len(out.epochs) == 0 {
		out.needed = 0
	}
	return out, err
}

// proved says whether a member's claims to the whole of a torrent were proven long enough. What an epoch
// proves is spread evenly over it, for those at the period's ends.
func (s *Store) proved(ctx context.Context, p proofs, m bt.MemberID, torrent bt.TorrentID) (bool, error) {
	first, last := p.epochs[0].Number, p.epochs[len(p.epochs)-1].Number
	type proof struct{ epoch, ms int64 }
	list, err := scan(ctx, s.r, func(r *sql.Rows) (p proof, err error) { return p, r.Scan(&p.epoch, &p.ms) },
		// CROSS JOIN: by claim and epoch, since all claims of all epochs are many millions.
		`SELECT e.number, max(p.proven_ms) FROM claims c CROSS JOIN epochs e CROSS JOIN proven p
		WHERE c.torrent = ?1 AND c.member = ?2 AND c.have IS NULL AND e.number BETWEEN ?3 AND ?4 AND p.epoch = e.number AND p.claim = c.id
		AND NOT EXISTS (SELECT 1 FROM frozen f WHERE f.claim = c.id AND f.have IS NOT NULL AND f.from_epoch <= e.number AND (f.to_epoch = 0 OR f.to_epoch > e.number))
		GROUP BY e.number`, torrent, m, first, last)
	if err != nil {
		return false, err
	}
	sum := int64(0)
	for _, x := range list {
		e := p.epochs[x.epoch-first]
		if length := e.EndMs - e.StartMs; length > 0 {
			sum += tokens.MulDiv(min(x.ms, length), p.span.overlap(e.StartMs, e.EndMs), length)
		}
	}
	return sum >= p.needed, nil
}
