package availability

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Params are the rules' numbers; DefaultParams has those of ECONOMY §7. Factors in parts per
// million.
type Params struct {
	Blocks        int           // pieces drawn for an entry or drawn audit (k)
	RenewalBlocks int           // pieces drawn for a renewal
	MaxBytes      bt.Bytes      // an audit moves at most MaxBytes …
	MaxPieces     int           // … or MaxPieces whole pieces, whichever is more
	EntryDelay    time.Duration // from a new claim to its entry audit
	DrawInterval  time.Duration // mean time between two drawn audits of a claimant
	DrawWindow    time.Duration // all claimants of a drawn torrent are asked within one window
	ProofLifetime time.Duration // a passed audit stands for so long
	RenewalLead   time.Duration // a renewal is due so long before the proof ends
	ClaimLapse    time.Duration // silence after which a claimant no longer announces (two intervals)
	AuditTimeout  time.Duration // an audit begun and never judged is forgotten after this

	RecheckDelay    time.Duration // from a suspicion to its second look (within the hour)
	RecheckAttempts int           // inconclusive second looks after which the claim lapses (the suspicion stays)
	RepairDelay     time.Duration // from the first confirmed fault to the next entry audit
	RetryDelay      time.Duration // after the first inconclusive audit, doubled with each …
	RetryMax        time.Duration // … up to this

	ScoreLambdaPPM int64 // λ: weight of the past in a score
	ScoreStart     int   // α of a new score
	MaxPerRound    int   // audits of one Schedule; the rest waits for the next

	SlashPPM        int64         // of the torrent's collateral for the first confirmed fault
	SuspendAudits   int           // a node is suspended after at least so many audits …
	SuspendPPM      int64         // … of which more than this share were confirmed faults …
	SuspendSlashPPM int64         // … and loses this share of its collateral
	OfflineGrace    time.Duration // absence that costs nothing but pay
	OfflineWindow   time.Duration // each window missed after it …
	OfflinePPM      int64         // … costs this share of the node's collateral …
	OfflineMaxPPM   int64         // … and at most this …
	OfflinePeriod   time.Duration // … in this time
	ObservationGap  time.Duration // absence counts only as far as we looked: at most this between two looks
	AppealWindow    time.Duration // a slash waits so long in its disputed account
}

// DefaultParams returns the values of ECONOMY §7.
func DefaultParams() Params {
	return Params{
		Blocks: 30, RenewalBlocks: 10, MaxBytes: 16 << 20, MaxPieces: 4,
		EntryDelay: 30 * time.Second, DrawInterval: 6 * time.Hour, DrawWindow: 10 * time.Minute,
		ProofLifetime: 72 * time.Hour, RenewalLead: 8 * time.Hour,
		ClaimLapse: 33 * time.Minute, AuditTimeout: 5 * time.Minute,

		RecheckDelay: 30 * time.Minute, RecheckAttempts: 6, RepairDelay: 6 * time.Hour,
		RetryDelay: 10 * time.Minute, RetryMax: 4 * time.Hour,

		ScoreLambdaPPM: 970_000, ScoreStart: 20, MaxPerRound: 1000,

		SlashPPM: 200_000, SuspendAudits: 20, SuspendPPM: 100_000, SuspendSlashPPM: 500_000,
		OfflineGrace: 2 * time.Hour, OfflineWindow: 12 * time.Hour, OfflinePPM: 10_000,
		OfflineMaxPPM: 300_000, OfflinePeriod: 30 * 24 * time.Hour, ObservationGap: 6 * time.Hour,
		AppealWindow: 7 * 24 * time.Hour,
	}
}

// Validate names the first value that makes no sense.
func (p Params) Validate() error {
	for _, d := range p.durations() {
		if d.value < time.Millisecond || d.value > maxDuration {
			return fmt.Errorf("audit %s = %s: want 1ms to %s", d.key, d.value, maxDuration)
		}
	}
	for _, s := range p.shares() {
		if s.value < 0 || s.value > million {
			return fmt.Errorf("audit %s = %d: want 0 to %d", s.key, s.value, int64(million))
		}
	}
	for _, n := range p.counts() {
		if n.value < 1 || n.value > maxCount {
			return fmt.Errorf("audit %s = %d: want 1 to %d", n.key, n.value, int64(maxCount))
		}
	}
	switch {
	case p.RenewalLead >= p.ProofLifetime:
		return fmt.Errorf("audit renewal lead = %s: want less than the proof lifetime %s", p.RenewalLead, p.ProofLifetime)
	case p.RetryDelay > p.RetryMax:
		return fmt.Errorf("audit retry delay = %s: want at most the maximum %s", p.RetryDelay, p.RetryMax)
	case p.MaxBytes < bt.BlockSize || p.MaxBytes > maxAuditBytes:
		return fmt.Errorf("audit max bytes = %d: want %d to %d", p.MaxBytes, bt.BlockSize, int64(maxAuditBytes))
	case p.ScoreLambdaPPM == million:
		return fmt.Errorf("audit score lambda = %d ppm: want less than %d", p.ScoreLambdaPPM, int64(million))
	}
	return nil
}

const (
	million       = 1_000_000
	maxDuration   = 366 * 24 * time.Hour
	maxCount      = 100_000
	maxAuditBytes = 1 << 30
)

type named[T any] struct {
	key   string
	value T
}

func (p Params) durations() []named[time.Duration] {
	return []named[time.Duration]{
		{"entry delay", p.EntryDelay}, {"draw interval", p.DrawInterval}, {"draw window", p.DrawWindow},
		{"proof lifetime", p.ProofLifetime}, {"renewal lead", p.RenewalLead}, {"claim lapse", p.ClaimLapse},
		{"timeout", p.AuditTimeout}, {"recheck delay", p.RecheckDelay}, {"repair delay", p.RepairDelay},
		{"retry delay", p.RetryDelay}, {"retry maximum", p.RetryMax}, {"offline grace", p.OfflineGrace},
		{"offline window", p.OfflineWindow}, {"offline period", p.OfflinePeriod},
		{"observation gap", p.ObservationGap}, {"appeal window", p.AppealWindow},
	}
}

func (p Params) shares() []named[int64] {
	return []named[int64]{
		{"score lambda ppm", p.ScoreLambdaPPM}, {"slash ppm", p.SlashPPM}, {"suspend ppm", p.SuspendPPM},
		{"suspend slash ppm", p.SuspendSlashPPM}, {"offline ppm", p.OfflinePPM}, {"offline maximum ppm", p.OfflineMaxPPM},
	}
}

func (p Params) counts() []named[int] {
	return []named[int]{
		{"blocks", p.Blocks}, {"renewal blocks", p.RenewalBlocks}, {"max pieces", p.MaxPieces},
		{"recheck attempts", p.RecheckAttempts}, {"score start", p.ScoreStart},
		{"max per round", p.MaxPerRound}, {"suspend audits", p.SuspendAudits},
	}
}
