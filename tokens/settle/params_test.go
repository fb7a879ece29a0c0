package settle_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
)

func TestDefaultsAreValid(t *testing.T) {
	if err := settle.DefaultParams().Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	for text, spoil := range map[string]func(*settle.Params){
		"uploaders_ppm is -1":            func(p *settle.Params) { p.UploadersPPM = -1 },
		"lockers_ppm is 1000001":         func(p *settle.Params) { p.LockersPPM = 1_000_001 },
		"treasury_ppm is":                func(p *settle.Params) { p.TreasuryPPM = -1 },
		"treasury_ppm is 1000001: want ": func(p *settle.Params) { p.LockersPPM++ },
		"link_cap_bytes is 0":            func(p *settle.Params) { p.LinkCap = 0 },
		"replicas is 0":                  func(p *settle.Params) { p.Replicas = 0 },
		"torrent_cap_ppm is 0":           func(p *settle.Params) { p.TorrentCapPPM = 0 },
		"publisher_cap_ppm is 0":         func(p *settle.Params) { p.PublisherCapPPM = 0 },
		"collateral_utok_per_gib is -1":  func(p *settle.Params) { p.CollateralPerGiB = -1 },
		"free_bytes is -1":               func(p *settle.Params) { p.FreeBytes = -1 },
		"uncollateralised_ppm is -1":     func(p *settle.Params) { p.UncollateralisedPPM = -1 },
		"retain_ppm (last third) is -1":  func(p *settle.Params) { p.RetainPPM[2] = -1 },
		"honest_ppm is 1000001":          func(p *settle.Params) { p.HonestPPM = 1_000_001 },
		"excess_tolerance_ppm is -1":     func(p *settle.Params) { p.ExcessTolerancePPM = -1 },
		"min_blame_bytes is -1":          func(p *settle.Params) { p.MinBlameBytes = -1 },
		"silent_bytes is 0":              func(p *settle.Params) { p.SilentBytes = 0 },
		"silent_ppm is -1":               func(p *settle.Params) { p.SilentPPM = -1 },
		"silent_torrents is 0":           func(p *settle.Params) { p.SilentTorrents = 0 },
		"silent_clusters is 0":           func(p *settle.Params) { p.SilentClusters = 0 },
		"silent_spread_ppm is -1":        func(p *settle.Params) { p.SilentSpreadPPM = -1 },
		"silent_window is 0s":            func(p *settle.Params) { p.SilentWindow = 0 },
		"honesty_prior_ppm is -1":        func(p *settle.Params) { p.HonestyPriorPPM = -1 },
		"honesty_prior_bytes is 0":       func(p *settle.Params) { p.HonestyPriorBytes = 0 },
		"hot_margin_ppm is -1":           func(p *settle.Params) { p.HotMarginPPM = -1 },
		"honesty_day is 0s":              func(p *settle.Params) { p.HonestyDay = 0 },
		"honesty_window is 0s":           func(p *settle.Params) { p.HonestyWindow = 0 },
		"probation_time is 0s":           func(p *settle.Params) { p.ProbationTime = 0 },
		"introduction_window is 9000h":   func(p *settle.Params) { p.IntroductionWindow = 9000 * time.Hour },
		"inflation_ppm is -1":            func(p *settle.Params) { p.InflationPPM = -1 },
		"inflation_hosting_ppm is 2000000": func(p *settle.Params) {
			p.InflationHostingPPM = 2_000_000
		},
	} {
		p := settle.DefaultParams()
		spoil(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not say %q", err, text)
		}
	}
}

func TestInflation(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, c := range []struct {
		supply tokens.Amount
		rate   int64
		epoch  time.Duration
		want   tokens.Amount
	}{
		{1_000_000 * tokens.Unit, 50_000, year, 50_000 * tokens.Unit},
		{1_000_000 * tokens.Unit, 50_000, time.Hour, 5_707_762}, // 50,000/8760 tokens
		{1, 50_000, time.Hour, 0},
		{0, 50_000, time.Hour, 0}, {-5, 50_000, time.Hour, 0}, {100, -1, time.Hour, 0},
		{100, 50_000, -time.Hour, 0}, {100, 0, time.Hour, 0},
		{100, 2_000_000, year, 100}, // never more than the supply
		{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64},
	} {
		if got := settle.Inflation(c.supply, c.rate, c.epoch); got != c.want {
			t.Errorf("Inflation(%d, %d, %v) = %d, want %d", c.supply, c.rate, c.epoch, got, c.want)
		}
	}
}

// Odd epochs mint what they should, whatever common factors they have with a year.
func TestInflationMatchesFloat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		supply := rapid.Int64Range(0, 1e18).Draw(t, "supply")
		rate, ms := rapid.Int64Range(0, 1e9).Draw(t, "rate"), rapid.Int64Range(1, 1e7).Draw(t, "ms")
		want := math.Min(float64(supply), float64(supply)*float64(rate)/1e6*float64(ms)/(365*86400e3))
		got := float64(settle.Inflation(tokens.Amount(supply), rate, time.Duration(ms)*time.Millisecond))
		if math.Abs(got-want) > 1+want*1e-12 {
			t.Fatalf("got %f, want %f", got, want)
		}
	})
}
