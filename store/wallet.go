package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/stake"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Wallet is what a member owns. The token figures are sums of what Statement lists.
type Wallet struct {
	Available tokens.Amount
	Staked    tokens.Amount // free stake plus collateral of all nodes
	Free      tokens.Amount // part of Staked that no node holds as collateral
	Unbonding tokens.Amount
	Locked    tokens.Amount
	Vesting   tokens.Amount
	Held      tokens.Amount // retained by nodes, disputed, or on probation
	Probation tokens.Amount // part of Held: pay for uploads that are not trusted yet
	Reserved  tokens.Amount // part of Available that running downloads hold
	Quote     tokens.Amount // quote micro-units, to buy tokens with
	Allowance bt.Bytes      // free download allowance
	Promised  bt.Bytes      // part of Allowance that running downloads hold
	GatePrice tokens.Amount // what must stay staked; 0: guest
	Tier      stake.Tier
}

// The balances that a line of a statement can belong to.
const (
	InAvailable = "available"
	InStaked    = "staked"
	InUnbonding = "unbonding"
	InLocked    = "locked"
	InVesting   = "vesting"
	InHeld      = "held"
	InAllowance = "allowance" // of asset byte
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

// owned finds the accounts of an asset in which a member has something, by ECONOMY §1.
func (r *reader) owned(m bt.MemberID, asset tokens.Asset) ([]owned, error) {
	kinds, err := r.kinds(m, asset)
	if err != nil {
		return nil, err
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

// kinds says of each account of an asset that can be a member's to which balance it belongs.
func (r *reader) kinds(m bt.MemberID, asset tokens.Asset) (map[tokens.Account]string, error) {
	switch asset {
	case tokens.Quote:
		return map[tokens.Account]string{tokens.Available(m): InAvailable}, nil
	case tokens.Byte:
		return map[tokens.Account]string{tokens.Allowance(m): InAllowance}, nil
	}
	kinds := map[tokens.Account]string{tokens.Available(m): InAvailable, tokens.Staked(m): InStaked, tokens.Unbonding(m): InUnbonding,
		tokens.Probation(m): InHeld}
	// Each table has rows of a member that accounts are named after.
	err := errors.Join(
		addKinds(r, kinds, "SELECT id FROM nodes WHERE member = ?", m, tokens.Collateral, InStaked),
		addKinds(r, kinds, "SELECT id FROM nodes WHERE member = ?", m, tokens.Retained, InHeld),
		addKinds(r, kinds, "SELECT s.id FROM slashes s JOIN nodes n ON n.id = s.node WHERE n.member = ?", m, tokens.Disputed, InHeld),
		addKinds(r, kinds, "SELECT id FROM locks WHERE member = ?", m, tokens.Locked, InLocked),
		addKinds(r, kinds, "SELECT id FROM vestings WHERE member = ?", m, tokens.Vesting, InVesting))
	return kinds, err
}

func addKinds[ID ~int64 | ~uint32](r *reader, kinds map[tokens.Account]string, query string, m bt.MemberID, account func(ID) tokens.Account, kind string) error {
	ids, err := collect[ID](r.ctx, r.Tx, query, m)
	for _, id := range ids {
		kinds[account(id)] = kind
	}
	return err
}

// Wallet returns a member's balances, all of one commit.
func (s *Store) Wallet(ctx context.Context, m bt.MemberID) (Wallet, error) {
	var w Wallet
	err := s.read(ctx, func(r *reader) error {
		standing := stake.Standing{}
		if err := r.QueryRowContext(ctx, selectStanding, m).Scan(&standing.Gate, &standing.Nodes); err != nil {
			return notFound(err)
		}
		accounts, err := r.owned(m, tokens.Token)
		if err != nil {
			return err
		}
		sums, of := map[string]tokens.Amount{}, map[tokens.Account]tokens.Amount{}
		for _, a := range accounts {
			sums[a.kind] += a.balance
			of[a.name] = a.balance
		}
		w = Wallet{Available: sums[InAvailable], Staked: sums[InStaked], Free: of[tokens.Staked(m)], Unbonding: sums[InUnbonding],
			Locked: sums[InLocked], Vesting: sums[InVesting], Held: sums[InHeld], Probation: of[tokens.Probation(m)], GatePrice: standing.Gate}
		standing.Staked = w.Staked
		w.Tier = standing.Tier()
		if w.Quote, err = r.balance(tokens.Quote, tokens.Available(m)); err != nil {
			return err
		}
		free, err := r.balance(tokens.Byte, tokens.Allowance(m))
		if err != nil {
			return err
		}
		w.Allowance = bt.Bytes(free)
		return r.QueryRowContext(ctx, "SELECT coalesce(sum(reserved_utok), 0), coalesce(sum(reserved_free_bytes), 0) FROM downloads WHERE member = ?",
			m).Scan(&w.Reserved, &w.Promised)
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
	return linesOf(accounts, seq, t), nil
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

// FundsError is tokens.ErrFunds with the figures that a member wants to know: what is needed, what is
// free, and what else there is but tied up.
type FundsError struct {
	Asset      tokens.Asset
	Need, Have tokens.Amount
	Reserved   tokens.Amount // by running downloads
	Pledged    tokens.Amount // to nodes, when free stake is short
	Claims     tokens.Amount // what must stay behind a node's live claims, when its collateral is short
}

func (e *FundsError) Error() string {
	return fmt.Sprintf("%s %s needed, %s free, %s reserved, %s pledged, %s behind claims", e.Need, e.Asset, e.Have, e.Reserved, e.Pledged, e.Claims)
}

func (e *FundsError) Unwrap() error { return tokens.ErrFunds }
