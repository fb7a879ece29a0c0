package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
)

// ServingCandidate is a seeder to download from like a leecher (SECURITY 13), and what: a whole piece
// of one of its claims that count now.
type ServingCandidate struct {
	SeederKey
	Claim  availability.Claim
	Target availability.Target
}

const (
	// servingTries is how often a seeder is tried in an epoch at most.
	servingTries = 3
	// servingAwards is for how many settled epochs an award speaks for a seeder: it is not tried meanwhile.
	servingAwards = 2
	// servingClaims is of how many claims of a seeder, from the drawn one on, one must be fit to be tried.
	servingClaims = 8
)

// ServingCandidates draws up to limit seeders to download from in an epoch. Whoever was awarded uploads
// in the last two settled epochs serves somebody and is left alone, unless its pay is withheld; so is
// who was tried within 30 minutes, or in the epoch three times or with success, and who could not be
// dialled by its last audit (behind NAT: what such a node serves is seen by its awards only). First come
// those who failed and are still paid, so that two epochs are enough to find who serves nobody; the
// others, and what is asked of each, are drawn by the epoch's secret seed. Whoever takes one records the
// attempt before the dial (PutView), and tells what it came to (PutServing).
func (s *Store) ServingCandidates(ctx context.Context, epoch int64, limit int) ([]ServingCandidate, error) {
	var out []ServingCandidate
	err := s.read(ctx, func(r *reader) error {
		e, err := readEpochRow(r, epoch)
		if err != nil {
			return err
		}
		pause := s.opt.Now().UnixMilli() - viewPause.Milliseconds()
		seeders, err := r.untried(e, pause)
		for _, x := range seeders {
			if err != nil || len(out) >= limit {
				break
			}
			out, err = r.appendCandidate(out, x, pause)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for seeders to try: %w", err)
	}
	return out, nil
}

// seeder is one that may be tried, and its place in the draw.
type seeder struct {
	SeederKey
	tried    int64 // last, in unix ms
	withheld bool
	state    availability.Serving
	draw     [sha256.Size]byte
}

// suspected says that the seeder failed, and is paid all the same.
func (x seeder) suspected() bool {
	return !x.withheld && (len(x.state.Failed) > 0 || x.state.Attempts > x.state.Served)
}

// done says that an epoch's attempts at the seeder are over.
func (x seeder) done(epoch int64) bool {
	return x.state.Epoch == epoch && (x.state.Attempts >= servingTries || x.state.Served > 0)
}

// untried lists who may be tried in an epoch now, in the order of the draw.
func (r *reader) untried(e Epoch, pause int64) ([]seeder, error) {
	seeders, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (x seeder, err error) {
		var state []byte
		if err = rows.Scan(&x.Member, &x.Node, &x.tried, &x.withheld, &state); err != nil {
			return x, err
		}
		x.state, err = parseServing(state)
		return x, err
	}, `SELECT c.member, c.node, coalesce(w.tried_ms, 0), coalesce(w.withheld_from, 0) > 0, coalesce(w.state, '')
		FROM (SELECT DISTINCT member, node FROM claims WHERE counting_ms > 0) c LEFT JOIN serving w ON w.member = c.member AND w.node = c.node
			LEFT JOIN nodes n ON n.id = c.node
		WHERE coalesce(n.suspended_ms, 0) = 0 AND coalesce(w.tried_ms, 0) <= ?`, pause)
	if err != nil {
		return nil, err
	}
	awarded, err := r.awardedLately()
	if err != nil {
		return nil, err
	}
	seeders = slices.DeleteFunc(seeders, func(x seeder) bool {
		return awarded[x.SeederKey] && !x.withheld || x.done(e.Number)
	})
	for i := range seeders {
		seeders[i].draw = servingDraw(e.Seed, seeders[i])
	}
	slices.SortFunc(seeders, func(a, b seeder) int {
		return cmp.Or(first(a.suspected(), b.suspected()), bytes.Compare(a.draw[:], b.draw[:]))
	})
	return seeders, nil
}

// first compares two things of which those that are so come first.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// servingDraw is SHA-256(seed ‖ "serving" ‖ 0 ‖ member ‖ node ‖ last attempt), numbers of 8 bytes,
// big-endian: nobody can know it before the seed is published.
func servingDraw(seed [32]byte, x seeder) [sha256.Size]byte {
	b := append(slices.Clone(seed[:]), "serving\x00"...)
	for _, n := range []int64{int64(x.Member), int64(x.Node), x.tried} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return sha256.Sum256(b)
}

// number is the i-th number, below n, that a draw gives: 0 to 3.
func number(draw [sha256.Size]byte, i, n int) int {
	return int(binary.BigEndian.Uint64(draw[8*i:]) % uint64(n)) // the bias is below 2^-40
}

// awardedLately are the seeders that were awarded uploads in the last settled epochs.
func (r *reader) awardedLately() (map[SeederKey]bool, error) {
	epochs, err := collect[int64](r.ctx, r.Tx, "SELECT number FROM epochs WHERE settled_ms > 0 ORDER BY number DESC LIMIT ?", servingAwards)
	out := map[SeederKey]bool{}
	for _, e := range epochs {
		if err != nil {
			break
		}
		err = addAwarded(r.ctx, r.Tx, e, out)
	}
	return out, err
}

// appendCandidate draws one of a seeder's claims and a piece of it; none if the prober may dial none
// of them now.
func (r *reader) appendCandidate(to []ServingCandidate, x seeder, pause int64) ([]ServingCandidate, error) {
	const counting = "c.member = ? AND c.node = ? AND c.counting_ms > 0"
	var n int
	if err := r.QueryRowContext(r.ctx, "SELECT count(*) FROM claims c WHERE "+counting, x.Member, x.Node).Scan(&n); err != nil || n == 0 {
		return to, err
	}
	claims, err := readClaims(r.ctx, r.Tx, counting+" ORDER BY c.id LIMIT ? OFFSET ?", x.Member, x.Node, servingClaims, number(x.draw, 0, n))
	if err != nil {
		return to, err
	}
	for _, c := range claims {
		free, err := r.mayDial(c, pause)
		if err != nil {
			return to, err
		}
		if pieces := c.Have.Count(c.Pieces); free && pieces > 0 {
			target := availability.Target{Piece: nthPiece(c.Have, number(x.draw, 1, pieces)), Block: availability.Whole}
			return append(to, ServingCandidate{x.SeederKey, c.Claim, target}), nil
		}
	}
	return to, nil
}

// mayDial says whether a claim's address can be dialled and was left alone since the pause.
func (r *reader) mayDial(c ClaimRow, pause int64) (free bool, err error) {
	if c.Unreachable > 0 || !c.Addr.IsValid() || c.Addr.Port() == 0 {
		return false, nil
	}
	err = r.QueryRowContext(r.ctx, `SELECT NOT EXISTS (SELECT 1 FROM views WHERE torrent = ? AND member = ? AND at_ms > ?)
		AND NOT EXISTS (SELECT 1 FROM views WHERE addr = ? AND at_ms > ?)`, c.Torrent, c.Member, pause, c.Addr.String(), pause).Scan(&free)
	return free, err
}

// nthPiece is the n-th piece, from 0, that somebody has.
func nthPiece(have availability.Bitmap, n int) int {
	for piece := 0; ; piece++ {
		if have.Has(piece) {
			if n == 0 {
				return piece
			}
			n--
		}
	}
}
