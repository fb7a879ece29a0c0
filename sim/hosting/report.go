package hosting

import (
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Report is what a scenario came to.
type Report struct {
	Scenario string  `json:"scenario"`
	About    string  `json:"about"`
	Seed     uint64  `json:"seed"`
	Days     int     `json:"days"`
	Lines    []*Line `json:"hosts"`
}

// Line is what all nodes of one kind came to.
type Line struct {
	Host  string `json:"host"`
	About string `json:"about"`
	Nodes int    `json:"nodes"`

	Audits       int `json:"audits"`
	Passed       int `json:"passed"`
	Inconclusive int `json:"inconclusive"` // no penalty: time-outs, busy clients, our own outages
	Offline      int `json:"offline"`
	Suspicions   int `json:"suspicions"` // first bad looks
	Confirmed    int `json:"confirmed"`  // seen again at a further look

	Caught     int           `json:"caught"`           // claims with a confirmed fault
	CaughtBy   [3]int        `json:"caught_by_drawn"`  // of them, suspected by the first, second, third drawn audit since they began
	CaughtTime time.Duration `json:"median_caught_ns"` // from the beginning to the confirmation

	Slashed   int           `json:"slashed"`   // nodes that lost collateral
	Suspended int           `json:"suspended"` // nodes
	Restored  int           `json:"restored"`  // suspensions that ended
	Withheld  int           `json:"withheld"`  // nodes that nobody could download from
	Held      tokens.Amount `json:"held_utok"` // collateral at the beginning
	Lost      tokens.Amount `json:"lost_utok"`
	LostPPM   int64         `json:"lost_ppm"`
	PaidPPM   int64         `json:"paid_ppm"` // part of the time since they began that hosting was paid, in whole epochs
	Fetched   bt.Bytes      `json:"fetched_bytes"`

	time, paid int64 // since they began, in quarters of an hour of a claim
	times      []time.Duration
}

// Of returns a kind's line, an empty one if there is none of it.
func (r Report) Of(host string) Line {
	for _, l := range r.Lines {
		if l.Host == host {
			return *l
		}
	}
	return Line{Host: host}
}

// once counts a node for which something is so for the first time.
func (l *Line) once(before *bool, now bool, n *int) {
	if now && !*before {
		*before = true
		*n++
	}
}

// note counts an audit.
func (w *world) note(c *claim, a availability.Audit, before, after availability.Claim, v availability.Verdict, e availability.Effects) {
	l := c.line
	l.Audits++
	switch v {
	case availability.Passed:
		l.Passed++
	case availability.Inconclusive:
		l.Inconclusive++
	case availability.Offline:
		l.Offline++
	}
	judged := v != availability.Inconclusive && v != availability.Offline
	if a.Kind == availability.DrawnKind && judged && c.began(w.elapsed()) {
		c.drawn++
	}
	if before.Pending == nil && after.Pending != nil {
		l.Suspicions++
		c.suspect = c.drawn
	}
	if !e.Confirmed {
		return
	}
	l.Confirmed++
	if c.caught == 0 {
		c.caught = w.elapsed() - c.Since - c.later
		l.Caught++
		l.times = append(l.times, c.caught)
		if n := max(1, c.suspect); n <= len(l.CaughtBy) {
			l.CaughtBy[n-1]++
		}
	}
}

// count adds a quarter of an hour to what the epoch pays.
func (w *world) count() {
	for _, n := range w.nodes {
		for _, c := range n.claims {
			known, ok := w.book.Get(c.id)
			if ok && !c.gone && known.IsProven(w.Params, w.now()) && w.now().UnixMilli() < known.SeenMs+w.Params.ClaimLapse.Milliseconds() {
				c.quarters++
			}
		}
	}
}

// settle ends an epoch: it pays those who did not forfeit it.
func (w *world) settle() {
	for _, n := range w.nodes {
		unpaid := n.forfeit || n.standing.Suspended || n.serving.Withheld(w.epoch)
		for _, c := range n.claims {
			if w.elapsed() > n.Since+n.later {
				n.line.time += int64(stepsPerEpoch / reportSteps)
				if !unpaid {
					n.line.paid += int64(c.quarters)
				}
			}
			c.quarters = 0
		}
		n.forfeit = false
	}
}

func (w *world) report() Report {
	w.settle()
	for _, l := range w.lines {
		l.LostPPM, l.PaidPPM = part(l.Lost, l.Held), part(l.paid, l.time)
		if len(l.times) > 0 {
			slices.Sort(l.times)
			l.CaughtTime = l.times[len(l.times)/2]
		}
	}
	return Report{Scenario: w.Name, About: w.About, Seed: w.Seed, Days: w.Days, Lines: w.lines}
}

// part returns a/b in ppm; 0 of nothing.
func part[N ~int64](a, b N) int64 {
	if b == 0 {
		return 0
	}
	return tokens.MulDiv(int64(a), 1_000_000, int64(b))
}
