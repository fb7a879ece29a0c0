package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// requesting is drafts, edits and requests with a bounty.
type requesting interface {
	AddDraft(ctx context.Context, n store.NewTorrent, changed bool) (id int64, err error)
	Drafts(context.Context, bt.MemberID) ([]store.Draft, error)
	Draft(ctx context.Context, m bt.MemberID, id int64) (store.Draft, error)
	EditDraft(ctx context.Context, m bt.MemberID, id int64, text store.TorrentText) error
	PublishDraft(ctx context.Context, m bt.MemberID, id int64) (bt.TorrentID, error)
	DiscardDraft(ctx context.Context, m bt.MemberID, id int64) error

	Tags(context.Context, bt.TorrentID) ([]string, error)
	TorrentRights(context.Context, store.Member, store.Torrent) (store.TorrentRights, error)
	EditTorrent(ctx context.Context, by bt.MemberID, t bt.TorrentID, text store.TorrentText) (changed bool, err error)
	WithdrawTorrent(ctx context.Context, by bt.MemberID, t bt.TorrentID, reason string) error
	TorrentEdits(ctx context.Context, t bt.TorrentID, before int64, n int) ([]store.TorrentEdit, error)

	Requests(context.Context, store.RequestQuery) ([]store.Request, store.Cursor, error)
	Request(ctx context.Context, id int64) (store.Request, error)
	Backers(ctx context.Context, request int64) ([]store.Backer, error)
	Fills(ctx context.Context, request int64, n int) ([]store.Fill, error)
	Candidates(ctx context.Context, m bt.MemberID, r store.Request, n int) ([]store.Candidate, error)
	AddRequest(context.Context, store.Once, store.NewRequest) (store.Requested, error)
	AddBounty(ctx context.Context, o store.Once, request int64, amount tokens.Amount) (store.Moved, error)
	FillRequest(ctx context.Context, m bt.MemberID, request int64, t bt.TorrentID) error
	AcceptFill(ctx context.Context, o store.Once, fill int64) (store.Moved, error)
	RejectFill(ctx context.Context, m bt.MemberID, fill int64, reason string) error
	CloseRequest(ctx context.Context, o store.Once, request int64) (store.Moved, error)
	CloseRequestFor(ctx context.Context, by bt.MemberID, request int64, reason string) error
}
