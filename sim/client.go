package sim

import (
	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// peer is one client of a member in one swarm.
type peer struct {
	m      *member
	t      *torrent
	online bool
	left   bt.Bytes // 0: it seeds, or says so
	leaves int      // step in which it stops; 0: it stays
	back   int      // step in which it starts again after a crash

	up, down bt.Bytes // the session's counters, as the client shows them
	room     bt.Bytes // what it can still take in this step
	told     counters
	due      int  // step of the next announce
	probed   bool // with left > 0: a piece of it was seen

	claim availability.Claim // with left = 0

	cost   tokens.Amount // of the download so far, and what surge.Bill keeps behind the point
	rem    int64
	billed tokens.Amount
	recent bt.Bytes // billed by the last announce
	gap    int      // steps before the last announce that its bytes lie in
}

// counters are what the tracker last heard, and when.
type counters struct {
	up, down bt.Bytes
	at       int
}

// act is what a member does with its clients in a step, before anything moves.
func (w *world) act(m *member) {
	switch {
	case m.role == Leecher:
		w.leech(m)
	case m.owned != nil && m.puppet != nil:
		w.trade(m)
	}
	if w.step >= m.from && w.step < m.until {
		w.seed(m)
	}
	if w.step == m.until {
		w.vanish(m)
	}
	if m.uploads() {
		for _, p := range m.peers {
			w.crash(p)
		}
	}
}

// seed has the member's clients run while its machine is on.
func (w *world) seed(m *member) {
	if len(m.peers) == 0 {
		for _, t := range m.seeds {
			w.launch(m, t, 0)
		}
	}
	hour := w.step / stepsPerEpoch
	awake := (hour+m.bedtime)%24 >= m.asleep
	for _, p := range m.peers {
		switch {
		case !awake && p.online:
			w.stop(p)
		case awake && !p.online && p.back == 0:
			w.begin(p)
		}
	}
}

// leech has the member download one torrent after the other, with hours between them, and seed
// each for a while.
func (w *world) leech(m *member) {
	if len(m.peers) == 0 && w.step >= m.next {
		w.launch(m, m.queue[0], m.queue[0].size)
		m.queue = append(m.queue[1:], m.queue[0]) // in the end it wants the first one again
	}
	for _, p := range m.peers {
		if p.leaves > 0 && w.step >= p.leaves {
			if p.online {
				w.stop(p)
			}
			w.leave(p)
			m.peers, m.next = nil, w.step+m.r.Between(6*stepsPerEpoch, 30*stepsPerEpoch)
		}
	}
}

// vanish takes the member's clients away without a word.
func (w *world) vanish(m *member) {
	for _, p := range m.peers {
		p.online = false
		w.leave(p)
	}
	m.peers = nil
}

func (w *world) launch(m *member, t *torrent, left bt.Bytes) *peer {
	p := &peer{m: m, t: t, left: left}
	m.peers, t.peers = append(m.peers, p), append(t.peers, p)
	w.begin(p)
	return p
}

// begin starts a session: counters from 0, and an announce at once.
func (w *world) begin(p *peer) {
	p.online, p.back, p.up, p.down = true, 0, 0, 0
	p.told = counters{at: w.step}
	p.due = w.step
}

// stop ends a session with an announce that says so; it is lost as often as any other.
func (w *world) stop(p *peer) {
	if !p.m.r.Chance(w.LostPPM) {
		w.hear(p)
	}
	p.online = false
}

// crash takes a client away without a word, now and then; it starts again within two hours.
func (w *world) crash(p *peer) {
	switch {
	case p.back > 0 && w.step >= p.back:
		w.begin(p)
	case p.online && p.m.r.Chance(w.CrashesPPM/stepsPerDay):
		p.online, p.back = false, w.step+p.m.r.Between(1, 2*stepsPerEpoch)
	}
}

// complete is the end of a download: it is announced, and the client seeds for some hours.
func (w *world) complete(p *peer) {
	p.due, p.leaves = w.step, w.step+p.m.r.Between(1, 6*stepsPerEpoch)
}
