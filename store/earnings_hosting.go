package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// HostingEarned is what hosting one torrent brought a node.
type HostingEarned struct {
	Torrent   TorrentName
	Bytes     bt.Bytes      // claimed now
	Live      bool          // it is claimed now
	Proven    bool          // and its proof stands
	Approved  bool          // a moderator approved the torrent
	Epoch     tokens.Amount // in the last settled epoch
	EpochHeld tokens.Amount // of it, retained
	GeoPPM    int64         // the bonus for distance that it was computed with; 0: none
	Day       tokens.Amount // in the epochs that were asked for
}

// NodeHostingEarned returns what a node's claims brought in the settled epochs from first to last, those
// that brought most first, at most limit.
func (s *Store) NodeHostingEarned(ctx context.Context, n bt.NodeID, first, last int64, limit int) ([]HostingEarned, error) {
	list, err := scan(ctx, s.r, func(r *sql.Rows) (h HostingEarned, err error) {
		var hash []byte
		err = r.Scan(append(h.Torrent.columns(&hash), &h.Bytes, &h.Live, &h.Proven, &h.Approved, &h.Epoch, &h.EpochHeld, &h.GeoPPM, &h.Day)...)
		copy(h.Torrent.InfoHash[:], hash)
		return h, err
	}, `WITH earned AS (SELECT torrent, sum(gross_utok) AS day, sum(iif(epoch = ?3, gross_utok, 0)) AS epoch,
				sum(iif(epoch = ?3, held_utok, 0)) AS held, max(iif(epoch = ?3, geo_ppm, 0)) AS geo
			FROM hosting WHERE node = ?1 AND epoch BETWEEN ?2 AND ?3 GROUP BY torrent)
		SELECT `+torrentColumns+`, c.bytes, c.live, c.live AND c.counting_ms > 0, t.approved_ms > 0 AND t.withdrawn_ms = 0,
			coalesce(x.epoch, 0), coalesce(x.held, 0), coalesce(x.geo, 0), coalesce(x.day, 0)
		FROM claims c JOIN torrents t ON t.id = c.torrent LEFT JOIN earned x ON x.torrent = c.torrent
		WHERE c.node = ?1 AND (c.live = 1 OR x.day > 0) ORDER BY coalesce(x.day, 0) DESC, c.id LIMIT ?4`, n, first, last, limit)
	if err != nil {
		return nil, fmt.Errorf("read what hosting brought node %d: %w", n, err)
	}
	return list, nil
}

// PendingWork is proven work of a node that is not settled yet.
type PendingWork struct {
	Torrent bt.TorrentID
	Bytes   bt.Bytes
	Proven  time.Duration
}

// NodePending returns the proven work, up to now, of a node's claims on approved torrents in the epochs that
// are not settled.
func (s *Store) NodePending(ctx context.Context, n bt.NodeID) ([]PendingWork, error) {
	var list []PendingWork
	err := s.read(ctx, func(r *reader) error {
		var first, sinceMs int64
		err := r.QueryRowContext(ctx, `SELECT number, start_ms FROM epochs
			WHERE number > coalesce((SELECT number FROM epochs WHERE settled_ms > 0 ORDER BY number DESC LIMIT 1), 0) ORDER BY number LIMIT 1`).Scan(&first, &sinceMs)
		if err != nil {
			return notFound(err)
		}
		list, err = scan(ctx, r.Tx, readPendingWork, `SELECT c.torrent, c.bytes,
				coalesce((SELECT sum(p.proven_ms) FROM epochs e CROSS JOIN proven p WHERE e.number >= ?2 AND p.epoch = e.number AND p.claim = c.id), 0)
				+ iif(c.live AND c.counting_ms > 0, max(0, ?3 - max(c.counting_ms, ?4)), 0)
			FROM claims c JOIN torrents t ON t.id = c.torrent WHERE c.node = ?1 AND t.approved_ms > 0 AND t.withdrawn_ms = 0`,
			n, first, s.opt.Now().UnixMilli(), sinceMs)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("read what node %d has proven: %w", n, err)
	}
	return slices.DeleteFunc(list, func(w PendingWork) bool { return w.Proven <= 0 }), nil
}

func readPendingWork(r *sql.Rows) (w PendingWork, err error) {
	var ms int64
	err = r.Scan(&w.Torrent, &w.Bytes, &ms)
	w.Proven = time.Duration(ms) * time.Millisecond
	return w, err
}

// VerdictCounts counts the audits of a node that are kept, by verdict.
func (s *Store) VerdictCounts(ctx context.Context, n bt.NodeID) (map[string]int64, error) {
	type row struct {
		verdict string
		n       int64
	}
	rows, err := scan(ctx, s.r, func(r *sql.Rows) (v row, err error) { return v, r.Scan(&v.verdict, &v.n) }, countVerdicts, n)
	if err != nil {
		return nil, fmt.Errorf("count the audits of node %d: %w", n, err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[r.verdict] = r.n
	}
	return out, nil
}

const countVerdicts = "SELECT a.verdict, count(*) FROM claims c CROSS JOIN audits a ON a.claim = c.id WHERE c.node = ? GROUP BY a.verdict"

// AuditPenalties returns what each of a node's audits from first to last cost it, as far as they cost anything.
func (s *Store) AuditPenalties(ctx context.Context, n bt.NodeID, first, last int64) (map[int64]tokens.Amount, error) {
	type row struct {
		audit  int64
		amount tokens.Amount
	}
	rows, err := scan(ctx, s.r, func(r *sql.Rows) (v row, err error) { return v, r.Scan(&v.audit, &v.amount) },
		"SELECT audit, sum(amount_utok) FROM slashes WHERE node = ? AND audit BETWEEN ? AND ? GROUP BY audit", n, first, last)
	if err != nil {
		return nil, fmt.Errorf("read the penalties of node %d: %w", n, err)
	}
	out := map[int64]tokens.Amount{}
	for _, r := range rows {
		out[r.audit] = r.amount
	}
	return out, nil
}
