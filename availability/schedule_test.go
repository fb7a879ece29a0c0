package availability

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestScheduleKinds(t *testing.T) {
	p := DefaultParams()
	tests := []struct {
		name   string
		change func(*Claim)
		after  time.Duration
		want   Kind
		pieces int // 0: no audit
	}{
		{"a new claim", func(c *Claim) { c.State = Entered }, time.Minute, EntryKind, 30},
		{"a claim of this instant", func(c *Claim) { c.State = Entered }, time.Second, 0, 0},
		{"a lapsed claim", func(c *Claim) { c.State = Lapsed }, time.Minute, EntryKind, 30},
		{"a dropped claim", func(c *Claim) { c.State = Dropped }, time.Hour, 0, 0},
		{"a proof about to end", func(c *Claim) {}, 65 * time.Hour, RenewalKind, 10},
		{"a retry waits", func(c *Claim) { c.NextMs = start.Add(time.Hour).UnixMilli() }, time.Minute, 0, 0},
		{"a retry is due", func(c *Claim) { c.NextMs = start.Add(time.Hour).UnixMilli() }, time.Hour, DrawnKind, 30},
		{"a second look waits", func(c *Claim) { c.Pending = &Recheck{Piece: 8, DueMs: start.Add(time.Hour).UnixMilli()} }, time.Minute, 0, 0},
		{"a second look is due", func(c *Claim) { c.Pending = &Recheck{Piece: 8, DueMs: start.Add(time.Hour).UnixMilli()} }, time.Hour, RecheckKind, 1},
		{"under way", func(c *Claim) { *c = c.Begin(p, start); c.State = Entered }, time.Minute, 0, 0},
		{"under way for too long", func(c *Claim) { *c = c.Begin(p, start); c.State = Entered }, p.AuditTimeout, EntryKind, 30},
		{"large pieces", func(c *Claim) { c.State, c.PieceLength = Entered, 8<<20 }, time.Minute, EntryKind, 4},
		{"middling pieces", func(c *Claim) { c.State, c.PieceLength = Entered, 1<<20 }, time.Minute, EntryKind, 16},
		{"few pieces", func(c *Claim) { c.State, c.Pieces = Entered, 3 }, time.Minute, EntryKind, 3},
		{"no v1 pieces", func(c *Claim) { c.State, c.Pieces = Entered, 0 }, time.Minute, 0, 0},
		{"a silent standard client", func(c *Claim) { c.State, c.Node = Entered, 0 }, time.Hour, 0, 0},
	}
	p.DrawInterval = 366 * 24 * time.Hour // nothing is drawn
	for _, tt := range tests {
		c := nodeClaim()
		tt.change(&c)
		got := Schedule(p, start.Add(tt.after), []Claim{c}, Seed{1})
		switch {
		case tt.pieces == 0 && len(got) > 0:
			t.Errorf("%s: %+v, want none", tt.name, got)
		case tt.pieces > 0 && (len(got) != 1 || got[0].Kind != tt.want || len(got[0].Pieces) != tt.pieces):
			t.Errorf("%s: %+v, want %s of %d pieces", tt.name, got, tt.want, tt.pieces)
		case len(got) == 1 && c.Pending != nil && got[0].Pieces[0] != 8:
			t.Errorf("%s: looks at %v", tt.name, got[0].Pieces)
		}
	}
}

func TestPicks(t *testing.T) {
	c := nodeClaim()
	c.Pieces = 50
	all := pick(Seed{9}, c, 50)
	sorted := slices.Sorted(slices.Values(all))
	for i, v := range sorted {
		if v != i {
			t.Fatalf("not a permutation: %v", sorted)
		}
	}
	if diff := cmp.Diff(all[:10], pick(Seed{9}, c, 10)); diff != "" {
		t.Errorf("a shorter draw is not the beginning of a longer one: %s", diff)
	}
	other, later := c, c
	other.ID, later.LastAuditMs = 8, 1
	for name, got := range map[string][]int{"another claimant": pick(Seed{9}, other, 50), "another seed": pick(Seed{8}, c, 50), "the next audit": pick(Seed{9}, later, 50)} {
		if slices.Equal(all, got) {
			t.Errorf("%s gets the same pieces", name)
		}
	}
	counts := make([]int, 10)
	c.Pieces = 10
	for i := range 10_000 {
		c.ID = int64(i)
		counts[pick(Seed{9}, c, 1)[0]]++
	}
	for piece, n := range counts {
		if n < 880 || n > 1120 { // four standard deviations
			t.Errorf("piece %d was drawn %d times of 10,000", piece, n)
		}
	}
}

// Draws: about four a day per claimant, in proportion to bytes, all claimants of a torrent in one
// window, and calling Schedule often changes nothing.
func TestDraws(t *testing.T) {
	p := DefaultParams()
	var claims []Claim
	for i := range 60 {
		c := nodeClaim()
		c.ID, c.Torrent = int64(i+1), bt.TorrentID(i%20)
		if c.Torrent < 10 {
			c.Bytes *= 3
		}
		claims = append(claims, c)
	}
	total, large := 0, 0
	const days = 5
	for now := start; now.Before(start.Add(days * 24 * time.Hour)); now = now.Add(p.DrawWindow / 2) {
		perTorrent := map[bt.TorrentID]int{}
		for _, a := range Schedule(p, now, claims, Seed{4}) {
			c := &claims[a.Claim-1]
			total++
			perTorrent[c.Torrent]++
			if c.Torrent < 10 {
				large++
			}
			*c, _, _ = Judge(p, now, *c, a, outcome(a, Passed))
		}
		for torrent, n := range perTorrent {
			if n != 3 {
				t.Fatalf("%d of 3 claimants of torrent %d were asked in one window", n, torrent)
			}
		}
	}
	perDay := float64(total) / days / float64(len(claims))
	if perDay < 3.2 || perDay > 4.8 {
		t.Errorf("%.2f audits a day per claimant, want about 4", perDay)
	}
	if share := float64(large) / float64(total); share < 0.68 || share > 0.82 {
		t.Errorf("the large torrents got %.2f of the draws, want about 0.75", share)
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
			c.Pending = &Recheck{Piece: 1}
		}
		claims = append(claims, c)
	}
	got := Schedule(p, start.Add(time.Minute), claims, Seed{})
	if len(got) != 5 || got[0].Kind != RecheckKind {
		t.Errorf("%d audits, first %s; want 5, the second look first", len(got), got[0].Kind)
	}
}
