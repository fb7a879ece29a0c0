package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// hashSecret is how a random secret is kept. It has 256 bits, so that a plain hash is enough.
func hashSecret(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// APIToken is a bearer secret of a member for programs.
type APIToken struct {
	Member bt.MemberID
	Label  string
	Secret string // shown once, stored as its hash
	TTL    time.Duration
}

// AddSession signs a member in: the random secret stands for them until ttl is over.
func (s *Store) AddSession(ctx context.Context, secret string, m bt.MemberID, ttl time.Duration) error {
	return s.write(ctx, func(t *tx) error {
		if _, err := t.insert("INSERT INTO web_sessions (token_hash, member, created_ms, expires_ms) VALUES (?, ?, ?, ?)",
			hashSecret(secret), m, t.nowMs(), t.nowMs()+ttl.Milliseconds()); err != nil {
			return fmt.Errorf("add session: %w", err)
		}
		return nil
	})
}

// SessionMember returns whom a session's secret stands for.
func (s *Store) SessionMember(ctx context.Context, secret string) (Member, error) {
	return readMember(s.r.QueryRowContext(ctx, selectMember+` JOIN web_sessions w ON w.member = m.id
		WHERE w.token_hash = ? AND w.expires_ms > ?`, hashSecret(secret), s.opt.Now().UnixMilli()))
}

// EndSession signs out; the secret stands for nobody from the next request on.
func (s *Store) EndSession(ctx context.Context, secret string) error {
	return s.write(ctx, func(t *tx) error {
		return t.exec("DELETE FROM web_sessions WHERE token_hash = ?", hashSecret(secret))
	})
}

// AddAPIToken stores a member's token.
func (s *Store) AddAPIToken(ctx context.Context, a APIToken) error {
	return s.write(ctx, func(t *tx) error { return t.addAPIToken(a) })
}

func (t *tx) addAPIToken(a APIToken) error {
	_, err := t.insert("INSERT INTO api_tokens (token_hash, member, label, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?)",
		hashSecret(a.Secret), a.Member, a.Label, t.nowMs(), t.nowMs()+a.TTL.Milliseconds())
	if err != nil {
		return fmt.Errorf("add API token: %w", err)
	}
	return nil
}

// APITokenMember returns whom an API token stands for.
func (s *Store) APITokenMember(ctx context.Context, secret string) (Member, error) {
	return readMember(s.r.QueryRowContext(ctx, selectMember+` JOIN api_tokens a ON a.member = m.id
		WHERE a.token_hash = ? AND a.expires_ms > ?`, hashSecret(secret), s.opt.Now().UnixMilli()))
}

// idempotencyKept is how long a money request's answer is kept for its repetitions.
const idempotencyKept = 30 * 24 * time.Hour

// Sweep forgets what expired: sessions, API tokens, pairing codes, node tokens, old answers.
func (s *Store) Sweep(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		for _, q := range []struct {
			query  string
			before int64
		}{
			{"DELETE FROM web_sessions WHERE expires_ms <= ?", t.nowMs()},
			{"DELETE FROM api_tokens WHERE expires_ms <= ?", t.nowMs()},
			{"DELETE FROM pairing_codes WHERE expires_ms <= ?", t.nowMs()},
			{"DELETE FROM used_jwts WHERE expires_ms <= ?", t.nowMs()},
			{"DELETE FROM idempotency WHERE created_ms <= ?", t.nowMs() - idempotencyKept.Milliseconds()},
		} {
			if err := t.exec(q.query, q.before); err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
		}
		return nil
	})
}
