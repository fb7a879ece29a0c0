package surge

import (
	"math"
	"math/bits"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Leecher is one download that announces now. Sessions of one member count once.
type Leecher struct {
	Left         bt.Bytes
	BilledRecent bt.Bytes // billed within the last Window
}

// SeederLoad is one seeder and all that it has proven and seeds now.
type SeederLoad struct {
	Rate     bt.Bytes       // per second: what SeederRate returns for it
	Torrents []bt.TorrentID // each counts once
}

// State is a torrent's price and what produced it. All of it is public and kept as history.
type State struct {
	MultiplierPPM int64    // of Base
	SmoothedPPM   int64    // smoothed saturation
	SaturationPPM int64    // this window's demand/capacity, at most MaxSaturation
	DemandBytes   bt.Bytes // of the next Window
	CapacityBytes bt.Bytes // of the next Window
}

// TorrentState is what a torrent's next price is computed from.
type TorrentState struct {
	Torrent     bt.TorrentID
	State       State // the one before; Initial for a new torrent
	Leechers    []Leecher
	LeecherRate bt.Bytes // per second: verified upload rate of all its leechers; 0 if unknown
}

// Market is everything that is priced together, because seeders divide their uplink between
// torrents.
type Market struct {
	Torrents []TorrentState // each torrent once
	Seeders  []SeederLoad
}

// Initial is the state of a torrent that was never priced: base price, and neither scarce nor
// plentiful, so that its first minute does not move the price by the absence of a past.
func Initial(p Params) State { return State{MultiplierPPM: PPM, SmoothedPPM: p.Target} }

// Reprice returns the state of each torrent, in the order of m.Torrents, dt after the state before.
//
// One call moves a price by at most one step: dt beyond p.Step counts as one step (a pause of the
// server is no reason to jump), a shorter dt moves it by that part of a step. A torrent without a
// proven seeder keeps its price, its smoothed and its last saturation; its demand is still shown.
func (m Market) Reprice(p Params, dt time.Duration) []State {
	demand := make(map[bt.TorrentID]bt.Bytes, len(m.Torrents))
	for _, t := range m.Torrents {
		demand[t.Torrent] = Demand(p, t.Leechers)
	}
	capacity := Capacity(p, demand, m.Seeders)
	states := make([]State, len(m.Torrents))
	for i, t := range m.Torrents {
		s := t.State
		s.DemandBytes, s.CapacityBytes = demand[t.Torrent], 0
		if seeded, proven := capacity[t.Torrent]; proven {
			s.CapacityBytes = addUp(seeded, inWindow(p, min(max(t.LeecherRate, 0), MaxRate))/2)
			s = s.next(p, dt)
		}
		states[i] = s
	}
	return states
}

// Demand returns what the leechers of one torrent want in the next Window: each the least of what
// it has left, the wanted rate, and twice what was billed to it in the last Window, so that
// announcing alone moves no price.
func Demand(p Params, leechers []Leecher) (sum bt.Bytes) {
	most := inWindow(p, p.WantedRate)
	for _, l := range leechers {
		billed := addUp(l.BilledRecent, l.BilledRecent)
		sum = addUp(sum, max(0, min(l.Left, most, billed)))
	}
	return sum
}

const (
	// freeRate is what a seeder counts for without having been paid, per second: 1 MiB/s.
	freeRate bt.Bytes = 1 << 20
	// awardedFactor is how much more than it was paid for a seeder counts for.
	awardedFactor = 4
)

// SeederRate returns what a seeder counts for, per second: the rate its audits showed, at most
// 1 MiB/s + 4·(rate awarded to it), so that one who only answers audits cannot press prices down.
func SeederRate(auditRate, awardedRate bt.Bytes) bt.Bytes {
	awarded := min(max(awardedRate, 0), MaxRate)
	return min(max(auditRate, 0), freeRate+awardedFactor*awarded)
}

// Capacity returns what the proven seeders can give each torrent in the next Window. Each seeder's
// rate is split over its torrents by their demand, evenly if none of them has any; a share is
// rounded up, since a share of 0 would read as endless scarcity. A torrent that is not in the
// result has no proven seeder.
func Capacity(p Params, demand map[bt.TorrentID]bt.Bytes, seeders []SeederLoad) map[bt.TorrentID]bt.Bytes {
	capacity := make(map[bt.TorrentID]bt.Bytes, len(demand))
	for _, s := range seeders {
		torrents := distinct(s.Torrents)
		weight := func(t bt.TorrentID) bt.Bytes { return max(0, demand[t]) }
		var total bt.Bytes
		for _, t := range torrents {
			total = addUp(total, weight(t))
		}
		if total == 0 {
			weight, total = func(bt.TorrentID) bt.Bytes { return 1 }, bt.Bytes(len(torrents))
		}
		rate := inWindow(p, min(max(s.Rate, 0), MaxRate))
		for _, t := range torrents {
			share := bt.Bytes(tokens.MulDivUp(int64(rate), int64(weight(t)), int64(total)))
			capacity[t] = addUp(capacity[t], share)
		}
	}
	return capacity
}

func distinct(torrents []bt.TorrentID) []bt.TorrentID {
	seen := make(map[bt.TorrentID]bool, len(torrents))
	var out []bt.TorrentID
	for _, t := range torrents {
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	return out
}

// next is one step of the price: saturation, smoothing, m·(1 + δ·clip((s − s*)/s*, −1, 1)).
func (s State) next(p Params, dt time.Duration) State {
	dt = max(dt, 0)
	s.SaturationPPM = saturation(p, s.DemandBytes, s.CapacityBytes)
	s.SmoothedPPM = smooth(s.SmoothedPPM, s.SaturationPPM, dt, p.HalfLife)
	off := max(-PPM, min(PPM, (s.SmoothedPPM-p.Target)*PPM/p.Target))
	// δ·clip·dt/step in units of 10^-12; at most 5·10^11·10^6, far inside int64.
	size := tokens.MulDiv(p.Delta*abs(off), int64(min(dt, p.Step)), int64(p.Step))
	move := tokens.MulDiv(s.MultiplierPPM, size, PPM*PPM)
	if off < 0 {
		move = -move
	}
	s.MultiplierPPM = max(p.MinMultiplier, min(p.MaxMultiplier, s.MultiplierPPM+move))
	return s
}

// saturation returns demand/capacity in ppm, rounded down, at most MaxSaturation; 0 without demand.
func saturation(p Params, demand, capacity bt.Bytes) int64 {
	switch {
	case demand <= 0:
		return 0
	case capacity <= 0:
		return p.MaxSaturation
	}
	hi, lo := bits.Mul64(uint64(demand), PPM)
	if hi >= uint64(capacity) {
		return p.MaxSaturation
	}
	q, _ := bits.Div64(hi, lo, uint64(capacity))
	return int64(min(q, uint64(p.MaxSaturation)))
}

// inWindow returns what a rate amounts to in one Window, rounded up.
func inWindow(p Params, rate bt.Bytes) bt.Bytes {
	return bt.Bytes(tokens.MulDivUp(int64(rate), int64(p.Window), int64(time.Second)))
}

// addUp adds two byte counts and stops at the largest: a swarm of that size is saturated anyhow.
func addUp(a, b bt.Bytes) bt.Bytes {
	if a > 0 && b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
