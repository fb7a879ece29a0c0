package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// AuditRow is an audit as lists show it.
type AuditRow struct {
	ID       int64
	AtMs     int64 // when it was judged
	Kind     string
	Verdict  availability.Verdict
	Claim    int64
	Epoch    int64 // whose seed drew it; 0: of before seeds were published
	Draw     int64 // of the claim
	Asked    int   // targets
	Rechecks int64 // the audit whose suspicion it looked at again; 0: none
	Carrier  string
	Bytes    bt.Bytes
	Elapsed  time.Duration
	Penalty  int64 // the slash that it led to; 0: none
	Torrent  TorrentName
	Host     Host
}

// TorrentName says of which torrent something is. Withdrawn ones have no page.
type TorrentName struct {
	ID        bt.TorrentID
	InfoHash  bt.InfoHash
	Name      string
	Withdrawn bool
}

// Host is who claims to host something; Node 0 stands for the member's standard clients.
type Host struct {
	Member     bt.MemberID
	MemberName string
	Node       bt.NodeID
	NodeName   string
	Addr       string // where the claim's last announce or report came from: for its owner and operators only
}

// AuditReport is an audit with its evidence and what it led to.
type AuditReport struct {
	AuditRow
	Digest    string               // of the targets, in hex (availability.Digest)
	Outcome   availability.Outcome // of a passed audit without results: they are known by the draw
	Recheck   int64                // the audit that looked at this one's suspicion again last; 0: none
	Slash     Slash                // ID 0: none
	Forfeited bool                 // the node earns nothing for the epoch
}

const (
	auditColumns = `a.id, a.at_ms, a.kind, a.verdict, a.claim, a.epoch, a.draw, a.asked, a.rechecks, a.carrier, a.bytes, a.elapsed_ms,
		coalesce((SELECT max(s.id) FROM slashes s WHERE s.audit = a.id), 0), ` + torrentColumns + `, ` + hostColumns
	torrentColumns = "t.id, t.infohash, t.name, t.withdrawn_ms > 0"
	hostColumns    = "c.member, m.name, c.node, coalesce(n.name, ''), c.addr"
	claimNames     = "JOIN torrents t ON t.id = c.torrent JOIN members m ON m.id = c.member LEFT JOIN nodes n ON n.id = c.node"
	auditTables    = "audits a JOIN claims c ON c.id = a.claim " + claimNames
	// faulty is what people look for in lists; an index has the same words.
	faulty = "a.verdict IN ('corrupt', 'missing', 'refused', 'late', 'offline')"
)

func (t *TorrentName) columns(hash *[]byte) []any { return []any{&t.ID, hash, &t.Name, &t.Withdrawn} }

func (h *Host) columns() []any { return []any{&h.Member, &h.MemberName, &h.Node, &h.NodeName, &h.Addr} }

// readAudit reads auditColumns, and more columns after them.
func readAudit(r scanner, more ...any) (a AuditRow, err error) {
	var verdict string
	var hash []byte
	var elapsedMs int64
	to := []any{&a.ID, &a.AtMs, &a.Kind, &verdict, &a.Claim, &a.Epoch, &a.Draw, &a.Asked, &a.Rechecks, &a.Carrier, &a.Bytes, &elapsedMs, &a.Penalty}
	to = append(append(append(to, a.Torrent.columns(&hash)...), a.Host.columns()...), more...)
	if err := r.Scan(to...); err != nil {
		return a, notFound(err)
	}
	copy(a.Torrent.InfoHash[:], hash)
	a.Elapsed = time.Duration(elapsedMs) * time.Millisecond
	return a, a.Verdict.UnmarshalText([]byte(verdict))
}

// AuditQuery says which audits to list, newest first.
type AuditQuery struct {
	Node   bt.NodeID // 0: everybody's
	Faulty bool      // only those that found something wrong
	Before int64     // older than this one; 0: from the newest on
	Limit  int
}

// Audits lists audits. next is the Before of the next page; 0: it was the last.
func (s *Store) Audits(ctx context.Context, q AuditQuery) (list []AuditRow, next int64, err error) {
	where, args := "1", []any{}
	if q.Faulty {
		where = faulty
	}
	if q.Before > 0 {
		where, args = where+" AND a.id < ?", append(args, q.Before)
	}
	from := "audits a"
	if q.Node > 0 { // by the node's claims, not through everybody's audits
		from, where, args = "claims c CROSS JOIN audits a ON a.claim = c.id", where+" AND c.node = ?", append(args, q.Node)
	}
	ids := "SELECT a.id FROM " + from + " WHERE " + where + " ORDER BY a.id DESC LIMIT ?"
	list, err = scan(ctx, s.r, func(r *sql.Rows) (AuditRow, error) { return readAudit(r) },
		"SELECT "+auditColumns+" FROM "+auditTables+" WHERE a.id IN ("+ids+") ORDER BY a.id DESC", append(args, q.Limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list audits: %w", err)
	}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		next = list[q.Limit-1].ID
	}
	return list, next, nil
}

