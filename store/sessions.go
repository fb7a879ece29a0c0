package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Limits of what a member has at a time.
const (
	MaxSessions   = 50 // the oldest give way
	maxKnown      = 50 // clients remembered; likewise
	maxAgentBytes = 80 // of the words for a browser or a network
)

// SeenEvery is how exactly it is known when a session or a token was last used: a write for each
// request would be too many.
const SeenEvery = 5 * time.Minute

// hashSecret is how a random secret is kept. It has 256 bits, so that a plain hash is enough.
func hashSecret(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// NewSession signs a member in: the random secret stands for them until TTL is over.
type NewSession struct {
	Member  bt.MemberID
	Secret  string // kept as its hash
	TTL     time.Duration
	Agent   string // the browser, in words
	Network string // where it is, not its whole address

	PasswordHash string // that the member had when they proved who they are; empty: it does not matter
}

// Session is a browser in which a member is signed in. Times in unix ms.
type Session struct {
	ID        string // the hash of its secret: it names the session and opens nothing
	Member    Member
	Agent     string
	Network   string
	CreatedMs int64
	SeenMs    int64 // to SeenEvery
	FreshMs   int64 // when the member last proved who they are
}

// StartSession signs a member in, who has just proved who they are. If they never signed in from
// there before, they are told, unless it is the first time of all. ErrNotFound: the password was changed
// since they proved it, which ended every session of theirs.
func (s *Store) StartSession(ctx context.Context, n NewSession) error {
	n.Agent, n.Network = cutTo(n.Agent, maxAgentBytes), cutTo(n.Network, maxAgentBytes)
	return s.write(ctx, func(t *tx) error {
		if n.PasswordHash != "" {
			var one int
			if err := notFound(t.row("SELECT 1 FROM members WHERE id = ? AND password_hash = ?", n.Member, n.PasswordHash).Scan(&one)); err != nil {
				return fmt.Errorf("start a session: %w", err)
			}
		}
		hash := hashSecret(n.Secret)
		_, err := t.insert("INSERT INTO web_sessions (token_hash, member, created_ms, expires_ms, fresh_ms, seen_ms, agent, network) VALUES (?1, ?2, ?3, ?4, ?3, ?3, ?5, ?6)",
			hash, n.Member, t.nowMs(), t.nowMs()+n.TTL.Milliseconds(), n.Agent, n.Network)
		if err != nil {
			return fmt.Errorf("start a session: %w", err)
		}
		if err := t.exec(`DELETE FROM web_sessions WHERE token_hash IN
			(SELECT token_hash FROM web_sessions WHERE member = ? ORDER BY created_ms DESC, rowid DESC LIMIT -1 OFFSET ?)`, n.Member, MaxSessions); err != nil {
			return fmt.Errorf("start a session: %w", err)
		}
		return t.meetClient(n, hex.EncodeToString(hash))
	})
}

// meetClient remembers from where a member signs in, and tells them if that is new.
func (t *tx) meetClient(n NewSession, session string) error {
	var known, same int
	if err := t.row("SELECT count(*), coalesce(sum(agent = ? AND network = ?), 0) FROM known_clients WHERE member = ?", n.Agent, n.Network, n.Member).Scan(&known, &same); err != nil {
		return fmt.Errorf("meet a client: %w", err)
	}
	if err := t.exec("INSERT INTO known_clients (member, agent, network, seen_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seen_ms = excluded.seen_ms",
		n.Member, n.Agent, n.Network, t.nowMs()); err != nil {
		return fmt.Errorf("meet a client: %w", err)
	}
	if err := t.exec(`DELETE FROM known_clients WHERE member = ?1 AND (agent, network) IN
		(SELECT agent, network FROM known_clients WHERE member = ?1 ORDER BY seen_ms DESC, agent, network LIMIT -1 OFFSET ?2)`, n.Member, maxKnown); err != nil {
		return fmt.Errorf("meet a client: %w", err)
	}
	if known == 0 || same > 0 {
		return nil
	}
	words := n.Agent
	if n.Network != "" {
		words += ", from " + n.Network
	}
	return t.notify(n.Member, NotifySignIn, words, 0, "sign-in/"+session)
}

// cutTo shortens a text to at most n bytes, at the end of a character.
func cutTo(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}

const webSessionColumns = "w.token_hash, w.agent, w.network, w.created_ms, w.seen_ms, w.fresh_ms"

func readWebSession(r scanner) (x Session, err error) {
	var hash []byte
	x.Member, err = readMemberAnd(r, &hash, &x.Agent, &x.Network, &x.CreatedMs, &x.SeenMs, &x.FreshMs)
	x.ID = hex.EncodeToString(hash)
	return x, err
}

// Session returns what a session's secret stands for. ErrNotFound: nothing, or nothing any more.
func (s *Store) Session(ctx context.Context, secret string) (Session, error) {
	return readWebSession(s.r.QueryRowContext(ctx, "SELECT "+memberColumns+", "+webSessionColumns+` FROM web_sessions w JOIN members m ON m.id = w.member
		WHERE w.token_hash = ? AND w.expires_ms > ?`, hashSecret(secret), s.opt.Now().UnixMilli()))
}

// Sessions returns those of a member that last, the one last used first.
func (s *Store) Sessions(ctx context.Context, m bt.MemberID) ([]Session, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (Session, error) { return readWebSession(r) }, "SELECT "+memberColumns+", "+webSessionColumns+` FROM web_sessions w JOIN members m ON m.id = w.member
		WHERE w.member = ? AND w.expires_ms > ? ORDER BY w.seen_ms DESC, w.rowid DESC LIMIT ?`, m, s.opt.Now().UnixMilli(), MaxSessions)
}

