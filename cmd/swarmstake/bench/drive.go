package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// drive is one phase to be driven against a server.
type drive struct {
	load        *load
	phase       phase
	target      netip.AddrPort
	sources     []netip.Addr // local addresses by connection, in turns; empty: the system's choice
	connections int
	closes      bool          // a connection for every announce
	duration    time.Duration // then no new announce is begun; 0: until every pair had its turn
	from, to    int           // pairs
	timeout     time.Duration // for one announce
}

// Every connection has pairs of its own, those whose index is its own modulo the number of
// connections: a pair is never announced twice at a time, and always from the same address.

// turn is the place of one connection in its pairs.
type turn struct{ next int }

// take returns the next pair of connection slot, or false when the phase has no more for it.
func (d *drive) take(t *turn, slot int) (int, bool) {
	first := d.from + slot
	if first >= d.to {
		return 0, false
	}
	if t.next < first {
		t.next = first
	}
	if t.next >= d.to {
		if d.duration == 0 {
			return 0, false
		}
		t.next = first
	}
	i := t.next
	t.next += d.connections
	return i, true
}

func (d *drive) source(slot int) netip.Addr {
	if len(d.sources) == 0 {
		return netip.Addr{}
	}
	return d.sources[slot%len(d.sources)]
}

// patience is how many requests in a row may go without a reply, for each connection, before the
// phase is given up.
const patience = 4

// errGone says that nobody answers any more.
type errGone struct{ last string }

func (e errGone) Error() string {
	return fmt.Sprintf("the server does not answer: %s", e.last)
}

var (
	errClosedEarly = errors.New("the server closed the connection before a whole reply")
	errStaysOpen   = errors.New("the server did not close the connection, though asked to")
	errTooLong     = fmt.Errorf("the reply is longer than %d bytes", maxReply)
	errSurplus     = errors.New("the server sent more than the reply")
)

// maxReply bounds a reply with its headers: 200 peers with IPv6 take 5 KiB.
const maxReply = 16 << 10

// judge counts a whole reply.
func (t *tally) judge(r reply, took time.Duration) {
	t.replies++
	t.times.add(took)
	if r.status != 200 {
		t.fail(fmt.Appendf(nil, "HTTP status %d", r.status))
		return
	}
	a, err := parseAnswer(r.body)
	switch {
	case err != nil:
		t.fail([]byte(err.Error()))
	case a.failure != nil:
		t.fail(a.failure)
	default:
		t.peers += uint64(a.peers)
	}
}
