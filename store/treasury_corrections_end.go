package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// RefuseCorrection ends a proposal of another operator, for a reason. ErrNotFound, ErrCorrectionOver, ErrSecond, ErrReason.
func (s *Store) RefuseCorrection(ctx context.Context, by bt.MemberID, id int64, reason string) (OperatorCorrection, error) {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason {
		return OperatorCorrection{}, ErrReason
	}
	return s.endCorrection(ctx, by, id, func(c *OperatorCorrection) error {
		if c.By == by {
			return ErrSecond
		}
		c.State, c.Why = CorrectionRefused, reason
		return nil
	})
}

// WithdrawCorrection takes one's own proposal back. ErrNotFound, ErrCorrectionOver, ErrProposer.
func (s *Store) WithdrawCorrection(ctx context.Context, by bt.MemberID, id int64) (OperatorCorrection, error) {
	return s.endCorrection(ctx, by, id, func(c *OperatorCorrection) error {
		if c.By != by {
			return fmt.Errorf("%w: only who proposed it takes it back; refuse it", ErrProposer)
		}
		c.State = CorrectionWithdrawn
		return nil
	})
}

func (s *Store) endCorrection(ctx context.Context, by bt.MemberID, id int64, decide func(*OperatorCorrection) error) (c OperatorCorrection, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		if c, err = t.waitingCorrection(id); err != nil {
			return err
		}
		if err := errors.Join(decide(&c), t.operator(by, &c.Decider)); err != nil {
			return err
		}
		c.DecidedBy, c.DecidedMs = by, t.nowMs()
		verb := map[CorrectionState]string{CorrectionRefused: "refuse", CorrectionWithdrawn: "withdraw"}[c.State]
		detail := c.words()
		if c.Why != "" {
			detail += "; refused: " + c.Why
		}
		return errors.Join(t.change("UPDATE corrections SET state = ?, decided_by = ?, decided_ms = ?, why = ? WHERE id = ?", c.State, by, c.DecidedMs, c.Why, id),
			t.logOperator(by, "correction "+verb, detail))
	})
	return c, err
}

// ExpireCorrections ends the proposals that nobody decided in time.
func (s *Store) ExpireCorrections(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		due, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (OperatorCorrection, error) { return readCorrection(r) },
			selectCorrection+" WHERE c.state = 'proposed' AND c.due_ms <= ?", t.nowMs())
		for _, c := range due {
			if err := errors.Join(t.change("UPDATE corrections SET state = 'expired', decided_ms = ? WHERE id = ?", t.nowMs(), c.ID),
				t.logOperator(0, "correction expire", c.words())); err != nil {
				return err
			}
		}
		return err
	})
}
