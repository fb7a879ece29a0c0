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

// Conduct is what is known of a member's downloads within Params.SilentWindow.
type Conduct struct {
	Metered  bt.Bytes // reported, over all torrents
	Torrents []TorrentConduct
	// Inviter says who invited a claimant; 0: nobody, or an operator. nil: nobody was invited.
	Inviter func(bt.MemberID) bt.MemberID
}

// TorrentConduct is one torrent in which bytes were laid to the member's charge.
type TorrentConduct struct {
	Torrent bt.TorrentID
	Late    bt.Bytes // of what the member reported, claimed by nobody: it explains what was missing before
	Open    bt.Bytes // of the size, not reported to this day: nothing more can be unexplained
	Blames  []Blame
}

// Verdict is what a member's conduct comes to.
type Verdict struct {
	Silent      bool
	Unexplained bt.Bytes // Σ Counted
	Firm        bt.Bytes // of these, what stands whoever SilentClusters - 1 clusters of liars may be
	Took        bt.Bytes // reported and unexplained
	Torrents    int      // in which any of it lies
	Clusters    int      // of those who claim it
	Counted     map[bt.TorrentID]bt.Bytes
}

// Judge says whether a member takes in silence (ECONOMY §4): its unexplained bytes exceed
// SilentBytes and SilentPPM of all it took, they are spread over torrents and clusters of claimants,
// and enough of them stand without the word of the SilentClusters - 1 clusters on which they rest
// most. A cluster are claimants of one network, or of whom one invited the other. What the
// member reported since, late, counts no more.
func Judge(p Params, c Conduct) (Verdict, error) {
	if err := p.Validate(); err != nil {
		return Verdict{}, err
	}
	v := Verdict{Took: c.Metered, Counted: map[bt.TorrentID]bt.Bytes{}}
	var torrents []bt.Bytes
	var blames []Blame
	for _, t := range c.Torrents {
		counted, err := t.counted()
		if err != nil {
			return Verdict{}, err
		}
		var sum bt.Bytes
		for _, b := range counted {
			sum, v.Firm = sum+b.Bytes, v.Firm+b.Firm
		}
		if _, twice := v.Counted[t.Torrent]; twice || c.Metered < 0 || v.Took > maxTotal-sum {
			return Verdict{}, fmt.Errorf("%w: torrent %d twice, or more bytes than there are", ErrInput, t.Torrent)
		}
		v.Counted[t.Torrent] = sum
		torrents, blames = append(torrents, sum), append(blames, counted...)
		v.Unexplained, v.Took = v.Unexplained+sum, v.Took+sum
	}
	clusters, stakes := claimants(blames, c.Inviter)
	for _, stake := range largest(stakes, p.SilentClusters-1) {
		v.Firm -= min(v.Firm, stake)
	}
	v.Torrents, v.Clusters = positive(torrents), positive(clusters)
	spread := max(1, bt.Bytes(tokens.MulDivUp(int64(p.SilentBytes), p.SilentSpreadPPM, ppm)))
	v.Silent = v.Unexplained > p.SilentBytes && int64(v.Unexplained) > tokens.MulDiv(int64(v.Took), p.SilentPPM, ppm) &&
		beyond(torrents, p.SilentTorrents) >= spread && beyond(clusters, p.SilentClusters) >= spread && v.Firm >= spread
	return v, nil
}

// maxTotal bounds what one member can have taken in a window.
const maxTotal bt.Bytes = math.MaxInt64 / 2

// counted are the blames, scaled down to what is still unexplained of them.
func (t TorrentConduct) counted() ([]Blame, error) {
	weights, sane := make([]bt.Bytes, len(t.Blames)), true
	for i, b := range t.Blames {
		weights[i] = b.Bytes
		sane = sane && b.Firm >= 0 && b.Firm <= b.Bytes && b.Stake >= 0
	}
	sum, err := total("blame", weights)
	if err != nil || !sane || t.Late < 0 || t.Open < 0 {
		return nil, fmt.Errorf("%w: conduct in torrent %d: %d late, %d open", ErrInput, t.Torrent, t.Late, t.Open)
	}
	left := max(0, min(sum-t.Late, t.Open))
	order := make([]int, len(t.Blames)) // equal remainders must not depend on the input's order
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := t.Blames[a], t.Blames[b]
		return cmp.Or(cmp.Compare(x.Claimant, y.Claimant), x.Network.Addr().Compare(y.Network.Addr()), cmp.Compare(x.Bytes, y.Bytes), cmp.Compare(x.Firm, y.Firm), cmp.Compare(x.Stake, y.Stake))
	})
	out := make([]Blame, len(order))
	for k, i := range order {
		out[k], weights[k] = t.Blames[i], t.Blames[i].Bytes
	}
	for k, part := range split(tokens.Amount(left), weights) {
		gone := out[k].Bytes - bt.Bytes(part)
		out[k].Bytes, out[k].Firm = bt.Bytes(part), max(0, out[k].Firm-gone)
	}
	return out, nil
}

