package dashboard

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxPlain bounds what Plain returns, in characters.
const maxPlain = 300

// Plain makes foreign text fit to be shown in a line: what cannot be printed or would turn the
// direction of the text around becomes a replacement character, and what is too long is cut.
func Plain(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxPlain {
			return b.String() + "…"
		}
		switch {
		case r == '\n' || r == '\t':
			r = ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Co, unicode.Zl, unicode.Zp) || r == '\u200b' || r == '\ufeff':
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Size writes a number of bytes with the largest binary unit that it fills, as 1.5 GiB.
func Size(n bt.Bytes) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, u := float64(n), -1
	for v >= 1<<10 && u < len(units)-1 {
		v /= 1 << 10
		u++
	}
	return fmt.Sprintf("%.4g %ciB", v, units[u])
}

// rate writes a rate, limit a bound of one, where 0 is none.
func rate(n bt.Bytes) string { return Size(n) + "/s" }

func limit(n bt.Bytes) string {
	if n <= 0 {
		return "no limit"
	}
	return "at most " + rate(n)
}

// percent writes millionths as a percentage with at most one decimal, rounded down.
func percent(ppm int64) string {
	ppm = max(ppm, 0)
	return strings.TrimSuffix(fmt.Sprintf("%d.%d", ppm/10_000, ppm%10_000/1_000), ".0") + "\u00a0%"
}

// sentence ends foreign words with a full stop if they have no end of their own.
func sentence(s string) string {
	if s = strings.TrimSpace(Plain(s)); s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}

// money writes an amount with a true minus sign.
func money(a tokens.Amount, symbol string) string {
	return strings.TrimSpace(strings.Replace(a.String(), "-", "−", 1) + " " + Plain(symbol))
}

// signed is money with a sign before gains too.
func signed(a tokens.Amount, symbol string) string {
	if a > 0 {
		return "+" + money(a, symbol)
	}
	return money(a, symbol)
}

// clock is a moment for machines and people; zero: a dash. The text holds digits and signs only.
func clock(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.Format(time.RFC3339), t.Format("2006-01-02 15:04")))
}

// span writes a duration in its largest unit, rounded.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		one  string
		many string
	}{{24 * time.Hour, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"}} {
		if n := int64((d + u.unit/2) / u.unit); d >= u.unit {
			return count(n, u.one, u.many)
		}
	}
	return count(int64(max(d, 0)/time.Second), "second", "seconds")
}

// elapsed writes how long an answer took.
func elapsed(d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// count writes a number with the word for it.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// sum adds without running over: figures come from a server.
func sum(amounts ...tokens.Amount) (total tokens.Amount) {
	for _, a := range amounts {
		switch s := total + a; {
		case a > 0 && s < total:
			return math.MaxInt64
		case a < 0 && s > total:
			return math.MinInt64
		default:
			total = s
		}
	}
	return total
}
