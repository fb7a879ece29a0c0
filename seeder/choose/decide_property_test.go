package choose_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func hash(n int) (h bt.InfoHash) {
	copy(h[:], fmt.Sprintf("%020d", n))
	return h
}

func economy() choose.Economy {
	return choose.Economy{Symbol: "VIDYA", UploaderPPM: 800_000, Replicas: 5, HostingRate: 4000, TorrentCap: 10 * tokens.Unit,
		FreeBytes: 20 * bt.GiB, CollateralGiB: tokens.Unit}
}

// drawInput draws a market, a disk and what its operator wants of it; sizes and prices of all kinds,
// many of them alike.
func drawInput(t *rapid.T) choose.Input {
	in := choose.Input{Now: now, Economy: economy(), Bias: rapid.SampledFrom([]int64{0, 1, 500_000, 1_000_000, 9_000_000}).Draw(t, "bias"),
		Quota: bt.Bytes(rapid.Int64Range(0, 40).Draw(t, "quota")) * bt.GiB, UploadRate: bt.Bytes(rapid.SampledFrom([]int64{0, 1000, 1 << 20}).Draw(t, "rate")),
		Collateral: tokens.Amount(rapid.Int64Range(0, 50).Draw(t, "collateral")) * tokens.Unit,
		Allowance:  bt.Bytes(rapid.Int64Range(0, 30).Draw(t, "allowance")) * bt.GiB,
		Spend:      tokens.Amount(rapid.Int64Range(0, 200).Draw(t, "spend")) * tokens.Unit, MayPay: rapid.Bool().Draw(t, "may pay"),
		Options: choose.Options{Auto: rapid.Bool().Draw(t, "auto"), MaxChanges: rapid.IntRange(0, 12).Draw(t, "changes"),
			Position: rapid.SampledFrom([]int64{-1, 0, 400_000}).Draw(t, "position")}}
	for n := range rapid.IntRange(0, 25).Draw(t, "torrents") {
		in.Torrents = append(in.Torrents, drawTorrent(t, n))
	}
	for _, x := range in.Torrents {
		drawWishes(t, &in, x)
	}
	if rapid.Bool().Draw(t, "unlisted") {
		in.Held = append(in.Held, choose.Held{InfoHash: hash(1000), Size: bt.GiB, Own: true})
	}
	if rapid.Bool().Draw(t, "interest") {
		in.Interests = []choose.Interest{{Kind: choose.Uploader, Value: "ANN"}}
	}
	return in
}

func drawWishes(t *rapid.T, in *choose.Input, x choose.Torrent) {
	pinned := rapid.IntRange(0, 9).Draw(t, "pinned") == 0
	if pinned {
		in.Pinned = append(in.Pinned, x.InfoHash)
	}
	if rapid.IntRange(0, 2).Draw(t, "held") == 0 {
		in.Held = append(in.Held, choose.Held{InfoHash: x.InfoHash, Size: x.Size, Own: rapid.IntRange(0, 4).Draw(t, "own") > 0, Pinned: pinned,
			Since: now.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "since")) * time.Hour), Complete: true})
	}
}

func drawTorrent(t *rapid.T, n int) choose.Torrent {
	gib := func(name string, most int64) bt.Bytes {
		return bt.Bytes(rapid.Int64Range(0, most).Draw(t, name)) * bt.GiB / 2
	}
	return choose.Torrent{InfoHash: hash(n), Name: fmt.Sprint("t", n), Size: bt.GiB/2 + gib("size", 20), Uploader: rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "uploader"),
		Price: tokens.Amount(rapid.Int64Range(0, 30).Draw(t, "price")) * tokens.Unit, Free: rapid.IntRange(0, 4).Draw(t, "free") == 0,
		Approved: rapid.Bool().Draw(t, "approved"), Seeders: rapid.IntRange(0, 9).Draw(t, "seeders"), Leechers: rapid.IntRange(0, 9).Draw(t, "leechers"),
		Hosts: rapid.IntRange(0, 9).Draw(t, "hosts"), Saturation: rapid.Int64Range(0, 2_000_000).Draw(t, "saturation"), Day: gib("day", 60), DayBefore: gib("day before", 60),
		Created: now.Add(-time.Duration(rapid.IntRange(0, 1000).Draw(t, "age")) * time.Hour)}
}

