package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// NodeRow is a node as operators' lists show it.
type NodeRow struct {
	Node
	Standing availability.Standing
	Held     tokens.Amount // collateral and retained
	Claims   int           // live
	Claimed  bt.Bytes      // by them
}

// NodeQuery says which nodes to list, newest first.
type NodeQuery struct {
	Suspended bool      // only those
	Before    bt.NodeID // older than this one; 0: from the newest on
	Limit     int
}

// Nodes lists everybody's nodes. next is the Before of the next page; 0: it was the last.
func (s *Store) Nodes(ctx context.Context, p availability.Params, q NodeQuery) (list []NodeRow, next bt.NodeID, err error) {
	err = s.read(ctx, func(r *reader) error {
		nodes, err := scan(ctx, r.Tx, func(r *sql.Rows) (Node, error) { return readNode(r) },
			selectNode+" WHERE (?1 = 0 OR n.id < ?1) AND (?2 = 0 OR n.suspended_ms > 0) ORDER BY n.id DESC LIMIT ?3", q.Before, q.Suspended, q.Limit+1)
		if err != nil {
			return err
		}
		if len(nodes) > q.Limit {
			nodes = nodes[:q.Limit]
			next = nodes[q.Limit-1].ID
		}
		for _, n := range nodes {
			row, err := r.nodeRow(p, n)
			if err != nil {
				return err
			}
			list = append(list, row)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list nodes: %w", err)
	}
	return list, next, nil
}

// NodeRow returns one of them; ErrNotFound.
func (s *Store) NodeRow(ctx context.Context, p availability.Params, id bt.NodeID) (out NodeRow, err error) {
	err = s.read(ctx, func(r *reader) error {
		n, err := readNode(r.QueryRowContext(ctx, selectNode+" WHERE n.id = ?", id))
		if err != nil {
			return err
		}
		out, err = r.nodeRow(p, n)
		return err
	})
	if err != nil {
		return NodeRow{}, fmt.Errorf("node %d: %w", id, err)
	}
	return out, nil
}

func (r *reader) nodeRow(p availability.Params, n Node) (NodeRow, error) {
	out := NodeRow{Node: n}
	var raw string
	if err := r.QueryRowContext(r.ctx, "SELECT standing FROM nodes WHERE id = ?", n.ID).Scan(&raw); err != nil {
		return out, err
	}
	collateral, err := r.balance(tokens.Token, tokens.Collateral(n.ID))
	retained, err2 := r.balance(tokens.Token, tokens.Retained(n.ID))
	var err3 error
	out.Standing, err3 = parseStanding(p, raw)
	if err := errors.Join(err, err2, err3); err != nil {
		return out, err
	}
	out.Held = collateral + retained
	return out, r.QueryRowContext(r.ctx, "SELECT count(*), coalesce(sum(bytes), 0) FROM claims WHERE node = ? AND live = 1", n.ID).Scan(&out.Claims, &out.Claimed)
}
