package tracker

import (
	"sync/atomic"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Outcome is how an announce or a scrape ended.
type Outcome uint8

// The outcomes. Every one but Failed is an answer that the design wants.
const (
	Answered  Outcome = iota
	Refused           // by the key, the gate, the price or the funds
	Limited           // asked too often
	Malformed         // not an announce
	Unstored          // the journal could not take it
	Failed            // by a fault of ours
	outcomes
)

func (o Outcome) String() string {
	return [...]string{"answered", "refused", "limited", "malformed", "unstored", "failed"}[o]
}

// Kind is what was asked: the event of an announce, or a scrape.
type Kind uint8

// The kinds. Unread is an announce that was refused before its event was read.
const (
	Unread Kind = iota
	Regular
	Started
	Stopped
	Completed
	Paused // BEP 21
	Scraped
	kinds
)

func (k Kind) String() string {
	return [...]string{"unread", "none", "started", "stopped", "completed", "paused", "scrape"}[k]
}

// kindOf is the kind of a well-formed announce.
func kindOf(a *bt.Announce) Kind {
	if a.Paused {
		return Paused
	}
	return [...]Kind{bt.None: Regular, bt.Started: Started, bt.Stopped: Stopped, bt.Completed: Completed}[a.Event]
}

// Counts is what a handler has answered since it was made. It says nothing of members, torrents, keys
// or addresses.
type Counts struct {
	Answers  [kinds][outcomes]uint64
	Up, Down uint64 // bytes metered
}

// Each calls f for every kind and outcome that there can be, in one order, also for those that never
// were.
func (c *Counts) Each(f func(Kind, Outcome, uint64)) {
	for k := range kinds {
		for o := range outcomes {
			f(k, o, c.Answers[k][o])
		}
	}
}

// stripes is over how many places counts are spread: a processor has its own scratch, so that two
// seldom write to one cache line.
const stripes = 16

// stripe is one place. It is aligned and padded so that it shares no cache line with another.
type stripe struct {
	answers  [kinds][outcomes]atomic.Uint64
	up, down atomic.Uint64
	_        [128]byte
}

// add counts one announce or scrape that ended.
func (s *stripe) add(k Kind, o Outcome, res *swarm.Result) {
	s.answers[k][o].Add(1)
	if res == nil {
		return
	}
	if res.Up > 0 {
		s.up.Add(uint64(res.Up))
	}
	if res.Down > 0 {
		s.down.Add(uint64(res.Down))
	}
}

// Counts adds up what was answered. Announces that are under way are counted when they end.
func (h *Handler) Counts() (c Counts) {
	for i := range h.counts {
		s := &h.counts[i]
		for k := range kinds {
			for o := range outcomes {
				c.Answers[k][o] += s.answers[k][o].Load()
			}
		}
		c.Up += s.up.Load()
		c.Down += s.down.Load()
	}
	return c
}
