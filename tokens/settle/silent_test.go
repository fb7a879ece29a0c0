package settle_test

import (
	"errors"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// takes is a conduct of 12 GiB unexplained, over three torrents and three claimants, and nothing
// reported.
func takes() settle.Conduct {
	var c settle.Conduct
	for i := 1; i <= 3; i++ {
		c.Torrents = append(c.Torrents, settle.TorrentConduct{Torrent: bt.TorrentID(i), Open: 100 * bt.GiB,
			Blames: []settle.Blame{blame(1, 10+i, 3*bt.GiB), blame(1, 10+(i+1)%3, bt.GiB)}})
	}
	return c
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*settle.Conduct)
		want  bool
	}{
		{"takes and reports nothing", func(*settle.Conduct) {}, true},
		{"18 GiB reported", func(c *settle.Conduct) { c.Metered = 18*bt.GiB - 1 }, true},
		{"40 % and no more", func(c *settle.Conduct) { c.Metered = 18 * bt.GiB }, false},
		{"late by 2 GiB", func(c *settle.Conduct) { c.Torrents[0].Late = 2 * bt.GiB }, false},
		{"late by less", func(c *settle.Conduct) { c.Torrents[0].Late = 2*bt.GiB - 1 }, true},
		{"late elsewhere by more than was missing there", func(c *settle.Conduct) { c.Torrents[0].Late = 5 * bt.GiB }, false},
		{"2 GiB open", func(c *settle.Conduct) { c.Torrents[0].Open = 2 * bt.GiB }, false},
		{"two torrents", func(c *settle.Conduct) {
			c.Torrents[2].Torrent = 9
			c.Torrents = append(c.Torrents[:2], big(c.Torrents[2], 0))
		}, false},
		{"a third torrent of 1 GiB", func(c *settle.Conduct) {
			c.Torrents = []settle.TorrentConduct{big(c.Torrents[0], 7), big(c.Torrents[1], 7), big(c.Torrents[2], 1)}
		}, true},
		{"a stray third torrent", func(c *settle.Conduct) {
			c.Torrents = []settle.TorrentConduct{big(c.Torrents[0], 7), big(c.Torrents[1], 7), c.Torrents[2]}
			c.Torrents[2].Blames = []settle.Blame{blame(1, 11, bt.GiB-1)}
		}, false},
		{"claimants of two networks", func(c *settle.Conduct) {
			relabel(c, func(b *settle.Blame) { b.Network = hour(int(b.Claimant) % 2).Network })
		}, false},
		{"claimants of unknown networks", func(c *settle.Conduct) { relabel(c, func(b *settle.Blame) { b.Network = netip.Prefix{} }) }, true},
		{"admitted by others but for 1 GiB, everybody's word", func(c *settle.Conduct) {
			relabel(c, func(b *settle.Blame) { b.Firm, b.Stake = bt.GiB/6+2, 1 })
		}, true},
		{"less than that", func(c *settle.Conduct) { relabel(c, func(b *settle.Blame) { b.Firm, b.Stake = bt.GiB/6-1, 1 }) }, false},
		{"as much late", func(c *settle.Conduct) {
			relabel(c, func(b *settle.Blame) { b.Firm, b.Stake = bt.GiB/6+2, 1 })
			c.Torrents[0].Late = bt.GiB / 10
		}, false},
		{"liars who were awarded all they claim", func(c *settle.Conduct) {
			c.Torrents[0].Blames = append(c.Torrents[0].Blames, settle.Blame{Member: 1, Claimant: 21, Stake: 6 * bt.GiB},
				settle.Blame{Member: 1, Claimant: 22, Stake: 6 * bt.GiB})
		}, false},
		{"one claimant invited another", func(c *settle.Conduct) {
			c.Inviter = func(m bt.MemberID) bt.MemberID { return map[bt.MemberID]bt.MemberID{11: 12, 12: 13}[m] }
		}, false},
		{"a stranger invited all", func(c *settle.Conduct) { c.Inviter = func(bt.MemberID) bt.MemberID { return 99 } }, true},
		{"one claimant and stray ones", func(c *settle.Conduct) {
			relabel(c, func(b *settle.Blame) {
				if b.Bytes < 2*bt.GiB {
					b.Bytes, b.Firm, b.Stake, b.Claimant = bt.GiB/4, 0, 0, 20+b.Claimant
				} else {
					b.Bytes, b.Stake, b.Claimant, b.Network = 5*bt.GiB, 5*bt.GiB, 11, hour(11).Network
				}
			})
		}, false},
	} {
		conduct := takes()
		c.spoil(&conduct)
		v, err := settle.Judge(settle.DefaultParams(), conduct)
		if err != nil || v.Silent != c.want {
			t.Errorf("%s: %+v %v", c.name, v, err)
		}
	}
}

