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

// Params are the rules of the price. Every field is a configuration key; the tags say what it takes.
type Params struct {
	Window        time.Duration `range:"1ms..24h" doc:"horizon of demand and capacity"`
	HalfLife      time.Duration `range:"0s..24h" doc:"of the smoothed saturation; 0s: not smoothed"`
	Step          time.Duration `range:"1ms..24h" doc:"time between two steps of the price"`
	WantedRate    bt.Bytes      `unit:"bytes/s" range:"1..1099511627776" doc:"the most that one leecher demands, and the median download rate that the base price is retargeted to"`
	Delta         int64         `unit:"ppm" range:"1..500000" doc:"the largest move of one step"`
	Target        int64         `unit:"ppm" range:"1..100000000" doc:"the saturation at which the price stands; at most max_saturation"`
	MaxSaturation int64         `unit:"ppm" range:"1..100000000" doc:"saturation is counted up to here"`
	MinMultiplier int64         `unit:"ppm" range:"1..1000000" doc:"of the base price, the least a download costs"`
	MaxMultiplier int64         `unit:"ppm" range:"1000000..1000000000" doc:"of the base price, the most a download costs"`
	Base          tokens.Amount `unit:"utok/GiB" range:"0..1000000000000" doc:"download price at multiplier 1"`
	QuoteFreeze   time.Duration `range:"0s..168h" doc:"how long a quote holds for a member and torrent"`

	// Retargeting (ECONOMY §10): of this base price, and of the hosting rate of package settle.
	RetargetInterval time.Duration `range:"0s..8760h" doc:"base price and hosting rate are retargeted so often; 0s: they stay where they are"`
	RetargetDown     int64         `unit:"ppm" range:"1..1000000" doc:"a retargeting lowers a price to no less than this part of it"`
	RetargetUp       int64         `unit:"ppm" range:"1000000..100000000" doc:"a retargeting raises a price to no more than this multiple of it"`
	DeadBand         int64         `unit:"ppm" range:"0..1000000" doc:"no retargeting while what is and what is wanted differ by no more"`
	BaseMin          int64         `unit:"ppm" range:"1..1000000" doc:"of the base price, the least that retargeting makes of it"`
	BaseMax          int64         `unit:"ppm" range:"1000000..100000000" doc:"of the base price, the most that retargeting makes of it"`
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

		RetargetInterval: 24 * time.Hour,
		RetargetDown:     800_000,
		RetargetUp:       1_250_000,
		DeadBand:         50_000,
		BaseMin:          500_000,
		BaseMax:          2_000_000,
	}
}

// Validate names the first value that does not go with another. What each may be by itself is in the
// fields' tags, which the configuration holds them to.
func (p Params) Validate() error {
	if p.Target > p.MaxSaturation {
		return fmt.Errorf("target = %d: want at most max_saturation, %d", p.Target, p.MaxSaturation)
	}
	return nil
}
