package sale

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// ErrAdjust: a change of the curve by which somebody could buy before it and sell after it with a
// profit, paid from what is locked for others.
var ErrAdjust = errors.New("the sale cannot change in this way")

// Adjust reports whether next may take the place of c while sold tokens are sold: nil, what is out
// of range in next, or an error of kind ErrAdjust that says why not. The floor does not matter,
// refunds do not know it.
//
// While nothing is sold anything goes. Otherwise the marginal price must not rise at any count up
// to sold. Then C, its integral, falls or stays for each of them, what it falls by is left in the
// reserve as buffer, and nobody sells for more than he could have sold for before.
func (c Curve) Adjust(next Curve, sold tokens.Amount) error {
	c.mustBeSold(sold)
	if err := next.Validate(); err != nil || sold == 0 {
		return err
	}
	if left := next.cap(); sold > left {
		return fmt.Errorf("%w: %s tokens are sold, a limit of %s ends at %s: raise the limit", ErrAdjust, sold, next.Limit, left)
	}
	// Between these two points the marginal prices cross at most once, and then next is the lower
	// one first: next begins at most as steep, and its hyperbola, where it begins earlier, is convex.
	if product(next.Price, c.Limit).Cmp(product(c.Price, next.Limit)) > 0 {
		return fmt.Errorf("%w: price %s with limit %s makes the first tokens dearer than price %s with limit %s: lower the price, or raise the limit more than the price",
			ErrAdjust, next.Price, next.Limit, c.Price, c.Limit)
	}
	if next.marginal(sold).Cmp(c.marginal(sold)) > 0 {
		return fmt.Errorf("%w: with %s tokens sold the marginal price would rise from %s to %s: lower the price more, or the limit less",
			ErrAdjust, sold, c.noFloor().MarginalPrice(sold), next.noFloor().MarginalPrice(sold))
	}
	return nil
}

func (c Curve) noFloor() Curve {
	c.Floor = 0
	return c
}

// marginal returns Price·h(2·sold/Limit), exactly.
func (c Curve) marginal(sold tokens.Amount) *big.Rat {
	if 2*sold <= c.Limit {
		return new(big.Rat).SetFrac(product(2, c.Price, sold), product(c.Limit))
	}
	return new(big.Rat).SetFrac(product(c.Price, c.Limit), product(2, c.Limit-sold))
}

// driftTime is the time in which ln P falls by the drift if nothing is sold (ECONOMY §8).
const driftTime = 30 * 24 * time.Hour

// Idle returns how much of the elapsed time counts for the drift: elapsed·(1 − 2r), nothing from
// r = ½ on or if the clock went back. It is rounded down, so that the price falls rather less.
func (c Curve) Idle(sold tokens.Amount, elapsed time.Duration) time.Duration {
	c.mustBeSold(sold)
	if elapsed <= 0 || 2*sold >= c.Limit {
		return 0
	}
	return time.Duration(tokens.MulDiv(int64(elapsed), int64(c.Limit-2*sold), int64(c.Limit)))
}

// Drifted returns the price after an idle time: price·e^(−ppm/10^6 · idle/30 days), rounded up, so
// that ln P falls by at most what ECONOMY §8 allows. It is never above price, so C never rises, and
// never below the smallest one. ppm is 0 to 10^6; it and a price that never was are the caller's.
func Drifted(price tokens.Amount, ppm int64, idle time.Duration) tokens.Amount {
	if ppm <= 0 || idle <= 0 {
		return price
	}
	fallen := expNeg(product(tokens.Amount(ppm), tokens.Amount(idle)), product(1_000_000, tokens.Amount(driftTime)))
	return min(price, max(1, ceil(fallen.Mul(fallen, product(price)))))
}
