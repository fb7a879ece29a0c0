package availability

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func freeze(claims ...Claim) (out []Frozen) {
	for _, c := range claims {
		out = append(out, Frozen{c.ID, c.Torrent, c.Bytes, c.PieceLength, c.Pieces, c.Have})
	}
	return out
}

func TestBlocksOfADraw(t *testing.T) {
	c := nodeClaim()
	c.Pieces = 50
	d := NewDraws(DefaultParams(), Seed{9}, start.UnixMilli(), nil)
	all := d.Targets(c, 100)
	var pieces []int
	for _, target := range all {
		pieces = append(pieces, target.Piece)
		if target.Block < 0 || target.Block >= 16 { // 256 KiB
			t.Errorf("%s does not exist", target)
		}
	}
	slices.Sort(pieces)
	for i := range 50 {
		if len(pieces) != 50 || pieces[i] != i {
			t.Fatalf("not each piece once: %v", pieces)
		}
	}
	other, later, elsewhere := c, c, c
	other.ID, later.Draws, elsewhere.Torrent = 8, 1, 4
	for name, got := range map[string][]Target{"another claim": d.Targets(other, 50), "the next draw": d.Targets(later, 50),
		"another torrent": d.Targets(elsewhere, 50), "another seed": NewDraws(DefaultParams(), Seed{8}, start.UnixMilli(), nil).Targets(c, 50)} {
		if slices.Equal(all, got) {
			t.Errorf("%s gets the same blocks", name)
		}
	}
}

// A draw is a function of the seed, the claim's number, its torrent, what it claims and its draw; not
// of what else happens to it.
func TestDrawsAreRecomputable(t *testing.T) {
	p := DefaultParams()
	rapid.Check(t, func(t *rapid.T) {
		c := nodeClaim()
		c.ID, c.Draws = rapid.Int64Range(1, 1000).Draw(t, "claim"), rapid.Int64Range(0, 1000).Draw(t, "draw")
		c.Pieces = rapid.IntRange(1, 300).Draw(t, "pieces")
		c.PieceLength = bt.Bytes(rapid.SampledFrom([]int{1, 16384, 16385, 1 << 20}).Draw(t, "piece length"))
		c.Have = drawBitmap(t, c.Pieces)
		seed := Seed{rapid.Byte().Draw(t, "seed")}
		n, m := rapid.IntRange(0, 100).Draw(t, "n"), rapid.IntRange(0, 100).Draw(t, "m")

		d := NewDraws(p, seed, start.UnixMilli(), freeze(c))
		got := d.Targets(c, max(n, m))
		if len(got) != min(max(n, m), c.Have.Count(c.Pieces)) {
			t.Fatalf("%d targets of %d pieces", len(got), c.Have.Count(c.Pieces))
		}
		for _, target := range got {
			if !c.Have.Has(target.Piece) || target.Piece >= c.Pieces || int64(target.Block)*blockSize >= int64(c.PieceLength) {
				t.Fatalf("%s is not claimed", target)
			}
		}
		later := c
		later.LastAuditMs, later.Retries, later.SeenMs, later.State, later.Judgements = 99, 7, 5, Lapsed, 20
		again := NewDraws(p, seed, start.UnixMilli()+1, nil)
		if short := again.Targets(later, min(n, m)); !slices.Equal(short, got[:len(short)]) {
			t.Fatalf("%v is not the beginning of %v", short, got)
		}
	})
}

func drawBitmap(t *rapid.T, pieces int) Bitmap {
	if rapid.Bool().Draw(t, "complete") {
		return nil
	}
	have := make(Bitmap, (pieces+7)/8)
	for i := range pieces {
		if rapid.Bool().Draw(t, "has") {
			have[i/8] |= 0x80 >> (i % 8)
		}
	}
	return have
}

