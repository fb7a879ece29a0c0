package store

import (
	"context"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// FeedKey is what a feed reader shows instead of a session.
type FeedKey struct {
	Key       string
	CreatedMs int64
}

// FeedKey returns a member's. ErrNotFound: there is none.
func (s *Store) FeedKey(ctx context.Context, m bt.MemberID) (k FeedKey, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT key, created_ms FROM feed_keys WHERE member = ?", m).Scan(&k.Key, &k.CreatedMs)
	return k, notFound(err)
}

// SetFeedKey gives a member a feed key; an older one stops at once.
func (s *Store) SetFeedKey(ctx context.Context, m bt.MemberID, key string) error {
	return s.write(ctx, func(t *tx) error {
		return t.exec(`INSERT INTO feed_keys (member, key, created_ms) VALUES (?, ?, ?)
			ON CONFLICT (member) DO UPDATE SET key = excluded.key, created_ms = excluded.created_ms`, m, key, t.nowMs())
	})
}

// RemoveFeedKey takes a member's feed key away. ErrNotFound: there is none.
func (s *Store) RemoveFeedKey(ctx context.Context, m bt.MemberID) error {
	return s.write(ctx, func(t *tx) error { return t.change("DELETE FROM feed_keys WHERE member = ?", m) })
}

// FeedKeyMember returns whom a feed key stands for; banned members too. ErrNotFound: nobody.
func (s *Store) FeedKeyMember(ctx context.Context, key string) (Member, error) {
	return readMember(s.r.QueryRowContext(ctx, selectMember+" JOIN feed_keys f ON f.member = m.id WHERE f.key = ?", key))
}
