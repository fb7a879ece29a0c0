package settle_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestHot(t *testing.T) {
	lines := []settle.HotLine{{2, 11, 1000}, {1, 12, 500}, {1, 11, 16}}
	for _, c := range []struct {
		pool tokens.Amount
		want []settle.HotLine
	}{
		{1000, []settle.HotLine{{1, 12, 30}, {2, 11, 60}}}, // 6 %; of 16 that is nothing
		{45, []settle.HotLine{{1, 12, 15}, {2, 11, 30}}},
		{0, nil},
	} {
		got, err := settle.Hot(settle.HotInput{Params: settle.DefaultParams(), Pool: c.pool, Lines: lines})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("from a pool of %d: %+v, want %+v: %v", c.pool, got, c.want, err)
		}
	}
	p := settle.DefaultParams()
	p.HotMarginPPM = 900_000
	if got, err := settle.Hot(settle.HotInput{Params: p, Pool: 1000, Lines: lines}); err != nil || len(got) != 0 {
		t.Errorf("a margin above the treasury's share pays %+v: %v", got, err)
	}
	for name, in := range map[string]settle.HotInput{
		"negative pool": {Params: p, Pool: -1},
		"negative pay":  {Params: p, Lines: []settle.HotLine{{1, 1, -1}}},
		"twice":         {Params: p, Lines: []settle.HotLine{{1, 1, 1}, {1, 1, 1}}},
	} {
		if _, err := settle.Hot(in); !errors.Is(err, settle.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The bonus never exceeds the pool, nor 6 % of what was paid; the order of the lines changes nothing.
func TestHotIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := settle.HotInput{Params: settle.DefaultParams(), Pool: tokens.Amount(rapid.Int64Range(0, 1<<40).Draw(t, "pool"))}
		paid := map[settle.HotLine]tokens.Amount{}
		for i := range rapid.IntRange(0, 8).Draw(t, "lines") {
			l := settle.HotLine{Torrent: bt.TorrentID(i % 3), Member: bt.MemberID(i / 3), Paid: tokens.Amount(rapid.Int64Range(0, 1<<50).Draw(t, "paid"))}
			in.Lines = append(in.Lines, l)
			paid[settle.HotLine{Torrent: l.Torrent, Member: l.Member}] = l.Paid
		}
		got, err := settle.Hot(in)
		if err != nil {
			t.Fatal(err)
		}
		var sum tokens.Amount
		for _, l := range got {
			sum += l.Paid
			if most := paid[settle.HotLine{Torrent: l.Torrent, Member: l.Member}]; l.Paid <= 0 || l.Paid > tokens.PPM(most, 60_000) {
				t.Fatalf("bonus %+v for %d", l, most)
			}
		}
		if sum > in.Pool {
			t.Fatalf("%d from a pool of %d", sum, in.Pool)
		}
		in.Lines = rapid.Permutation(in.Lines).Draw(t, "order")
		if again, err := settle.Hot(in); err != nil || !slices.Equal(again, got) {
			t.Fatalf("in another order %+v, before %+v: %v", again, got, err)
		}
	})
}
