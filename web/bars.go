package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/tokens"
)

// barRow is one bar: what it stands for, in a few characters, and its part of each series. What is negative
// hangs below the zero line.
type barRow struct {
	Label  string
	Values []int64
}

// bars are stacked bars ready for the page (template "bars"): an SVG, a sentence and a table that say the
// same. Across, they are placed in percent of the width and down in pixels, so that text keeps its size on
// a phone.
type bars struct {
	Title    string // of the picture and the table, also for who cannot see them
	Sentence string
	Series   []barSeries // from the zero line outwards
	Rects    []barRect
	Labels   []barLabel
	Height   int
	HighY    string // line at the highest bar
	ZeroY    string
	LowY     string // likewise the lowest; empty: nothing is negative
	High     string
	Low      string
	LabelY   string // of the labels
	Rows     []barTableRow
	Stacked  bool // there is more than one series: the table has sums
}

// barSeries is a line of the legend.
type barSeries struct{ Name, Class, Sum string }

// barRect is one series' part of one bar; Says is shown when it is pointed at.
type barRect struct{ X, Y, Width, Height, Class, Says string }

// barLabel is a text below the bars.
type barLabel struct{ X, Anchor, Text string }

// barTableRow is one bar in words, newest first.
type barTableRow struct {
	Label string
	Cells []string
	Sum   string
}

// Measures of bars, in pixels.
const (
	barHead   = 22 // above the highest bar, for what it stands at
	barPlot   = 150
	barFoot   = 22 // for the labels
	barColors = 6  // classes s1 to s6 of the style
)

// newBars draws rows, oldest first; series names their values and show writes one. nil: there is nothing
// to draw, as no row has a value.
func newBars(series []string, rows []barRow, show func(int64) string) *bars {
	high, low := barSpan(rows)
	if high == 0 && low == 0 {
		return nil
	}
	b := &bars{Height: barHead + barPlot + barFoot, Stacked: len(series) > 1, High: show(high)}
	zero := barPlot * 10
	if low < 0 {
		zero = int(tokens.MulDiv(high, barPlot*10, high-low))
		b.Height += barHead
		b.Low, b.LowY = show(low), tenths((barHead+barPlot)*10)
	}
	b.HighY, b.ZeroY, b.LabelY = tenths(barHead*10), tenths(int64(barHead*10+zero)), tenths(int64(b.Height-6)*10)
	for i, r := range rows {
		b.stack(i, len(rows), r, series, func(v int64) int64 { // tenths of a pixel above the zero line
			if v < 0 {
				return -tokens.MulDiv(-v, barPlot*10, high-low)
			}
			return tokens.MulDiv(v, barPlot*10, high-low)
		}, int64(barHead*10+zero), show)
	}
	b.label(rows)
	b.tell(series, rows, show)
	return b
}

// titled names the bars; no bars stay none.
func (b *bars) titled(title string) *bars {
	if b != nil {
		b.Title = title
	}
	return b
}

// barSpan is how far the bars go up and down.
func barSpan(rows []barRow) (high, low int64) {
	for _, r := range rows {
		up, down := r.sums()
		high, low = max(high, up), min(low, down)
	}
	return high, low
}

// sums are what lies above and below the zero line.
func (r barRow) sums() (up, down int64) {
	for _, v := range r.Values {
		up, down = up+max(v, 0), down+min(v, 0)
	}
	return up, down
}

// stack draws row i of n. Edges are rounded, not heights: what is stacked leaves no gap.
func (b *bars) stack(i, n int, r barRow, series []string, y func(int64) int64, zero int64, show func(int64) string) {
	x, width := barPlace(i, n)
	var up, down int64
	for k, v := range r.Values {
		from := up
		if v < 0 {
			from = down
			down += v
		} else {
			up += v
		}
		top, bottom := zero-y(max(from, from+v)), zero-y(min(from, from+v))
		if top == bottom {
			continue
		}
		b.Rects = append(b.Rects, barRect{X: x, Y: tenths(top), Width: width, Height: tenths(bottom - top), Class: barClass(k),
			Says: fmt.Sprintf("%s: %s %s", r.Label, series[k], show(v))})
	}
}

func barClass(series int) string { return fmt.Sprintf("s%d", series%barColors+1) }

// barPlace is where bar i of n stands, in percent: few bars do not grow broad.
func barPlace(i, n int) (x, width string) {
	slot := int64(100_000 / n)
	w := min(slot*7/10, 12_000)
	return percents(slot*int64(i) + (slot-w)/2), percents(w)
}

func percents(thousandths int64) string {
	return fmt.Sprintf("%d.%03d%%", thousandths/1000, thousandths%1000)
}

// barMiddles is up to how many bars are labelled each below its middle; of more, the first, the one in the
// middle and the last are.
const barMiddles = 3

func (b *bars) label(rows []barRow) {
	n := len(rows)
	if n > barMiddles {
		b.Labels = []barLabel{{"0%", "start", rows[0].Label}, {"50%", "middle", rows[n/2].Label}, {"100%", "end", rows[n-1].Label}}
		return
	}
	for i, r := range rows {
		b.Labels = append(b.Labels, barLabel{percents(int64(100_000*(2*i+1)) / int64(2*n)), "middle", r.Label})
	}
}

// tell says in words and as a table what the picture shows.
func (b *bars) tell(series []string, rows []barRow, show func(int64) string) {
	sums, total, best := make([]int64, len(series)), int64(0), 0
	for i, r := range rows {
		row := barTableRow{Label: r.Label}
		for k, v := range r.Values {
			sums[k] += v
			row.Cells = append(row.Cells, show(v))
		}
		row.Sum = show(r.net())
		b.Rows = append(b.Rows, row)
		total += r.net()
		if r.net() > rows[best].net() {
			best = i
		}
	}
	slices.Reverse(b.Rows)
	parts := make([]string, len(series))
	for k, name := range series {
		b.Series = append(b.Series, barSeries{name, barClass(k), show(sums[k])})
		parts[k] = name + " " + show(sums[k])
	}
	when := rows[0].Label
	if n := len(rows); n > 1 {
		when = fmt.Sprintf("From %s to %s", rows[0].Label, rows[n-1].Label)
	}
	b.Sentence = fmt.Sprintf("%s: %s in all", when, show(total))
	if len(rows) > 1 {
		b.Sentence += fmt.Sprintf(", the most %s (%s)", show(rows[best].net()), rows[best].Label)
	}
	b.Sentence += "."
	if b.Stacked {
		b.Sentence += " Of it: " + strings.Join(parts, ", ") + "."
	}
}

// net is what a row comes to.
func (r barRow) net() int64 {
	up, down := r.sums()
	return up + down
}
