package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Hosted is how many hosts claim how much.
type Hosted struct {
	Hosts int
	Bytes bt.Bytes
}

// Tiers is what is hosted, by how far it is believed: the nearest first.
type Tiers struct {
	Proven, CanFetch, Claimed Hosted
}

func (t *Tiers) of(tier availability.Tier) *Hosted {
	switch tier {
	case availability.ProvenNow:
		return &t.Proven
	case availability.CanFetch:
		return &t.CanFetch
	}
	return &t.Claimed
}

// Bytes is all that is claimed, proven or not.
func (t Tiers) Bytes() bt.Bytes { return t.Proven.Bytes + t.CanFetch.Bytes + t.Claimed.Bytes }

// ProvenPPM is the share of what is claimed that is proven.
func (t Tiers) ProvenPPM() int64 { return sharePPM(t.Proven.Bytes, t.Bytes()) }

// TorrentCoverage is who hosts how much of a torrent: counts, not names.
type TorrentCoverage struct {
	TorrentName
	Size bt.Bytes
	Tiers
}

// ReplicationPPM is how many times the torrent is kept by proven hosts, in millionths.
func (c TorrentCoverage) ReplicationPPM() int64 {
	if c.Size <= 0 {
		return 0
	}
	return tokens.MulDiv(int64(c.Proven.Bytes), 1_000_000, int64(c.Size))
}

func sharePPM(part, whole bt.Bytes) int64 {
	if whole <= 0 {
		return 0
	}
	return tokens.MulDiv(int64(part), 1_000_000, int64(whole))
}

// Coverage is the map of who hosts how much of what.
type Coverage struct {
	AtMs     int64
	Hosts    Tiers             // each host once in each tier in which it has something
	Torrents []TorrentCoverage // the least replicated first, then by number; withdrawn ones are left out
}

