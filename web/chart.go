package web

import (
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// chart is a price history ready for the page: an SVG, a sentence and a table that say the same.
type chart struct {
	Line, Area    string // SVG points and path
	Width, Height int
	Low, High     tokens.Amount
	First, Last   int64 // ms
	Sentence      string
	Rows          []store.PriceRow // newest first, at most chartTable
	LastX, LastY  string
	BaseY         string // height of the base price; empty: outside
}

const (
	chartWidth, chartHeight = 640, 160
	chartMargin             = 10
	chartTable              = 50
)

// newChart draws the price as steps: it holds until the next one. nil: fewer than two prices.
func (s *site) newChart(rows []store.PriceRow) *chart {
	if len(rows) < 2 {
		return nil
	}
	now := rows[len(rows)-1].Price
	c := &chart{Width: chartWidth, Height: chartHeight, Low: now, High: now, First: rows[0].AtMs}
	c.Last = max(s.Now().UnixMilli(), rows[len(rows)-1].AtMs) // the last price still holds
	for _, p := range rows {
		c.Low, c.High = min(c.Low, p.Price), max(c.High, p.Price)
	}
	var line []string
	for i, p := range rows {
		x, y := c.x(p.AtMs), c.y(p.Price)
		if i > 0 {
			line = append(line, fmt.Sprintf("%s,%s", x, c.y(rows[i-1].Price)))
		}
		line = append(line, fmt.Sprintf("%s,%s", x, y))
	}
	line = append(line, c.x(c.Last)+","+c.y(now))
	c.Line = strings.Join(line, " ")
	c.Area = fmt.Sprintf("M%s,%d L%s L%s,%d Z", c.x(c.First), chartHeight, strings.Join(line, " L"), c.x(c.Last), chartHeight)
	if b := s.Rules().Economy.BasePrice; b >= c.Low && b <= c.High {
		c.BaseY = c.y(b)
	}
	for i := len(rows) - 1; i >= 0 && len(c.Rows) < chartTable; i-- {
		c.Rows = append(c.Rows, rows[i])
	}
	c.Sentence = fmt.Sprintf("From %s to %s UTC the price was between %s and %s per GiB; it began at %s and is %s now.",
		utc(c.First).Format("2006-01-02 15:04"), utc(c.Last).Format("2006-01-02 15:04"), s.money(c.Low), s.money(c.High), s.money(rows[0].Price), s.money(now))
	return c
}

func (c *chart) x(ms int64) string {
	return tenths(chartMargin*10 + (ms-c.First)*(chartWidth-2*chartMargin)*10/max(c.Last-c.First, 1))
}

func (c *chart) y(p tokens.Amount) string {
	if c.High == c.Low {
		return tenths(chartHeight * 5)
	}
	return tenths((chartHeight-chartMargin)*10 - int64(p-c.Low)*(chartHeight-2*chartMargin)*10/int64(c.High-c.Low))
}

// tenths writes a coordinate.
func tenths(n int64) string { return fmt.Sprintf("%d.%d", n/10, n%10) }
