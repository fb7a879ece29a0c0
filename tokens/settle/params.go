// Package settle decides what an epoch pays: it splits what a torrent's downloaders were charged
// among those who uploaded to them, the lockers and the treasury (ECONOMY §5), and the hosting
// pool among those who proved that they host (§6). It computes; the store turns its results into
// transfers.
//
// It promises: every split sums exactly to what was there (otherwise an error, and nothing may be
// paid), no result depends on the order of its input, and nobody is paid for bytes that a member
// related to him downloaded.
//
// # Honesty
//
// Claims are worth what downloads admit. Honesty compares them day by day, and Quality draws q from
// 30 days of it; q decides who is paid first, how much of a download each is given (by q³), whose
// pay waits in probation, and whose word counts against a download (Unexplained, Corroborate).
//
// What it does, in the simulator (package sim, 30 seeders and 200 leechers; 'swarmstake simulate'
// prints it): honest seeders are paid 0.98 to 0.99 of what they uploaded; clients without data, up to
// nine claimants with data that upload nothing, new names every two hours and free allowances earn
// nothing; a ring that owns every lock and takes the hot bonus loses 4 %. What it does not: when
// nobody has history, nine claimants that upload nothing take 18 % by claiming half of what a seeder
// uploads, and 26 % by claiming as much; by claiming five times as much they have everybody's pay
// wait. Seeders that overclaim by 10 to 50 % gain 9 to 16 %, and 25 % where lines are uneven and
// leechers upload what nobody proven claims. A history can be bought: three claimants that traded
// 20 GiB with themselves take 3 to 10 % of four days' pay before they are found out. A new seeder
// beside overclaimers is paid 0.55 to 0.85 of what it uploaded in its first four days.
//
// # Unexplained bytes
//
// Unexplained bytes (ECONOMY §4) are upload claims of proven uploaders that no download admits.
//
// A claim is looked at once, when it cannot be admitted any more: at the last reopening of its
// epoch. What is left of the claims then, less what downloads of the torrent admitted around that
// epoch without anybody being awarded it (no announce ends with an epoch), is shared among the
// downloads that may have taken it: introduced to the claimant, not related to it, seen lately,
// and with bytes open that they never reported. That is suspicion, not proof: an honest download
// that stands still in a torrent from which others take in silence gets its share of it.
//
// Judge draws the conclusion over 30 days and many uploaders, and takes back what a member reported
// late. Uploaders of two networks can claim what they like: nobody who reports is silent by it.
// Limits that are known: two epochs pass before a claim counts, and a client takes what it can
// meanwhile; in swarms so busy that any two seeders claim more than what a silent client takes, it
// is not found by that swarm; overclaimers of three networks or more can raise
// suspicion against a download that stands still in three torrents, which costs that member its
// peers until an operator looks, and at most what it had reserved; and a client that reports more
// than 60 % of what it takes is never found.
//
// In the model of swarm_model_test.go, four days of 90 downloaders, it finds 17 of 20 that report
// nothing, 1 of 10 that report half, and none of 60 honest ones that crash, report late and leave
// downloads standing. That is a statement about the model.
//
// What a prober saw of a download counts as 0 so far.
package settle

