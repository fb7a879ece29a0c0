package web

import (
	"errors"
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

// railProblem explains why quote does not come in or go out.
func (s *site) railProblem(err error) *problem {
	var voucher *rail.VoucherError
	var faucet *store.FaucetError
	switch {
	case errors.As(err, &voucher):
		return fail(http.StatusUnprocessableEntity, "voucher_"+string(voucher.Reason), "This voucher cannot be used: %v.", voucher)
	case errors.As(err, &faucet):
		return fail(http.StatusConflict, "faucet", "The faucet gives each member %s %s a day; %s are left for today.", faucet.PerDay, s.QuoteSymbol, faucet.Left)
	case errors.Is(err, rail.ErrUnknown):
		return fail(http.StatusUnprocessableEntity, "rail", "There is no such way to pay here.")
	case errors.Is(err, store.ErrManyOpen):
		return fail(http.StatusConflict, "too_many_open", "You have %d withdrawals under way; wait until some arrived, or take some back.", store.MaxOpenWithdrawals)
	case errors.Is(err, store.ErrGone):
		return fail(http.StatusConflict, "gone", "This withdrawal cannot be taken back any more.")
	}
	return nil
}
