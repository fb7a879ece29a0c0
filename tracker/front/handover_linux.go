package front

import (
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// handOver gives a connection, with the bytes read from it, to Others.
func (l *loop) handOver(c *conn, b []byte) {
	slot, ok := c.slot, c.held
	if !ok {
		slot, ok = l.f.slots.take(c.addr)
	}
	if !ok {
		l.refuse(c, overloadAnswer)
		return
	}
	fd := c.fd
	h := &handed{
		opener:  func() (net.Conn, error) { return netConn(fd) },
		discard: func() { closeFD(fd) },
		release: func() { l.f.slots.give(slot) },
		read:    slices.Clone(b),
	}
	if c.held { // before another goroutine may close the descriptor, and it gets another meaning
		l.watch(c, unix.EPOLL_CTL_DEL, 0)
		c.held = false
		l.held--
	}
	if l.f.others.push(h) {
		l.forget(c)
		return
	}
	l.f.slots.give(slot)
	l.refuse(c, overloadAnswer)
}

// netConn makes a net.Conn of a socket and closes the original.
func netConn(fd int32) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close()
	return net.FileConn(f)
}
