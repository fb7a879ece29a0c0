package web

import (
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// inWords is a parameter's value in units that people read; empty: the value says it. Of several values with
// commas between them it has the words of each.
func (s *site) inWords(unit, value string) string {
	var words []string
	for _, one := range strings.Split(value, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(one), 10, 64)
		if err != nil {
			return ""
		}
		w := s.unitWords(unit, n)
		if w == "" {
			return ""
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

func (s *site) unitWords(unit string, n int64) string {
	switch unit {
	case "utok":
		return s.money(tokens.Amount(n))
	case "utok/GiB":
		return s.money(tokens.Amount(n)) + " per GiB"
	case "quote micro-units per token":
		return tokens.Amount(n).String() + " " + s.QuoteSymbol + " per token"
	case "ppm":
		return percent(n) + " %"
	}
	if rest, ok := strings.CutPrefix(unit, "bytes"); ok && n >= 1<<10 {
		return showBytes(bt.Bytes(n)) + rest
	}
	return ""
}

// changePercent says by how much a number or a duration changes, with one decimal; empty: it is neither, or it
// was 0.
func changePercent(from, to string) string {
	a, okA := parameterNumber(from)
	b, okB := parameterNumber(to)
	if !okA || !okB || a == 0 {
		return ""
	}
	change := new(big.Rat).SetFrac(new(big.Int).Mul(new(big.Int).Sub(big.NewInt(b), big.NewInt(a)), big.NewInt(100)), big.NewInt(a))
	if a < 0 {
		change.Neg(change)
	}
	text := strings.TrimSuffix(change.FloatString(1), ".0")
	switch {
	case text == "0" || text == "-0":
		return "less than 0.1 %"
	case change.Sign() > 0:
		return "+" + text + " %"
	}
	return "−" + strings.TrimPrefix(text, "-") + " %"
}

func parameterNumber(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	d, err := time.ParseDuration(text)
	return int64(d), err == nil
}

// scaled is so many millionths of an amount, at most what can be counted.
func scaled(a tokens.Amount, ppm int64) tokens.Amount {
	v := new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(ppm))
	v.Quo(v, big.NewInt(1_000_000))
	if !v.IsInt64() {
		return tokens.MaxAmount
	}
	return tokens.Amount(v.Int64())
}
