package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// presence is when a member was last in a network, and whether by a node.
type presence struct {
	lastMs int64
	node   bool
}

type networkKey struct {
	network string
	member  bt.MemberID
}

// noteNetworks brings up to date in which public networks members were lately, by what their clients and nodes
// announced from.
func (s *Store) noteNetworks(ctx context.Context, first, last bt.MemberID) error {
	var seen, known map[networkKey]presence
	err := s.read(ctx, func(r *reader) (err error) {
		if seen, err = r.seenIn(first, last, s.opt.Now().UnixMilli()-networkKept); err != nil {
			return err
		}
		known, err = r.knownIn(first, last)
		return err
	})
	if err != nil {
		return err
	}
	for key, at := range seen {
		if k, ok := known[key]; ok && at.lastMs-k.lastMs < networkAgain && (k.node || !at.node) {
			delete(seen, key)
		}
	}
	if len(seen) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		for key, at := range seen {
			err := t.execMany(`INSERT INTO member_networks (network, member, node, last_ms) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET node = max(node, excluded.node), last_ms = max(last_ms, excluded.last_ms)`, key.network, key.member, at.node, at.lastMs)
			if err != nil {
				return fmt.Errorf("note a network of member %d: %w", key.member, err)
			}
		}
		return nil
	})
}

// publicNetwork is the /24 or /48 of an address; empty for one that says nothing.
func publicNetwork(addr string) string {
	a := parseAddr(addr).Addr()
	network := settle.Cluster(netip.PrefixFrom(a, a.BitLen()))
	if !network.IsValid() {
		return ""
	}
	return network.String()
}

// seenIn reads where members' clients and nodes were since a time: of each member at most networkMost networks.
func (r *reader) seenIn(first, last bt.MemberID, sinceMs int64) (map[networkKey]presence, error) {
	seen, of := map[networkKey]presence{}, map[bt.MemberID]int{}
	note := func(node bool) func(*sql.Rows) (struct{}, error) {
		return func(rows *sql.Rows) (none struct{}, err error) {
			var m bt.MemberID
			var addr string
			var lastMs int64
			if err := rows.Scan(&m, &addr, &lastMs); err != nil {
				return none, err
			}
			key := networkKey{publicNetwork(addr), m}
			at, ok := seen[key]
			if key.network == "" || !ok && of[m] >= networkMost {
				return none, nil
			}
			if !ok {
				of[m]++
			}
			seen[key] = presence{max(at.lastMs, lastMs), at.node || node}
			return none, nil
		}
	}
	_, err := scan(r.ctx, r.Tx, note(true), `SELECT n.member, c.addr, max(c.seen_ms) FROM nodes n CROSS JOIN claims c ON c.node = n.id AND c.live = 1
		WHERE n.member > ? AND n.member <= ? AND c.seen_ms >= ? GROUP BY n.member, c.addr`, first, last, sinceMs)
	_, err2 := scan(r.ctx, r.Tx, note(false), `SELECT member, addr, max(last_ms) FROM peer_sessions WHERE member > ? AND member <= ? AND last_ms >= ?
		GROUP BY member, addr`, first, last, sinceMs)
	return seen, errors.Join(err, err2)
}

func (r *reader) knownIn(first, last bt.MemberID) (map[networkKey]presence, error) {
	known := map[networkKey]presence{}
	_, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (none struct{}, err error) {
		var key networkKey
		var at presence
		err = rows.Scan(&key.network, &key.member, &at.node, &at.lastMs)
		known[key] = at
		return none, err
	}, "SELECT network, member, node, last_ms FROM member_networks WHERE member > ? AND member <= ?", first, last)
	return known, err
}

// NetworkMember is a member who was in a network.
type NetworkMember struct {
	Member bt.MemberID
	Name   string
	Node   bool // by a node too
	LastMs int64
}

// SharedNetwork is a network that a member shared with others lately.
type SharedNetwork struct {
	Network string // a /24 or /48
	Node    bool
	LastMs  int64
	Others  []NetworkMember // the latest of them
}

