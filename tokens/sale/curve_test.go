package sale_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/sale"
)

const unit = tokens.Unit

var example = sale.Curve{Price: 1 * unit, Limit: 1000 * unit}

// The check values of ECONOMY §8, to the micro-unit: 500→750 is 500·ln 2, 750→900 is 500·ln 2.5.
func TestCheckValues(t *testing.T) {
	for _, c := range []struct{ from, to, cost, refund tokens.Amount }{
		{0, 250, 62_500_000, 62_500_000},
		{0, 500, 250_000_000, 250_000_000},
		{500, 750, 346_573_591, 346_573_590}, // 346.57359027997…
		{750, 900, 458_145_366, 458_145_365}, // 458.14536593707…
		{0, 900, 1_054_718_957, 1_054_718_956},
	} {
		amount := (c.to - c.from) * unit
		if cost, err := example.CostOf(c.from*unit, amount); err != nil || cost != c.cost {
			t.Errorf("%d→%d costs %d, %v; want %d", c.from, c.to, cost, err, c.cost)
		}
		if refund, err := example.RefundOf(c.to*unit, amount); err != nil || refund != c.refund {
			t.Errorf("%d→%d refunds %d, %v; want %d", c.to, c.from, refund, err, c.refund)
		}
	}
	for sold, want := range map[tokens.Amount]tokens.Amount{0: 0, 250: 500_000, 500: 1_000_000, 750: 2_000_000, 900: 5_000_000} {
		if got := example.MarginalPrice(sold * unit); got != want {
			t.Errorf("marginal price at %d is %d, want %d", sold, got, want)
		}
	}
	if got := example.Locked(900 * unit); got != 1_054_718_957 {
		t.Errorf("locked at 900: %d", got)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func() error
		want error
	}{
		{"buy nothing", func() error { _, err := example.CostOf(0, 0); return err }, sale.ErrAmount},
		{"buy less than nothing", func() error { _, err := example.CostOf(0, -1); return err }, sale.ErrAmount},
		{"buy up to 90 %", func() error { _, err := example.CostOf(0, 900*unit); return err }, nil},
		{"buy beyond 90 %", func() error { _, err := example.CostOf(0, 900*unit+1); return err }, sale.ErrSoldOut},
		{"buy when sold out", func() error { _, err := example.CostOf(900*unit, 1); return err }, sale.ErrSoldOut},
		{"buy the largest number", func() error { _, err := example.CostOf(1, math.MaxInt64); return err }, sale.ErrSoldOut},
		{"sell nothing", func() error { _, err := example.RefundOf(5, 0); return err }, sale.ErrAmount},
		{"sell more than sold", func() error { _, err := example.RefundOf(5, 6); return err }, sale.ErrNotSold},
		{"exchange upside down", func() error { _, _, err := example.Exchange(0, 2, 1, 9); return err }, sale.ErrAmount},
		{"exchange from nothing", func() error { _, _, err := example.Exchange(0, 0, 1, 9); return err }, sale.ErrAmount},
		{"exchange for less than nothing", func() error { _, _, err := example.Exchange(0, 1, 1, -1); return err }, sale.ErrAmount},
		{"exchange too dear", func() error { _, _, err := example.Exchange(0, 250*unit, 300*unit, 62_499_999); return err }, sale.ErrCost},
		{"exchange beyond 90 %", func() error { _, _, err := example.Exchange(899*unit, 2*unit, 3*unit, math.MaxInt64); return err }, sale.ErrSoldOut},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for text, c := range map[string]sale.Curve{
		"":               example,
		"price is 0":     {Price: 0, Limit: unit},
		"limit is 0":     {Price: 1, Limit: 9},
		"floor is -0.00": {Price: 1, Limit: unit, Floor: -1},
		"price 1000000":  {Price: 1_000_000 * unit, Limit: tokens.MaxAmount},
		"whole sale":     {Price: 1, Limit: tokens.MaxAmount, Floor: 2 * unit},
	} {
		err := c.Validate()
		if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
			t.Errorf("%+v: %v, want %q", c, err, text)
		}
	}
}

func TestExchange(t *testing.T) {
	for _, c := range []struct{ sold, least, most, pay, amount, cost tokens.Amount }{
		{0, unit, 1000 * unit, 250 * unit, 500 * unit, 250 * unit},                 // limited by what is paid
		{0, unit, 250 * unit, 250 * unit, 250 * unit, 62_500_000},                  // by most
		{750 * unit, unit, 1000 * unit, 999 * unit, 150 * unit, 458_145_366},       // by what is left
		{500 * unit, 250 * unit, 250 * unit, 346_573_591, 250 * unit, 346_573_591}, // exactly
	} {
		amount, cost, err := example.Exchange(c.sold, c.least, c.most, c.pay)
		if err != nil || amount != c.amount || cost != c.cost {
			t.Errorf("%+v: %d for %d, %v", c, amount, cost, err)
		}
	}
}

func TestFloorPrice(t *testing.T) {
	c := example
	c.Floor = unit / 2 // overtaken at 250 tokens
	for _, x := range []struct{ from, to, cost tokens.Amount }{
		{0, 100, 50_000_000}, {0, 250, 125_000_000}, {0, 500, 312_500_000}, {250, 500, 187_500_000},
		{200, 300, 25_000_000 + 27_500_000},
	} {
		if cost, err := c.CostOf(x.from*unit, (x.to-x.from)*unit); err != nil || cost != x.cost {
			t.Errorf("%d→%d costs %d, %v; want %d", x.from, x.to, cost, err, x.cost)
		}
	}
	if c.MarginalPrice(0) != unit/2 || c.MarginalPrice(500*unit) != unit {
		t.Error("the marginal price ignores the floor or keeps it beyond its end")
	}
	if refund, _ := c.RefundOf(100*unit, 100*unit); refund != 10*unit {
		t.Errorf("a refund follows the curve, not the floor: %d", refund)
	}
	c.Floor = 3 * unit                                                             // overtaken at 833.33 tokens, where h = 3
	want := tokens.Amount(2_500_000_000) + 500*1_000_000*510_825_623/1_000_000_000 // 500·ln(⅓/0.2)
	cost, err := c.CostOf(0, 900*unit)
	if err != nil || max(cost-want, want-cost) > 2 {
		t.Errorf("the whole sale over a high floor costs %d, %v; want %d", cost, err, want)
	}
}

