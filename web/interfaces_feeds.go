package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// feedFacts is what feed readers ask for.
type feedFacts interface {
	FeedKeyMember(ctx context.Context, key string) (store.Member, error)
	SaveSearch(ctx context.Context, m bt.MemberID, x store.SavedSearch) (store.SavedSearch, error)
	SavedSearches(context.Context, bt.MemberID) ([]store.SavedSearch, error)
	SavedSearch(ctx context.Context, m bt.MemberID, id int64) (store.SavedSearch, error)
	RemoveSearch(ctx context.Context, m bt.MemberID, id int64) error
	NewestFeedEvent(context.Context) (id int64, err error)
	FeedEvents(ctx context.Context, after int64, limit int) (store.FeedNews, error)
}
