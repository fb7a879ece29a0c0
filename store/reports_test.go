package store

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// half is the first half of a torrent of 1024 pieces.
func half() availability.Bitmap {
	b := make(availability.Bitmap, 128)
	for i := range 64 {
		b[i] = 0xff
	}
	return b
}

// says reports one torrent as a node has it, and returns what changed.
func (w *world) says(n bt.NodeID, have availability.Bitmap) string {
	w.t.Helper()
	x := claimOf(3, n, 1)
	x.Have, x.Bytes = have, gib*bt.Bytes(have.Count(1024))/1024
	rows, err := w.Report(w.t.Context(), w.rules.Availability, n, NodeReport{Claims: []ClaimReport{x}, Token: "t", Body: []byte("b")})
	w.must(err)
	out := ""
	for _, r := range rows {
		out += fmt.Sprintf("%s %d pieces live %t leaving %t;", r.State, r.Have.Count(1024), r.Live, r.Leaving)
	}
	return out
}

// TestReports follows one claim of a node through its reports: only what changed is written.
func TestReports(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 2*tokens.Unit)
	steps := []struct{ what, got, want string }{
		{"new", w.says(n, half()), "entered 512 pieces live true leaving false;"},
		{"the same", w.says(n, half()), ""},
	}
	pass := func(kind availability.Kind, v availability.Verdict) {
		w.audit(w.find(n, 1).Claim, kind, v)
	}
	pass(availability.EntryKind, availability.Passed)
	add := func(what, got, want string) { steps = append(steps, struct{ what, got, want string }{what, got, want}) }
	add("the same, proven", w.says(n, half()), "")
	add("all", w.says(n, nil), "entered 1024 pieces live true leaving false;")
	pass(availability.EntryKind, availability.Passed)
	add("less", w.says(n, half()), "proven 512 pieces live true leaving false;")
	add("the same after less", w.says(n, half()), "")
	w.must(w.changed(w.report(n), 1))
	add("again", w.says(n, half()), "entered 512 pieces live true leaving false;")
	pass(availability.EntryKind, availability.Corrupt)
	rows := w.report(n)
	add("withdrawn under suspicion", fmt.Sprint(len(rows), rows[0].Live, rows[0].Leaving), "1 false true")
	add("withdrawn still", fmt.Sprint(len(w.report(n))), "0")
	add("made again", w.says(n, half()), "entered 512 pieces live true leaving false;")
	for _, s := range steps {
		if s.got != s.want {
			t.Errorf("%s: %q, want %q", s.what, s.got, s.want)
		}
	}
	if c := w.find(n, 1); c.Pending == nil || !slices.Equal(c.Have, half()) || c.Bytes != gib/2 {
		t.Errorf("a suspicion was lost on the way: %+v", c)
	}
}

func (w *world) changed(rows []ClaimRow, n int) error {
	if len(rows) != n {
		return fmt.Errorf("%d claims changed, want %d", len(rows), n)
	}
	return nil
}

