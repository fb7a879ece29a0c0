package web

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// economy is everything that moves members' money, and what it became.
type economy interface {
	wallets
	stakes
	trades
	rails
	locks
	Sponsor(ctx context.Context, o store.Once, t bt.TorrentID, amount tokens.Amount, d time.Duration) (store.Sponsored, error)
}

type wallets interface {
	Wallet(context.Context, bt.MemberID) (store.Wallet, error)
	Statement(ctx context.Context, m bt.MemberID, asset tokens.Asset, before int64, limit int) ([]store.Line, int64, error)
	Probations(ctx context.Context, m bt.MemberID, limit int) ([]store.Probation, error)
	Slashes(ctx context.Context, m bt.MemberID, n int) ([]store.Slash, error)
	Receipt(ctx context.Context, id string) (store.Receipt, error)
	MaySee(context.Context, bt.MemberID, tokens.Transfer) (bool, error)
	ExportMember(ctx context.Context, m bt.MemberID, span store.Span, each func(store.MemberEntry) error) error
	Head(context.Context) (store.ChainHead, error)
}

type stakes interface {
	GateState(context.Context) (store.Gate, error)
	Stake(ctx context.Context, o store.Once, amount tokens.Amount) (store.Moved, error)
	Unstake(ctx context.Context, o store.Once, amount tokens.Amount) (store.Unstaked, error)
	Unbondings(ctx context.Context, m bt.MemberID, n int) ([]store.Unbonding, error)
	Pledge(ctx context.Context, o store.Once, n bt.NodeID, amount tokens.Amount) (store.Moved, error)
	Unpledge(ctx context.Context, o store.Once, n bt.NodeID, amount tokens.Amount) (store.Moved, error)
}

// moveCollateral is Pledge or Unpledge.
type moveCollateral func(ctx context.Context, o store.Once, n bt.NodeID, amount tokens.Amount) (store.Moved, error)

type trades interface {
	Sale(ctx context.Context, amounts ...tokens.Amount) (store.SaleState, error)
	SaleCapacity(context.Context) (store.SaleCapacity, error)
	Buy(context.Context, store.Once, store.Order) (store.Bought, error)
	Exchange(context.Context, store.Once, store.ExchangeOrder) (store.Bought, error)
	Sell(context.Context, store.Once, store.SellOrder) (store.Sold, error)
}

type rails interface {
	Rails() []string
	Deposit(ctx context.Context, o store.Once, name string, e rail.Evidence) (store.Deposited, error)
	Withdraw(context.Context, store.Once, store.WithdrawOrder) (store.Withdrawn, error)
	TakeBack(ctx context.Context, o store.Once, withdrawal int64) (store.Withdrawn, error)
	Withdrawals(ctx context.Context, m bt.MemberID, n int) ([]rail.Withdrawal, error)
}

type locks interface {
	Lock(ctx context.Context, o store.Once, amount tokens.Amount, weeks int64) (store.Locked, error)
	Locks(context.Context, bt.MemberID) ([]store.Lock, error)
	Lockers(ctx context.Context, n int) (store.Lockers, error)
	ClaimFees(ctx context.Context, o store.Once, lock int64) (store.Claimed, error)
	Vestings(context.Context, bt.MemberID) ([]store.Vesting, error)
	ReleaseVested(context.Context, store.Once) (store.Moved, error)
}

// operations are what operators do.
type operations interface {
	AddVouchers(ctx context.Context, by bt.MemberID, n store.NewVouchers) (batch int64, codes []rail.Code, err error)
	VoucherBatches(ctx context.Context, n int) ([]store.VoucherBatch, error)
	RevokeVouchers(ctx context.Context, by bt.MemberID, batch int64) (revoked int64, err error)
	RevokeVoucher(ctx context.Context, by bt.MemberID, code string) error
	Unverified(ctx context.Context, n int) ([]store.Member, error)
	VerifyMember(ctx context.Context, m, by bt.MemberID) error
	ReturnSlash(ctx context.Context, by bt.MemberID, slash int64, reason string) (tokens.Amount, error)
}
