package choose

import (
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
)

const (
	// maxLedgerDays bounds the record of forecasts.
	maxLedgerDays = 90
	// biasDays are the complete days that say how right forecasts are.
	biasDays = 14
	// maxDay bounds what a node earns in a day, so that sums fit 63 bits.
	maxDay = tokens.MaxAmount / 1000
)

// Ledger is the record of what was expected of each day and what it brought. Its methods take and
// keep amounts of 0 to tokens.MaxAmount.
type Ledger struct {
	Days []Day `json:"days"` // in order of dates; at most 90
}

// Day is one day.
type Day struct {
	Date     string         `json:"date"`                    // as Date has it
	Expected *tokens.Amount `json:"expected_utok,omitempty"` // nil: no forecast was made
	BiasPPM  int64          `json:"bias_ppm,omitempty"`      // Input.Bias of the forecast
	Earned   *tokens.Amount `json:"earned_utok,omitempty"`   // nil: not known yet
}

// Date returns the day of t in UTC, as 2026-01-31.
func Date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Expect records the forecast for a day, with the bias that it was corrected by. A later forecast for
// the same day replaces it: made for the day to come, the last one of each day counts.
func (l *Ledger) Expect(date string, amount tokens.Amount, bias int64) {
	if d := l.day(date); d != nil {
		amount = bound(amount)
		d.Expected, d.BiasPPM = &amount, bias
	}
}

// Earned records what a day brought, so far if it is not over.
func (l *Ledger) Earned(date string, amount tokens.Amount) {
	if d := l.day(date); d != nil {
		amount = bound(amount)
		d.Earned = &amount
	}
}

// day returns the entry of a date, a new one if there is none; nil for what is no date, or older than
// all of a full record.
func (l *Ledger) day(date string) *Day {
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return nil
	}
	at, found := slices.BinarySearchFunc(l.Days, date, func(d Day, s string) int { return strings.Compare(d.Date, s) })
	if found {
		return &l.Days[at]
	}
	if len(l.Days) >= maxLedgerDays {
		if at == 0 {
			return nil
		}
		over := len(l.Days) - maxLedgerDays + 1
		l.Days, at = slices.Delete(l.Days, 0, over), max(0, at-over)
	}
	l.Days = slices.Insert(l.Days, at, Day{Date: date})
	return &l.Days[at]
}

// BiasPPM returns what was earned for each million that would have been expected without any bias,
// over the last 14 days before today that have both figures, within [0.25, 4]; 0 if there is none.
func (l *Ledger) BiasPPM(today string) int64 {
	var expected, earned tokens.Amount
	for n, k := 0, len(l.Days)-1; k >= 0 && n < biasDays; k-- {
		d := l.Days[k]
		if d.Date >= today || d.Expected == nil || d.Earned == nil {
			continue
		}
		n++
		expected += unbiased(min(maxDay, bound(*d.Expected)), d.BiasPPM)
		earned += min(maxDay, bound(*d.Earned))
	}
	if expected == 0 {
		return 0
	}
	return max(minBias, int64(min(maxBias, muldiv(int64(earned), ppm, int64(expected)))))
}

// unbiased returns the forecast as it was before it was corrected.
func unbiased(a tokens.Amount, bias int64) tokens.Amount {
	if bias <= 0 {
		return a
	}
	return muldiv(int64(a), ppm, max(minBias, min(maxBias, bias)))
}
