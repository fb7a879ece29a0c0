package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// commenting is what a torrent's page shows beside its price: comments, and what became of it.
type commenting interface {
	AddComment(context.Context, store.NewComment) (id int64, err error)
	EditComment(ctx context.Context, m bt.MemberID, id int64, text string) error
	DeleteComment(ctx context.Context, m bt.MemberID, id int64) error
	RemoveComment(ctx context.Context, by bt.MemberID, id int64, reason string) error
	Comment(ctx context.Context, id int64) (store.Comment, error)
	Comments(context.Context, store.CommentQuery) (store.CommentPage, error)
	WithdrawnTorrent(context.Context, bt.InfoHash) (t store.Torrent, ms int64, err error)
}
