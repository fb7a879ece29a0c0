package availability

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.UnixMilli(1_800_000_000_000)

func nodeClaim() Claim {
	return Claim{ID: 7, Torrent: 3, Member: 2, Node: 1, Bytes: 1 << 30, PieceLength: 256 << 10, Pieces: 4096,
		State: Proven, EnteredMs: start.UnixMilli(), SeenMs: start.UnixMilli(), ProvenMs: start.UnixMilli()}
}

// blocks are targets: block 3 of each piece.
func blocks(pieces ...int) (targets []Target) {
	for _, i := range pieces {
		targets = append(targets, Target{i, 3})
	}
	return targets
}

func outcome(a Audit, v Verdict) Outcome {
	o := Outcome{}
	for _, target := range a.Targets {
		o.Results = append(o.Results, Result{Target: target, Verdict: v})
	}
	return o
}

// look is one audit of a script: what the carrier saw, and what must come of it.
type look struct {
	sees   Verdict
	silent bool // the claimant has not announced for hours
	want   Verdict
	state  State
	slash  int64
	again  bool // a second look is pending afterwards
	audit  Change
	online Change
}

func TestVerdicts(t *testing.T) {
	first := func(v Verdict) look { return look{sees: v, want: v, state: Proven, again: true, online: Better} }
	tests := []struct {
		name     string
		standard bool
		looks    []look
	}{
		{"passed", false, []look{{sees: Passed, want: Passed, state: Proven, audit: Better, online: Better}}},
		{"corrupt, then passed: cleared", false, []look{first(Corrupt), {sees: Passed, want: Passed, state: Proven, online: Better}}},
		{"corrupt twice: slashed", false, []look{first(Corrupt), {sees: Corrupt, want: Corrupt, state: Entered, slash: 200_000, audit: Worse, online: Better}}},
		{"missing twice: slashed", false, []look{first(Missing), {sees: Missing, want: Missing, state: Entered, slash: 200_000, audit: Worse, online: Better}}},
		{"corrupt, then missing: alike", false, []look{first(Corrupt), {sees: Missing, want: Missing, state: Entered, slash: 200_000, audit: Worse, online: Better}}},
		{"inconclusive in between changes nothing", false, []look{first(Corrupt), {sees: Inconclusive, want: Inconclusive, state: Proven, again: true},
			{sees: Corrupt, want: Corrupt, state: Entered, slash: 200_000, audit: Worse, online: Better}}},
		{"two confirmed faults: dropped with the rest", false, []look{first(Corrupt),
			{sees: Corrupt, want: Corrupt, state: Entered, slash: 200_000, audit: Worse, online: Better},
			{sees: Missing, want: Missing, state: Entered, again: true, online: Better},
			{sees: Corrupt, want: Corrupt, state: Dropped, slash: 1_000_000, audit: Worse, online: Better},
			{sees: Corrupt, want: Corrupt, state: Dropped}}},
		{"a standard client is never slashed", true, []look{first(Corrupt), {sees: Corrupt, want: Corrupt, state: Entered, audit: Worse, online: Better},
			{sees: Corrupt, want: Corrupt, state: Entered, again: true, online: Better}, {sees: Corrupt, want: Corrupt, state: Dropped, audit: Worse, online: Better}}},
		{"two late in a row are one missing", false, []look{
			{sees: Late, want: Late, state: Proven, again: true, audit: Worse, online: Better}, {sees: Refused, want: Refused, state: Proven, again: true, audit: Worse, online: Better},
			{sees: Late, want: Late, state: Proven, again: true, audit: Worse, online: Better},
			{sees: Late, want: Late, state: Entered, slash: 200_000, audit: Worse, online: Better}}},
		{"inconclusive", false, []look{{sees: Inconclusive, want: Inconclusive, state: Proven}}},
		{"offline but announcing: inconclusive", false, []look{{sees: Offline, want: Inconclusive, state: Proven}}},
		{"offline and silent: no slash of the torrent, the proof is over", false, []look{{sees: Offline, silent: true, want: Offline, state: Lapsed, online: Worse}}},
		{"offline standard client lapses", true, []look{{sees: Offline, silent: true, want: Offline, state: Lapsed, online: Worse}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, c, now := DefaultParams(), nodeClaim(), start
			p.ConfirmLooks = 2 // what a second look confirms is what a fourth one does
			if tt.standard {
				c.Node = 0
			}
			for i, l := range tt.looks {
				now = now.Add(time.Minute)
				c.SeenMs = now.UnixMilli()
				if l.silent {
					c.SeenMs -= ms(5 * time.Hour)
				}
				a := Audit{Claim: c.ID, Kind: DrawnKind, Targets: blocks(5, 9, 12)}
				if c.Pending != nil {
					a = Audit{Claim: c.ID, Kind: RecheckKind, Targets: []Target{c.Pending.Target}}
				}
				var v Verdict
				var e Effects
				c, v, e = Judge(p, now, c, a, outcome(a, l.sees))
				got := look{l.sees, l.silent, v, c.State, e.SlashPPM, c.Pending != nil, e.Audit, e.Online}
				if got != l {
					t.Fatalf("look %d:\n got %+v\nwant %+v", i, got, l)
				}
			}
		})
	}
}

