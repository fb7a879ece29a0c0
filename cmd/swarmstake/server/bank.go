package server

import (
	"context"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

// bank is the store as the website uses it: before tokens that a download could still be charged
// are moved away from a member, what the meter saw is written. So neither charges nor reservations
// of a moment ago can be staked, sold, locked or given away; nor can stake be taken out of reach
// of a shortfall.
type bank struct {
	*store.Store
	meter *flusher
}

var _ web.Store = bank{}

// flushed runs a request of a member after what the meter saw is written.
func flushed[T any](ctx context.Context, meter *flusher, what string, do func() (T, error)) (T, error) {
	if err := meter.Commit(ctx); err != nil {
		var none T
		return none, fmt.Errorf("flush before %s: %w", what, err)
	}
	return do()
}

// spend is flushed for a request that takes an amount of what the member has available: announces
// that come after the flush, and before the request's commit, do not reserve the same tokens.
func spend[T any](ctx context.Context, meter *flusher, m bt.MemberID, amount tokens.Amount, what string, do func() (T, error)) (T, error) {
	defer meter.swarms.Earmark(m, amount)()
	return flushed(ctx, meter, what, do)
}

func (b bank) Stake(ctx context.Context, o store.Once, amount tokens.Amount) (store.Moved, error) {
	return spend(ctx, b.meter, o.Member, amount, "staking", func() (store.Moved, error) { return b.Store.Stake(ctx, o, amount) })
}

func (b bank) Unstake(ctx context.Context, o store.Once, amount tokens.Amount) (store.Unstaked, error) {
	return flushed(ctx, b.meter, "unstaking", func() (store.Unstaked, error) { return b.Store.Unstake(ctx, o, amount) })
}

func (b bank) Pledge(ctx context.Context, o store.Once, n bt.NodeID, amount tokens.Amount) (store.Moved, error) {
	return flushed(ctx, b.meter, "pledging", func() (store.Moved, error) { return b.Store.Pledge(ctx, o, n, amount) })
}

func (b bank) Sell(ctx context.Context, o store.Once, order store.SellOrder) (store.Sold, error) {
	return spend(ctx, b.meter, o.Member, order.Tokens, "selling", func() (store.Sold, error) { return b.Store.Sell(ctx, o, order) })
}

func (b bank) Lock(ctx context.Context, o store.Once, amount tokens.Amount, weeks int64) (store.Locked, error) {
	return spend(ctx, b.meter, o.Member, amount, "locking", func() (store.Locked, error) { return b.Store.Lock(ctx, o, amount, weeks) })
}

func (b bank) AddRequest(ctx context.Context, o store.Once, n store.NewRequest) (store.Requested, error) {
	return spend(ctx, b.meter, o.Member, n.Bounty, "a request", func() (store.Requested, error) { return b.Store.AddRequest(ctx, o, n) })
}

func (b bank) AddBounty(ctx context.Context, o store.Once, request int64, amount tokens.Amount) (store.Moved, error) {
	return spend(ctx, b.meter, o.Member, amount, "adding to a bounty", func() (store.Moved, error) { return b.Store.AddBounty(ctx, o, request, amount) })
}

// WithdrawTorrent knows of downloads of a moment ago: while there are any, only operators may.
func (b bank) WithdrawTorrent(ctx context.Context, by bt.MemberID, t bt.TorrentID, reason string) error {
	_, err := flushed(ctx, b.meter, "withdrawing a torrent", func() (struct{}, error) { return struct{}{}, b.Store.WithdrawTorrent(ctx, by, t, reason) })
	return err
}

func (b bank) Sponsor(ctx context.Context, o store.Once, t bt.TorrentID, amount tokens.Amount, d time.Duration) (store.Sponsored, error) {
	return spend(ctx, b.meter, o.Member, amount, "sponsoring", func() (store.Sponsored, error) { return b.Store.Sponsor(ctx, o, t, amount, d) })
}
