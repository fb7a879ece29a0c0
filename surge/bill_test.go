package surge_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestNeed(t *testing.T) {
	for _, c := range []struct {
		price tokens.Amount
		bytes bt.Bytes
		want  tokens.Amount
	}{
		{0, bt.GiB, 0}, {10_000_000, 0, 0}, {10_000_000, bt.GiB, 10_000_000},
		{10_000_000, bt.GiB / 2, 5_000_000}, {1, 1, 1}, {1, bt.GiB + 1, 2},
		{10_000_000, 1 << 20, 9_766}, // 9765.625
		{1e15, 1 << 20, 976_562_500_000},
		{1e15, 1 << 53, tokens.MaxAmount}, {math.MaxInt64, math.MaxInt64, tokens.MaxAmount},
	} {
		if got := surge.Need(c.price, c.bytes); got != c.want {
			t.Errorf("Need(%d, %d) = %d, want %d", c.price, c.bytes, got, c.want)
		}
	}
}

func TestBillKeepsTheRemainder(t *testing.T) {
	cost, rem := surge.Bill(7, 1<<30-1, 1, 1)
	if cost != 8 || rem != 0 || surge.Due(cost, rem) != 8 {
		t.Errorf("cost %d and %d/2^30", cost, rem)
	}
	if cost, rem = surge.Bill(7, 0, 1, 1); cost != 7 || rem != 1 || surge.Due(cost, rem) != 8 {
		t.Errorf("cost %d and %d/2^30", cost, rem)
	}
}

func TestBillRefusesNonsense(t *testing.T) {
	for _, c := range []struct {
		cost  tokens.Amount
		rem   int64
		bytes bt.Bytes
		price tokens.Amount
	}{{-1, 0, 1, 1}, {0, -1, 1, 1}, {0, 1 << 30, 1, 1}, {0, 0, -1, 1}, {0, 0, 1, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Bill(%+v) did not panic", c)
				}
			}()
			surge.Bill(c.cost, c.rem, c.bytes, c.price)
		}()
	}
}

// However a download is cut into announces and however its price changes, it costs the exact sum,
// rounded up once.
func TestBillIsIndependentOfTheCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exact, cost, rem := new(big.Int), tokens.Amount(0), int64(0)
		for range rapid.IntRange(1, 6).Draw(t, "prices") {
			bytes := rapid.Int64Range(0, bt.MaxCounter).Draw(t, "bytes")
			price := tokens.Amount(rapid.Int64Range(0, 1e15).Draw(t, "price"))
			exact.Add(exact, new(big.Int).Mul(big.NewInt(bytes), big.NewInt(int64(price))))
			for _, part := range cut(t, bytes) {
				cost, rem = surge.Bill(cost, rem, part, price)
			}
		}
		exact.Add(exact, big.NewInt(1<<30-1)).Rsh(exact, 30)
		if limit := big.NewInt(int64(tokens.MaxAmount)); exact.Cmp(limit) > 0 {
			exact = limit
		}
		if got := surge.Due(cost, rem); big.NewInt(int64(got)).Cmp(exact) != 0 {
			t.Fatalf("due %d, want %s", got, exact)
		}
	})
}

func cut(t *rapid.T, bytes int64) (parts []bt.Bytes) {
	for range rapid.IntRange(0, 8).Draw(t, "cuts") {
		part := rapid.Int64Range(0, bytes).Draw(t, "part")
		parts, bytes = append(parts, bt.Bytes(part)), bytes-part
	}
	return append(parts, bt.Bytes(bytes))
}

func TestPricePerGiB(t *testing.T) {
	p := surge.DefaultParams()
	for multiplier, want := range map[int64]tokens.Amount{
		250_000: 2_500_000, 1_000_000: 10_000_000, 1_125_000: 11_250_000, 10_000_000: 100_000_000,
	} {
		if got := surge.PricePerGiB(p, multiplier); got != want {
			t.Errorf("PricePerGiB(%d) = %d, want %d", multiplier, got, want)
		}
	}
	p.Base = 1
	if got := surge.PricePerGiB(p, 250_000); got != 1 {
		t.Errorf("a price is rounded up, got %d", got)
	}
}