func big(t settle.TorrentConduct, gib bt.Bytes) settle.TorrentConduct {
	t.Blames = []settle.Blame{blame(1, 11, gib*bt.GiB/3), blame(1, 12, gib*bt.GiB/3), blame(1, 13, gib*bt.GiB-2*(gib*bt.GiB/3))}
	return t
}

func relabel(c *settle.Conduct, f func(*settle.Blame)) {
	for i := range c.Torrents {
		for k := range c.Torrents[i].Blames {
			f(&c.Torrents[i].Blames[k])
		}
	}
}

func TestJudgeRefusesTheImpossible(t *testing.T) {
	for name, spoil := range map[string]func(*settle.Conduct){
		"negative report":         func(c *settle.Conduct) { c.Metered = -1 },
		"negative late":           func(c *settle.Conduct) { c.Torrents[1].Late = -1 },
		"negative open":           func(c *settle.Conduct) { c.Torrents[1].Open = -1 },
		"more firm than there is": func(c *settle.Conduct) { c.Torrents[1].Blames[0].Firm++ },
		"negative blame":          func(c *settle.Conduct) { c.Torrents[1].Blames[0].Bytes = -1 },
		"a torrent twice":         func(c *settle.Conduct) { c.Torrents[1].Torrent = c.Torrents[0].Torrent },
		"too much":                func(c *settle.Conduct) { c.Metered = math.MaxInt64 },
	} {
		c := takes()
		spoil(&c)
		if _, err := settle.Judge(settle.DefaultParams(), c); !errors.Is(err, settle.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func drawConduct(t *rapid.T) settle.Conduct {
	size := rapid.Custom(func(t *rapid.T) bt.Bytes {
		return bt.Bytes(rapid.Int64Range(0, 20).Draw(t, "size")) * bt.GiB / bt.Bytes(rapid.SampledFrom([]int64{1, 1, 7, 1 << 30}).Draw(t, "part"))
	})
	c := settle.Conduct{Metered: size.Draw(t, "metered") / 2}
	for i := range rapid.IntRange(1, 9).Draw(t, "torrents") {
		x := settle.TorrentConduct{Torrent: bt.TorrentID(i), Late: size.Draw(t, "late") / 16, Open: 4 * size.Draw(t, "open")}
		for range rapid.IntRange(0, 6).Draw(t, "blames") {
			b := blame(1, rapid.IntRange(10, 20).Draw(t, "claimant"), size.Draw(t, "blame"))
			b.Stake /= bt.Bytes(rapid.SampledFrom([]int{1, 16, 64}).Draw(t, "stake"))
			x.Blames = append(x.Blames, b)
		}
		c.Torrents = append(c.Torrents, x)
	}
	c.Inviter = func(m bt.MemberID) bt.MemberID { return 0 }
	return c
}

// Whatever a member is blamed for: two clusters of claimants never make it silent, however many
// they are in each; what it reported since does not count; the order does not matter.
func TestJudgeProperties(t *testing.T) {
	silent := 0
	rapid.Check(t, func(t *rapid.T) {
		p, c := settle.DefaultParams(), drawConduct(t)
		v, err := settle.Judge(p, c)
		if err != nil {
			t.Fatal(err)
		}
		if v.Silent {
			silent++
			if v.Unexplained <= p.SilentBytes || v.Torrents < 3 || v.Clusters < 3 || 5*(v.Took-c.Metered) <= 2*v.Took || v.Took-c.Metered != v.Unexplained {
				t.Fatalf("silent with %+v", v)
			}
		}
		shuffled := c
		shuffled.Torrents = rapid.Permutation(c.Torrents).Draw(t, "order")
		for i := range shuffled.Torrents {
			shuffled.Torrents[i].Blames = rapid.Permutation(shuffled.Torrents[i].Blames).Draw(t, "blames")
		}
		if again, err := settle.Judge(p, shuffled); err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("in another order %+v, was %+v: %v", again, v, err)
		}
		two := shuffled
		two.Torrents = slices.Clone(two.Torrents)
		for i := range two.Torrents {
			two.Torrents[i].Blames = slices.Clone(two.Torrents[i].Blames)
		}
		relabel(&two, func(b *settle.Blame) { b.Network = hour(int(b.Claimant) % 2).Network })
		if v, err := settle.Judge(p, two); err != nil || v.Silent {
			t.Fatalf("two networks: %+v %v", v, err)
		}
		for i := range c.Torrents {
			c.Torrents[i].Open = 0
		}
		if v, err := settle.Judge(p, c); err != nil || v.Silent || v.Unexplained != 0 {
			t.Fatalf("all reported: %+v %v", v, err)
		}
	})
	if silent == 0 {
		t.Error("no case was silent: the property holds of nothing")
	}
}

func TestUnexplainedCharge(t *testing.T) {
	const most = tokens.Amount(math.MaxInt64)
	for _, c := range []struct {
		bytes                            bt.Bytes
		quote, reserved, available, want tokens.Amount
	}{
		{bt.GiB, 10, 100, 100, 10}, {1, 10, 100, 100, 1}, {bt.GiB + 1, 10, 100, 100, 11},
		{bt.GiB, 10, 9, 100, 9}, {bt.GiB, 10, 100, 8, 8}, {bt.GiB, 10, 0, 100, 0}, {bt.GiB, 10, 100, 0, 0},
		{bt.GiB, 10, -5, 100, 0}, {0, 10, 100, 100, 0}, {-1, 10, 100, 100, 0}, {bt.GiB, 0, 100, 100, 0},
		{math.MaxInt64, most, most, most, most}, {1 << 60, 1 << 40, 7, 7, 7},
	} {
		if got := settle.UnexplainedCharge(c.bytes, c.quote, c.reserved, c.available); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// A charge is split to the last micro-token, 80 % of it in proportion to what each claims.
func TestSplitUnexplained(t *testing.T) {
	got, err := settle.SplitUnexplained(settle.DefaultParams(), 1000, []settle.Blame{blame(1, 12, 100), blame(1, 11, 300)})
	want := []settle.Award{{11, 300, 600}, {12, 100, 200}}
	if err != nil || !slices.Equal(got.Awards, want) || got.Lockers != 120 || got.Treasury != 80 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := settle.SplitUnexplained(settle.DefaultParams(), 1000, nil); !errors.Is(err, settle.ErrUnbalanced) {
		t.Errorf("nobody to pay: %v", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		charge, sum := tokens.Amount(rapid.Int64Range(0, 1e12).Draw(t, "charge")), tokens.Amount(0)
		var blames []settle.Blame
		for m := range rapid.IntRange(1, 9).Draw(t, "claimants") {
			blames = append(blames, blame(1, 10+m, bt.Bytes(rapid.Int64Range(1, 1e15).Draw(t, "bytes"))))
		}
		got, err := settle.SplitUnexplained(settle.DefaultParams(), charge, blames)
		for _, a := range got.Awards {
			sum += a.Pay
		}
		if err != nil || sum+got.Lockers+got.Treasury != charge {
			t.Fatalf("%+v of %d: %v", got, charge, err)
		}
		again, _ := settle.SplitUnexplained(settle.DefaultParams(), charge, rapid.Permutation(blames).Draw(t, "order"))
		if !slices.Equal(again.Awards, got.Awards) {
			t.Fatalf("in another order %+v, was %+v", again, got)
		}
	})
}
