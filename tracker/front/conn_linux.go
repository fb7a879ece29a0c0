package front

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// conn is one connection. Those that close after their answer live for one call of read.
type conn struct {
	fd         int32
	index      int32 // in the loop's table
	generation int32 // counts the uses of this struct, to know late events
	addr       netip.Addr
	slot       slot

	held      bool // has a slot and is in epoll
	served    bool // got an answer
	full      bool // its socket may hold bytes that were not read
	keep      bool // stays open after out is sent
	lingering bool // refused; waits for the peer to close

	in  []byte // the beginning of a request
	out []byte // the rest of an answer that the socket did not take

	list       listID
	deadline   time.Duration // of list, since the loop's start
	prev, next *conn
}

// connEvents is edge-triggered: epoll looks at a connection once per arrival instead of twice.
const connEvents = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

func (l *loop) open(fd int32, a netip.Addr) *conn {
	c := l.free
	if c == nil {
		c = &conn{index: int32(len(l.table))}
		l.table = append(l.table, c)
	} else {
		l.free, c.next = c.next, nil
	}
	c.fd, c.addr = fd, a
	return c
}

// forget returns the struct for reuse; the descriptor is the caller's.
func (l *loop) forget(c *conn) {
	l.unlist(c)
	*c = conn{index: c.index, generation: c.generation + 1, next: l.free}
	l.free = c
}

func (l *loop) close(c *conn) {
	fd := c.fd
	if c.held {
		l.held--
		l.f.slots.give(c.slot)
	}
	l.forget(c)
	closeFD(fd) // also takes it out of epoll
}

// hold gives a connection a slot and the attention of epoll.
func (l *loop) hold(c *conn) bool {
	if c.held {
		return true
	}
	slot, ok := l.f.slots.take(c.addr)
	if !ok {
		return false
	}
	if !l.watch(c, unix.EPOLL_CTL_ADD, connEvents) {
		l.f.slots.give(slot)
		return false
	}
	c.slot, c.held = slot, true
	l.held++
	return true
}

func (l *loop) watch(c *conn, op int, events uint32) bool {
	e := unix.EpollEvent{Events: events, Fd: c.index, Pad: c.generation}
	return epollControl(l.ep, op, c.fd, &e) == 0
}

func (l *loop) event(c *conn, events uint32) {
	switch {
	case c.lingering:
		l.discard(c)
	case c.out == nil:
		l.read(c, events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
	case events&(unix.EPOLLHUP|unix.EPOLLERR) != 0:
		l.close(c)
	case events&unix.EPOLLOUT != 0:
		l.flush(c)
	}
}

// read takes what a connection has sent and answers it. A read that does not fill the buffer has
// emptied the socket (epoll(7)); ended says that an end or error comes after the data.
func (l *loop) read(c *conn, ended bool) {
	for range readsPerTurn {
		n, errno := recv(c.fd, l.in[:])
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			c.full = false
			l.await(c)
			return
		case errno != 0 || n == 0:
			l.close(c)
			return
		}
		c.full = n == len(l.in)
		if !l.feed(c, l.in[:n]) {
			return
		}
		if !c.full && !ended {
			l.await(c)
			return
		}
	}
	if l.await(c) {
		l.watch(c, unix.EPOLL_CTL_MOD, connEvents) // reports again that there is more
	}
}

// await leaves a connection to epoll until more comes; false: it was closed.
func (l *loop) await(c *conn) bool {
	switch {
	case l.draining:
		l.close(c)
		return false
	case !l.hold(c):
		l.refuse(c, overloadAnswer)
		return false
	case c.served && len(c.in) == 0:
		l.wait(c, idleList)
	case c.list != headList: // more bytes do not buy more time
		l.wait(c, headList)
	}
	return true
}

// feed answers the requests in b, which follows c.in; false: the connection is done with, or waits
// for its answer to be taken.
func (l *loop) feed(c *conn, b []byte) bool {
	if old := len(c.in); old > 0 {
		c.in = append(c.in, b...)
		if old >= len(announcePrefix) && len(c.in) < maxHead && !headEnds(c.in, old) {
			return true
		}
		b = c.in
	}
	for len(b) > 0 {
		n, v := l.req.read(b)
		switch v {
		case incomplete:
			c.in = append(c.in[:0], b...)
			return true
		case tooLarge:
			l.refuse(c, tooLargeAnswer)
			return false
		case other:
			l.handOver(c, b)
			return false
		}
		b = b[n:]
		if !l.respond(c, b) {
			return false
		}
	}
	c.in = nil
	return true
}
