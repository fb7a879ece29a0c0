package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Node is a registered seeder daemon.
type Node struct {
	ID           bt.NodeID
	Member       bt.MemberID
	MemberName   string
	Name         string
	PublicKey    [32]byte // Ed25519
	SuspendedMs  int64    // 0: active
	LastReportMs int64
	CreatedMs    int64
}

// NodeKey is a daemon that wants to be paired.
type NodeKey struct {
	Name      string
	PublicKey [32]byte
}

// AddPairingCode lets whoever knows the code pair one daemon with the member before ttl is over.
func (s *Store) AddPairingCode(ctx context.Context, code string, m bt.MemberID, ttl time.Duration) (expiresMs int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		expiresMs = t.nowMs() + ttl.Milliseconds()
		_, err := t.insert("INSERT INTO pairing_codes (code_hash, member, expires_ms) VALUES (?, ?, ?)", hashSecret(code), m, expiresMs)
		return err
	})
	return expiresMs, err
}

// PairNode registers a daemon with a code. The daemon whose answer got lost may pair again with
// the same key; another key is ErrUsed. ErrNotFound, ErrExpired: the code. ErrExists: the key
// belongs to another node already.
func (s *Store) PairNode(ctx context.Context, code string, k NodeKey) (Node, error) {
	var out Node
	err := s.write(ctx, func(t *tx) error {
		var member bt.MemberID
		var expires int64
		var node bt.NodeID
		err := t.row("SELECT member, expires_ms, node FROM pairing_codes WHERE code_hash = ?", hashSecret(code)).Scan(&member, &expires, &node)
		if err != nil {
			return notFound(err)
		}
		if t.nowMs() >= expires {
			return ErrExpired
		}
		if node == 0 {
			if node, err = t.addNode(member, code, k); err != nil {
				return err
			}
		}
		out, err = readNode(t.row(selectNode+" WHERE n.id = ?", node))
		if err == nil && out.PublicKey != k.PublicKey {
			return ErrUsed
		}
		return err
	})
	return out, err
}

func (t *tx) addNode(m bt.MemberID, code string, k NodeKey) (bt.NodeID, error) {
	id, err := t.insert("INSERT INTO nodes (member, name, public_key, created_ms) VALUES (?, ?, ?, ?)", m, k.Name, k.PublicKey[:], t.nowMs())
	if err != nil {
		return 0, fmt.Errorf("register node: %w", err)
	}
	return bt.NodeID(id), t.change("UPDATE pairing_codes SET node = ? WHERE code_hash = ?", id, hashSecret(code))
}

const selectNode = `SELECT n.id, n.member, m.name, n.name, n.public_key, n.suspended_ms, n.last_report_ms, n.created_ms
	FROM nodes n JOIN members m ON m.id = n.member`

func readNode(r scanner) (n Node, err error) {
	var key []byte
	err = r.Scan(&n.ID, &n.Member, &n.MemberName, &n.Name, &key, &n.SuspendedMs, &n.LastReportMs, &n.CreatedMs)
	copy(n.PublicKey[:], key)
	return n, notFound(err)
}

// Node returns a daemon by its number.
func (s *Store) Node(ctx context.Context, id bt.NodeID) (Node, error) {
	return readNode(s.r.QueryRowContext(ctx, selectNode+" WHERE n.id = ?", id))
}

// NodeSummary is a node as its owner's list shows it.
type NodeSummary struct {
	Node
	Collateral tokens.Amount
	Retained   tokens.Amount
	Claims     int            // live
	Claimed    bt.Bytes       // by them
	Audits     map[string]int // by verdict
}

// MemberNodes returns a member's daemons, oldest first.
func (s *Store) MemberNodes(ctx context.Context, m bt.MemberID) ([]NodeSummary, error) {
	var out []NodeSummary
	err := s.read(ctx, func(r *reader) error {
		nodes, err := scan(ctx, r.Tx, func(r *sql.Rows) (Node, error) { return readNode(r) }, selectNode+" WHERE n.member = ? ORDER BY n.id", m)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			sum, err := r.summary(n)
			if err != nil {
				return err
			}
			out = append(out, sum)
		}
		return nil
	})
	return out, err
}

func (r *reader) summary(n Node) (NodeSummary, error) {
	out := NodeSummary{Node: n, Audits: map[string]int{}}
	var err, err2 error
	out.Collateral, err = r.balance(tokens.Token, tokens.Collateral(n.ID))
	out.Retained, err2 = r.balance(tokens.Token, tokens.Retained(n.ID))
	if err := errors.Join(err, err2); err != nil {
		return out, err
	}
	if err := r.QueryRowContext(r.ctx, "SELECT count(*), coalesce(sum(bytes), 0) FROM claims WHERE node = ? AND live = 1", n.ID).Scan(&out.Claims, &out.Claimed); err != nil {
		return out, err
	}
	type count struct {
		verdict string
		n       int
	}
	counts, err := scan(r.ctx, r.Tx, func(r *sql.Rows) (c count, err error) { err = r.Scan(&c.verdict, &c.n); return c, err },
		"SELECT a.verdict, count(*) FROM audits a JOIN claims c ON c.id = a.claim WHERE c.node = ? GROUP BY a.verdict", n.ID)
	for _, c := range counts {
		out.Audits[c.verdict] = c.n
	}
	return out, err
}

// UseJWT notes that a node's token was used; a second time is ErrUsed. It is forgotten by Sweep
// after expires, when the token is worth nothing anyway.
func (s *Store) UseJWT(ctx context.Context, n bt.NodeID, jti string, expires time.Time) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.insert("INSERT INTO used_jwts (node, jti, expires_ms) VALUES (?, ?, ?)", n, jti, expires.UnixMilli())
		if errors.Is(err, ErrExists) {
			return ErrUsed
		}
		return err
	})
}
