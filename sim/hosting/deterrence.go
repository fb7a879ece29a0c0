package hosting

import (
	"sort"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
)

// MarginPPM is μ of ECONOMY §7: what a cheat risks is at least twice of what it gains until it is
// caught.
const MarginPPM = 1_000_000

// Deterrent says up to which reward cheating does not pay. All amounts are those of one GiB claimed.
type Deterrent struct {
	KeptPPM    int64         `json:"kept_ppm"`             // of the data
	Blocks     int           `json:"blocks"`               // seen by an audit
	CaughtPPM  int64         `json:"caught_a_day_ppm"`     // chance that a day's drawn audits see a fault
	AtRisk     tokens.Amount `json:"at_risk_utok_per_gib"` // lost by the first confirmed fault
	MaxPerDay  tokens.Amount `json:"max_pay_utok_per_gib"` // a day's reward, up to which cheating does not pay
	PledgedPPM int64         `json:"least_pledged_ppm"`    // hosting cannot be paid more if nodes pledge this part of the supply or more
}

// Deterrents computes what the configured values deter from: for blocks that can be checked by
// themselves, and for the fewest whole pieces that an audit may move. A node that pledges nothing
// risks only what it retained, at first nothing: nothing deters it but the share of the pool that all
// such work is held to (ECONOMY §6).
func Deterrents(p availability.Params, s settle.Params) (out []Deterrent) {
	for _, blocks := range []int{p.Blocks, min(p.Blocks, p.MaxPieces)} {
		for _, kept := range []int64{0, 500_000, 900_000, 990_000, 999_000} {
			out = append(out, deterrent(p, s, availability.Cheat{KeptPPM: kept, Blocks: blocks, Collateral: s.CollateralPerGiB, MarginPPM: MarginPPM}))
		}
	}
	return out
}

func deterrent(p availability.Params, s settle.Params, c availability.Cheat) Deterrent {
	const most = 1_000_000_000 // utok, a search's end
	pays := sort.Search(most, func(perDay int) bool {
		c.PerDay = tokens.Amount(perDay)
		return !availability.Deterrence(p, c).Deterred
	})
	c.PerDay = tokens.Amount(max(0, pays-1))
	t := availability.Deterrence(p, c)
	d := Deterrent{KeptPPM: c.KeptPPM, Blocks: c.Blocks, CaughtPPM: t.CaughtPPM, AtRisk: t.AtRisk, MaxPerDay: c.PerDay}
	if c.PerDay > 0 {
		// The pool's day in parts of 10^12 of the supply, up; a GiB's pledge for each GiB that is paid.
		day := tokens.MulDivUp(s.InflationPPM, s.InflationHostingPPM, 365)
		d.PledgedPPM = tokens.MulDivUp(day, int64(s.CollateralPerGiB), int64(c.PerDay)*1_000_000)
	}
	return d
}
