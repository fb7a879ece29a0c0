package web

import (
	"context"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// rankings is what is shown of everybody: rankings and flows.
type rankings interface {
	WantedLately(ctx context.Context, limit int) ([]store.Wanted, error)
	Standings(ctx context.Context, by store.StandingsBy, limit int) ([]store.Standing, error)
	MemberWork(context.Context, bt.MemberID) (w store.Work, listed bool, err error)
	SetListed(ctx context.Context, m bt.MemberID, listed bool) error
}
