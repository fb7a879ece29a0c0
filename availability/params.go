package availability

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Params are the rules' numbers; DefaultParams has those of ECONOMY §7. Factors in parts per
// million.
type Params struct {
	Blocks        int           `unit:"blocks" range:"1..100000" doc:"k: blocks drawn for an entry or drawn audit"`
	RenewalBlocks int           `unit:"blocks" range:"1..100000" doc:"blocks drawn for a renewal"`
	MaxBytes      bt.Bytes      `unit:"bytes" range:"16384..1073741824" doc:"the most that an audit moves, or max_pieces whole pieces if they are more"`
	MaxPieces     int           `unit:"pieces" range:"1..100000" doc:"whole pieces that an audit may move even if they are more than max_bytes"`
	EntryDelay    time.Duration `range:"0s..8784h" doc:"from a new claim to its entry audit"`
	DrawInterval  time.Duration `range:"1ms..8784h" doc:"mean time between two drawn audits of a claimant"`
	DrawWindow    time.Duration `range:"1ms..8784h" doc:"all claimants of a drawn torrent are asked within it"`
	ProofLifetime time.Duration `range:"1ms..8784h" doc:"a passed audit stands for so long"`
	RenewalLead   time.Duration `range:"1ms..8784h" doc:"a renewal is due so long before the proof ends; less than proof_lifetime"`
	ClaimLapse    time.Duration `range:"1ms..8784h" doc:"silence after which a claimant no longer announces (two intervals)"`
	AuditTimeout  time.Duration `range:"1ms..8784h" doc:"an audit begun and never judged is forgotten after this"`

	RecheckDelay    time.Duration `range:"1ms..8784h" doc:"from a suspicion to the next look at the same block"`
	ConfirmLooks    int           `unit:"looks" range:"2..100" doc:"a fault is confirmed when it was seen so often on one block, with nothing right in between"`
	RecheckAttempts int           `unit:"audits" range:"1..100000" doc:"inconclusive further looks after which the claim lapses (the suspicion stays)"`
	RepairDelay     time.Duration `range:"1ms..8784h" doc:"from the first confirmed fault to the next entry audit"`
	RetryDelay      time.Duration `range:"1ms..8784h" doc:"after the first inconclusive audit, doubled with each"`
	RetryMax        time.Duration `range:"1ms..8784h" doc:"the longest delay after an inconclusive audit; at least retry_delay"`

	ScoreLambdaPPM int64 `unit:"ppm" range:"0..999999" doc:"λ: weight of the past in a score"`
	ScoreStart     int   `range:"1..100000" doc:"α of a new score: as many passed audits it begins with"`
	MaxPerRound    int   `unit:"audits" range:"1..100000" doc:"begun at once; the rest waits for the next round"`

	SlashPPM        int64         `unit:"ppm" range:"0..1000000" doc:"of the torrent's collateral, lost by the first confirmed fault"`
	SuspendAudits   int           `unit:"audits" range:"1..100000" doc:"a node is suspended after at least so many"`
	SuspendPPM      int64         `unit:"ppm" range:"0..1000000" doc:"a node is suspended if more than this share of its audits were confirmed faults"`
	SuspendSlashPPM int64         `unit:"ppm" range:"0..1000000" doc:"of its collateral, lost by a suspended node"`
	OfflineGrace    time.Duration `range:"1ms..8784h" doc:"absence that costs nothing but pay"`
	OfflineWindow   time.Duration `range:"1ms..8784h" doc:"each such time missed after the grace costs offline_ppm"`
	OfflinePPM      int64         `unit:"ppm" range:"0..1000000" doc:"of the node's collateral, lost by each offline_window missed"`
	OfflineMaxPPM   int64         `unit:"ppm" range:"0..1000000" doc:"of the node's collateral, the most that absence costs in offline_period"`
	OfflinePeriod   time.Duration `range:"1ms..8784h" doc:"over which offline_max_ppm holds"`
	ObservationGap  time.Duration `range:"1ms..8784h" doc:"absence counts only as far as the tracker looked: at most this between two looks"`
	AppealWindow    time.Duration `range:"1ms..8784h" doc:"a slash waits so long in its disputed account and may be returned"`

	MaintenanceMax    time.Duration `range:"0s..8784h" doc:"maintenance that a node may declare in maintenance_period; absence in it costs only the reward"`
	MaintenancePeriod time.Duration `range:"1ms..8784h" doc:"over which maintenance_max holds"`
	RevetAudits       int           `unit:"audits" range:"1..100000" doc:"passed in a row, with which a suspended node is active again"`
	RevetTime         time.Duration `range:"0s..8784h" doc:"a suspension lasts at least so long, unless an operator lifts it"`
	ChallengeTime     time.Duration `range:"1ms..10m" doc:"a daemon answers a challenge within it"`
	ServingFailures   int           `unit:"epochs" range:"1..1000" doc:"in a row in which nobody could download from a seeder, after which it earns nothing until somebody can"`

	GeoRule     string `range:"off|every|third" doc:"who earns the bonus for distance: off, hosts farther than geo_distance from every other host of the torrent, or all of a torrent's hosts if a third of them are farther than that from the rest"`
	GeoDistance int64  `unit:"km" range:"1..20037" doc:"see geo_rule"`
	GeoBonusPPM int64  `unit:"ppm" range:"0..1000000" doc:"added to the weight of work and uploads that earn the bonus"`

	BadgePeriod   time.Duration `range:"1s..8784h" doc:"hosting a collection for such a period earns a badge; periods count from 1970"`
	BadgeSharePPM int64         `unit:"ppm" range:"1..1000000" doc:"of the period, in which each torrent of the collection was proven"`
}

