package seeding

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/sim/random"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	ppm = 1_000_000
	// medianSize and sigma are of the sizes' log-normal distribution: sigma in ppm of a doubling.
	medianSize = 3 * bt.GiB / 2
	sigma      = 1_500_000
	minSize    = 64 << 20
	// lingerHours is how long a leecher seeds at most once it is complete.
	lingerHours = 48
	// guestPPM of the leechers download from a free allowance, freePPM of the torrents cost nothing.
	guestPPM, freePPM = 100_000, 50_000
	// slowPPM of the torrents are approved never, the rest after approveHours.
	slowPPM, approveHours = 100_000, 24
	historyHours          = 48
	forever               = 1 << 40
	uploaders             = 12
	publishers            = 1000 // first of the uploaders' member numbers
)

// categories and how often one is chosen for a new torrent and for a download, of 100.
var categories = []struct {
	name          string
	share, wanted int
}{{"video", 25, 30}, {"games", 15, 25}, {"software", 15, 15}, {"audio", 15, 10}, {"books", 15, 5}, {"datasets", 15, 15}}

// torrent is one of them, and its swarm.
type torrent struct {
	id       bt.TorrentID
	size     bt.Bytes
	category int
	uploader int
	born     int // hour
	free     bool
	approved int // hour from which it is; -1: never
	steady   int // downloads that begin, per hour, in ppm
	burst    int // downloads of its first days together

	state    surge.State
	leechers []*leecher
	linger   []int                       // hours in which leechers that are complete leave
	hosts    []*node                     // that have all of it
	bytes    [historyHours]bt.Bytes      // downloaded, by hour
	paid     [historyHours]tokens.Amount // to uploaders, by hour
}

// leecher is one download.
type leecher struct {
	left  bt.Bytes
	guest bool  // pays nothing
	node  *node // that fetches to host; nil: a member
}

func hashOf(id bt.TorrentID) (h bt.InfoHash) {
	binary.BigEndian.PutUint32(h[:], uint32(id))
	return h
}

func (t *torrent) name() string { return fmt.Sprintf("%s %d", categories[t.category].name, t.id) }

// newTorrent draws one. Old torrents have Zipf's share of the steady demand; new ones a burst, whose
// size follows Zipf's law too, and then a little.
func (w *world) newTorrent(rank int, old bool) *torrent {
	id := bt.TorrentID(len(w.torrents) + 1)
	r := random.New(w.Seed, uint64(id), random.Label("torrent"))
	t := &torrent{id: id, size: drawSize(r), category: drawCategory(r), uploader: r.Below(uploaders), born: w.hour, free: r.Chance(freePPM),
		approved: w.hour + approveHours, state: surge.Initial(w.Surge), linger: []int{forever}} // the uploader's own client
	if r.Chance(slowPPM) {
		t.approved = -1
	}
	weight := categories[t.category].wanted * ppm / categories[t.category].share // popular kinds are popular
	if old {
		t.born, t.approved = w.hour-hoursPerDay*r.Between(30, 700), min(t.approved, 0)
		t.steady = int(tokens.MulDiv(int64(w.Downloads)*int64(weight), zipfScale, int64((rank+2)*zipfSum(w.Torrents)*hoursPerDay)))
	} else {
		heavy := zipfRank / (1 + r.Below(zipfRank)) // P(heavy ≥ x) = 1/x
		t.burst = max(1, int(int64(w.PerNew)*int64(heavy)*int64(weight)/(zipfMean*ppm)))
		t.steady = t.burst * ppm / (100 * hoursPerDay)
	}
	w.torrents = append(w.torrents, t)
	w.byHash[hashOf(id)] = t
	return t
}

const (
	zipfScale = ppm
	// zipfRank bounds how much larger than the least the largest burst is; zipfMean is the mean of
	// zipfRank/k, rounded down, over k of 1 to zipfRank.
	zipfRank = 60
	zipfMean = 4
)

// zipfSum returns Σ 1/(rank+2) over so many ranks, times zipfScale.
func zipfSum(n int) (sum int) {
	for rank := range n {
		sum += zipfScale / (rank + 2)
	}
	return max(1, sum)
}

// drawSize draws a log-normal size: the median times a power of two, whose exponent is a sum of
// uniform numbers (Irwin–Hall), near enough to normal. In integers, so that every machine draws alike.
func drawSize(r *random.Source) bt.Bytes {
	z := -6 * ppm
	for range 12 {
		z += r.Below(ppm)
	}
	exponent := 64*ppm + z*(sigma/1000)/1000 // ppm of a doubling, positive
	size := int64(medianSize)
	size += size * int64(exponent%ppm) / ppm // 2^f by its chord 1 + f
	if shift := exponent/ppm - 64; shift >= 0 {
		size <<= min(shift, 8)
	} else {
		size >>= min(-shift, 8)
	}
	return max(minSize, bt.Bytes(size))
}

func drawCategory(r *random.Source) int {
	n := r.Below(100)
	for c, k := range categories {
		if n -= k.share; n < 0 {
			return c
		}
	}
	return 0
}

// fading is which part of a burst begins in each half day, of 1000: it rises for a day and fades.
var fading = []int{60, 110, 130, 115, 95, 80, 68, 57, 48, 41, 35, 30, 25, 21, 18, 15, 13, 11, 9, 8, 6, 5}

// begins draws how many downloads begin in this hour. A high price keeps some away.
func (w *world) begins(t *torrent) int {
	rate := t.steady
	if half := (w.hour - t.born) / 12; half < len(fading) {
		rate += t.burst * fading[half] * (ppm / 1000) / 12
	}
	if m := t.state.MultiplierPPM; m > 2*ppm && !t.free {
		rate = int(int64(rate) * 2 * ppm / m)
	}
	n := rate / ppm
	if w.r.Chance(rate % ppm) {
		n++
	}
	return n
}

// leave ends the clients that have seeded long enough.
func (t *torrent) leave(hour int) {
	t.linger = slices.DeleteFunc(t.linger, func(until int) bool { return until <= hour })
}

// day sums two days of history, as of an hour.
func (t *torrent) day(hour int) (day, before bt.Bytes, paid tokens.Amount) {
	for k := 1; k <= historyHours; k++ {
		slot := ((hour-k)%historyHours + historyHours) % historyHours
		if k <= hoursPerDay {
			day, paid = day+t.bytes[slot], paid+t.paid[slot]
		} else {
			before += t.bytes[slot]
		}
	}
	return day, before, paid
}
