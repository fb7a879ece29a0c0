package web

import (
	"fmt"
	"math/bits"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
)

// priceStep is one step of how a price came about: a figure, and where it comes from.
type priceStep struct{ Label, Figure, Words string }

// priceStory tells how a torrent's price came about, from what leechers want to what it costs.
func (s *site) priceStory(t store.Torrent, q Quote) []priceStep {
	p, price := s.Rules().Surge, t.Price
	steps := []priceStep{}
	if price.AtMs > 0 && p.MinMultiplier < p.MaxMultiplier {
		steps = append(steps,
			priceStep{"Demand, next " + span(p.Window), showBytes(price.Demand),
				fmt.Sprintf("What leechers still want. Each counts for at most %s a second, and for no more than twice what it was billed lately: asking alone moves no price.", showBytes(p.WantedRate))},
			priceStep{"Capacity, next " + span(p.Window), showBytes(price.Capacity),
				"What seeders who are proven by audits can give, and half of what leechers upload."},
			priceStep{"Saturation (demand ÷ capacity)", wholePercent(price.SaturationPPM), saturationInWords(p, price)},
			priceStep{"The next step", stepFigure(p, price), stepInWords(p, price)})
	}
	steps = append(steps, s.multiplierStep(t),
		priceStep{"Price", s.money(price.Price) + " per GiB", fmt.Sprintf("The base price of %s, times the multiplier.", s.money(s.Rules().Economy.BasePrice))})
	if q.FreeUntil == nil && q.Remaining > 0 {
		steps = append(steps, costStep(s, q))
	}
	return steps
}

func (s *site) multiplierStep(t store.Torrent) priceStep {
	p := s.Rules().Surge
	step := priceStep{Label: "Multiplier", Figure: "×" + tokens.Amount(t.Price.MultiplierPPM/10_000*10_000).String()}
	switch {
	case p.MinMultiplier == p.MaxMultiplier:
		step.Words = "It does not move on this tracker."
	case t.Price.AtMs == 0:
		step.Words = fmt.Sprintf("It begins at 1. From now on demand and capacity move it every %s, between ×%s and ×%s.", span(p.Step), tokens.Amount(p.MinMultiplier), tokens.Amount(p.MaxMultiplier))
	default:
		step.Words = fmt.Sprintf("All steps so far together. It stays between ×%s and ×%s.", tokens.Amount(p.MinMultiplier), tokens.Amount(p.MaxMultiplier))
	}
	return step
}

func costStep(s *site, q Quote) priceStep {
	step := priceStep{"Your cost", s.money(tokens.Amount(q.Cost)), fmt.Sprintf("The price, times %s", showBytes(q.Remaining-q.Covered))}
	if q.Remaining < q.Size {
		step.Words += " that are still to come"
	}
	if q.Covered > 0 {
		step.Words += fmt.Sprintf(" that your free allowance does not cover (it covers %s)", showBytes(q.Covered))
	}
	step.Words += ", rounded up once."
	return step
}

// wholePercent writes ppm as a percentage with at most two decimals.
func wholePercent(ppm int64) string { return percent(ppm/100*100) + " %" }

func saturationInWords(p surge.Params, r store.PriceRow) string {
	words := fmt.Sprintf("The target is %s.", wholePercent(p.Target))
	switch {
	case r.Capacity <= 0:
		return "There is no proven seeder now, so that there is nothing to measure demand against. " + words
	case p.HalfLife > 0:
		return fmt.Sprintf("At the last look it was %s; smoothed, with a half-life of %s, it is this. %s", wholePercent(rawSaturation(p, r)), span(p.HalfLife), words)
	}
	return words
}

// rawSaturation is demand ÷ capacity as it is before it is smoothed, at most what is counted.
func rawSaturation(p surge.Params, r store.PriceRow) int64 {
	hi, lo := bits.Mul64(uint64(max(r.Demand, 0)), surge.PPM)
	if hi >= uint64(r.Capacity) {
		return p.MaxSaturation
	}
	q, _ := bits.Div64(hi, lo, uint64(r.Capacity))
	return int64(min(q, uint64(p.MaxSaturation)))
}

// stepPPM is how far the next step moves the multiplier if saturation stays: δ·clip((s − s*)/s*, −1, 1).
func stepPPM(p surge.Params, r store.PriceRow) int64 {
	off := min(max(r.SaturationPPM-p.Target, -p.Target), p.Target)
	if off < 0 {
		return -tokens.MulDiv(-off, p.Delta, p.Target)
	}
	return tokens.MulDiv(off, p.Delta, p.Target)
}

// stands reports whether the price does not move: there is nothing to measure, or it is at a limit.
func stands(p surge.Params, r store.PriceRow) bool {
	d := stepPPM(p, r)
	return r.Capacity <= 0 || d == 0 || d > 0 && r.MultiplierPPM >= p.MaxMultiplier || d < 0 && r.MultiplierPPM <= p.MinMultiplier
}

func stepFigure(p surge.Params, r store.PriceRow) string {
	d := stepPPM(p, r)
	switch {
	case stands(p, r):
		return "none"
	case d > 0:
		return "+" + wholePercent(d)
	}
	return "−" + wholePercent(-d)
}

func stepInWords(p surge.Params, r store.PriceRow) string {
	rule := fmt.Sprintf("every %s, by at most %s", span(p.Step), wholePercent(p.Delta))
	d := stepPPM(p, r)
	switch {
	case r.Capacity <= 0:
		return "The price stands still until somebody passes an audit of this torrent."
	case d == 0:
		return "Saturation is at the target: the price stands."
	case stands(p, r) && d > 0:
		return "Saturation is above the target, but the price is as high as it may be."
	case stands(p, r):
		return "Saturation is below the target, but the price is as low as it may be."
	case d > 0:
		return "Saturation is above the target: the price climbs " + rule + "."
	}
	return "Saturation is below the target: the price falls " + rule + "."
}
