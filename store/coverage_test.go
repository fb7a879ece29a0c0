package store

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// The map in SQL believes every live claim exactly as far as availability.Claim.Tier does, and its sums
// are those of a plain loop over the claims.
func TestCoverageIsWhatClaimsSay(t *testing.T) {
	w := newWorld(t)
	p := w.rules.Availability
	node := w.node(3, 0)
	rapid.Check(t, func(r *rapid.T) {
		w.must(w.write(t.Context(), func(t *tx) error {
			for _, q := range []string{"DELETE FROM frozen_due", "DELETE FROM frozen", "DELETE FROM proven", "DELETE FROM claims"} {
				if err := t.exec(q); err != nil {
					return err
				}
			}
			return nil
		}))
		now := w.now.Load()
		ago := func(max time.Duration, name string) int64 {
			return now - rapid.SampledFrom([]int64{1, max.Milliseconds() - 1, max.Milliseconds(), max.Milliseconds() + 1}).Draw(r, name)
		}
		report := ago(p.ClaimLapse, "report")
		w.must(w.write(t.Context(), func(t *tx) error { return t.exec("UPDATE nodes SET last_report_ms = ?", report) }))
		want := map[bt.TorrentID]*Tiers{1: {}, 2: {}}
		type host struct {
			tier availability.Tier
			m    bt.MemberID
			n    bt.NodeID
		}
		hosts := map[host]bool{}
		for id := range int64(rapid.IntRange(0, 8).Draw(r, "claims")) {
			c := availability.Claim{ID: id + 1, Torrent: bt.TorrentID(id%2 + 1), Member: bt.MemberID(id/2 + 1), Bytes: bt.Bytes(rapid.Int64Range(1, 9).Draw(r, "bytes")),
				State: rapid.SampledFrom([]availability.State{availability.Entered, availability.Proven, availability.Lapsed}).Draw(r, "state"), SeenMs: now - 1}
			if rapid.Bool().Draw(r, "node") {
				c.Node, c.SeenMs = node, ago(p.ClaimLapse, "seen")
			}
			if rapid.Bool().Draw(r, "passed") {
				c.Passed, c.ProvenMs = 1, ago(p.ProofLifetime, "proven")
			}
			counting := int64(0)
			if c.IsProven(p, time.UnixMilli(now)) && rapid.Bool().Draw(r, "counting") {
				counting = now
			}
			live := rapid.Bool().Draw(r, "live")
			state, err := json.Marshal(c)
			w.must(err)
			w.must(w.write(t.Context(), func(t *tx) error {
				return t.exec(`INSERT INTO claims (id, torrent, member, node, bytes, peer_id, addr, live, proven_ms, entered_ms, seen_ms, counting_ms, state)
					VALUES (?, ?, ?, ?, ?, x'', '', ?, ?, 0, ?, ?, ?)`, c.ID, c.Torrent, c.Member, c.Node, c.Bytes, live, c.ProvenMs, c.SeenMs, counting, string(state))
			}))
			if !live {
				continue
			}
			if c.Node != 0 {
				c.SeenMs = max(c.SeenMs, report)
			}
			tier := c.Tier(p, time.UnixMilli(now))
			hosts[host{tier, c.Member, c.Node}] = true
			h := want[c.Torrent].of(tier)
			h.Hosts, h.Bytes = h.Hosts+1, h.Bytes+c.Bytes
		}
		m, err := w.Coverage(t.Context(), p)
		w.must(err)
		if len(m.Torrents) != 2 {
			r.Fatalf("%d torrents", len(m.Torrents))
		}
		var sum Tiers
		for _, x := range m.Torrents {
			if x.Tiers != *want[x.ID] {
				r.Fatalf("torrent %d: %+v, want %+v", x.ID, x.Tiers, *want[x.ID])
			}
			one, err := w.TorrentCoverage(t.Context(), p, x.ID)
			w.must(err)
			if one != x {
				r.Fatalf("alone %+v, in the map %+v", one, x)
			}
			for _, tier := range []availability.Tier{availability.ProvenNow, availability.CanFetch, availability.ClaimedOnly} {
				sum.of(tier).Bytes += x.of(tier).Bytes
			}
		}
		if n := m.Hosts.Proven.Hosts + m.Hosts.CanFetch.Hosts + m.Hosts.Claimed.Hosts; n != len(hosts) {
			r.Fatalf("%d hosts in all tiers, want %d", n, len(hosts))
		}
		if sum.Bytes() != m.Hosts.Bytes() || sum.Proven.Bytes != m.Hosts.Proven.Bytes || sum.CanFetch.Bytes != m.Hosts.CanFetch.Bytes {
			r.Fatalf("hosts have %+v, torrents %+v", m.Hosts, sum)
		}
		if !slices.IsSortedFunc(m.Torrents, func(a, b TorrentCoverage) int { return int(a.ReplicationPPM() - b.ReplicationPPM()) }) {
			r.Fatalf("not the least replicated first: %+v", m.Torrents)
		}
	})
}

// What a node still has to do with: its live claims, what it had to drop, and what is still looked at.
func TestNodeHosting(t *testing.T) {
	w := newWorld(t)
	node := w.node(3, 0)
	now := w.now.Load()
	w.must(w.write(t.Context(), func(t *tx) error {
		for i, c := range []struct {
			live, leaving bool
			state         availability.State
		}{{true, false, availability.Proven}, {false, false, availability.Lapsed}, {false, true, availability.Lapsed}, {false, false, availability.Dropped}} {
			state, err := json.Marshal(availability.Claim{ID: int64(i + 1), Torrent: 1, Member: bt.MemberID(i + 1), Node: node, State: c.state, Leaving: c.leaving, Bytes: 5})
			if err != nil {
				return err
			}
			if err := t.exec(`INSERT INTO claims (id, torrent, member, node, bytes, peer_id, addr, live, proven_ms, entered_ms, seen_ms, counting_ms, leaving, state)
				VALUES (?, 1, ?, ?, 5, x'', '192.0.2.1:9', ?, ?, 0, ?, 0, ?, ?)`, i+1, i+1, node, c.live, now, now, c.leaving, string(state)); err != nil {
				return err
			}
		}
		return nil
	}))
	ids := func(list []HostRow, err error) (out []int64) {
		t.Helper()
		w.must(err)
		for _, h := range list {
			if h.Host.Addr != "192.0.2.1:9" || h.Torrent.Name != "t" || h.Host.NodeName != "n" {
				t.Errorf("%+v", h)
			}
			out = append(out, h.Claim.ID)
		}
		return out
	}
	if got := ids(w.NodeHosting(t.Context(), w.rules.Availability, node, 9)); !slices.Equal(got, []int64{1, 3, 4}) {
		t.Errorf("the node's: %v", got)
	}
	if got := ids(w.NodeHosting(t.Context(), w.rules.Availability, node, 2)); !slices.Equal(got, []int64{1, 3}) {
		t.Errorf("at most two: %v", got)
	}
	if got := ids(w.TorrentHosts(t.Context(), w.rules.Availability, 1, 9)); !slices.Equal(got, []int64{1}) {
		t.Errorf("the torrent's: %v", got)
	}
}
