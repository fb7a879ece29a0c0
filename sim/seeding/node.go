package seeding

import (
	"slices"
	"strconv"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/sim/random"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Strategy is how a node chooses.
type Strategy string

// The strategies.
const (
	Random    Strategy = "random"   // whatever fits
	Interest  Strategy = "interest" // what is downloaded most of the kind that is downloaded most; looks again once a week
	Estimates Strategy = "estimate" // choose.Decide
	tastes    Strategy = "taste"    // other hosts: one kind, in any order
	popular   Strategy = "popular"  // other hosts: what is downloaded most
)

// Strategies are those that are compared.
var Strategies = []Strategy{Random, Interest, Estimates}

// lookAgain is how often a person looks at what is hosted, in days.
const lookAgain = 7

// node hosts. What it earned counts from when it joined.
type node struct {
	id         bt.NodeID
	strategy   Strategy
	r          *random.Source
	joined     int // hour
	leaves     int // hour
	kind       int // the category that it hosts
	disk       bt.Bytes
	uplink     bt.Bytes
	collateral tokens.Amount
	retained   tokens.Amount
	allowance  bt.Bytes
	mayPay     bool
	budget     tokens.Amount // left of the day
	perDay     tokens.Amount
	held       map[bt.TorrentID]*choose.Held
	order      []bt.TorrentID // of held, as they were added
	ledger     choose.Ledger
	earnedAt   tokens.Amount // all that was earned until this day
	fetched    int

	hosting, upload, spent tokens.Amount
}

func (w *world) newNode(s Strategy) *node {
	w.lastNode++
	n := &node{id: bt.NodeID(w.lastNode), strategy: s, joined: w.hour, leaves: forever, r: random.New(w.Seed, uint64(w.lastNode), random.Label("node")),
		held: map[bt.TorrentID]*choose.Held{}, mayPay: true}
	w.nodes = append(w.nodes, n)
	return n
}

// addOther adds a host of the community: what its disk, line and taste are, and when it leaves.
func (w *world) addOther() {
	n := w.newNode([]Strategy{Random, tastes, tastes, popular}[w.r.Below(4)])
	n.disk = bt.Bytes(5<<n.r.Below(6)) * bt.GiB // 5 to 160 GiB
	n.uplink = bt.Bytes(n.r.Between(2, 16)) << 18
	n.collateral = tokens.Amount(n.disk/bt.GiB) * tokens.Unit
	n.kind, n.allowance = drawCategory(n.r), 1<<50
	n.leaves = w.hour + hoursPerDay*n.r.Between(5, 120)
}

// join adds the nodes that are compared: the same but for how they choose.
func (w *world) join() {
	for range w.Nodes {
		for _, s := range Strategies {
			n := w.newNode(s)
			n.disk, n.uplink, n.collateral, n.allowance, n.perDay, n.budget = w.Disk, w.Uplink, w.Collateral, w.Allowance, w.Spend, w.Spend
			n.kind = w.busiestKind()
		}
	}
}

// busiestKind is what a person can see of the site: the category that is downloaded most.
func (w *world) busiestKind() (best int) {
	var day [64]bt.Bytes
	for _, t := range w.torrents {
		d, _, _ := t.day(w.hour)
		day[t.category] += d
	}
	for c := range categories {
		if day[c] > day[best] {
			best = c
		}
	}
	return best
}

// turnover ends hosts whose time has come, and brings others.
func (w *world) turnover() {
	for _, n := range slices.Clone(w.nodes) {
		if n.leaves <= w.hour {
			for _, id := range slices.Clone(n.order) {
				w.giveUp(n, id)
			}
			w.nodes = slices.DeleteFunc(w.nodes, func(x *node) bool { return x == n })
			w.addOther()
		}
	}
}

// nextDay gives a node its daily allowance and budget, and closes its forecast's day.
func (n *node) nextDay(w *world) {
	n.budget = n.perDay
	n.allowance = max(n.allowance, min(dailyMost, n.allowance+daily)) + monthly/30
	if n.strategy == Estimates {
		n.ledger.Earned(choose.Date(w.now().Add(-time.Hour)), n.earned()-n.earnedAt)
		n.earnedAt = n.earned()
	}
}

func (n *node) earned() tokens.Amount { return n.hosting + n.upload }

func (w *world) now() time.Time { return start.Add(time.Duration(w.hour) * time.Hour) }

// complete returns what the node hosts, in the order in which it was added.
func (n *node) complete() (out []bt.TorrentID) {
	for _, id := range n.order {
		if n.held[id].Complete {
			out = append(out, id)
		}
	}
	return out
}

func (n *node) free() bt.Bytes {
	free := n.disk
	for _, h := range n.held {
		free -= h.Size
	}
	return free
}

// take begins to fetch a torrent, if it fits and may be paid for.
func (w *world) take(n *node, t *torrent) bool {
	if n.held[t.id] != nil || t.size > n.free() {
		return false
	}
	if !t.free && n.joined > 0 {
		free := min(t.size, n.allowance-n.coming(w))
		cost := surge.Need(surge.PricePerGiB(w.Surge, t.state.MultiplierPPM), t.size-max(0, free))
		if cost > n.budget {
			return false
		}
		n.budget -= cost
	}
	n.fetched++
	n.held[t.id] = &choose.Held{InfoHash: hashOf(t.id), Size: t.size, Since: w.now(), Own: true}
	n.order = append(n.order, t.id)
	t.leechers = append(t.leechers, &leecher{left: t.size, node: n})
	return true
}

// coming is what is still to be fetched, and will take of the allowance.
func (n *node) coming(w *world) (sum bt.Bytes) {
	for _, id := range n.order {
		for _, l := range w.torrents[id-1].leechers {
			if l.node == n && !w.torrents[id-1].free {
				sum += l.left
			}
		}
	}
	return sum
}

// giveUp drops a torrent.
func (w *world) giveUp(n *node, id bt.TorrentID) {
	t := w.torrents[id-1]
	delete(n.held, id)
	n.order = slices.DeleteFunc(n.order, func(x bt.TorrentID) bool { return x == id })
	t.hosts = slices.DeleteFunc(t.hosts, func(x *node) bool { return x == n })
	t.leechers = slices.DeleteFunc(t.leechers, func(l *leecher) bool { return l.node == n })
}

// plan has each node choose.
func (w *world) plan() {
	for _, n := range w.nodes {
		switch n.strategy {
		case Random:
			w.fillRandomly(n, func(*torrent) bool { return true })
		case tastes:
			w.fillRandomly(n, func(t *torrent) bool { return t.category == n.kind })
		case popular:
			w.fillBusiest(n, func(*torrent) bool { return true })
		case Interest:
			w.follow(n)
		case Estimates:
			w.decide(n)
		}
	}
}

func (w *world) fillRandomly(n *node, likes func(*torrent) bool) {
	if n.free() < n.disk/50 {
		return
	}
	for _, k := range n.r.Shuffled(len(w.torrents)) {
		if t := w.torrents[k]; likes(t) {
			w.take(n, t)
		}
	}
}

func (w *world) fillBusiest(n *node, likes func(*torrent) bool) {
	if n.free() < n.disk/50 {
		return
	}
	views := w.market(n)
	busiest(views)
	for _, v := range views {
		if likes(v.t) {
			w.take(n, v.t)
		}
	}
}

// follow hosts what is downloaded most of one kind; once a week it gives up what nobody wants.
func (w *world) follow(n *node) {
	if age := w.hour - n.joined; age > epochHours && age%(lookAgain*hoursPerDay) < epochHours {
		for _, id := range n.complete() {
			if day, _, _ := w.torrents[id-1].day(w.hour); day == 0 {
				w.giveUp(n, id)
			}
		}
	}
	w.fillBusiest(n, func(t *torrent) bool { return t.category == n.kind })
}

// decide carries out what the daemon's chooser says.
func (w *world) decide(n *node) {
	p := choose.Decide(w.input(n))
	for _, c := range p.Drop {
		w.giveUp(n, w.byHash[c.InfoHash].id)
	}
	for _, c := range p.Add {
		w.take(n, w.byHash[c.InfoHash])
	}
	n.ledger.Expect(choose.Date(w.now().Add(24*time.Hour)), p.PerDay(), n.ledger.BiasPPM(choose.Date(w.now())))
}

// input is what the daemon would read of the server.
func (w *world) input(n *node) choose.Input {
	in := choose.Input{Now: w.now(), Quota: n.disk, UploadRate: n.uplink, Collateral: n.collateral + n.retained, Allowance: max(0, n.allowance-n.coming(w)),
		Spend: n.budget, MayPay: n.mayPay, Bias: n.ledger.BiasPPM(choose.Date(w.now())), Options: w.Options,
		Economy: choose.Economy{UploaderPPM: w.Settle.UploadersPPM, Replicas: int(w.Settle.Replicas), HostingRate: w.rate, TorrentCap: w.torrentCap(),
			FreeBytes: w.Settle.FreeBytes, CollateralGiB: w.Settle.CollateralPerGiB}}
	for _, v := range w.market(n) {
		in.Torrents = append(in.Torrents, w.published(n, v))
	}
	for _, id := range n.order {
		in.Held = append(in.Held, *n.held[id])
	}
	return in
}

// torrentCap is the most that a torrent earns in an hour.
func (w *world) torrentCap() tokens.Amount {
	perYear := tokens.PPM(tokens.PPM(w.Supply, w.Settle.InflationPPM), w.Settle.InflationHostingPPM)
	return tokens.PPM(perYear, w.Settle.TorrentCapPPM) / (365 * hoursPerDay)
}

func (w *world) published(n *node, v torrentView) choose.Torrent {
	t := v.t
	leechers := len(t.leechers)
	if h := n.held[t.id]; h != nil && !h.Complete {
		leechers--
	}
	return choose.Torrent{InfoHash: hashOf(t.id), Name: t.name(), Size: t.size, Uploader: strconv.Itoa(t.uploader), Category: categories[t.category].name,
		Price: surge.PricePerGiB(w.Surge, t.state.MultiplierPPM), Free: t.free, Approved: t.approved >= 0 && t.approved <= w.hour,
		Seeders: v.hosts + len(t.linger), Leechers: leechers, Hosts: v.hosts, Saturation: t.state.SmoothedPPM,
		Day: v.day, DayBefore: v.before, DayPaid: v.paid, Created: start.Add(time.Duration(t.born) * time.Hour)}
}
