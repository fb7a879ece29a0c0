package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// sweepEvery is how often time-outs, the end of the phase and the context are looked at.
const sweepEvery = 50 * time.Millisecond

// loop drives one phase from one thread over epoll: every connection has one announce under way.
type loop struct {
	*drive
	tally *tally
	epoll int
	slots []slot
	busy  int  // slots with something under way
	last  bool // no new announces
	lost  int  // requests in a row without a reply
	gone  error
}

// slot is one connection, or in a phase with a connection for each announce the place for one.
type slot struct {
	turn
	fd      int // -1: none
	waiting uint32
	out     []byte // the request
	sent    int
	in      []byte // the reply; cap maxReply
	began   time.Time
	state   state
}

type state uint8

const (
	idle     state = iota // nothing under way
	sending               // connecting or writing
	reading               // the request is out
	draining              // the reply is counted, the server has to close
)

// run drives the phase and returns what came of it, also when it was given up or cancelled.
func (d *drive) run(ctx context.Context) (*tally, error) {
	l := &loop{drive: d, tally: newTally(), slots: make([]slot, d.connections)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return l.tally, fmt.Errorf("epoll: %w", err)
	}
	defer l.close()
	for i := range l.slots {
		l.slots[i] = slot{fd: -1, out: make([]byte, 0, 1024), in: make([]byte, 0, maxReply)}
	}
	return l.tally, l.work(ctx)
}

func (l *loop) close() {
	for i := range l.slots {
		l.drop(&l.slots[i])
	}
	unix.Close(l.epoll)
}

func (l *loop) work(ctx context.Context) error {
	start := time.Now()
	for i := range l.slots {
		l.begin(i)
	}
	events, swept := make([]unix.EpollEvent, 256), start
	for l.busy > 0 && l.gone == nil {
		n, err := unix.EpollWait(l.epoll, events, int(sweepEvery.Milliseconds()))
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			if l.gone == nil {
				l.ready(int(e.Fd))
			}
		}
		now := time.Now()
		if now.Sub(swept) < sweepEvery {
			continue
		}
		swept = now
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.last = l.duration > 0 && now.Sub(start) >= l.duration
		l.sweep(now)
	}
	return l.gone
}

// sweep gives up what takes too long.
func (l *loop) sweep(now time.Time) {
	for i := range l.slots {
		s := &l.slots[i]
		if s.state == idle || now.Sub(s.began) < l.timeout {
			continue
		}
		if s.state == draining {
			l.tally.fail([]byte(errStaysOpen.Error()))
			l.again(i)
			continue
		}
		l.fail(i, fmt.Errorf("no reply within %s", l.timeout))
	}
}

// begin starts the slot's next announce. A request that fails at once is counted and the next one
// begun, until there are no more, or nobody answers.
func (l *loop) begin(i int) {
	s := &l.slots[i]
	for !l.last && l.gone == nil {
		pair, ok := l.take(&s.turn, i)
		if !ok {
			return
		}
		s.out = l.load.request(s.out[:0], pair, l.phase, l.closes)
		s.in, s.sent, s.began, s.state = s.in[:0], 0, time.Now(), sending
		l.busy++
		err := l.dial(i)
		if err == nil {
			err = l.send(i)
		}
		if err == nil {
			return
		}
		l.lose(s, err)
	}
}

// again ends the slot's connection, if it is still there, and goes on to the next announce.
func (l *loop) again(i int) {
	l.drop(&l.slots[i])
	l.next(i)
}

func (l *loop) next(i int) {
	l.slots[i].state = idle
	l.busy--
	l.begin(i)
}

func (l *loop) drop(s *slot) {
	if s.fd >= 0 {
		unix.Close(s.fd)
		s.fd = -1
	}
}

// fail counts an announce without a reply and goes on.
func (l *loop) fail(i int, err error) {
	l.lose(&l.slots[i], err)
	l.begin(i)
}

func (l *loop) lose(s *slot, err error) {
	l.drop(s)
	s.state = idle
	l.busy--
	l.tally.fail([]byte(err.Error()))
	if l.lost++; l.lost >= patience*l.connections {
		l.gone = errGone{err.Error()}
	}
}

