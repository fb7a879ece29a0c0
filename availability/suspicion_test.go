package availability

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// life plays audits of one claim: what is seen of each is drawn from sees.
type life struct {
	p   Params
	c   Claim
	st  Standing
	now time.Time
}

func newLife() *life {
	p := DefaultParams()
	return &life{p: p, c: nodeClaim(), st: NewStanding(p), now: start}
}

// audit judges one audit of the claim that sees v of one of its targets and that the others passed.
func (l *life) audit(v Verdict, ours bool) (Effects, Penalty) {
	a := Audit{Claim: l.c.ID, Kind: EntryKind, Targets: blocks(5, 9, 12)}
	if l.c.Pending != nil {
		a = Audit{Claim: l.c.ID, Kind: RecheckKind, Targets: []Target{l.c.Pending.Target}}
	}
	o := outcome(a, Passed)
	o.Results[0].Verdict, o.OurSide = v, ours
	l.c.SeenMs = l.now.UnixMilli()
	var e Effects
	var pen Penalty
	l.c, v, e = Judge(l.p, l.now, l.c, a, o)
	l.st, pen = l.st.After(l.p, l.now, v, e)
	return e, pen
}

// Nothing is ever confirmed by one look: there are two bad ones since the suspicion began, on one
// target (or, of a claim withdrawn meanwhile, one and the second looks that were let pass); and what
// our side spoiled is no look at all.
func TestNothingIsConfirmedByOneLook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife()
		l.c.Node = 1
		bad, silent, confirmed := 0, 0, 0
		for range rapid.IntRange(1, 60).Draw(t, "audits") {
			l.now = l.now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "minutes")) * time.Minute)
			switch rapid.IntRange(0, 9).Draw(t, "before") {
			case 0:
				l.c = l.c.Leave()
			case 1:
				l.c = l.c.Report(l.p, l.now, nil, l.c.Bytes)
			}
			if l.c.Ended() {
				l.c = l.c.Enter(l.now)
			}
			v, ours := Verdict(rapid.IntRange(0, int(Late)).Draw(t, "sees")), rapid.IntRange(0, 3).Draw(t, "ours") == 0
			leaving, pending := l.c.Leaving, l.c.Pending
			e, _ := l.audit(v, ours)
			switch {
			case ours || l.c.State == Dropped && !e.Dropped:
			case v.fault():
				bad++
			case v == Inconclusive && pending != nil:
				silent++
			case v == Passed:
				bad, silent = 0, 0
			}
			if e.Confirmed {
				if ours || !(bad >= 2 || leaving && bad >= 1 && silent >= l.p.RecheckAttempts) {
					t.Fatalf("confirmed after %d bad looks and %d that were let pass", bad, silent)
				}
				if e.SlashPPM == 0 || e.PriorFaults != confirmed || l.c.Passed != 0 || l.c.Tier(l.p, l.now) != ClaimedOnly {
					t.Fatalf("fault number %d: %+v", confirmed+1, e)
				}
				confirmed++
				bad, silent = 0, 0
			}
			if l.c.Pending != nil && pending != nil && l.c.Pending.Target != pending.Target {
				t.Fatal("a suspicion moved to another target")
			}
		}
	})
}

// Who has the data is never slashed, however often it cannot be reached or asked, whatever our side
// spoils, and whatever it reports or withdraws.
func TestHonestInconclusive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife()
		for range rapid.IntRange(1, 100).Draw(t, "audits") {
			l.now = l.now.Add(time.Duration(rapid.IntRange(1, 6000).Draw(t, "minutes")) * time.Minute)
			switch rapid.IntRange(0, 9).Draw(t, "before") {
			case 0:
				l.c = l.c.Leave()
			case 1:
				l.c = l.c.Report(l.p, l.now, Bitmap{0xff, 0xf0}, 5)
			case 2:
				l.c = l.c.Report(l.p, l.now, nil, 6)
			case 3:
				l.c = l.c.Expire(l.p, l.now)
			}
			e, pen := l.audit(rapid.SampledFrom([]Verdict{Passed, Inconclusive, Offline}).Draw(t, "sees"), rapid.Bool().Draw(t, "ours"))
			if e.SlashPPM > 0 || e.Confirmed || e.Dropped || pen != (Penalty{}) || l.c.Faults > 0 || l.c.Pending != nil || l.st.Audit.PPM() != million {
				t.Fatalf("%+v %+v", e, pen)
			}
		}
	})
}

