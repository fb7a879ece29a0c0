package web

import (
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// point is a value that holds from a moment on.
type point struct{ AtMs, Value int64 }

// steps are points drawn as a line of steps in a picture of fixed measures, which the page stretches.
type steps struct {
	Line, Area    string // SVG points and path
	Width, Height int

	first, last int64 // ms
	low, high   int64
}

const (
	chartWidth, chartHeight = 640, 160
	chartMargin             = 10
	chartTable              = 50
)

// newSteps draws points, oldest first and at least one; the last of them holds until a moment.
func newSteps(points []point, until int64) steps {
	end := points[len(points)-1]
	c := steps{Width: chartWidth, Height: chartHeight, low: end.Value, high: end.Value, first: points[0].AtMs, last: max(until, end.AtMs)}
	for _, p := range points {
		c.low, c.high = min(c.low, p.Value), max(c.high, p.Value)
	}
	var line []string
	for i, p := range points {
		x := c.x(p.AtMs)
		if i > 0 {
			line = append(line, x+","+c.y(points[i-1].Value))
		}
		line = append(line, x+","+c.y(p.Value))
	}
	line = append(line, c.x(c.last)+","+c.y(end.Value))
	c.Line = strings.Join(line, " ")
	c.Area = fmt.Sprintf("M%s,%d L%s L%s,%d Z", c.x(c.first), chartHeight, strings.Join(line, " L"), c.x(c.last), chartHeight)
	return c
}

func (c *steps) x(ms int64) string {
	return tenths(chartMargin*10 + tokens.MulDiv(max(ms-c.first, 0), (chartWidth-2*chartMargin)*10, max(c.last-c.first, 1)))
}

func (c *steps) y(v int64) string {
	if c.high == c.low {
		return tenths(chartHeight * 5)
	}
	return tenths((chartHeight-chartMargin)*10 - tokens.MulDiv(v-c.low, (chartHeight-2*chartMargin)*10, c.high-c.low))
}

// tenths writes a coordinate.
func tenths(n int64) string { return fmt.Sprintf("%d.%d", n/10, n%10) }

// chart is a price history ready for the page: an SVG, a sentence and a table that say the same.
type chart struct {
	steps
	Low, High tokens.Amount
	Sentence  string
	Rows      []store.PriceRow // newest first, at most chartTable
	BaseY     string           // height of the base price; empty: outside
}

// newChart draws the price as steps: it holds until the next one. nil: fewer than two prices.
func (s *site) newChart(rows []store.PriceRow) *chart {
	if len(rows) < 2 {
		return nil
	}
	points := make([]point, len(rows))
	for i, p := range rows {
		points[i] = point{p.AtMs, int64(p.Price)}
	}
	c := &chart{steps: newSteps(points, s.Now().UnixMilli())} // the last price still holds
	c.Low, c.High = tokens.Amount(c.low), tokens.Amount(c.high)
	if b := s.Rules().Economy.BasePrice; b >= c.Low && b <= c.High {
		c.BaseY = c.y(int64(b))
	}
	for i := len(rows) - 1; i >= 0 && len(c.Rows) < chartTable; i-- {
		c.Rows = append(c.Rows, rows[i])
	}
	c.Sentence = fmt.Sprintf("From %s to %s UTC the price was between %s and %s per GiB; it began at %s and is %s now.",
		minuteOf(c.first), minuteOf(c.last), s.money(c.Low), s.money(c.High), s.money(rows[0].Price), s.money(rows[len(rows)-1].Price))
	return c
}

func minuteOf(ms int64) string { return utc(ms).Format("2006-01-02 15:04") }

// lineChart is the course of one figure ready for the page (template "line").
type lineChart struct {
	steps
	Title, Sentence string
	High, Low       string    // Low is empty if nothing changed
	Rows            []lineRow // newest first
}

// lineRow is one point in words.
type lineRow struct {
	AtMs int64
	Text string
}

// newLine draws a figure, oldest first. nil: there are fewer than two points.
func newLine(title string, points []point, show func(int64) string) *lineChart {
	if len(points) < 2 {
		return nil
	}
	end := points[len(points)-1]
	c := &lineChart{steps: newSteps(points, end.AtMs), Title: title}
	c.Low, c.High = show(c.low), show(c.high)
	for i := len(points) - 1; i >= 0; i-- {
		c.Rows = append(c.Rows, lineRow{points[i].AtMs, show(points[i].Value)})
	}
	if c.low == c.high {
		c.Low = ""
		c.Sentence = fmt.Sprintf("From %s to %s UTC it was %s all the time.", minuteOf(c.first), minuteOf(c.last), c.High)
		return c
	}
	c.Sentence = fmt.Sprintf("From %s to %s UTC it was between %s and %s; it began at %s and was %s at the end.",
		minuteOf(c.first), minuteOf(c.last), c.Low, c.High, show(points[0].Value), show(end.Value))
	return c
}
