package cli

import (
	"context"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
)

// prospects is when a node that hosts something from now on is audited first and paid first.
type prospects struct {
	Audit  time.Time `json:"first_audit_by"`
	Payout time.Time `json:"first_payout_by"`
}

// askProspects asks the server for its times; ok is false where it does not say.
func askProspects(ctx context.Context, client *seeder.Client, now time.Time) (p prospects, ok bool) {
	m, err := client.Market(ctx, "")
	if err != nil || m.Economy.EpochSeconds <= 0 || m.Economy.EpochEndsAt.IsZero() {
		return p, false
	}
	return prospectsOf(m.Economy, now), true
}

// prospectsOf counts on the worst: an entry audit as late as the server allows. Pay begins with the
// proof, so the epoch of the audit is the first that is paid for, once it is settled.
func prospectsOf(e seeder.MarketEconomy, now time.Time) prospects {
	audit := now.Add(seconds(e.EntryAuditSecs))
	end, epoch := e.EpochEndsAt, seconds(e.EpochSeconds)
	if late := audit.Sub(end); late >= 0 {
		end = end.Add((late/epoch + 1) * epoch)
	}
	return prospects{Audit: audit, Payout: end.Add(seconds(e.SettleSeconds))}
}