// Our own failures change nothing but when the audit is repeated.
func TestOurSideCountsForNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife()
		l.c.Retries, l.c.Unreachable, l.c.Leaving = 3, 1, rapid.Bool().Draw(t, "leaving")
		if l.c.Leaving || rapid.Bool().Draw(t, "suspected") {
			l.c.Pending = &Recheck{Target: Target{5, 3}, First: Corrupt, Bad: 1, Attempts: l.p.RecheckAttempts - 1}
		}
		before, standing := l.c, l.st
		l.now = l.now.Add(100 * time.Hour)
		e, pen := l.audit(Verdict(rapid.IntRange(0, int(Offline)).Draw(t, "sees")), true)
		if e != (Effects{}) || pen != (Penalty{}) {
			t.Fatalf("%+v %+v", e, pen)
		}
		at := l.now.Add(l.p.RetryDelay).UnixMilli()
		if before.Pending != nil {
			r := *before.Pending
			r.DueMs = at
			before.Pending = &r
		} else {
			before.NextMs, before.Open = at, blocks(5, 9, 12)
		}
		before.SeenMs, before.Judgements = l.c.SeenMs, 1
		if diff := cmp.Diff(before, l.c, addrs) + cmp.Diff(standing, l.st); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A withdrawal conserves the suspicion: the same second looks end it the same way, and only a passed
// one without a penalty.
func TestLeavingConservesSuspicion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stays := newLife()
		stays.c.Faults = rapid.IntRange(0, 1).Draw(t, "faults")
		first := rapid.SampledFrom([]Verdict{Corrupt, Missing, Refused, Late}).Draw(t, "first")
		stays.audit(first, false)
		leaves := *stays
		leaves.c = leaves.c.Leave()
		if leaves.c.Ended() || leaves.c.Pending == nil || leaves.c.IsProven(leaves.p, leaves.now) {
			t.Fatalf("%+v", leaves.c)
		}
		for range 2 * stays.p.RecheckAttempts {
			for _, l := range []*life{stays, &leaves} {
				l.now = time.UnixMilli(l.c.Pending.DueMs)
				l.c = l.c.Expire(l.p, l.now)
			}
			v := rapid.SampledFrom([]Verdict{Inconclusive, Inconclusive, Inconclusive, Passed, Corrupt, Missing, Late, Refused}).Draw(t, "sees")
			attempts := leaves.c.Pending.Attempts
			stay, _ := stays.audit(v, false)
			leave, _ := leaves.audit(v, false)
			switch {
			case v == Inconclusive && attempts == leaves.p.RecheckAttempts-1:
				if !leave.Confirmed || !leave.Over || leave.SlashPPM == 0 || leave.Online != Same {
					t.Fatalf("a second look that was let pass too often: %+v", leave)
				}
				return
			case stay.Confirmed != leave.Confirmed || stay.SlashPPM != leave.SlashPPM || stay.Audit != leave.Audit || stay.PriorFaults != leave.PriorFaults:
				t.Fatalf("%s: a claim that stays %+v, one that leaves %+v", v, stay, leave)
			case leave.Over != (v == Passed || leave.Confirmed) || leave.Over != leaves.c.Ended() || leave.Over != (leaves.c.Pending == nil):
				t.Fatalf("%s: %+v, pending %v", v, leave, leaves.c.Pending)
			case leave.Over:
				if again := leaves.c.Enter(leaves.now); again.Faults != stays.c.Faults || again.State != Dropped && (again.State != Entered || again.Ended()) {
					t.Fatalf("made again: %s with %d faults", again.State, again.Faults)
				}
				return
			}
		}
	})
}

func TestWithdrawals(t *testing.T) {
	c := nodeClaim()
	if c.Ended() || !c.Leave().Ended() {
		t.Error("a claim that nobody suspects is over when it is withdrawn")
	}
	c.Pending = &Recheck{Target: Target{1, 1}, Bad: 1}
	if c.Leave().Ended() {
		t.Error("a suspicion is over when the claim is withdrawn")
	}
	again := c.Leave().Report(DefaultParams(), start.Add(time.Hour), nil, c.Bytes)
	if again.Leaving || again.State != Entered || again.EnteredMs != start.Add(time.Hour).UnixMilli() || again.Pending == nil {
		t.Errorf("reported again: %+v", again)
	}
	c.Node = 0
	if !c.Leave().Ended() {
		t.Error("a standard client, which cannot be slashed, is looked at again")
	}
	c.State = Dropped
	if c.Leave().Enter(start).State != Dropped || c.Report(DefaultParams(), start, nil, 1).State != Dropped {
		t.Error("a dropped claim came back")
	}
}

