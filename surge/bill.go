package surge

import (
	"fmt"
	"math/bits"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// fraction is the number of bits behind the point of a cost: a byte at 1 utok per GiB costs 2^-30.
const fraction = 30

// Bill adds the price of bytes to a cost. cost is in whole utok and rem, 0 to 2^30−1, in 2^-30
// utok: together they are exact, so that a download costs the same in however many announces it is
// billed (ECONOMY §3: due = price(cumulative), never per difference). price is in utok per GiB.
//
// A cost ends at tokens.MaxAmount, far beyond what anybody owns. It panics if an argument is
// negative or rem out of range: the meter bounds its inputs.
func Bill(cost tokens.Amount, rem int64, bytes bt.Bytes, price tokens.Amount) (tokens.Amount, int64) {
	if cost < 0 || rem < 0 || rem >= 1<<fraction || bytes < 0 || price < 0 {
		panic(fmt.Sprintf("surge: Bill(%d, %d, %d, %d) out of range", cost, rem, bytes, price))
	}
	hi, lo := bits.Mul64(uint64(bytes), uint64(price))
	lo, carry := bits.Add64(lo, uint64(rem), 0)
	hi += carry
	if hi>>(fraction-1) != 0 { // the whole part would not fit 63 bits
		return tokens.MaxAmount, 0
	}
	whole := tokens.Amount(hi<<(64-fraction) | lo>>fraction)
	if cost > tokens.MaxAmount || whole >= tokens.MaxAmount-cost {
		return tokens.MaxAmount, 0
	}
	return cost + whole, int64(lo & (1<<fraction - 1))
}

// Due is what a cost comes to in whole utok, rounded up: against the downloader, once.
func Due(cost tokens.Amount, rem int64) tokens.Amount {
	if rem > 0 {
		return cost + 1
	}
	return cost
}

// Need is the price of bytes at once, in utok rounded up: what a reservation holds.
func Need(price tokens.Amount, bytes bt.Bytes) tokens.Amount {
	return Due(Bill(0, 0, bytes, price))
}

// PricePerGiB returns p.Base·multiplier in utok per GiB, rounded up.
func PricePerGiB(p Params, multiplierPPM int64) tokens.Amount {
	return tokens.Amount(tokens.MulDivUp(int64(p.Base), multiplierPPM, PPM))
}
