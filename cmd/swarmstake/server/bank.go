package server

import (
	"context"
	"fmt"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// bank is the store as the website uses it: before tokens that a download could still be charged
// are moved away from a member, what the meter saw is written.
type bank struct {
	*store.Store
	meter *flusher
}

// Stake flushes the meter, so that neither charges nor reservations of a moment ago can be staked.
func (b bank) Stake(ctx context.Context, o store.Once, amount tokens.Amount) (store.Moved, error) {
	if err := b.meter.Commit(ctx); err != nil {
		return store.Moved{}, fmt.Errorf("flush before staking: %w", err)
	}
	return b.Store.Stake(ctx, o, amount)
}