// DefaultParams returns the values of ECONOMY §7.
func DefaultParams() Params {
	return Params{
		Blocks: 30, RenewalBlocks: 10, MaxBytes: 16 << 20, MaxPieces: 4,
		EntryDelay: 30 * time.Second, DrawInterval: 6 * time.Hour, DrawWindow: 10 * time.Minute,
		ProofLifetime: 72 * time.Hour, RenewalLead: 8 * time.Hour,
		ClaimLapse: 33 * time.Minute, AuditTimeout: 5 * time.Minute,

		RecheckDelay: 15 * time.Minute, ConfirmLooks: 4, RecheckAttempts: 6, RepairDelay: 6 * time.Hour,
		RetryDelay: 10 * time.Minute, RetryMax: 4 * time.Hour,

		ScoreLambdaPPM: 970_000, ScoreStart: 20, MaxPerRound: 1000,

		SlashPPM: 200_000, SuspendAudits: 20, SuspendPPM: 100_000, SuspendSlashPPM: 500_000,
		OfflineGrace: 2 * time.Hour, OfflineWindow: 12 * time.Hour, OfflinePPM: 10_000,
		OfflineMaxPPM: 300_000, OfflinePeriod: 30 * 24 * time.Hour, ObservationGap: 6 * time.Hour,
		AppealWindow: 7 * 24 * time.Hour,

		MaintenanceMax: 24 * time.Hour, MaintenancePeriod: 30 * 24 * time.Hour, RevetAudits: 20, RevetTime: 72 * time.Hour,
		ChallengeTime: 30 * time.Second, ServingFailures: 2,
		GeoRule: GeoEvery, GeoDistance: 100, GeoBonusPPM: 150_000,
		BadgePeriod: 30 * 24 * time.Hour, BadgeSharePPM: 950_000,
	}
}

// Validate names the first value that does not go with another. What each may be by itself is in the
// fields' tags, which the configuration holds them to.
func (p Params) Validate() error {
	switch {
	case p.RenewalLead >= p.ProofLifetime:
		return fmt.Errorf("renewal_lead = %s: want less than proof_lifetime, %s", p.RenewalLead, p.ProofLifetime)
	case p.RetryDelay > p.RetryMax:
		return fmt.Errorf("retry_delay = %s: want at most retry_max, %s", p.RetryDelay, p.RetryMax)
	}
	return nil
}

const million = 1_000_000
