package availability

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Who cannot answer one question does not get rid of it by failing another one that it could answer:
// once that suspicion is cleared, what did not come is asked for again.
func TestAFalseSuspicionForgetsNoQuestion(t *testing.T) {
	p, c, now := DefaultParams(), nodeClaim(), start
	a := Audit{Claim: c.ID, Kind: DrawnKind, Targets: blocks(5, 9, 12)}
	o := outcome(a, Passed)
	o.Results[0].Verdict = Inconclusive // it lacks piece 5, and says nothing
	o.Results[2].Verdict = Missing      // it has piece 12, and says that it has not
	c, v, _ := Judge(p, now, c, a, o)
	if v != Missing || c.Pending == nil || c.Pending.Target != blocks(12)[0] {
		t.Fatalf("%s: %+v", v, c)
	}
	now = now.Add(p.RecheckDelay)
	c.SeenMs = now.UnixMilli()
	second := Audit{Claim: c.ID, Kind: RecheckKind, Targets: blocks(12)}
	c, v, _ = Judge(p, now, c, second, outcome(second, Passed))
	if v != Passed || c.Pending != nil {
		t.Fatalf("%s: %+v", v, c)
	}
	d := NewDraws(p, Seed{1}, start.UnixMilli(), nil)
	next := d.audit(p, c, DrawnKind)
	if len(next.Targets) != p.Blocks || next.Targets[0] != blocks(5)[0] || slices.Contains(next.Targets, blocks(12)[0]) {
		t.Errorf("asked for %v next", next.Targets)
	}
	c, _, _ = Judge(p, now, c, next, outcome(next, Passed))
	if len(c.Open) > 0 || c.State != Proven {
		t.Errorf("%+v", c)
	}
}

// A claimant's network is that of the address under which it is heard of: the settlement's clusters
// rest on it, and a node's report does not say it.
func TestHeardOfInANetwork(t *testing.T) {
	c := nodeClaim().Hear(start.UnixMilli(), netip.MustParseAddrPort("198.51.100.7:6881"), bt.PeerID{1})
	if want := netip.MustParsePrefix("198.51.100.0/24"); c.Network != want {
		t.Errorf("in %s, want %s", c.Network, want)
	}
	if c = c.Hear(start.UnixMilli(), netip.AddrPort{}, bt.PeerID{1}); !c.Network.IsValid() {
		t.Error("no address moved it")
	}
}

// One huge torrent does not draw the audits of all the others to itself: claimants are still asked once
// per interval on average.
func TestAHugeTorrentLeavesTheOthersTheirAudits(t *testing.T) {
	p := DefaultParams()
	claims := []Frozen{{Claim: 1, Torrent: 1, Bytes: 16 << 40, Pieces: 1 << 20}}
	for i := range 1000 {
		claims = append(claims, Frozen{Claim: int64(2 + i), Torrent: bt.TorrentID(2 + i%500), Bytes: 1 << 30, Pieces: 1024})
	}
	d := NewDraws(p, Seed{}, 0, claims)
	sum := uint64(0)
	for _, c := range claims {
		sum += d.chance[c.Torrent]
	}
	if want := uint64(billion/(p.DrawInterval/p.DrawWindow)) * 1001; d.chance[1] != billion || sum > want || sum < want-want/1000 {
		t.Errorf("of %d audits a window on average %d are made, torrent 1: %d", want, sum, d.chance[1])
	}
}

// Who is asked for what it has, and meanwhile reports that it has more, is not believed that: neither
// by answering what was asked, nor by keeping silent and answering the same questions later.
func TestGrowthWhileAskedProvesNothing(t *testing.T) {
	for _, first := range []Verdict{Passed, Inconclusive} {
		p, c, now := DefaultParams(), nodeClaim(), start
		c.Have = make(Bitmap, 512)
		c.Have[0], c.Have[1], c.Have[2], c.Have[3] = 0xff, 0xff, 0xff, 0xff
		d := NewDraws(p, Seed{1}, start.UnixMilli(), nil)
		has := c.Have
		a := d.audit(p, c, DrawnKind)
		c = c.Report(p, now, nil, c.Bytes)
		c, v, _ := Judge(p, now, c, a, outcome(a, first))
		if v != Inconclusive || c.State != Entered || c.NextMs == 0 {
			t.Fatalf("%s: %s %+v", first, v, c)
		}
		for range 20 { // it goes on answering what it has, and nothing else
			now = now.Add(p.RetryMax)
			c.SeenMs = now.UnixMilli()
			a := d.audit(p, c, EntryKind)
			o := outcome(a, Passed)
			for i, x := range a.Targets {
				if !has.Has(x.Piece) {
					o.Results[i].Verdict = Inconclusive
				}
			}
			if c, v, _ = Judge(p, now, c, a, o); v == Passed {
				t.Fatalf("%s: passed %v", first, a.Targets)
			}
		}
	}
}
