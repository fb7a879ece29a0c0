package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/stake"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Gate is where the gate stands for who joins next (ECONOMY §2).
type Gate struct {
	Route   string        // RouteDownload or RouteGate
	Price   tokens.Amount // what must be staked; when full, what the last one had to
	JoinFee tokens.Amount // on top
	Members int64         // who joined and did not leave
	Seats   int64         // 95 % of them are let in; RouteGate only
	Full    bool          // nobody can join until somebody leaves
}

const countJoined = "SELECT count(*) FROM members WHERE gate_price_utok IS NOT NULL"

// GateState tells what joining takes now.
func (s *Store) GateState(ctx context.Context) (Gate, error) {
	e := s.economy()
	out := Gate{Route: e.Route, JoinFee: e.JoinFee, Seats: e.Seats}
	if err := s.r.QueryRowContext(ctx, countJoined).Scan(&out.Members); err != nil {
		return out, fmt.Errorf("count who joined: %w", err)
	}
	g := e.gate(out.Members)
	out.Price, out.Full = g.Price(), g.Full()
	return out, nil
}

func (e Economy) gate(members int64) stake.Gate {
	return stake.Gate{Surge: e.Route == RouteGate, Base: e.Gate, Seats: e.Seats, Members: members}
}

func (t *tx) gate() (stake.Gate, error) {
	g := t.economy().gate(0)
	if !g.Surge {
		return g, nil
	}
	if err := t.row(countJoined).Scan(&g.Members); err != nil {
		return g, fmt.Errorf("count who joined: %w", err)
	}
	return g, nil
}

const selectStanding = "SELECT coalesce(gate_price_utok, 0), (SELECT count(*) FROM nodes WHERE member = members.id) FROM members WHERE id = ?"

// stakes is what a member put up, and the gate they passed.
func (t *tx) stakes(m bt.MemberID) (s stake.Standing, err error) {
	if err = t.row(selectStanding, m).Scan(&s.Gate, &s.Nodes); err != nil {
		return s, fmt.Errorf("stake of member %d: %w", m, notFound(err))
	}
	s.Staked, err = t.stakeOf(m)
	return s, err
}

// Stake moves free tokens to the stake. The stake that reaches the gate makes the member: it fixes
// the gate price and costs the join fee, which goes to the lockers' pool. Who is below that price
// because of a charge or a slash pays no second fee; who left, by unstaking, joins anew. It reports
// stake.ErrFull for a stake that would join while no seat is free.
func (s *Store) Stake(ctx context.Context, o Once, amount tokens.Amount) (Moved, error) {
	var out Moved
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.stake(o, amount)
			return err
		})
	})
	return out, err
}

func (t *tx) stake(o Once, amount tokens.Amount) (Moved, error) {
	moves := []tokens.Transfer{{ID: "stake/" + o.id(), Asset: tokens.Token, From: tokens.Available(o.Member),
		To: tokens.Staked(o.Member), Amount: amount, Code: tokens.CodeStake, Ref: "stake"}}
	if err := t.fresh(moves[0]); err != nil {
		return Moved{}, err
	}
	fee, err := t.join(o.Member, amount)
	if err != nil {
		return Moved{}, err
	}
	moves = append(moves, fee...)
	if err := t.unreserved(o.Member, moves); err != nil {
		return Moved{}, err
	}
	return t.moved(o.Member, moves...)
}

// fresh reports ErrIdemReuse if the transfer was made before: a request whose answer was forgotten
// (Sweep) must not decide anything a second time.
func (t *tx) fresh(tr tokens.Transfer) error {
	if err := tr.Check(); err != nil {
		return err
	}
	known, err := t.known(tr)
	if known || errors.Is(err, tokens.ErrConflict) {
		return ErrIdemReuse
	}
	return err
}

// join makes the member if so much more stake reaches the gate, and returns the fee.
func (t *tx) join(m bt.MemberID, amount tokens.Amount) ([]tokens.Transfer, error) {
	s, err := t.stakes(m)
	if err != nil || s.Gate > 0 {
		return nil, err
	}
	price, err := t.passes(s.Staked + amount)
	if err != nil || price == 0 {
		return nil, err
	}
	nth, err := t.enter(m, price)
	fee := t.economy().JoinFee
	if err != nil || fee == 0 {
		return nil, err
	}
	id := fmt.Sprintf("join/%d", m)
	if nth > 1 {
		id = fmt.Sprintf("join/%d/%d", m, nth)
	}
	return []tokens.Transfer{{ID: id, Asset: tokens.Token, From: tokens.Available(m), To: tokens.PoolLockers,
		Amount: fee, Code: tokens.CodeJoinFee, Ref: "join"}}, nil
}

// passes returns the gate price that a stake fixes; 0: it is too low.
func (t *tx) passes(staked tokens.Amount) (tokens.Amount, error) {
	g, err := t.gate()
	if err != nil {
		return 0, err
	}
	price, err := g.Join(staked)
	if err != nil {
		return 0, fmt.Errorf("join as number %d of %d seats: %w", g.Members+1, g.Seats, err)
	}
	return price, nil
}

// enter lets a member in at a price, and returns how often they joined by now. Above the gate is
// verified (ECONOMY §2).
func (t *tx) enter(m bt.MemberID, price tokens.Amount) (nth int64, err error) {
	t.batch.touch(m, 0)
	if err := t.row("UPDATE members SET gate_price_utok = ?, joinings = joinings + 1 WHERE id = ? RETURNING joinings", price, m).Scan(&nth); err != nil {
		return 0, fmt.Errorf("let member %d in: %w", m, notFound(err))
	}
	return nth, t.verify(m, false)
}

