package challenge

import (
	"context"
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// wait is shared by the polls of one node; woken is closed when there is something to take.
type wait struct {
	woken chan struct{}
	polls int
}

// Wait returns when there is something for the node to Take, or ctx ends, or the node waits often
// enough already.
func (d *Desk) Wait(ctx context.Context, n bt.NodeID) {
	w, leave := d.enter(n)
	if w == nil {
		return
	}
	defer leave()
	select {
	case <-w.woken:
	case <-ctx.Done():
	}
}

func (d *Desk) enter(n bt.NodeID) (*wait, func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ready := func(e *entry) bool { return e.state == waiting && d.room(n, e) }
	w := d.waits[n]
	if slices.ContainsFunc(d.nodes[n], ready) || w != nil && w.polls >= maxWaits {
		return nil, nil
	}
	if w == nil {
		w = &wait{woken: make(chan struct{})}
		d.waits[n] = w
	}
	w.polls++
	return w, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if w.polls--; w.polls == 0 && d.waits[n] == w {
			delete(d.waits, n)
		}
	}
}

// wake ends the waits of a node. mu is held.
func (d *Desk) wake(n bt.NodeID) {
	if w := d.waits[n]; w != nil {
		close(w.woken)
		delete(d.waits, n)
	}
}
