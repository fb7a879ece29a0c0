package settle

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// sharing gives downloads' bytes, and with them their pay, to those who may claim them (ECONOMY §5,
// step 4).
type sharing struct {
	TorrentInput
	downloads map[bt.MemberID]Download
	groups    [][]int         // the clusters of claimants
	weights   []int64         // of each claim: q³·geo in weightUnit; 0: it earns nothing
	limits    []tokens.Amount // what each claim may still earn
	sums      []Award         // what each claim got
}

// weightUnit is the weight of full honesty without a bonus: q³ of q = 0.001 is 1.
const weightUnit = 1_000_000_000

// MaxGeoPPM bounds Claim.GeoPPM.
const MaxGeoPPM = 2 * ppm

// outcome is what became of the rows and of the claims, by member, rows of nothing left out.
type outcome struct {
	awards, probation []Award
	left              []Suspended
	remaining         []Claim
}

// share gives each row's bytes to those who may claim them.
func (in TorrentInput) share(rows []Suspended) outcome {
	s := in.sharing()
	for _, i := range in.order(rows) {
		s.serve(&rows[i])
	}
	return s.outcome(rows)
}

func (in TorrentInput) sharing() *sharing {
	s := &sharing{TorrentInput: in, downloads: make(map[bt.MemberID]Download, len(in.Downloads)), groups: in.groups(),
		weights: make([]int64, len(in.Claims)), limits: make([]tokens.Amount, len(in.Claims)), sums: make([]Award, len(in.Claims))}
	for _, d := range in.Downloads {
		s.downloads[d.Member] = d
	}
	for j, c := range in.Claims {
		s.sums[j].Member, s.weights[j], s.limits[j] = c.Member, c.weight(), math.MaxInt64
		if c.Leeching {
			s.limits[j] = max(0, s.downloads[c.Member].Charged/2-c.Earned)
		}
	}
	return s
}

// weight returns q³·geo, at least 1 for whoever has any honesty.
func (c Claim) weight() int64 {
	if c.HonestyPPM == 0 {
		return 0
	}
	cube := c.HonestyPPM * c.HonestyPPM * c.HonestyPPM / weightUnit
	if c.GeoPPM != 0 {
		cube = tokens.MulDiv(cube, c.GeoPPM, ppm)
	}
	return max(1, cube)
}

// serve shares out one download: the trusted first, what they leave among the others.
func (s *sharing) serve(row *Suspended) {
	got, rest := make([]bt.Bytes, len(s.Claims)+1), row.Bytes
	for _, trusted := range []bool{true, false} {
		if rest == 0 {
			break
		}
		for j, b := range s.award(*row, rest, trusted) {
			got[j] += b
			s.Claims[j].Bytes -= b
			s.sums[j].Bytes += b
			rest -= b
		}
	}
	got[len(s.Claims)] = rest // nobody may claim it
	pay := split(row.Amount, got)
	row.Bytes = rest
	for j := range s.Claims {
		s.Claims[j].Earned += pay[j]
		s.sums[j].Pay += pay[j]
		row.Amount -= pay[j]
		if s.Claims[j].Leeching {
			s.limits[j] -= pay[j]
		}
	}
}

// award returns how many of the amount left of a download each claim gets, by index: filled over
// clusters of claimants by their weights, inside a cluster in proportion to what each may claim.
func (s *sharing) award(row Suspended, amount bt.Bytes, trusted bool) []bt.Bytes {
	out := make([]bt.Bytes, len(s.Claims))
	most, any := s.most(row, amount, trusted)
	if !any {
		return out
	}
	sizes, weights, inner := make([]bt.Bytes, len(s.groups)), make([]int64, len(s.groups)), make([][]int64, len(s.groups))
	for g, members := range s.groups {
		sizes[g], weights[g], inner[g] = s.cluster(members, most)
	}
	for g, level := range fill(amount, sizes, weights) {
		members := s.groups[g]
		if len(members) == 1 || level == 0 {
			out[members[0]] = level
			continue
		}
		for k, b := range fill(level, pick(most, members), inner[g]) {
			out[members[k]] = b
		}
	}
	return out
}

// pick returns the elements at the given indices.
func pick[N any](from []N, at []int) []N {
	out := make([]N, len(at))
	for k, i := range at {
		out[k] = from[i]
	}
	return out
}

// most returns how much each claim of the trusted, or of the others, can get of a download of which
// the amount is left: a claim beyond that is no better than one of its size.
func (s *sharing) most(row Suspended, amount bt.Bytes, trusted bool) (most []bt.Bytes, any bool) {
	most = make([]bt.Bytes, len(s.Claims))
	d := s.downloads[row.Member]
	for j, c := range s.Claims {
		if c.Bytes > 0 && s.weights[j] > 0 && trusted == (c.HonestyPPM >= s.Params.HonestPPM) && s.eligible(d, c) {
			most[j] = min(c.Bytes, amount, s.linkBytes(d.Presence, c.Presence), row.worth(s.limits[j]))
			any = any || most[j] > 0
		}
	}
	return most, any
}

