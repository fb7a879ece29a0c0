package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// membersAPI is what programs of members ask for beyond what pages do: lists, page by page.
type membersAPI interface {
	InvitesPage(ctx context.Context, m bt.MemberID, after store.Cursor, limit int) (page []store.Invitation, next store.Cursor, err error)
	WithdrawalsBefore(ctx context.Context, m bt.MemberID, before int64, limit int) (page []rail.Withdrawal, next int64, err error)
	VoucherBatchesBefore(ctx context.Context, before int64, limit int) (page []store.VoucherBatch, next int64, err error)
	SlashesBefore(ctx context.Context, m bt.MemberID, before int64, limit int) (page []store.Slash, next int64, err error)
	BadgesAfter(ctx context.Context, m bt.MemberID, after string, limit int) (page []store.Badge, next string, err error)
	PricesBefore(ctx context.Context, t bt.TorrentID, beforeMs int64, limit int) (page []store.PriceRow, next int64, err error)
	EpochFiguresBefore(ctx context.Context, before int64, n int) ([]store.EpochFigures, error)
}
