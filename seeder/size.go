package seeder

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Size shows a number of bytes for people, as 1.5 GiB.
type Size int64

func (s Size) String() string {
	const units = "KMGTPE"
	if s < 1<<10 {
		return strconv.FormatInt(int64(s), 10) + " B"
	}
	v, u := float64(s), -1
	for v >= 1<<10 && u < len(units)-1 {
		v /= 1 << 10
		u++
	}
	return fmt.Sprintf("%.4g %ciB", v, units[u])
}

// ParseSize reads sizes as people write them: 5GB (powers of 1000), 5GiB (powers of 1024), 500MiB,
// 1.5TB, or plain bytes. Case and a space before the unit do not matter.
func ParseSize(text string) (int64, error) {
	bad := fmt.Errorf("size %q: want a number with a unit, as 5GB, 5GiB or 500MiB", text)
	s := strings.ToUpper(strings.TrimSpace(text))
	cut := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if cut < 0 {
		cut = len(s)
	}
	factor, ok := unitFactor(strings.TrimSpace(s[cut:]))
	n, valid := new(big.Rat).SetString(s[:cut])
	if !ok || !valid || len(s) > 32 {
		return 0, bad
	}
	n.Mul(n, new(big.Rat).SetInt64(factor))
	whole := new(big.Int).Quo(n.Num(), n.Denom()) // rounded down to whole bytes
	if !whole.IsInt64() {
		return 0, bad
	}
	return whole.Int64(), nil
}

func unitFactor(unit string) (int64, bool) {
	unit = strings.TrimSuffix(unit, "B")
	base := int64(1000)
	if strings.HasSuffix(unit, "I") && len(unit) == 2 {
		base, unit = 1024, unit[:1]
	}
	if unit == "" {
		return 1, true
	}
	power := strings.Index("KMGTP", unit)
	if len(unit) != 1 || power < 0 {
		return 0, false
	}
	factor := base
	for range power {
		factor *= base
	}
	return factor, true
}

func hexID(id bt.PeerID) string { return hex.EncodeToString(id[:]) }
