package server

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// railInterval is how often withdrawals that are due are looked for.
const railInterval = 10 * time.Second

// renewSale takes the parameters in force over into the sale, and then its drift. What the sale's
// rules refuse is logged in every epoch until the parameters are set right; the sale goes on as it
// was, so a refused change stops nothing else.
func (s *Server) renewSale(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // the epoch has begun, whether the server stops or not
	if err := s.store.AdjustSale(ctx); err != nil {
		s.log.Error("economy.sale_price, sale_limit and sale_floor are not applied", "error", err)
	}
	if err := s.store.DriftSale(ctx); err != nil {
		s.log.Error("the sale's price does not drift", "error", err)
	}
}

// pushWithdrawals goes on with quote on its way out.
func (s *Server) pushWithdrawals(ctx context.Context, _ time.Time) error {
	return s.store.PushWithdrawals(ctx)
}

// faucet is what the faucet gives: something only in development.
func (c Config) faucet() tokens.Amount {
	if c.Dev {
		return store.FaucetPerDay
	}
	return 0
}
