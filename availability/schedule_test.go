package availability

import (
	"testing"
	"time"
)

// schedule is what is due now among claims, drawn from those that are proven now.
func schedule(p Params, now time.Time, claims []Claim, seed Seed) []Audit {
	b := NewBook()
	var frozen []Frozen
	for _, c := range claims {
		b.Put(p, c)
		if c.IsProven(p, now) {
			frozen = append(frozen, freeze(c)...)
		}
	}
	return b.Due(p, now, NewDraws(p, seed, 0, frozen), len(claims))
}

func TestScheduleKinds(t *testing.T) {
	p := DefaultParams()
	tests := []struct {
		name   string
		change func(*Claim)
		after  time.Duration
		want   Kind
		blocks int // 0: no audit
	}{
		{"a new claim", func(c *Claim) { c.State = Entered }, time.Minute, EntryKind, 30},
		{"a claim of this instant", func(c *Claim) { c.State = Entered }, time.Second, 0, 0},
		{"a lapsed claim", func(c *Claim) { c.State = Lapsed }, time.Minute, EntryKind, 30},
		{"a dropped claim", func(c *Claim) { c.State = Dropped }, time.Hour, 0, 0},
		{"a proof about to end", func(c *Claim) {}, 65 * time.Hour, RenewalKind, 10},
		{"a retry waits", func(c *Claim) { c.NextMs = start.Add(time.Hour).UnixMilli() }, time.Minute, 0, 0},
		{"a retry is due", func(c *Claim) { c.NextMs = start.Add(time.Hour).UnixMilli() }, time.Hour, DrawnKind, 30},
		{"a second look waits", func(c *Claim) { c.Pending = &Recheck{Target: Target{8, 1}, DueMs: start.Add(time.Hour).UnixMilli()} }, time.Minute, 0, 0},
		{"a second look is due", func(c *Claim) { c.Pending = &Recheck{Target: Target{8, 1}, DueMs: start.Add(time.Hour).UnixMilli()} }, time.Hour, RecheckKind, 1},
		{"under way", func(c *Claim) { *c = c.Begin(p, start); c.State = Entered }, time.Minute, 0, 0},
		{"under way for too long", func(c *Claim) { *c = c.Begin(p, start); c.State = Entered }, p.AuditTimeout, EntryKind, 30},
		{"large pieces", func(c *Claim) { c.State, c.PieceLength = Entered, 8<<20 }, time.Minute, EntryKind, 30},
		{"few pieces", func(c *Claim) { c.State, c.Pieces = Entered, 3 }, time.Minute, EntryKind, 3},
		{"no pieces", func(c *Claim) { c.State, c.Pieces = Entered, 0 }, time.Minute, 0, 0},
		{"a silent standard client", func(c *Claim) { c.State, c.Node = Entered, 0 }, time.Hour, 0, 0},
	}
	p.DrawInterval = 366 * 24 * time.Hour // nothing is drawn
	for _, tt := range tests {
		c := nodeClaim()
		tt.change(&c)
		got := schedule(p, start.Add(tt.after), []Claim{c}, Seed{1})
		switch {
		case tt.blocks == 0 && len(got) > 0:
			t.Errorf("%s: %+v, want none", tt.name, got)
		case tt.blocks > 0 && (len(got) != 1 || got[0].Kind != tt.want || len(got[0].Targets) != tt.blocks):
			t.Errorf("%s: %+v, want %s of %d blocks", tt.name, got, tt.want, tt.blocks)
		case len(got) == 1 && c.Pending != nil && got[0].Targets[0] != Target{8, 1}:
			t.Errorf("%s: looks at %v", tt.name, got[0].Targets)
		}
	}
}

func TestRoundIsBounded(t *testing.T) {
	p := DefaultParams()
	p.MaxPerRound = 5
	var claims []Claim
	for i := range 20 {
		c := nodeClaim()
		c.ID, c.State = int64(i), Entered
		if i == 19 {
			c.Pending = &Recheck{Target: Target{Piece: 1}}
		}
		claims = append(claims, c)
	}
	got := schedule(p, start.Add(time.Minute), claims, Seed{})
	if len(got) != 5 || got[0].Kind != RecheckKind {
		t.Errorf("%d audits, first %s; want 5, the second look first", len(got), got[0].Kind)
	}
}
