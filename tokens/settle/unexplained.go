package settle

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// OpenClaim is what an eligible uploader (see Claim.Standing) claims of a torrent in an epoch and was
// never awarded.
type OpenClaim struct {
	Member     bt.MemberID
	Bytes      bt.Bytes
	Claimed    bt.Bytes // in all, awarded or not; at least Bytes
	HonestyPPM int64    // q, 0 to 1,000,000; below Params.HonestPPM the claim counts for nothing
	Network    netip.Prefix
}

// Suspect is a download that may have taken more than it reported.
type Suspect struct {
	Member  bt.MemberID
	Open    bt.Bytes // X, see Open
	Network netip.Prefix
}

// Open is X: what a download of size bytes can have taken beyond what was metered of it, what a
// prober saw that it has, and what was laid to its charge before. Never below 0; what the client
// says is left does not count.
func Open(size, metered, seen, before bt.Bytes) bt.Bytes {
	for _, b := range []bt.Bytes{metered, seen, before} {
		size -= min(max(0, size), max(0, b))
	}
	return max(0, size)
}

// UnexplainedInput is a torrent and epoch whose claims are closed.
type UnexplainedInput struct {
	Params Params
	Claims []OpenClaim // each member once; of those who claim, also those who were awarded it all
	// Admitted are the bytes that downloads admitted in the epoch, whoever was awarded them.
	Admitted bt.Bytes
	// Spare are bytes that downloads of the torrent admitted around the epoch and nobody was
	// awarded: they explain claims, whoever's they are.
	Spare    bt.Bytes
	Suspects []Suspect // each member once
	// Introduced and Related are those of TorrentInput.
	Introduced, Related func(a, b bt.MemberID) bool
}

// Blame says that a member may have taken bytes which a claimant says it sent.
type Blame struct {
	Member   bt.MemberID
	Claimant bt.MemberID
	Bytes    bt.Bytes     // may be 0: the claimant's word counts all the same
	Firm     bt.Bytes     // of these, what is claimed beyond all that was admitted in and around the epoch
	Stake    bt.Bytes     // of the member's Firm from all claimants, at most this rests on this one's word
	Network  netip.Prefix // the claimant's /24 or /48; invalid: says nothing
}

// UnexplainedResult is how the claims were explained: Σ claims that count = Explained + Forgiven +
// Σ Blames + Nobody.
type UnexplainedResult struct {
	Blames    []Blame  // by member, then claimant
	Explained bt.Bytes // by Spare
	Forgiven  bt.Bytes // Params.ExcessTolerancePPM of what was admitted
	Nobody    bt.Bytes // no download can have taken them, or each too little to count
}

// Unexplained shares closed claims among the downloads that may have taken the bytes: in
// proportion to what each has open and never more than that.
//
// Who overclaims is awarded bytes that others sent, so that it is the others' true claims that are
// left. That several claim what is left therefore says nothing about how many lie; Firm and Stake
// say how much of it stands without the word of some (see Judge). The result does not depend on the
// order of the input; claimants are served in the order of their numbers.
func Unexplained(in UnexplainedInput) (UnexplainedResult, error) {
	in, err := in.checked()
	if err != nil {
		return UnexplainedResult{}, err
	}
	claims, whole := make([]bt.Bytes, len(in.Claims)), make([]bt.Bytes, len(in.Claims))
	for i, c := range in.Claims {
		claims[i], whole[i] = c.Bytes, c.Claimed
	}
	claims, whole = bounded(claims, maxTotal), bounded(whole, maxTotal)
	for i := range in.Claims {
		in.Claims[i].Bytes = claims[i]
	}
	sum, err := total("open claim", claims)
	if err != nil {
		return UnexplainedResult{}, err
	}
	if _, err := total("claim", whole); err != nil {
		return UnexplainedResult{}, err
	}
	forgiven := bt.Bytes(tokens.MulDiv(int64(in.Admitted), in.Params.ExcessTolerancePPM, ppm))
	out := UnexplainedResult{Explained: min(in.Spare, sum)}
	out.Forgiven = min(forgiven, sum-out.Explained)
	for i, part := range split(tokens.Amount(out.Explained+out.Forgiven), claims) {
		in.Claims[i].Bytes -= bt.Bytes(part)
	}
	for _, c := range in.Claims {
		out.Nobody += in.share(c, &out.Blames)
	}
	in.weigh(&out, whole, sum-out.Explained-out.Forgiven)
	slices.SortFunc(out.Blames, func(a, b Blame) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Claimant, b.Claimant))
	})
	return out, out.balanced(sum)
}