// Each claimed piece, and each block, comes equally often: four standard deviations.
func TestDrawsAreUniform(t *testing.T) {
	const trials = 20_000
	have := Bitmap{0b1011_0110, 0b1110_0000} // 8 of 12
	for name, tt := range map[string]struct {
		have Bitmap
		of   int
	}{"complete": {nil, 12}, "partial": {have, 8}} {
		c := nodeClaim()
		c.Pieces, c.Have, c.PieceLength = 12, tt.have, 4*blockSize
		d := NewDraws(DefaultParams(), Seed{3}, 0, nil)
		for at := range 3 { // the first, second and third target
			pieces, blocks := map[int]int{}, map[int]int{}
			for i := range trials {
				c.Draws = int64(i)
				target := d.Targets(c, 3)[at]
				pieces[target.Piece]++
				blocks[target.Block]++
			}
			for what, n := range map[string]struct {
				counts map[int]int
				of     int
			}{"piece": {pieces, tt.of}, "block": {blocks, 4}} {
				if len(n.counts) != n.of {
					t.Errorf("%s: %d different %ss, want %d", name, len(n.counts), what, n.of)
				}
				mean := trials / n.of
				for i, got := range n.counts {
					if dev := got - mean; dev*dev > 16*mean {
						t.Errorf("%s: %s %d came %d times as target %d, want about %d", name, what, i, got, at, mean)
					}
				}
			}
		}
	}
}

// What goes on between two verdicts never gets a claimant other questions: not silence, not another
// epoch, not our own failures.
func TestRetriesAskTheSame(t *testing.T) {
	p := DefaultParams()
	rapid.Check(t, func(t *rapid.T) {
		c, b := nodeClaim(), NewBook()
		c.State, c.ProvenMs = Entered, 0
		b.Put(p, c)
		now := start
		var first []Target
		for i := range rapid.IntRange(2, 12).Draw(t, "tries") {
			now = now.Add(5 * time.Hour)
			epoch := Seed{byte(i)}
			b.Hear(p, c.ID, now.UnixMilli(), c.Addr, c.PeerID)
			due := b.Due(p, now, NewDraws(p, epoch, now.UnixMilli(), nil), 1)
			if len(due) != 1 {
				t.Fatalf("%d audits", len(due))
			}
			if first == nil {
				first = due[0].Targets
			}
			if !slices.Equal(due[0].Targets, first) || (due[0].Draw == NoDraw) != (i > 0) {
				t.Fatalf("try %d, draw %d: %v, first %v", i, due[0].Draw, due[0].Targets, first)
			}
			o := Outcome{Unreachable: rapid.Bool().Draw(t, "unreachable"), OurSide: rapid.Bool().Draw(t, "our side")}
			c, _ = b.Get(c.ID)
			c, _, _ = Judge(p, now, c, due[0], o)
			if rapid.Bool().Draw(t, "withdrawn and made again") {
				c = c.Leave().Enter(now.Add(-time.Hour))
			}
			b.Put(p, c)
		}
	})
}

func TestWhatIsOpen(t *testing.T) {
	p := DefaultParams()
	d := NewDraws(p, Seed{1}, start.UnixMilli(), nil)
	c := nodeClaim()
	drawn := d.Targets(c, 30)
	c.Open = drawn[:10] // an unanswered renewal
	if a := d.audit(p, c, EntryKind); !slices.Equal(a.Targets, drawn) || a.Draw != 0 {
		t.Errorf("a longer audit of the same draw: draw %d", a.Draw)
	}
	c.Open = []Target{{drawn[3].Piece, 1}, {drawn[0].Piece, drawn[0].Block}, {17, 0}}
	have := make(Bitmap, 512)
	for i := range have {
		have[i] = 0xff
	}
	have[17/8] &^= 0x80 >> (17 % 8)
	c.Have, c.ChangedMs = have, start.UnixMilli()
	a := d.audit(p, c, RenewalKind)
	seen := map[int]bool{}
	for _, target := range a.Targets {
		seen[target.Piece] = true
	}
	if len(a.Targets) != 10 || len(seen) != 10 || seen[17] || a.Targets[0] != c.Open[0] || a.Draw != NoDraw {
		t.Errorf("draw %d: %v", a.Draw, a.Targets)
	}
}