// AuditReport reads one audit; ErrNotFound if there is none, or it was swept.
func (s *Store) AuditReport(ctx context.Context, id int64) (out AuditReport, err error) {
	err = s.read(ctx, func(r *reader) error {
		var evidence string
		var digest []byte
		row := r.QueryRowContext(ctx, `SELECT `+auditColumns+`, a.evidence, a.targets,
			coalesce((SELECT max(b.id) FROM audits b WHERE b.claim = a.claim AND b.id > a.id AND b.rechecks = a.id), 0),
			EXISTS (SELECT 1 FROM forfeits f WHERE f.audit = a.id) FROM `+auditTables+` WHERE a.id = ?`, id)
		if out.AuditRow, err = readAudit(row, &evidence, &digest, &out.Recheck, &out.Forfeited); err != nil {
			return err
		}
		out.Digest = hex.EncodeToString(digest)
		if evidence != "" {
			if err := json.Unmarshal([]byte(evidence), &out.Outcome); err != nil {
				return fmt.Errorf("its evidence: %w", err)
			}
		}
		if out.Penalty > 0 {
			out.Slash, err = readSlash(r.QueryRowContext(ctx, selectSlash+" WHERE s.id = ?", out.Penalty))
		}
		return err
	})
	if err != nil {
		return AuditReport{}, fmt.Errorf("audit %d: %w", id, err)
	}
	return out, nil
}

// NodeSlashes returns the last n penalties of a node, newest first.
func (s *Store) NodeSlashes(ctx context.Context, node bt.NodeID, n int) ([]Slash, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (Slash, error) { return readSlash(r) }, selectSlash+" WHERE s.node = ? ORDER BY s.id DESC LIMIT ?", node, n)
}

// NodeForfeits returns the last n epochs for which a node earns nothing, newest first.
func (s *Store) NodeForfeits(ctx context.Context, node bt.NodeID, n int) ([]Forfeit, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (f Forfeit, err error) { return f, r.Scan(&f.Epoch, &f.Audit) },
		"SELECT epoch, audit FROM forfeits WHERE node = ? ORDER BY epoch DESC LIMIT ?", node, n)
}

// Forfeit is an epoch that earns a node nothing, and the audit that says why.
type Forfeit struct{ Epoch, Audit int64 }

// SeederHint is a seeder that others could not download from, though audits pass.
type SeederHint struct {
	Host
	TriedMs      int64
	Failures     int   // epochs in a row
	WithheldFrom int64 // the first epoch that earns nothing; 0: none
}

// SeederHints returns seeders that served nobody who tried, those that lose their pay first.
func (s *Store) SeederHints(ctx context.Context, n int) ([]SeederHint, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (h SeederHint, err error) {
		return h, r.Scan(append(h.columns(), &h.TriedMs, &h.Failures, &h.WithheldFrom)...)
	}, `SELECT x.member, m.name, x.node, coalesce(n.name, ''), '', x.tried_ms, x.failures, x.withheld_from
		FROM serving x JOIN members m ON m.id = x.member LEFT JOIN nodes n ON n.id = x.node
		WHERE x.failures > 0 OR x.withheld_from > 0 ORDER BY x.withheld_from = 0, x.failures DESC, x.tried_ms DESC LIMIT ?`, n)
}

// Commitment returns what was published of an epoch's seed before it began, without the seed itself;
// ErrNotFound for epochs of before commitments were made.
func (s *Store) Commitment(ctx context.Context, epoch int64) (Commitment, error) {
	c := Commitment{Epoch: epoch}
	var hash []byte
	err := s.r.QueryRowContext(ctx, "SELECT hash, committed_ms FROM seeds WHERE epoch = ?", epoch).Scan(&hash, &c.CommittedMs)
	if err != nil {
		return Commitment{}, fmt.Errorf("commitment to the seed of epoch %d: %w", epoch, notFound(err))
	}
	copy(c.Hash[:], hash)
	return c, nil
}
