package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// factClients says that the default client rules were put in once: an operator who removes them
// all does not get them back.
const factClients = "client_rules_filled"

// ClientRule is a rule of the client policy and who made it so.
type ClientRule struct {
	tracker.ClientRule
	ChangedMs int64
	ChangedBy string // name of the operator; empty: a default, or an administrative command
}

// fillClients puts the default rules into a database that never had any.
func (s *Store) fillClients(ctx context.Context) error {
	sqltx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin filling client rules: %w", err)
	}
	defer sqltx.Rollback()
	t := &tx{Tx: sqltx, ctx: ctx, now: s.opt.Now(), store: s}
	filled, err := t.factInt(factClients)
	if err != nil || filled > 0 {
		return err
	}
	rules := tracker.DefaultClientRules()
	for _, r := range rules {
		if err := t.putClientRule(r, 0); err != nil {
			return err
		}
	}
	err = errors.Join(t.logOperator(0, "clients default", fmt.Sprintf("%d rules", len(rules))), t.setFact(factClients, "1"))
	if err != nil {
		return fmt.Errorf("fill client rules: %w", err)
	}
	return sqltx.Commit()
}

// ClientRules returns all rules in the order of their prefixes.
func (s *Store) ClientRules(ctx context.Context) ([]ClientRule, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (c ClientRule, err error) {
		err = r.Scan(&c.Prefix, &c.Allow, &c.Note, &c.ChangedMs, &c.ChangedBy)
		return c, err
	}, `SELECT c.prefix, c.allow, c.note, c.changed_ms, coalesce(m.name, '') FROM client_rules c
		LEFT JOIN members m ON m.id = c.changed_by ORDER BY c.prefix`)
}

// ClientPolicy returns the policy that the rules make, for the announce path.
func (s *Store) ClientPolicy(ctx context.Context) (tracker.ClientPolicy, error) {
	rules, err := s.ClientRules(ctx)
	if err != nil {
		return tracker.ClientPolicy{}, fmt.Errorf("read client rules: %w", err)
	}
	return PolicyOf(rules)
}

// PolicyOf makes the policy of rules as they are kept.
func PolicyOf(rules []ClientRule) (tracker.ClientPolicy, error) {
	plain := make([]tracker.ClientRule, len(rules))
	for i, r := range rules {
		plain[i] = r.ClientRule
	}
	return tracker.NewClientPolicy(plain)
}

// PutClientRule adds a rule or replaces the one with its prefix; by is the operator, 0 stands for
// an administrative command. It reports false if the rule was there already, as it is. Errors of
// kind tracker.ErrClientRule say what is wrong with it.
func (s *Store) PutClientRule(ctx context.Context, r tracker.ClientRule, by bt.MemberID) (changed bool, err error) {
	if err := r.Check(); err != nil {
		return false, err
	}
	err = s.write(ctx, func(t *tx) error {
		var same, others int
		err := t.row("SELECT count(*) FILTER (WHERE prefix = ?1 AND allow = ?2 AND note = ?3), count(*) FILTER (WHERE prefix <> ?1) FROM client_rules",
			r.Prefix, r.Allow, r.Note).Scan(&same, &others)
		if err != nil || same > 0 {
			return err
		}
		if others >= tracker.MaxClientRules {
			return fmt.Errorf("%w: there are %d rules, at most %d are kept: remove one first", tracker.ErrClientRule, others, tracker.MaxClientRules)
		}
		changed = true
		return errors.Join(t.putClientRule(r, by), t.logOperator(by, "clients "+verb(r.Allow), r.Prefix+" "+r.Note))
	})
	return changed && err == nil, err
}

func verb(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}

func (t *tx) putClientRule(r tracker.ClientRule, by bt.MemberID) error {
	err := t.exec(`INSERT INTO client_rules (prefix, allow, note, changed_ms, changed_by) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET allow = excluded.allow, note = excluded.note, changed_ms = excluded.changed_ms, changed_by = excluded.changed_by`,
		r.Prefix, r.Allow, r.Note, t.nowMs(), memberOrNil(by))
	if err != nil {
		return fmt.Errorf("write client rule %q: %w", r.Prefix, err)
	}
	return nil
}

// RemoveClientRule removes the rule with exactly this prefix; by as in PutClientRule. ErrNotFound
// if there is none.
func (s *Store) RemoveClientRule(ctx context.Context, prefix string, by bt.MemberID) error {
	return s.write(ctx, func(t *tx) error {
		if err := t.change("DELETE FROM client_rules WHERE prefix = ?", prefix); err != nil {
			return fmt.Errorf("remove client rule %q: %w", prefix, err)
		}
		return t.logOperator(by, "clients remove", prefix)
	})
}

func memberOrNil(m bt.MemberID) any {
	if m == 0 {
		return nil
	}
	return m
}

// OperatorAct is a line of the log of what operators changed.
type OperatorAct struct {
	AtMs     int64
	Operator string // name; empty: an administrative command, or the program itself
	Action   string
	Detail   string
}

func (t *tx) logOperator(by bt.MemberID, action, detail string) error {
	if _, err := t.insert("INSERT INTO operator_log (at_ms, operator, action, detail) VALUES (?, ?, ?, ?)", t.nowMs(), memberOrNil(by), action, detail); err != nil {
		return fmt.Errorf("write the operator log: %w", err)
	}
	return nil
}

// OperatorLog returns the last n lines of the operators' log, newest first.
func (s *Store) OperatorLog(ctx context.Context, n int) ([]OperatorAct, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (a OperatorAct, err error) {
		err = r.Scan(&a.AtMs, &a.Operator, &a.Action, &a.Detail)
		return a, err
	}, `SELECT l.at_ms, coalesce(m.name, ''), l.action, l.detail FROM operator_log l
		LEFT JOIN members m ON m.id = l.operator ORDER BY l.id DESC LIMIT ?`, n)
}

// ClientSession is what one client of a member told the tracker, as far as it is written.
type ClientSession struct {
	PeerID     bt.PeerID
	Torrent    string
	InfoHash   bt.InfoHash
	Addr       netip.AddrPort
	LastMs     int64
	Uploaded   bt.Bytes // as the client says, since it started
	Downloaded bt.Bytes // likewise
	Left       bt.Bytes
}

// maxSessions bounds what MemberSessions returns.
const maxSessions = 200

// MemberSessions returns a member's sessions that announced within the last maxAge and did not
// stop, the latest first, at most 200.
func (s *Store) MemberSessions(ctx context.Context, m bt.MemberID, maxAge time.Duration) ([]ClientSession, error) {
	return scan(ctx, s.r, readClientSession, `SELECT p.peer_id, t.name, t.infohash, p.addr, p.last_ms, p.uploaded_bytes, p.downloaded_bytes, p.left_bytes
		FROM peer_sessions p JOIN torrents t ON t.id = p.torrent WHERE p.member = ? AND p.stopped = 0 AND p.last_ms > ?
		ORDER BY p.last_ms DESC, t.name, p.peer_id LIMIT ?`, m, s.opt.Now().Add(-maxAge).UnixMilli(), maxSessions)
}

func readClientSession(r *sql.Rows) (c ClientSession, err error) {
	var peer, hash []byte
	var addr string
	err = r.Scan(&peer, &c.Torrent, &hash, &addr, &c.LastMs, &c.Uploaded, &c.Downloaded, &c.Left)
	copy(c.PeerID[:], peer)
	copy(c.InfoHash[:], hash)
	c.Addr = parseAddr(addr)
	return c, err
}
