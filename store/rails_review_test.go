package store

import (
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

// The round that looks for withdrawals must not take the code of one that its member waits for.
func TestWithdrawalIsNotPushedUnderItsMembersHands(t *testing.T) {
	now := time.UnixMilli(1_900_000_000_000)
	s := open(t, t.TempDir(), Options{Now: func() time.Time { return now }, Faucet: 1000 * tokens.Unit})
	addMember(t, s, 1, 0, 0)
	if _, err := s.Deposit(t.Context(), Once{Member: 1, Key: "d"}, RailFaucet, rail.Evidence{Amount: 10 * tokens.Unit}); err != nil {
		t.Fatal(err)
	}
	// As Withdraw does, up to the commit of the debit.
	if err := s.write(t.Context(), func(t *tx) error {
		_, err := t.debit(1, WithdrawOrder{Rail: RailVoucher, Amount: 5})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.PushWithdrawals(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := s.Withdrawals(t.Context(), 1, 1)
	if err != nil || list[0].State != rail.Debited {
		t.Errorf("%+v, %v: the code went to nobody", list[0], err)
	}
}
