package choose

import (
	"math/bits"
	"time"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	ppm = 1_000_000
	day = 24 * time.Hour
	// minTrend and maxTrend bound what one day says of the next: swarms of a few downloads a day
	// double and halve by chance.
	minTrend, maxTrend = ppm / 2, ppm * 3 / 2
	// maxSaturation is what the tracker counts saturation up to (ECONOMY §4).
	maxSaturation = 2 * ppm
	// wantedSaturation is where a price stands still (ECONOMY §4).
	wantedSaturation = ppm / 2
	// settling is how much later than it happens a download is published.
	settling = 2 * time.Hour
	// newFor is how long a torrent that somebody downloads counts as new.
	newFor = 3 * day
	// maxPerDay bounds an estimate, so that sums over many torrents and days fit 63 bits.
	maxPerDay = 100_000 * tokens.Unit
	// maxCount bounds published numbers of peers, maxWaiting those that are believed to want the rest.
	maxCount, maxWaiting = 1 << 20, 1 << 12
	// maxSize bounds sizes and sums of bytes, maxRate what a line sends in a second.
	maxSize, maxRate = bt.Bytes(1) << 50, bt.Bytes(1) << 40
	// caution is how many times over a fetch must pay back: it is certain, and what is expected is not.
	caution = 2
	// maxBias and minBias bound what past forecasts change about the next.
	minBias, maxBias = ppm / 4, 4 * ppm
)

// estimate is what one torrent is expected to bring this node in a day. Collateral and the uplink are
// shared by all that is hosted; portions say how far they reach.
type estimate struct {
	hosting tokens.Amount // as if all of it counted
	upload  tokens.Amount // as if the uplink were this torrent's
	served  bt.Bytes      // a day
	trend   int64         // ppm: tomorrow's demand by today's
	rising  bool
	lasting time.Duration // how long its demand is expected to last
}

// portions are the parts of all estimates that collateral and uplink allow, in ppm.
type portions struct{ hosting, upload int64 }

func (p portions) of(e estimate) (hosting, upload tokens.Amount) {
	return tokens.PPM(e.hosting, p.hosting), tokens.PPM(e.upload, p.upload)
}

// estimate returns what a torrent is expected to bring in the next day; h: as it is held.
func (in *Input) estimate(t *Torrent, h *Held) estimate {
	t = in.others(*t, h)
	e := estimate{trend: trend(t)}
	age := max(0, in.Now.Sub(t.Created))
	young := !t.Created.IsZero() && age < newFor && t.Leechers > 0
	e.served = in.served(t, e.trend, young, h != nil)
	e.hosting, e.upload = in.biased(in.hosting(t)), in.biased(in.paid(t, e.served))
	e.rising = !t.Free && (young || grows(t) || t.Saturation >= ppm)
	e.lasting = in.lasting(t, age, e.trend)
	return e
}

// others returns the torrent without what this node itself downloaded of it lately.
func (in *Input) others(t Torrent, h *Held) *Torrent {
	if h == nil || !h.Own {
		return &t
	}
	switch since := in.Now.Sub(h.Since); {
	case since < day+settling:
		rest := max(0, size(t.Day)-size(h.Size))
		t.DayPaid = muldiv(int64(bound(t.DayPaid)), int64(rest), int64(max(1, size(t.Day))))
		t.Day = rest
	case since < 2*day+settling:
		t.DayBefore = max(0, size(t.DayBefore)-size(h.Size))
	}
	return &t
}

// biased corrects an amount by how right past forecasts were.
func (in *Input) biased(a tokens.Amount) tokens.Amount {
	if in.Bias <= 0 {
		return min(a, maxPerDay)
	}
	return tokens.PPM(min(a, maxPerDay), max(minBias, min(maxBias, in.Bias)))
}

// hosting returns what a day of being there pays with full collateral: GiB·h at the present rate, less
// for each host beyond R, at most this node's part of what one torrent may earn (ECONOMY §6).
func (in *Input) hosting(t *Torrent) tokens.Amount {
	if !t.Approved {
		return 0
	}
	hosts := count(t.Hosts) + 1
	scarcity := min(ppm, max(1, count(in.Economy.Replicas))*ppm/hosts)
	perHour := muldiv(int64(size(t.Size)), int64(bound(in.Economy.HostingRate)), int64(bt.GiB))
	perHour = tokens.PPM(min(perHour, maxPerDay), scarcity)
	return 24 * min(perHour, bound(in.Economy.TorrentCap)/tokens.Amount(hosts))
}

