package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Appeal is one as its member and operators see it. Times in unix ms, 0: not yet.
type Appeal struct {
	ID            int64
	Member        bt.MemberID
	Name          string // of the member
	Node          bt.NodeID
	NodeName      string
	Slash         int64 // that it is against; 0: it is against the suspension
	SuspendedMs   int64 // since when the node was suspended; 0: it is against a penalty
	Text          string
	AtMs          int64
	Outcome       string // empty: it is not decided
	Reason        string // of the decision
	Returned      tokens.Amount
	DecidedMs     int64
	DecidedBy     bt.MemberID // 0: an administrative command
	DecidedByName string

	// Of the penalty.
	Audit   int64
	Amount  tokens.Amount
	TakenMs int64
	DueMs   int64
}

// Against says what an appeal is against.
func (a Appeal) Against() string {
	if a.Slash > 0 {
		return fmt.Sprintf("penalty %d of node %d", a.Slash, a.Node)
	}
	return fmt.Sprintf("the suspension of node %d", a.Node)
}

const selectAppeal = `SELECT a.id, a.member, m.name, a.node, n.name, coalesce(a.slash, 0), a.suspended_ms, a.text, a.at_ms, a.outcome, a.reason, a.returned_utok,
		a.decided_ms, coalesce(a.decided_by, 0), coalesce(o.name, ''),
		coalesce(s.audit, 0), coalesce(s.amount_utok, 0), coalesce(s.at_ms, 0), coalesce(s.due_ms, 0)
	FROM appeals a CROSS JOIN members m ON m.id = a.member CROSS JOIN nodes n ON n.id = a.node
		LEFT JOIN slashes s ON s.id = a.slash LEFT JOIN members o ON o.id = a.decided_by`

func readAppeal(r scanner) (a Appeal, err error) {
	err = r.Scan(&a.ID, &a.Member, &a.Name, &a.Node, &a.NodeName, &a.Slash, &a.SuspendedMs, &a.Text, &a.AtMs, &a.Outcome, &a.Reason, &a.Returned,
		&a.DecidedMs, &a.DecidedBy, &a.DecidedByName, &a.Audit, &a.Amount, &a.TakenMs, &a.DueMs)
	return a, notFound(err)
}

// Appeal returns one; ErrNotFound.
func (s *Store) Appeal(ctx context.Context, id int64) (Appeal, error) {
	a, err := readAppeal(s.r.QueryRowContext(ctx, selectAppeal+" WHERE a.id = ?", id))
	if err != nil {
		return a, fmt.Errorf("appeal %d: %w", id, err)
	}
	return a, nil
}

// AppealOf returns the appeal against a penalty; ErrNotFound.
func (s *Store) AppealOf(ctx context.Context, slash int64) (Appeal, error) {
	a, err := readAppeal(s.r.QueryRowContext(ctx, selectAppeal+" WHERE a.slash = ?", slash))
	if err != nil {
		return a, fmt.Errorf("appeal against penalty %d: %w", slash, err)
	}
	return a, nil
}

// AppealQuery says which appeals to list.
type AppealQuery struct {
	Member  bt.MemberID // 0: everybody's
	Decided bool        // of everybody's: those that are decided, newest first; else those that are not, oldest first
	From    int64       // the next of the page before; 0: from the beginning
	Limit   int
}

func (q AppealQuery) statement() (string, []any) {
	where, order, args := "a.decided_ms = 0 AND a.id > ?", "a.id", []any{q.From}
	if q.Decided || q.Member > 0 {
		where, order = "a.decided_ms > 0 AND a.id < ?", "a.id DESC"
		if q.From == 0 {
			args[0] = int64(1) << 62
		}
	}
	if q.Member > 0 {
		where, args = "a.member = ? AND a.id < ?", []any{q.Member, args[0]}
	}
	return selectAppeal + " WHERE " + where + " ORDER BY " + order + " LIMIT ?", append(args, q.Limit+1)
}

// Appeals lists appeals; a member's newest first. next is the From of the next page; 0: it was the last.
func (s *Store) Appeals(ctx context.Context, q AppealQuery) (list []Appeal, next int64, err error) {
	query, args := q.statement()
	list, err = scan(ctx, s.r, func(r *sql.Rows) (Appeal, error) { return readAppeal(r) }, query, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list appeals: %w", err)
	}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		next = list[q.Limit-1].ID
	}
	return list, next, nil
}

// Appealable is what a member may appeal against now: penalties and suspensions of their nodes, in the appeal
// window.
type Appealable struct {
	Slashes   []Slash
	Suspended []Node
}

// appealRows bounds each kind of what is offered to be appealed against.
const appealRows = 50

// Appealable returns what a member may appeal against now, the newest first.
func (s *Store) Appealable(ctx context.Context, m bt.MemberID) (out Appealable, err error) {
	now, window := s.opt.Now().UnixMilli(), s.economy().AppealWindow.Milliseconds()
	err = s.read(ctx, func(r *reader) (err error) {
		out.Slashes, err = scan(ctx, r.Tx, func(r *sql.Rows) (Slash, error) { return readSlash(r) },
			selectSlash+" WHERE n.member = ? AND s.closed_ms = 0 AND s.due_ms > ? AND a.id IS NULL ORDER BY s.id DESC LIMIT ?", m, now, appealRows)
		if err != nil {
			return err
		}
		out.Suspended, err = scan(ctx, r.Tx, func(r *sql.Rows) (Node, error) { return readNode(r) },
			selectNode+` WHERE n.member = ? AND n.suspended_ms > ? AND NOT EXISTS
				(SELECT 1 FROM appeals a WHERE a.node = n.id AND a.suspended_ms = n.suspended_ms AND a.slash IS NULL) ORDER BY n.id DESC LIMIT ?`, m, now-window, appealRows)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("what member %d may appeal against: %w", m, err)
	}
	return out, nil
}
