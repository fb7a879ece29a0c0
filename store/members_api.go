package store

import (
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Lists that programs read page by page: each is asked for what comes after the last row that was seen, in the
// order of an index.

const (
	selectInvitesPage = `SELECT i.rowid, i.created_ms, i.expires_ms, i.used_ms, coalesce(u.name, '') FROM invites i LEFT JOIN members u ON u.id = i.used_by
		WHERE i.member = ? AND (i.created_ms, i.rowid) < (?, ?) ORDER BY i.created_ms DESC, i.rowid DESC LIMIT ?`
	withdrawalsBefore = selectWithdrawal + " WHERE member = ? AND id < ? ORDER BY id DESC LIMIT ?"
	slashesBefore     = selectSlash + " WHERE n.member = ? AND s.id < ? ORDER BY s.id DESC LIMIT ?"
	allSlashesBefore  = selectSlash + " WHERE s.id < ? ORDER BY s.id DESC LIMIT ?"
	badgesAfter       = selectBadge + " WHERE b.member = ?1 AND (?2 = '' OR b.rowid < (SELECT rowid FROM badges WHERE id = ?2)) ORDER BY b.rowid DESC LIMIT ?3"
	pricesBefore      = `SELECT torrent, at_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes, capacity_bytes
		FROM prices WHERE torrent = ? AND at_ms < ? ORDER BY at_ms DESC LIMIT ?`
)

// InvitesPage returns a page of a member's invitations, newest first, and where the next one begins; next.Set is
// false at the end.
func (s *Store) InvitesPage(ctx context.Context, m bt.MemberID, after Cursor, limit int) (page []Invitation, next Cursor, err error) {
	if !after.Set {
		after = Cursor{Key: math.MaxInt64, ID: math.MaxInt64}
	}
	var rows []int64
	page, err = scan(ctx, s.r, func(r *sql.Rows) (i Invitation, err error) {
		var row int64
		err = r.Scan(&row, &i.CreatedMs, &i.ExpiresMs, &i.UsedMs, &i.UsedBy)
		rows = append(rows, row)
		return i, err
	}, selectInvitesPage, m, after.Key, after.ID, limit+1)
	if len(page) > limit {
		page = page[:limit]
		next = Cursor{Key: page[limit-1].CreatedMs, ID: rows[limit-1], Set: true}
	}
	return page, next, err
}

// WithdrawalsBefore returns a page of a member's withdrawals with numbers below before (0: all), newest first.
// next is where the next page begins; 0 at the end.
func (s *Store) WithdrawalsBefore(ctx context.Context, m bt.MemberID, before int64, limit int) (page []rail.Withdrawal, next int64, err error) {
	page, err = scan(ctx, s.r, func(r *sql.Rows) (rail.Withdrawal, error) { return readWithdrawal(r) }, withdrawalsBefore, m, orAll(before), limit+1)
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, err
}

// SlashesBefore is WithdrawalsBefore for the penalties of a member's nodes; of member 0: of all nodes.
func (s *Store) SlashesBefore(ctx context.Context, m bt.MemberID, before int64, limit int) (page []Slash, next int64, err error) {
	query, args := slashesBefore, []any{m, orAll(before), limit + 1}
	if m == 0 {
		query, args = allSlashesBefore, args[1:]
	}
	page, err = scan(ctx, s.r, func(r *sql.Rows) (Slash, error) { return readSlash(r) }, query, args...)
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, err
}

// VoucherBatchesBefore is WithdrawalsBefore for the batches of vouchers.
func (s *Store) VoucherBatchesBefore(ctx context.Context, before int64, limit int) (page []VoucherBatch, next int64, err error) {
	page, err = s.voucherBatches(ctx, before, limit+1)
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, err
}

// BadgesAfter returns a page of a member's badges, the last issued first, behind the one with that id (empty:
// from the first). next is the id behind which the next page begins; empty at the end.
func (s *Store) BadgesAfter(ctx context.Context, m bt.MemberID, after string, limit int) (page []Badge, next string, err error) {
	page, err = scan(ctx, s.r, func(r *sql.Rows) (Badge, error) { return readBadge(r) }, badgesAfter, m, after, limit+1)
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, err
}

// PricesBefore returns a page of a torrent's prices from before a moment (0: now), oldest first. next is the
// moment before which the next page ends; 0: there is nothing older.
func (s *Store) PricesBefore(ctx context.Context, t bt.TorrentID, beforeMs int64, limit int) (page []PriceRow, next int64, err error) {
	page, err = scan(ctx, s.r, readPrice, pricesBefore, t, orAll(beforeMs), limit+1)
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].AtMs
	}
	slices.Reverse(page)
	return page, next, err
}

// orAll is above every number where there is no bound.
func orAll(before int64) int64 {
	if before == 0 {
		return math.MaxInt64
	}
	return before
}
