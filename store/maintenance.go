package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ErrNotSuspended: there is nothing to lift.
var ErrNotSuspended = errors.New("this node is not suspended")

func (t *tx) standing(p availability.Params, n bt.NodeID) (availability.Standing, error) {
	var raw string
	if err := t.row("SELECT standing FROM nodes WHERE id = ?", n).Scan(&raw); err != nil {
		return availability.Standing{}, fmt.Errorf("node %d: %w", n, notFound(err))
	}
	return parseStanding(p, raw)
}

func parseStanding(p availability.Params, raw string) (availability.Standing, error) {
	st := availability.NewStanding(p)
	if raw == "" {
		return st, nil
	}
	return st, json.Unmarshal([]byte(raw), &st)
}

// saveStanding writes a node's standing, and since when it is suspended as everybody else reads it.
func (t *tx) saveStanding(n bt.NodeID, st availability.Standing) error {
	raw, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return t.change("UPDATE nodes SET standing = ?, suspended_ms = ? WHERE id = ?", string(raw), suspendedMs(st), n)
}

// suspendedMs is 0 for a node that is active.
func suspendedMs(st availability.Standing) int64 {
	if !st.Suspended {
		return 0
	}
	return max(1, st.SuspendedMs)
}

// Declare notes that a node will be away for maintenance. ErrNotFound: the node; or what
// availability.Standing.Declare says.
func (s *Store) Declare(ctx context.Context, p availability.Params, n bt.NodeID, span availability.Span) (availability.Standing, error) {
	var out availability.Standing
	err := s.write(ctx, func(t *tx) error {
		st, err := t.standing(p, n)
		if err != nil {
			return err
		}
		if out, err = st.Declare(p, t.now, span); err != nil {
			return err
		}
		return t.saveStanding(n, out)
	})
	if err != nil {
		return availability.Standing{}, fmt.Errorf("declare maintenance: %w", err)
	}
	return out, nil
}

// LiftSuspension makes a suspended node active again, and logs the operator's reason; by 0 stands for
// an administrative command. An appeal against it is granted by it. What it lost is returned by ReturnSlash. ErrNotFound;
// ErrNotSuspended; ErrReason; ErrOwnAppeal: the node is the operator's.
func (s *Store) LiftSuspension(ctx context.Context, p availability.Params, by bt.MemberID, n bt.NodeID, reason string) error {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason {
		return ErrReason
	}
	err := s.write(ctx, func(t *tx) error {
		st, err := t.standing(p, n)
		if err != nil {
			return err
		}
		if !st.Suspended {
			return ErrNotSuspended
		}
		var own bool
		if err := t.row("SELECT member = ? FROM nodes WHERE id = ?", by, n).Scan(&own); err != nil || own {
			return cmp.Or(err, ErrOwnAppeal)
		}
		err = errors.Join(t.saveStanding(n, st.Lift(p)),
			t.endAppealOf(AppealDecision{By: by, Grant: true, Reason: reason}, 0, "node = ? AND suspended_ms = ? AND slash IS NULL", n, suspendedMs(st)))
		if err != nil {
			return err
		}
		return t.logOperator(by, "suspension lift", fmt.Sprintf("node %d: %s", n, reason))
	})
	if err != nil {
		return fmt.Errorf("lift the suspension of node %d: %w", n, err)
	}
	return nil
}
