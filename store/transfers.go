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

// What nodes say they exchanged with peers is evidence, never money: a node can say anything. Many of them
// that say the same of one member are a reason to look.

const (
	// ExchangesKept is for how long it is kept.
	ExchangesKept = 30 * 24 * time.Hour
	// maxExchangeRows bounds what is kept of a node and day; what is beyond is refused.
	maxExchangeRows = 20_000
	// maxExchangeBatches bounds the batches of a node that are remembered: many times what one sends that
	// reports every few minutes. What is beyond is refused.
	maxExchangeBatches = 50_000
	// sweptExchanges is how many rows one call of SweepExchanges removes of each kind.
	sweptExchanges = 2000
)

// Exchange is what was exchanged with peers of one member (0: unknown) in one network, in one torrent.
type Exchange struct {
	Torrent        bt.TorrentID
	Member         bt.MemberID
	Network        string // "": unknown, or one that many have
	Sent, Received bt.Bytes
}

// ExchangeBatch is a node's report as it was checked.
type ExchangeBatch struct {
	ID      string
	At      time.Time // the end of what it is about
	Rows    []Exchange
	Refused int // rows that were left out
	Token   string
	Body    []byte
}

// PutExchanges adds a batch up, and keeps it as its node signed it until the next one. It returns how many rows
// count and how many do not: of a batch that came before, what was answered then.
func (s *Store) PutExchanges(ctx context.Context, n bt.NodeID, b ExchangeBatch) (accepted, refused int, err error) {
	err = s.write(ctx, func(t *tx) error {
		err := t.row("SELECT accepted, refused FROM exchange_batches WHERE node = ? AND batch = ?", n, b.ID).Scan(&accepted, &refused)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var batches int
		if err := t.row("SELECT count(*) FROM exchange_batches WHERE node = ?", n).Scan(&batches); err != nil {
			return err
		}
		if batches >= maxExchangeBatches {
			accepted, refused = 0, b.Refused+len(b.Rows)
			return nil
		}
		accepted, err = t.addExchanges(n, b.At.UnixMilli()/dayMs*dayMs, b.Rows)
		if err != nil {
			return err
		}
		refused = b.Refused + len(b.Rows) - accepted
		return errors.Join(
			t.exec("INSERT INTO exchange_batches (node, batch, at_ms, accepted, refused) VALUES (?, ?, ?, ?, ?)", n, b.ID, t.nowMs(), accepted, refused),
			t.exec(`INSERT INTO exchange_reports (node, at_ms, token, body) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, token = excluded.token, body = excluded.body`, n, t.nowMs(), b.Token, append([]byte{}, b.Body...)))
	})
	if err != nil {
		return 0, 0, fmt.Errorf("take in what node %d exchanged: %w", n, err)
	}
	return accepted, refused, nil
}

// addExchanges adds rows to a day and returns how many: a full day takes no new ones.
func (t *tx) addExchanges(n bt.NodeID, dayMs int64, rows []Exchange) (added int, err error) {
	var have int
	if err := t.row("SELECT count(*) FROM exchanges WHERE node = ? AND day_ms = ?", n, dayMs).Scan(&have); err != nil {
		return 0, err
	}
	for _, x := range rows {
		known, err := t.try(`UPDATE exchanges SET sent_bytes = min(sent_bytes + ?, 1 << 60), received_bytes = min(received_bytes + ?, 1 << 60)
			WHERE node = ? AND day_ms = ? AND torrent = ? AND member = ? AND network = ?`, x.Sent, x.Received, n, dayMs, x.Torrent, x.Member, x.Network)
		if err != nil {
			return 0, err
		}
		if !known && have >= maxExchangeRows {
			continue
		}
		if !known {
			have++
			if err := t.execMany("INSERT INTO exchanges (node, day_ms, torrent, member, network, sent_bytes, received_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
				n, dayMs, x.Torrent, x.Member, x.Network, x.Sent, x.Received); err != nil {
				return 0, err
			}
		}
		added++
	}
	return added, nil
}

// SweepExchanges removes what is older than ExchangesKept, some at a time.
func (s *Store) SweepExchanges(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		before := t.nowMs() - ExchangesKept.Milliseconds()
		return errors.Join(
			t.exec(`DELETE FROM exchanges WHERE (node, day_ms, torrent, member, network) IN
				(SELECT node, day_ms, torrent, member, network FROM exchanges WHERE day_ms < ? LIMIT ?)`, before-dayMs, sweptExchanges),
			t.exec("DELETE FROM exchange_batches WHERE (node, batch) IN (SELECT node, batch FROM exchange_batches WHERE at_ms < ? LIMIT ?)", before, sweptExchanges))
	})
}

// SilentPeer is a member whose clients admitted less of some torrents than nodes of others say they sent them.
type SilentPeer struct {
	Member   bt.MemberID
	Name     string
	Torrents int      // in which that is so
	Owners   int      // of the nodes that say they sent some of these; each could say anything
	Said     bt.Bytes // sent, in ExchangesKept
	Admitted bt.Bytes // in these downloads, from everybody, ever
}

// Missing is how much more was said than admitted.
func (p SilentPeer) Missing() bt.Bytes { return max(0, p.Said-p.Admitted) }

// MissingPPM is that as a share of what was said.
func (p SilentPeer) MissingPPM() int64 {
	return tokens.MulDiv(int64(p.Missing()), 1_000_000, int64(max(1, p.Said)))
}

// silentPPM is by how much less must be admitted: protocols and resent pieces cost some, and a client
// announces after it received.
const silentPPM = 50_000

// SilentPeers returns members whose clients admitted clearly less than nodes of others say they sent them, at most
// limit, those that miss most first. It adds up all that is kept: it is for an operators' page.
func (s *Store) SilentPeers(ctx context.Context, limit int) ([]SilentPeer, error) {
	list, err := scan(ctx, s.r, func(r *sql.Rows) (p SilentPeer, err error) {
		return p, r.Scan(&p.Member, &p.Name, &p.Torrents, &p.Owners, &p.Said, &p.Admitted)
	}, `WITH word AS MATERIALIZED (SELECT x.member, x.torrent, n.member AS owner, `+sumOf("x.sent_bytes")+` AS bytes FROM exchanges x JOIN nodes n ON n.id = x.node
				WHERE x.member > 0 AND x.sent_bytes > 0 AND n.member <> x.member GROUP BY x.member, x.torrent, n.member),
			said AS (SELECT member, torrent, `+sumOf("bytes")+` AS bytes FROM word GROUP BY member, torrent),
			pair AS MATERIALIZED (SELECT s.member, s.torrent, s.bytes AS said, coalesce(d.metered_bytes + d.corroborated_bytes, 0) AS admitted
				FROM said s LEFT JOIN downloads d ON d.member = s.member AND d.torrent = s.torrent
				WHERE admitted < s.bytes - s.bytes / 1000000.0 * ?),
			owners AS (SELECT p.member, count(DISTINCT w.owner) AS number FROM word w JOIN pair p ON p.member = w.member AND p.torrent = w.torrent GROUP BY p.member)
		SELECT p.member, m.name, count(*), o.number, `+sumOf("p.said")+`, `+sumOf("p.admitted")+`
		FROM pair p JOIN members m ON m.id = p.member JOIN owners o ON o.member = p.member
		GROUP BY p.member ORDER BY total(p.said - p.admitted) DESC, p.member LIMIT ?`, silentPPM, limit)
	if err != nil {
		return nil, fmt.Errorf("compare what was said and admitted: %w", err)
	}
	return list, nil
}
