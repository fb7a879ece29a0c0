package settle

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Networks wider than a household but small enough to have one operator (ECONOMY §5).
const networkBits4, networkBits6 = 24, 48

// network returns the /24 or /48 that p lies in. The zero prefix says nothing: p is invalid, or an
// address that many unrelated machines have (loopback, private, link-local).
func network(p netip.Prefix) netip.Prefix {
	a := p.Addr().Unmap()
	if !p.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() {
		return netip.Prefix{}
	}
	wide, own := networkBits6, p.Bits()
	if a.Is4() {
		wide = networkBits4
		if p.Addr().Is4In6() {
			own -= 96
		}
	}
	out, err := a.Prefix(max(0, min(wide, own)))
	if err != nil {
		return netip.Prefix{}
	}
	return out
}

// shared reports whether two networks are known and the same.
func shared(a, b netip.Prefix) bool { return a.IsValid() && a == b }

// clusters groups indices 0..n-1 that same connects, directly or through others. Groups are in the
// order of their lowest index, members in order.
func clusters(n int, same func(a, b int) bool) [][]int {
	group := make([]int, n)
	var out [][]int
	for i := range n {
		group[i] = -1
		for j := range i {
			if group[j] == group[i] || !same(i, j) {
				continue
			}
			if group[i] < 0 {
				group[i] = group[j]
				out[group[j]] = append(out[group[j]], i)
				continue
			}
			// i connects two groups: the younger one joins the older.
			into, from := min(group[i], group[j]), max(group[i], group[j])
			for _, k := range out[from] {
				group[k] = into
			}
			out[into], out[from] = append(out[into], out[from]...), nil
		}
		if group[i] < 0 {
			group[i] = len(out)
			out = append(out, []int{i})
		}
	}
	out = slices.DeleteFunc(out, func(g []int) bool { return g == nil })
	for _, g := range out {
		slices.Sort(g)
	}
	slices.SortFunc(out, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	return out
}

// fill pours amount over vessels of the given sizes so that all stand equally high, those that are
// full at their size (ECONOMY §5, step 4). Odd bytes go to the lower indices of those that are not
// full at the level of all, whatever their sizes: else a claim larger by a byte would win it.
func fill(amount bt.Bytes, sizes []bt.Bytes) []bt.Bytes {
	level, odd := bt.Bytes(math.MaxInt64), bt.Bytes(0)
	for k, size := range slices.Sorted(slices.Values(sizes)) {
		unfilled := bt.Bytes(len(sizes) - k)
		if size > amount/unfilled {
			level, odd = amount/unfilled, amount%unfilled
			break
		}
		amount -= size
	}
	out := make([]bt.Bytes, len(sizes))
	for i, size := range sizes {
		out[i] = min(size, level)
		if size > level && odd > 0 {
			out[i]++
			odd--
		}
	}
	return out
}

// multiply returns a·b of non-negative numbers, and whether it fits.
func multiply(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64, false
	}
	return int64(lo), true
}

// total sums non-negative numbers; it is an error if one is negative or the sum does not fit.
func total[N ~int64](what string, numbers []N) (sum N, err error) {
	for _, n := range numbers {
		if n < 0 || n > math.MaxInt64-sum {
			return 0, fmt.Errorf("%w: %s %d", ErrInput, what, n)
		}
		sum += n
	}
	return sum, nil
}

// split is tokens.Split, and zeros where there is nothing to share by.
func split[W ~int64](amount tokens.Amount, weights []W) []tokens.Amount {
	for _, w := range weights {
		if w > 0 {
			return tokens.Split(amount, weights)
		}
	}
	return make([]tokens.Amount, len(weights))
}
