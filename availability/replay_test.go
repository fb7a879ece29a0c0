package availability

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// played is the record of an epoch that the real rules played: a Book, Draws and Judge with peers that
// pass, go silent or lack something, and claims that come, grow and shrink.
func played(seed Seed, noise uint64) Record {
	p := DefaultParams()
	p.DrawInterval, p.Blocks, p.RenewalBlocks, p.RecheckDelay = time.Hour, 4, 2, 5*time.Minute
	rnd := rand.New(rand.NewPCG(noise, 7))
	hash := seed.Hash()
	r := Record{Epoch: 5, StartMs: start.UnixMilli(), Seed: seed, Hash: hash[:], Rules: p.DrawRules()}
	b, suspicion := NewBook(), map[int64]int64{}
	for i := range 24 {
		c := nodeClaim()
		c.ID, c.Torrent, c.Pieces = int64(i+1), bt.TorrentID(i%6+1), 40
		switch i % 8 {
		case 5:
			c.State = Entered // fresh
		case 6:
			c.Open = blocks(3, 1, 4) // from the epoch before
			c.NextMs = start.UnixMilli() + 1
		case 7:
			c.Have = Bitmap{0xff, 0x0f, 0xff, 0xf0, 0}
		}
		if c.State == Proven {
			r.Claims = append(r.Claims, freeze(c)...)
		}
		b.Put(p, c)
	}
	d, now := NewDraws(p, seed, r.StartMs, r.Claims), start
	for ; now.Before(start.Add(6 * time.Hour)); now = now.Add(time.Minute) {
		for id := range int64(24) {
			c, _ := b.Get(id + 1)
			b.Hear(p, c.ID, now.UnixMilli(), c.Addr, c.PeerID)
		}
		if rnd.IntN(30) == 0 {
			c, _ := b.Get(3)
			b.Put(p, c.Report(p, now, Bitmap{0xff, 0xff, 0xff, 0xff, byte(rnd.IntN(256))}, c.Bytes))
		}
		for _, a := range b.Due(p, now, d, 6) {
			o := outcome(a, Passed)
			o.Results[0].Verdict = []Verdict{Passed, Passed, Passed, Passed, Inconclusive, Missing}[rnd.IntN(6)]
			c, _ := b.Get(a.Claim)
			c, v, _ := Judge(p, now, c, a, o)
			b.Put(p, c)
			digest := Digest(a.Targets)
			x := AuditRecord{ID: int64(len(r.Audits) + 100), Claim: a.Claim, AtMs: now.UnixMilli(), Kind: a.Kind, Draw: a.Draw, Asked: len(a.Targets), Digest: digest[:], Verdict: v}
			if v != Passed {
				x.Targets = a.Targets
			}
			if a.Kind == RecheckKind {
				x.Rechecks = suspicion[a.Claim]
			} else if v.fault() {
				suspicion[a.Claim] = x.ID
			}
			r.Audits = append(r.Audits, x)
		}
	}
	r.EndMs = now.UnixMilli()
	return r
}

func TestReplayOfTheRealRules(t *testing.T) {
	for i := range byte(20) {
		r := played(Seed{i, 1}, uint64(i))
		raw, err := json.Marshal(r)
		var back Record
		if err != nil || json.Unmarshal(raw, &back) != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		got := back.Replay()
		if len(got.Faults) > 0 {
			t.Fatalf("%q", got.Faults)
		}
		if got.Checked == 0 || got.Later == 0 || got.Loose == 0 || got.Fresh == 0 || got.Drawn == 0 || len(got.Unasked) >= got.Drawn {
			t.Fatalf("the test shows nothing: %+v", got)
		}
		if got.Checked+got.Later+got.Loose+got.Fresh != got.Audits {
			t.Fatalf("audits got lost: %+v", got)
		}
	}
}

