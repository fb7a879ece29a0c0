package hosting

import (
	"maps"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Outage is a time in which the tracker, not a node, is at fault.
type Outage struct {
	Kind      OutageKind
	From, For time.Duration // from the scenario's beginning
}

// OutageKind says what of the tracker failed.
type OutageKind uint8

// The outages.
const (
	NoOutage  OutageKind = iota
	Stopped              // the process does not run
	CutOff               // it runs, and neither hears nor reaches anybody
	Deaf                 // it reaches everybody, and hears nobody
	Dumb                 // it hears everybody, and reaches nobody
	FastClock            // its clock is ahead by as long as the outage takes, then right again
	SlowClock            // its clock is behind by as much
)

func (o Outage) on(at time.Duration) bool {
	return o.Kind != NoOutage && at >= o.From && at < o.From+o.For
}

// is reports whether such an outage is going on.
func (w *world) is(kinds ...OutageKind) bool {
	for _, k := range kinds {
		if w.Outage.Kind == k {
			return w.Outage.on(w.elapsed())
		}
	}
	return false
}

func (w *world) unreachable() bool { return w.is(CutOff, Dumb) }

func (w *world) deaf() bool { return w.is(CutOff, Deaf) }

// elapsed is the time since the scenario's beginning.
func (w *world) elapsed() time.Duration { return time.Duration(w.step) * Step }

// now is what the tracker's clock shows.
func (w *world) now() time.Time {
	switch at := start.Add(w.elapsed()); {
	case w.is(FastClock):
		return at.Add(w.Outage.For)
	case w.is(SlowClock):
		return at.Add(-w.Outage.For)
	default:
		return at
	}
}

// dialMemory is how far back the tracker's dials tell of an outage of its own, in steps.
const dialMemory = 2

// dials says of the last steps which nodes could not be dialled: nodes and not dials, since one that is
// away fails for each of its claims.
type dials [dialMemory]map[bt.NodeID]bool

func (d *dials) next(step int) { d[step%dialMemory] = map[bt.NodeID]bool{} }

func (d *dials) add(step int, n bt.NodeID, failed bool) { d[step%dialMemory][n] = failed }

// sum counts the nodes that were dialled, and those that could not be the last time.
func (d *dials) sum(step int) (tried, failed int) {
	latest := map[bt.NodeID]bool{}
	for i := range dialMemory {
		maps.Copy(latest, d[(step+1+i)%dialMemory]) // oldest first
	}
	for _, f := range latest {
		if f {
			failed++
		}
	}
	return len(latest), failed
}
