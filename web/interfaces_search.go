package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// searching is what the catalogue is searched by, beside its rows.
type searching interface {
	// Marks are what a member has to do with torrents; those without one are left out.
	Marks(ctx context.Context, m bt.MemberID, torrents []bt.TorrentID) (map[bt.TorrentID]store.Mark, error)
	CollectionTitles(context.Context) ([]store.CollectionTitle, error)
}