func positive(parts []bt.Bytes) (n int) {
	for _, b := range parts {
		if b > 0 {
			n++
		}
	}
	return n
}

// beyond is what the parts sum to without the n - 1 largest.
func beyond(parts []bt.Bytes, n int64) (sum bt.Bytes) {
	for _, b := range parts {
		sum += b
	}
	for _, b := range largest(parts, n-1) {
		sum -= b
	}
	return sum
}

// largest returns the n largest parts, or all.
func largest(parts []bt.Bytes, n int64) []bt.Bytes {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b bt.Bytes) int { return cmp.Compare(b, a) })
	return parts[:min(int64(len(parts)), n)]
}

// node is a claimant or a network, in the graph whose components are the clusters.
type node struct {
	member  bt.MemberID
	network netip.Prefix
}

// claimants returns what each cluster of claimants claims, and what rests on its word. Guests of one member who claims nothing
// are strangers: else a community that grew by invitation would be a single cluster.
func claimants(blames []Blame, inviter func(bt.MemberID) bt.MemberID) (claims, stakes []bt.Bytes) {
	parent := map[node]node{}
	for _, b := range blames {
		parent[node{member: b.Claimant}] = node{member: b.Claimant}
	}
	root := func(n node) node {
		for parent[n] != n {
			parent[n] = parent[parent[n]]
			n = parent[n]
		}
		return n
	}
	for _, b := range blames {
		me := node{member: b.Claimant}
		if n := network(b.Network); n.IsValid() {
			there := node{network: n}
			if _, known := parent[there]; !known {
				parent[there] = there
			}
			parent[root(there)] = root(me)
		}
		if inviter == nil {
			continue
		}
		host := node{member: inviter(b.Claimant)}
		if _, claims := parent[host]; claims {
			parent[root(host)] = root(me)
		}
	}
	at := map[node]int{}
	for _, b := range blames {
		r := root(node{member: b.Claimant})
		i, known := at[r]
		if !known {
			i, at[r] = len(claims), len(claims)
			claims, stakes = append(claims, 0), append(stakes, 0)
		}
		claims[i], stakes[i] = claims[i]+b.Bytes, min(maxTotal, stakes[i]+min(b.Stake, maxTotal))
	}
	return claims, stakes
}

// UnexplainedCharge is what unexplained bytes of one download cost at its quote (utok per GiB,
// rounded up), at most what is reserved for it and what the member has.
func UnexplainedCharge(b bt.Bytes, quote, reserved, available tokens.Amount) tokens.Amount {
	most := max(0, min(reserved, available))
	if b <= 0 || quote <= 0 || most == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(b), uint64(quote))
	if hi >= uint64(bt.GiB) {
		return most // beyond 2^64
	}
	cost, rest := bits.Div64(hi, lo, uint64(bt.GiB))
	if cost >= uint64(most) {
		return most
	}
	if rest > 0 {
		cost++
	}
	return tokens.Amount(cost)
}

// UnexplainedSplit is a charge for unexplained bytes, split. It sums to the charge.
type UnexplainedSplit struct {
	Awards            []Award // by member; those of nothing are left out
	Lockers, Treasury tokens.Amount
}

// SplitUnexplained gives the uploaders' share of a charge to who claims exactly these bytes, in
// proportion, and the other shares as ever (ECONOMY §5, step 2). Each claimant is there once.
func SplitUnexplained(p Params, charge tokens.Amount, blames []Blame) (UnexplainedSplit, error) {
	if err := p.Validate(); err != nil {
		return UnexplainedSplit{}, err
	}
	blames = slices.Clone(blames)
	slices.SortFunc(blames, func(a, b Blame) int { return cmp.Compare(a.Claimant, b.Claimant) })
	weights := make([]bt.Bytes, len(blames))
	for i, b := range blames {
		weights[i] = b.Bytes
	}
	if _, err := total("blame", weights); err != nil || charge < 0 {
		return UnexplainedSplit{}, fmt.Errorf("%w: charge of %d: %w", ErrInput, charge, err)
	}
	shares := tokens.Split(charge, []int64{p.UploadersPPM, p.LockersPPM, p.TreasuryPPM})
	out, sum := UnexplainedSplit{Lockers: shares[1], Treasury: shares[2]}, shares[1]+shares[2]
	for i, pay := range split(shares[0], weights) {
		sum += pay
		if pay > 0 {
			out.Awards = append(out.Awards, Award{Member: blames[i].Claimant, Bytes: blames[i].Bytes, Pay: pay})
		}
	}
	if sum != charge {
		return UnexplainedSplit{}, fmt.Errorf("%w: %d of %d utok for unexplained bytes", ErrUnbalanced, sum, charge)
	}
	return out, nil
}
