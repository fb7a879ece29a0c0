package dashboard

import (
	"fmt"
	"math"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
)

// chart is what the days brought, as bars of stacked sources above a line and penalties below it,
// with the sentence and the sums that say the same in words.
type chart struct {
	Width, Height int
	Zero          string // height of the line
	Top, Bottom   tokens.Amount
	First, Last   string // dates
	Bars          []bar
	Sources       []source
	Sentence      string
}

// bar is one day.
type bar struct {
	Title string
	Parts []part
}

// part is one source of a day, in the chart's coordinates.
type part struct{ Class, X, Y, Width, Height string }

// source is one source over all days.
type source struct {
	Class, Name string
	Total       tokens.Amount
}

const (
	chartWidth, chartHeight = 640, 160
	// maxDays bounds the days shown, the newest.
	maxDays = 90
	// maxDrawn bounds the scale's two ends so that their sum fits.
	maxDrawn = tokens.Amount(math.MaxInt64 / 2)
)

// parts are the day's figures in the order of the sources; what went comes last. A source cannot
// take: less than nothing counts as nothing.
func (d Day) parts() [5]tokens.Amount {
	return [5]tokens.Amount{max(d.Upload, 0), max(d.Hosting, 0), max(d.Hot, 0), max(d.Sponsors, 0), max(d.Slashed, 0)}
}

// Earned is what came in on that day, before penalties.
func (d Day) Earned() tokens.Amount {
	p := d.parts()
	return sum(p[:4]...)
}

// lastDays are the days that are shown.
func lastDays(days []Day) []Day { return days[max(0, len(days)-maxDays):] }

// newChart draws the days; nil where there is nothing to draw.
func newChart(days []Day, symbol string) *chart {
	days = lastDays(days)
	c := &chart{Width: chartWidth, Height: chartHeight, Sources: []source{
		{Class: "serving", Name: "Serving"}, {Class: "hosting", Name: "Hosting"}, {Class: "hot", Name: "Hot torrents"},
		{Class: "sponsors", Name: "Sponsors"}, {Class: "slashed", Name: "Penalties"}}}
	for _, d := range days {
		c.Top, c.Bottom = max(c.Top, d.Earned()), max(c.Bottom, d.parts()[4])
		for i, a := range d.parts() {
			c.Sources[i].Total = sum(c.Sources[i].Total, a)
		}
	}
	if c.Top == 0 && c.Bottom == 0 {
		return nil
	}
	c.Top, c.Bottom = min(c.Top, maxDrawn), min(c.Bottom, maxDrawn)
	c.First, c.Last = Plain(days[0].Date), Plain(days[len(days)-1].Date)
	c.Zero = tenths(c.y(0))
	for i, d := range days {
		c.Bars = append(c.Bars, c.bar(i, len(days), d, symbol))
	}
	c.Sentence = c.words(len(days), symbol)
	return c
}

func (c *chart) bar(i, n int, d Day, symbol string) bar {
	slot := int64(chartWidth * 10 / n)
	gap := slot / 6
	b := bar{Title: Plain(d.Date) + ": " + money(d.Earned(), symbol)}
	var from tokens.Amount
	for j, a := range d.parts() {
		top, bottom := c.y(sum(from, a)), c.y(from)
		if c.Sources[j].Class == "slashed" {
			top, bottom = c.y(0), c.y(-a)
			b.Title += penalties(a, symbol)
		}
		if from = sum(from, a); a > 0 {
			b.Parts = append(b.Parts, part{Class: c.Sources[j].Class, X: tenths(int64(i)*slot + gap/2), Y: tenths(top), Width: tenths(slot - gap),
				Height: tenths(max(bottom-top, 5))}) // what is there is seen, however small
		}
	}
	return b
}

// y is the height of an amount, in tenths.
func (c *chart) y(a tokens.Amount) int64 {
	a = min(max(a, -c.Bottom), c.Top)
	return tokens.MulDiv(int64(c.Top-a), chartHeight*10, int64(c.Top+c.Bottom))
}

func (c *chart) words(days int, symbol string) string {
	var earned tokens.Amount
	var parts []string
	for _, s := range c.Sources[:4] {
		if earned = sum(earned, s.Total); s.Total > 0 {
			parts = append(parts, fmt.Sprintf("%s from %s", money(s.Total, symbol), strings.ToLower(s.Name)))
		}
	}
	text := fmt.Sprintf("In the last %s %s came in", count(int64(days), "day", "days"), money(earned, symbol))
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text + penalties(c.Sources[4].Total, symbol) + "."
}

func penalties(a tokens.Amount, symbol string) string {
	if a == 0 {
		return ""
	}
	return "; penalties took " + money(a, symbol)
}

// tenths writes a coordinate.
func tenths(n int64) string { return fmt.Sprintf("%d.%d", n/10, n%10) }
