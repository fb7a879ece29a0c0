package settle

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Presence is the span of time in which a member was seen in a swarm during the epoch, and from
// which network; an invalid network says nothing.
type Presence struct {
	FromMs, ToMs int64
	Network      netip.Prefix
}

// Download is what one member took of the torrent in the epoch.
type Download struct {
	Member  bt.MemberID
	Bytes   bt.Bytes      // billed
	Charged tokens.Amount // utok, what the pot holds for them
	Presence
}

// Claim is what one member says it uploaded of the torrent in the epoch, less what it was awarded
// for it already.
type Claim struct {
	Member bt.MemberID
	Bytes  bt.Bytes
	// Standing: eligible, with a standing proof for the torrent and not frozen (ECONOMY §5, §7).
	Standing bool
	Presence
}

// TorrentInput is all that the settlement of one torrent and epoch depends on.
type TorrentInput struct {
	Epoch     int64
	Torrent   bt.TorrentID
	Seed      [32]byte // of the epoch; fixes the order in which downloads are shared out
	Params    Params
	Downloads []Download // each member once
	Claims    []Claim    // each member once
	// Introduced says whether the tracker gave one of two members the other's address.
	Introduced func(a, b bt.MemberID) bool
	// Related says whether one of two members invited the other. That members are one and the same
	// or share a network is seen here.
	Related func(a, b bt.MemberID) bool
}

// Award is what one uploader gets.
type Award struct {
	Member bt.MemberID
	Bytes  bt.Bytes
	Pay    tokens.Amount
}

// Suspended is what nobody may claim yet of one downloader's pay for uploads: a row of
// suspense/<torrent>.
type Suspended struct {
	Member bt.MemberID // the downloader
	Bytes  bt.Bytes
	Amount tokens.Amount
}

// TorrentResult sums to what the downloaders were charged: Σ awards + lockers + treasury + Σ
// suspense. Rows are in the order of members; rows of nothing are left out.
type TorrentResult struct {
	Charged   tokens.Amount
	Awards    []Award
	Lockers   tokens.Amount
	Treasury  tokens.Amount
	Suspense  []Suspended
	Remaining []Claim // what is still claimed for this epoch, at the next two settlements
}

// Torrent settles one torrent's epoch (ECONOMY §5, steps 1, 2 and 4 to 6).
func Torrent(in TorrentInput) (TorrentResult, error) {
	in, err := in.checked()
	if err != nil {
		return TorrentResult{}, err
	}
	charges := make([]tokens.Amount, len(in.Downloads))
	for i, d := range in.Downloads {
		charges[i] = d.Charged
	}
	charged, err := total("charge", charges)
	if err != nil {
		return TorrentResult{}, err
	}
	shares := tokens.Split(charged, []int64{in.Params.UploadersPPM, in.Params.LockersPPM, in.Params.TreasuryPPM})
	rows := make([]Suspended, len(in.Downloads))
	for i, pay := range split(shares[0], charges) {
		rows[i] = Suspended{Member: in.Downloads[i].Member, Bytes: in.Downloads[i].Bytes, Amount: pay}
	}
	result := TorrentResult{Charged: charged, Lockers: shares[1], Treasury: shares[2]}
	result.Awards, result.Suspense, result.Remaining = in.share(rows)
	return result, result.balanced(shares[0])
}

// ReopenResult sums to the amounts of the rows that were reopened.
type ReopenResult struct {
	Awards    []Award
	Suspense  []Suspended // what is still unclaimed
	Remaining []Claim
}

// Reopen shares out what is still suspended of a past epoch among those who still claim it
// (ECONOMY §5, step 5). in is the epoch's input as at its settlement, but with the claims that
// remain; rows are its suspense. After the second time the caller moves what is still suspended to
// the hosting pool.
func Reopen(in TorrentInput, rows []Suspended) (ReopenResult, error) {
	in, err := in.checked()
	if err != nil {
		return ReopenResult{}, err
	}
	known := make(map[bt.MemberID]bool, len(in.Downloads))
	for _, d := range in.Downloads {
		known[d.Member] = true
	}
	amounts := make([]tokens.Amount, len(rows))
	for i, r := range rows {
		if !known[r.Member] || r.Bytes < 0 || r.Bytes > maxBytes {
			return ReopenResult{}, fmt.Errorf("%w: suspense of member %d, who downloaded nothing, or twice", ErrInput, r.Member)
		}
		known[r.Member], amounts[i] = false, r.Amount
	}
	whole, err := total("suspended amount", amounts)
	if err != nil {
		return ReopenResult{}, err
	}
	awards, suspense, remaining := in.share(slices.Clone(rows))
	result := ReopenResult{Awards: awards, Suspense: suspense, Remaining: remaining}
	return result, TorrentResult{Awards: awards, Suspense: suspense}.balanced(whole)
}