func TestJudgeTakesOnlyWhatWasAsked(t *testing.T) {
	p, c := DefaultParams(), nodeClaim()
	a := Audit{Claim: c.ID, Kind: DrawnKind, Targets: blocks(1, 2)}
	tests := []struct {
		name string
		o    Outcome
		want Verdict
	}{
		{"nothing", Outcome{}, Inconclusive},
		{"half, the other was left out", Outcome{Results: []Result{{Target: Target{1, 3}, Verdict: Passed}}}, Passed},
		{"half, the other did not come", Outcome{Results: []Result{{Target: Target{1, 3}, Verdict: Passed}, {Target: Target{2, 3}}}}, Inconclusive},
		{"another block of the piece is corrupt", Outcome{Results: []Result{{Target: Target{1, 4}, Verdict: Corrupt}}}, Inconclusive},
		{"both", Outcome{Results: []Result{{Target: Target{1, 3}, Verdict: Passed}, {Target: Target{2, 3}, Verdict: Passed}}}, Passed},
		{"another piece is corrupt", Outcome{Results: []Result{{Target: Target{3, 3}, Verdict: Corrupt}}}, Inconclusive},
		{"corrupt wins over missing", Outcome{Results: []Result{{Target: Target{1, 3}, Verdict: Missing}, {Target: Target{2, 3}, Verdict: Corrupt}}}, Corrupt},
		{"our side failed", Outcome{OurSide: true, Results: []Result{{Target: Target{2, 3}, Verdict: Corrupt}}}, Inconclusive},
	}
	for _, tt := range tests {
		if _, v, _ := Judge(p, start, c, a, tt.o); v != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, v, tt.want)
		}
	}
	stale := Audit{Claim: c.ID, Kind: RecheckKind, Targets: blocks(1)}
	if next, _, e := Judge(p, start, c, stale, outcome(stale, Corrupt)); e != (Effects{}) || next.Pending != nil {
		t.Error("a second look that nobody waits for had an effect")
	}
}

func TestSilentSuspectLosesProofNotSuspicion(t *testing.T) {
	p, c, now := DefaultParams(), nodeClaim(), start
	p.ConfirmLooks = 2
	a := Audit{Claim: c.ID, Kind: DrawnKind, Targets: blocks(5)}
	c, _, _ = Judge(p, now, c, a, outcome(a, Corrupt))
	kept := *c.Pending
	recheck := Audit{Claim: c.ID, Kind: RecheckKind, Targets: blocks(5)}
	before := c
	for range p.RecheckAttempts {
		now = time.UnixMilli(c.Pending.DueMs)
		c.SeenMs = now.UnixMilli()
		c, _, _ = Judge(p, now, c, recheck, Outcome{})
	}
	if c.State != Lapsed || c.Pending == nil {
		t.Fatalf("after %d silent second looks: %s, pending %v", p.RecheckAttempts, c.State, c.Pending)
	}
	if diff := cmp.Diff(kept, *before.Pending); diff != "" {
		t.Errorf("Judge changed its argument: %s", diff)
	}
	if c, _, e := Judge(p, now, c, recheck, outcome(recheck, Corrupt)); !e.Confirmed || c.Faults != 1 {
		t.Error("the suspicion was forgotten")
	}
}

