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

// clusters groups the indices of hosts, whose networks are comparable, that belong to one member or
// share a network, directly or through others. Groups are in the order of their lowest index, indices
// in order. It takes about as long as there are hosts.
func clusters(hosts []Host) (out [][]int) {
	parent := make([]int, len(hosts))
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	members, networks := map[bt.MemberID]int{}, map[netip.Prefix]int{}
	for i, h := range hosts {
		parent[i] = i
		if first, known := members[h.Member]; known {
			join(parent, root(first), i)
		} else {
			members[h.Member] = i
		}
		if first, known := networks[h.Network]; known {
			join(parent, root(first), root(i))
		} else if h.Network.IsValid() {
			networks[h.Network] = i
		}
	}
	at := make([]int, len(hosts))
	for i := range hosts {
		r := root(i) // the lowest of its group
		if r == i {
			at[i] = len(out)
			out = append(out, nil)
		}
		out[at[r]] = append(out[at[r]], i)
	}
	return out
}

// join makes two groups one, whose root is the lower.
func join(parent []int, a, b int) { parent[max(a, b)] = min(a, b) }

// fill pours amount over vessels of the given sizes so that all stand equally high for their
// weights, those that are full at their size (ECONOMY §5, steps 3 and 4). A vessel larger than 0 has
// a weight above 0. Odd bytes go by largest remainder, ties to the lower index, among those that are
// not full at the level of all, whatever their sizes: else a claim larger by a byte would win them.
func fill(amount bt.Bytes, sizes []bt.Bytes, weights []int64) []bt.Bytes {
	out, order, whole := make([]bt.Bytes, len(sizes)), make([]int, 0, len(sizes)), int64(0)
	weights = scaled(weights)
	for i, size := range sizes {
		if size > 0 {
			order, whole = append(order, i), whole+weights[i]
		}
	}
	// Those that are full first have the smallest size for their weight.
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(compareProducts(int64(sizes[a]), weights[b], int64(sizes[b]), weights[a]), cmp.Compare(a, b))
	})
	for k, i := range order {
		if compareProducts(int64(sizes[i]), whole, int64(amount), weights[i]) > 0 {
			pour(amount, order[k:], weights, out)
			break
		}
		out[i] = sizes[i]
		amount, whole = amount-sizes[i], whole-weights[i]
	}
	return out
}

// pour shares the amount among the vessels at the given indices by weight.
func pour(amount bt.Bytes, at []int, weights []int64, out []bt.Bytes) {
	slices.Sort(at)
	for k, part := range split(tokens.Amount(amount), pick(weights, at)) {
		out[at[k]] = bt.Bytes(part)
	}
}

// compareProducts compares a·b with c·d, of non-negative numbers.
func compareProducts(a, b, c, d int64) int {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	hi2, lo2 := bits.Mul64(uint64(c), uint64(d))
	return cmp.Or(cmp.Compare(hi, hi2), cmp.Compare(lo, lo2))
}

// scaled returns non-negative numbers, halved alike until they sum to less than 2^60 or so; what
// was above 0 stays above it.
func scaled[N ~int64](numbers []N) []int64 {
	out, shift := make([]int64, len(numbers)), 0
	for i, n := range numbers {
		out[i] = int64(n)
		for int64(n)>>shift > 1<<60/int64(len(numbers)) {
			shift++
		}
	}
	for i, n := range out {
		if n > 0 {
			out[i] = max(1, n>>shift)
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

// bounded returns the numbers, none larger than its part of most if all were alike, so that they sum to
// no more: clients may name any figure, and none of them may keep others from being settled.
func bounded[N ~int64](numbers []N, most N) []N {
	out := make([]N, len(numbers))
	for i, n := range numbers {
		out[i] = min(n, most/N(len(numbers)))
	}
	return out
}

// split is tokens.Split, and zeros where there is nothing to share by.
func split[W ~int64](amount tokens.Amount, weights []W) []tokens.Amount {
	sum, err := total("weight", weights)
	if err != nil {
		return tokens.Split(amount, weights)
	}
	parts := make([]tokens.Amount, len(weights))
	if sum == 0 || amount == 0 {
		return parts
	}
	type odd struct {
		at        int
		remainder uint64
	}
	odds, rest := make([]odd, 0, len(weights)), amount
	for i, w := range weights {
		if w > 0 {
			hi, lo := bits.Mul64(uint64(amount), uint64(w))
			part, remainder := bits.Div64(hi, lo, uint64(sum))
			parts[i] = tokens.Amount(part)
			rest -= parts[i]
			odds = append(odds, odd{i, remainder})
		}
	}
	if rest > 0 {
		slices.SortStableFunc(odds, func(a, b odd) int { return cmp.Compare(b.remainder, a.remainder) })
	}
	for _, o := range odds[:rest] {
		parts[o.at]++
	}
	return parts
}
