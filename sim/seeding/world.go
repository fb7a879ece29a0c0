package seeding

import (
	"cmp"
	"slices"

	"github.com/swarmstake/swarmstake/sim/random"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// clientRate is what an ordinary client gives each torrent that it seeds or downloads, per second.
	clientRate bt.Bytes = 256 << 10
	hour                = 3600
	gibHour             = int64(bt.GiB) / bt.BlockSize * hour // as package settle counts work
)

// world is a run under way.
type world struct {
	Scenario
	r        *random.Source
	hour     int
	torrents []*torrent
	byHash   map[bt.InfoHash]*torrent
	nodes    []*node
	lastNode int

	rateFactor int64         // of the configured hosting rate, by retargeting
	rate       tokens.Amount // that a scarce GiB·h earned at the last settlement
	pool       tokens.Amount
	worked     int64 // proven work since the last retargeting, in MiB·h
}

func newWorld(s Scenario) *world {
	w := &world{Scenario: s, r: random.New(s.Seed, random.Label("world")), byHash: map[bt.InfoHash]*torrent{}, rateFactor: ppm}
	for rank := range s.Torrents {
		w.newTorrent(rank, true)
	}
	for range s.Others {
		w.addOther()
	}
	return w
}

// tick is one hour: new torrents and downloads, prices, what is moved and paid, and now and then the
// hosting reward and the nodes' plans.
func (w *world) tick() error {
	if w.hour%hoursPerDay == 0 {
		for range w.NewPerDay {
			w.newTorrent(0, false)
		}
		for _, n := range w.nodes {
			n.nextDay(w)
		}
		w.turnover()
	}
	for _, t := range w.torrents {
		t.leave(w.hour)
		for range w.begins(t) {
			t.leechers = append(t.leechers, &leecher{left: t.size, guest: w.r.Chance(guestPPM)})
		}
	}
	w.move()
	w.hour++
	if w.hour%epochHours != 0 {
		return nil
	}
	if err := w.settleHosting(); err != nil {
		return err
	}
	w.plan()
	return nil
}

// move prices the hour, divides the uplinks by demand and moves the bytes.
func (w *world) move() {
	demand := w.reprice()
	sent := make(map[bt.TorrentID][]share, len(w.torrents))
	for _, n := range w.nodes {
		load := surge.SeederLoad{Rate: n.uplink, Torrents: n.complete()}
		given := surge.Capacity(w.Surge, demand, []surge.SeederLoad{load})
		for _, id := range load.Torrents {
			sent[id] = append(sent[id], share{n, given[id]})
		}
	}
	slot := w.hour % historyHours
	for _, t := range w.torrents {
		t.bytes[slot], t.paid[slot] = 0, 0
		if d := demand[t.id]; d > 0 {
			w.download(t, d, sent[t.id])
		}
	}
}

// reprice moves all prices by a step and returns the demand.
func (w *world) reprice() map[bt.TorrentID]bt.Bytes {
	m := surge.Market{}
	demand := make(map[bt.TorrentID]bt.Bytes, len(w.torrents))
	for _, t := range w.torrents {
		s := surge.TorrentState{Torrent: t.id, State: t.state, LeecherRate: clientRate * bt.Bytes(len(t.leechers)+2*len(t.linger))}
		for _, l := range t.leechers { // all are honest: what they want they pay for
			s.Leechers = append(s.Leechers, surge.Leecher{Left: l.left, BilledRecent: l.left})
		}
		demand[t.id] = surge.Demand(w.Surge, s.Leechers)
		m.Torrents = append(m.Torrents, s)
	}
	for _, n := range w.nodes {
		m.Seeders = append(m.Seeders, surge.SeederLoad{Rate: n.uplink, Torrents: n.complete()})
	}
	for i, s := range m.Reprice(w.Surge, w.Surge.Step) {
		w.torrents[i].state = s
	}
	return demand
}

// share is what a node can send a torrent in this hour.
type share struct {
	node *node
	most bt.Bytes
}

// download moves an hour's bytes of one torrent: what clients, leechers and nodes can send, in
// proportion, at most what is wanted.
func (w *world) download(t *torrent, wanted bt.Bytes, nodes []share) {
	clients := clientRate * hour * bt.Bytes(len(t.linger)+len(t.leechers)/2)
	most := clients
	for _, s := range nodes {
		most += s.most
	}
	moved := min(wanted, most)
	slot := w.hour % historyHours
	paid := tokens.PPM(w.charge(t, wanted, moved), w.Settle.UploadersPPM)
	t.bytes[slot], t.paid[slot] = moved, paid
	for _, s := range nodes {
		pay := tokens.Amount(tokens.MulDiv(int64(paid), int64(s.most), int64(max(1, most))))
		s.node.upload += pay
	}
}

