package availability

import (
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

// Cheat is a claimant that keeps only a part of a torrent and is paid for all of it.
type Cheat struct {
	KeptPPM    int64         // share of the data that it has
	Blocks     int           // an audit sees; 0: p.Blocks (fewer where only whole pieces can be checked)
	Collateral tokens.Amount // behind the claim
	PerDay     tokens.Amount // hosting reward of the claim
	MarginPPM  int64         // μ
}

// Threat is what cheating comes to (ECONOMY §7: stake at risk ≥ (1 + μ)·gain/audit probability).
type Threat struct {
	GainPerDay tokens.Amount // the reward for what it does not have, rounded up
	CaughtPPM  int64         // chance per day that drawn audits see a fault, rounded down
	AtRisk     tokens.Amount // what the first confirmed fault takes, rounded down
	Needed     tokens.Amount // the least stake at risk that deters; MaxAmount: that or more
	Deterred   bool
}

// Deterrence computes whether cheating pays: with drawn audits at their mean rate alone, and every
// rounding in the cheat's favour.
func Deterrence(p Params, c Cheat) Threat {
	k := c.Blocks
	if k == 0 {
		k = p.Blocks
	}
	kept := min(max(c.KeptPPM, 0), million)
	unseen := int64(billion) // in a day
	for range min(int64(k)*int64(24*time.Hour/max(p.DrawInterval, time.Millisecond)), maxLooks) {
		unseen = tokens.MulDivUp(unseen, kept, million)
	}
	t := Threat{
		GainPerDay: tokens.Amount(tokens.MulDivUp(int64(c.PerDay), million-kept, million)),
		CaughtPPM:  (billion - unseen) / (billion / million),
		AtRisk:     tokens.PPM(c.Collateral, p.SlashPPM),
	}
	weight := million + max(c.MarginPPM, 0)
	switch {
	case t.GainPerDay == 0:
	case int64(t.GainPerDay) >= tokens.MulDiv(int64(tokens.MaxAmount), t.CaughtPPM, weight):
		t.Needed = tokens.MaxAmount
	default:
		t.Needed = tokens.Amount(tokens.MulDivUp(int64(t.GainPerDay), weight, t.CaughtPPM))
	}
	t.Deterred = t.AtRisk >= t.Needed
	return t
}

// maxLooks bounds the blocks of a day: after so many, what one in a million lacks is as good as seen.
const maxLooks = 1 << 20
