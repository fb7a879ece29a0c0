package surge_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const mib = bt.Bytes(1 << 20)

func TestDefaultsAreValid(t *testing.T) {
	if err := surge.DefaultParams().Validate(); err != nil {
		t.Error(err)
	}
}

func TestTargetIsAtMostTheMaximum(t *testing.T) {
	p := surge.DefaultParams()
	p.Target = p.MaxSaturation + 1
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "target = 2000001: want at most max_saturation, 2000000") {
		t.Error(err)
	}
}

func TestDemand(t *testing.T) {
	p := surge.DefaultParams() // at most 450 MiB a leecher
	for _, c := range []struct {
		name     string
		leechers []surge.Leecher
		want     bt.Bytes
	}{
		{"nobody", nil, 0},
		{"announcing alone moves nothing", []surge.Leecher{{Left: bt.GiB}}, 0},
		{"twice what was billed", []surge.Leecher{{Left: bt.GiB, BilledRecent: 10 * mib}}, 20 * mib},
		{"what is left", []surge.Leecher{{Left: 5 * mib, BilledRecent: bt.GiB}}, 5 * mib},
		{"the wanted rate", []surge.Leecher{{Left: 9 * bt.GiB, BilledRecent: bt.GiB}}, 450 * mib},
		{"the sum", []surge.Leecher{{Left: 5 * mib, BilledRecent: bt.GiB}, {Left: bt.GiB, BilledRecent: mib}}, 7 * mib},
		{"huge counters", []surge.Leecher{{Left: math.MaxInt64, BilledRecent: math.MaxInt64}}, 450 * mib},
		{"negative counters", []surge.Leecher{{Left: -5, BilledRecent: 5}, {Left: 5, BilledRecent: -5}}, 0},
	} {
		if got := surge.Demand(p, c.leechers); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestSeederRate(t *testing.T) {
	for _, c := range []struct{ audit, awarded, want bt.Bytes }{
		{0, 0, 0}, {mib / 2, 0, mib / 2}, {100 * mib, 0, mib}, {100 * mib, 10 * mib, 41 * mib},
		{3 * mib, 10 * mib, 3 * mib}, {-1, 5, 0}, {100 * mib, -5, mib},
		{math.MaxInt64, math.MaxInt64, mib + 4*surge.MaxRate},
	} {
		if got := surge.SeederRate(c.audit, c.awarded); got != c.want {
			t.Errorf("SeederRate(%d, %d) = %d, want %d", c.audit, c.awarded, got, c.want)
		}
	}
}

func TestCapacitySplitsASeederByDemand(t *testing.T) {
	p := surge.DefaultParams()
	demand := map[bt.TorrentID]bt.Bytes{1: 300, 2: 100, 3: 0, 4: 0}
	got := surge.Capacity(p, demand, []surge.SeederLoad{
		{Rate: 4 * mib, Torrents: []bt.TorrentID{1, 2, 3, 1}}, // by demand; a repeat counts once
		{Rate: 2 * mib, Torrents: []bt.TorrentID{3, 4}},       // evenly
		{Rate: -1, Torrents: []bt.TorrentID{1}},
	})
	for torrent, want := range map[bt.TorrentID]bt.Bytes{1: 2700 * mib, 2: 900 * mib, 3: 900 * mib, 4: 900 * mib} {
		if got[torrent] != want {
			t.Errorf("torrent %d: %d, want %d", torrent, got[torrent], want)
		}
	}
	if _, proven := got[5]; proven || len(got) != 4 {
		t.Errorf("capacity of unseeded torrents: %v", got)
	}
}

// A torrent whose demand is tiny beside its neighbour's is as saturated as the neighbour, not
// endlessly.
func TestSmallDemandIsNotScarcity(t *testing.T) {
	p := surge.DefaultParams()
	got := surge.Capacity(p, map[bt.TorrentID]bt.Bytes{1: 1, 2: 1 << 50}, []surge.SeederLoad{
		{Rate: mib, Torrents: []bt.TorrentID{1, 2}},
	})
	if got[1] != 1 {
		t.Errorf("capacity %d, want 1", got[1])
	}
}

// one torrent, one seeder of 1 MiB/s (900 MiB a window), and leechers that want 450 MiB each.
func market(s surge.State, leechers int, seeders int) surge.Market {
	m := surge.Market{Torrents: []surge.TorrentState{{Torrent: 1, State: s}}}
	for range leechers {
		m.Torrents[0].Leechers = append(m.Torrents[0].Leechers, surge.Leecher{Left: bt.GiB, BilledRecent: bt.GiB})
	}
	for range seeders {
		m.Seeders = append(m.Seeders, surge.SeederLoad{Rate: mib, Torrents: []bt.TorrentID{1}})
	}
	return m
}

func TestOneStep(t *testing.T) {
	p := surge.DefaultParams()
	p.HalfLife = 0
	at := surge.Initial(p)
	for _, c := range []struct {
		name              string
		leechers, seeders int
		dt                time.Duration
		want              surge.State
	}{
		{"wanted saturation", 1, 1, p.Step, surge.State{MultiplierPPM: 1_000_000, SmoothedPPM: 500_000, SaturationPPM: 500_000, DemandBytes: 450 * mib, CapacityBytes: 900 * mib}},
		{"no demand", 0, 1, p.Step, surge.State{MultiplierPPM: 875_000, CapacityBytes: 900 * mib}},
		{"full", 2, 1, p.Step, surge.State{MultiplierPPM: 1_125_000, SmoothedPPM: 1_000_000, SaturationPPM: 1_000_000, DemandBytes: 900 * mib, CapacityBytes: 900 * mib}},
		{"three quarters", 3, 2, p.Step, surge.State{MultiplierPPM: 1_062_500, SmoothedPPM: 750_000, SaturationPPM: 750_000, DemandBytes: 1350 * mib, CapacityBytes: 1800 * mib}},
		{"beyond the scale", 9, 1, p.Step, surge.State{MultiplierPPM: 1_125_000, SmoothedPPM: 2_000_000, SaturationPPM: 2_000_000, DemandBytes: 4050 * mib, CapacityBytes: 900 * mib}},
		{"a pause is one step", 9, 1, 99 * p.Step, surge.State{MultiplierPPM: 1_125_000, SmoothedPPM: 2_000_000, SaturationPPM: 2_000_000, DemandBytes: 4050 * mib, CapacityBytes: 900 * mib}},
		{"half a step", 0, 1, p.Step / 2, surge.State{MultiplierPPM: 937_500, CapacityBytes: 900 * mib}},
		{"no proven seeder", 9, 0, p.Step, surge.State{MultiplierPPM: 1_000_000, SmoothedPPM: 500_000, DemandBytes: 4050 * mib}},
	} {
		if got := market(at, c.leechers, c.seeders).Reprice(p, c.dt)[0]; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestLeechersCountHalf(t *testing.T) {
	p := surge.DefaultParams()
	m := market(surge.Initial(p), 1, 1)
	m.Torrents[0].LeecherRate = mib
	if got := m.Reprice(p, p.Step)[0].CapacityBytes; got != 1350*mib {
		t.Errorf("capacity %d, want 1350 MiB", got)
	}
}

func TestSmoothingDelaysTheStep(t *testing.T) {
	p := surge.DefaultParams()
	calm := market(surge.Initial(p), 1, 1).Reprice(p, p.Step)[0]
	rush := market(calm, 9, 1).Reprice(p, p.HalfLife)[0]
	if rush.SaturationPPM != 2_000_000 || rush.SmoothedPPM != 1_250_000 {
		t.Errorf("after one half-life: %+v", rush)
	}
}

// With lasting demand the price climbs to its maximum, without it falls to its minimum.
func TestPriceRunsToItsLimits(t *testing.T) {
	p := surge.DefaultParams()
	s := surge.Initial(p)
	for range 60 {
		s = market(s, 9, 1).Reprice(p, p.Step)[0]
	}
	if s.MultiplierPPM != p.MaxMultiplier {
		t.Errorf("after an hour of rush: %+v", s)
	}
	for range 120 {
		s = market(s, 0, 1).Reprice(p, p.Step)[0]
	}
	if s.MultiplierPPM != p.MinMultiplier {
		t.Errorf("after two idle hours: %+v", s)
	}
}

// A price stays within its limits, moves by at most δ, and more demand never makes it lower.
func TestRepriceProperties(t *testing.T) {
	p := surge.DefaultParams()
	rapid.Check(t, func(t *rapid.T) {
		before := surge.State{
			MultiplierPPM: rapid.Int64Range(p.MinMultiplier, p.MaxMultiplier).Draw(t, "m"),
			SmoothedPPM:   rapid.Int64Range(0, p.MaxSaturation).Draw(t, "s"),
		}
		leechers, seeders := rapid.IntRange(0, 12).Draw(t, "leechers"), rapid.IntRange(1, 3).Draw(t, "seeders")
		dt := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "dt"))
		after := market(before, leechers, seeders).Reprice(p, dt)[0]
		if after.MultiplierPPM < p.MinMultiplier || after.MultiplierPPM > p.MaxMultiplier {
			t.Fatalf("out of range: %+v", after)
		}
		if d := after.MultiplierPPM - before.MultiplierPPM; max(d, -d) > before.MultiplierPPM/8+1 {
			t.Fatalf("moved by %d from %d", d, before.MultiplierPPM)
		}
		if more := market(before, leechers+1, seeders).Reprice(p, dt)[0]; more.MultiplierPPM < after.MultiplierPPM {
			t.Fatalf("more demand, lower price: %+v, %+v", after, more)
		}
		if more := market(before, leechers, seeders+1).Reprice(p, dt)[0]; more.MultiplierPPM > after.MultiplierPPM {
			t.Fatalf("more seeders, higher price: %+v, %+v", after, more)
		}
	})
}

// A seeder's split gives away its rate, no more than a byte a torrent beyond it.
func TestCapacityConserves(t *testing.T) {
	p := surge.DefaultParams()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "torrents")
		demand, load := map[bt.TorrentID]bt.Bytes{}, surge.SeederLoad{Rate: bt.Bytes(rapid.Int64Range(0, 1<<40).Draw(t, "rate"))}
		for i := range n {
			demand[bt.TorrentID(i)] = bt.Bytes(rapid.Int64Range(0, 1<<50).Draw(t, "demand"))
			load.Torrents = append(load.Torrents, bt.TorrentID(i))
		}
		var sum bt.Bytes
		for _, c := range surge.Capacity(p, demand, []surge.SeederLoad{load}) {
			sum += c
		}
		if d := sum - 900*load.Rate; d < 0 || d > bt.Bytes(n) {
			t.Fatalf("gave %d of %d", sum, 900*load.Rate)
		}
	})
}
