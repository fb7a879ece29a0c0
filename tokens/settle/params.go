// Package settle decides what an epoch pays: it splits what a torrent's downloaders were charged
// among those who uploaded to them, the lockers and the treasury (ECONOMY §5), and the hosting
// pool among those who proved that they host (§6). It computes; the store turns its results into
// transfers.
//
// It promises: every split sums exactly to what was there (otherwise an error, and nothing may be
// paid), no result depends on the order of its input, and nobody is paid for bytes that a member
// related to him downloaded. Honesty is not weighed yet: q = 1 for everybody, and distance does not
// count (geo off).
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
// What a prober saw of a download counts as 0 so far. Bytes of a freeleech torrent are in no usage
// row: its claims must not be judged by this rule.
package settle

import (
	"errors"
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const ppm = 1_000_000

// Params are the rules of settlement. Every field is a configuration key.
type Params struct {
	// Shares of what a torrent's downloaders were charged, in ppm; they sum to 1,000,000.
	UploadersPPM int64
	LockersPPM   int64
	TreasuryPPM  int64
	// LinkCap is the most that one uploader can have sent to one downloader, per second; 1 byte to
	// MaxLinkCap.
	LinkCap bt.Bytes

	Replicas            int64         // R: hosts beyond it share R hosts' weight; 1 to 1000
	TorrentCapPPM       int64         // of the hosting pool, the most one torrent earns; 1 to 1,000,000
	PublisherCapPPM     int64         // of the pool, the most one publisher's torrents earn together
	CollateralPerGiB    tokens.Amount // utok per GiB claimed: full collateral; 0 to 1,000,000 tokens
	FreeBytes           bt.Bytes      // a member's uncollateralised work counts up to here; 0 to 1 PiB
	UncollateralisedPPM int64         // of the pool, the most all uncollateralised work earns
	// RetainPPM is the part of a node's earnings kept as collateral in the first, second and last
	// third of the way to full collateral.
	RetainPPM [3]int64

	InflationPPM        int64 // of the supply, a year; 0 to MaxInflationPPM
	InflationHostingPPM int64 // of the inflation, into the hosting pool; 0 to 1,000,000

	// Unexplained bytes (ECONOMY §4). A member is silent whose unexplained bytes of SilentWindow
	// exceed SilentBytes and SilentPPM of all it took, over SilentTorrents and SilentClusters.
	IntroductionWindow time.Duration // a download seen so long before an epoch may have taken its bytes; 1 s to MaxWindow
	HonestPPM          int64         // claimants whose honesty is below it prove nothing; 0 to 1,000,000
	ExcessTolerancePPM int64         // of what is admitted, may be claimed beyond it (§5, step 3); 0 to 1,000,000
	MinBlameBytes      bt.Bytes      // smaller parts of a claim are laid to nobody's charge; 0 to 1 GiB
	SilentWindow       time.Duration // 1 s to MaxWindow
	SilentBytes        bt.Bytes      // 1 byte to 1 PiB
	SilentPPM          int64         // 0 to 1,000,000
	SilentTorrents     int64         // 1 to 1000
	SilentClusters     int64         // of claimants; 1 to 1000
	// SilentSpreadPPM of SilentBytes must lie beyond the SilentTorrents - 1 largest torrents and
	// beyond the SilentClusters - 1 largest clusters (a stray byte makes no third), and must stand
	// without the word of any SilentClusters - 1 clusters; 0 to 1,000,000.
	SilentSpreadPPM int64
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
		InflationPPM:        50_000,
		InflationHostingPPM: 700_000,
		IntroductionWindow:  72 * time.Hour,
		HonestPPM:           500_000,
		ExcessTolerancePPM:  1000,
		MinBlameBytes:       256 << 10,
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
	for name, d := range map[string]time.Duration{"introduction_window": p.IntroductionWindow, "silent_window": p.SilentWindow} {
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