// Coverage reads the whole map. It looks at every live claim, in the order in which they lie on the
// disk: callers keep what they got for a while.
func (s *Store) Coverage(ctx context.Context, p availability.Params) (out Coverage, err error) {
	out.AtMs = s.opt.Now().UnixMilli()
	const claims = " FROM claims c NOT INDEXED LEFT JOIN nodes n ON n.id = c.node WHERE c.live = 1 "
	err = s.read(ctx, func(r *reader) error {
		if out.Torrents, err = r.torrentNames("withdrawn_ms = 0"); err != nil {
			return err
		}
		rows, err := scan(ctx, r.Tx, readHosted, "SELECT c.torrent, "+tierOf+" AS tier, count(*), sum(c.bytes)"+claims+"GROUP BY c.torrent, tier", s.tierArgs(p)...)
		if err != nil {
			return err
		}
		fill(out.Torrents, rows)
		hosts, err := scan(ctx, r.Tx, readHosted, "SELECT 0, tier, count(*), sum(bytes) FROM (SELECT "+tierOf+" AS tier, sum(c.bytes) AS bytes"+
			claims+"GROUP BY tier, c.member, c.node) GROUP BY tier", s.tierArgs(p)...)
		for _, h := range hosts {
			*out.Hosts.of(h.tier) = h.Hosted
		}
		return err
	})
	if err != nil {
		return Coverage{}, fmt.Errorf("read who hosts what: %w", err)
	}
	slices.SortFunc(out.Torrents, func(a, b TorrentCoverage) int {
		return cmp.Or(cmp.Compare(a.ReplicationPPM(), b.ReplicationPPM()), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// TorrentCoverage is one torrent's part of the map; ErrNotFound.
func (s *Store) TorrentCoverage(ctx context.Context, p availability.Params, id bt.TorrentID) (out TorrentCoverage, err error) {
	err = s.read(ctx, func(r *reader) error {
		list, err := r.torrentNames("id = ?", id)
		if err == nil && len(list) == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		rows, err := scan(ctx, r.Tx, readHosted, "SELECT c.torrent, "+tierOf+` AS tier, count(*), sum(c.bytes) FROM claims c LEFT JOIN nodes n ON n.id = c.node
			WHERE c.live = 1 AND c.torrent = ? GROUP BY tier`, append(s.tierArgs(p), id)...)
		fill(list, rows)
		out = list[0]
		return err
	})
	if err != nil {
		return TorrentCoverage{}, fmt.Errorf("read who hosts torrent %d: %w", id, err)
	}
	return out, nil
}

// torrentNames reads the torrents that where names, in order of their numbers.
func (r *reader) torrentNames(where string, args ...any) ([]TorrentCoverage, error) {
	return scan(r.ctx, r.Tx, func(q *sql.Rows) (x TorrentCoverage, err error) {
		var hash []byte
		err = q.Scan(append(x.TorrentName.columns(&hash), &x.Size)...)
		copy(x.InfoHash[:], hash)
		return x, err
	}, "SELECT "+torrentColumns+", t.size_bytes FROM torrents t WHERE "+where+" ORDER BY id", args...)
}

// fill enters what torrents have of each tier; torrents are in order of their numbers.
func fill(torrents []TorrentCoverage, rows []tierHosted) {
	for _, x := range rows {
		i, ok := slices.BinarySearchFunc(torrents, x.torrent, func(t TorrentCoverage, id bt.TorrentID) int { return cmp.Compare(t.ID, id) })
		if ok {
			*torrents[i].of(x.tier) = x.Hosted
		}
	}
}

// tierOf is availability.Claim.Tier of a live claim, by its columns: a standard client that is silent is
// not live any more, and what counts as proven is, until its proof ends.
const tierOf = `CASE WHEN c.proven_ms > ? AND (c.counting_ms > 0 OR c.state ->> '$.State' = ?) THEN ?
	WHEN (c.node = 0 OR max(c.seen_ms, n.last_report_ms) > ?) AND c.state ->> '$.Passed' > 0 THEN ? ELSE ? END`

func (s *Store) tierArgs(p availability.Params) []any {
	now := s.opt.Now()
	return []any{now.Add(-p.ProofLifetime).UnixMilli(), availability.Proven, availability.ProvenNow,
		now.Add(-p.ClaimLapse).UnixMilli(), availability.CanFetch, availability.ClaimedOnly}
}

type tierHosted struct {
	torrent bt.TorrentID
	tier    availability.Tier
	Hosted
}

func readHosted(r *sql.Rows) (h tierHosted, err error) {
	return h, r.Scan(&h.torrent, &h.tier, &h.Hosts, &h.Bytes)
}

// HostRow is a claim with the names of who makes it and of what.
type HostRow struct {
	Claim    availability.Claim // without Have
	Live     bool
	Tier     availability.Tier
	ReportMs int64 // the node's last report; 0: none, or a standard client
	Torrent  TorrentName
	Host     Host
}

// TorrentHosts returns the live claims on a torrent, at most limit.
func (s *Store) TorrentHosts(ctx context.Context, p availability.Params, t bt.TorrentID, limit int) ([]HostRow, error) {
	return s.hosts(ctx, p, "c.live = 1 AND c.torrent = ? ORDER BY c.id LIMIT ?", t, limit)
}

// NodeHosting returns what a node claims, and what it had to drop or is still asked about, at most
// limit.
func (s *Store) NodeHosting(ctx context.Context, p availability.Params, n bt.NodeID, limit int) ([]HostRow, error) {
	return s.hosts(ctx, p, `c.node = ? AND (c.live = 1 OR c.state ->> '$.State' = ? OR c.leaving = 1)
		ORDER BY c.live DESC, c.id LIMIT ?`, n, availability.Dropped, limit)
}

func (s *Store) hosts(ctx context.Context, p availability.Params, where string, args ...any) ([]HostRow, error) {
	list, err := scan(ctx, s.r, func(r *sql.Rows) (h HostRow, err error) {
		var hash, state []byte
		to := []any{&h.Tier, &h.ReportMs, &h.Live, &state}
		if err := r.Scan(append(append(to, h.Torrent.columns(&hash)...), h.Host.columns()...)...); err != nil {
			return h, err
		}
		copy(h.Torrent.InfoHash[:], hash)
		return h, json.Unmarshal(state, &h.Claim)
	}, "SELECT "+tierOf+", coalesce(n.last_report_ms, 0), c.live, c.state, "+torrentColumns+", "+hostColumns+" FROM claims c "+claimNames+" WHERE "+where,
		append(s.tierArgs(p), args...)...)
	if err != nil {
		return nil, fmt.Errorf("read hosts: %w", err)
	}
	return list, nil
}
