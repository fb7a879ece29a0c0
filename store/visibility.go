package store

import (
	"context"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// MaySee reports whether a member may see a transfer: it is theirs, because one of its accounts is,
// or nobody's, because none is any member's.
func (s *Store) MaySee(ctx context.Context, m bt.MemberID, t tokens.Transfer) (may bool, err error) {
	if !personal(t.From) && !personal(t.To) {
		return true, nil
	}
	err = s.read(ctx, func(r *reader) error {
		kinds, err := r.kinds(m, t.Asset)
		may = kinds[t.From] != "" || kinds[t.To] != ""
		return err
	})
	if err != nil {
		return false, fmt.Errorf("whose is transfer %s: %w", t.ID, err)
	}
	return may, nil
}

// personal reports whether what is in an account belongs to a member.
func personal(a tokens.Account) bool {
	of, _ := a.Subject()
	switch of.Kind {
	case "member", "node", "slash", "lock", "claim":
		return true
	}
	return false
}
