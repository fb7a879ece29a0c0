// Package stake holds the rules of what members put up: the gate's price by route, who stands above
// it (ECONOMY §2), what a node's claims need behind them and what may be taken out again (§6), and
// in which order a penalty is taken (§7). It computes; the store moves the tokens.
//
// It promises: the price never falls while seats are taken, nothing that live claims need can be
// taken out, and what rounding leaves open goes against who could gain by it.
package stake

import (
	"errors"

	"github.com/swarmstake/swarmstake/tokens"
)

// ErrFull: all seats that may be taken are taken.
var ErrFull = errors.New("all seats are taken")

// Of the seats, fullParts in fullOf may be taken: 95 % (ECONOMY §2).
const (
	fullParts = 19
	fullOf    = 20
)

// Gate is what the price of joining depends on.
type Gate struct {
	Surge   bool          // the price moves with the seats taken (route "surge-gate")
	Base    tokens.Amount // the price while half the seats are free; 0 to tokens.MaxAmount
	Seats   int64         // customers the network has capacity for; 1 to 10^9
	Members int64         // who joined and did not leave; at least 0
}

// Full reports whether one member more would take more than 95 % of the seats. Without surge the
// seats do not count.
func (g Gate) Full() bool { return g.Surge && g.Members+1 > g.limit() }

// limit is how many seats may be taken.
func (g Gate) limit() int64 { return g.Seats * fullParts / fullOf }

// Price returns what the next member must stake: Base, and with surge Base·max(1, h(2r)) for
// r = members/seats, h(u) = 1/(2 − u) for 1 < u < 2 (ECONOMY §2, §8), rounded up, against who
// joins. When the gate is full it stands where the last seat was sold. It is at least 1 utok, so
// that a price of 0 can stand for nobody's, and at most tokens.MaxAmount, which nobody can stake.
func (g Gate) Price() tokens.Amount {
	base := max(g.Base, 1)
	taken := min(g.Members, g.limit())
	if !g.Surge || 2*taken <= g.Seats {
		return base
	}
	// 1/(2 − 2n/s) = s/(2(s − n)), at most 10.
	free := 2 * (g.Seats - taken)
	if int64(base) >= tokens.MulDiv(int64(tokens.MaxAmount), free, g.Seats) {
		return tokens.MaxAmount
	}
	return tokens.Amount(tokens.MulDivUp(int64(base), g.Seats, free))
}

// Join returns the price that a stake fixes for its owner, 0 if it does not reach the gate, and
// ErrFull if it does and there is no seat.
func (g Gate) Join(staked tokens.Amount) (tokens.Amount, error) {
	price := g.Price()
	switch {
	case staked < price:
		return 0, nil
	case g.Full():
		return 0, ErrFull
	}
	return price, nil
}
