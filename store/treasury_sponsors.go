package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ListedSponsorship is a sponsorship as operators see it. Closed ones have paid out what did not go back.
type ListedSponsorship struct {
	Sponsorship
	Sponsor  string // name; empty: the treasury
	Name     string // of the torrent
	InfoHash bt.InfoHash
	Gone     bool // the torrent was withdrawn
	ClosedMs int64
	Back     tokens.Amount // given back to the sponsor when it was closed
}

// Paid is what seeders got of it so far.
func (p ListedSponsorship) Paid() tokens.Amount { return p.Budget - p.Left - p.Back }

// Sponsorships returns up to limit of those that run, or that are over, newest first, before the one with the
// given id (0: from the newest), and the id with which to go on; 0: that was all.
func (s *Store) Sponsorships(ctx context.Context, over bool, before int64, limit int) (page []ListedSponsorship, next int64, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	which := "s.closed_ms = 0"
	if over {
		which = "s.closed_ms > 0"
	}
	page, err = scan(ctx, s.r, func(r *sql.Rows) (p ListedSponsorship, err error) {
		var hash []byte
		err = r.Scan(&p.ID, &p.Torrent, &p.Member, &p.Budget, &p.Left, &p.StartMs, &p.EndMs, &p.ClosedMs, &p.Sponsor, &p.Name, &hash, &p.Gone, &p.Back)
		copy(p.InfoHash[:], hash)
		return p, err
	}, `SELECT s.id, s.torrent, coalesce(s.member, 0), s.budget_utok, coalesce(a.balance, 0), s.start_ms, s.end_ms, s.closed_ms,
			coalesce((SELECT m.name FROM members m WHERE m.id = s.member), ''), t.name, t.infohash, t.withdrawn_ms > 0,
			coalesce((SELECT b.amount FROM transfers b WHERE b.id = 'sponsor/' || s.id || '/back'), 0)
		FROM sponsors s CROSS JOIN torrents t ON t.id = s.torrent LEFT JOIN accounts a ON a.asset = 'token' AND a.name = 'sponsor/' || s.id
		WHERE `+which+` AND s.id < ? ORDER BY s.id DESC LIMIT ?`, before, limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("list sponsorships: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

// Subsidy is what the treasury gives the hosting pool in a month.
type Subsidy struct {
	Month  string // such as 2026-11
	Amount tokens.Amount
	Left   tokens.Amount
	EndMs  int64
}

// Subsidies returns up to limit months, newest first, before a month (empty: from the newest), and the month
// with which to go on; empty: that was all.
func (s *Store) Subsidies(ctx context.Context, before string, limit int) (page []Subsidy, next string, err error) {
	if before == "" {
		before = "~" // after all months
	}
	page, err = scan(ctx, s.r, func(r *sql.Rows) (x Subsidy, err error) { return x, r.Scan(&x.Month, &x.Amount, &x.Left, &x.EndMs) },
		`SELECT s.month, s.amount_utok, coalesce(a.balance, 0), s.end_ms FROM subsidies s
			LEFT JOIN accounts a ON a.asset = 'token' AND a.name = 'subsidy/' || s.month WHERE s.month < ? ORDER BY s.month DESC LIMIT ?`, before, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list subsidies: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].Month
	}
	return page, next, nil
}

// FreeTorrent is a torrent that costs nothing until a time.
type FreeTorrent struct {
	Torrent  bt.TorrentID
	Name     string
	InfoHash bt.InfoHash
	UntilMs  int64
	SinceMs  int64  // when it was made so; 0: not known
	By       string // the operator; empty: an administrative command, or not known
}

// FreeTorrents returns up to limit torrents that cost nothing now, those that soon cost again first, after a
// place (zero: from the first), and where to go on.
func (s *Store) FreeTorrents(ctx context.Context, after Cursor, limit int) (page []FreeTorrent, next Cursor, err error) {
	err = s.read(ctx, func(r *reader) error {
		from := clause{"l.free_until_ms > ?", []any{s.opt.Now().UnixMilli()}}
		if after.Set {
			from = clause{"l.free_until_ms > ? AND (l.free_until_ms, l.torrent) > (?, ?)", append(from.args, after.Key, after.ID)}
		}
		page, err = scan(r.ctx, r.Tx, func(r *sql.Rows) (f FreeTorrent, err error) {
			var hash []byte
			err = r.Scan(&f.Torrent, &f.UntilMs, &f.Name, &hash)
			copy(f.InfoHash[:], hash)
			return f, err
		}, `SELECT l.torrent, l.free_until_ms, l.name, l.infohash FROM listing l INDEXED BY listing_free
			WHERE l.free_until_ms > 0 AND `+from.text+" ORDER BY l.free_until_ms, l.torrent LIMIT ?", append(from.args, limit+1)...)
		if err != nil {
			return err
		}
		if len(page) > limit {
			page = page[:limit]
			next = Cursor{Key: page[limit-1].UntilMs, ID: int64(page[limit-1].Torrent), Set: true}
		}
		for i := range page {
			if err := r.freedBy(&page[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, Cursor{}, fmt.Errorf("list free torrents: %w", err)
	}
	return page, next, nil
}

// freedBy finds in the operators' log who made a torrent free.
func (r *reader) freedBy(f *FreeTorrent) error {
	begins := fmt.Sprintf("%d ", f.Torrent)
	err := r.QueryRowContext(r.ctx, `SELECT o.at_ms, coalesce((SELECT m.name FROM members m WHERE m.id = o.operator), '') FROM operator_log o
		WHERE o.action = 'torrent free' AND o.detail >= ? AND o.detail < ? ORDER BY o.id DESC LIMIT 1`, begins, prefixEnd(begins)).Scan(&f.SinceMs, &f.By)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// TreasuryFigures are what the network itself has.
type TreasuryFigures struct {
	Treasury, PoolHosting, PoolHot, PoolLockers tokens.Amount
	Revenue, Reserve                            tokens.Amount // quote
}

// TreasuryFigures reads them, all of one commit.
func (s *Store) TreasuryFigures(ctx context.Context) (f TreasuryFigures, err error) {
	err = s.read(ctx, func(r *reader) error {
		for _, x := range []struct {
			to    *tokens.Amount
			asset tokens.Asset
			name  tokens.Account
		}{{&f.Treasury, tokens.Token, tokens.Treasury}, {&f.PoolHosting, tokens.Token, tokens.PoolHosting}, {&f.PoolHot, tokens.Token, tokens.PoolHot},
			{&f.PoolLockers, tokens.Token, tokens.PoolLockers}, {&f.Revenue, tokens.Quote, tokens.Revenue}, {&f.Reserve, tokens.Quote, tokens.Reserve}} {
			var err error
			if *x.to, err = r.balance(x.asset, x.name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return f, fmt.Errorf("read the treasury: %w", err)
	}
	return f, nil
}
