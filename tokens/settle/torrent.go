package settle

import (
	"cmp"
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
	// FreeBytes are admitted too but paid nobody: allowance, freeleech. Only Honesty looks at them.
	FreeBytes bt.Bytes
	Presence
}

// Claim is what one member says it uploaded of the torrent in the epoch, less what it was awarded
// for it already.
type Claim struct {
	Member bt.MemberID
	Bytes  bt.Bytes
	// Standing: eligible, with a standing proof for the torrent, or as Leeching says, and not frozen
	// (ECONOMY §5, §7).
	Standing bool
	// HonestyPPM is q as of the day before (Quality); at 0 the claim earns nothing.
	HonestyPPM int64
	// GeoPPM is the bonus for distance, up to MaxGeoPPM; 0 counts as 1,000,000, no bonus.
	GeoPPM int64
	// Leeching: not the whole torrent was proven, only a piece of it, with left > 0. Such a claim
	// earns at most half of what its member was charged for the torrent in the epoch.
	Leeching bool
	// Earned is what the claim earned at earlier settlements of the epoch.
	Earned tokens.Amount
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

// TorrentResult sums to what the downloaders were charged: Σ awards + Σ probation + lockers +
// treasury + Σ suspense. Rows are in the order of members; rows of nothing are left out.
type TorrentResult struct {
	Charged   tokens.Amount
	Awards    []Award // of those whose honesty is HonestPPM at least
	Probation []Award // of the others: into probation/<member>
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
	out := in.share(rows)
	result := TorrentResult{Charged: charged, Awards: out.awards, Probation: out.probation, Lockers: shares[1], Treasury: shares[2], Suspense: out.left, Remaining: out.remaining}
	return result, result.balanced(shares[0])
}

// ReopenResult sums to the amounts of the rows that were reopened.
type ReopenResult struct {
	Awards    []Award
	Probation []Award
	Suspense  []Suspended // what is still unclaimed
	Remaining []Claim
}

// Reopen shares out what is still suspended of a past epoch among those who still claim it
// (ECONOMY §5, step 5). in is the epoch's input as at its settlement, but with the claims that
// remain, of what they Earned; rows are its suspense. After the second time the caller moves what is still suspended to
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
	out := in.share(slices.Clone(rows))
	result := ReopenResult{Awards: out.awards, Probation: out.probation, Suspense: out.left, Remaining: out.remaining}
	return result, TorrentResult{Awards: out.awards, Probation: out.probation, Suspense: out.left}.balanced(whole)
}

// balanced asserts that awards, probation and suspense are the uploaders' part, and all parts the
// charge.
func (r TorrentResult) balanced(uploaders tokens.Amount) error {
	var sum tokens.Amount
	for _, awards := range [][]Award{r.Awards, r.Probation} {
		for _, a := range awards {
			sum += a.Pay
		}
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
		if d.Bytes < 0 || d.Bytes > maxBytes || d.FreeBytes < 0 || d.FreeBytes > maxBytes || d.Charged < 0 || d.FromMs > d.ToMs || i > 0 && in.Downloads[i-1].Member == d.Member {
			return in, fmt.Errorf("%w: download of member %d: %+v", ErrInput, d.Member, *d)
		}
		d.Network = network(d.Network)
	}
	for i := range in.Claims {
		c := &in.Claims[i]
		if c.Bytes < 0 || c.Earned < 0 || c.HonestyPPM < 0 || c.HonestyPPM > ppm || c.GeoPPM < 0 || c.GeoPPM > MaxGeoPPM || c.FromMs > c.ToMs || i > 0 && in.Claims[i-1].Member == c.Member {
			return in, fmt.Errorf("%w: claim of member %d: %+v", ErrInput, c.Member, *c)
		}
		c.Network = network(c.Network)
	}
	return in, nil
}
