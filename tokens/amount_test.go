package tokens_test

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
)

func TestParseAmount(t *testing.T) {
	for _, c := range []struct {
		in   string
		want tokens.Amount
	}{
		{"0", 0}, {"12", 12_000_000}, {"0.5", 500_000}, {"3.000001", 3_000_001}, {"007", 7_000_000},
		{"1.10", 1_100_000}, {"1000000000000", tokens.MaxAmount}, {"1000000000000.000000", tokens.MaxAmount},
	} {
		got, err := tokens.ParseAmount(c.in)
		if err != nil || got != c.want {
			t.Errorf("ParseAmount(%q) = %d, %v; want %d", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{
		"", ".", "1.", ".5", "-1", "+1", " 1", "1 ", "1e3", "0x1", "1,5", "1.2.3", "1.0000001", "1_000",
		"1000000000000.000001", "1000000000001", "99999999999999999999", "١", "1.٥",
	} {
		if got, err := tokens.ParseAmount(in); err == nil {
			t.Errorf("ParseAmount(%q) = %d, want an error", in, got)
		}
	}
}

func TestAmountString(t *testing.T) {
	for a, want := range map[tokens.Amount]string{
		0: "0", 1: "0.000001", -1: "-0.000001", 500_000: "0.5", 12_000_000: "12", -12_345_678: "-12.345678",
		math.MaxInt64: "9223372036854.775807", math.MinInt64: "-9223372036854.775808",
	} {
		if got := a.String(); got != want {
			t.Errorf("Amount(%d) = %q, want %q", int64(a), got, want)
		}
	}
}

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"0", "12.5", "1000000000000", "-1", "1.0000000", "1e3", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := tokens.ParseAmount(s)
		if err != nil {
			return
		}
		if a < 0 || a > tokens.MaxAmount {
			t.Fatalf("ParseAmount(%q) = %d, out of range", s, a)
		}
		if again, err := tokens.ParseAmount(a.String()); err != nil || again != a {
			t.Fatalf("%q parses to %d, which prints as %q and parses to %d, %v", s, a, a, again, err)
		}
	})
}

func TestMulDiv(t *testing.T) {
	for _, c := range []struct{ a, b, c, down, up int64 }{
		{0, 5, 3, 0, 0}, {7, 3, 2, 10, 11}, {6, 3, 2, 9, 9}, {1, 1, 2, 0, 1},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64},
		{1 << 53, 10_000_000, 1 << 30, 1 << 23 * 10_000_000, 1 << 23 * 10_000_000},
	} {
		if got := tokens.MulDiv(c.a, c.b, c.c); got != c.down {
			t.Errorf("MulDiv(%d, %d, %d) = %d, want %d", c.a, c.b, c.c, got, c.down)
		}
		if got := tokens.MulDivUp(c.a, c.b, c.c); got != c.up {
			t.Errorf("MulDivUp(%d, %d, %d) = %d, want %d", c.a, c.b, c.c, got, c.up)
		}
	}
	for _, c := range [][3]int64{
		{-1, 1, 1}, {1, -1, 1}, {1, 1, 0}, {1, 1, -1}, {math.MaxInt64, 2, 1}, {math.MaxInt64, math.MaxInt64, 1},
	} {
		if !panics(func() { tokens.MulDiv(c[0], c[1], c[2]) }) {
			t.Errorf("MulDiv(%d, %d, %d) did not panic", c[0], c[1], c[2])
		}
	}
	if got := tokens.PPM(1_000_001, 500_000); got != 500_000 {
		t.Errorf("PPM rounds to %d, want down to 500000", got)
	}
}

func TestMulDivMatchesBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Min(0).Draw(t, "a"), rapid.Int64Min(0).Draw(t, "b")
		c := rapid.Int64Min(1).Draw(t, "c")
		q, r := new(big.Int).QuoRem(new(big.Int).Mul(big.NewInt(a), big.NewInt(b)), big.NewInt(c), new(big.Int))
		if !q.IsInt64() || q.Int64() == math.MaxInt64 {
			t.Skip("does not fit")
		}
		up := q.Int64() + int64(r.Sign())
		if d, u := tokens.MulDiv(a, b, c), tokens.MulDivUp(a, b, c); d != q.Int64() || u != up {
			t.Fatalf("MulDiv %d, up %d; want %s, %d", d, u, q, up)
		}
	})
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		total   tokens.Amount
		weights []int64
		want    []tokens.Amount
	}{
		{0, nil, []tokens.Amount{}},
		{0, []int64{0, 0}, []tokens.Amount{0, 0}},
		{10, []int64{1, 1, 1}, []tokens.Amount{4, 3, 3}},
		{11, []int64{1, 1, 1}, []tokens.Amount{4, 4, 3}},
		{100, []int64{800_000, 120_000, 80_000}, []tokens.Amount{80, 12, 8}},
		{1, []int64{1, 2}, []tokens.Amount{0, 1}},
		{5, []int64{0, 1, 0}, []tokens.Amount{0, 5, 0}},
		{math.MaxInt64, []int64{1 << 62, 1 << 62, 1 << 62, 1 << 62}, []tokens.Amount{1 << 61, 1 << 61, 1 << 61, 1<<61 - 1}},
	} {
		if got := tokens.Split(c.total, c.weights); !slices.Equal(got, c.want) {
			t.Errorf("Split(%d, %v) = %v, want %v", c.total, c.weights, got, c.want)
		}
	}
	for name, f := range map[string]func(){
		"negative total":  func() { tokens.Split(-1, []int64{1}) },
		"negative weight": func() { tokens.Split(1, []int64{2, -1}) },
		"no weight":       func() { tokens.Split(1, []int64{0}) },
		"nobody":          func() { tokens.Split(1, []int64(nil)) },
	} {
		if !panics(f) {
			t.Errorf("%s: Split did not panic", name)
		}
	}
}

// Every part of a split is the exact share rounded down or up, and the parts sum to the whole.
func TestSplitIsExactAndFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := tokens.Amount(rapid.Int64Min(0).Draw(t, "total"))
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1<<62), 1, 20).Draw(t, "weights")
		weights[0] |= 1 // at least one is positive
		whole := new(big.Int)
		for _, w := range weights {
			whole.Add(whole, big.NewInt(w))
		}
		var sum tokens.Amount
		for i, part := range tokens.Split(total, weights) {
			sum += part
			exact := new(big.Int).Mul(big.NewInt(int64(total)), big.NewInt(weights[i]))
			off := exact.Sub(exact, new(big.Int).Mul(big.NewInt(int64(part)), whole))
			if off.CmpAbs(whole) >= 0 {
				t.Fatalf("part %d = %d is a whole unit off its share", i, part)
			}
		}
		if sum != total {
			t.Fatalf("parts sum to %d, want %d", sum, total)
		}
	})
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
