package settle

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Host is one claim to host one torrent in an epoch. Claims that proved nothing belong here too:
// they need collateral.
type Host struct {
	Member        bt.MemberID
	Node          bt.NodeID // 0: a standard client, which can neither pledge nor be slashed
	Torrent       bt.TorrentID
	Publisher     bt.MemberID // of the torrent
	Bytes         bt.Bytes    // of the torrent that are hosted; at most 2^53
	ProvenSeconds int64       // of the epoch; at most MaxProvenSeconds
	ScorePPM      int64       // 0 to 1,000,000
	GeoPPM        int64       // the bonus for distance, up to MaxGeoPPM; 0 counts as 1,000,000, no bonus
	Network       netip.Prefix
	Approved      bool // a moderator approved the torrent
}

// MaxProvenSeconds bounds an epoch in the hosting reward (12 days).
const MaxProvenSeconds = 1 << 20

// Pledge is what stands behind a node's claims.
type Pledge struct{ Collateral, Retained tokens.Amount }

// HostingInput is all that an epoch's hosting reward depends on.
type HostingInput struct {
	Epoch  int64
	Params Params
	Pool   tokens.Amount // what the hosting pool may pay for this epoch
	Rate   tokens.Amount // utok per GiB and hour of weighted work, the most that a host is paid; 0: no such limit
	Hosts  []Host        // each member, node and torrent once
	Nodes  map[bt.NodeID]Pledge
}

// HostingLine is what one claim earns: Gross = Held + Net. Held goes to retained/<node>.
type HostingLine struct {
	Member           bt.MemberID
	Node             bt.NodeID
	Torrent          bt.TorrentID
	GeoPPM           int64 // as the host's
	Gross, Held, Net tokens.Amount
}

// Hosting shares the pool by proven work, bytes·seconds·scarcity·score·geo (ECONOMY §6). Lines are
// ordered by member, node and torrent; those of nothing are left out; what the guards cut off stays
// in the pool, so the lines sum to at most Pool.
//
// A host, which is a node or all standard clients of a member, is paid at most Rate for its work.
// Retargeting moves the rate (§10), so that hosts beyond what the network wants are paid less than
// the pool would give.
//
// A node's work counts as far as collateral and retained earnings cover its claims. The rest, like
// all work of standard clients, is uncollateralised: up to FreeBytes a member, and together at most
// UncollateralisedPPM of the pool. A node below full collateral keeps part of what it earns as
// collateral, never more than what is missing. A standard client has no account to keep it in and
// no slash to answer for: it keeps nothing, and the two limits are its guard.
func Hosting(in HostingInput) ([]HostingLine, error) {
	in, err := in.checked()
	if err != nil {
		return nil, err
	}
	covered, free := in.countedBytes()
	pay := in.pay(in.weights(covered, free))
	held := in.held(pay)
	var lines []HostingLine
	var sum tokens.Amount
	for i, h := range in.Hosts {
		sum += pay[i]
		if pay[i] > 0 {
			lines = append(lines, HostingLine{h.Member, h.Node, h.Torrent, h.GeoPPM, pay[i], held[i], pay[i] - held[i]})
		}
	}
	if sum > in.Pool {
		return nil, fmt.Errorf("%w: hosting pays %d from a pool of %d", ErrUnbalanced, sum, in.Pool)
	}
	return lines, nil
}

// checked returns the input with its hosts copied, ordered and networks made comparable.
func (in HostingInput) checked() (HostingInput, error) {
	if err := in.Params.Validate(); err != nil {
		return in, err
	}
	if in.Pool < 0 || in.Rate < 0 {
		return in, fmt.Errorf("%w: hosting pool of %d, rate of %d", ErrInput, in.Pool, in.Rate)
	}
	for n, p := range in.Nodes {
		if p.Collateral < 0 || p.Retained < 0 || p.Collateral > tokens.MaxAmount || p.Retained > tokens.MaxAmount {
			return in, fmt.Errorf("%w: node %d: %+v", ErrInput, n, p)
		}
	}
	in.Hosts = slices.Clone(in.Hosts)
	slices.SortFunc(in.Hosts, compareHosts)
	for i := range in.Hosts {
		h := &in.Hosts[i]
		if h.Bytes < 0 || h.Bytes > bt.MaxCounter || h.ProvenSeconds < 0 || h.ProvenSeconds > MaxProvenSeconds ||
			h.ScorePPM < 0 || h.ScorePPM > ppm || h.GeoPPM < 0 || h.GeoPPM > MaxGeoPPM || i > 0 && compareHosts(in.Hosts[i-1], *h) == 0 {
			return in, fmt.Errorf("%w: host %+v", ErrInput, *h)
		}
		h.Network = network(h.Network)
	}
	return in, nil
}