// trend returns how much more was downloaded in the last day than in the one before, in ppm: one whole
// unless it is beyond what chance explains.
func trend(t *Torrent) int64 {
	one, now, before := max(1, size(t.Size)), size(t.Day), size(t.DayBefore)
	if max(now-before, before-now) <= deviation(now, one)+deviation(before, one) {
		return ppm
	}
	if now >= 2*before {
		return maxTrend
	}
	return max(minTrend, min(maxTrend, tokens.MulDiv(int64(now), ppm, int64(before))))
}

// level returns what is downloaded in a day of late, as far as two days can tell: downloads come by
// chance, and who picks the busiest of many torrents picks the luckiest. So what is not held counts
// one deviation of a Poisson process of whole downloads below what was seen; and unless it is new, by
// what both days show: one busy day may be others that fetched it to host it. What is held, and was
// paid for, has the benefit of the doubt: the mean.
func level(t *Torrent, young, held bool) bt.Bytes {
	one, day, before := max(1, size(t.Size)), size(t.Day), size(t.DayBefore)
	switch {
	case held && young:
		return day
	case held:
		return (day + before) / 2
	case !young:
		day = min(day, before)
	}
	return day - deviation(day, one)
}

// deviation returns √(n·one), the deviation of a sum of n/one events of one each.
func deviation(n, one bt.Bytes) bt.Bytes {
	const unit = 1 << 20 // the product of two sizes of at most 2^51 fits 63 bits then
	return min(n, bt.Bytes(root(uint64((n+unit-1)/unit)*uint64((one+unit-1)/unit)))*unit)
}

// grows reports whether a torrent that was wanted before was more wanted in the last day.
func grows(t *Torrent) bool { return t.DayBefore >= 2*max(1, t.Size) && trend(t) > ppm }

// demand returns what is expected to be downloaded in the next day: as of late, less if it falls. Who
// downloads a new torrent now wants half of it still; but as announcing alone moves no price, that is
// believed only as far as bytes were paid for. A swarm that is short of capacity would take more.
func demand(t *Torrent, trend int64, young, held bool) bt.Bytes {
	want := bt.Bytes(tokens.MulDiv(int64(level(t, young, held)), min(ppm, trend), ppm))
	if young {
		waiting := size(t.Size) * bt.Bytes(min(count(t.Leechers), maxWaiting)) / 2
		want = max(want, min(waiting, 2*size(t.Day)+size(t.Size)))
	}
	short := max(ppm, min(maxSaturation, t.Saturation))
	return bt.Bytes(tokens.MulDiv(int64(want), short, ppm))
}

// served returns this node's part of a torrent's demand in a day: as much as each other seeder, and
// no more than its uplink can send. Who downloads a new torrent is its next seeder.
func (in *Input) served(t *Torrent, trend int64, young, held bool) bt.Bytes {
	want, seeders := demand(t, trend, young, held), count(t.Seeders)+1
	if young {
		seeders += count(t.Leechers) + int64(want/max(1, size(t.Size)))/2
	}
	part := want / bt.Bytes(seeders)
	if in.UploadRate > 0 {
		part = min(part, in.uplink())
	}
	return part
}

// uplink is what this node can send in a day.
func (in *Input) uplink() bt.Bytes { return min(maxRate, in.UploadRate) * bt.Bytes(day/time.Second) }

// paid returns what serving so many bytes pays: as much per byte as uploaders got in the last day, and
// if there was no whole download in it, their share of the price.
func (in *Input) paid(t *Torrent, served bt.Bytes) tokens.Amount {
	if t.Free {
		return 0
	}
	if t.Day >= max(1, size(t.Size)) && t.DayPaid > 0 {
		return muldiv(int64(served), int64(bound(t.DayPaid)), int64(size(t.Day)))
	}
	perGiB := tokens.PPM(bound(t.Price), max(0, min(ppm, in.Economy.UploaderPPM)))
	return muldiv(int64(served), int64(perGiB), int64(bt.GiB))
}