// dial opens the slot's connection if there is none.
func (l *loop) dial(i int) error {
	s := &l.slots[i]
	if s.fd >= 0 {
		return nil
	}
	fd, err := connect(l.target, l.source(i))
	if err != nil {
		return err
	}
	s.fd, s.waiting = fd, unix.EPOLLIN
	e := unix.EpollEvent{Events: s.waiting, Fd: int32(i)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// connect begins a connection. The local port is chosen only now, for this one destination: with
// several source addresses there are that many times 28,000 of them, because ports of connections
// closed a moment ago cannot be taken again at once.
func connect(target netip.AddrPort, source netip.Addr) (int, error) {
	family := unix.AF_INET6
	if target.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if source.IsValid() {
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) // an old kernel binds the port now
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(source, 0))); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("bind to %s: %w", source, err)
		}
	}
	if err := unix.Connect(fd, sockaddr(target)); err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		if err == unix.EADDRNOTAVAIL {
			return -1, errors.New("no local port is free: give more addresses with --source-range")
		}
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// send writes what the connection takes; on loopback it is connected by now and takes it all.
func (l *loop) send(i int) error {
	s := &l.slots[i]
	for s.sent < len(s.out) {
		n, err := unix.Write(s.fd, s.out[s.sent:])
		switch err {
		case nil:
			s.sent += n
		case unix.EINTR:
		case unix.EAGAIN:
			return l.wait(i, unix.EPOLLIN|unix.EPOLLOUT)
		default:
			return fmt.Errorf("send: %w", err)
		}
	}
	s.state = reading
	return l.wait(i, unix.EPOLLIN)
}

func (l *loop) wait(i int, events uint32) error {
	s := &l.slots[i]
	if s.waiting == events {
		return nil
	}
	s.waiting = events
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, s.fd, &unix.EpollEvent{Events: events, Fd: int32(i)})
}

// ready goes on with a slot whose connection can do something.
func (l *loop) ready(i int) {
	switch s := &l.slots[i]; s.state {
	case idle: // closed by the server while nothing was asked
		l.drop(s)
	case sending:
		if err := l.send(i); err != nil {
			l.fail(i, l.reason(s, err))
		}
	default:
		l.read(i)
	}
}

// reason prefers what the connection itself says, such as "refused", to what a write to it says.
func (l *loop) reason(s *slot, err error) error {
	if code, e := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR); e == nil && code != 0 {
		return unix.Errno(code)
	}
	return err
}

// read takes what is there, until the reply is whole and, if it is to be, the connection closed.
func (l *loop) read(i int) {
	s := &l.slots[i]
	for {
		room := s.in[len(s.in):cap(s.in)]
		if len(room) == 0 {
			l.fail(i, errTooLong)
			return
		}
		n, err := unix.Read(s.fd, room)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return
		case s.state == draining: // closed, reset or surplus: it is over
			l.again(i)
			return
		case err != nil:
			l.fail(i, fmt.Errorf("read: %w", err))
			return
		}
		s.in = s.in[:len(s.in)+n]
		if l.got(i, n == 0) {
			return
		}
	}
}

// got looks whether the reply is whole, and reports whether the slot is done with reading for now.
func (l *loop) got(i int, eof bool) bool {
	s := &l.slots[i]
	r, err := parseReply(s.in, eof)
	switch {
	case err == errMore && !eof:
		return len(s.in) < cap(s.in) // full: read once more, to fail; else wait
	case err == errMore:
		l.fail(i, errClosedEarly)
		return true
	case err != nil:
		l.fail(i, err)
		return true
	case r.end < len(s.in):
		l.fail(i, errSurplus)
		return true
	}
	l.tally.judge(r, time.Since(s.began))
	l.lost = 0
	switch {
	case eof:
		l.again(i)
	case l.closes || r.closes:
		s.state = draining
		s.in = s.in[:0]
		return false // the end often came with the data
	default:
		l.next(i)
	}
	return true
}