// weigh sets Firm, rounded down, and Stake, rounded up, of all who are blamed, in proportion to
// their part of what is unexplained.
func (in UnexplainedInput) weigh(out *UnexplainedResult, claimed []bt.Bytes, unexplained bt.Bytes) {
	var whole bt.Bytes
	for _, b := range claimed {
		whole += b
	}
	firm := min(unexplained, Open(whole, in.Admitted, in.Spare, 0))
	if firm == 0 {
		return
	}
	at, blamed := map[[2]bt.MemberID]int{}, map[bt.MemberID]bt.Bytes{}
	for i := range out.Blames {
		b := &out.Blames[i]
		b.Firm = bt.Bytes(tokens.MulDiv(int64(b.Bytes), int64(firm), int64(unexplained)))
		at[[2]bt.MemberID{b.Member, b.Claimant}] = i
		blamed[b.Member] += b.Bytes
	}
	for _, s := range in.Suspects {
		for j, c := range in.Claims {
			stake := bt.Bytes(tokens.MulDivUp(int64(min(claimed[j], firm)), int64(blamed[s.Member]), int64(unexplained)))
			i, known := at[[2]bt.MemberID{s.Member, c.Member}]
			switch {
			case known:
				out.Blames[i].Stake = stake
			case stake > 0:
				out.Blames = append(out.Blames, Blame{Member: s.Member, Claimant: c.Member, Stake: stake, Network: c.Network})
			}
		}
	}
}

// share lays a claim to the charge of those who may have taken it, takes it from what they have
// open, and returns what nobody can have taken or what is too little for anybody.
func (in UnexplainedInput) share(c OpenClaim, blames *[]Blame) (nobody bt.Bytes) {
	open := make([]bt.Bytes, len(in.Suspects))
	most := bt.Bytes(0)
	for i, s := range in.Suspects {
		if s.Member != c.Member && !shared(s.Network, c.Network) && in.Introduced(s.Member, c.Member) && !in.Related(s.Member, c.Member) {
			open[i] = s.Open
			most += min(s.Open, c.Bytes-most)
		}
	}
	nobody = c.Bytes - most
	for i, part := range split(tokens.Amount(most), open) {
		if bt.Bytes(part) < in.Params.MinBlameBytes {
			nobody += bt.Bytes(part)
		} else if part > 0 {
			in.Suspects[i].Open -= bt.Bytes(part)
			*blames = append(*blames, Blame{in.Suspects[i].Member, c.Member, bt.Bytes(part), 0, 0, c.Network})
		}
	}
	return nobody
}

func (r UnexplainedResult) balanced(claims bt.Bytes) error {
	sum := r.Explained + r.Forgiven + r.Nobody
	for _, b := range r.Blames {
		sum += b.Bytes
	}
	if sum != claims {
		return fmt.Errorf("%w: %d of %d claimed bytes explained", ErrUnbalanced, sum, claims)
	}
	return nil
}

// checked returns the input with its rows copied, ordered by member, networks made comparable and
// claims that count for nothing left out.
func (in UnexplainedInput) checked() (UnexplainedInput, error) {
	if err := in.Params.Validate(); err != nil {
		return in, err
	}
	if in.Introduced == nil || in.Related == nil || in.Spare < 0 || in.Admitted < 0 {
		return in, fmt.Errorf("%w: no introductions or relations, or %d bytes admitted, %d to spare", ErrInput, in.Admitted, in.Spare)
	}
	in.Claims, in.Suspects = slices.Clone(in.Claims), slices.Clone(in.Suspects)
	slices.SortFunc(in.Claims, func(a, b OpenClaim) int { return cmp.Compare(a.Member, b.Member) })
	slices.SortFunc(in.Suspects, func(a, b Suspect) int { return cmp.Compare(a.Member, b.Member) })
	for i := range in.Claims {
		c := &in.Claims[i]
		if c.Bytes < 0 || c.Claimed < c.Bytes || c.HonestyPPM < 0 || c.HonestyPPM > ppm || i > 0 && in.Claims[i-1].Member == c.Member {
			return in, fmt.Errorf("%w: open claim %+v", ErrInput, *c)
		}
		c.Network = network(c.Network)
	}
	for i := range in.Suspects {
		s := &in.Suspects[i]
		if s.Open < 0 || i > 0 && in.Suspects[i-1].Member == s.Member {
			return in, fmt.Errorf("%w: suspect %+v", ErrInput, *s)
		}
		s.Network = network(s.Network)
	}
	in.Claims = slices.DeleteFunc(in.Claims, func(c OpenClaim) bool { return c.HonestyPPM < in.Params.HonestPPM })
	return in, nil
}