// The curve's integral agrees with floating point over its whole range.
func TestLockedMatchesFloat(t *testing.T) {
	for i := range 901 {
		r := float64(i) / 1000
		want := 1e9 * r * r
		if i > 500 {
			want = 1e9 * (0.25 - 0.5*math.Log(2-2*r))
		}
		if got := float64(example.Locked(tokens.Amount(i) * unit)); math.Abs(got-want) > 1.001 {
			t.Errorf("locked at %d: %f, want %f", i, got, want)
		}
	}
}

func drawCurve(t *rapid.T) sale.Curve {
	c := sale.Curve{
		Price: tokens.Amount(rapid.Int64Range(1, int64(100*unit)).Draw(t, "price")),
		Limit: tokens.Amount(rapid.Int64Range(10, int64(1_000_000*unit)).Draw(t, "limit")),
	}
	if rapid.Bool().Draw(t, "floored") {
		c.Floor = tokens.Amount(rapid.Int64Range(0, 6*int64(c.Price)).Draw(t, "floor"))
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// No sequence of trades leaves the traders with a profit, and what was paid in always covers what
// is locked.
func TestNoSequenceProfits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCurve(t)
		var sold, reserve tokens.Amount
		for range rapid.IntRange(1, 12).Draw(t, "trades") {
			if left := c.Available(sold); left > 0 && (sold == 0 || rapid.Bool().Draw(t, "buy")) {
				amount := tokens.Amount(rapid.Int64Range(1, int64(left)).Draw(t, "amount"))
				cost, err := c.CostOf(sold, amount)
				if err != nil {
					t.Fatal(err)
				}
				sold, reserve = sold+amount, reserve+cost
			} else if sold > 0 {
				amount := tokens.Amount(rapid.Int64Range(1, int64(sold)).Draw(t, "amount"))
				refund, err := c.RefundOf(sold, amount)
				if err != nil {
					t.Fatal(err)
				}
				sold, reserve = sold-amount, reserve-refund
			}
			if reserve < c.Locked(sold) {
				t.Fatalf("reserve %d below the %d locked at %d sold", reserve, c.Locked(sold), sold)
			}
		}
		if sold == 0 && reserve < 0 {
			t.Fatalf("the traders took %d", -reserve)
		}
	})
}

// A cost grows with the amount, stays at or above the refund of the same tokens, and is never below
// the floor or the marginal price at its start.
func TestCostProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCurve(t)
		if c.Available(0) < 3 {
			t.Skip("nothing to trade")
		}
		sold := tokens.Amount(rapid.Int64Range(0, int64(c.Available(0))-2).Draw(t, "sold"))
		amount := tokens.Amount(rapid.Int64Range(1, int64(c.Available(sold))-1).Draw(t, "amount"))
		cost, _ := c.CostOf(sold, amount)
		more, _ := c.CostOf(sold, amount+1)
		refund, err := c.RefundOf(sold+amount, amount)
		if err != nil || more < cost || refund > cost || c.Floor == 0 && refund < cost-1 {
			t.Fatalf("cost %d, of one more %d, refund %d, %v", cost, more, refund, err)
		}
		if c.Locked(sold+amount) < c.Locked(sold) {
			t.Fatal("locked falls")
		}
		if sold > 0 {
			low := tokens.MulDiv(int64(c.MarginalPrice(sold))-1, int64(amount), int64(unit))
			high := tokens.MulDivUp(int64(c.MarginalPrice(sold+amount)), int64(amount), int64(unit))
			if int64(cost) < low || int64(cost) > high+1 {
				t.Fatalf("cost %d is not between %d and %d, the marginal prices at both ends", cost, low, high)
			}
		}
	})
}

// Exchange buys as much as the money allows: what it returns is affordable, one more is not.
func TestExchangeIsGreedy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCurve(t)
		sold := tokens.Amount(rapid.Int64Range(0, int64(c.Available(0))).Draw(t, "sold"))
		least := tokens.Amount(rapid.Int64Range(1, 1000).Draw(t, "least"))
		most := least + tokens.Amount(rapid.Int64Range(0, int64(c.Limit)).Draw(t, "most"))
		pay := tokens.Amount(rapid.Int64Range(0, int64(c.Locked(c.Available(0)))).Draw(t, "pay"))
		amount, cost, err := c.Exchange(sold, least, most, pay)
		if err != nil {
			if need, costErr := c.CostOf(sold, least); costErr == nil && need <= pay {
				t.Fatalf("refused %d tokens that cost %d of %d: %v", least, need, pay, err)
			}
			return
		}
		if same, _ := c.CostOf(sold, amount); same != cost || cost > pay || amount < least || amount > most {
			t.Fatalf("%d tokens for %d (CostOf %d), asked %d to %d for %d", amount, cost, same, least, most, pay)
		}
		if amount < most && amount < c.Available(sold) {
			if next, _ := c.CostOf(sold, amount+1); next <= pay {
				t.Fatalf("stopped at %d although %d cost %d of %d", amount, amount+1, next, pay)
			}
		}
	})
}