// charge gives each leecher its part of what is moved, and returns what they pay together.
func (w *world) charge(t *torrent, wanted, moved bt.Bytes) (sum tokens.Amount) {
	price := surge.PricePerGiB(w.Surge, t.state.MultiplierPPM)
	still := t.leechers[:0]
	for _, l := range t.leechers {
		want := min(l.left, w.Surge.WantedRate*hour)
		got := min(l.left, bt.Bytes(tokens.MulDivUp(int64(want), int64(moved), int64(wanted))))
		l.left -= got
		if !l.guest && !t.free {
			sum += l.pays(price, got)
		}
		if l.left > 0 {
			still = append(still, l)
			continue
		}
		w.complete(t, l)
	}
	t.leechers = still
	return sum
}

// pays charges a download; a node uses its allowance first.
func (l *leecher) pays(price tokens.Amount, got bt.Bytes) tokens.Amount {
	if l.node == nil {
		return surge.Need(price, got)
	}
	free := min(got, l.node.allowance)
	l.node.allowance -= free
	due := surge.Need(price, got-free)
	l.node.spent += due
	return due
}

// complete makes a leecher a seed, or a node's torrent one that it hosts.
func (w *world) complete(t *torrent, l *leecher) {
	if l.node == nil {
		t.linger = append(t.linger, w.hour+1+w.r.Below(lingerHours))
		return
	}
	if h := l.node.held[t.id]; h != nil && !h.Complete {
		h.Complete = true
		t.hosts = append(t.hosts, l.node)
	}
}

// settleHosting pays the epoch's hosting reward by the rules of the server.
func (w *world) settleHosting() error {
	in := settle.HostingInput{Epoch: int64(w.hour / epochHours), Params: w.Settle, Rate: tokens.PPM(w.Settle.HostingRate, w.rateFactor), Nodes: map[bt.NodeID]settle.Pledge{}}
	perYear := tokens.PPM(tokens.PPM(w.Supply, w.Settle.InflationPPM), w.Settle.InflationHostingPPM)
	w.pool += perYear * epochHours / (365 * hoursPerDay)
	in.Pool = w.pool
	byID := make(map[bt.NodeID]*node, len(w.nodes))
	for _, n := range w.nodes {
		byID[n.id], in.Nodes[n.id] = n, settle.Pledge{Collateral: n.collateral, Retained: n.retained}
		for _, id := range n.complete() {
			t := w.torrents[id-1]
			in.Hosts = append(in.Hosts, settle.Host{Member: bt.MemberID(n.id), Node: n.id, Torrent: id, Publisher: publishers + bt.MemberID(t.uploader), Bytes: t.size,
				ProvenSeconds: epochHours * hour, ScorePPM: ppm, Approved: t.approved >= 0 && t.approved <= w.hour})
		}
	}
	lines, err := settle.Hosting(in)
	if err != nil {
		return err
	}
	w.rate = 0
	for _, l := range lines {
		w.pool -= l.Gross
		byID[l.Node].hosting += l.Gross
		byID[l.Node].retained += l.Held
		w.publish(l, in.Nodes[l.Node])
	}
	w.retarget(in.Hosts)
	return nil
}

// publish notes what a scarce GiB·h with full collateral earned, as the server tells hosts.
func (w *world) publish(l settle.HostingLine, p settle.Pledge) {
	t := w.torrents[l.Torrent-1]
	if hosts := int64(len(t.hosts)); hosts <= w.Settle.Replicas && p.Collateral > 0 {
		work := tokens.MulDiv(int64(t.size), epochHours, 1<<20)
		w.rate = max(w.rate, tokens.Amount(tokens.MulDiv(int64(l.Gross), int64(bt.GiB>>20), max(1, work))))
	}
}

// retarget moves the hosting rate once a day towards what the network wants (ECONOMY §10).
func (w *world) retarget(hosts []settle.Host) {
	for _, h := range hosts {
		if h.Approved {
			w.worked += int64(h.Bytes) >> 20 * epochHours
		}
	}
	if w.hour%hoursPerDay != 0 {
		return
	}
	var target int64
	for _, t := range w.torrents {
		if t.approved >= 0 && t.approved <= w.hour {
			target += w.Settle.Replicas * (int64(t.size) >> 20) * hoursPerDay
		}
	}
	w.rateFactor = w.Surge.HostingRate(w.Settle.HostingRateMinPPM).Next(w.rateFactor, target, w.worked)
	w.worked = 0
}

// market is what the server publishes, for a node that is not among the counted.
func (w *world) market(n *node) []torrentView {
	out := make([]torrentView, 0, len(w.torrents))
	for _, t := range w.torrents {
		v := torrentView{t: t}
		v.day, v.before, v.paid = t.day(w.hour)
		v.hosts = len(t.hosts)
		if h := n.held[t.id]; h != nil && h.Complete {
			v.hosts--
		}
		out = append(out, v)
	}
	return out
}

// torrentView is a torrent as a node sees it.
type torrentView struct {
	t           *torrent
	hosts       int
	day, before bt.Bytes
	paid        tokens.Amount
}

// busiest orders by what was downloaded in the last day.
func busiest(views []torrentView) {
	slices.SortStableFunc(views, func(a, b torrentView) int { return cmp.Compare(b.day, a.day) })
}
