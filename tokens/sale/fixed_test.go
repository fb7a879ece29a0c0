package sale

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

const precise = 400 // bits of the reference, twice those of the fixed point

func float(x *big.Int) *big.Float { return new(big.Float).SetPrec(precise).SetInt(x) }

func number(a tokens.Amount) *big.Float { return float(big.NewInt(int64(a))) }

func quotient(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(precise).Quo(a, b) }

func unfixed(x *big.Int) *big.Float { return new(big.Float).SetMantExp(float(x), -point) }

// exp is e^x by another way than the rule's: halve until small, all terms positive, square back.
func exp(x *big.Float) *big.Float {
	const halvings = 24
	small := new(big.Float).SetMantExp(x, -halvings)
	sum, term := number(1), number(1)
	for n := int64(1); n < 40; n++ {
		term.Mul(term, small)
		term.Quo(term, number(tokens.Amount(n)))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}

// within reports whether |a − b| ≤ 2^-bits.
func within(a, b *big.Float, bits int) bool {
	d := new(big.Float).SetPrec(precise).Sub(a, b)
	return d.Abs(d).Cmp(new(big.Float).SetMantExp(big.NewFloat(1), -bits)) <= 0
}

func parse(t *testing.T, s string) *big.Float {
	t.Helper()
	f, _, err := big.ParseFloat(s, 10, precise, big.ToNearestEven)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Published digits of ln 2, ln 2.5, ln 10, 1/e and e^-20.
func TestFixedPointConstants(t *testing.T) {
	for _, c := range []struct {
		what, digits string
		got          *big.Int
	}{
		{"ln 2", "0.693147180559945309417232121458176568075500134360255254120680", lnRatio(2, 1)},
		{"ln 2.5", "0.916290731874155065183527211768011071450101219908262467791967", lnRatio(5, 2)},
		{"ln 10", "2.302585092994045684017991454684364207601101488628772976033328", lnRatio(10, 1)},
		{"1/e", "0.367879441171442321595523770161460867445811131031767834507836", expNeg(big.NewInt(1), big.NewInt(1))},
		{"e^-20", "0.00000000206115362243855782796594038015582097637580727559910", expNeg(big.NewInt(20), big.NewInt(1))},
	} {
		if !within(unfixed(c.got), parse(t, c.digits), 150) {
			t.Errorf("%s is %s, want %s", c.what, unfixed(c.got).Text('f', 60), c.digits)
		}
	}
	if lnRatio(7, 7).Sign() != 0 {
		t.Error("ln 1 is not 0")
	}
}

// ln and e^ agree with twice the precision at random points, on the side they promise.
func TestFixedPointAgainstHighPrecision(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		b := tokens.Amount(1 + r.Int64N(1<<(1+r.IntN(58))))
		a := b + tokens.Amount(r.Int64N(int64(b)*4+1))
		ln := unfixed(lnRatio(a, b))
		back, want := exp(ln), quotient(number(a), number(b))
		if !within(back, want, 175) || back.Cmp(want) > 0 {
			t.Fatalf("e^ln(%d/%d) = %s, want %s or a little less", a, b, back.Text('f', 60), want.Text('f', 60))
		}
	}
	for range 10_000 {
		x, y := big.NewInt(r.Int64N(1<<(1+r.IntN(62)))), big.NewInt(1+r.Int64N(1<<(1+r.IntN(61))))
		if new(big.Int).Quo(x, y).Cmp(big.NewInt(10_000)) > 0 {
			continue
		}
		got, want := unfixed(expNeg(x, y)), quotient(number(1), exp(quotient(float(x), float(y))))
		if !within(got, want, 158) || got.Cmp(want) < 0 {
			t.Fatalf("e^-(%s/%s) = %s, want %s or a little more", x, y, got.Text('f', 60), want.Text('f', 60))
		}
	}
	if got := unfixed(expNeg(big.NewInt(1e18), big.NewInt(1))); got.Sign() <= 0 || !within(got, number(0), 159) {
		t.Errorf("e^-10^18 = %s", got.Text('g', 10))
	}
}

// C is what the formula of ECONOMY §8 gives with twice the precision, and so are its roundings.
func TestLockedAgainstHighPrecision(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	half := quotient(number(1), number(2))
	for range 10_000 {
		c := Curve{Price: tokens.Amount(1 + r.Int64N(int64(1000*tokens.Unit))), Limit: tokens.Amount(10 + r.Int64N(int64(1_000_000*tokens.Unit)))}
		sold := tokens.Amount(r.Int64N(int64(c.cap()) + 1))
		got, whole := unfixed(c.locked(sold)), quotient(float(product(c.Price, c.Limit)), number(tokens.Unit))
		share := quotient(got, whole) // F(r)
		if 2*sold <= c.Limit {
			x := quotient(number(sold), number(c.Limit))
			if !within(share, x.Mul(x, x), 150) {
				t.Fatalf("%+v at %d: F = %s", c, sold, share.Text('f', 50))
			}
		} else { // e^(½ − 2F) = 2 − 2r
			x := new(big.Float).SetPrec(precise).Sub(half, new(big.Float).SetMantExp(share, 1))
			if !within(exp(x), quotient(number(2*(c.Limit-sold)), number(c.Limit)), 150) {
				t.Fatalf("%+v at %d: F = %s", c, sold, share.Text('f', 50))
			}
		}
		exact, _ := got.Int(nil)
		if down, up := floor(c.locked(sold)), c.Locked(sold); int64(down) != exact.Int64() || up < down || up > down+1 {
			t.Fatalf("%+v at %d: %s is rounded to %d and %d", c, sold, got.Text('f', 20), down, up)
		}
	}
}

// A drifted price is price·e^(−drift) rounded up, and drifting on is the same as drifting at once.
func TestDriftedAgainstHighPrecision(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 10_000 {
		price, ppm := tokens.Amount(1+r.Int64N(int64(tokens.MaxAmount))), 1+r.Int64N(1_000_000)
		idle := time.Duration(1 + r.Int64N(int64(24*driftTime)))
		got := Drifted(price, ppm, idle)
		x := quotient(float(product(tokens.Amount(ppm), tokens.Amount(idle))), float(product(1_000_000, tokens.Amount(driftTime))))
		want := quotient(number(price), exp(x))
		if number(got).Cmp(want) < 0 || number(got-1).Cmp(want) > 0 {
			t.Fatalf("%d drifts by %d ppm in %s to %d, want %s rounded up", price, ppm, idle, got, want.Text('f', 10))
		}
		if later := Drifted(price, ppm, idle+1); later > got {
			t.Fatalf("%d rises to %d a nanosecond later", got, later)
		}
	}
}
