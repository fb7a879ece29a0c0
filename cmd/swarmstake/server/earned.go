package server

import (
	"context"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// keptDays bounds the days of a node's earnings that are remembered; who asks for more has all of them added up.
	keptDays = 31
	// maxEarned bounds the nodes; beyond it all are forgotten.
	maxEarned = 20_000
	// earnedFor is after how long all is added up again: what a clock that was put back left out comes in.
	earnedFor = 12 * time.Hour
)

// earned remembers what nodes earned by day up to a row of the ledger. Rows are never changed, so that a daemon
// that asks every minute has only the new ones added.
type earned struct {
	mu sync.Mutex
	of map[bt.NodeID]sumUp
}

// sumUp is never changed.
type sumUp struct {
	days []store.EarningsDay // oldest first, without gaps
	row  int64
	made time.Time // when it was begun
}

// days is what a node earned in so many days, today among them.
func (e *earned) days(ctx context.Context, db *store.Store, n store.Node, now time.Time, days int) ([]store.EarningsDay, error) {
	since := now.UTC().Truncate(marketDay).AddDate(0, 0, 1-days)
	old := e.known(n.ID, since, now)
	list, row, err := db.EarningsDays(ctx, n, since, old.row)
	if err != nil {
		return nil, err
	}
	at := map[time.Time]int{}
	for i, d := range list {
		at[d.Start] = i
	}
	for _, d := range old.days {
		if i, ok := at[d.Start]; ok {
			list[i] = list[i].Plus(d)
		}
	}
	if days <= keptDays {
		e.remember(n.ID, sumUp{list, row, old.made})
	}
	return list, nil
}

// known is what is remembered of a node from since on, or nothing.
func (e *earned) known(n bt.NodeID, since, now time.Time) sumUp {
	e.mu.Lock()
	defer e.mu.Unlock()
	x, ok := e.of[n]
	if !ok || x.days[0].Start.After(since) || now.Sub(x.made).Abs() >= earnedFor {
		return sumUp{made: now}
	}
	return x
}

func (e *earned) remember(n bt.NodeID, x sumUp) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.of[n]; e.of == nil || !ok && len(e.of) >= maxEarned {
		e.of = map[bt.NodeID]sumUp{}
	}
	e.of[n] = x
}