func sum(choices []choose.Choice, of func(choose.Choice) int64) (n int64) {
	for _, c := range choices {
		n += of(c)
	}
	return n
}

func sizes(choices []choose.Choice) bt.Bytes {
	return bt.Bytes(sum(choices, func(c choose.Choice) int64 { return int64(c.Size) }))
}

// carryOut returns the input after the plan: with what is hosted then, and less what was spent.
func carryOut(in choose.Input, p choose.Plan) choose.Input {
	gone := map[bt.InfoHash]bool{}
	for _, c := range p.Drop {
		gone[c.InfoHash] = true
	}
	in.Held = slices.DeleteFunc(slices.Clone(in.Held), func(h choose.Held) bool { return gone[h.InfoHash] })
	for _, c := range p.Add {
		pinned := slices.Contains(in.Pinned, c.InfoHash)
		in.Held = append(in.Held, choose.Held{InfoHash: c.InfoHash, Size: c.Size, Since: in.Now, Own: true, Pinned: pinned})
		in.Allowance -= c.Free
		if !pinned {
			in.Spend -= c.Cost
		}
	}
	return in
}

func TestPlanKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		p := choose.Decide(in)
		if used := sizes(p.Keep) + sizes(p.Add); used > in.Quota || used != p.Used {
			t.Fatalf("%d of %d used, the plan says %d", used, in.Quota, p.Used)
		}
		if len(p.Keep)+len(p.Drop) != len(in.Held) {
			t.Fatalf("%d held, %d kept, %d dropped", len(in.Held), len(p.Keep), len(p.Drop))
		}
		checkSpending(t, in, p)
		checkDrops(t, in, p)
		if again := choose.Decide(in); !reflect.DeepEqual(p, again) {
			t.Fatalf("not repeatable:\n%+v\n%+v", p, again)
		}
		for _, c := range slices.Concat(p.Keep, p.Add, p.Drop, p.Passed) {
			if c.Words == "" || c.Why == "" {
				t.Fatalf("no reason: %+v", c)
			}
		}
	})
}

func checkSpending(t *rapid.T, in choose.Input, p choose.Plan) {
	var spent tokens.Amount
	var free bt.Bytes
	for _, c := range p.Add {
		free += c.Free
		if slices.Contains(in.Pinned, c.InfoHash) {
			continue
		}
		spent += c.Cost
		if c.Cost > 0 && !in.MayPay {
			t.Fatalf("a purchase that is not allowed: %+v", c)
		}
		if c.Why != choose.Interested && c.Cost > 30*c.PerDay() {
			t.Fatalf("not paid back: %+v", c)
		}
	}
	if spent > in.Spend || free > in.Allowance || changes(in, p) > most(in) {
		t.Fatalf("spent %d of %d, %d of %d allowance, %d changes of %d", spent, in.Spend, free, in.Allowance, changes(in, p), most(in))
	}
}

// changes counts what a plan adds that is not pinned, and most is how many may be.
func changes(in choose.Input, p choose.Plan) (n int) {
	for _, c := range p.Add {
		if !slices.Contains(in.Pinned, c.InfoHash) {
			n++
		}
	}
	return n
}

func most(in choose.Input) int {
	if in.Options.MaxChanges == 0 {
		return choose.DefaultMaxChanges
	}
	return in.Options.MaxChanges
}

