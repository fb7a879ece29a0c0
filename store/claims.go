package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// ClaimRow is a claim as the store keeps it.
type ClaimRow struct {
	availability.Claim
	Live       bool  // false: withdrawn, lapsed or dropped
	countingMs int64 // proven time up to here is in table proven; 0: none counts now
}

const selectClaim = `SELECT c.live, c.state, c.have, c.network, c.rate_bytes_per_s, c.seen_ms, coalesce(c.lat_udeg, 0), coalesce(c.lon_udeg, 0),
	c.lat_udeg IS NOT NULL, c.counting_ms, coalesce(n.last_report_ms, 0) FROM claims c LEFT JOIN nodes n ON n.id = c.node`

// readClaim reads selectClaim. What has a column of its own is taken from there, and a node's report
// speaks for all of its live claims.
func readClaim(r scanner) (c ClaimRow, err error) {
	var state, have []byte
	var network string
	var seen, reported int64
	var rate bt.Bytes
	var place availability.Place
	if err := r.Scan(&c.Live, &state, &have, &network, &rate, &seen, &place.Lat, &place.Lon, &place.Known, &c.countingMs, &reported); err != nil {
		return c, err
	}
	if err := json.Unmarshal(state, &c.Claim); err != nil {
		return c, fmt.Errorf("read a claim: %w", err)
	}
	c.Have, c.Network, c.Rate, c.SeenMs, c.Place = have, parsePrefix(network), rate, seen, place
	if c.Live {
		c.SeenMs = max(seen, reported)
	}
	return c, nil
}

func (t *tx) claim(where string, args ...any) (ClaimRow, error) {
	c, err := readClaim(t.row(selectClaim+" WHERE "+where, args...))
	return c, notFound(err)
}

func readClaims(ctx context.Context, q querier, where string, args ...any) ([]ClaimRow, error) {
	return scan(ctx, q, func(r *sql.Rows) (ClaimRow, error) { return readClaim(r) }, selectClaim+" WHERE "+where, args...)
}

// saveClaim writes a claim that was as in was, and keeps account of what follows: the time for which
// it was proven, and whether what is drawn from changed.
func (t *tx) saveClaim(p availability.Params, was, c ClaimRow) (ClaimRow, error) {
	c, err := t.recount(p, was, c)
	if err != nil {
		return c, err
	}
	if was.drawnFrom() != c.drawnFrom() || c.drawnFrom() && (was.Bytes != c.Bytes || !bytes.Equal(was.Have, c.Have)) {
		if err := t.exec("INSERT OR IGNORE INTO frozen_due (claim) VALUES (?)", c.ID); err != nil {
			return c, fmt.Errorf("note that claim %d changed: %w", c.ID, err)
		}
	}
	return c, t.writeClaim(c)
}

func (t *tx) writeClaim(c ClaimRow) error {
	state := c.Claim
	state.Have = nil
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	network := ""
	if c.Network.IsValid() {
		network = c.Network.String()
	}
	var lat, lon any
	if c.Place.Known {
		lat, lon = c.Place.Lat, c.Place.Lon
	}
	return t.change(`UPDATE claims SET bytes = ?, peer_id = ?, addr = ?, network = ?, live = ?, leaving = ?, rate_bytes_per_s = ?, proven_ms = ?,
		seen_ms = ?, have = ?, lat_udeg = ?, lon_udeg = ?, counting_ms = ?, state = ? WHERE id = ?`, c.Bytes, c.PeerID[:], c.Addr.String(), network,
		c.Live, c.Leaving, c.Rate, c.ProvenMs, c.SeenMs, c.Have, lat, lon, c.countingMs, string(raw), c.ID)
}

// LoadClaims returns the claims that are made now, and those that are withdrawn while a suspicion
// waits.
func (s *Store) LoadClaims(ctx context.Context) ([]ClaimRow, error) {
	return readClaims(ctx, s.r, "c.live = 1 OR c.leaving = 1 ORDER BY c.id")
}

// NodeClaims returns a node's claims, withdrawn and dropped ones too; of node 0 those of all standard
// clients.
func (s *Store) NodeClaims(ctx context.Context, n bt.NodeID) ([]ClaimRow, error) {
	return readClaims(ctx, s.r, "c.node = ? ORDER BY c.id", n)
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

// LapseClaims writes what time alone did to claims (availability.Claim.Expire) and returns them as
// they are now. Those that do not exist are passed over.
func (s *Store) LapseClaims(ctx context.Context, p availability.Params, ids []int64) ([]ClaimRow, error) {
	var out []ClaimRow
	err := s.write(ctx, func(t *tx) error {
		for _, id := range ids {
			c, err := t.claim("c.id = ?", id)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err == nil {
				c, err = t.lapse(p, c)
			}
			if err != nil {
				return fmt.Errorf("lapse claim %d: %w", id, err)
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

func (t *tx) lapse(p availability.Params, was ClaimRow) (ClaimRow, error) {
	c := was
	c.Claim = was.Claim.Expire(p, t.now)
	c = c.settled()
	if c.State == was.State && c.Live == was.Live {
		return was, nil
	}
	return t.saveClaim(p, was, c)
}

// drawnFrom reports whether audits are drawn from the claim, and it counts while it is heard of.
func (c ClaimRow) drawnFrom() bool { return c.Live && c.State == availability.Proven }

// settled says what the claim's state means for the row: one that ended is neither made nor left
// behind any more, and one that is withdrawn is not made.
func (c ClaimRow) settled() ClaimRow {
	c.Live = c.Live && !c.Leaving && !c.Ended()
	c.Leaving = c.Leaving && !c.Ended()
	return c
}
