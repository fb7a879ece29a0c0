package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// badges are collections and what hosting them earned.
type badges interface {
	Badge(ctx context.Context, id string) (store.Badge, error)
	Badges(ctx context.Context, m bt.MemberID, n int) ([]store.Badge, error)
	BadgeTorrents(context.Context, store.Badge) ([]store.CollectionTorrent, error)

	Collections(context.Context) ([]store.Collection, error)
	Collection(ctx context.Context, name string) (store.Collection, error)
	CollectionTorrents(ctx context.Context, collection int64, m bt.MemberID) ([]store.CollectionTorrent, error)
	PutCollection(ctx context.Context, by bt.MemberID, c store.NewCollection) (created bool, err error)
	AddToCollection(ctx context.Context, by bt.MemberID, name string, t bt.TorrentID) error
	RemoveFromCollection(ctx context.Context, by bt.MemberID, name string, t bt.TorrentID) error
}