func checkDrops(t *rapid.T, in choose.Input, p choose.Plan) {
	var held bt.Bytes
	for _, h := range in.Held {
		held += h.Size
	}
	for _, c := range p.Drop {
		h := in.Held[slices.IndexFunc(in.Held, func(h choose.Held) bool { return h.InfoHash == c.InfoHash })]
		wanted := in.Options.Auto || len(in.Interests) > 0
		switch {
		case c.Why == choose.NoRoom && held > in.Quota, c.Why == choose.Unwanted && !h.Pinned && (!wanted || !in.Options.Auto):
		case c.Why != choose.Outranked || h.Pinned || !h.Own:
			t.Fatalf("dropped: %+v, %+v", c, h)
		case now.Sub(h.Since) < choose.DefaultMinHold && !slices.ContainsFunc(p.Add, func(c choose.Choice) bool { return c.Why == choose.Pinned }):
			t.Fatalf("dropped after %v: %+v", now.Sub(h.Since), c)
		}
	}
}

// Once a plan is carried out, the next one changes nothing, unless the first was hindered by the limit
// of additions; then a few more plans get there, and none gives up what one before it chose.
func TestCarriedOutPlanChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		limited := rapid.Bool().Draw(t, "limited")
		if !limited {
			in.Options.MaxChanges = 1000
		}
		p := choose.Decide(in)
		for range 40 {
			in = carryOut(in, p)
			p = choose.Decide(in)
			if len(p.Add)+len(p.Drop) == 0 {
				return
			}
			if !limited {
				t.Fatalf("the second plan adds %+v, drops %+v", p.Add, p.Drop)
			}
			for _, c := range p.Drop {
				if h := in.Held[slices.IndexFunc(in.Held, func(h choose.Held) bool { return h.InfoHash == c.InfoHash })]; c.Why != choose.Outranked || h.Since.Equal(now) {
					t.Fatalf("dropped only now: %+v", c)
				}
			}
		}
		t.Fatal("plans go on and on")
	})
}

// No figure that a tracker may publish makes Decide panic.
func TestDecideBearsAnyFigures(t *testing.T) {
	any64 := rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, 999_999, 1 << 40, 1 << 53, math.MaxInt64})
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string) int64 { return any64.Draw(t, name) }
		in := choose.Input{Now: now, Quota: bt.Bytes(n("quota")), UploadRate: bt.Bytes(n("rate")), Collateral: tokens.Amount(n("collateral")), Allowance: bt.Bytes(n("allowance")),
			Spend: tokens.Amount(n("spend")), MayPay: true, Bias: n("bias"), Options: choose.Options{Auto: true, MinHold: time.Duration(n("hold")),
				Horizon: time.Duration(n("horizon")), Hysteresis: n("hysteresis"), Position: n("position"), MaxChanges: int(min(1<<30, n("changes")))},
			Economy: choose.Economy{UploaderPPM: n("ppm"), Replicas: int(n("replicas")), HostingRate: tokens.Amount(n("hosting")), TorrentCap: tokens.Amount(n("cap")),
				FreeBytes: bt.Bytes(n("free")), CollateralGiB: tokens.Amount(n("per GiB"))}}
		for k := range 3 {
			in.Torrents = append(in.Torrents, choose.Torrent{InfoHash: hash(k), Size: bt.Bytes(n("size")), Price: tokens.Amount(n("price")), Approved: true, Seeders: int(n("seeders")),
				Leechers: int(n("leechers")), Hosts: int(n("hosts")), Saturation: n("saturation"), Day: bt.Bytes(n("day")), DayBefore: bt.Bytes(n("before")), DayPaid: tokens.Amount(n("paid"))})
			if k > 0 {
				in.Held = append(in.Held, choose.Held{InfoHash: hash(k), Size: max(0, min(1<<50, bt.Bytes(n("held")))), Own: true})
			}
		}
		if p := choose.Decide(in); p.PerDay() < 0 || p.Cost < 0 {
			t.Fatalf("%+v", p)
		}
	})
}
