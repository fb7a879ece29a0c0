package availability

import (
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Stake is what a node has at stake for one torrent.
type Stake struct {
	Held    tokens.Amount // the node's collateral + retained, now
	Torrent bt.Bytes      // claimed of this torrent
	Claimed bt.Bytes      // claimed by the node altogether
}

// Collateral returns the torrent's part of what the node holds (ECONOMY §6): held·torrent/claimed,
// rounded down, never more than is held.
func (s Stake) Collateral() tokens.Amount {
	if s.Held <= 0 || s.Torrent <= 0 || s.Claimed <= 0 {
		return 0
	}
	part := min(s.Torrent, s.Claimed)
	return tokens.Amount(tokens.MulDiv(int64(s.Held), int64(part), int64(s.Claimed)))
}

// SlashAmount returns what a confirmed fault costs: a share of the torrent's collateral for the
// first, all that there is of it now for the next. It rounds down: the difference is below one
// utok, nobody can gain by it, and no more is taken than is there.
func SlashAmount(p Params, s Stake, priorFaults int) tokens.Amount {
	return tokens.PPM(s.Collateral(), p.faultPPM(priorFaults))
}

// NodeSlashAmount returns what a penalty in ppm of everything held costs (suspension, absence),
// rounded down.
func NodeSlashAmount(held tokens.Amount, ppm int64) tokens.Amount {
	return tokens.PPM(max(held, 0), min(max(ppm, 0), million))
}

func (p Params) faultPPM(priorFaults int) int64 {
	if priorFaults == 0 {
		return p.SlashPPM
	}
	return million
}
