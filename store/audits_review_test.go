package store

import (
	"net/netip"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// A node under suspicion that reports less of the torrent (or more of others), and takes back the
// collateral that this sets free, loses what was at stake when the suspicion arose.
func TestShrinkingIsNoWayOut(t *testing.T) {
	for _, unpledge := range []bool{false, true} {
		w := newWorld(t)
		n := w.node(3, 2*tokens.Unit)
		w.report(n, 1, 2)
		c := w.find(n, 1)
		w.audit(c.Claim, availability.EntryKind, availability.Missing)
		w.now.Add(time.Minute.Milliseconds())
		few := make(availability.Bitmap, 128)
		few[0] = 0x80
		little := func(torrent bt.TorrentID) ClaimReport {
			r := claimOf(3, n, torrent)
			r.Have, r.Bytes = few, 1<<20
			return r
		}
		claims := []ClaimReport{little(1), claimOf(3, n, 2)}
		if unpledge {
			claims = []ClaimReport{little(1)}
		}
		_, err := w.Report(t.Context(), w.rules.Availability, n, NodeReport{Claims: claims, Token: "t", Body: []byte("b")})
		w.must(err)
		if unpledge {
			if _, err := w.Unpledge(t.Context(), Once{Member: 3, Key: "out"}, n, tokens.Unit); err != nil {
				t.Fatal(err)
			}
		}
		var slashed tokens.Amount
		for range 10 {
			if c = w.find(n, 1); c.Pending == nil {
				break
			}
			j := w.audit(c.Claim, availability.RecheckKind, availability.Missing)
			slashed += j.Slashed
		}
		if want := tokens.Unit / 5; slashed != want { // 20 % of half of 2 tokens
			t.Errorf("unpledged %t: slashed %d, want %d", unpledge, slashed, want)
		}
		verified(t, w.Store, w.dir)
	}
}

// A report says that a node is there and not where: the address that announces brought is kept with the
// next verdict, though the report is younger.
func TestVerdictsKeepTheAddress(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	c := w.claim(3, n, 1)
	w.must(w.run("UPDATE claims SET state = json_set(state, '$.Addr', '')"))
	j := judgement(c.ID, availability.EntryKind, availability.Passed)
	j.Claim = c.Claim
	j.Claim.SeenMs, j.Claim.Addr, j.Claim.PeerID = c.SeenMs-1, netip.MustParseAddrPort("192.0.2.7:6881"), bt.PeerID{7}
	out, err := w.JudgeAudits(t.Context(), w.rules.Availability, []Judgement{j})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.find(n, 1); got.Addr != j.Claim.Addr || got.PeerID != j.Claim.PeerID || got.SeenMs != c.SeenMs || !got.Network.Contains(j.Claim.Addr.Addr()) {
		t.Errorf("kept %s, %s, seen %d: %+v", got.Addr, got.Network, got.SeenMs, out)
	}
}
