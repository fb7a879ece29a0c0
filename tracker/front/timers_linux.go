package front

import "time"

// listID names the timeout that a connection waits under.
type listID uint8

const (
	noList     listID = iota
	headList          // for the rest of a head: HeaderTimeout
	idleList          // for a next request: IdleTimeout
	writeList         // for an answer to be taken: WriteTimeout
	lingerList        // for a refusal to be read: lingerTime
	listCount
)

// list holds the connections under one timeout. As it is the same for all, they are in the order
// of their deadlines.
type list struct{ head, tail *conn }

// wait puts a connection under a timeout, from now.
func (l *loop) wait(c *conn, which listID) {
	l.unlist(c)
	c.deadline = l.now + l.timeout(which)
	c.list, c.prev = which, l.lists[which].tail
	if c.prev != nil {
		c.prev.next = c
	} else {
		l.lists[which].head = c
	}
	l.lists[which].tail = c
}

func (l *loop) unlist(c *conn) {
	if c.list == noList {
		return
	}
	in := &l.lists[c.list]
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		in.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		in.tail = c.prev
	}
	c.list, c.prev, c.next = noList, nil, nil
}

func (l *loop) timeout(which listID) time.Duration {
	switch which {
	case headList:
		return l.f.o.HeaderTimeout
	case idleList:
		return l.f.o.IdleTimeout
	case writeList:
		return l.f.o.WriteTimeout
	default:
		return lingerTime
	}
}

// tick reads the clock, once per wake-up.
func (l *loop) tick() {
	now := time.Now()
	l.now = now.Sub(l.start)
	l.heads.setDate(now)
}

// expire closes what is over its time.
func (l *loop) expire() {
	for i := range l.lists {
		for c := l.lists[i].head; c != nil && c.deadline <= l.now; c = l.lists[i].head {
			if listID(i) == writeList {
				reset(c.fd)
			}
			l.close(c)
		}
	}
	if l.resume != 0 && l.resume <= l.now {
		l.acceptAgain()
	}
}

// arm makes the poller wake the loop for the next deadline. A deadline that moved later is left:
// waking once too often is cheaper than moving a timer at every request.
func (l *loop) arm() {
	next := l.resume
	for i := range l.lists {
		if c := l.lists[i].head; c != nil && (next == 0 || c.deadline < next) {
			next = c.deadline
		}
	}
	if next == 0 {
		if l.armed == 0 {
			l.file.SetReadDeadline(time.Time{})
			l.armed = never
		}
		return
	}
	next += wakeGrain - next%wakeGrain
	if l.armed == 0 || next < l.armed {
		l.armed = next
		l.file.SetReadDeadline(l.start.Add(next))
	}
}

// never stands for no deadline set in the poller.
const never = time.Duration(1<<63 - 1)
