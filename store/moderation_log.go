package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// LogLine is a line of the operators' log. A line is never changed.
type LogLine struct {
	ID       int64
	Operator bt.MemberID // 0: an administrative command, or the program itself
	Kind     string      // the first word of the action
	Act      OperatorAct
}

// LogQuery asks for lines of the operators' log, newest first. What is zero does not filter.
type LogQuery struct {
	Operator bt.MemberID
	Commands bool // only administrative commands and what the program did; goes before Operator
	Kind     string
	About    bt.MemberID // only what was done to this member's account; goes before the others
	Before   int64       // lines with smaller numbers; 0: from the newest on
	Limit    int
}

const selectLog = `SELECT l.id, coalesce(l.operator, 0), l.kind, l.at_ms, coalesce(m.name, ''), l.action, l.detail
	FROM operator_log l LEFT JOIN members m ON m.id = l.operator WHERE `

func (q LogQuery) sql() (string, []any) {
	var where []string
	var args []any
	add := func(condition string, value any) { where, args = append(where, condition), append(args, value) }
	if q.About > 0 {
		add("l.about > 0 AND l.about = ?", q.About)
	} else {
		switch {
		case q.Commands:
			where = append(where, "l.operator IS NULL")
		case q.Operator > 0:
			add("l.operator = ?", q.Operator)
		}
		if q.Kind != "" {
			add("l.kind = ?", q.Kind)
		}
	}
	before := int64(math.MaxInt64)
	if q.Before > 0 {
		before = q.Before
	}
	add("l.id < ?", before)
	return selectLog + strings.Join(where, " AND ") + " ORDER BY l.id DESC LIMIT ?", append(args, q.Limit+1)
}

// Log returns a page of the operators' log and the Before of the next one; 0: it was the last.
func (s *Store) Log(ctx context.Context, q LogQuery) (page []LogLine, next int64, err error) {
	query, args := q.sql()
	page, err = scan(ctx, s.r, func(r *sql.Rows) (l LogLine, err error) {
		return l, r.Scan(&l.ID, &l.Operator, &l.Kind, &l.Act.AtMs, &l.Act.Operator, &l.Act.Action, &l.Act.Detail)
	}, query, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("read the operators' log: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].ID
	}
	return page, next, nil
}

// maxLogNames bounds how many kinds and operators the log's filters offer.
const maxLogNames = 200

// LogKinds are the kinds of acts that the log knows. It goes from one to the next by the index, and reads no line.
func (s *Store) LogKinds(ctx context.Context) ([]string, error) {
	return collect[string](ctx, s.r, `WITH RECURSIVE known (kind) AS (SELECT (SELECT min(kind) FROM operator_log)
		UNION ALL SELECT (SELECT min(l.kind) FROM operator_log l WHERE l.kind > known.kind) FROM known WHERE known.kind IS NOT NULL)
		SELECT kind FROM known WHERE kind IS NOT NULL LIMIT ?`, maxLogNames)
}

// LogOperator is somebody whom the log names.
type LogOperator struct {
	ID   bt.MemberID
	Name string
}

// LogOperators are the members whom the log names; likewise.
func (s *Store) LogOperators(ctx context.Context) ([]LogOperator, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (o LogOperator, err error) { return o, r.Scan(&o.ID, &o.Name) },
		`WITH RECURSIVE known (operator) AS (SELECT (SELECT min(operator) FROM operator_log)
		UNION ALL SELECT (SELECT min(l.operator) FROM operator_log l WHERE l.operator > known.operator) FROM known WHERE known.operator IS NOT NULL)
		SELECT m.id, m.name FROM known CROSS JOIN members m ON m.id = known.operator LIMIT ?`, maxLogNames)
}
