package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ClaimReport says that somebody seeds a torrent: a node's report or a client's announces.
type ClaimReport struct {
	Torrent     bt.TorrentID
	Member      bt.MemberID
	Node        bt.NodeID // 0: a standard client
	PeerID      bt.PeerID
	Addr        netip.AddrPort      // invalid: not known, and stays as it was
	Network     netip.Prefix        // likewise
	Bytes       bt.Bytes            // of the pieces claimed
	Have        availability.Bitmap // the pieces claimed; nil: all of them
	PieceLength bt.Bytes
	Pieces      int
	SeenMs      int64 // when they were last heard of; 0: now
	Announced   bool  // seen in a swarm: refreshes what a node reported, never enters it for the node
}

// NodeReport is all that a node says it hosts, and the words in which it signed that.
type NodeReport struct {
	Claims []ClaimReport // one for a torrent; Member, Node and Announced are ignored
	Token  string        // with the body's hash
	Body   []byte
}

// PutClaims enters new claims and refreshes known ones, and returns those that it wrote as they are
// now. A claim that was withdrawn or lapsed and is made again has to be proven again; a dropped one
// stays dropped. What a swarm says of a node's torrent that the node does not report changes nothing.
func (s *Store) PutClaims(ctx context.Context, p availability.Params, reports []ClaimReport) ([]ClaimRow, error) {
	var out []ClaimRow
	err := s.write(ctx, func(t *tx) error {
		for _, r := range reports {
			rows, err := t.putClaim(p, r)
			if err != nil {
				return fmt.Errorf("enter a claim of torrent %d: %w", r.Torrent, err)
			}
			out = append(out, rows...)
		}
		return nil
	})
	return out, err
}

// Report takes in what a node says it hosts: what is new is entered, what changed is changed, and
// what is not mentioned any more is withdrawn. One of those that is under suspicion is looked at until
// that is settled (availability.Claim.Leave). It returns the claims that changed, and keeps the report.
// ErrNotFound: the node.
func (s *Store) Report(ctx context.Context, p availability.Params, n bt.NodeID, r NodeReport) ([]ClaimRow, error) {
	var out []ClaimRow
	err := s.write(ctx, func(t *tx) error {
		node, err := readNode(t.row(selectNode+" WHERE n.id = ?", n))
		if err != nil {
			return err
		}
		known, err := t.nodeClaims(node)
		if err != nil {
			return err
		}
		mentioned := map[bt.TorrentID]bool{}
		for _, x := range r.Claims {
			if mentioned[x.Torrent] {
				continue
			}
			mentioned[x.Torrent] = true
			x.Member, x.Node, x.Announced, x.SeenMs = node.Member, n, false, 0
			if k, ok := known[x.Torrent]; ok && k.says(p, t.nowMs(), x) {
				continue
			}
			rows, err := t.putClaim(p, x)
			if err != nil {
				return fmt.Errorf("enter its claim of torrent %d: %w", x.Torrent, err)
			}
			out = append(out, rows...)
		}
		for torrent, k := range known {
			if k.live && !mentioned[torrent] {
				c, err := t.withdraw(p, k.id)
				if err != nil {
					return fmt.Errorf("withdraw its claim of torrent %d: %w", torrent, err)
				}
				out = append(out, c)
			}
		}
		return t.keepReport(n, r)
	})
	if err != nil {
		return nil, fmt.Errorf("report of node %d: %w", n, err)
	}
	return out, nil
}

// knownClaim is as much of a node's claim as tells whether a report says anything new: most say the
// same again, for all of a node's claims.
type knownClaim struct {
	id, bytes  int64
	torrent    bt.TorrentID
	live       bool
	state      availability.State
	have, peer []byte
	seenMs     int64
}

func (t *tx) nodeClaims(n Node) (map[bt.TorrentID]knownClaim, error) {
	rows, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (k knownClaim, err error) {
		err = r.Scan(&k.id, &k.torrent, &k.live, &k.state, &k.bytes, &k.have, &k.peer, &k.seenMs)
		k.seenMs = max(k.seenMs, n.LastReportMs)
		return k, err
	}, "SELECT id, torrent, live, state ->> '$.State', bytes, have, peer_id, seen_ms FROM claims WHERE node = ? ORDER BY id", n.ID)
	out := make(map[bt.TorrentID]knownClaim, len(rows))
	for _, k := range rows {
		out[k.torrent] = k
	}
	return out, err
}

