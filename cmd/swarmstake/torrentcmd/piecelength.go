package torrentcmd

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// parsePieceLength reads bytes, or a number with KiB or MiB. Empty is 0: chosen by size.
func parsePieceLength(s string) (bt.Bytes, error) {
	if s == "" {
		return 0, nil
	}
	number, unit := s, int64(1)
	if n, ok := strings.CutSuffix(s, "KiB"); ok {
		number, unit = n, 1<<10
	} else if n, ok := strings.CutSuffix(s, "MiB"); ok {
		number, unit = n, 1<<20
	}
	n, err := strconv.ParseInt(number, 10, 32)
	length := bt.Bytes(n * unit)
	if err != nil || length < catalog.MinPieceLength || length > catalog.MaxPieceLength || bits.OnesCount64(uint64(length)) != 1 {
		return 0, fmt.Errorf("%q: want a power of two from 16KiB to 16MiB, in bytes or with KiB or MiB", s)
	}
	return length, nil
}