func compareHosts(a, b Host) int {
	return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Torrent, b.Torrent))
}

// needs returns each node's full collateral: CollateralPerGiB for all that it claims, rounded up.
func (in HostingInput) needs() map[bt.NodeID]tokens.Amount {
	claimed := map[bt.NodeID]bt.Bytes{}
	for _, h := range in.Hosts {
		if h.Node != 0 {
			claimed[h.Node] = min(bt.MaxCounter, claimed[h.Node]+h.Bytes)
		}
	}
	needs := make(map[bt.NodeID]tokens.Amount, len(claimed))
	for n, b := range claimed {
		needs[n] = tokens.Amount(tokens.MulDivUp(int64(b), int64(in.Params.CollateralPerGiB), int64(bt.GiB)))
	}
	return needs
}

// countedBytes returns how much of each host's bytes counts with collateral and how much without.
func (in HostingInput) countedBytes() (covered, free []bt.Bytes) {
	needs := in.needs()
	covered, free = make([]bt.Bytes, len(in.Hosts)), make([]bt.Bytes, len(in.Hosts))
	frees := map[bt.MemberID][]int{}
	for i, h := range in.Hosts {
		if !h.works() {
			continue
		}
		if h.Node != 0 {
			covered[i] = h.Bytes
			if have, need := in.Nodes[h.Node].sum(), needs[h.Node]; have < need {
				covered[i] = bt.Bytes(tokens.MulDiv(int64(h.Bytes), int64(have), int64(need)))
			}
		}
		free[i] = h.Bytes - covered[i]
		frees[h.Member] = append(frees[h.Member], i)
	}
	for _, hosts := range frees {
		limit(free, hosts, in.Params.FreeBytes)
	}
	return covered, free
}

func (p Pledge) sum() tokens.Amount { return p.Collateral + p.Retained }

func (h Host) works() bool { return h.Approved && h.Bytes > 0 && h.ProvenSeconds > 0 && h.ScorePPM > 0 }

// work returns bytes·seconds·score·geo in audit blocks, begun ones counted: at most 2^60.
func (h Host) work(b bt.Bytes) int64 {
	blocks := (int64(b) + bt.BlockSize - 1) / bt.BlockSize
	geo := h.GeoPPM
	if geo == 0 {
		geo = ppm
	}
	return tokens.MulDivUp(blocks*h.ProvenSeconds, h.ScorePPM*geo, ppm*ppm)
}

// weights returns the weight of each host's covered bytes, and after all of them that of its free
// bytes. The hosts of one torrent that belong to one member or share a network are one cluster: it
// has the weight of its heaviest host, whatever their number, and they share it by their work.
func (in HostingInput) weights(covered, free []bt.Bytes) []int64 {
	n := len(in.Hosts)
	out, torrents := make([]int64, 2*n), map[bt.TorrentID][]int{}
	for i, h := range in.Hosts {
		if out[i], out[n+i] = h.work(covered[i]), h.work(free[i]); out[i]+out[n+i] > 0 {
			torrents[h.Torrent] = append(torrents[h.Torrent], i)
		}
	}
	for _, hosts := range torrents {
		groups := clusters(pick(in.Hosts, hosts))
		for _, group := range groups {
			var heaviest int64
			var entries []int
			for _, k := range group {
				i := hosts[k]
				heaviest = max(heaviest, out[i]+out[n+i])
				entries = append(entries, i, n+i)
			}
			limit(out, entries, in.scarce(heaviest, len(groups)))
		}
	}
	return out
}

// scarce returns weight·min(1, R/n): beyond R clusters more of them add nothing.
func (in HostingInput) scarce(weight int64, n int) int64 {
	if int64(n) <= in.Params.Replicas {
		return weight
	}
	return tokens.MulDiv(weight, in.Params.Replicas, int64(n))
}