// says reports whether the claim is as the report has it. One that is proven counts anew after its
// node was silent.
func (k knownClaim) says(p availability.Params, nowMs int64, r ClaimReport) bool {
	silent := k.state == availability.Proven && nowMs >= k.seenMs+p.ClaimLapse.Milliseconds()
	believed := k.live && k.state != availability.Lapsed || k.state == availability.Dropped
	return believed && !silent && k.bytes == int64(r.Bytes) && bytes.Equal(k.have, r.Have) && bt.PeerID(k.peer) == r.PeerID
}

// withdraw ends a claim that its node does not report any more.
func (t *tx) withdraw(p availability.Params, id int64) (ClaimRow, error) {
	was, err := t.claim("c.id = ?", id)
	if err != nil {
		return was, err
	}
	c := was
	c.Claim = c.Leave()
	return t.saveClaim(p, was, c.settled())
}

func (t *tx) keepReport(n bt.NodeID, r NodeReport) error {
	if err := t.change("UPDATE nodes SET last_report_ms = ? WHERE id = ?", t.nowMs(), n); err != nil {
		return err
	}
	return t.exec(`INSERT INTO reports (node, at_ms, token, body) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, token = excluded.token, body = excluded.body`, n, t.nowMs(), r.Token, append([]byte{}, r.Body...))
}

// putClaim enters or refreshes a claim. It returns what changed: nothing if a swarm knows of a
// node's torrent that the node does not report, and another claim too if that was the node's own.
func (t *tx) putClaim(p availability.Params, r ClaimReport) ([]ClaimRow, error) {
	was, err := t.claim("c.torrent = ? AND c.member = ? AND c.node = ?", r.Torrent, r.Member, r.Node)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if r.Announced && r.Node != 0 && !was.Live {
		return nil, nil // only the node's own word puts its collateral at stake
	}
	if was.ID == 0 {
		was.Claim = availability.Claim{Torrent: r.Torrent, Member: r.Member, Node: r.Node}
		if was.ID, err = t.insert(`INSERT INTO claims (torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, state, live)
			VALUES (?, ?, ?, 0, x'', '', ?, 0, '{}', 0)`, r.Torrent, r.Member, r.Node, t.nowMs()); err != nil {
			return nil, fmt.Errorf("enter claim: %w", err)
		}
	}
	c, err := t.saveClaim(p, was, was.reported(p, t.now, r))
	if err != nil || r.Node == 0 || r.Announced {
		return []ClaimRow{c}, err
	}
	twin, err := t.disown(p, c)
	return append([]ClaimRow{c}, twin...), err
}

// reported is the claim after a report that it is made.
func (c ClaimRow) reported(p availability.Params, now time.Time, r ClaimReport) ClaimRow {
	if !c.Live {
		c.Claim = c.Enter(now)
	}
	switch {
	case r.Node == 0:
		c.Bytes, c.PieceLength, c.Pieces = r.Bytes, r.PieceLength, r.Pieces
	case !r.Announced:
		c.PieceLength, c.Pieces = r.PieceLength, r.Pieces
		c.Claim = c.Claim.Report(p, now, r.Have, r.Bytes)
	}
	seen := now.UnixMilli()
	if r.SeenMs > 0 {
		seen = min(r.SeenMs, seen)
	}
	addr := c.Addr
	if r.Addr.IsValid() {
		addr = r.Addr
	}
	c.Claim = c.Hear(seen, addr, r.PeerID)
	if r.Network.IsValid() { // a swarm loaded at start knows no networks until the next announce
		c.Network = r.Network
	}
	c.Live = true
	return c.settled()
}

// disown ends the claim of a standard client that is the node's own: a daemon that announced before
// its first report had been taken for one.
func (t *tx) disown(p availability.Params, c ClaimRow) ([]ClaimRow, error) {
	was, err := t.claim("c.torrent = ? AND c.member = ? AND c.node = 0", c.Torrent, c.Member)
	if errors.Is(err, ErrNotFound) || err == nil && (!was.Live || was.PeerID != c.PeerID) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	twin := was
	twin.Claim = was.Leave()
	twin, err = t.saveClaim(p, was, twin.settled())
	return []ClaimRow{twin}, err
}
