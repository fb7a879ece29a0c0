package challenge

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// maxTries is how often the reading of an answer may begin: a broken connection may be tried
	// again, many at once may not.
	maxTries = 3
	// deliverBytes bounds the payload that a node owes at one time, so that a slow line has time
	// for each; one challenge is delivered in any case.
	deliverBytes bt.Bytes = 16 << 20
	// pollMemory is how long after a poll a node counts as one that polls.
	pollMemory = time.Minute
	// maxWaits bounds the polls of one node that wait at the same time.
	maxWaits = 2
)

// Errors of the desk.
var (
	ErrFull    = errors.New("too many challenges are open")
	ErrOpen    = errors.New("a challenge to this node about this torrent is open already")
	ErrUnknown = errors.New("there is no such challenge")
	ErrForeign = errors.New("the challenge is for another node")
	ErrUsed    = errors.New("the challenge was answered already")
	ErrLate    = errors.New("the time to answer the challenge is over")
)

// Desk holds the open challenges in memory: a restart forgets them, and their audits are begun anew.
// It is safe for concurrent use.
type Desk struct {
	limit int

	mu    sync.Mutex
	all   map[int64]*entry
	nodes map[bt.NodeID][]*entry // in the order of issue; without those that are over
	polls map[bt.NodeID]time.Time
	waits map[bt.NodeID]*wait
}

type entry struct {
	Challenge
	state state
	tries int
	again bool // delivered a second time
}

// state is how far a challenge is. Those that are over are remembered for a while, for the sake of
// a clear refusal.
type state uint8

const (
	waiting state = iota
	delivered
	used
	late
)

// NewDesk makes a desk that remembers at most limit challenges.
func NewDesk(limit int) *Desk {
	return &Desk{limit: limit, all: map[int64]*entry{}, nodes: map[bt.NodeID][]*entry{},
		polls: map[bt.NodeID]time.Time{}, waits: map[bt.NodeID]*wait{}}
}

// Issue puts a challenge on the desk; c.Deadline is until when it waits for its node. ErrFull; ErrOpen
// if the node has one about the torrent, or its number was used; ErrLate if its deadline is over.
func (d *Desk) Issue(now time.Time, c Challenge) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	same := func(e *entry) bool { return e.InfoHash == c.InfoHash }
	switch {
	case !now.Before(c.Deadline):
		return ErrLate
	case d.all[c.ID] != nil || slices.ContainsFunc(d.nodes[c.Node], same):
		return ErrOpen
	case len(d.all) >= d.limit:
		return ErrFull
	}
	e := &entry{Challenge: c}
	d.all[c.ID] = e
	d.nodes[c.Node] = append(d.nodes[c.Node], e)
	d.wake(c.Node)
	return nil
}

// Take delivers to a node what waits for it, oldest first, as far as its line can be expected to
// carry it (deliverBytes); the time to answer runs from here. What was delivered and not begun to be
// answered is delivered once more, with the same deadline, when half of its time is over: an answer of
// ours can get lost.
func (d *Desk) Take(now time.Time, n bt.NodeID) []Challenge {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.polls[n] = now
	var out []Challenge
	for _, e := range d.nodes[n] {
		switch {
		case !now.Before(e.Deadline):
			continue
		case e.state == delivered && e.tries == 0 && !e.again && now.After(e.Delivered().Add(e.Time/2)):
			e.again = true
		case e.state == waiting && d.room(n, e):
			e.state, e.Deadline = delivered, now.Add(e.Time)
		default:
			continue
		}
		out = append(out, e.Challenge)
	}
	return out
}

// room reports whether the node may be given e beside what it owes already.
func (d *Desk) room(n bt.NodeID, e *entry) bool {
	var owed bt.Bytes
	for _, o := range d.nodes[n] {
		if o.state == delivered {
			owed += max(o.Bytes, 1)
		}
	}
	return owed == 0 || owed+e.Bytes <= deliverBytes
}

// Polls reports whether the node asked for challenges lately.
func (d *Desk) Polls(now time.Time, n bt.NodeID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := d.polls[n]
	return ok && now.Before(at.Add(pollMemory))
}

// Begin returns the challenge that a node begins to answer, for ReadAnswer. It may be called maxTries
// times. Errors: as Answer.
func (d *Desk) Begin(now time.Time, n bt.NodeID, id int64) (Challenge, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.owed(now, n, id)
	if err != nil {
		return Challenge{}, err
	}
	if e.tries++; e.tries > maxTries {
		return Challenge{}, ErrUsed
	}
	return e.Challenge, nil
}

// Answer uses the challenge up, once its answer was read to the end. Errors: ErrUnknown, ErrForeign,
// ErrUsed, ErrLate, and ErrOther for another nonce.
func (d *Desk) Answer(now time.Time, n bt.NodeID, id int64, nonce [32]byte) (Challenge, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.owed(now, n, id)
	switch {
	case err != nil:
		return Challenge{}, err
	case e.Nonce != nonce:
		return Challenge{}, ErrOther
	}
	d.close(e, used)
	return e.Challenge, nil
}

// owed finds a challenge that the node may answer now.
func (d *Desk) owed(now time.Time, n bt.NodeID, id int64) (*entry, error) {
	e := d.all[id]
	switch {
	case e == nil:
		return nil, ErrUnknown
	case e.Node != n:
		return nil, ErrForeign
	case e.state == used:
		return nil, ErrUsed
	case e.state == waiting: // it was not delivered: the number was guessed
		return nil, ErrUnknown
	case e.state == late || !now.Before(e.Deadline):
		return nil, ErrLate
	}
	return e, nil
}

// close takes a challenge off its node's list and gives room to the next. mu is held.
func (d *Desk) close(e *entry, s state) {
	e.state = s
	d.nodes[e.Node] = slices.DeleteFunc(d.nodes[e.Node], func(o *entry) bool { return o == e })
	if len(d.nodes[e.Node]) == 0 {
		delete(d.nodes, e.Node)
		return
	}
	d.wake(e.Node)
}

// Expire returns, once each, the challenges that were delivered and not answered in time, and those
// that were never fetched. It forgets what is over for as long as it was allowed to last.
func (d *Desk) Expire(now time.Time) (lates, unfetched []Challenge) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, e := range d.all {
		if now.Before(e.Deadline) {
			continue
		}
		switch e.state {
		case waiting:
			d.close(e, late)
			delete(d.all, id)
			unfetched = append(unfetched, e.Challenge)
		case delivered:
			d.close(e, late)
			lates = append(lates, e.Challenge)
		default:
			if !now.Before(e.Deadline.Add(e.Time)) {
				delete(d.all, id)
			}
		}
	}
	for n, at := range d.polls {
		if !now.Before(at.Add(pollMemory)) {
			delete(d.polls, n)
		}
	}
	byID := func(a, b Challenge) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(lates, byID)
	slices.SortFunc(unfetched, byID)
	return lates, unfetched
}
