package front

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Front is a bound front; Run serves.
type Front struct {
	o      Options
	addr   net.Addr
	others *others
	slots  *slots
	loops  []*loop
}

// Listen binds addr, which is read as net.Listen("tcp", addr) reads it.
func Listen(addr string, o Options) (*Front, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	fds, at, err := listenAll(addr, o.Loops)
	if err != nil {
		return nil, err
	}
	f := &Front{o: o, addr: at, others: newOthers(at), slots: newSlots(&o)}
	for i, fd := range fds {
		l, err := newLoop(f, fd)
		if err != nil {
			for _, l := range f.loops {
				l.release()
			}
			for _, fd := range fds[i:] {
				unix.Close(fd)
			}
			return nil, err
		}
		f.loops = append(f.loops, l)
	}
	return f, nil
}

// Addr is the address listened on.
func (f *Front) Addr() net.Addr { return f.addr }

// Others is the listener of the connections that are not announces, for http.Server.Serve.
func (f *Front) Others() net.Listener { return f.others }

// Run serves until the context ends. Then it answers what has arrived, waits up to WriteTimeout
// for answers to be taken, and closes what is its own; connections handed over live on.
func (f *Front) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, f.stop)()
	var wg sync.WaitGroup
	errs := make([]error, len(f.loops))
	for i, l := range f.loops {
		wg.Go(func() {
			if errs[i] = l.run(); errs[i] != nil {
				f.stop()
			}
		})
	}
	wg.Wait()
	f.others.Close()
	return errors.Join(errs...)
}

func (f *Front) stop() {
	f.others.Close()
	for _, l := range f.loops {
		l.stop()
	}
}

// stop makes the loop drain and end; from any goroutine.
func (l *loop) stop() {
	l.stopping.Store(true)
	l.file.SetReadDeadline(time.Unix(1, 0)) // wakes it
}
