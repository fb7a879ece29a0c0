package surge

import (
	"math/bits"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Rationed returns what the proven seeders of a torrent can give, in bytes per second, and whether that
// is too little for what is wanted, so that it is to be rationed. While it is enough nothing is: held
// back, it would only be measured as less. Without proven seeders nothing is known to ration.
func (s State) Rationed(p Params) (rate bt.Bytes, short bool) {
	if s.SmoothedPPM < PPM || s.CapacityBytes <= 0 {
		return 0, false
	}
	perSecond := tokens.MulDiv(int64(min(s.CapacityBytes, inWindow(p, MaxRate))), int64(time.Second), int64(p.Window))
	return bt.Bytes(perSecond), true
}

// shareFactor is how much more than all there is the shares come to together: not everybody is connected
// to everybody, nor takes what it may.
const shareFactor = 2

// Share returns the most bytes per second that a seeder should give one download of a torrent whose
// seeders can give rate together (ECONOMY §9): in proportion to the download's reserved funds, of all that
// downloads of the torrent reserved, and never less than the minimum, which a guest has. It is rounded down
// to two significant bits, so that seeders learn little about a member's funds.
//
// The shares of n downloads whose funds are all come to no more than 2·rate + n·minimum.
func Share(rate bt.Bytes, funds, all tokens.Amount, minimum bt.Bytes) bt.Bytes {
	rate = min(max(rate, 0), MaxRate)
	if funds = min(funds, all); funds <= 0 {
		return minimum
	}
	return max(minimum, coarse(bt.Bytes(tokens.MulDiv(int64(shareFactor*rate), int64(funds), int64(all)))))
}

// coarse rounds down to two significant bits.
func coarse(n bt.Bytes) bt.Bytes {
	if more := bits.Len64(uint64(n)) - 2; more > 0 {
		return n >> more << more
	}
	return n
}