func TestReports(t *testing.T) {
	p, now := DefaultParams(), start.Add(time.Hour)
	part, less := Bitmap{0xff, 0x80}, Bitmap{0xfe, 0x80}
	tests := []struct {
		name      string
		had, has  Bitmap
		state     State
		want      State
		changed   bool
		proofKept bool
		waits     bool
	}{
		{"nothing new", part, part, Proven, Proven, false, true, false},
		{"shrinks", part, less, Proven, Proven, true, true, false},
		{"shrinks from all", nil, less, Proven, Proven, true, true, false},
		{"grows", less, part, Proven, Entered, true, false, true},
		{"grows to all", less, nil, Proven, Entered, true, false, true},
		{"changes", Bitmap{0x7f, 0x80}, less, Proven, Entered, true, false, true},
		{"grows before it is proven", less, part, Entered, Entered, true, true, true},
		{"had lapsed", part, part, Lapsed, Entered, false, false, false},
		{"was dropped", less, part, Dropped, Dropped, false, true, false},
	}
	for _, tt := range tests {
		c := nodeClaim()
		c.Pieces, c.Have, c.State, c.LastAuditMs = 9, tt.had, tt.state, now.UnixMilli()
		c.Open = blocks(1, 2, 3)
		got := c.Report(p, now, tt.has, 5)
		if got.State != tt.want || (got.ChangedMs == now.UnixMilli()) != tt.changed || (got.ProvenMs > 0) != tt.proofKept {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if wait := got.NextMs == now.Add(p.RetryDelay).UnixMilli(); wait != tt.waits || wait != (len(got.Open) == 2) {
			t.Errorf("%s: next %d, open %v", tt.name, got.NextMs, got.Open)
		}
		if tt.state != Dropped && (got.Bytes != 5 || got.SeenMs != now.UnixMilli() || !cmp.Equal(got.Have, tt.has)) {
			t.Errorf("%s: %d bytes, seen %d, has %08b", tt.name, got.Bytes, got.SeenMs, got.Have)
		}
	}
	c := nodeClaim()
	c.LastAuditMs, c.NextMs, c.Have, c.Pieces = start.UnixMilli(), now.Add(time.Hour).UnixMilli(), less, 9
	if got := c.Report(p, now, part, 5); got.NextMs != c.NextMs {
		t.Error("growing shortens a wait")
	}
}

// A claimant cannot get out of a block that it lacks by no longer claiming its piece when it is asked.
func TestGivingUpWhatIsAskedForCostsTheProof(t *testing.T) {
	p, c := DefaultParams(), nodeClaim()
	c.Pieces = 16
	a := Audit{Claim: c.ID, Kind: DrawnKind, Targets: blocks(3, 9)}
	c = c.Report(p, start, Bitmap{0xff, 0x3f}, c.Bytes) // 8 and 9 are gone
	for _, v := range []Verdict{Passed, Missing, Inconclusive} {
		next, got, e := Judge(p, start.Add(time.Minute), c, a, outcome(a, v))
		if next.State != Entered || next.ProvenMs != 0 || got != Inconclusive || e != (Effects{}) || next.Pending != nil || next.Draws != c.Draws {
			t.Errorf("%s: %s, %s, %+v", v, next.State, got, e)
		}
		d := NewDraws(p, Seed{1}, start.UnixMilli(), nil)
		if asked := d.audit(p, next, EntryKind); asked.Targets[0] != (Target{3, 3}) {
			t.Errorf("what is still claimed is not asked for again: %v", asked.Targets)
		}
	}
}

func TestUnreachable(t *testing.T) {
	p, c := DefaultParams(), nodeClaim()
	a := Audit{Claim: c.ID, Kind: DrawnKind, Targets: blocks(1)}
	var carriers []Carrier
	look := func(o Outcome) {
		c.SeenMs = start.UnixMilli()
		c, _, _ = Judge(p, start, c, a, o)
		carriers = append(carriers, c.Carrier(true))
	}
	for range 2 {
		look(Outcome{Unreachable: true})
	}
	answer := outcome(a, Passed)
	for range 7 {
		look(answer)
	}
	if c.Carrier(false) != Wire || c.Unreachable != 2 {
		t.Errorf("a node that does not ask for challenges is asked by %s; %d times not reached", c.Carrier(false), c.Unreachable)
	}
	answer.Incoming, answer.PeerClient = true, "-TR4000-"
	look(answer)
	if c.Unreachable != 2 {
		t.Error("a peer that connected to us counts as one that can be dialled")
	}
	answer.Incoming, answer.RTT = false, time.Second
	look(answer)
	want := []Carrier{Wire, Challenge, Challenge, Challenge, Challenge, Challenge, Challenge, Wire, Challenge, Challenge, Wire}
	if diff := cmp.Diff(want, carriers); diff != "" || c.Unreachable != 0 {
		t.Errorf("%d times not reached, %s", c.Unreachable, diff)
	}
	answer.RTT = time.Minute
	if look(answer); c.RTT != time.Second {
		t.Errorf("least round trip %s", c.RTT)
	}
	std := nodeClaim()
	std.Node, std.Unreachable = 0, 2
	if std.Carrier(true) != Wire || Challenge.String() != "challenge" {
		t.Error("a standard client is asked by challenge")
	}
}

func TestTiers(t *testing.T) {
	p := DefaultParams()
	tests := []struct {
		name   string
		change func(*Claim)
		after  time.Duration
		want   Tier
	}{
		{"proven", func(c *Claim) {}, 0, ProvenNow},
		{"proven node, silent", func(c *Claim) {}, time.Hour, ProvenNow},
		{"proven standard client, silent", func(c *Claim) { c.Node = 0 }, time.Hour, ClaimedOnly},
		{"new", func(c *Claim) { c.State = Entered }, 0, ClaimedOnly},
		{"grown", func(c *Claim) { c.State, c.Passed = Entered, 1 }, 0, CanFetch},
		{"proof over, announces", func(c *Claim) { c.Passed, c.SeenMs = 3, start.Add(100*time.Hour).UnixMilli() }, 100 * time.Hour, CanFetch},
		{"proof over, silent", func(c *Claim) { c.Passed = 3 }, 100 * time.Hour, ClaimedOnly},
		{"dropped", func(c *Claim) { c.State, c.Passed = Dropped, 3 }, 0, ClaimedOnly},
		{"withdrawn", func(c *Claim) { c.Passed = 3; *c = c.Leave() }, 0, ClaimedOnly},
	}
	for _, tt := range tests {
		c := nodeClaim()
		tt.change(&c)
		if got := c.Tier(p, start.Add(tt.after)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// What the store keeps as JSON is the claim.
func TestClaimSurvivesJSON(t *testing.T) {
	c := nodeClaim()
	c.Pending = &Recheck{Target: Target{5, Whole}, First: Late, Slow: 1, Attempts: 2, SinceMs: 3, DueMs: 4}
	c.Open, c.ChangedMs, c.Judgements, c.Leaving, c.RTT = blocks(1, 2), 9, 8, true, time.Second
	raw, err := json.Marshal(c)
	var back Claim
	if err != nil || json.Unmarshal(raw, &back) != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, back, addrs); diff != "" {
		t.Error(diff)
	}
}

// A fault is confirmed by ConfirmLooks looks at one block, and by no fewer: what honest hosts' transient
// errors come to in a thousand months (package sim/hosting) decides how many.
func TestFaultsAreSeenOften(t *testing.T) {
	for looks := 2; looks <= 6; looks++ {
		p, c, now := DefaultParams(), nodeClaim(), start
		p.ConfirmLooks = looks
		a := Audit{Claim: c.ID, Kind: DrawnKind, Targets: blocks(5)}
		for look := 1; ; look++ {
			var e Effects
			c, _, e = Judge(p, now, c, a, outcome(a, Corrupt))
			if e.Confirmed != (look == looks) {
				t.Fatalf("look %d of %d: confirmed %v", look, looks, e.Confirmed)
			}
			if e.Confirmed {
				break
			}
			now = time.UnixMilli(c.Pending.DueMs)
			a = Audit{Claim: c.ID, Kind: RecheckKind, Targets: blocks(5)}
		}
		if confirmed := now.Sub(start); looks == DefaultParams().ConfirmLooks && confirmed > time.Hour {
			t.Errorf("confirmed after %s: want within the hour (ECONOMY §7)", confirmed)
		}
	}
}
