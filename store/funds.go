package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// funds reads what OnFunds reports of the members that the batch touched.
func (b *batch) funds(t *tx) ([]Funds, error) {
	members := make([]bt.MemberID, 0, len(b.members))
	for m := range b.members {
		members = append(members, m)
	}
	slices.Sort(members)
	return t.fundsOf(members)
}

// funds reads what OnFunds reports of one member; ErrNotFound.
func (t *tx) funds(m bt.MemberID, charged int64) (Funds, error) {
	f, err := t.fundsOf([]bt.MemberID{m})
	if err != nil {
		return Funds{}, err
	}
	if len(f) == 0 {
		return Funds{}, fmt.Errorf("funds of member %d: %w", m, ErrNotFound)
	}
	f[0].Charged = charged
	return f[0], nil
}

// backing is what a member's stake is measured by, beside balances.
type backing struct {
	member bt.MemberID
	gate   sql.NullInt64
	nodes  []bt.NodeID
}

// fundsOf reads many members' funds at once, in the order of their numbers. A number that has no
// member is left out: the tracker need not know.
func (t *tx) fundsOf(members []bt.MemberID) ([]Funds, error) {
	backings, err := t.backings(members)
	if err != nil {
		return nil, err
	}
	out := make([]Funds, 0, len(backings))
	for _, b := range backings {
		f, err := t.fundsWith(b)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (t *tx) fundsWith(b backing) (Funds, error) {
	p, err := t.purse(b.member)
	if err != nil {
		return Funds{}, err
	}
	staked := p.staked.balance
	for _, n := range b.nodes {
		c, err := t.balance(tokens.Token, tokens.Collateral(n))
		if err != nil {
			return Funds{}, err
		}
		staked += c
	}
	return Funds{Member: b.member, Available: int64(p.available.balance), Staked: int64(staked), GateOK: b.gate.Valid && int64(staked) >= b.gate.Int64,
		Charged: t.batch.members[b.member], Allowance: int64(p.allowance.balance), Used: t.batch.used[b.member]}, nil
}

// backings reads gate and nodes of members with one query: a group commit touches many.
func (t *tx) backings(members []bt.MemberID) ([]backing, error) {
	if len(members) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	rows, err := t.QueryContext(t.ctx, `SELECT m.id, m.gate_price_utok, coalesce(n.id, 0) FROM members m LEFT JOIN nodes n ON n.member = m.id
		WHERE m.id IN (SELECT value FROM json_each(?)) ORDER BY m.id, n.id`, string(list))
	if err != nil {
		return nil, fmt.Errorf("read the gates of members: %w", err)
	}
	defer rows.Close()
	out := make([]backing, 0, len(members))
	for rows.Next() {
		var b backing
		var node bt.NodeID
		if err := rows.Scan(&b.member, &b.gate, &node); err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].member != b.member {
			out = append(out, b)
		}
		if node != 0 {
			last := &out[len(out)-1]
			last.nodes = append(last.nodes, node)
		}
	}
	return out, rows.Err()
}
