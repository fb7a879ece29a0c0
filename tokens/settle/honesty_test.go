package settle_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func honesty(downloads []settle.Download, claims ...settle.Claim) settle.HonestyInput {
	return settle.HonestyInput{Torrent: 1, Params: settle.DefaultParams(), Downloads: downloads, Claims: claims, Introduced: always, Related: never}
}

func trusted(m int, b bt.Bytes, q int64) settle.Claim {
	c := claim(m, b)
	c.HonestyPPM = q
	return c
}

func mustHonesty(t interface{ Fatal(...any) }, in settle.HonestyInput) []settle.HonestyRow {
	rows, err := settle.Honesty(in)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestHonesty(t *testing.T) {
	free := download(2, 0, 0)
	free.FreeBytes = 10_000
	for _, c := range []struct {
		name      string
		downloads []settle.Download
		claims    []settle.Claim
		spoil     func(*settle.HonestyInput)
		want      []settle.HonestyRow
	}{
		{"all is admitted", []settle.Download{download(1, 10_000, 1)}, []settle.Claim{trusted(11, 4000, 1), trusted(12, 6010, 900_000)}, nil,
			[]settle.HonestyRow{{11, 4000, 0}, {12, 6010, 0}}},
		{"excess falls on those without history", []settle.Download{download(1, 10_000, 1)}, []settle.Claim{trusted(11, 9000, 1_000_000), trusted(12, 9000, 100_000)}, nil,
			[]settle.HonestyRow{{11, 9000, 9}, {12, 9000, 7981}}},
		{"and on all alike if nobody has any", []settle.Download{download(1, 10_000, 1)}, []settle.Claim{trusted(11, 15_000, 100_000), trusted(12, 5000, 100_000)}, nil,
			[]settle.HonestyRow{{11, 10_000, 3327}, {12, 5000, 1663}}},
		{"who was introduced to nobody claims nothing", []settle.Download{download(1, 10_000, 1)}, []settle.Claim{trusted(11, 9000, 1)},
			func(in *settle.HonestyInput) { in.Introduced = never }, []settle.HonestyRow{{11, 0, 0}}},
		{"one's own download admits nothing of one's claim", []settle.Download{download(11, 10_000, 1)}, []settle.Claim{trusted(11, 9000, 1)}, nil,
			[]settle.HonestyRow{{11, 0, 0}}},
		{"no standing", []settle.Download{download(1, 10_000, 1)}, []settle.Claim{trusted(11, 9000, 1)},
			func(in *settle.HonestyInput) { in.Claims[0].Standing = false }, nil},
		{"free bytes explain and prove nothing", []settle.Download{free}, []settle.Claim{trusted(11, 10_000, 100_000)}, nil,
			[]settle.HonestyRow{{11, 0, 0}}},
		{"nor do they hide what nobody admits", []settle.Download{free}, []settle.Claim{trusted(11, 10_000, 100_000), trusted(12, 10_000, 900_000)}, nil,
			[]settle.HonestyRow{{11, 8983, 8983}, {12, 1007, 1007}}},
		{"a half is free", []settle.Download{download(1, 10_000, 1), free}, []settle.Claim{trusted(11, 8000, 100_000)}, nil,
			[]settle.HonestyRow{{11, 4000, 0}}},
		{"what a related member paid proves nothing", []settle.Download{download(1, 10_000, 1)}, []settle.Claim{trusted(11, 8000, 100_000)},
			func(in *settle.HonestyInput) { in.Related = always }, []settle.HonestyRow{{11, 0, 0}}},
		{"without any honesty a true claim is none the worse", []settle.Download{download(1, 10_000, 1)}, []settle.Claim{trusted(11, 8000, 0)}, nil,
			[]settle.HonestyRow{{11, 8000, 0}}},
	} {
		in := honesty(c.downloads, c.claims...)
		if c.spoil != nil {
			c.spoil(&in)
		}
		if got := mustHonesty(t, in); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestHonestyRefusesNonsense(t *testing.T) {
	for name, spoil := range map[string]func(*settle.HonestyInput){
		"negative free bytes": func(in *settle.HonestyInput) { in.Downloads[0].FreeBytes = -1 },
		"oversized":           func(in *settle.HonestyInput) { in.Downloads[0].FreeBytes = 1<<60 + 1 },
		"claim twice":         func(in *settle.HonestyInput) { in.Claims = append(in.Claims, in.Claims[0]) },
		"honesty of 2":        func(in *settle.HonestyInput) { in.Claims[0].HonestyPPM = 2_000_000 },
		"no relations":        func(in *settle.HonestyInput) { in.Related = nil },
	} {
		in := honesty([]settle.Download{download(1, 1000, 1)}, claim(11, 1000))
		spoil(&in)
		if _, err := settle.Honesty(in); !errors.Is(err, settle.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuality(t *testing.T) {
	p := settle.DefaultParams()
	for _, c := range []struct {
		claimed, excess bt.Bytes
		want            int64
	}{
		{0, 0, 100_000},
		{2 * bt.GiB, 0, 550_000},
		{2 * bt.GiB, 2 * bt.GiB, 50_000},
		{18 * bt.GiB, 0, 910_000},
		{198 * bt.GiB, 0, 991_000},
		{198 * bt.GiB, 99 * bt.GiB, 496_000},
		{100, 200, 99_999}, {-5, -5, 100_000},
		{math.MaxInt64, 0, 999_999}, {math.MaxInt64, math.MaxInt64, 0},
	} {
		if got := settle.Quality(p, c.claimed, c.excess); got != c.want {
			t.Errorf("q of %d claimed, %d excess is %d, want %d", c.claimed, c.excess, got, c.want)
		}
	}
}

// drawHonesty draws a day of a swarm with free bytes, relations and missing introductions.
func drawHonesty(t *rapid.T) settle.HonestyInput {
	in := drawInput(t)
	for i := range in.Downloads {
		in.Downloads[i].FreeBytes = bt.Bytes(rapid.SampledFrom([]int64{0, 1, 1 << 30, 1 << 41}).Draw(t, "free"))
	}
	return settle.HonestyInput{Torrent: 1, Params: in.Params, Downloads: in.Downloads, Claims: in.Claims, Introduced: in.Introduced, Related: in.Related}
}

// Excess is what is claimed beyond what is admitted, to the byte; it never depends on the order of
// the input, and a better history never brings more of it.
func TestHonestyProperties(t *testing.T) {
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawHonesty(t)
		rows := mustHonesty(t, in)
		claims, admitted := map[bt.MemberID]bt.Bytes{}, bt.Bytes(0)
		var claimed, excess bt.Bytes
		for _, d := range in.Downloads {
			admitted += d.Bytes + d.FreeBytes
		}
		for _, c := range in.Claims {
			if !c.Standing {
				continue
			}
			var cap bt.Bytes
			for _, d := range in.Downloads {
				if d.Member != c.Member && in.Introduced(d.Member, c.Member) {
					cap += d.Bytes + d.FreeBytes
				}
			}
			claims[c.Member] = min(c.Bytes, cap)
			claimed += claims[c.Member]
		}
		for _, r := range rows {
			if r.Excess < 0 || r.Excess > r.Claimed || r.Claimed > claims[r.Member] {
				t.Fatalf("row %+v of a claim of %d", r, claims[r.Member])
			}
			excess += r.Excess
		}
		if want := max(0, claimed-admitted-admitted/1000); excess != want || len(rows) != len(claims) {
			t.Fatalf("excess %d, want %d", excess, want)
		}
		if excess > 0 {
			seen++
		}
		in.Downloads = rapid.Permutation(in.Downloads).Draw(t, "downloads")
		in.Claims = rapid.Permutation(in.Claims).Draw(t, "claims")
		if got := mustHonesty(t, in); !slices.Equal(got, rows) {
			t.Fatalf("in another order %+v, before %+v", got, rows)
		}
		if len(in.Claims) == 0 {
			return
		}
		better := &in.Claims[0]
		better.HonestyPPM = min(1_000_000, better.HonestyPPM+rapid.Int64Range(0, 1_000_000).Draw(t, "better"))
		if was, is := excessOf(rows, better.Member), excessOf(mustHonesty(t, in), better.Member); is > was+1 {
			t.Fatalf("a better history raises the excess from %d to %d", was, is)
		}
	})
	if seen == 0 {
		t.Error("no drawn swarm ever claimed too much: the property was not tested")
	}
}

func excessOf(rows []settle.HonestyRow, m bt.MemberID) bt.Bytes {
	for _, r := range rows {
		if r.Member == m {
			return r.Excess
		}
	}
	return 0
}

// Of a claim that is not admitted in full, a larger one is not admitted in a larger part.
func TestClaimingMoreIsNoMoreHonest(t *testing.T) {
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawHonesty(t)
		for i := range in.Downloads {
			in.Downloads[i].FreeBytes = 0
		}
		in.Related = never
		for _, r := range mustHonesty(t, in) {
			if r.Excess == 0 {
				continue
			}
			tried++
			i := slices.IndexFunc(in.Claims, func(c settle.Claim) bool { return c.Member == r.Member })
			in.Claims[i].Bytes += bt.Bytes(rapid.Int64Range(1, 1<<40).Draw(t, "more"))
			for _, more := range mustHonesty(t, in) {
				if more.Member == r.Member && float64(more.Excess+1)/float64(more.Claimed) < float64(r.Excess-1)/float64(r.Claimed) {
					t.Fatalf("was %+v, is %+v after claiming more", r, more)
				}
			}
			return
		}
	})
	if tried == 0 {
		t.Error("nobody ever claimed too much")
	}
}
