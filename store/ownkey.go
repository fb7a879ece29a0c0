package store

import (
	"context"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// OldKeyAnswers is for how long the tracker tells who announces with a replaced key that it was
	// replaced; afterwards it does not know that key any more (PROTOCOLS §1).
	OldKeyAnswers = 24 * time.Hour
	// MinKeyAge is how long a key stands before it can be replaced again: only the last old key is kept,
	// so that a second reset would silence the answer to the first.
	MinKeyAge = time.Minute
)

// ErrKeyAge: the key was replaced just now.
var ErrKeyAge = fmt.Errorf("your key was replaced less than %v ago: load the page again to see it", MinKeyAge)

// KeyReset is when a member's key was last replaced, and until when the old one is told so; 0: never.
type KeyReset struct {
	AtMs    int64
	UntilMs int64
}

// ResetKey replaces the secret that a member's announce keys are made from. Whoever announces with the
// old one is told so until OldKeyAnswers is over. ErrNotFound; ErrKeyAge: that happened just now.
func (s *Store) ResetKey(ctx context.Context, m bt.MemberID, secret [32]byte) error {
	err := s.write(ctx, func(t *tx) error {
		last, err := readKeyReset(t.row(selectKeyReset, m))
		if err != nil {
			return err
		}
		if last.AtMs > 0 && t.nowMs() >= last.AtMs && t.nowMs() < last.AtMs+MinKeyAge.Milliseconds() {
			return ErrKeyAge
		}
		if err := t.change("UPDATE members SET old_key_secret = key_secret, old_key_until_ms = ?, key_secret = ? WHERE id = ?",
			t.nowMs()+OldKeyAnswers.Milliseconds(), secret[:], m); err != nil {
			return err
		}
		return t.notify(m, NotifyKeyReset, "", 0, fmt.Sprintf("%s/%d", NotifyKeyReset, t.nowMs()))
	})
	if err != nil {
		return fmt.Errorf("reset the key of member %d: %w", m, err)
	}
	return nil
}

const selectKeyReset = "SELECT old_key_until_ms FROM members WHERE id = ?"

func readKeyReset(r scanner) (k KeyReset, err error) {
	if err = notFound(r.Scan(&k.UntilMs)); k.UntilMs > 0 {
		k.AtMs = k.UntilMs - OldKeyAnswers.Milliseconds()
	}
	return k, err
}

// KeyReset returns when a member's announce key was last replaced.
func (s *Store) KeyReset(ctx context.Context, m bt.MemberID) (KeyReset, error) {
	k, err := readKeyReset(s.r.QueryRowContext(ctx, selectKeyReset, m))
	if err != nil {
		return k, fmt.Errorf("read when the key of member %d was replaced: %w", m, err)
	}
	return k, nil
}