// SeeSession notes that a session was used, and from where, at most once in SeenEvery.
func (s *Store) SeeSession(ctx context.Context, id, network string) error {
	return s.write(ctx, func(t *tx) error {
		return t.exec("UPDATE web_sessions SET seen_ms = ?1, network = ?2 WHERE token_hash = ?3 AND seen_ms <= ?4",
			t.nowMs(), cutTo(network, maxAgentBytes), sessionHash(id), t.nowMs()-SeenEvery.Milliseconds())
	})
}

// ConfirmSession notes that the member in a session has just proved who they are. ErrNotFound: the
// session has ended.
func (s *Store) ConfirmSession(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		return t.change("UPDATE web_sessions SET fresh_ms = ?1 WHERE token_hash = ?2 AND expires_ms > ?1", t.nowMs(), sessionHash(id))
	})
}

// EndSession signs out; the secret stands for nobody from the next request on.
func (s *Store) EndSession(ctx context.Context, secret string) error {
	return s.write(ctx, func(t *tx) error {
		return t.exec("DELETE FROM web_sessions WHERE token_hash = ?", hashSecret(secret))
	})
}

// EndSessionOf ends one session of a member's by its id. ErrNotFound: they have no such session.
func (s *Store) EndSessionOf(ctx context.Context, m bt.MemberID, id string) error {
	return s.write(ctx, func(t *tx) error {
		return t.change("DELETE FROM web_sessions WHERE token_hash = ? AND member = ?", sessionHash(id), m)
	})
}

// EndSessions ends every session of a member's but the one with the id keep.
func (s *Store) EndSessions(ctx context.Context, m bt.MemberID, keep string) error {
	return s.write(ctx, func(t *tx) error { return t.endSessions(m, keep) })
}

func (t *tx) endSessions(m bt.MemberID, keep string) error {
	if err := t.exec("DELETE FROM web_sessions WHERE member = ? AND token_hash <> ?", m, sessionHash(keep)); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// sessionHash reads an id; what is none is the hash of nothing.
func sessionHash(id string) []byte {
	hash, err := hex.DecodeString(id)
	if err != nil {
		return []byte{}
	}
	return hash
}

// idempotencyKept is how long a money request's answer is kept for its repetitions.
const idempotencyKept = 30 * 24 * time.Hour

// Sweep forgets what expired: sessions, API tokens, pairing codes, node tokens, old answers,
// authenticators that were offered and never confirmed.
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
			{"DELETE FROM totp WHERE confirmed_ms = 0 AND offered_ms <= ?", t.nowMs() - TOTPOffer.Milliseconds()},
		} {
			if err := t.exec(q.query, q.before); err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
		}
		return nil
	})
}
