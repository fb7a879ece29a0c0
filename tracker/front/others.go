package front

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// others is the listener of the connections that are not ours. Its queue holds maxHanded of them.
type others struct {
	addr  net.Addr
	queue chan *handed
	done  chan struct{}

	mu     sync.Mutex
	closed bool
}

var _ net.Listener = (*others)(nil)

func newOthers(addr net.Addr) *others {
	return &others{addr: addr, queue: make(chan *handed, maxHanded), done: make(chan struct{})}
}

// push hands a connection over; false: the queue is full, or the listener closed.
func (o *others) push(h *handed) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	select {
	case o.queue <- h:
		return true
	default:
		return false
	}
}

// Accept waits for a connection that is not an announce.
func (o *others) Accept() (net.Conn, error) {
	for {
		select {
		case <-o.done:
			return nil, net.ErrClosed
		default:
		}
		select {
		case <-o.done:
			return nil, net.ErrClosed
		case h := <-o.queue:
			if err := h.open(); err != nil {
				h.Close() // the client went away, or descriptors ran out: neither ends the listener
				continue
			}
			return h, nil
		}
	}
}

// Close ends Accept and closes what waits in the queue; announces go on.
func (o *others) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	close(o.done)
	for {
		select {
		case h := <-o.queue:
			h.Close()
		default:
			return nil
		}
	}
}

// Addr is the address that the front listens on.
func (o *others) Addr() net.Addr { return o.addr }

// handed is a connection handed over: what was read from it already is read again.
type handed struct {
	net.Conn
	opener  func() (net.Conn, error) // makes Conn of the descriptor, closing that; once
	discard func()                   // closes a descriptor that was never opened
	release func()                   // gives back its slot

	mu     sync.Mutex
	read   []byte // bytes to replay
	closed atomic.Bool
}

func (h *handed) open() (err error) {
	if h.opener == nil {
		return nil
	}
	h.Conn, err = h.opener()
	h.opener, h.discard = nil, nil
	if err != nil {
		h.Conn = nil
	}
	return err
}

func (h *handed) Read(p []byte) (int, error) {
	h.mu.Lock()
	if len(h.read) > 0 && !h.closed.Load() {
		n := copy(p, h.read)
		h.read = h.read[n:]
		if len(h.read) == 0 {
			h.read = nil
		}
		h.mu.Unlock()
		return n, nil
	}
	h.mu.Unlock()
	return h.Conn.Read(p)
}

// ReadFrom keeps sendfile for net/http's file answers.
func (h *handed) ReadFrom(r io.Reader) (int64, error) { return io.Copy(h.Conn, r) }

// CloseWrite lets net/http end a connection without cutting off an answer.
func (h *handed) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (h *handed) Close() error {
	if !h.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	defer h.release()
	switch {
	case h.Conn != nil:
		return h.Conn.Close()
	case h.discard != nil:
		h.discard()
	}
	return nil
}
