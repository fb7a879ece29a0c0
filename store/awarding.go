package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/badge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	factBadges = "badges_until_ms" // periods that end until then have their badges

	periodsAtOnce = 1000 // looked at by one call of AwardBadges
	badgesAtOnce  = 200  // signed and written in one transaction
)

// period is one for which badges are awarded, in unix ms.
type period struct{ from, to int64 }

// overlap is how much of a span of time lies in the period.
func (p period) overlap(from, to int64) int64 { return max(0, min(p.to, to)-max(p.from, from)) }

// earned is a collection with those who hosted all of it for a period.
type earned struct {
	span    period
	id      int64 // of the collection
	hosted  badge.Hosted
	members []holder
}

type holder struct {
	id   bt.MemberID
	name string
}

// AwardBadges awards the badges of the periods whose epochs are all settled, and returns how many. A member
// earns one for a collection by having proven each torrent of it for BadgeSharePPM of the period; the
// tracker's outages are nobody's fault and are asked of nobody. It is proven by one claim at a time, so
// that two halves at once do not make a whole; one claim may follow another. The torrents are those that
// were in the collection when the period began and when it ended; without any there is no badge. sign makes
// the credential, and completes the claims with its issuer.
//
// It reads for long and outside of transactions; each badge is awarded once however often that is broken
// off.
func (s *Store) AwardBadges(ctx context.Context, p availability.Params, sign func(badge.Claims) (string, error)) (awarded int, err error) {
	done := int64(0)
	for range periodsAtOnce {
		span, err := s.duePeriod(ctx, p.BadgePeriod, done)
		if err != nil {
			return awarded, fmt.Errorf("look for a badge period: %w", err)
		}
		if span == (period{}) {
			break
		}
		list, err := s.earnedIn(ctx, p, span)
		if err != nil {
			return awarded, fmt.Errorf("look for who earned badges: %w", err)
		}
		for _, e := range list {
			n, err := s.award(ctx, e, sign)
			if awarded += n; err != nil {
				return awarded, fmt.Errorf("award badges for %s: %w", e.hosted.Collection, err)
			}
		}
		done = span.to
	}
	if done == 0 {
		return awarded, nil
	}
	return awarded, s.write(ctx, func(t *tx) error { return t.setFact(factBadges, strconv.FormatInt(done, 10)) })
}

// duePeriod returns the first period after what is done that is over and settled, and is not before the
// first epoch and the first torrent of a collection; zero: none.
func (s *Store) duePeriod(ctx context.Context, length time.Duration, done int64) (p period, err error) {
	var fact, first, began, settled int64
	err = s.r.QueryRowContext(ctx, `SELECT coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = ?), 0),
		coalesce((SELECT min(from_ms) FROM collection_torrents), 0), coalesce((SELECT min(start_ms) FROM epochs), 0),
		coalesce((SELECT min(start_ms) FROM epochs WHERE settled_ms = 0), 0)`,
		factBadges).Scan(&fact, &first, &began, &settled)
	if err != nil || first == 0 {
		return period{}, err
	}
	ms := length.Milliseconds()
	p.from = (max(done, fact, first, began) + ms - 1) / ms * ms
	if p.to = p.from + ms; p.to > settled {
		return period{}, nil
	}
	return p, nil
}

// membership are the torrents of collections in a period; its arguments are its ends and the time of the
// award, since what was withdrawn by then is asked of nobody.
const membership = `collection_torrents x JOIN torrents t ON t.id = x.torrent JOIN collections c ON c.id = x.collection
	WHERE x.from_ms <= ? AND (x.to_ms = 0 OR x.to_ms >= ?) AND (t.withdrawn_ms = 0 OR t.withdrawn_ms > ?)`

// collected is a torrent that a collection had in a period.
type collected struct {
	collection  int64
	name, title string
	torrent     bt.TorrentID
	hash        bt.InfoHash
	size        bt.Bytes
}

func readCollected(r *sql.Rows) (w collected, err error) {
	var hash []byte
	err = r.Scan(&w.collection, &w.name, &w.title, &w.torrent, &hash, &w.size)
	copy(w.hash[:], hash)
	return w, err
}

// earnedIn returns the collections that somebody hosted for the period.
func (s *Store) earnedIn(ctx context.Context, p availability.Params, span period) (out []earned, err error) {
	all, err := scan(ctx, s.r, readCollected, `SELECT c.id, c.name, c.title, t.id, t.infohash, t.size_bytes FROM `+membership+`
		ORDER BY c.id, t.id`, span.from, span.to, s.opt.Now().UnixMilli())
	if err != nil || len(all) == 0 {
		return nil, err
	}
	proofs, err := s.periodProofs(ctx, p, span)
	if err != nil || proofs.needed == 0 {
		return nil, err
	}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].collection == all[0].collection {
			n++
		}
		e, err := s.earnedOne(ctx, proofs, all[:n])
		if err != nil {
			return nil, err
		}
		if all = all[n:]; len(e.members) > 0 {
			out = append(out, e)
		}
	}
	return out, nil
}

// earnedOne finds who hosted the torrents of one collection.
func (s *Store) earnedOne(ctx context.Context, proofs proofs, torrents []collected) (earned, error) {
	e := earned{span: proofs.span, id: torrents[0].collection, hosted: badge.Hosted{Collection: torrents[0].name, Title: torrents[0].title,
		From: time.UnixMilli(proofs.span.from).UTC(), Until: time.UnixMilli(proofs.span.to).UTC(), Torrents: len(torrents)}}
	var hashes []bt.InfoHash
	for _, w := range torrents {
		e.hosted.Bytes += w.size
		hashes = append(hashes, w.hash)
	}
	e.hosted.InfoHashes = badge.Sum(hashes)
	candidates, err := s.claimants(ctx, e.id, torrents, proofs.span)
	for _, h := range candidates {
		all, err := s.provedAll(ctx, proofs, h.id, torrents)
		if err != nil {
			return e, err
		}
		if all {
			e.members = append(e.members, h)
		}
	}
	return e, err
}

// award writes the badges of one collection.
func (s *Store) award(ctx context.Context, e earned, sign func(badge.Claims) (string, error)) (awarded int, err error) {
	for some := range slices.Chunk(e.members, badgesAtOnce) {
		n := 0
		err := s.write(ctx, func(t *tx) error {
			n = 0
			for _, h := range some {
				err := t.putBadge(e, h, sign)
				if err != nil && !errors.Is(err, ErrExists) {
					return err
				}
				if err == nil {
					n++
				}
			}
			return nil
		})
		if err != nil {
			return awarded, err
		}
		awarded += n
	}
	return awarded, nil
}

// putBadge keeps a badge; ErrExists if it was there before.
func (t *tx) putBadge(e earned, h holder, sign func(badge.Claims) (string, error)) error {
	c := badge.Claims{ID: rand.Text(), Member: h.name, IssuedAt: t.now.Truncate(time.Second), Hosted: e.hosted}
	credential, err := sign(c)
	if err != nil {
		return err
	}
	_, err = t.insert(`INSERT INTO badges (id, member, collection, from_ms, to_ms, torrents, bytes, credential, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, h.id, e.id, e.span.from, e.span.to, c.Torrents, c.Bytes, credential, t.nowMs())
	return err
}
