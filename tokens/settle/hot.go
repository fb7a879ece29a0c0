package settle

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// HotLine is what a member was paid for uploads of a torrent whose price stood above the base price
// in the epoch, and in the result of Hot its bonus for that.
type HotLine struct {
	Torrent bt.TorrentID
	Member  bt.MemberID
	Paid    tokens.Amount
}

// HotInput is all that an epoch's hot bonus depends on.
type HotInput struct {
	Params Params
	Pool   tokens.Amount // what the hot pool may pay for this epoch
	Lines  []HotLine     // each torrent and member once
}

// HotPPM is the bonus on what was paid: the treasury's share less HotMarginPPM. Whoever trades with
// himself and owns every lock loses the treasury's share of what he charges himself, and gets back
// less than that (ECONOMY §5).
func (p Params) HotPPM() int64 { return max(0, p.TreasuryPPM-p.HotMarginPPM) }

// Hot returns the epoch's bonuses, rounded down, in the order of torrent and member, those of
// nothing left out. They sum to at most the pool: a pool that is too small is shared in proportion.
func Hot(in HotInput) ([]HotLine, error) {
	if err := in.Params.Validate(); err != nil {
		return nil, err
	}
	lines := slices.Clone(in.Lines)
	slices.SortFunc(lines, compareHot)
	wanted := make([]tokens.Amount, len(lines))
	for i, l := range lines {
		if l.Paid < 0 || i > 0 && compareHot(lines[i-1], l) == 0 {
			return nil, fmt.Errorf("%w: paid for torrent %d to member %d: %d, or twice", ErrInput, l.Torrent, l.Member, l.Paid)
		}
		wanted[i] = tokens.PPM(l.Paid, in.Params.HotPPM())
	}
	sum, err := total("bonus", wanted)
	if err != nil || in.Pool < 0 {
		return nil, fmt.Errorf("%w: hot pool of %d: %w", ErrInput, in.Pool, err)
	}
	var paid tokens.Amount
	for i, want := range wanted {
		lines[i].Paid = want
		if sum > in.Pool {
			lines[i].Paid = tokens.Amount(tokens.MulDiv(int64(want), int64(in.Pool), int64(sum)))
		}
		paid += lines[i].Paid
	}
	if paid > in.Pool {
		return nil, fmt.Errorf("%w: hot bonus of %d from a pool of %d", ErrUnbalanced, paid, in.Pool)
	}
	return slices.DeleteFunc(lines, func(l HotLine) bool { return l.Paid == 0 }), nil
}

func compareHot(a, b HotLine) int {
	return cmp.Or(cmp.Compare(a.Torrent, b.Torrent), cmp.Compare(a.Member, b.Member))
}
