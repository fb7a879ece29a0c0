package sale

import (
	"math/big"

	"github.com/swarmstake/swarmstake/tokens"
)

// point is the number of bits behind the point. Up to r = ½ the function is a fraction rounded down
// and so cannot fall; beyond, one more utok costs at least 10^-6 micro-units, and the logarithm's
// error times Price·Limit (below 2^120) is less than 2^-60.
const point = 192

// fixed returns an amount in fixed point.
func fixed(a tokens.Amount) *big.Int { return new(big.Int).Lsh(big.NewInt(int64(a)), point) }

func sub(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }

func floor(x *big.Int) tokens.Amount { return tokens.Amount(new(big.Int).Rsh(x, point).Int64()) }

func ceil(x *big.Int) tokens.Amount {
	return -floor(new(big.Int).Neg(x)) // Rsh rounds towards minus infinity
}

// product returns the product of non-negative amounts.
func product(factors ...tokens.Amount) *big.Int {
	p := big.NewInt(1)
	for _, f := range factors {
		p.Mul(p, big.NewInt(int64(f)))
	}
	return p
}

// ratio returns a/b in fixed point, rounded down.
func ratio(a, b *big.Int) *big.Int {
	r := new(big.Int).Lsh(a, point)
	return r.Quo(r, b)
}

// locked returns C(sold) = Price·Limit·F(r) in quote micro-units, fixed point (ECONOMY §8):
// F = r² up to r = ½, ¼ − ½·ln(2 − 2r) beyond.
func (c Curve) locked(sold tokens.Amount) *big.Int {
	if 2*sold <= c.Limit {
		return ratio(product(c.Price, sold, sold), product(c.Limit, tokens.Unit))
	}
	// ½ − ln(2(L−T)/L), then halved.
	f := new(big.Int).Rsh(fixed(1), 1)
	f.Add(f, lnRatio(c.Limit, 2*(c.Limit-sold)))
	f.Mul(f, product(c.Price, c.Limit))
	return f.Quo(f, product(2, tokens.Unit))
}

// costFixed returns ∫ max(Price·h, Floor) from one count of sold tokens to another, fixed point.
func (c Curve) costFixed(from, to tokens.Amount) *big.Int {
	cost := sub(c.locked(to), c.locked(from))
	if c.Floor == 0 {
		return cost
	}
	if above := c.floorEnds(); from < above {
		flat := min(to, above)
		cost.Sub(cost, sub(c.locked(flat), c.locked(from)))
		cost.Add(cost, ratio(product(c.Floor, flat-from), product(tokens.Unit)))
	}
	return cost
}

// floorEnds returns how many tokens are sold when the curve overtakes the floor, rounded down: up
// to there the floor is never below the curve, so a cost is never below what it locks.
func (c Curve) floorEnds() tokens.Amount {
	if c.Floor <= c.Price { // h(u) = u: r = floor/2·price
		return tokens.Amount(tokens.MulDiv(int64(c.Limit), int64(c.Floor), 2*int64(c.Price)))
	}
	return c.Limit - tokens.Amount(tokens.MulDivUp(int64(c.Limit), int64(c.Price), 2*int64(c.Floor)))
}

// lnRatio returns ln(a/b) for 1 ≤ a/b, in fixed point, rounded down within 2^-180.
func lnRatio(a, b tokens.Amount) *big.Int {
	// a/b = 2^k·y with 1 ≤ y < 2.
	k := 0
	for a/2 >= b {
		b, k = 2*b, k+1
	}
	ln := new(big.Int).Mul(atanhLn(2, 1), big.NewInt(int64(k)))
	return ln.Add(ln, atanhLn(a, b))
}

// atanhLn returns ln(a/b) = 2·atanh(z), z = (a−b)/(a+b), for 1 ≤ a/b ≤ 2, by the series
// z + z³/3 + z⁵/5 + …; z ≤ ⅓, so each term gains three bits.
func atanhLn(a, b tokens.Amount) *big.Int {
	z := ratio(product(a-b), new(big.Int).Add(product(a), product(b)))
	square := new(big.Int).Mul(z, z)
	square.Rsh(square, point)
	sum := new(big.Int)
	for power, n := z, int64(1); power.Sign() > 0; n += 2 {
		sum.Add(sum, new(big.Int).Quo(power, big.NewInt(n)))
		power = new(big.Int).Mul(power, square)
		power.Rsh(power, point)
	}
	return sum.Lsh(sum, 1)
}

// slack is more than the error of expNeg before its result is shifted.
var slack = new(big.Int).Lsh(big.NewInt(1), point-160)

// expNeg returns e^(−a/b) for non-negative a and positive b, in fixed point, rounded up within
// 2^-159.
func expNeg(a, b *big.Int) *big.Int {
	// a/b = k·ln 2 + y with 0 ≤ y < ln 2.
	ln2 := atanhLn(2, 1)
	k, y := new(big.Int).QuoRem(ratio(a, b), ln2, new(big.Int))
	sum := new(big.Int)
	for term, n := fixed(1), int64(1); term.Sign() != 0; n++ { // 1 − y + y²/2! − …
		sum.Add(sum, term)
		term = new(big.Int).Mul(term, y)
		term.Quo(term.Rsh(term, point), big.NewInt(-n))
	}
	sum.Add(sum, slack)
	if !k.IsInt64() || k.Int64() > point { // smaller than the slack
		return new(big.Int).Set(slack)
	}
	return sum.Rsh(sum, uint(k.Int64())).Add(sum, slack)
}
