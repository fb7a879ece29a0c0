package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/rail"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The rails that every store has; the faucet only if Options.Faucet gives something.
const (
	RailVoucher = "voucher"
	RailFaucet  = "faucet"
)

// inside is a rail whose other side is this database: what it does about a deposit or a withdrawal
// happens in the transaction that moves the money.
type inside interface {
	rail.Rail
	take(t *tx, m bt.MemberID, d rail.Deposit) error // what the member deposits, so that nobody can again
	recall(t *tx, w rail.Withdrawal) error           // a withdrawal that the member wants back
}

// openRails joins the built-in rails with those of the options, which have names of their own.
func (s *Store) openRails(opt Options) error {
	s.rails = map[string]rail.Rail{RailVoucher: vouchers{s}}
	if opt.Faucet > 0 {
		s.rails[RailFaucet] = faucet{opt.Faucet}
	}
	for name, r := range opt.Rails {
		if err := CheckName(name); err != nil || s.rails[name] != nil || name == RailFaucet {
			return fmt.Errorf("rail %q: the name is taken or no name", name)
		}
		s.rails[name] = r
	}
	return nil
}

// Rails lists the names under which quote comes in and goes out, sorted.
func (s *Store) Rails() []string { return slices.Sorted(maps.Keys(s.rails)) }

// rail finds a rail; rail.ErrUnknown.
func (s *Store) rail(name string) (rail.Rail, error) {
	if r := s.rails[name]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("%q: %w", name, rail.ErrUnknown)
}

// Deposited is the answer to Deposit.
type Deposited struct {
	Moved
	Reference string        // by which the rail knows it
	Amount    tokens.Amount // quote micro-units
}

// Deposit credits what the evidence is worth on a rail, once: the rail's reference is the transfer's
// id. Evidence that was credited before moves nothing, or is an error where the rail says so; the
// same reference with another member or amount is tokens.ErrConflict. The evidence's Member and Key
// are those of o. It reports rail.ErrUnknown, and what the rail does not accept in its own errors.
func (s *Store) Deposit(ctx context.Context, o Once, name string, e rail.Evidence) (Deposited, error) {
	var out Deposited
	r, err := s.rail(name)
	if err != nil {
		return out, err
	}
	e.Member, e.Key = o.Member, o.id()
	d, err := r.See(ctx, e)
	if err != nil {
		return out, fmt.Errorf("deposit by %s: %w", name, err)
	}
	if d.Reference == "" || len(d.Reference) > rail.MaxReference || d.Amount <= 0 {
		return out, fmt.Errorf("deposit by %s of %s, reference %q: %w", name, d.Amount, d.Reference, ErrRange)
	}
	err = s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out = Deposited{Reference: d.Reference, Amount: d.Amount}
			out.Moved, err = t.credit(o.Member, name, r, d)
			return err
		})
	})
	return out, err
}

func (t *tx) credit(m bt.MemberID, name string, r rail.Rail, d rail.Deposit) (Moved, error) {
	if in, ok := r.(inside); ok {
		if err := in.take(t, m, d); err != nil {
			return Moved{}, fmt.Errorf("deposit by %s: %w", name, err)
		}
	}
	return t.moved(m, tokens.Transfer{ID: "deposit/" + name + "/" + d.Reference, Asset: tokens.Quote, From: tokens.External(name),
		To: tokens.Available(m), Amount: d.Amount, Code: tokens.CodeDeposit, Ref: name + "/" + d.Reference})
}
