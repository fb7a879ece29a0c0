package choose

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// class is who wants a torrent. A lower class goes before any higher one.
type class uint8

const (
	byHand class = iota
	byInterest
	byEarnings
	byNobody
)

// item is a torrent under consideration: one of the market, one that is held, or both.
type item struct {
	Torrent
	listed  bool // the market has it
	class   class
	held    *Held
	present bool // in the plan as it stands
	added   bool // by this plan, for what it cost and took of the allowance
	charged tokens.Amount
	took    bt.Bytes
	dropped Why   // why it was given up
	by      *item // the best of those it was given up for
	est     estimate

	// As of the present round.
	gain     tokens.Amount // within the horizon, less what it costs to fetch
	position bool          // it is valued as if its trend held
	cost     tokens.Amount
	free     bt.Bytes
}

// items returns all that may be hosted, in the order of info-hashes.
func (in *Input) items() []*item {
	all := make(map[bt.InfoHash]*item, len(in.Torrents)+len(in.Held))
	for _, t := range in.Torrents {
		all[t.InfoHash] = &item{Torrent: t, listed: true}
	}
	for _, h := range in.Held {
		i, ok := all[h.InfoHash]
		if !ok {
			i = &item{Torrent: Torrent{InfoHash: h.InfoHash, Size: h.Size}}
			all[h.InfoHash] = i
		}
		i.held, i.present = &h, true
		i.Size = h.Size // what counts against the quota
	}
	pinned := make(map[bt.InfoHash]bool, len(in.Pinned))
	for _, h := range in.Pinned {
		pinned[h] = true
	}
	items := make([]*item, 0, len(all))
	for _, i := range all {
		i.class = in.classOf(i, pinned[i.InfoHash])
		if i.Size > 0 || i.present {
			items = append(items, i)
		}
	}
	slices.SortFunc(items, func(a, b *item) int { return bytes.Compare(a.InfoHash[:], b.InfoHash[:]) })
	return items
}

// classOf says who wants a torrent. One that is held and that the market does not list may be of
// interest still, which nobody can see: it is kept while there is room.
func (in *Input) classOf(i *item, pinned bool) class {
	switch {
	case pinned || i.held != nil && i.held.Pinned:
		return byHand
	case in.interested(&i.Torrent) != nil:
		return byInterest
	case in.Options.Auto, !i.listed && len(in.Interests) > 0:
		return byEarnings
	}
	return byNobody
}

// interested returns the first interest that a torrent matches.
func (in *Input) interested(t *Torrent) *Interest {
	for k, w := range in.Interests {
		if w.Value != "" && w.matches(t) {
			return &in.Interests[k]
		}
	}
	return nil
}

func (w Interest) matches(t *Torrent) bool {
	switch w.Kind {
	case Collection:
		return slices.Contains(t.Collections, w.Value)
	case Uploader:
		return strings.EqualFold(t.Uploader, w.Value)
	case Category:
		return strings.EqualFold(t.Category, w.Value)
	}
	return false
}

// holding reports whether it was chosen so lately that it is not given up for another.
func (in *Input) holding(i *item) bool {
	return i.added || i.held != nil && in.Now.Sub(i.held.Since) < in.Options.MinHold
}

// movable reports whether it may make room: data that the operator brought is his own.
func (i *item) movable() bool {
	return i.present && i.class != byHand && (i.added || i.held.Own)
}

// better orders by class, falling gain per byte, size and info-hash.
func better(a, b *item) int {
	return cmp.Or(cmp.Compare(a.class, b.class), -perByte(a.gain, a.Size, b.gain, b.Size),
		cmp.Compare(a.Size, b.Size), bytes.Compare(a.InfoHash[:], b.InfoHash[:]))
}

// worse is the opposite order: what is given up first.
func worse(a, b *item) int { return better(b, a) }

// perByte compares a/aSize with b/bSize in 128 bits. Losses order by their sum.
func perByte(a tokens.Amount, aSize bt.Bytes, b tokens.Amount, bSize bt.Bytes) int {
	if a < 0 || b < 0 {
		return cmp.Compare(a, b)
	}
	aHi, aLo := bits.Mul64(uint64(a), uint64(max(1, bSize)))
	bHi, bLo := bits.Mul64(uint64(b), uint64(max(1, aSize)))
	return cmp.Or(cmp.Compare(aHi, bHi), cmp.Compare(aLo, bLo))
}

// exceeds reports whether a is more than (1 + margin ppm)·b, of amounts that are not negative.
func exceeds(a, b tokens.Amount, margin int64) bool {
	aHi, aLo := bits.Mul64(uint64(a), ppm)
	bHi, bLo := bits.Mul64(uint64(b), uint64(ppm+margin))
	return cmp.Or(cmp.Compare(aHi, bHi), cmp.Compare(aLo, bLo)) > 0
}

// Defaults of Options.
const (
	DefaultMinHold    = 72 * time.Hour
	DefaultHorizon    = 30 * day
	DefaultHysteresis = 600_000
	DefaultPosition   = 150_000
	DefaultMaxChanges = 8
	// maxHorizon bounds what an estimate of a day is stretched to.
	maxHorizon = 365 * day
)

// withDefaults puts the defaults in for what is 0, and bounds the rest.
func (o Options) withDefaults() Options {
	o.MinHold = orDefault(o.MinHold, DefaultMinHold)
	o.Horizon = min(maxHorizon, max(time.Minute, orDefault(o.Horizon, DefaultHorizon)))
	o.Hysteresis = min(100*ppm, orDefault(o.Hysteresis, DefaultHysteresis))
	if o.Position == 0 {
		o.Position = DefaultPosition
	}
	o.Position = max(0, min(ppm, o.Position))
	o.MaxChanges = orDefault(o.MaxChanges, DefaultMaxChanges)
	return o
}

func orDefault[N ~int | ~int64](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}
