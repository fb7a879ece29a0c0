package store

import (
	"context"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// AddPasswordLink lets whoever knows the secret choose the member's password, once, before ttl is over; an
// older link of theirs ends. by is the operator, 0 stands for an administrative command. ErrNotFound.
func (s *Store) AddPasswordLink(ctx context.Context, m bt.MemberID, secret string, ttl time.Duration, by bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		have, err := readMember(t.row(selectMember+" WHERE m.id = ?", m))
		if err != nil {
			return err
		}
		if err := t.addPasswordLink(m, secret, ttl); err != nil {
			return err
		}
		return t.logOperator(by, "member password-link", fmt.Sprintf("%d %s", m, have.Name))
	})
}

func (t *tx) addPasswordLink(m bt.MemberID, secret string, ttl time.Duration) error {
	err := t.exec(`INSERT INTO password_links (member, token_hash, expires_ms) VALUES (?, ?, ?)
		ON CONFLICT (member) DO UPDATE SET token_hash = excluded.token_hash, expires_ms = excluded.expires_ms`,
		m, hashSecret(secret), t.nowMs()+ttl.Milliseconds())
	if err != nil {
		return fmt.Errorf("make a password link for member %d: %w", m, err)
	}
	return nil
}

const selectLinked = `SELECT l.member, l.expires_ms FROM password_links l WHERE l.token_hash = ?`

// PasswordLink returns whose password the secret changes. ErrNotFound: nobody's, or no longer; ErrExpired.
func (s *Store) PasswordLink(ctx context.Context, secret string) (m Member, err error) {
	err = s.read(ctx, func(r *reader) error {
		id, err := linked(r.QueryRowContext(r.ctx, selectLinked, hashSecret(secret)), s.opt.Now())
		if err != nil {
			return err
		}
		m, err = readMember(r.QueryRowContext(r.ctx, selectMember+" WHERE m.id = ?", id))
		return err
	})
	return m, err
}

func linked(row scanner, now time.Time) (m bt.MemberID, err error) {
	var expires int64
	if err := row.Scan(&m, &expires); err != nil {
		return 0, notFound(err)
	}
	if now.UnixMilli() >= expires {
		return 0, ErrExpired
	}
	return m, nil
}

// UsePasswordLink sets the password of whose link it is. As with any new password the link and all their sessions
// end; codes and passkeys stay what they are. Errors as of PasswordLink.
func (s *Store) UsePasswordLink(ctx context.Context, secret, hash string) (m Member, err error) {
	err = s.write(ctx, func(t *tx) error {
		id, err := linked(t.row(selectLinked, hashSecret(secret)), t.now)
		if err != nil {
			return err
		}
		if err := t.setPassword(id, hash); err != nil {
			return err
		}
		m, err = readMember(t.row(selectMember+" WHERE m.id = ?", id))
		return err
	})
	return m, err
}