// TestReportIsKept as it was signed, and a node that does not exist has none.
func TestReportIsKept(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	for i := range 2 {
		r := NodeReport{Claims: []ClaimReport{claimOf(9, 9, 1), claimOf(3, n, 1)}, Token: fmt.Sprint("token ", i), Body: []byte(fmt.Sprint("body ", i))}
		if _, err := w.Report(t.Context(), w.rules.Availability, n, r); err != nil {
			t.Fatal(err)
		}
	}
	var node bt.NodeID
	var token, body string
	w.must(w.r.QueryRow("SELECT node, token, body FROM reports").Scan(&node, &token, &body))
	if node != n || token != "token 1" || body != "body 1" {
		t.Errorf("%d %q %q", node, token, body)
	}
	if c := w.find(n, 1); c.Member != 3 {
		t.Errorf("a report speaks for member %d", c.Member)
	}
	if got, err := w.Node(t.Context(), n); err != nil || got.LastReportMs != w.now.Load() {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := w.Report(t.Context(), w.rules.Availability, 77, NodeReport{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a node that does not exist: %v", err)
	}
}

// TestDaemonsFirstAnnounceIsItsNodes: it was taken for a standard client until the node reported.
func TestDaemonsFirstAnnounceIsItsNodes(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	for _, m := range []bt.MemberID{2, 3} { // with the same peer id
		r := claimOf(m, 0, 1)
		r.PeerID = bt.PeerID{3}
		w.enter(r)
	}
	rows := w.report(n, 1)
	if len(rows) != 2 || rows[0].Node != n || !rows[0].Live || rows[1].Node != 0 || rows[1].Member != 3 || rows[1].Live {
		t.Errorf("%+v", rows)
	}
	live, err := w.LoadClaims(t.Context())
	w.must(err)
	if len(live) != 2 || live[0].Member != 2 || live[1].Node != n {
		t.Errorf("live: %+v", live)
	}
}

// TestWithdrawalIsNoWayOut of a slash: the suspicion is looked at all the same, what stands behind the
// claim stays, and what the node claims since then does not make the claim's part of it smaller.
func TestWithdrawalIsNoWayOut(t *testing.T) {
	for _, again := range []availability.Verdict{availability.Missing, availability.Passed} {
		w := newWorld(t)
		n := w.node(3, 2*tokens.Unit)
		c := w.claim(3, n, 1)
		w.audit(c.Claim, availability.DrawnKind, availability.Missing)
		w.now.Add(time.Minute.Milliseconds())
		w.report(n, 2) // torrent 1 is withdrawn, torrent 2 is new
		c = w.find(n, 1)
		if c.Live || !c.Leaving {
			t.Fatalf("%+v", c)
		}
		if live, err := w.LoadClaims(t.Context()); err != nil || len(live) != 2 {
			t.Errorf("loaded %+v %v", live, err)
		}
		if _, err := w.Unpledge(t.Context(), Once{Member: 3, Key: "out"}, n, tokens.Unit); !errors.Is(err, tokens.ErrFunds) {
			t.Errorf("what backs both claims was taken back: %v", err)
		}
		j := w.audit(c.Claim, availability.RecheckKind, again)
		if want := map[availability.Verdict]tokens.Amount{availability.Missing: 2 * tokens.Unit / 5}[again]; j.Slashed != want {
			t.Errorf("%s again: slashed %d, want %d", again, j.Slashed, want)
		}
		if !j.Effects.Over || j.Row.Live || j.Row.Leaving {
			t.Errorf("%s again: not over: %+v", again, j)
		}
		verified(t, w.Store, w.dir)
	}
}

// TestClaimKeepsItsPlaceAndPieces as they were, also none.
func TestClaimKeepsItsPlaceAndPieces(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	w.says(n, half())
	j := judgement(w.find(n, 1).ID, availability.EntryKind, availability.Passed)
	j.Place = availability.Place{Known: true, Lat: -33_868_800, Lon: 151_209_300}
	j.Outcome.Bytes, j.Outcome.Elapsed, j.Outcome.RTT = 1<<20, time.Second, 30*time.Millisecond
	out, err := w.JudgeAudits(t.Context(), w.rules.Availability, []Judgement{j})
	w.must(err)
	c := w.find(n, 1)
	if c.Place != j.Place || c.Rate != 1<<20 || c.RTT != 30*time.Millisecond || !slices.Equal(c.Have, half()) {
		t.Errorf("%+v", c)
	}
	if fmt.Sprintf("%+v", c) != fmt.Sprintf("%+v", out[0].Row) {
		t.Errorf("returned %+v\nstored   %+v", out[0].Row, c)
	}
	j.Place, j.Audit.Kind = availability.Place{}, availability.DrawnKind
	if _, err = w.JudgeAudits(t.Context(), w.rules.Availability, []Judgement{j}); err != nil || w.find(n, 1).Place.Known {
		t.Errorf("it moved to where nobody knows, %v", err)
	}
	if c := w.claim(2, 0, 1); c.Have != nil || w.find(0, 1).Have != nil {
		t.Error("all pieces became a bitmap")
	}
}

// TestGrowthDilutesProvenTime: half of a torrent, proven for a while, is worth as much as all of it for
// half the while. Otherwise a node would prove little and report much before the settlement.
func TestGrowthDilutesProvenTime(t *testing.T) {
	w := newWorld(t)
	n := w.node(3, 0)
	w.says(n, half())
	c := w.audit(w.find(n, 1).Claim, availability.EntryKind, availability.Passed).Row
	w.settle(w.nextEpoch(20 * time.Minute))
	w.now.Add(10 * time.Minute.Milliseconds())
	w.says(n, nil)
	w.nextEpoch(time.Hour)
	w.must(w.countProven(t.Context(), w.rules.Availability, 2, w.write))
	if a, b := w.proven(1, c.ID), w.proven(2, c.ID); a != 20*time.Minute.Milliseconds() || b != 5*time.Minute.Milliseconds() {
		t.Errorf("%d ms in the settled epoch, %d in the next", a, b)
	}
}

// TestVerdictBringsWhatWasHeard: between audits only the tracker's memory knows when and where a client
// was heard of.
func TestVerdictBringsWhatWasHeard(t *testing.T) {
	w := newWorld(t)
	c := w.enter(claimOf(3, 0, 1))[0]
	w.now.Add(time.Hour.Milliseconds())
	for i, seen := range []int64{w.now.Load() - 1, w.now.Load() - 2} { // the second answer is older
		j := judgement(c.ID, availability.EntryKind, availability.Offline) // it announces, so that it is not gone
		j.Claim = c.Hear(seen, netip.AddrPortFrom(netip.MustParseAddr("203.0.113.5"), uint16(i+1)), bt.PeerID{byte(9 + i)})
		j.Claim.Network = netip.MustParsePrefix("203.0.113.0/24")
		j.Claim.SeenMs = seen
		out, err := w.JudgeAudits(t.Context(), w.rules.Availability, []Judgement{j})
		w.must(err)
		if r := out[0].Row; r.SeenMs != w.now.Load()-1 || r.Addr.Port() != 1 || r.PeerID != (bt.PeerID{9}) || r.Network != j.Claim.Network || !r.Live {
			t.Errorf("%d: %+v", i, out[0])
		}
	}
}