// worth returns how many of the row's bytes pay no more than the limit.
func (s Suspended) worth(limit tokens.Amount) bt.Bytes {
	if limit >= s.Amount {
		return s.Bytes
	}
	return bt.Bytes(tokens.MulDiv(int64(limit), int64(s.Bytes), int64(s.Amount)))
}

// cluster returns how much the members of a cluster can take together, the cluster's weight, which
// is the mean of theirs by what each may claim, and the weight of each within it.
func (s *sharing) cluster(members []int, most []bt.Bytes) (size bt.Bytes, weight int64, inner []int64) {
	if len(members) == 1 {
		return most[members[0]], s.weights[members[0]], nil
	}
	each := pick(most, members)
	for _, b := range each {
		size = min(2*maxBytes, size+b)
	}
	if size > 0 {
		weight, inner = weigh(scaled(each), pick(s.weights, members))
	}
	return size, weight, inner
}

// weigh returns the mean of the weights by what each claims, rounded down but above 0, and the
// product of both, scaled alike. Claims sum to 2^60 or so, weights are below 2^32.
func weigh(claims, weights []int64) (mean int64, products []int64) {
	var hi, lo, carry, whole uint64
	longest := 0
	for k, c := range claims {
		h, l := bits.Mul64(uint64(c), uint64(weights[k]))
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
		whole += uint64(c)
		longest = max(longest, bits.Len64(l), (64+bits.Len64(h))*min(1, bits.Len64(h)))
	}
	shift := max(0, longest+bits.Len(uint(len(claims)))-60)
	products = make([]int64, len(claims))
	for k, c := range claims {
		if h, l := bits.Mul64(uint64(c), uint64(weights[k])); h|l > 0 {
			products[k] = max(1, int64(h<<(64-shift)|l>>shift))
		}
	}
	quotient, _ := bits.Div64(hi, lo, max(1, whole))
	return max(1, int64(quotient)), products
}

func (s *sharing) outcome(rows []Suspended) outcome {
	var out outcome
	for j, a := range s.sums {
		c := s.Claims[j]
		switch {
		case a.Bytes == 0 && a.Pay == 0:
		case c.HonestyPPM >= s.Params.HonestPPM:
			out.awards = append(out.awards, a)
		default:
			out.probation = append(out.probation, a)
		}
		if c.Bytes > 0 {
			out.remaining = append(out.remaining, c)
		}
	}
	slices.SortFunc(rows, func(a, b Suspended) int { return cmp.Compare(a.Member, b.Member) })
	out.left = slices.DeleteFunc(rows, func(r Suspended) bool { return r.Bytes == 0 && r.Amount == 0 })
	return out
}

// order returns the rows' indices in the order of SHA-256(seed ‖ member, 4 bytes big-endian), which
// no member can choose.
func (in TorrentInput) order(rows []Suspended) []int {
	keys, order := make([][32]byte, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		keys[i] = sha256.Sum256(binary.BigEndian.AppendUint32(slices.Clone(in.Seed[:]), uint32(r.Member)))
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(keys[a][:], keys[b][:]) })
	return order
}

// groups returns the clusters of claimants, members that share a network, in the order of their
// lowest member. It depends on nothing else, so that odd bytes go the same way for all downloads.
func (in TorrentInput) groups() (out [][]int) {
	at := map[netip.Prefix]int{}
	for j, c := range in.Claims {
		if g, ok := at[c.Network]; ok && c.Network.IsValid() {
			out[g] = append(out[g], j)
			continue
		}
		at[c.Network] = len(out)
		out = append(out, []int{j})
	}
	return out
}

// eligible says whether a claimant may have uploaded to a downloader and be paid for it.
func (in TorrentInput) eligible(d Download, c Claim) bool {
	return c.Standing && d.Member != c.Member && !shared(d.Network, c.Network) &&
		in.Introduced(d.Member, c.Member) && !in.Related(d.Member, c.Member)
}

// linkBytes returns what a link carries while both are present, rounded down.
func (in TorrentInput) linkBytes(a, b Presence) bt.Bytes {
	overlap := min(a.ToMs, b.ToMs) - max(a.FromMs, b.FromMs)
	if overlap <= 0 {
		return 0
	}
	bytes, _ := multiply(int64(in.Params.LinkCap), overlap)
	return bt.Bytes(bytes / 1000)
}
