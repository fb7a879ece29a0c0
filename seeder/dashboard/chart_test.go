package dashboard

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tokens"
)

func number(t interface{ Fatal(...any) }, s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestChart(t *testing.T) {
	c := newChart([]Day{{Date: "2026-01-01", Upload: 30, Hosting: 10}, {Date: "2026-01-02", Hosting: 20, Slashed: 40}}, "T")
	if c.Top != 40 || c.Bottom != 40 || c.Zero != "80.0" || c.First != "2026-01-01" || c.Last != "2026-01-02" {
		t.Fatalf("%+v", c)
	}
	for _, want := range []struct {
		bar, part        int
		class, y, height string
	}{{0, 0, "serving", "20.0", "60.0"}, {0, 1, "hosting", "0.0", "20.0"}, {1, 0, "hosting", "40.0", "40.0"}, {1, 1, "slashed", "80.0", "80.0"}} {
		if p := c.Bars[want.bar].Parts[want.part]; p.Class != want.class || p.Y != want.y || p.Height != want.height {
			t.Errorf("bar %d: %+v, want %+v", want.bar, p, want)
		}
	}
	if want := "In the last 2 days 0.00006 T came in: 0.00003 T from serving, 0.00003 T from hosting; penalties took 0.00004 T."; c.Sentence != want {
		t.Errorf("%s", c.Sentence)
	}
	if got := c.Bars[1].Title; got != "2026-01-02: 0.00002 T; penalties took 0.00004 T" {
		t.Errorf("title: %s", got)
	}
}

func TestNothingToDraw(t *testing.T) {
	for name, days := range map[string][]Day{"no days": nil, "zeros": make([]Day, 30), "only spent": {{Spent: 5}}, "less than nothing": {{Upload: -5}}} {
		if c := newChart(days, ""); c != nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// Figures come from a server: whatever they are, the drawing stays inside its frame.
func TestChartStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) tokens.Amount {
			return tokens.Amount(rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 3), rapid.Int64Range(0, 1e9), rapid.Just[int64](math.MaxInt64), rapid.Just[int64](math.MinInt64)).Draw(t, name))
		}
		days := make([]Day, rapid.IntRange(1, 100).Draw(t, "days"))
		for i := range days {
			days[i] = Day{Upload: draw("upload"), Hosting: draw("hosting"), Hot: draw("hot"), Sponsors: draw("sponsors"), Slashed: draw("slashed")}
		}
		c := newChart(days, "T")
		if c == nil {
			return
		}
		for _, b := range c.Bars {
			for _, p := range b.Parts {
				x, y, w, h := number(t, p.X), number(t, p.Y), number(t, p.Width), number(t, p.Height)
				if x < 0 || w <= 0 || x+w > chartWidth || y < 0 || h <= 0 || y+h > chartHeight+0.5 {
					t.Fatalf("%+v is outside", p)
				}
			}
		}
	})
}

func TestDaysAreBounded(t *testing.T) {
	days := make([]Day, 400)
	for i := range days {
		days[i] = Day{Date: strconv.Itoa(i), Upload: 1}
	}
	c := newChart(days, "T")
	if len(c.Bars) != maxDays || c.First != "310" || !strings.Contains(c.Sentence, "90 days") {
		t.Errorf("%d bars from %s: %s", len(c.Bars), c.First, c.Sentence)
	}
}

func TestWords(t *testing.T) {
	for ppm, want := range map[int64]string{0: "0", 982_000: "98.2", 1_000_000: "100", 999_999: "99.9", 500: "0", 100_000: "10", -1: "0"} {
		if got := percent(ppm); got != want+"\u00a0%" {
			t.Errorf("percent(%d) = %s, want %s", ppm, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "a": "a.", "a.": "a.", "why?": "why?", " b ": "b."} {
		if got := sentence(in); got != want {
			t.Errorf("sentence(%q) = %q, want %q", in, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 seconds", time.Second: "1 second", 90 * time.Second: "2 minutes", 10 * time.Minute: "10 minutes", time.Hour: "1 hour", 25 * time.Hour: "1 day", 72 * time.Hour: "3 days"} {
		if got := span(d); got != want {
			t.Errorf("span(%s) = %s, want %s", d, got, want)
		}
	}
	if got := sum(math.MaxInt64, 1, -5); got != math.MaxInt64 {
		t.Errorf("a sum runs over: %d", got)
	}
}
