package store

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// provenModel adds up proven time tick by tick, from what the rules say of a claim at each: what the
// store adds up from a few moments must be the same.
type provenModel struct {
	*world
	r       *rapid.T
	story   []string // what happened, for people
	node    bt.NodeID
	claims  map[int64]*provenClaim
	epoch   Epoch
	settled int64 // epochs before this one are
}

type provenClaim struct {
	node  bt.NodeID
	row   ClaimRow
	ms    map[int64]int64 // by epoch
	heard int64           // last report of its node
}

// tick is the model's step: nothing changes in between but the time.
const tick = time.Minute

func (m *provenModel) pass(d time.Duration) {
	for range d / tick {
		now := time.UnixMilli(m.now.Load())
		for _, c := range m.claims {
			heard := c.node == 0 || now.UnixMilli() < max(c.row.SeenMs, c.heard)+m.rules.Availability.ClaimLapse.Milliseconds()
			if c.row.Live && c.row.IsProven(m.rules.Availability, now) && heard {
				c.ms[m.epoch.Number] += tick.Milliseconds()
			}
		}
		m.now.Add(tick.Milliseconds())
	}
}

func (m *provenModel) take(rows ...ClaimRow) {
	for _, r := range rows {
		if c := m.claims[r.ID]; c != nil {
			c.row = r
		}
	}
}

func (m *provenModel) next() {
	e, err := m.NextEpoch(m.t.Context(), m.rules.Availability, [32]byte{byte(m.epoch.Number)})
	m.must(err)
	m.epoch = e
}

func (m *provenModel) check(epoch int64) {
	m.must(m.countProven(m.t.Context(), m.rules.Availability, epoch, m.write))
	m.must(m.countProven(m.t.Context(), m.rules.Availability, epoch, m.write)) // as after an interruption
	for id, c := range m.claims {
		if got := m.proven(epoch, id); got != c.ms[epoch] {
			m.r.Fatalf("node %d proved %d ms in epoch %d, the model says %d, after %q", c.node, got, epoch, c.ms[epoch], m.story)
		}
	}
}

// outage: the tracker stands still, and nobody counts meanwhile.
func (m *provenModel) outage(d time.Duration) {
	m.now.Add(d.Milliseconds())
	m.must(m.ExcuseOutage(m.t.Context(), m.rules.Availability, d))
	rows, err := m.LoadClaims(m.t.Context())
	m.must(err)
	m.take(rows...)
	for _, c := range m.claims {
		c.heard += d.Milliseconds()
	}
}

// TestProvenTimeIsThatOfAModel has whatever may happen to a client's and to a node's claim happen to
// new ones in each case, all in one database.
func TestProvenTimeIsThatOfAModel(t *testing.T) {
	seen := map[string]int{}
	w := newWorld(t)
	w.rules.Availability.ProofLifetime, w.rules.Availability.RenewalLead = 5*time.Hour, time.Hour
	rapid.Check(t, func(r *rapid.T) {
		m := &provenModel{world: w, r: r, claims: map[int64]*provenClaim{}, node: w.node(3, 0)}
		w.now.Add(tick.Milliseconds())
		m.next()
		m.settled = m.epoch.Number
		var ids []int64
		for i, n := range []bt.NodeID{0, m.node} {
			row := w.enter(claimOf(3, n, bt.TorrentID(i+1)))[0]
			ids = append(ids, row.ID)
			m.claims[row.ID] = &provenClaim{node: n, row: row, ms: map[int64]int64{}, heard: w.now.Load()}
		}
		steps := map[string]func(id int64){
			"pass": func(id int64) {
				m.take(w.audit(m.claims[id].row.Claim, availability.DrawnKind, availability.Passed).Row)
			},
			"renew": func(id int64) {
				m.take(w.audit(m.claims[id].row.Claim, availability.DrawnKind, availability.Passed).Row)
			},
			"offline": func(id int64) {
				m.take(w.audit(m.claims[id].row.Claim, availability.DrawnKind, availability.Offline).Row)
			},
			"report": func(int64) {
				m.take(w.report(m.node, 2)...)
				m.claims[ids[1]].heard = w.now.Load()
			},
			"withdraw": func(int64) { m.take(w.report(m.node)...) },
			"announce": func(id int64) {
				if m.claims[id].node == 0 {
					m.take(w.enter(claimOf(3, 0, 1))...)
				}
			},
			"lapse":  func(id int64) { m.take(w.lapse(id)...) },
			"outage": func(int64) { m.outage(time.Duration(rapid.IntRange(1, 600).Draw(r, "outage")) * tick) },
			"epoch":  func(int64) { m.next() },
			"settle": func(int64) {
				if m.settled < m.epoch.Number {
					m.check(m.settled)
					m.settled++
				}
			},
		}
		names := []string{"announce", "epoch", "epoch", "lapse", "offline", "outage", "pass", "pass", "renew", "report", "report", "settle", "withdraw"}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			minutes, name, id := rapid.IntRange(1, 90).Draw(r, "minutes"), rapid.SampledFrom(names).Draw(r, "step"), rapid.SampledFrom(ids).Draw(r, "claim")
			m.story = append(m.story, fmt.Sprintf("+%d min: %s %d", minutes, name, id))
			m.pass(time.Duration(minutes) * tick)
			steps[name](id)
		}
		m.pass(tick)
		m.next()
		for ; m.settled < m.epoch.Number; m.settled++ {
			m.check(m.settled)
			for _, c := range m.claims {
				if c.ms[m.settled] > 0 {
					seen[fmt.Sprint("proven time of node ", min(c.node, 1))]++
				}
			}
		}
	})
	if len(seen) < 2 {
		t.Errorf("%v: the test shows nothing", seen)
	}
}
