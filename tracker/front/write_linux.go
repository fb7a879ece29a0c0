package front

import (
	"fmt"
	"runtime/debug"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// respond answers l.req; rest is what follows it. It returns as feed does.
func (l *loop) respond(c *conn, rest []byte) bool {
	keep := l.req.keepAlive && !l.stopping.Load() && l.hold(c)
	msg, ok := l.compose(c, keep)
	if !ok {
		l.close(c)
		return false
	}
	c.served = true
	flags := 0
	if !keep && !c.full {
		flags = unix.MSG_MORE // close sends it, with the FIN
	}
	n, errno := send(c.fd, msg, flags)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		n = 0
	case errno != 0:
		l.close(c)
		return false
	}
	if n < len(msg) {
		l.pend(c, msg[n:], rest, keep)
		return false
	}
	if !keep {
		l.finish(c)
	} else if c.list == headList {
		l.unlist(c) // this head is complete; the next has its own time
	}
	return keep
}

// compose has the request answered and returns the message, valid until the next.
func (l *loop) compose(c *conn, keep bool) (msg []byte, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			l.f.o.Log.Error("answer panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			msg, ok = nil, false
		}
	}()
	r, addr, what := &l.req, c.addr, "announce"
	if l.f.o.Client != nil {
		addr = l.f.o.Client(addr, text(r.forwarded))
	}
	if r.scrape {
		what = "scrape"
	}
	b, refused := l.out[:headSpace], false
	if l.f.o.Refuse != nil {
		b, refused = l.f.o.Refuse(b, c.addr, text(r.proto))
	}
	if !refused {
		b = l.f.o.Answer(b, text(r.key), what, text(r.query), addr)
	}
	msg = l.heads.finish(b, r.http10, keep)
	if cap(b) <= maxKeptBuffer {
		l.out = b[:headSpace]
	}
	return msg, true
}

// text shows bytes as a string for the time of a call.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// pend keeps the rest of an answer, one per connection: nothing is read until it is taken.
func (l *loop) pend(c *conn, msg, rest []byte, keep bool) {
	if !l.hold(c) || !l.watch(c, unix.EPOLL_CTL_MOD, connEvents|unix.EPOLLOUT) {
		l.close(c)
		return
	}
	c.out, c.in, c.keep = slices.Clone(msg), append(c.in[:0], rest...), keep
	l.wait(c, writeList)
}

func (l *loop) flush(c *conn) {
	n, errno := send(c.fd, c.out, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return
	}
	if errno != 0 {
		l.close(c)
		return
	}
	if c.out = c.out[n:]; len(c.out) > 0 {
		return
	}
	c.out = nil
	l.watch(c, unix.EPOLL_CTL_MOD, connEvents)
	if !c.keep {
		l.finish(c)
		return
	}
	l.unlist(c)
	b := c.in
	c.in = nil
	if l.feed(c, b) {
		l.read(c, true)
	}
}

// finish closes a connection whose answer was sent. Closing over unread bytes would reset it, and
// the peer might lose the answer.
func (l *loop) finish(c *conn) {
	if !c.full || !l.hold(c) {
		l.close(c)
		return
	}
	l.linger(c)
}

func (l *loop) linger(c *conn) {
	c.lingering, c.in = true, nil
	unix.Shutdown(int(c.fd), unix.SHUT_WR)
	l.wait(c, lingerList)
	l.discard(c)
}

// discard reads a refused connection empty until the peer closes.
func (l *loop) discard(c *conn) {
	for range readsPerTurn {
		n, errno := recv(c.fd, l.in[:])
		switch {
		case errno == unix.EAGAIN:
			return
		case errno != 0 && errno != unix.EINTR, errno == 0 && n == 0:
			l.close(c)
			return
		}
	}
	l.watch(c, unix.EPOLL_CTL_MOD, connEvents)
}

// refuse says why and closes. Whether it arrives is up to the peer; only one whose head is too
// large surely still sends.
func (l *loop) refuse(c *conn, answer string) {
	send(c.fd, unsafe.Slice(unsafe.StringData(answer), len(answer)), 0)
	c.full = c.full || answer == tooLargeAnswer
	l.finish(c)
}
