package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// score is one of a node's figures beside its limit: as a bar, and in words that need no bar. Good is the
// end of the bar where it wants to be.
type score struct {
	Name, Value, Says string
	PPM, Max          int64
	Low, High, Good   int64 // where the bar turns to a warning, of Max
}

// scoresOf are how a node stands with the auditors.
func scoresOf(p availability.Params, st availability.Standing, now time.Time) []score {
	const whole = 1_000_000
	faults := faultsPPM(st)
	absent := chargedPPM(p, st, now)
	limit := max(1, min(whole, 2*p.SuspendPPM))
	return []score{
		{Name: "Audit score", Value: ppmText(st.Audit.PPM()), PPM: st.Audit.PPM(), Max: whole, Low: whole * 8 / 10, High: whole * 95 / 100, Good: whole,
			Says: "The hosting reward is multiplied by it. Passed audits raise it, failed ones lower it."},
		{Name: "Confirmed faults", Value: ppmText(faults), PPM: min(faults, limit), Max: limit, Low: limit / 4, High: limit / 2, Good: 0,
			Says: fmt.Sprintf("%d confirmed %s in %d audits (%s); suspended above %s once there are %d.", st.Faults, word(st.Faults, "fault", "faults"), st.Audits, ppmText(faults), ppmText(p.SuspendPPM), p.SuspendAudits)},
		{Name: "Online score", Value: ppmText(st.Online.PPM()), PPM: st.Online.PPM(), Max: whole, Low: whole * 8 / 10, High: whole * 95 / 100, Good: whole,
			Says: "How often it answered when it was asked. Declared maintenance does not count."},
		{Name: "Charged for absence", Value: ppmText(absent), PPM: min(absent, p.OfflineMaxPPM), Max: max(1, p.OfflineMaxPPM), Low: p.OfflineMaxPPM / 3, High: p.OfflineMaxPPM * 2 / 3, Good: 0,
			Says: fmt.Sprintf("%s of at most %s of its collateral within %s.", ppmText(absent), ppmText(p.OfflineMaxPPM), span(p.OfflinePeriod))},
	}
}

// faultsPPM is how many of a node's audits were confirmed faults.
func faultsPPM(st availability.Standing) int64 {
	if st.Audits <= 0 {
		return 0
	}
	return tokens.MulDiv(int64(st.Faults), 1_000_000, int64(st.Audits))
}

// chargedPPM is what a node was charged for absence lately, of its collateral.
func chargedPPM(p availability.Params, st availability.Standing, now time.Time) (ppm int64) {
	for _, at := range st.Charged {
		if at > now.Add(-p.OfflinePeriod).UnixMilli() {
			ppm += p.OfflinePPM
		}
	}
	return ppm
}

// ppmText writes a share as pages do.
func ppmText(ppm int64) string { return percent(ppm/100*100) + " %" }

func word(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// nodeDays are drawn of what a node earned.
const nodeDays = 14

// nodeEarnings is what a node earned, ready for its page.
type nodeEarnings struct {
	Earnings
	Chart *bars
}

// nodeEarned asks what a node earned. It waits its turn: that adds up rows of the ledger.
func (s *site) nodeEarned(ctx context.Context, n store.Node) (*nodeEarnings, error) {
	select {
	case s.sums <- struct{}{}:
		defer func() { <-s.sums }()
	case <-ctx.Done():
		return nil, fail(http.StatusServiceUnavailable, "busy", "The server is busy adding up what others earned; try again in a minute.")
	}
	e, err := s.Seeding.Earnings(ctx, n, nodeDays)
	if err != nil {
		return nil, err
	}
	var rows []barRow
	for _, d := range e.Days {
		rows = append(rows, barRow{d.Date, []int64{int64(d.Upload), int64(d.Hosting), int64(d.Hot), int64(d.Sponsors), -int64(d.Slashed)}})
	}
	chart := newBars([]string{"uploads", "hosting", "hot bonus", "sponsors", "penalties"}, rows, func(v int64) string {
		return signed(tokens.Amount(v), s.Rules().Economy.Symbol)
	})
	return &nodeEarnings{e, chart.titled("Earned by day")}, nil
}
