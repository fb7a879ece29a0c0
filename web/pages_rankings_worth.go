package web

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// worth is what one more host of a torrent would earn in a day, as far as public figures tell: the hosting
// reward at the rate of the last settlement, shared with the hosts that are there, and the uploads of the last
// day shared evenly with the seeders.
type worth struct {
	MarketTorrent
	Hosting, Upload tokens.Amount // of all of it, in a day
	PerGiB          tokens.Amount // both, of one GiB
}

func worthOf(e MarketEconomy, t MarketTorrent) worth {
	w := worth{MarketTorrent: t}
	if t.Size <= 0 {
		return w
	}
	if hosts := int64(max(0, t.Hosts)) + 1; t.Approved {
		hour := atMost(int64(t.Size), int64(e.HostingRate), int64(bt.GiB))
		hour = atMost(hour, min(hosts, max(1, e.Replicas)), hosts) // min(1, R/n), ECONOMY §6
		w.Hosting = tokens.Amount(atMost(min(hour, int64(e.TorrentCap)/hosts), 24, 1))
	}
	w.Upload = tokens.Amount(max(0, int64(t.DayPaid)) / (int64(max(0, t.Seeders)) + 1))
	w.PerGiB = tokens.Amount(atMost(int64(w.Hosting)+int64(w.Upload), int64(bt.GiB), int64(t.Size)))
	return w
}

// atMost is a·b/c, at most MaxAmount: an estimate may be wrong, and nothing may fail for it. c is positive, the
// others are not negative.
func atMost(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(max(0, a)), uint64(max(0, b)))
	if hi >= uint64(c) {
		return int64(tokens.MaxAmount)
	}
	part, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(part, uint64(tokens.MaxAmount)))
}

// whyWorth says what the figure is made of.
func (s *site) whyWorth(w worth) string {
	if !w.Approved {
		return fmt.Sprintf("All of it: %s for uploads a day. Not approved, so hosting pays nothing.", s.money(w.Upload))
	}
	return fmt.Sprintf("All of it: %s for hosting and %s for uploads a day.", s.money(w.Hosting), s.money(w.Upload))
}

// scarce reports whether a torrent wants hosts: it is approved, has fewer than are paid in full, and somebody
// wants it.
func scarce(e MarketEconomy, t MarketTorrent) bool {
	return t.Approved && int64(t.Hosts) < e.Replicas && (t.Leechers > 0 || t.Day > 0)
}

// picks are the best of the market for hosts.
type picks struct {
	Scarce []MarketTorrent // fewest hosts first, then the most wanted
	Best   []worth         // what pays most for a GiB first
}

const (
	topRows   = 25                      // of a list
	bestKept  = 300                     // of what pays best, to fill a disk from
	topHosts  = 50                      // members of a list
	estimated = bt.Bytes(5_000_000_000) // of a disk: what the daemon offers if nobody says otherwise
)

// picksMemo keeps the picks of a market for as long as that market is the one that is shown.
type picksMemo struct {
	mu   sync.Mutex
	of   *MarketTorrent // the first of its list, which is never changed
	last picks
}

// picks looks through the market once, however many ask.
func (s *site) picks(ctx context.Context) (MarketEconomy, picks, error) {
	e, list, err := s.Seeding.Market(ctx)
	if err != nil || len(list) == 0 {
		return e, picks{}, err
	}
	m := &s.picked
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of != &list[0] {
		m.of, m.last = &list[0], pick(e, list)
	}
	return e, m.last, nil
}

func pick(e MarketEconomy, list []MarketTorrent) (p picks) {
	few := best[MarketTorrent]{limit: topRows, less: func(a, b MarketTorrent) int {
		return cmp.Or(cmp.Compare(a.Hosts, b.Hosts), cmp.Compare(b.Day, a.Day), cmp.Compare(b.Leechers, a.Leechers), cmp.Compare(a.ID, b.ID))
	}}
	pays := best[worth]{limit: bestKept, less: func(a, b worth) int {
		return cmp.Or(cmp.Compare(b.PerGiB, a.PerGiB), cmp.Compare(a.ID, b.ID))
	}}
	for _, t := range list {
		if scarce(e, t) {
			few.add(t)
		}
		if w := worthOf(e, t); w.PerGiB > 0 {
			pays.add(w)
		}
	}
	return picks{few.sorted(), pays.sorted()}
}

// best keeps the first few of many in an order, without sorting all of them.
type best[T any] struct {
	limit int
	less  func(a, b T) int
	kept  []T
}

func (b *best[T]) add(x T) {
	if b.kept = append(b.kept, x); len(b.kept) >= 2*b.limit {
		b.sorted()
	}
}

func (b *best[T]) sorted() []T {
	slices.SortFunc(b.kept, b.less)
	b.kept = b.kept[:min(b.limit, len(b.kept))]
	return b.kept
}

// diskWorth is what a disk full of what pays best would earn.
type diskWorth struct {
	Size     bt.Bytes // of the disk
	Used     bt.Bytes
	Torrents int
	Hosting  tokens.Amount // a day
	Upload   tokens.Amount // likewise
	Fetch    tokens.Amount // once: what downloading them costs now
}

// Day is what it all brings in a day.
func (d diskWorth) Day() tokens.Amount { return d.Hosting + d.Upload }

// fillDisk puts what pays best on a disk, as far as each fits.
func fillDisk(size bt.Bytes, from []worth) diskWorth {
	d := diskWorth{Size: size}
	for _, w := range from {
		if w.Size > size-d.Used {
			continue
		}
		d.Used, d.Torrents = d.Used+w.Size, d.Torrents+1
		d.Hosting, d.Upload = min(d.Hosting+w.Hosting, tokens.MaxAmount), min(d.Upload+w.Upload, tokens.MaxAmount)
		if !w.Free {
			d.Fetch = min(d.Fetch+tokens.Amount(atMost(int64(w.Price), int64(w.Size), int64(bt.GiB))), tokens.MaxAmount)
		}
	}
	return d
}