// sharedNetworks are those of a member, the latest first.
func (r *reader) sharedNetworks(m bt.MemberID, sinceMs int64) ([]SharedNetwork, error) {
	list, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (n SharedNetwork, err error) { return n, rows.Scan(&n.Network, &n.Node, &n.LastMs) },
		`SELECT a.network, a.node, a.last_ms FROM member_networks a WHERE a.member = ? AND a.last_ms >= ?
			AND EXISTS (SELECT 1 FROM member_networks b WHERE b.network = a.network AND b.member <> a.member AND b.last_ms >= ?)
		ORDER BY a.last_ms DESC LIMIT ?`, m, sinceMs, sinceMs, evidenceRows)
	if err != nil {
		return nil, err
	}
	for i, n := range list {
		list[i].Others, err = scan(r.ctx, r.Tx, func(rows *sql.Rows) (x NetworkMember, err error) {
			return x, rows.Scan(&x.Member, &x.Name, &x.Node, &x.LastMs)
		}, `SELECT b.member, m.name, b.node, b.last_ms FROM member_networks b JOIN members m ON m.id = b.member
			WHERE b.network = ? AND b.member <> ? AND b.last_ms >= ? ORDER BY b.last_ms DESC LIMIT ?`, n.Network, m, sinceMs, evidenceRows)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// InsidePay is what one of two members who share a network paid for downloads of torrents, in the epochs in which
// the other was paid for uploads of them. The settlement does not pay for bytes between members who share a network
// in that epoch.
type InsidePay struct {
	Payer, Payee         bt.MemberID
	PayerName, PayeeName string
	Torrents             int
	Charged, Paid        tokens.Amount
}

// paidInside compares a member with others, in both directions, over the last epochs.
func (r *reader) paidInside(m bt.MemberID, networks []SharedNetwork) ([]InsidePay, error) {
	others, seen := []bt.MemberID{}, map[bt.MemberID]bool{}
	for _, n := range networks {
		for _, o := range n.Others {
			if !seen[o.Member] && len(others) < evidenceOthers {
				seen[o.Member] = true
				others = append(others, o.Member)
			}
		}
	}
	var out []InsidePay
	for _, o := range others {
		for _, pair := range [][2]bt.MemberID{{m, o}, {o, m}} {
			rows, err := scan(r.ctx, r.Tx, func(rows *sql.Rows) (x InsidePay, err error) {
				x.Payer, x.Payee = pair[0], pair[1]
				return x, rows.Scan(&x.PayerName, &x.PayeeName, &x.Torrents, &x.Charged, &x.Paid)
			}, selectInside, sql.Named("payer", pair[0]), sql.Named("payee", pair[1]), sql.Named("torrents", evidenceTorrent), sql.Named("epochs", evidenceEpochs))
			if err != nil {
				return nil, err
			}
			for _, x := range rows {
				if x.Torrents > 0 {
					out = append(out, x)
				}
			}
		}
	}
	return out, nil
}

// selectInside goes by the payer's last downloads and the last epochs: there is no index of usage by member, which
// every flush would have to keep.
const selectInside = `SELECT (SELECT name FROM members WHERE id = :payer), (SELECT name FROM members WHERE id = :payee),
		count(DISTINCT u.torrent), coalesce(sum(u.charged_utok), 0), coalesce(sum(a.pay_utok), 0)
	FROM (SELECT torrent FROM downloads WHERE member = :payer ORDER BY first_ms DESC, torrent DESC LIMIT :torrents) d
		CROSS JOIN epochs e ON e.number > (SELECT max(number) FROM epochs) - :epochs
		CROSS JOIN usage u ON u.epoch = e.number AND u.torrent = d.torrent AND u.member = :payer AND u.charged_utok > 0
		CROSS JOIN awards a ON a.epoch = u.epoch AND a.torrent = u.torrent AND a.member = :payee AND a.pay_utok > 0`