func TestDrawnTorrents(t *testing.T) {
	p := DefaultParams()
	var claims []Frozen
	for i := range 60 {
		c := Frozen{Claim: int64(i + 1), Torrent: bt.TorrentID(i % 20), Bytes: 1 << 30, PieceLength: 1 << 20, Pieces: 1024}
		if c.Torrent < 10 {
			c.Bytes *= 3
		}
		claims = append(claims, c)
	}
	d := NewDraws(p, Seed{4}, start.UnixMilli(), claims)
	perDay := int64(24 * time.Hour / p.DrawWindow)
	var asked, large int
	const days = 30
	for w := range days * perDay {
		torrents := d.Torrents(w)
		for _, id := range torrents {
			asked += 3
			if id < 10 {
				large += 3
			}
		}
		for id := range bt.TorrentID(21) {
			if d.Drawn(w, id) != slices.Contains(torrents, id) {
				t.Fatalf("window %d: Drawn and Torrents differ on torrent %d", w, id)
			}
		}
	}
	if perClaim := float64(asked) / days / 60; perClaim < 3.7 || perClaim > 4.3 {
		t.Errorf("%.2f audits a day per claimant, want about 4", perClaim)
	}
	if share := float64(large) / float64(asked); share < 0.71 || share > 0.79 {
		t.Errorf("the large torrents got %.2f of the draws, want about 0.75", share)
	}
	slices.Reverse(claims)
	again := NewDraws(p, Seed{4}, start.UnixMilli(), claims)
	if diff := cmp.Diff(again.Torrents(17), d.Torrents(17)); diff != "" {
		t.Errorf("the order of the claims matters: %s", diff)
	}
	if d.Window(start.Add(-time.Millisecond)) >= 0 || d.Drawn(-1, 3) || d.Window(start) != 0 || d.Window(start.Add(p.DrawWindow)) != 1 {
		t.Error("windows do not count from the epoch's start")
	}
}

func TestDrawsAtTheLimits(t *testing.T) {
	p := DefaultParams()
	p.DrawWindow, p.DrawInterval = 8784*time.Hour, time.Millisecond
	d := NewDraws(p, Seed{}, 0, nil)
	if len(d.Torrents(0)) > 0 {
		t.Error("nothing is claimed, and something is drawn")
	}
	huge := []Frozen{{Claim: 1, Torrent: 1, Bytes: 1<<63 - 1}, {Claim: 2, Torrent: 2, Bytes: 1<<63 - 1}, {Claim: 3, Torrent: 3, Bytes: 1<<63 - 1}}
	for _, c := range huge {
		if d = NewDraws(p, Seed{}, 0, append(huge, c)); !d.Drawn(0, c.Torrent) {
			t.Errorf("torrent %d is not drawn, though everything is drawn always", c.Torrent)
		}
	}
	if bounded(1<<62, 1<<62, 4) != 1<<63-1 || bounded(1<<62, 1<<61, 3) != 1<<63-1 || bounded(5, 6, 7) != 47 {
		t.Error("a sum overflows")
	}
}

func TestSeed(t *testing.T) {
	s := Seed{0xab, 31: 1}
	text, err := s.MarshalText()
	var back Seed
	if err != nil || back.UnmarshalText(text) != nil || back != s {
		t.Errorf("%s is not read back", text)
	}
	for _, bad := range []string{"", "ab", string(text) + "00", "zz" + string(text[2:])} {
		if back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is taken for a seed", bad)
		}
	}
	// echo -n | sha256sum of 32 zero bytes
	if h := (Seed{}).Hash(); Sum(h[:]).String() != "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925" {
		t.Errorf("hash %x", h)
	}
}

func TestBitmapNth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.IntRange(1, 80).Draw(t, "pieces")
		b := drawBitmap(t, pieces)
		i := 0
		for piece := range pieces {
			if b.Has(piece) {
				if got := b.nth(i); got != piece {
					t.Fatalf("%08b: piece number %d is %d, not %d", b, i, piece, got)
				}
				i++
			}
		}
		if b != nil && b.nth(i) != -1 {
			t.Fatal("there is one more than there are")
		}
	})
}
