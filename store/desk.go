package store

import (
	"context"
	"fmt"
)

// MaxDesk is where Desk stops counting.
const MaxDesk = 1000

// Desk is how much waits for operators, of each kind up to MaxDesk.
type Desk struct {
	Torrents    int // to approve, but for those that wait for their uploaders
	Reports     int // of members
	Appeals     int
	Corrections int // proposed, for a second operator
	Flags       int // that nobody looked at
	Changes     int // of parameters, with a date to come
}

// Desk counts what waits for operators.
func (s *Store) Desk(ctx context.Context) (d Desk, err error) {
	err = s.read(ctx, func(r *reader) error {
		for _, c := range []struct {
			to   *int
			from string
		}{
			{&d.Torrents, "approval_queue WHERE turn < 2"},
			{&d.Reports, "member_reports WHERE verdict = ''"},
			{&d.Appeals, "appeals WHERE decided_ms = 0 AND id > 0"},
			{&d.Corrections, "corrections WHERE state = 'proposed'"},
			{&d.Flags, "flags WHERE open = 1 AND at_ms > 0"},
			{&d.Changes, "parameter_changes WHERE state = 'waiting' AND from_ms > 0"},
		} {
			if err := r.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+c.from+" LIMIT ?)", MaxDesk).Scan(c.to); err != nil {
				return fmt.Errorf("count what waits for operators: %w", err)
			}
		}
		return nil
	})
	return d, err
}
