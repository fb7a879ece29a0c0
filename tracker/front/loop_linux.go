package front

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of one turn of a loop, so that no peer holds up the others.
const (
	eventBatch   = 128      // events fetched at once
	acceptBatch  = 64       // connections accepted before others get a turn
	readsPerTurn = 4        // full buffers read from one connection likewise
	readBuffer   = 16 << 10 // bytes; above maxHead, so that one read finds the socket empty
	drainRounds  = 1024     // batches answered after the end was called

	lingerTime  = 500 * time.Millisecond // for a peer to read a refusal before unread bytes reset it
	acceptPause = 100 * time.Millisecond // without accepting when descriptors or memory ran out
	wakeGrain   = 50 * time.Millisecond  // timeouts are late by up to this, so that many share a wake-up
	warnEvery   = time.Minute            // between log lines about the lack of descriptors
	yieldEvery  = time.Millisecond       // under full load, so that other goroutines need not wait to preempt

	// Under brisk load requests are gathered for a moment rather than waking up for each: parking the
	// goroutine and finding it again cost 7 µs, of 30 for a connection with one announce.
	gatherTime = 250 * time.Microsecond
	briskGap   = 400 * time.Microsecond // between events: 2,500 a second
)

// listenerIndex marks the listening socket's events.
const listenerIndex = -1

// loop is one event loop. All of its state belongs to the goroutine of run, but stopping.
type loop struct {
	f        *Front
	listener int // -1: closed
	ep       int
	file     *os.File // of ep
	raw      syscall.RawConn
	stopping atomic.Bool
	draining bool

	start time.Time
	now   time.Duration // since start, of this wake-up
	armed time.Duration // when the poller wakes us; 0: not set
	heads *heads

	table []*conn // by index
	free  *conn
	lists [listCount]list
	held  int // connections in epoll

	resume time.Duration // when to accept again; 0: accepting
	warned time.Duration // when the lack of descriptors was last logged
	pauses atomic.Int64

	req    request
	out    []byte
	from   unix.RawSockaddrAny
	events [eventBatch]unix.EpollEvent
	in     [readBuffer]byte
}

// newLoop takes over the listening socket unless it fails.
func newLoop(f *Front, listener int) (*loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("front: create epoll: %w", err)
	}
	if err := unix.SetNonblock(ep, true); err != nil { // else package os would not poll it
		unix.Close(ep)
		return nil, fmt.Errorf("front: prepare epoll: %w", err)
	}
	now := time.Now()
	l := &loop{f: f, listener: listener, ep: ep, file: os.NewFile(uintptr(ep), "epoll"), start: now, heads: newHeads(now)}
	l.out = make([]byte, headSpace, 4<<10)
	if l.raw, err = l.file.SyscallConn(); err == nil {
		err = l.file.SetReadDeadline(time.Time{}) // fails where the poller does not take it
	}
	if err == nil {
		if errno := epollControl(ep, unix.EPOLL_CTL_ADD, int32(listener), listenerEvent(unix.EPOLLIN)); errno != 0 {
			err = errno
		}
	}
	if err != nil {
		l.file.Close()
		return nil, fmt.Errorf("front: poll epoll: %w", err)
	}
	return l, nil
}

func listenerEvent(events uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: events, Fd: listenerIndex}
}

// release closes what the loop has open.
func (l *loop) release() {
	for i := range l.lists {
		for l.lists[i].head != nil {
			l.close(l.lists[i].head)
		}
	}
	l.closeListener()
	l.file.Close()
}

func (l *loop) closeListener() {
	if l.listener >= 0 {
		unix.Close(l.listener)
		l.listener = -1
	}
}

// run serves until stop was called and everything is drained.
func (l *loop) run() error {
	defer l.release()
	turn := func(uintptr) bool { return l.turn() }
	for {
		l.tick()
		if l.expire(); l.stopping.Load() {
			l.drain()
		}
		if l.drained() {
			return nil
		}
		l.armed = 0
		l.arm()
		if l.stopping.Load() && !l.draining {
			continue // arm may have undone the wake-up of stop
		}
		err := l.raw.Read(turn)
		switch {
		case err == nil && l.drained():
			return nil
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("front: wait for events: %w", err)
		}
	}
}

// turn handles everything that is ready; true: stop waiting.
func (l *loop) turn() bool {
	woken := time.Since(l.start)
	brisk := woken-l.now < briskGap
	for since := woken; ; {
		n := epollReady(l.ep, l.events[:])
		if n <= 0 && brisk && !l.stopping.Load() {
			gather()
			runtime.Gosched()
			brisk = false // unless there was something to gather
			if n = epollReady(l.ep, l.events[:]); n > 0 {
				brisk = true
			}
		}
		if n <= 0 {
			break
		}
		l.tick()
		l.expire()
		l.handle(n)
		if l.stopping.Load() {
			l.drain()
		}
		if l.now-since > yieldEvery {
			since = l.now
			runtime.Gosched()
		}
	}
	if l.drained() {
		return true
	}
	l.arm()
	return l.stopping.Load() && !l.draining
}

func (l *loop) handle(n int) {
	for i := range l.events[:n] {
		e := &l.events[i]
		if e.Fd == listenerIndex {
			l.accept()
			continue
		}
		if c := l.table[e.Fd]; c.generation == e.Pad { // else it was closed, and perhaps used again, in this batch
			l.event(c, e.Events)
		}
	}
}

// accept answers new connections; false: there may be more.
func (l *loop) accept() bool {
	for range acceptBatch {
		if l.listener < 0 || l.resume != 0 {
			return true
		}
		fd, errno := accept(l.listener, &l.from)
		switch {
		case errno == 0:
			l.read(l.open(int32(fd), address(&l.from)), false)
		case errno == unix.EAGAIN:
			return true
		case outOfResources(errno):
			l.pause(errno)
		}
	}
	return false
}

// pause stops accepting for a while: the listener would be ready all the time.
func (l *loop) pause(errno syscall.Errno) {
	l.pauses.Add(1)
	l.resume = l.now + acceptPause
	epollControl(l.ep, unix.EPOLL_CTL_MOD, int32(l.listener), listenerEvent(0))
	if l.warned == 0 || l.now-l.warned > warnEvery {
		l.warned = l.now
		l.f.o.Log.Warn("cannot accept connections, waiting", "err", errno, "held", l.f.slots.taken.Load())
	}
}

func (l *loop) acceptAgain() {
	l.resume = 0
	if l.listener >= 0 {
		epollControl(l.ep, unix.EPOLL_CTL_MOD, int32(l.listener), listenerEvent(unix.EPOLLIN))
	}
}

// drain answers what has arrived, once, and closes all that does not wait to be written.
func (l *loop) drain() {
	if l.draining {
		return
	}
	l.draining, l.resume = true, 0
	for range drainRounds {
		if l.accept() {
			break
		}
	}
	l.closeListener()
	for range drainRounds {
		n := epollReady(l.ep, l.events[:])
		if n <= 0 {
			break
		}
		l.handle(n)
	}
	for _, which := range [...]listID{headList, idleList} {
		for l.lists[which].head != nil {
			l.close(l.lists[which].head)
		}
	}
}

func (l *loop) drained() bool { return l.draining && l.held == 0 }
