// Package surge prices downloads (ECONOMY §4): from what leechers still want and proven seeders
// can give it computes each torrent's saturation, and moves its price a step towards the wanted
// saturation. It also holds the arithmetic of bills, so that the meter and the price agree.
//
// Everything here is a pure function of its arguments in integers: every machine computes the
// same price, and a published price can be recomputed from what was published with it.
package surge

import (
	"fmt"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// PPM is one whole in parts per million.
const PPM = 1_000_000

// Params are the rules of the price. Every field is a configuration key.
type Params struct {
	Window        time.Duration // horizon of demand and capacity; 1 ms to 24 h
	HalfLife      time.Duration // of the smoothed saturation; 0 to 24 h, 0: not smoothed
	Step          time.Duration // time between two steps of the price; 1 ms to 24 h
	WantedRate    bt.Bytes      // per second: the most that one leecher demands; 1 to MaxRate
	Delta         int64         // ppm: the largest move of one step; 1 to 500,000
	Target        int64         // ppm: the saturation at which the price stands; 1 to MaxSaturation
	MaxSaturation int64         // ppm: saturation is counted up to here; Target to 100,000,000
	MinMultiplier int64         // ppm of Base; 1 to 1,000,000
	MaxMultiplier int64         // ppm of Base; 1,000,000 to 1,000,000,000
	Base          tokens.Amount // utok per GiB at multiplier 1; 0 to MaxBase
	QuoteFreeze   time.Duration // how long a quote holds for a member and torrent; 0 to 7 days
}

const (
	// MaxRate bounds a rate in bytes per second (1 TiB/s).
	MaxRate bt.Bytes = 1 << 40
	// MaxBase bounds the base price: with the largest multiplier a price stays below 10^15 utok.
	MaxBase = 1_000_000 * tokens.Unit
)

// DefaultParams returns the defaults of ECONOMY §4.
func DefaultParams() Params {
	return Params{
		Window:        15 * time.Minute,
		HalfLife:      5 * time.Minute,
		Step:          time.Minute,
		WantedRate:    512 << 10,
		Delta:         PPM / 8,
		Target:        PPM / 2,
		MaxSaturation: 2 * PPM,
		MinMultiplier: PPM / 4,
		MaxMultiplier: 10 * PPM,
		Base:          10 * tokens.Unit,
		QuoteFreeze:   15 * time.Minute,
	}
}

// Validate names the first field that is out of range, its value and what would be accepted.
func (p Params) Validate() error {
	const day = 24 * time.Hour
	for _, f := range []struct {
		name           string
		value, min, to int64
		show           func(int64) string
	}{
		{"window", int64(p.Window), int64(time.Millisecond), int64(day), duration},
		{"half_life", int64(p.HalfLife), 0, int64(day), duration},
		{"step", int64(p.Step), int64(time.Millisecond), int64(day), duration},
		{"wanted_rate_bytes", int64(p.WantedRate), 1, int64(MaxRate), number},
		{"delta_ppm", p.Delta, 1, PPM / 2, number},
		{"max_saturation_ppm", p.MaxSaturation, 1, 100 * PPM, number},
		{"target_ppm", p.Target, 1, p.MaxSaturation, number},
		{"min_multiplier_ppm", p.MinMultiplier, 1, PPM, number},
		{"max_multiplier_ppm", p.MaxMultiplier, PPM, 1000 * PPM, number},
		{"base_utok_per_gib", int64(p.Base), 0, int64(MaxBase), number},
		{"quote_freeze", int64(p.QuoteFreeze), 0, int64(7 * day), duration},
	} {
		if f.value < f.min || f.value > f.to {
			return fmt.Errorf("surge: %s is %s: want %s to %s", f.name, f.show(f.value), f.show(f.min), f.show(f.to))
		}
	}
	return nil
}

func duration(n int64) string { return time.Duration(n).String() }

func number(n int64) string { return fmt.Sprint(n) }
