// Package sale is the token sale of ECONOMY §8: a bonding curve on which buying mints tokens and
// selling burns them, and on which whoever sells later than he bought is paid from what is locked.
//
// It promises: cost and refund of a trade are differences of one deterministic function of the
// tokens sold, rounded against the user, so that no sequence of trades makes a profit and what was
// paid in always covers Locked. All functions are pure; "sold" is the curve's own net count of
// sold tokens, not the supply.
package sale

import (
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/tokens"
)

// Curve is a sale. Its marginal price at r = sold/Limit is Price·h(2r), h(u) = u up to 1 and
// 1/(2−u) beyond, never below Floor.
type Curve struct {
	Price tokens.Amount // quote micro-units per whole token at r = ½; 1 to tokens.MaxAmount
	Limit tokens.Amount // utok; 10 to tokens.MaxAmount
	Floor tokens.Amount // quote micro-units per whole token; 0: none. Refunds do not know it.
}

var (
	// ErrAmount: an amount that is no trade (not positive, or min above max).
	ErrAmount = errors.New("not a tradable amount")
	// ErrSoldOut: the purchase would go beyond 90 % of the limit.
	ErrSoldOut = errors.New("more than the sale has left")
	// ErrCost: the fewest tokens wanted cost more than the buyer would pay.
	ErrCost = errors.New("costs more than the maximum named")
	// ErrRefund: the tokens offered bring less than the seller would take.
	ErrRefund = errors.New("brings less than the minimum named")
	// ErrNotSold: more tokens offered than the curve has sold.
	ErrNotSold = errors.New("more than the sale has sold")
)

// Buying ends at r = capNum/capDen, where the marginal price is 5·Price (ECONOMY §8).
const capNum, capDen = 9, 10

// Validate names the first field that is out of range, its value and what would be accepted.
func (c Curve) Validate() error {
	switch {
	case c.Price < 1 || c.Price > tokens.MaxAmount:
		return fmt.Errorf("sale: price is %s quote units per token: want 0.000001 to %s", c.Price, tokens.MaxAmount)
	case c.Limit < capDen || c.Limit > tokens.MaxAmount:
		return fmt.Errorf("sale: limit is %s tokens: want 0.00001 to %s", c.Limit, tokens.MaxAmount)
	case c.Floor < 0 || c.Floor > tokens.MaxAmount:
		return fmt.Errorf("sale: floor is %s quote units per token: want 0 to %s", c.Floor, tokens.MaxAmount)
	}
	if whole := c.costFixed(0, c.cap()); whole.Cmp(fixed(tokens.MaxAmount)) > 0 {
		return fmt.Errorf("sale: price %s, floor %s with limit %s: the whole sale would cost more than %s: lower one of them",
			c.Price, c.Floor, c.Limit, tokens.MaxAmount)
	}
	return nil
}

// CostOf returns what tokens cost when sold are sold already, in quote micro-units, rounded up.
func (c Curve) CostOf(sold, amount tokens.Amount) (tokens.Amount, error) {
	if err := c.check(sold, amount); err != nil {
		return 0, err
	}
	if amount > c.Available(sold) {
		return 0, fmt.Errorf("buy %s tokens, %s left: %w", amount, c.Available(sold), ErrSoldOut)
	}
	return ceil(c.costFixed(sold, sold+amount)), nil
}

// RefundOf returns what selling tokens back brings, in quote micro-units, rounded down.
func (c Curve) RefundOf(sold, amount tokens.Amount) (tokens.Amount, error) {
	if err := c.check(sold, amount); err != nil {
		return 0, err
	}
	if amount > sold {
		return 0, fmt.Errorf("sell %s tokens, %s sold: %w", amount, sold, ErrNotSold)
	}
	return floor(sub(c.locked(sold), c.locked(sold-amount))), nil
}

// Exchange returns the most tokens from least to most that cost at most maxCost, and their cost.
func (c Curve) Exchange(sold, least, most, maxCost tokens.Amount) (amount, cost tokens.Amount, err error) {
	if least > most || maxCost < 0 {
		return 0, 0, fmt.Errorf("buy %s to %s tokens for %s: %w", least, most, maxCost, ErrAmount)
	}
	if cost, err = c.CostOf(sold, least); err != nil {
		return 0, 0, err
	}
	if cost > maxCost {
		return 0, 0, fmt.Errorf("%s tokens cost %s, at most %s: %w", least, cost, maxCost, ErrCost)
	}
	amount, over := least, min(most, c.Available(sold))+1
	for over-amount > 1 {
		half := amount + (over-amount)/2
		if price := ceil(c.costFixed(sold, sold+half)); price <= maxCost {
			amount, cost = half, price
		} else {
			over = half
		}
	}
	return amount, cost, nil
}

// MarginalPrice returns the price of the next token, in quote micro-units per whole token, rounded
// up; of the last one on sale when nothing is left.
func (c Curve) MarginalPrice(sold tokens.Amount) tokens.Amount {
	c.mustBeSold(sold)
	price, limit, at := int64(c.Price), int64(c.Limit), int64(min(sold, c.cap()))
	if at <= limit-at { // h(u) = u; the factor 2 is taken out of the limit, which may be odd
		price = tokens.MulDivUp(price, 2*at, limit)
	} else {
		price = tokens.MulDivUp(price, limit, 2*(limit-at))
	}
	return max(tokens.Amount(price), c.Floor)
}

// Locked returns what the reserve must hold for the tokens sold, in quote micro-units, rounded up.
func (c Curve) Locked(sold tokens.Amount) tokens.Amount {
	c.mustBeSold(sold)
	return ceil(c.locked(sold))
}

// Available returns how many utok can still be bought.
func (c Curve) Available(sold tokens.Amount) tokens.Amount { return max(0, c.cap()-sold) }

func (c Curve) cap() tokens.Amount { return c.Limit / capDen * capNum }

func (c Curve) check(sold, amount tokens.Amount) error {
	c.mustBeSold(sold)
	if amount <= 0 {
		return fmt.Errorf("%s tokens: %w", amount, ErrAmount)
	}
	return nil
}

// mustBeSold panics when sold is not a state of this sale: the caller lost count.
func (c Curve) mustBeSold(sold tokens.Amount) {
	if sold < 0 || sold > c.Limit/capDen*capNum {
		panic(fmt.Sprintf("sale: %d utok sold of a limit of %d", sold, c.Limit))
	}
}