func TestRetriesBackOff(t *testing.T) {
	p := DefaultParams()
	for i, want := range []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute, 80 * time.Minute, 160 * time.Minute, 4 * time.Hour, 4 * time.Hour} {
		if got := p.backoff(i); got != want {
			t.Errorf("retry %d after %s, want %s", i, got, want)
		}
	}
	if p.backoff(1_000_000) != p.RetryMax {
		t.Error("the back-off has no maximum")
	}
}

func TestProofEnds(t *testing.T) {
	p, c := DefaultParams(), nodeClaim()
	if c.SeenMs = start.Add(72 * time.Hour).UnixMilli(); c.Expire(p, start.Add(72*time.Hour)).State != Lapsed {
		t.Error("a proof outlived its 72 h")
	}
	if c.Expire(p, start.Add(71*time.Hour)).State != Proven {
		t.Error("a proof ended early")
	}
	std := nodeClaim()
	std.Node = 0
	if std.Expire(p, start.Add(p.ClaimLapse)).State != Lapsed {
		t.Error("a silent standard client's claim did not lapse")
	}
	if std.Excuse(p.ClaimLapse).Expire(p, start.Add(p.ClaimLapse)).State != Proven {
		t.Error("our outage ended a claim")
	}
}

// SECURITY 14: whatever noise there is, who has the data is never slashed.
func TestHonestNodeIsNeverSlashed(t *testing.T) {
	p := DefaultParams()
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		c, st, now := nodeClaim(), NewStanding(p), start
		for range 300 {
			now = now.Add(time.Duration(r.IntN(240)) * time.Minute)
			c.SeenMs = now.UnixMilli()
			for _, a := range schedule(p, now, []Claim{c}, Seed{1}) {
				o := outcome(a, Passed)
				if r.IntN(3) > 0 { // choked, reset, refused by a full backlog, half an answer
					o = outcome(a, Passed)
					for i := range o.Results[r.IntN(len(a.Targets)):] {
						o.Results[i].Verdict = Inconclusive
					}
					o.Unreachable = r.IntN(2) == 0
				}
				var v Verdict
				var e Effects
				var pen Penalty
				c, v, e = Judge(p, now, c, a, o)
				st, pen = st.After(p, now, v, e)
				if e.SlashPPM != 0 || pen != (Penalty{}) || e.Confirmed || st.Audit.PPM() != million {
					t.Fatalf("%s of an honest node: %+v %+v", v, e, pen)
				}
			}
		}
		if c.Passed == 0 {
			t.Fatal("no audit was ever passed: the test shows nothing")
		}
	}
}

func TestDetection(t *testing.T) {
	p, c := DefaultParams(), nodeClaim()
	for _, tt := range []struct{ missingPercent, atLeastPerMille int }{{10, 950}, {25, 999}} {
		const trials = 2000
		caught := 0
		for i := range trials {
			seed := Seed{byte(i), byte(i >> 8), 77}
			for _, target := range seed.blocks(c, 0, p.targets(DrawnKind)) {
				if target.Piece%100 < tt.missingPercent {
					caught++
					break
				}
			}
		}
		if caught*1000 < tt.atLeastPerMille*trials {
			t.Errorf("missing %d %%: caught %d of %d", tt.missingPercent, caught, trials)
		}
	}
}

func TestValidateNamesTheValue(t *testing.T) {
	if err := DefaultParams().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Params){
		"renewal_lead": func(p *Params) { p.RenewalLead = p.ProofLifetime },
		"retry_delay":  func(p *Params) { p.RetryDelay = p.RetryMax + time.Second },
	} {
		p := DefaultParams()
		spoil(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