import (
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const ppm = 1_000_000

// Params are the rules of settlement. Every field is a configuration key; the tags say what it takes.
type Params struct {
	UploadersPPM int64    `unit:"ppm" range:"0..1000000" doc:"of what downloaders were charged, to uploaders; the three shares sum to 1000000"`
	LockersPPM   int64    `unit:"ppm" range:"0..1000000" doc:"of what downloaders were charged, to those who lock tokens"`
	TreasuryPPM  int64    `unit:"ppm" range:"0..1000000" doc:"of what downloaders were charged, to the treasury"`
	LinkCap      bt.Bytes `unit:"bytes/s" range:"1..1099511627776" doc:"the most that one uploader can have sent to one downloader"`

	Replicas            int64         `unit:"hosts" range:"1..1000" doc:"R: hosts of a torrent beyond it share R hosts' weight"`
	TorrentCapPPM       int64         `unit:"ppm" range:"1..1000000" doc:"of the hosting pool, the most one torrent earns in an epoch"`
	PublisherCapPPM     int64         `unit:"ppm" range:"1..1000000" doc:"of the hosting pool, the most one publisher's torrents earn together in an epoch"`
	CollateralPerGiB    tokens.Amount `unit:"utok/GiB" range:"0..1000000000000" doc:"full collateral of claimed bytes"`
	FreeBytes           bt.Bytes      `unit:"bytes" range:"0..1125899906842624" doc:"a member's uncollateralised work counts up to here"`
	UncollateralisedPPM int64         `unit:"ppm" range:"0..1000000" doc:"of the hosting pool, the most all uncollateralised work earns"`
	RetainPPM           [3]int64      `unit:"ppm" range:"0..1000000" doc:"of a node's earnings, kept as collateral in the first, second and last third of the way to full collateral"`

	HostingRate       tokens.Amount `unit:"utok per GiB and hour" range:"0..1000000000000" doc:"the most that hosting is paid, at first; 0: whatever the pool has"`
	HostingRateMinPPM int64         `unit:"ppm" range:"1..1000000" doc:"of hosting_rate, the least that retargeting makes of it while the network hosts more than it wants"`

	InflationPPM        int64 `unit:"ppm" range:"0..1000000000000" doc:"of the supply, a year"`
	InflationHostingPPM int64 `unit:"ppm" range:"0..1000000" doc:"of the inflation, into the hosting pool"`

	// Unexplained bytes (ECONOMY §4). A member is silent whose unexplained bytes of SilentWindow
	// exceed SilentBytes and SilentPPM of all it took, over SilentTorrents and SilentClusters.
	IntroductionWindow time.Duration `range:"1s..8760h" doc:"a download seen so long before an epoch may have taken its unexplained bytes"`
	HonestPPM          int64         `unit:"ppm" range:"0..1000000" doc:"claimants whose honesty is below it prove nothing, and their pay waits in probation"`
	ExcessTolerancePPM int64         `unit:"ppm" range:"0..1000000" doc:"of what is admitted, may be claimed beyond it"`
	MinBlameBytes      bt.Bytes      `unit:"bytes" range:"0..1073741824" doc:"smaller parts of a claim are laid to nobody's charge"`
	SilentWindow       time.Duration `range:"1s..8760h" doc:"unexplained bytes are summed over it"`
	SilentBytes        bt.Bytes      `unit:"bytes" range:"1..1125899906842624" doc:"a member with more unexplained bytes may be silent"`
	SilentPPM          int64         `unit:"ppm" range:"0..1000000" doc:"a member is silent if more than this of all it took is unexplained"`
	SilentTorrents     int64         `unit:"torrents" range:"1..1000" doc:"over so many torrents"`
	SilentClusters     int64         `unit:"clusters" range:"1..1000" doc:"and by the word of so many clusters of claimants"`
	// Honesty (ECONOMY §5, step 3): q of a member's claims of HonestyWindow, weighed day by day; it
	// begins as if HonestyPriorBytes had been claimed and HonestyPriorPPM of them admitted.
	HonestyDay        time.Duration `range:"1s..8760h" doc:"claims are compared with admitted bytes over each such day"`
	HonestyWindow     time.Duration `range:"1s..8760h" doc:"days that a member's honesty q is computed over"`
	HonestyPriorPPM   int64         `unit:"ppm" range:"0..1000000" doc:"honesty of a member without history"`
	HonestyPriorBytes bt.Bytes      `unit:"bytes" range:"1..1125899906842624" doc:"claimed bytes that the prior honesty weighs as much as"`
	ProbationTime     time.Duration `range:"1s..8760h" doc:"pay of members below honest_ppm waits so long for their honesty to rise"`
	HotMarginPPM      int64         `unit:"ppm" range:"0..1000000" doc:"the hot bonus stays so far below the treasury's share of what is paid"`
	// SilentSpreadPPM of SilentBytes must lie beyond the SilentTorrents - 1 largest torrents and
	// beyond the SilentClusters - 1 largest clusters (a stray byte makes no third), and must stand
	// without the word of any SilentClusters - 1 clusters; 0 to 1,000,000.
	SilentSpreadPPM int64 `unit:"ppm" range:"0..1000000" doc:"of silent_bytes, must lie beyond the largest torrents and clusters"`
}

const (
	// MaxLinkCap bounds LinkCap (1 TiB/s).
	MaxLinkCap bt.Bytes = 1 << 40
	// MaxInflationPPM bounds the inflation of a year: a demo's year passes in minutes.
	MaxInflationPPM = 1_000_000_000_000
	// MaxWindow bounds IntroductionWindow and SilentWindow (a year).
	MaxWindow = 365 * 24 * time.Hour
)

// DefaultParams returns the defaults of ECONOMY §4 to §6.
func DefaultParams() Params {
	return Params{
		UploadersPPM:        800_000,
		LockersPPM:          120_000,
		TreasuryPPM:         80_000,
		LinkCap:             1_250_000_000, // 10 Gbit/s (ECONOMY §3)
		Replicas:            5,
		TorrentCapPPM:       20_000,
		PublisherCapPPM:     20_000,
		CollateralPerGiB:    tokens.Unit,
		FreeBytes:           20 * bt.GiB,
		UncollateralisedPPM: 100_000,
		RetainPPM:           [3]int64{750_000, 500_000, 250_000},
		HostingRate:         tokens.Unit, // no pool pays as much at first: retargeting finds what is needed
		HostingRateMinPPM:   1000,
		InflationPPM:        50_000,
		InflationHostingPPM: 700_000,
		IntroductionWindow:  72 * time.Hour,
		HonestPPM:           500_000,
		ExcessTolerancePPM:  1000,
		MinBlameBytes:       256 << 10,
		HonestyDay:          24 * time.Hour,
		HonestyWindow:       30 * 24 * time.Hour,
		HonestyPriorPPM:     100_000,
		HonestyPriorBytes:   2 * bt.GiB,
		ProbationTime:       30 * 24 * time.Hour,
		HotMarginPPM:        20_000,
		SilentWindow:        30 * 24 * time.Hour,
		SilentBytes:         10 * bt.GiB,
		SilentPPM:           400_000,
		SilentTorrents:      3,
		SilentClusters:      3,
		SilentSpreadPPM:     100_000,
	}
}

// Validate names the first field that is out of range, its value and what would be accepted.
func (p Params) Validate() error {
	for _, f := range []struct {
		name           string
		value, min, to int64
	}{
		{"uploaders_ppm", p.UploadersPPM, 0, ppm},
		{"lockers_ppm", p.LockersPPM, 0, ppm},
		{"treasury_ppm", p.TreasuryPPM, 0, ppm},
		{"link_cap_bytes", int64(p.LinkCap), 1, int64(MaxLinkCap)},
		{"replicas", p.Replicas, 1, 1000},
		{"torrent_cap_ppm", p.TorrentCapPPM, 1, ppm},
		{"publisher_cap_ppm", p.PublisherCapPPM, 1, ppm},
		{"collateral_utok_per_gib", int64(p.CollateralPerGiB), 0, int64(1_000_000 * tokens.Unit)},
		{"free_bytes", int64(p.FreeBytes), 0, 1 << 50},
		{"uncollateralised_ppm", p.UncollateralisedPPM, 0, ppm},
		{"retain_ppm (first third)", p.RetainPPM[0], 0, ppm},
		{"retain_ppm (second third)", p.RetainPPM[1], 0, ppm},
		{"retain_ppm (last third)", p.RetainPPM[2], 0, ppm},
		{"inflation_ppm", p.InflationPPM, 0, MaxInflationPPM},
		{"inflation_hosting_ppm", p.InflationHostingPPM, 0, ppm},
		{"honest_ppm", p.HonestPPM, 0, ppm},
		{"honesty_prior_ppm", p.HonestyPriorPPM, 0, ppm},
		{"honesty_prior_bytes", int64(p.HonestyPriorBytes), 1, 1 << 50},
		{"hot_margin_ppm", p.HotMarginPPM, 0, ppm},
		{"excess_tolerance_ppm", p.ExcessTolerancePPM, 0, ppm},
		{"min_blame_bytes", int64(p.MinBlameBytes), 0, int64(bt.GiB)},
		{"silent_bytes", int64(p.SilentBytes), 1, 1 << 50},
		{"silent_ppm", p.SilentPPM, 0, ppm},
		{"silent_torrents", p.SilentTorrents, 1, 1000},
		{"silent_clusters", p.SilentClusters, 1, 1000},
		{"silent_spread_ppm", p.SilentSpreadPPM, 0, ppm},
	} {
		if f.value < f.min || f.value > f.to {
			return fmt.Errorf("settle: %s is %d: want %d to %d", f.name, f.value, f.min, f.to)
		}
	}
	for name, d := range map[string]time.Duration{"introduction_window": p.IntroductionWindow, "silent_window": p.SilentWindow,
		"honesty_day": p.HonestyDay, "honesty_window": p.HonestyWindow, "probation_time": p.ProbationTime} {
		if d < time.Second || d > MaxWindow {
			return fmt.Errorf("settle: %s is %v: want 1s to %v", name, d, MaxWindow)
		}
	}
	if sum := p.UploadersPPM + p.LockersPPM + p.TreasuryPPM; sum != ppm {
		return fmt.Errorf("settle: uploaders_ppm + lockers_ppm + treasury_ppm is %d: want %d", sum, ppm)
	}
	return nil
}

var (
	// ErrInput: usage that no meter can have written (negative, doubled or oversized).
	ErrInput = errors.New("settle: impossible input")
	// ErrUnbalanced: the parts of a split do not sum to the whole; nothing may be paid.
	ErrUnbalanced = errors.New("settle: parts do not sum to the whole")
)

// year is what InflationPPM is per.
const year = 365 * 24 * time.Hour

// Inflation returns what an epoch mints: supply·rate·epoch/year, rounded down, at most the supply
// itself, and nothing for a negative argument. It is the whole inflation; the hosting pool gets
// InflationHostingPPM of it (ECONOMY §6).
func Inflation(supply tokens.Amount, ratePPMperYear int64, epochLength time.Duration) tokens.Amount {
	if supply <= 0 || ratePPMperYear <= 0 || epochLength < time.Millisecond {
		return 0
	}
	part, whole := epochLength.Milliseconds(), year.Milliseconds()
	divisor := gcd(part, whole)
	rate, fits := multiply(ratePPMperYear, part/divisor)
	of := ppm * (whole / divisor) // at most 10^6 years of ms: far inside int64
	if !fits || rate >= of {
		return supply
	}
	return tokens.Amount(tokens.MulDiv(int64(supply), rate, of))
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
