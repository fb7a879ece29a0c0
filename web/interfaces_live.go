package web

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// moneyFacts is what a wallet and a running download show.
type moneyFacts interface {
	Spending(context.Context, bt.MemberID) (store.Spending, error)
	MemberDays(ctx context.Context, m bt.MemberID, since time.Time, after int64) (days []store.EarningsDay, last int64, err error)
}
