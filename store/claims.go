package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ClaimReport says that somebody seeds a torrent: a node's report or a client's announces.
type ClaimReport struct {
	Torrent     bt.TorrentID
	Member      bt.MemberID
	Node        bt.NodeID // 0: a standard client
	PeerID      bt.PeerID
	Addr        netip.AddrPort
	Network     netip.Prefix
	Bytes       bt.Bytes
	PieceLength bt.Bytes
	Pieces      int
	SeenMs      int64 // when they were last heard of; 0: now
	Announced   bool  // seen in a swarm: refreshes what a node reported, never enters it for the node
}

// ClaimRow is a claim as the store keeps it.
type ClaimRow struct {
	availability.Claim
	Network netip.Prefix
	Rate    bt.Bytes // per second, shown by the last passed audit
	Live    bool     // false: withdrawn, lapsed or dropped
}

// PutClaims enters new claims and refreshes known ones. A withdrawn claim that is made again has
// to be proven again; a dropped one stays dropped.
func (s *Store) PutClaims(ctx context.Context, reports []ClaimReport) error {
	return s.write(ctx, func(t *tx) error {
		for _, r := range reports {
			if err := t.putClaim(r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) putClaim(r ClaimReport) error {
	known, err := t.claim("torrent = ? AND member = ? AND node = ?", r.Torrent, r.Member, r.Node)
	if r.Announced && r.Node != 0 && (errors.Is(err, ErrNotFound) || err == nil && !known.Live) {
		return nil // not reported, or withdrawn: only the node's own word puts its collateral at stake
	}
	if errors.Is(err, ErrNotFound) {
		c := availability.Claim{Torrent: r.Torrent, Member: r.Member, Node: r.Node, State: availability.Entered, EnteredMs: t.nowMs()}
		id, err := t.insert(`INSERT INTO claims (torrent, member, node, bytes, peer_id, addr, entered_ms, seen_ms, state)
			VALUES (?, ?, ?, 0, x'', '', ?, 0, '')`, r.Torrent, r.Member, r.Node, t.nowMs())
		if err != nil {
			return fmt.Errorf("enter claim: %w", err)
		}
		c.ID = id
		known = ClaimRow{Claim: c, Live: true}
	} else if err != nil {
		return err
	}
	c := &known.Claim
	if (!known.Live || c.State == availability.Lapsed) && c.State != availability.Dropped {
		c.State, c.ProvenMs, c.EnteredMs = availability.Entered, 0, t.nowMs()
	}
	known.Live = c.State != availability.Dropped
	c.PeerID, c.Addr, c.Bytes, c.SeenMs = r.PeerID, r.Addr, r.Bytes, max(c.SeenMs, t.seen(r))
	c.PieceLength, c.Pieces = r.PieceLength, r.Pieces
	if r.Network.IsValid() { // a swarm loaded at start knows no networks until the next announce
		known.Network = r.Network
	}
	if err := t.saveClaim(known); err != nil || r.Node == 0 {
		return err
	}
	// A daemon that announced before its first report had been taken for a standard client.
	return t.exec("UPDATE claims SET live = 0 WHERE torrent = ? AND member = ? AND node = 0 AND peer_id = ?", r.Torrent, r.Member, r.PeerID[:])
}

func (t *tx) seen(r ClaimReport) int64 {
	if r.SeenMs > 0 {
		return min(r.SeenMs, t.nowMs())
	}
	return t.nowMs()
}

func (t *tx) saveClaim(r ClaimRow) error {
	state, err := json.Marshal(r.Claim)
	if err != nil {
		return err
	}
	network := ""
	if r.Network.IsValid() {
		network = r.Network.String()
	}
	return t.change(`UPDATE claims SET bytes = ?, peer_id = ?, addr = ?, network = ?, live = ?, rate_bytes_per_s = ?, proven_ms = ?,
		seen_ms = ?, state = ? WHERE id = ?`, r.Bytes, r.PeerID[:], r.Addr.String(), network, r.Live, r.Rate, r.ProvenMs, r.SeenMs, string(state), r.ID)
}

const selectClaim = "SELECT state, network, rate_bytes_per_s, live FROM claims"

func readClaim(r scanner) (c ClaimRow, err error) {
	var state []byte
	var network string
	if err = r.Scan(&state, &network, &c.Rate, &c.Live); err != nil {
		return c, err
	}
	c.Network = parsePrefix(network)
	return c, json.Unmarshal(state, &c.Claim)
}

func (t *tx) claim(where string, args ...any) (ClaimRow, error) {
	c, err := readClaim(t.row(selectClaim+" WHERE "+where, args...))
	return c, notFound(err)
}

// LiveClaims returns all claims that are made now.
func (s *Store) LiveClaims(ctx context.Context) ([]ClaimRow, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (ClaimRow, error) { return readClaim(r) }, selectClaim+" WHERE live = 1 ORDER BY id")
}

// NodeClaims returns a node's claims, withdrawn and dropped ones too.
func (s *Store) NodeClaims(ctx context.Context, n bt.NodeID) ([]ClaimRow, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (ClaimRow, error) { return readClaim(r) }, selectClaim+" WHERE node = ? ORDER BY id", n)
}

// NodePeer says under which peer id a node's client announces.
type NodePeer struct {
	Node   bt.NodeID
	Member bt.MemberID
	PeerID bt.PeerID
}

// NodePeers returns the peer ids that nodes reported, those of withdrawn and dropped claims too.
func (s *Store) NodePeers(ctx context.Context) ([]NodePeer, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (p NodePeer, err error) {
		var id []byte
		err = r.Scan(&p.Node, &p.Member, &id)
		copy(p.PeerID[:], id)
		return p, err
	}, "SELECT DISTINCT node, member, peer_id FROM claims WHERE node > 0")
}

// WithdrawClaims ends a node's claims on every torrent but those in keep, and notes the report.
func (s *Store) WithdrawClaims(ctx context.Context, n bt.NodeID, keep map[bt.TorrentID]bool) error {
	return s.write(ctx, func(t *tx) error {
		if err := t.change("UPDATE nodes SET last_report_ms = ? WHERE id = ?", t.nowMs(), n); err != nil {
			return err
		}
		claims, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (ClaimRow, error) { return readClaim(r) }, selectClaim+" WHERE node = ? AND live = 1", n)
		if err != nil {
			return err
		}
		for _, c := range claims {
			if !keep[c.Torrent] {
				c.Live = false
				if err := t.saveClaim(c); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// ExpireClaims lapses claims whose proof ended or that are not announced any more.
func (s *Store) ExpireClaims(ctx context.Context, p availability.Params) error {
	return s.eachLiveClaim(ctx, func(t *tx, c ClaimRow) (ClaimRow, bool) {
		next := c
		next.Claim = c.Claim.Expire(p, t.now)
		if next.State == availability.Lapsed && c.Node == 0 {
			next.Live = false
		}
		return next, next.State != c.State || next.Live != c.Live
	})
}

// BeginAudits marks claims as being audited.
func (s *Store) BeginAudits(ctx context.Context, p availability.Params, claims map[int64]bool) error {
	return s.eachLiveClaim(ctx, func(t *tx, c ClaimRow) (ClaimRow, bool) {
		c.Claim = c.Claim.Begin(p, t.now)
		return c, claims[c.ID]
	})
}

func (s *Store) eachLiveClaim(ctx context.Context, f func(*tx, ClaimRow) (ClaimRow, bool)) error {
	return s.write(ctx, func(t *tx) error {
		claims, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (ClaimRow, error) { return readClaim(r) }, selectClaim+" WHERE live = 1")
		if err != nil {
			return err
		}
		for _, c := range claims {
			if next, changed := f(t, c); changed {
				if err := t.saveClaim(next); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// AccrueProven adds dt to the proven time, in the given epoch, of each claim that is proven and
// announced now.
func (s *Store) AccrueProven(ctx context.Context, p availability.Params, epoch int64, dt time.Duration) error {
	return s.write(ctx, func(t *tx) error {
		claims, err := scan(t.ctx, t.Tx, func(r *sql.Rows) (ClaimRow, error) { return readClaim(r) }, selectClaim+" WHERE live = 1")
		if err != nil {
			return err
		}
		for _, c := range claims {
			if !c.IsProven(p, t.now) || t.nowMs() >= c.SeenMs+p.ClaimLapse.Milliseconds() {
				continue
			}
			err := t.exec(`INSERT INTO proven (epoch, claim, proven_ms) VALUES (?, ?, ?)
				ON CONFLICT DO UPDATE SET proven_ms = proven_ms + excluded.proven_ms`, epoch, c.ID, dt.Milliseconds())
			if err != nil {
				return fmt.Errorf("accrue proven time: %w", err)
			}
		}
		return nil
	})
}

// Judged is what an audit came to.
type Judged struct {
	Claim   availability.Claim
	Verdict availability.Verdict
	Effects availability.Effects
	Slashed tokens.Amount
}

// JudgeAudit applies an audit's outcome: the claim, the node's standing, the evidence, and the
// slash if one is due, in one transaction.
func (s *Store) JudgeAudit(ctx context.Context, p availability.Params, a availability.Audit, o availability.Outcome) (Judged, error) {
	var out Judged
	err := s.write(ctx, func(t *tx) error {
		c, err := t.claim("id = ?", a.Claim)
		if err != nil {
			return err
		}
		if !c.Live { // withdrawn while it was audited, which costs only the reward
			o.OurSide = true
		}
		claim, v, e := availability.Judge(p, t.now, c.Claim, a, o)
		out = Judged{Claim: claim, Verdict: v, Effects: e}
		c.Claim = claim
		if v == availability.Passed {
			c.Rate = o.Rate()
		}
		c.Live = c.Live && claim.State != availability.Dropped && (claim.State != availability.Lapsed || claim.Node != 0)
		if err := t.saveClaim(c); err != nil {
			return err
		}
		audit, err := t.saveAudit(a, v, o)
		if err != nil || claim.Node == 0 {
			return err
		}
		out.Slashed, err = t.penalise(p, claim, audit, v, e)
		return err
	})
	return out, err
}

func (t *tx) saveAudit(a availability.Audit, v availability.Verdict, o availability.Outcome) (int64, error) {
	evidence, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	return t.insert("INSERT INTO audits (claim, at_ms, kind, verdict, evidence) VALUES (?, ?, ?, ?, ?)",
		a.Claim, t.nowMs(), a.Kind.String(), v.String(), string(evidence))
}

// penalise updates the node's standing and takes what the audit costs it.
func (t *tx) penalise(p availability.Params, c availability.Claim, audit int64, v availability.Verdict, e availability.Effects) (tokens.Amount, error) {
	standing, err := t.standing(p, c.Node)
	if err != nil {
		return 0, err
	}
	standing, pen := standing.After(p, t.now, v, e)
	raw, err := json.Marshal(standing)
	if err != nil {
		return 0, err
	}
	if err := t.change("UPDATE nodes SET standing = ?, suspended_ms = iif(?, ?, suspended_ms) WHERE id = ?", string(raw), pen.Suspend, t.nowMs(), c.Node); err != nil {
		return 0, err
	}
	pledge, err := t.nodePledge(c.Node)
	if err != nil {
		return 0, err
	}
	held := pledge.Collateral + pledge.Retained
	amount := tokens.Amount(0)
	if e.SlashPPM > 0 {
		stake := availability.Stake{Held: held, Torrent: c.Bytes}
		if err := t.row("SELECT coalesce(sum(bytes), 0) FROM claims WHERE node = ? AND (live = 1 OR id = ?)", c.Node, c.ID).Scan(&stake.Claimed); err != nil {
			return 0, err
		}
		amount = availability.SlashAmount(p, stake, e.PriorFaults)
	}
	// What the fault takes is gone when the node-wide penalties are counted: together they never
	// exceed what stands behind the node.
	amount += availability.NodeSlashAmount(held-amount, pen.OfflinePPM+pen.SuspendPPM)
	return t.slash(c, audit, amount)
}

func (t *tx) standing(p availability.Params, n bt.NodeID) (availability.Standing, error) {
	var raw string
	if err := t.row("SELECT standing FROM nodes WHERE id = ?", n).Scan(&raw); err != nil {
		return availability.Standing{}, fmt.Errorf("node %d: %w", n, notFound(err))
	}
	return parseStanding(p, raw)
}

func parseStanding(p availability.Params, raw string) (availability.Standing, error) {
	st := availability.NewStanding(p)
	if raw == "" {
		return st, nil
	}
	return st, json.Unmarshal([]byte(raw), &st)
}

// nodePledge is what stands behind a node's claims.
func (t *tx) nodePledge(n bt.NodeID) (settle.Pledge, error) { return pledgeOf(t.balance, n) }
