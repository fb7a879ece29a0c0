package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/swarmstake/swarmstake/availability/badge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Badge is what hosting a collection for a period earned a member, for ever. Times in unix ms.
type Badge struct {
	ID         string // random: the address of its page
	Member     bt.MemberID
	MemberName string
	Collection string // name
	Title      string // of the collection, now; the credential has that of then
	FromMs     int64  // of the period
	ToMs       int64
	Torrents   int
	Bytes      bt.Bytes
	Credential string // see package badge
	AtMs       int64
}

const selectBadge = `SELECT b.id, b.member, m.name, c.name, c.title, b.from_ms, b.to_ms, b.torrents, b.bytes, b.credential, b.at_ms
	FROM badges b JOIN members m ON m.id = b.member JOIN collections c ON c.id = b.collection`

func readBadge(r scanner) (b Badge, err error) {
	err = r.Scan(&b.ID, &b.Member, &b.MemberName, &b.Collection, &b.Title, &b.FromMs, &b.ToMs, &b.Torrents, &b.Bytes, &b.Credential, &b.AtMs)
	return b, notFound(err)
}

// Badge returns one badge; ErrNotFound.
func (s *Store) Badge(ctx context.Context, id string) (Badge, error) {
	return readBadge(s.r.QueryRowContext(ctx, selectBadge+" WHERE b.id = ?", id))
}

// Badges returns the last n badges of a member, newest period first.
func (s *Store) Badges(ctx context.Context, m bt.MemberID, n int) ([]Badge, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (Badge, error) { return readBadge(r) },
		selectBadge+" WHERE b.member = ? ORDER BY b.from_ms DESC, c.name LIMIT ?", m, n)
}

// BadgeTorrents returns the torrents that the badge's collection had in its period, by name.
func (s *Store) BadgeTorrents(ctx context.Context, b Badge) ([]CollectionTorrent, error) {
	return scan(ctx, s.r, readCollectionTorrent, `SELECT t.id, t.infohash, t.name, t.size_bytes, x.from_ms, 0 FROM `+membership+`
		AND c.name = ? ORDER BY t.name, t.id`, b.FromMs, b.ToMs, b.AtMs, b.Collection)
}

// KeepBadgeKey notes the public key that signs from now on, and returns all that ever did, the newest
// first.
func (s *Store) KeepBadgeKey(ctx context.Context, k badge.JWK) (badge.Keys, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return badge.Keys{}, fmt.Errorf("keep a badge key: %w", err)
	}
	err = s.write(ctx, func(t *tx) error {
		return t.exec("INSERT INTO badge_keys (kid, jwk, from_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", k.ID, string(text), t.nowMs())
	})
	if err != nil {
		return badge.Keys{}, fmt.Errorf("keep a badge key: %w", err)
	}
	keys, err := scan(ctx, s.r, func(r *sql.Rows) (k badge.JWK, err error) {
		var text []byte
		if err = r.Scan(&text); err == nil {
			err = json.Unmarshal(text, &k)
		}
		return k, err
	}, "SELECT jwk FROM badge_keys ORDER BY from_ms DESC, rowid DESC")
	if err != nil {
		return badge.Keys{}, fmt.Errorf("read the badge keys: %w", err)
	}
	return badge.Keys{Keys: keys}, nil
}

// noteOutage records that the tracker saw nothing: no period of a badge asks for proofs of that time.
func (t *tx) noteOutage(fromMs, toMs int64) error {
	return t.exec("INSERT INTO outages (from_ms, to_ms) VALUES (?, ?) ON CONFLICT DO UPDATE SET to_ms = max(to_ms, excluded.to_ms)", fromMs, toMs)
}