// pay returns each host's part of the pool by weight, within what all uncollateralised work, one
// torrent, one publisher and one host may earn. What is cut off is not given to others: it stays in
// the pool.
func (in HostingInput) pay(weights []int64) []tokens.Amount {
	n := len(in.Hosts)
	parts := split(in.Pool, weights)
	free := make([]int, n)
	for i := range free {
		free[i] = n + i
	}
	limit(parts, free, tokens.PPM(in.Pool, in.Params.UncollateralisedPPM))
	pay := make([]tokens.Amount, n)
	torrents, publishers := map[bt.TorrentID][]int{}, map[bt.MemberID][]int{}
	for i, h := range in.Hosts {
		pay[i] = parts[i] + parts[n+i]
		torrents[h.Torrent] = append(torrents[h.Torrent], i)
		publishers[h.Publisher] = append(publishers[h.Publisher], i)
	}
	for _, hosts := range torrents {
		limit(pay, hosts, tokens.PPM(in.Pool, in.Params.TorrentCapPPM))
	}
	for _, hosts := range publishers {
		limit(pay, hosts, tokens.PPM(in.Pool, in.Params.PublisherCapPPM))
	}
	in.limitRate(pay, weights)
	return pay
}

// gibHour is the work of 1 GiB for an hour, in blocks·seconds.
const gibHour = int64(bt.GiB) / bt.BlockSize * 3600

// limitRate cuts what each host earns to Rate for its weighted work, rounded down.
func (in HostingInput) limitRate(pay []tokens.Amount, weights []int64) {
	if in.Rate == 0 {
		return
	}
	type payee struct {
		member bt.MemberID
		node   bt.NodeID
	}
	hosts, n := map[payee][]int{}, len(in.Hosts)
	for i, h := range in.Hosts {
		hosts[payee{h.Member, h.Node}] = append(hosts[payee{h.Member, h.Node}], i)
	}
	for _, of := range hosts {
		var most tokens.Amount
		rest := int64(0)
		for _, i := range of {
			part, left := in.worth(weights[i] + weights[n+i]) // at most 2^61
			rest += left
			most = min(in.Pool, most+part+tokens.Amount(rest/gibHour))
			rest %= gibHour
		}
		limit(pay, of, most)
	}
}

// worth returns Rate·work in utok and gibHour-ths of one; at most the pool.
func (in HostingInput) worth(work int64) (tokens.Amount, int64) {
	hi, lo := bits.Mul64(uint64(in.Rate), uint64(work))
	if hi >= uint64(gibHour) {
		return in.Pool, 0
	}
	part, rest := bits.Div64(hi, lo, uint64(gibHour))
	if part >= uint64(in.Pool) {
		return in.Pool, 0
	}
	return tokens.Amount(part), int64(rest)
}

// held returns what of each host's pay its node keeps as collateral: by thirds of the way there,
// rounded up, and never more than is missing.
func (in HostingInput) held(pay []tokens.Amount) []tokens.Amount {
	nodes := map[bt.NodeID][]int{}
	for i, h := range in.Hosts {
		if h.Node != 0 {
			nodes[h.Node] = append(nodes[h.Node], i)
		}
	}
	held, needs := make([]tokens.Amount, len(pay)), in.needs()
	for node, hosts := range nodes {
		have, need := in.Nodes[node].sum(), needs[node]
		if have >= need {
			continue
		}
		var gross tokens.Amount
		for _, i := range hosts {
			held[i] = pay[i]
			gross += pay[i]
		}
		third := tokens.MulDiv(int64(have), 3, int64(need))
		keep := tokens.Amount(tokens.MulDivUp(int64(gross), in.Params.RetainPPM[third], ppm))
		limit(held, hosts, min(keep, need-have))
	}
	return held
}

// limit scales the numbers at the given indices down, in proportion, so that they sum to at most
// most. Numbers that do are left alone.
func limit[N ~int64](numbers []N, at []int, most N) {
	weights := make([]N, len(at))
	left, fits := most, true
	for k, i := range at {
		weights[k] = numbers[i]
		fits = fits && numbers[i] <= left
		left -= min(left, numbers[i])
	}
	if fits {
		return
	}
	for k, part := range tokens.Split(tokens.Amount(most), weights) {
		numbers[at[k]] = N(part)
	}
}
