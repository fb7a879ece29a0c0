package settle

import (
	"math"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// HonestyInput is all that the honesty of one torrent and day depends on. Downloads and Claims are
// the day's sums, each member once; a Claim counts all that the member claimed, awarded or not, and
// its HonestyPPM is q of the day before. What a download admits are its Bytes and its FreeBytes.
type HonestyInput struct {
	Torrent   bt.TorrentID
	Params    Params
	Downloads []Download
	Claims    []Claim
	// Introduced and Related are those of TorrentInput.
	Introduced, Related func(a, b bt.MemberID) bool
}

// HonestyRow is what one day in one torrent says of a claimant: 0 <= Excess <= Claimed. Claimed is
// the claim, at most what the downloads introduced to it admit, less the part of it that could not
// have earned anything: free bytes, and those of related members, explain a claim, so that they are
// no excess, but they cost nothing to admit and so prove nothing.
type HonestyRow struct {
	Member          bt.MemberID
	Claimed, Excess bt.Bytes
}

// Honesty says which part of each eligible claim no download admits (ECONOMY §5, step 3). What is
// claimed together beyond 1.001 of what is admitted is excess. It falls on the claimants by doubt
// times claim, doubt being 1 - q and the tolerance, so that it falls on those whom the days before
// speak against. Rows are in the order of members.
//
// This deviates from ECONOMY, which fills the admitted bytes by q times claim. Among members without
// history both are the same; but there a history of q = 0.9 beside one of 0.99 bears nearly as
// little excess as the other, and here ten times as much. In the simulator, pretenders who bought a
// history take half of what they take there, and new seeders beside overclaimers are paid 0.6 of what
// they uploaded in their first days instead of 0.35; nobody honest is paid less.
func Honesty(in HonestyInput) ([]HonestyRow, error) {
	day, err := TorrentInput{Torrent: in.Torrent, Params: in.Params, Downloads: in.Downloads, Claims: in.Claims,
		Introduced: in.Introduced, Related: in.Related}.checked()
	if err != nil {
		return nil, err
	}
	admitted := day.admitted()
	rows, paid, doubts := day.capped()
	claims := make([]bt.Bytes, len(rows))
	for k, r := range rows {
		claims[k] = r.Claimed
	}
	claims = bounded(claims, maxTotal)
	claimed, err := total("claim", claims)
	if err != nil {
		return nil, err
	}
	tolerated := admitted + bt.Bytes(tokens.MulDiv(int64(admitted), in.Params.ExcessTolerancePPM, ppm))
	_, weights := weigh(scaled(claims), doubts)
	for k, excess := range fill(max(0, claimed-tolerated), claims, weights) {
		proven := bt.Bytes(tokens.MulDiv(int64(claims[k]-excess), paid[k], ppm))
		rows[k].Excess, rows[k].Claimed = excess, proven+excess
	}
	return rows, nil
}

// admitted bounds what the downloads admit, and sums it.
func (in TorrentInput) admitted() (sum bt.Bytes) {
	most := maxTotal / 4 / bt.Bytes(max(1, len(in.Downloads)))
	for i := range in.Downloads {
		d := &in.Downloads[i]
		d.Bytes, d.FreeBytes = min(d.Bytes, most), min(d.FreeBytes, most)
		sum += d.Bytes + d.FreeBytes
	}
	return sum
}

// capped returns the eligible claims, each at most what the downloads introduced to it admit; the
// part of that which could have paid the claimant, in ppm rounded down; and the doubt in each, in ppm.
func (in TorrentInput) capped() (rows []HonestyRow, paid, doubts []int64) {
	for _, c := range in.Claims {
		if !c.Standing {
			continue
		}
		var charged, all bt.Bytes
		for _, d := range in.Downloads {
			if d.Member != c.Member && in.Introduced(d.Member, c.Member) {
				all += d.Bytes + d.FreeBytes
			}
			if in.eligible(d, c) {
				charged += d.Bytes
			}
		}
		claim := min(c.Bytes, all)
		rows = append(rows, HonestyRow{Member: c.Member, Claimed: claim})
		paid = append(paid, tokens.MulDiv(int64(charged), ppm, int64(max(1, all))))
		doubts = append(doubts, max(1, ppm+in.Params.ExcessTolerancePPM-c.HonestyPPM))
	}
	return rows, paid, doubts
}

// Quality is q in ppm, rounded down, of the sums of HonestyWindow: 1 - excess/claimed, as if
// HonestyPriorBytes had been claimed before and HonestyPriorPPM of them admitted. Sums below 0
// count as 0, excess beyond the claims as all of them.
func Quality(p Params, claimed, excess bt.Bytes) int64 {
	claimed = min(max(0, claimed), math.MaxInt64-p.HonestyPriorBytes)
	excess = min(max(0, excess), claimed)
	prior := bt.Bytes(tokens.MulDivUp(int64(p.HonestyPriorBytes), p.HonestyPriorPPM, ppm))
	return tokens.MulDiv(int64(prior+claimed-excess), ppm, int64(max(1, p.HonestyPriorBytes+claimed)))
}
