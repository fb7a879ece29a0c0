//go:build !linux

package front

import (
	"context"
	"errors"
	"net"
	"time"
)

// Front is a bound front; Run serves.
type Front struct {
	o        Options
	listener net.Listener
	others   *others
	slots    *slots
}

// acceptPause is waited after an accept that failed, as when descriptors ran out.
const acceptPause = 100 * time.Millisecond

// Listen binds addr.
func Listen(addr string, o Options) (*Front, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Front{o: o, listener: l, others: newOthers(l.Addr()), slots: newSlots(&o)}, nil
}

// Addr is the address listened on.
func (f *Front) Addr() net.Addr { return f.listener.Addr() }

// Others is the listener of all connections here, for http.Server.Serve.
func (f *Front) Others() net.Listener { return f.others }

// Run hands every connection to Others until the context ends.
func (f *Front) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { f.listener.Close() })()
	defer f.others.Close()
	for {
		c, err := f.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			f.o.Log.Warn("cannot accept connections, waiting", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
		default:
			f.handOver(c)
		}
	}
}

func (f *Front) handOver(c net.Conn) {
	slot, ok := f.slots.take(remote(c))
	if !ok {
		refuse(c)
		return
	}
	h := &handed{Conn: c, release: func() { f.slots.give(slot) }}
	if !f.others.push(h) {
		f.slots.give(slot)
		refuse(c)
	}
}

// refuse is best effort and does not wait.
func refuse(c net.Conn) {
	c.SetWriteDeadline(time.Now().Add(acceptPause))
	c.Write([]byte(overloadAnswer))
	c.Close()
}

func defaultMaxConns() int { return DefaultMaxConns }
