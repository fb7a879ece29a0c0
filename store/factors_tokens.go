package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Scope is what an API token may do, from least to most.
type Scope string

// Scopes.
const (
	ScopeRead  Scope = "read"  // looks
	ScopeTrade Scope = "trade" // and moves tokens and money inside the tracker, and fetches torrent files
	ScopeFull  Scope = "full"  // and withdraws, unstakes, and whatever else the member may
)

// Scopes returns them from least to most.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeTrade, ScopeFull} }

// Allows reports whether a token of scope s may do what needs the scope want.
func (s Scope) Allows(want Scope) bool { return s.rank() >= want.rank() && s.rank() > 0 }

// rank orders scopes; 0 is none, which allows nothing.
func (s Scope) rank() int {
	for i, known := range Scopes() {
		if s == known {
			return i + 1
		}
	}
	return 0
}

// MaxAPITokens is how many tokens a member has at a time.
const MaxAPITokens = 50

// APIToken is a bearer secret of a member for programs.
type APIToken struct {
	Member bt.MemberID
	Label  string
	Secret string // shown once, stored as its hash
	TTL    time.Duration
	Scope  Scope // empty: ScopeFull
	Told   bool  // the member is told of it
}

// TokenInfo is an API token as its owner sees it. Times in unix ms.
type TokenInfo struct {
	ID        string // the hash of its secret: it names the token and opens nothing
	Label     string
	Scope     Scope
	CreatedMs int64
	ExpiresMs int64
	SeenMs    int64 // to SeenEvery; 0: never used
}

// AddAPIToken stores a member's token. ErrTooMany: they have MaxAPITokens.
func (s *Store) AddAPIToken(ctx context.Context, a APIToken) error {
	return s.write(ctx, func(t *tx) error {
		var have int
		if err := t.row("SELECT count(*) FROM api_tokens WHERE member = ? AND expires_ms > ?", a.Member, t.nowMs()).Scan(&have); err != nil {
			return fmt.Errorf("add API token: %w", err)
		}
		if have >= MaxAPITokens {
			return fmt.Errorf("%w: you have %d API tokens; revoke one first", ErrTooMany, have)
		}
		if err := t.addAPIToken(a); err != nil || !a.Told {
			return err
		}
		return t.tellFactor(a.Member, "an API token was made: "+a.Label)
	})
}

func (t *tx) addAPIToken(a APIToken) error {
	if a.Scope == "" {
		a.Scope = ScopeFull
	}
	_, err := t.insert("INSERT INTO api_tokens (token_hash, member, label, created_ms, expires_ms, scope) VALUES (?, ?, ?, ?, ?, ?)",
		hashSecret(a.Secret), a.Member, a.Label, t.nowMs(), t.nowMs()+a.TTL.Milliseconds(), a.Scope)
	if err != nil {
		return fmt.Errorf("add API token: %w", err)
	}
	return nil
}

const tokenColumns = "a.token_hash, a.label, a.scope, a.created_ms, a.expires_ms, a.seen_ms"

// tokenFields are where tokenColumns go; done completes the info.
func tokenFields(x *TokenInfo) (fields []any, done func()) {
	var hash []byte
	return []any{&hash, &x.Label, &x.Scope, &x.CreatedMs, &x.ExpiresMs, &x.SeenMs}, func() { x.ID = hex.EncodeToString(hash) }
}

// Token returns whom an API token stands for, and what it may do. ErrNotFound: nobody, or nobody any more.
func (s *Store) Token(ctx context.Context, secret string) (m Member, x TokenInfo, err error) {
	fields, done := tokenFields(&x)
	m, err = readMemberAnd(s.r.QueryRowContext(ctx, "SELECT "+memberColumns+", "+tokenColumns+` FROM api_tokens a JOIN members m ON m.id = a.member
		WHERE a.token_hash = ? AND a.expires_ms > ?`, hashSecret(secret), s.opt.Now().UnixMilli()), fields...)
	done()
	return m, x, err
}

// APITokens returns a member's tokens that last, the newest first.
func (s *Store) APITokens(ctx context.Context, m bt.MemberID) ([]TokenInfo, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (x TokenInfo, err error) {
		fields, done := tokenFields(&x)
		err = r.Scan(fields...)
		done()
		return x, err
	}, "SELECT "+tokenColumns+" FROM api_tokens a WHERE a.member = ? AND a.expires_ms > ? ORDER BY a.created_ms DESC, a.rowid DESC LIMIT ?", m, s.opt.Now().UnixMilli(), MaxAPITokens)
}

// SeeToken notes that a token was used, at most once in SeenEvery.
func (s *Store) SeeToken(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		return t.exec("UPDATE api_tokens SET seen_ms = ?1 WHERE token_hash = ?2 AND seen_ms <= ?3", t.nowMs(), sessionHash(id), t.nowMs()-SeenEvery.Milliseconds())
	})
}

// RevokeAPIToken ends a member's token by its id. ErrNotFound: they have no such token.
func (s *Store) RevokeAPIToken(ctx context.Context, m bt.MemberID, id string) error {
	return s.write(ctx, func(t *tx) error {
		return t.change("DELETE FROM api_tokens WHERE token_hash = ? AND member = ?", sessionHash(id), m)
	})
}
