package dashboard

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

const (
	// portTries bounds the ports tried when the wanted one is taken.
	portTries = 20
	// headTimeout bounds the reading of a request, answerTimeout the whole exchange, idleTimeout a
	// connection kept open between two.
	headTimeout   = 5 * time.Second
	answerTimeout = time.Minute
	idleTimeout   = 2 * time.Minute
	// drainTimeout bounds the wait for answers under way when Run ends.
	drainTimeout = 3 * time.Second
	// maxHeader bounds a request's head.
	maxHeader = 16 << 10
)

// Config makes a Site.
type Config struct {
	Addr        string                     // IP:port to listen on; localhost:port means 127.0.0.1
	View        func(context.Context) View // what is shown, asked for each request; required
	Log         *slog.Logger               // nil: discarded
	AllowRemote bool                       // Addr need not be this machine's loopback: whoever reaches it reads everything
}

// Site answers with the page, the figures and the metrics. It changes nothing and knows no secrets.
type Site struct {
	cfg      Config
	listener net.Listener
	addr     netip.AddrPort
	page     *template.Template
}

// New listens. Where the port is taken the next free one of that address is used, and the log says
// so. An address that other machines can reach is refused unless it was allowed.
func New(cfg Config) (*Site, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	want, err := listenAddr(cfg)
	if err != nil {
		return nil, err
	}
	page, err := parsePage()
	if err != nil {
		return nil, fmt.Errorf("reading the dashboard's template: %w", err)
	}
	l, err := listen(want)
	if err != nil {
		return nil, fmt.Errorf("listening for the dashboard on %s: %w; choose another address or \"off\"", want, err)
	}
	s := &Site{cfg: cfg, listener: l, addr: l.Addr().(*net.TCPAddr).AddrPort(), page: page}
	s.addr = netip.AddrPortFrom(s.addr.Addr().Unmap(), s.addr.Port())
	if want.Port() != 0 && s.addr.Port() != want.Port() {
		cfg.Log.Warn("the dashboard's port cannot be had, it listens on another", "wanted", want, "address", s.URL())
	}
	return s, nil
}

// Addr is where the server listens, as IP:port.
func (s *Site) Addr() string { return s.addr.String() }

// URL is where a browser finds the page.
func (s *Site) URL() string { return "http://" + s.addr.String() }

// Run answers until ctx ends, then waits a little for answers under way and closes the port.
func (s *Site) Run(ctx context.Context) error {
	h := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: headTimeout, ReadTimeout: headTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug)}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		stopped <- errors.Join(h.Shutdown(wait), h.Close())
	})
	err := h.Serve(s.listener)
	if !errors.Is(err, http.ErrServerClosed) {
		stop()
		return errors.Join(fmt.Errorf("the dashboard stopped: %w", err), h.Close())
	}
	if err := <-stopped; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("closing the dashboard: %w", err)
	}
	return nil
}

// Close gives the port up; only a server that never runs needs it.
func (s *Site) Close() error { return s.listener.Close() }

func listenAddr(cfg Config) (netip.AddrPort, error) {
	addr := cfg.Addr
	if port, ok := strings.CutPrefix(addr, "localhost:"); ok {
		addr = "127.0.0.1:" + port
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return ap, fmt.Errorf("dashboard address %q: want IP:port, as 127.0.0.1:7071", cfg.Addr)
	}
	if !ap.Addr().Unmap().IsLoopback() && !cfg.AllowRemote {
		return ap, fmt.Errorf("dashboard address %q: other machines can reach it, and the page asks for no password; use 127.0.0.1 and, from elsewhere, a tunnel as `ssh -L %d:127.0.0.1:%[2]d HOST`", cfg.Addr, ap.Port())
	}
	return ap, nil
}

// listen takes the wanted port or one of those after it. The error is that of the wanted one.
func listen(want netip.AddrPort) (l net.Listener, err error) {
	for i := range uint16(portTries) {
		port := want.Port() + i
		if port < want.Port() {
			break // past the last port
		}
		l, failed := net.Listen("tcp", netip.AddrPortFrom(want.Addr(), port).String())
		if failed == nil {
			return l, nil
		}
		if err == nil {
			err = failed
		}
	}
	return nil, err
}
