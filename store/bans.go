package store

import (
	"context"
	"fmt"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// SetBan bans a member for a reason that they are shown, or, with an empty one, lifts the ban; by is
// the operator, 0 stands for an administrative command. ErrNotFound if there is no such member. The
// member's money is not touched.
func (s *Store) SetBan(ctx context.Context, m bt.MemberID, reason string, by bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		if err := t.change("UPDATE members SET banned_reason = ? WHERE id = ?", reason, m); err != nil {
			return fmt.Errorf("ban member %d: %w", m, err)
		}
		action := "member ban"
		if reason == "" {
			action = "member unban"
		}
		return t.logOperator(by, action, fmt.Sprintf("%d %s", m, reason))
	})
}