// lasting returns how long a torrent's demand is expected to go on, within the horizon: as long as it
// has lasted, at least a day, and where it falls not beyond its end at that pace.
func (in *Input) lasting(t *Torrent, age time.Duration, trend int64) time.Duration {
	span := in.Options.Horizon
	if !t.Created.IsZero() {
		span = min(span, max(day, age))
	}
	if trend < ppm {
		span = min(span, time.Duration(muldiv(int64(day), ppm, ppm-trend)))
	}
	return span
}

// gain returns what a torrent is expected to bring within the horizon, and what it would if its
// demand rose once more as it did.
func (in *Input) gain(e estimate, p portions) (gain, hope tokens.Amount) {
	hosting, upload := p.of(e)
	rest := over(hosting, in.Options.Horizon)
	gain = rest + over(upload, e.lasting)
	return gain, rest + over(tokens.PPM(upload, max(ppm, e.trend)), e.lasting)
}

// over returns what an amount per day comes to in some time.
func over(perDay tokens.Amount, span time.Duration) tokens.Amount {
	return tokens.Amount(tokens.MulDiv(int64(perDay), int64(span/time.Second), int64(day/time.Second)))
}

// fetching returns what it costs to get a torrent, and what it takes of the allowance first.
func (in *Input) fetching(t *Torrent, allowance bt.Bytes) (cost tokens.Amount, free bt.Bytes) {
	if t.Free {
		return 0, 0
	}
	free = min(size(t.Size), max(0, allowance))
	return surge.Need(in.price(t), size(t.Size)-free), free
}

// price returns what a GiB is expected to cost while the torrent is fetched: at least what it cost in
// the last day, as swarms are quiet when nobody downloads; and more than now where capacity is short,
// since the price climbs above the wanted saturation (ECONOMY §4).
func (in *Input) price(t *Torrent) tokens.Amount {
	short := max(wantedSaturation, min(maxSaturation, t.Saturation))
	price := muldiv(int64(bound(t.Price)), short, wantedSaturation)
	if t.Day <= 0 || in.Economy.UploaderPPM <= 0 {
		return price
	}
	paid := muldiv(int64(bound(t.DayPaid)), ppm, min(ppm, in.Economy.UploaderPPM))
	return max(price, muldiv(int64(paid), int64(bt.GiB), int64(size(t.Day))))
}

// counted returns how much of what a node claims is paid for: what its collateral covers, and what
// counts without any (ECONOMY §6).
func (in *Input) counted() bt.Bytes {
	if in.Economy.CollateralGiB <= 0 {
		return maxSize
	}
	covered := muldiv(int64(bound(in.Collateral)), int64(bt.GiB), int64(in.Economy.CollateralGiB))
	return min(maxSize, bt.Bytes(covered)) + size(in.Economy.FreeBytes)
}

// portionsOf returns how far collateral and uplink reach for claims and uploads of so many bytes.
func (in *Input) portionsOf(claimed, served bt.Bytes) portions {
	p := portions{hosting: ratio(in.counted(), claimed), upload: ppm}
	if in.UploadRate > 0 {
		p.upload = ratio(in.uplink(), served)
	}
	return p
}

// ratio returns have/want in ppm, at most one whole.
func ratio(have, want bt.Bytes) int64 {
	if have >= want {
		return ppm
	}
	return tokens.MulDiv(int64(have), ppm, int64(want))
}

// muldiv is a·b/c rounded down, at most the largest amount; c is positive, the others not negative.
func muldiv(a, b, c int64) tokens.Amount {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return tokens.MaxAmount
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return tokens.Amount(min(q, uint64(tokens.MaxAmount)))
}

func count(n int) int64 { return int64(max(0, min(maxCount, n))) }

func size(b bt.Bytes) bt.Bytes { return max(0, min(maxSize, b)) }

func bound(a tokens.Amount) tokens.Amount { return max(0, min(tokens.MaxAmount, a)) }

// root returns √n rounded down (Newton).
func root(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	x := uint64(1) << ((bits.Len64(n) + 1) / 2) // at least √n
	for {
		y := (x + n/x) / 2
		if y >= x {
			return x
		}
		x = y
	}
}