// balanced asserts that awards and suspense are the uploaders' part, and all parts the charge.
func (r TorrentResult) balanced(uploaders tokens.Amount) error {
	var sum tokens.Amount
	for _, a := range r.Awards {
		sum += a.Pay
	}
	for _, s := range r.Suspense {
		sum += s.Amount
	}
	if sum != uploaders || r.Charged != 0 && sum+r.Lockers+r.Treasury != r.Charged {
		return fmt.Errorf("%w: %d of %d utok to uploaders", ErrUnbalanced, sum, uploaders)
	}
	return nil
}

// maxBytes bounds a download, so that two of them can be added.
const maxBytes bt.Bytes = 1 << 60

// checked returns the input with its rows copied, ordered by member and networks made comparable.
func (in TorrentInput) checked() (TorrentInput, error) {
	if err := in.Params.Validate(); err != nil {
		return in, err
	}
	if in.Introduced == nil || in.Related == nil {
		return in, fmt.Errorf("%w: no introductions or relations", ErrInput)
	}
	in.Downloads, in.Claims = slices.Clone(in.Downloads), slices.Clone(in.Claims)
	slices.SortFunc(in.Downloads, func(a, b Download) int { return cmp.Compare(a.Member, b.Member) })
	slices.SortFunc(in.Claims, func(a, b Claim) int { return cmp.Compare(a.Member, b.Member) })
	for i := range in.Downloads {
		d := &in.Downloads[i]
		if d.Bytes < 0 || d.Bytes > maxBytes || d.Charged < 0 || d.FromMs > d.ToMs || i > 0 && in.Downloads[i-1].Member == d.Member {
			return in, fmt.Errorf("%w: download of member %d: %+v", ErrInput, d.Member, *d)
		}
		d.Network = network(d.Network)
	}
	for i := range in.Claims {
		c := &in.Claims[i]
		if c.Bytes < 0 || c.FromMs > c.ToMs || i > 0 && in.Claims[i-1].Member == c.Member {
			return in, fmt.Errorf("%w: claim of member %d: %+v", ErrInput, c.Member, *c)
		}
		c.Network = network(c.Network)
	}
	return in, nil
}

// share is step 4: it gives each row's bytes, and with them its amount, to those who may claim
// them, and returns what is left of the rows and of the claims.
func (in TorrentInput) share(rows []Suspended) (awards []Award, left []Suspended, remaining []Claim) {
	downloads := make(map[bt.MemberID]Download, len(in.Downloads))
	for _, d := range in.Downloads {
		downloads[d.Member] = d
	}
	sums := make([]Award, len(in.Claims))
	for _, i := range in.order(rows) {
		got := in.award(downloads[rows[i].Member], rows[i].Bytes)
		rest := rows[i].Bytes
		for j, b := range got {
			sums[j].Bytes += b
			in.Claims[j].Bytes -= b
			rest -= b
		}
		// The last part is that of the bytes that nobody may claim.
		pay := split(rows[i].Amount, append(got, rest))
		rows[i].Bytes = rest
		for j := range sums {
			sums[j].Pay += pay[j]
			rows[i].Amount -= pay[j]
		}
	}
	for j, a := range sums {
		a.Member = in.Claims[j].Member
		if a.Bytes > 0 || a.Pay > 0 {
			awards = append(awards, a)
		}
		if in.Claims[j].Bytes > 0 {
			remaining = append(remaining, in.Claims[j])
		}
	}
	slices.SortFunc(rows, func(a, b Suspended) int { return cmp.Compare(a.Member, b.Member) })
	left = slices.DeleteFunc(rows, func(s Suspended) bool { return s.Bytes == 0 && s.Amount == 0 })
	return awards, left, remaining
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

// award returns how many of a download's bytes each claim gets, by index: filled equally over
// clusters of claimants, inside a cluster in proportion to what each may claim.
func (in TorrentInput) award(d Download, amount bt.Bytes) []bt.Bytes {
	most := make([]bt.Bytes, len(in.Claims))
	for j, c := range in.Claims {
		if in.eligible(d, c) {
			// A claim beyond the download is no better than one of its size.
			most[j] = min(c.Bytes, amount, in.linkBytes(d.Presence, c.Presence))
		}
	}
	groups := in.groups()
	sizes := make([]bt.Bytes, len(groups))
	for g, members := range groups {
		for _, j := range members {
			sizes[g] = min(amount, sizes[g]+most[j])
		}
	}
	out := make([]bt.Bytes, len(in.Claims))
	for g, level := range fill(amount, sizes) {
		weights := make([]bt.Bytes, len(groups[g]))
		for k, j := range groups[g] {
			weights[k] = most[j]
		}
		for k, part := range split(tokens.Amount(level), weights) {
			out[groups[g][k]] = bt.Bytes(part)
		}
	}
	return out
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
