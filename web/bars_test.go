package web

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func plainNumber(v int64) string { return strconv.FormatInt(v, 10) }

// number reads a coordinate or a percentage.
func number(t *testing.T, text string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestBarsStack: parts of a bar lie on each other without gaps, negative ones below the zero line, each as
// high as its share of the whole span.
func TestBarsStack(t *testing.T) {
	b := newBars([]string{"up", "more", "lost"}, []barRow{{"a", []int64{30, 60, -10}}, {"b", []int64{0, 90, 0}}, {"c", []int64{0, 0, -60}}}, plainNumber)
	zero, unit := number(t, b.ZeroY), float64(barPlot)/150
	want := []struct {
		class       string
		top, height float64
	}{{"s1", zero - 30*unit, 30 * unit}, {"s2", zero - 90*unit, 60 * unit}, {"s3", zero, 10 * unit}, {"s2", zero - 90*unit, 90 * unit}, {"s3", zero, 60 * unit}}
	if len(b.Rects) != len(want) {
		t.Fatalf("%d parts: %+v", len(b.Rects), b.Rects)
	}
	for i, r := range b.Rects {
		if r.Class != want[i].class || math.Abs(number(t, r.Y)-want[i].top) > 0.11 || math.Abs(number(t, r.Height)-want[i].height) > 0.21 {
			t.Errorf("part %d: %+v, want %+v", i, r, want[i])
		}
		if x, w := number(t, r.X), number(t, r.Width); x < 0 || x+w > 100 || w > 12 {
			t.Errorf("part %d is outside or broad: %+v", i, r)
		}
	}
	if number(t, b.HighY) != barHead || number(t, b.LowY) != barHead+barPlot || b.High != "90" || b.Low != "-60" {
		t.Errorf("lines at %s (%s) and %s (%s)", b.HighY, b.High, b.LowY, b.Low)
	}
	if b.Rects[2].Says != "a: lost -10" {
		t.Errorf("a part says %q", b.Rects[2].Says)
	}
}

// TestBarsInWords: the sentence and the table have what the picture shows.
func TestBarsInWords(t *testing.T) {
	b := newBars([]string{"up", "lost"}, []barRow{{"mon", []int64{5, -1}}, {"tue", []int64{9, 0}}, {"wed", []int64{0, -3}}, {"thu", []int64{0, 0}}}, plainNumber).titled("Earned")
	if want := "From mon to thu: 10 in all, the most 9 (tue). Of it: up 14, lost -4."; b.Sentence != want {
		t.Errorf("%q, want %q", b.Sentence, want)
	}
	if len(b.Rows) != 4 || b.Rows[0].Label != "thu" || b.Rows[3].Sum != "4" || b.Rows[2].Cells[0] != "9" || b.Title != "Earned" {
		t.Errorf("table %+v", b.Rows)
	}
	if len(b.Labels) != 3 || b.Labels[0].Text != "mon" || b.Labels[1].Text != "wed" || b.Labels[2] != (barLabel{"100%", "end", "thu"}) {
		t.Errorf("labels %+v", b.Labels)
	}
	one := newBars([]string{"all"}, []barRow{{"mon", []int64{7}}}, plainNumber)
	if one.Sentence != "mon: 7 in all." || one.Stacked || one.LowY != "" || len(one.Labels) != 1 || one.Labels[0].X != "50.000%" {
		t.Errorf("one bar: %+v", one)
	}
}

// TestBarsOfAnything: nothing is nothing, and figures as large as they come fit.
func TestBarsOfAnything(t *testing.T) {
	if newBars([]string{"a"}, nil, plainNumber) != nil || newBars([]string{"a"}, []barRow{{"x", []int64{0}}}, plainNumber).titled("t") != nil {
		t.Error("bars of nothing")
	}
	b := newBars([]string{"a", "b"}, []barRow{{"x", []int64{math.MaxInt64 / 4, -math.MaxInt64 / 4}}, {"y", []int64{1, 0}}}, plainNumber)
	if len(b.Rects) != 2 || number(t, b.Rects[0].Height) != barPlot/2 {
		t.Errorf("%+v", b.Rects)
	}
	many := make([]barRow, 400)
	for i := range many {
		many[i] = barRow{"x", []int64{int64(i)}}
	}
	if b := newBars([]string{"a"}, many, plainNumber); number(t, b.Rects[len(b.Rects)-1].Width) <= 0 {
		t.Errorf("of 400 bars one is %s wide", b.Rects[0].Width)
	}
}

// TestBarsHaveContrast: every colour of a series is told from the card that it is drawn on, in light and dark
// (WCAG 1.4.11: 3:1).
func TestBarsHaveContrast(t *testing.T) {
	css, err := files.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	looks := 0
	for _, block := range regexp.MustCompile(`(?s)[^{}]*\{[^{}]*--s6:[^{}]*\}`).FindAllString(string(css), -1) {
		looks++
		card := "#181d30"
		if !strings.Contains(block, "dark") && !strings.Contains(block, "not([data-theme])") {
			card = "#ffffff"
		}
		if !strings.Contains(string(css), "--card: "+card) {
			t.Fatalf("cards are not %s any more", card)
		}
		colours := regexp.MustCompile(`--s\d: (#[0-9a-f]{6})`).FindAllStringSubmatch(block, -1)
		if len(colours) != barColors {
			t.Errorf("%d colours: %s", len(colours), block)
		}
		for _, c := range colours {
			if got := contrast(t, c[1], card); got < 3 {
				t.Errorf("%s on %s: %.2f", c[0], card, got)
			}
		}
	}
	if looks != 3 {
		t.Errorf("%d looks have colours for series, want 3", looks)
	}
}

// contrast is that of two colours (WCAG 2.2, relative luminance).
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(colour string) float64 {
		var sum float64
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			v := float64(n) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += weight * v
		}
		return sum + 0.05
	}
	x, y := light(a), light(b)
	return max(x, y) / min(x, y)
}