func TestReplayFindsFaults(t *testing.T) {
	find := func(r Record, ok func(AuditRecord) bool) *AuditRecord {
		i := slices.IndexFunc(r.Audits, ok)
		if i < 0 {
			t.Fatal("there is no such audit")
		}
		return &r.Audits[i]
	}
	drawn := func(a AuditRecord) bool { return a.Kind == DrawnKind && a.Draw >= 0 && a.Claim%8 == 1 }
	recheck := func(a AuditRecord) bool { return a.Kind == RecheckKind }
	tests := []struct {
		name  string
		spoil func(*Record)
		want  string
	}{
		{"another seed", func(r *Record) { r.Seed[0]++ }, "hash of the seed"},
		{"another hash", func(r *Record) { r.Hash = Sum{1} }, "hash of the seed"},
		{"other targets", func(r *Record) { find(*r, drawn).Digest = Sum{1, 2, 3, 4, 5, 6, 7, 8} }, "did not ask"},
		{"no digest", func(r *Record) { find(*r, drawn).Digest = nil }, "did not ask"},
		{"another draw", func(r *Record) { find(*r, drawn).Draw++ }, "did not ask"},
		{"a shorter one", func(r *Record) {
			a := find(*r, drawn)
			f := r.Claims[slices.IndexFunc(r.Claims, func(f Frozen) bool { return f.Claim == a.Claim })]
			d := Digest(r.Seed.blocks(Claim{ID: f.Claim, Torrent: f.Torrent, PieceLength: f.PieceLength, Pieces: f.Pieces}, a.Draw, 1))
			a.Asked, a.Digest = 1, d[:]
		}, "4 are due"},
		{"as many as nobody can draw", func(r *Record) { find(*r, drawn).Asked = 1 << 40 }, "targets of 40 pieces"},
		{"fewer than none", func(r *Record) { find(*r, drawn).Asked = -1 }, "targets of 40 pieces"},
		{"other claims", func(r *Record) { r.Claims = r.Claims[1:]; r.Claims[3].Torrent = 99 }, "did not ask"},
		{"an impossible bitmap", func(r *Record) { r.Claims[0].Have = Bitmap{1} }, "targets of 40 pieces"},
		{"not drawn", func(r *Record) {
			later := map[int64]bool{}
			var last AuditRecord
			for _, a := range slices.Backward(r.Audits) {
				if !later[a.Claim] && drawn(a) && a.Verdict == Passed {
					last = a
				}
				later[a.Claim] = true
			}
			d := NewDraws(r.Rules.params(), r.Seed, r.StartMs, r.Claims)
			f := r.Claims[slices.IndexFunc(r.Claims, func(f Frozen) bool { return f.Claim == last.Claim })]
			w := d.Window(time.UnixMilli(last.AtMs)) + 1
			for d.Drawn(w, f.Torrent) || d.Drawn(w+1, f.Torrent) {
				w++
			}
			last.ID, last.AtMs, last.Draw = 1_000_000, d.windowStart(w+1)+1, last.Draw+1
			r.Audits = append(r.Audits, last)
		}, "was not drawn then"},
		{"a draw used twice", func(r *Record) {
			a := *find(*r, func(a AuditRecord) bool { return drawn(a) && a.Verdict == Passed })
			a.ID = 1_000_000
			r.Audits = append(r.Audits, a)
		}, "which had its verdict"},
		{"a second look elsewhere", func(r *Record) { find(*r, recheck).Digest = Sum{1, 2, 3, 4, 5, 6, 7, 8} }, "did not ask for any of its targets"},
		{"a further look at another claim", func(r *Record) { find(*r, recheck).Claim = 77 }, "of claim 77 is a further look"},
		{"a further look at the future", func(r *Record) { find(*r, recheck).Rechecks = 1 << 40 }, "which is not before it"},
		{"a further look at nothing", func(r *Record) { find(*r, recheck).Rechecks = 0 }, "which is not before it"},
		{"no windows", func(r *Record) { r.Rules.DrawWindowMs = 0 }, "do not fit"},
		{"too many windows", func(r *Record) { r.Rules.DrawWindowMs, r.EndMs = 1, 1<<62 }, "do not fit"},
		{"an interval without end", func(r *Record) { r.Rules.DrawIntervalMs = 1<<63 - 1 }, "do not fit"},
		{"time runs backwards", func(r *Record) { r.EndMs = r.StartMs - 1 }, "do not fit"},
	}
	for _, tt := range tests {
		r := played(Seed{7}, 3)
		tt.spoil(&r)
		got := r.Replay()
		if !slices.ContainsFunc(got.Faults, func(s string) bool { return strings.Contains(s, tt.want) }) {
			t.Errorf("%s: %q, want one with %q", tt.name, got.Faults, tt.want)
		}
	}
	r := played(Seed{7}, 3)
	for i := range 2000 {
		r.Audits = append(r.Audits, AuditRecord{ID: int64(i + 1_000_000), Kind: RecheckKind})
	}
	if got := r.Replay(); len(got.Faults) != maxFaults {
		t.Errorf("%d faults listed", len(got.Faults))
	}
}

func TestDigest(t *testing.T) {
	// printf of two 8-byte numbers per target | sha256sum
	for _, tt := range []struct {
		targets []Target
		want    string
	}{{nil, "e3b0c44298fc1c14"}, {[]Target{{0, 0}}, "374708fff7719dd5"}, {[]Target{{0, Whole}}, "787979ee6a78d79a"}} {
		d := Digest(tt.targets)
		if got := Sum(d[:]).String(); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.targets, got, tt.want)
		}
	}
	if Digest([]Target{{1, 2}}) == Digest([]Target{{2, 1}}) || Digest([]Target{{1, 2}, {3, 4}}) == Digest([]Target{{3, 4}, {1, 2}}) {
		t.Error("other targets have the same digest")
	}
}

func TestKindText(t *testing.T) {
	for k := RecheckKind; k <= RenewalKind; k++ {
		text, _ := k.MarshalText()
		var back Kind
		if back.UnmarshalText(text) != nil || back != k {
			t.Errorf("%s is not read back", text)
		}
	}
	var k Kind
	if err := k.UnmarshalText([]byte("payday")); err == nil {
		t.Error("payday is a kind")
	}
}
