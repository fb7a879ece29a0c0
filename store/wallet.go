package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Wallet is what a member owns. The token figures are sums of what Statement lists.
type Wallet struct {
	Available tokens.Amount
	Staked    tokens.Amount // free stake plus collateral of all nodes
	Unbonding tokens.Amount
	Held      tokens.Amount // retained by nodes, or disputed
	Reserved  tokens.Amount // part of Available that running downloads hold
	Quote     tokens.Amount // quote micro-units, to buy tokens with
	GatePrice tokens.Amount // what must stay staked; 0: guest
}

// The balances that a line of a statement can belong to.
const (
	InAvailable = "available"
	InStaked    = "staked"
	InUnbonding = "unbonding"
	InHeld      = "held"
)

// Line is a transfer as one of a member's balances sees it. A transfer between two balances of one
// member gives two lines, so that each balance is the sum of its lines.
type Line struct {
	Seq     int64
	ID      string
	Code    tokens.Code
	Ref     string
	Amount  tokens.Amount // positive: came in
	Balance string        // InAvailable…
	Other   tokens.Account
	AtMs    int64
}

// owned is one account of a member.
type owned struct {
	id      int64
	name    tokens.Account
	balance tokens.Amount
	kind    string
}

// owned finds the accounts of an asset in which a member has money, by ECONOMY §1.
func (r *reader) owned(m bt.MemberID, asset tokens.Asset) ([]owned, error) {
	kinds := map[tokens.Account]string{tokens.Available(m): InAvailable, tokens.Staked(m): InStaked, tokens.Unbonding(m): InUnbonding}
	nodes, err := collect[bt.NodeID](r.ctx, r.Tx, "SELECT id FROM nodes WHERE member = ?", m)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		kinds[tokens.Collateral(n)], kinds[tokens.Retained(n)] = InStaked, InHeld
	}
	slashes, err := collect[int64](r.ctx, r.Tx, "SELECT s.id FROM slashes s JOIN nodes n ON n.id = s.node WHERE n.member = ?", m)
	if err != nil {
		return nil, err
	}
	for _, s := range slashes {
		kinds[tokens.Disputed(s)] = InHeld
	}
	var out []owned
	for name, kind := range kinds {
		o := owned{name: name, kind: kind}
		err := r.QueryRowContext(r.ctx, "SELECT id, balance FROM accounts WHERE asset = ? AND name = ?", asset, name).Scan(&o.id, &o.balance)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// Wallet returns a member's balances, all of one commit.
func (s *Store) Wallet(ctx context.Context, m bt.MemberID) (Wallet, error) {
	var w Wallet
	err := s.read(ctx, func(r *reader) error {
		if err := r.QueryRowContext(ctx, "SELECT coalesce(gate_price_utok, 0) FROM members WHERE id = ?", m).Scan(&w.GatePrice); err != nil {
			return notFound(err)
		}
		accounts, err := r.owned(m, tokens.Token)
		if err != nil {
			return err
		}
		sums := map[string]tokens.Amount{}
		for _, a := range accounts {
			sums[a.kind] += a.balance
		}
		w.Available, w.Staked, w.Unbonding, w.Held = sums[InAvailable], sums[InStaked], sums[InUnbonding], sums[InHeld]
		if w.Quote, err = r.balance(tokens.Quote, tokens.Available(m)); err != nil {
			return err
		}
		return r.QueryRowContext(ctx, sumReserved, m).Scan(&w.Reserved)
	})
	return w, err
}

const sumReserved = "SELECT coalesce(sum(reserved_utok), 0) FROM downloads WHERE member = ?"

// Statement returns up to limit transfers of a member in one asset, newest first, before row
// before (0: from the newest), and the row to continue before (0: the end).
func (s *Store) Statement(ctx context.Context, m bt.MemberID, asset tokens.Asset, before int64, limit int) ([]Line, int64, error) {
	var out []Line
	var next int64
	err := s.read(ctx, func(r *reader) error {
		accounts, err := r.owned(m, asset)
		if err != nil || len(accounts) == 0 {
			return err
		}
		seqs, err := r.newest(accounts, before, limit+1)
		if err != nil {
			return err
		}
		if len(seqs) > limit {
			seqs = seqs[:limit]
			next = seqs[limit-1]
		}
		for _, seq := range seqs {
			lines, err := r.lines(accounts, seq)
			if err != nil {
				return err
			}
			out = append(out, lines...)
		}
		return nil
	})
	return out, next, err
}

// newest lists the last rows that touch any of the accounts. Each account is asked for its own
// last rows, which its indexes answer without reading the others'.
func (r *reader) newest(accounts []owned, before int64, limit int) ([]int64, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	var seqs []int64
	for _, a := range accounts {
		for _, side := range []string{"source", "dest"} {
			got, err := collect[int64](r.ctx, r.Tx, "SELECT seq FROM transfers WHERE "+side+" = ? AND seq < ? ORDER BY seq DESC LIMIT ?", a.id, before, limit)
			if err != nil {
				return nil, err
			}
			seqs = append(seqs, got...)
		}
	}
	slices.SortFunc(seqs, func(a, b int64) int { return int(b - a) })
	seqs = slices.Compact(seqs)
	return seqs[:min(limit, len(seqs))], nil
}

func (r *reader) lines(accounts []owned, seq int64) ([]Line, error) {
	t, err := readTransfer(r.QueryRowContext(r.ctx, selectTransfer+" WHERE t.seq = ?", seq))
	if err != nil {
		return nil, err
	}
	var out []Line
	for _, a := range accounts {
		l := Line{Seq: seq, ID: t.ID, Code: t.Code, Ref: t.Ref, Balance: a.kind, AtMs: t.AtMs}
		switch a.name {
		case t.From:
			l.Amount, l.Other = -t.Amount, t.To
		case t.To:
			l.Amount, l.Other = t.Amount, t.From
		default:
			continue
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Line) int { return int(a.Amount - b.Amount) }) // what left before what came
	return out, nil
}

// Moved is the answer to a request that moved a member's money.
type Moved struct {
	Transfers []string // ids
	Available tokens.Amount
	Staked    tokens.Amount // free stake plus collateral
	Quote     tokens.Amount
}

// moved posts transfers and tells what the member has afterwards.
func (t *tx) moved(m bt.MemberID, transfers ...tokens.Transfer) (Moved, error) {
	var out Moved
	for _, tr := range transfers {
		if err := t.post(tr); err != nil {
			return out, err
		}
		out.Transfers = append(out.Transfers, tr.ID)
	}
	var err, err2, err3 error
	out.Available, err = t.balance(tokens.Token, tokens.Available(m))
	out.Staked, err2 = t.stakeOf(m)
	out.Quote, err3 = t.balance(tokens.Quote, tokens.Available(m))
	return out, errors.Join(err, err2, err3)
}

// Deposit credits quote that came in over a rail.
func (s *Store) Deposit(ctx context.Context, o Once, rail string, amount tokens.Amount) (Moved, error) {
	var out Moved
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() (err error) {
			out, err = t.moved(o.Member, tokens.Transfer{ID: "deposit/" + rail + "/" + o.id(), Asset: tokens.Quote, From: tokens.External(rail),
				To: tokens.Available(o.Member), Amount: amount, Code: tokens.CodeDeposit, Ref: rail})
			return err
		})
	})
	return out, err
}

