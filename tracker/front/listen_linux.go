package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// deferAccept is how long, in seconds, the kernel keeps a connection that has not sent a byte to
// itself. Longer would fill its queue of half-open connections and push honest ones into SYN cookies.
const deferAccept = 1

// listenAll opens n listening sockets on one address. The kernel spreads connections over them.
func listenAll(addr string, n int) (fds []int, at net.Addr, err error) {
	defer func() {
		if err != nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}()
	if n > 1 { // SO_REUSEPORT would share the port with another tracker silently: ask without it first
		probe, err := listen(addr, false)
		if err != nil {
			return nil, nil, err
		}
		if addr, err = samePort(addr, probe.Addr()); err == nil {
			err = probe.Close()
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for range n {
		l, err := listen(addr, n > 1)
		if err != nil {
			return fds, nil, err
		}
		fd, err := take(l.(*net.TCPListener))
		if err != nil {
			return fds, nil, err
		}
		fds, at = append(fds, fd), l.Addr()
	}
	return fds, at, nil
}

// listen leaves the meaning of the address to package net, as for any other listener. Multipath
// TCP, which package net turns on, would make every accept dearer.
func listen(addr string, shared bool) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		cerr := c.Control(func(fd uintptr) {
			if shared {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
			// Inherited by what is accepted; both only save work, so a kernel without them is fine.
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferAccept)
		})
		return errors.Join(cerr, err)
	}}
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), "tcp", addr)
}

// take returns the listener's socket, out of the reach of package net, whose listeners cannot be
// asked without waiting.
func take(l *net.TCPListener) (fd int, err error) {
	defer l.Close()
	raw, err := l.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("front: %w", err)
	}
	var dupErr error
	err = raw.Control(func(from uintptr) { fd, dupErr = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, dupErr); err != nil {
		return -1, fmt.Errorf("front: copy listening socket: %w", err)
	}
	return fd, nil
}

func samePort(addr string, got net.Addr) (string, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(got.String())
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, port), nil
}
