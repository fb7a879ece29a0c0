package sim

import (
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/sim/random"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const seconds = bt.Bytes(Step / time.Second) // of a step

func newWorld(s Scenario) *world {
	w := &world{Scenario: s, ledger: tokens.NewLedger(), settled: -1,
		claimants: map[int64]*peer{}, book: availability.NewBook()}
	smallest, largest := 10, 40
	if w.Uneven {
		smallest, largest = 2, 12
	}
	for i := range w.Torrents {
		size := random.New(w.Seed, uint64(i), random.Label("torrent")).Between(smallest, largest)
		w.torrents = append(w.torrents, newTorrent(i+1, bt.Bytes(size)*bt.GiB, w.Rules.Surge))
	}
	for i, over := range append(make([]int, w.Seeders), w.Overclaims...) {
		w.addSeeder(i, over)
	}
	for range w.Newcomers {
		m := w.addSeeder(len(w.members), 0)
		m.role, m.from = Newcomer, w.Warmup*stepsPerDay
	}
	for i := range w.Leechers {
		w.addLeecher(i)
	}
	w.addAttackers()
	return w
}

// addSeeder adds a seeder. What it claims changes nothing else of what it does.
func (w *world) addSeeder(i, over int) *member {
	m := w.join(Seeder, i)
	if over > 0 {
		m.role, m.over = Overclaimer, over
	}
	m.up = mib * bt.Bytes(m.r.Between(160, 240)) / 100 * seconds
	if w.Uneven {
		m.up = []bt.Bytes{mib / 2, mib, mib, 2 * mib, 2 * mib, 4 * mib, 8 * mib}[m.r.Below(7)] * seconds
	}
	m.asleep, m.bedtime = []int{0, 0, 8}[m.r.Below(3)], m.r.Below(24)
	m.until = w.Days * stepsPerDay
	m.seeds = w.someOf(m)
	return m
}

func (w *world) addLeecher(i int) {
	m := w.join(Leecher, i)
	m.down = []bt.Bytes{mib / 4, mib / 2, mib, 2 * mib}[m.r.Below(4)] * seconds
	if w.Uneven {
		m.up, m.down = []bt.Bytes{0, mib / 8, mib / 4, mib / 2}[m.r.Below(4)]*seconds, 4*m.down
	}
	m.reachable = m.r.Below(20) > 0
	if i*100 < w.OverReport*w.Leechers {
		m.over = 5
	}
	m.next = m.r.Below(stepsPerDay)
	for _, t := range m.r.Shuffled(w.Torrents) {
		m.queue = append(m.queue, w.torrents[t])
	}
}

// someOf draws the torrents that a member seeds.
func (w *world) someOf(m *member) (out []*torrent) {
	for _, t := range m.r.Shuffled(w.Torrents)[:w.SeedsOf] {
		out = append(out, w.torrents[t])
	}
	return out
}

// addAttackers adds who is not honest.
func (w *world) addAttackers() {
	end, warm := w.Days*stepsPerDay, w.Warmup*stepsPerDay
	for _, g := range []struct {
		role  Role
		count int
	}{{Empty, w.Empties}, {Pretender, w.Pretenders}, {Washer, w.Washers}, {Farmer, w.Farmers}} {
		for i := range g.count {
			m := w.join(g.role, i)
			m.seeds, m.from, m.until = w.someOf(m), warm, end
		}
	}
	life := w.WhitewashHours * stepsPerEpoch
	for i := range w.Whitewashers * ((end - warm) / life) {
		m := w.join(Whitewasher, i)
		m.seeds, m.from = w.someOf(m), warm+i/w.Whitewashers*life
		m.until = m.from + life
	}
	for i := range w.Rings {
		w.join(Ring, i)
	}
	for _, m := range w.members[:len(w.members):len(w.members)] {
		if m.role == Ring || m.role == Washer || m.role == Farmer {
			w.addPuppet(m)
		}
	}
}

// addPuppet gives the member somebody in another network to trade with on paper, in a torrent of
// their own.
func (w *world) addPuppet(m *member) {
	m.puppet = w.join(Puppet, int(m.id))
	if m.role == Farmer {
		m.puppet.allowance = bt.Bytes(w.WashGiB) * bt.GiB
	}
	m.owned = newTorrent(len(w.torrents)+1, 1<<50, w.Rules.Surge)
	m.owned.owner = m
	w.torrents = append(w.torrents, m.owned)
}
