package web

import (
	"fmt"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// economyCharts is how the economy went, epoch by epoch. What cannot be drawn yet is nil.
type economyCharts struct {
	Supply     *lineChart
	Minted     *bars
	Downloaded *bars
	Paid       *bars
	Median     *lineChart
}

// newEconomyCharts draws the settled epochs of a list, newest first.
func (s *site) newEconomyCharts(epochs []store.EpochFigures) (c economyCharts) {
	var supply, median []point
	var minted, downloaded, paid []barRow
	for i := len(epochs) - 1; i >= 0; i-- {
		e := epochs[i]
		if !e.Kept {
			continue
		}
		supply = append(supply, point{e.EndMs, int64(e.Supply)})
		if e.Median > 0 {
			median = append(median, point{e.EndMs, int64(e.Median)})
		}
		label := fmt.Sprintf("epoch %d", e.Number)
		minted = append(minted, barRow{label, []int64{int64(e.Minted), -int64(e.Burned)}})
		downloaded = append(downloaded, barRow{label, []int64{int64(e.Billed)}})
		open := max(0, e.Charged-e.Upload-e.Lockers-e.Treasury)
		paid = append(paid, barRow{label, []int64{int64(e.Upload), int64(e.Lockers), int64(e.Treasury), int64(open)}})
	}
	money := func(v int64) string { return s.money(tokens.Amount(v)) }
	signed := func(v int64) string { return signed(tokens.Amount(v), s.Rules().Economy.Symbol) }
	c.Supply, c.Median = newLine("Supply", supply, money), newLine("Median price per GiB", median, money)
	c.Minted = newBars([]string{"minted", "burned"}, minted, signed).titled("Minted and burned")
	c.Downloaded = newBars([]string{"downloaded"}, downloaded, func(v int64) string { return showBytes(bt.Bytes(v)) }).titled("Downloaded and paid for")
	c.Paid = newBars([]string{"to uploaders", "to lockers", "to the treasury", "open or on probation"}, paid, money).titled("Where the payments went")
	return c
}