// leave makes a guest of a member.
func (t *tx) leave(m bt.MemberID) error {
	t.batch.touch(m, 0)
	if err := t.change("UPDATE members SET gate_price_utok = NULL WHERE id = ?", m); err != nil {
		return fmt.Errorf("let member %d go: %w", m, err)
	}
	return nil
}

// Unstaked is the answer to Unstake.
type Unstaked struct {
	Moved
	Entry Unbonding
	Left  bool // the stake fell below the gate price: a guest, who pays the fee to join again
}

// Unstake moves free stake to unbonding, where slashing still reaches it; it is available after the
// unbonding time. Unstaking below the gate price is leaving. What nodes hold as collateral is not
// free: a FundsError has the figures. ErrTooMany if too many entries are under way.
func (s *Store) Unstake(ctx context.Context, o Once, amount tokens.Amount) (Unstaked, error) {
	var out Unstaked
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.unstake(o, amount)
			return err
		})
	})
	return out, err
}

func (t *tx) unstake(o Once, amount tokens.Amount) (out Unstaked, err error) {
	move := tokens.Transfer{ID: "unstake/" + o.id(), Asset: tokens.Token, From: tokens.Staked(o.Member),
		To: tokens.Unbonding(o.Member), Amount: amount, Code: tokens.CodeUnstake, Ref: "unstake"}
	if err := t.fresh(move); err != nil {
		return out, err
	}
	s, err := t.stakes(o.Member)
	if err != nil {
		return out, err
	}
	free, err := t.balance(tokens.Token, tokens.Staked(o.Member))
	if err != nil {
		return out, err
	}
	if free < amount {
		return out, &FundsError{Asset: tokens.Token, Need: amount, Have: free, Pledged: s.Staked - free}
	}
	if err := t.roomToUnbond(o.Member); err != nil {
		return out, err
	}
	if out.Left = s.Leaves(amount); out.Left {
		if err := t.leave(o.Member); err != nil {
			return out, err
		}
	}
	if out.Entry, err = t.unbond(o.Member, move, t.nowMs()+t.economy().unbondingTime().Milliseconds()); err != nil {
		return out, err
	}
	out.Moved, err = t.moved(o.Member)
	out.Transfers = []string{move.ID}
	return out, err
}

// Pledge moves free stake to a node of the member as collateral.
func (s *Store) Pledge(ctx context.Context, o Once, n bt.NodeID, amount tokens.Amount) (Moved, error) {
	return s.moveCollateral(ctx, o, n, tokens.Transfer{ID: "pledge/" + o.id(), From: tokens.Staked(o.Member), To: tokens.Collateral(n),
		Amount: amount, Code: tokens.CodePledge}, func(t *tx) error {
		free, err := t.balance(tokens.Token, tokens.Staked(o.Member))
		if err == nil && free < amount {
			err = &FundsError{Asset: tokens.Token, Need: amount, Have: free}
		}
		return err
	})
}

// Unpledge moves collateral of a node back to the free stake, as far as the node's live claims do
// not need it: 1 token per GiB (economy.collateral_per_gib), for which retained earnings count too.
// A FundsError has the figures.
func (s *Store) Unpledge(ctx context.Context, o Once, n bt.NodeID, amount tokens.Amount) (Moved, error) {
	return s.moveCollateral(ctx, o, n, tokens.Transfer{ID: "unpledge/" + o.id(), From: tokens.Collateral(n), To: tokens.Staked(o.Member),
		Amount: amount, Code: tokens.CodeUnpledge}, func(t *tx) error {
		node, err := t.backing(n, t.economy().CollateralPerGiB)
		if err == nil && node.Unpledgeable() < amount {
			err = &FundsError{Asset: tokens.Token, Need: amount, Have: node.Unpledgeable(), Claims: node.Need()}
		}
		return err
	})
}

// moveCollateral posts a transfer between the stake and a node, if the node is the member's
// (otherwise ErrNotFound) and allowed has no objection.
func (s *Store) moveCollateral(ctx context.Context, o Once, n bt.NodeID, move tokens.Transfer, allowed func(*tx) error) (Moved, error) {
	move.Asset, move.Ref = tokens.Token, fmt.Sprintf("node/%d", n)
	var out Moved
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() error {
			var owner bt.MemberID
			if err := t.row("SELECT member FROM nodes WHERE id = ?", n).Scan(&owner); err != nil {
				return notFound(err)
			}
			if owner != o.Member {
				return ErrNotFound
			}
			if err := t.fresh(move); err != nil {
				return err
			}
			if err := allowed(t); err != nil {
				return err
			}
			var err error
			out, err = t.moved(o.Member, move)
			return err
		})
	})
	return out, err
}

// backing is what stands behind a node's claims, and what they need: one that is withdrawn under
// suspicion as long as that is not settled.
func (t *tx) backing(n bt.NodeID, perGiB tokens.Amount) (stake.Node, error) {
	pledge, err := t.nodePledge(n)
	if err != nil {
		return stake.Node{}, err
	}
	out := stake.Node{Collateral: pledge.Collateral, Retained: pledge.Retained, PerGiB: perGiB}
	if err := t.row("SELECT coalesce(sum(bytes), 0) FROM claims WHERE node = ? AND (live = 1 OR leaving = 1)", n).Scan(&out.Claimed); err != nil {
		return out, fmt.Errorf("add up the claims of node %d: %w", n, err)
	}
	return out, nil
}
