package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// FaucetPerDay is what the faucet of a development server gives a member a day.
const FaucetPerDay = 1_000_000 * tokens.Unit

// faucet gives quote to whoever asks, for development. What goes back into it is gone.
type faucet struct {
	perDay tokens.Amount // for each member
}

var _ inside = faucet{}

// ErrFaucet: more than the faucet gives to one member in a day. FaucetError says how much is left.
var ErrFaucet = errors.New("the faucet gives no more today")

// FaucetError is ErrFaucet with its figures, in quote micro-units.
type FaucetError struct{ PerDay, Left tokens.Amount }

func (e *FaucetError) Error() string {
	return fmt.Sprintf("the faucet gives each member %s a day: %s are left for today", e.PerDay, e.Left)
}

func (e *FaucetError) Unwrap() error { return ErrFaucet }

// See takes every request for a deposit of its own.
func (f faucet) See(_ context.Context, e rail.Evidence) (rail.Deposit, error) {
	if e.Amount <= 0 || e.Amount > tokens.MaxAmount {
		return rail.Deposit{}, fmt.Errorf("%s: %w", e.Amount, ErrRange)
	}
	return rail.Deposit{Reference: e.Key, Amount: e.Amount}, nil
}

// take holds the member to the day's limit; days are those of UTC.
func (f faucet) take(t *tx, m bt.MemberID, d rail.Deposit) error {
	var taken tokens.Amount
	err := t.row(`SELECT coalesce(sum(amount), 0) FROM transfers WHERE at_ms >= ? AND code = ?
		AND dest = (SELECT id FROM accounts WHERE asset = 'quote' AND name = ?) AND source = (SELECT id FROM accounts WHERE asset = 'quote' AND name = ?)`,
		t.now.UTC().Truncate(24*time.Hour).UnixMilli(), tokens.CodeDeposit, tokens.Available(m), tokens.External(RailFaucet)).Scan(&taken)
	if err != nil {
		return fmt.Errorf("what the faucet gave today: %w", err)
	}
	if left := max(0, f.perDay-taken); d.Amount > left {
		return &FaucetError{f.perDay, left}
	}
	return nil
}

func (f faucet) Send(context.Context, rail.Withdrawal) (rail.Shipment, error) {
	return rail.Shipment{Reference: "drain"}, nil
}

func (f faucet) Outcome(context.Context, rail.Withdrawal) (rail.State, error) {
	return rail.Confirmed, nil
}

func (f faucet) recall(*tx, rail.Withdrawal) error { return ErrGone }