// Stake moves free tokens to the stake. The stake that first reaches the gate makes the member:
// it fixes the gate price and costs the join fee, once, which goes to the lockers' pool.
func (s *Store) Stake(ctx context.Context, o Once, amount tokens.Amount) (Moved, error) {
	var out Moved
	err := s.write(ctx, func(t *tx) error {
		return once(t, o, &out, func() error {
			moves := []tokens.Transfer{{ID: "stake/" + o.id(), Asset: tokens.Token, From: tokens.Available(o.Member),
				To: tokens.Staked(o.Member), Amount: amount, Code: tokens.CodeStake, Ref: "stake"}}
			fee, err := t.join(o.Member, amount)
			if err != nil {
				return err
			}
			moves = append(moves, fee...)
			if err := t.unreserved(o.Member, moves); err != nil {
				return err
			}
			out, err = t.moved(o.Member, moves...)
			return err
		})
	})
	return out, err
}

// join makes the member if this stake reaches the gate for the first time, and returns the fee.
func (t *tx) join(m bt.MemberID, amount tokens.Amount) ([]tokens.Transfer, error) {
	var gate sql.NullInt64
	if err := t.row("SELECT gate_price_utok FROM members WHERE id = ?", m).Scan(&gate); err != nil {
		return nil, notFound(err)
	}
	staked, err := t.stakeOf(m)
	eco := t.store.opt.Economy
	if err != nil || gate.Valid || staked+amount < eco.Gate {
		return nil, err
	}
	if err := t.setGate(m, eco.Gate); err != nil || eco.JoinFee == 0 {
		return nil, err
	}
	return []tokens.Transfer{{ID: fmt.Sprintf("join/%d", m), Asset: tokens.Token, From: tokens.Available(m), To: tokens.PoolLockers,
		Amount: eco.JoinFee, Code: tokens.CodeJoinFee, Ref: "join"}}, nil
}

// unreserved reports tokens.ErrFunds if the moves would spend what running downloads reserved.
func (t *tx) unreserved(m bt.MemberID, moves []tokens.Transfer) error {
	have, err := t.balance(tokens.Token, tokens.Available(m))
	if err != nil {
		return err
	}
	var reserved, need tokens.Amount
	if err := t.row(sumReserved, m).Scan(&reserved); err != nil {
		return err
	}
	for _, tr := range moves {
		need += tr.Amount
	}
	if have-reserved < need {
		return &FundsError{Asset: tokens.Token, Need: need, Have: max(have-reserved, 0), Reserved: reserved}
	}
	return nil
}

// FundsError is tokens.ErrFunds with the figures that a member wants to know.
type FundsError struct {
	Asset                tokens.Asset
	Need, Have, Reserved tokens.Amount
}

func (e *FundsError) Error() string {
	return fmt.Sprintf("%s %s needed, %s free, %s reserved", e.Need, e.Asset, e.Have, e.Reserved)
}

func (e *FundsError) Unwrap() error { return tokens.ErrFunds }

// Pledge moves free stake to a node of the member as collateral.
func (s *Store) Pledge(ctx context.Context, o Once, n bt.NodeID, amount tokens.Amount) (Moved, error) {
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
			free, err := t.balance(tokens.Token, tokens.Staked(o.Member))
			if err != nil {
				return err
			}
			if free < amount {
				return &FundsError{Asset: tokens.Token, Need: amount, Have: free}
			}
			out, err = t.moved(o.Member, tokens.Transfer{ID: "pledge/" + o.id(), Asset: tokens.Token, From: tokens.Staked(o.Member),
				To: tokens.Collateral(n), Amount: amount, Code: tokens.CodePledge, Ref: fmt.Sprintf("node/%d", n)})
			return err
		})
	})
	return out, err
}
