package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/front"
)

// Limits of the listeners (SECURITY 26).
const (
	headerTimeout  = 5 * time.Second // and for a TLS handshake
	readTimeout    = 15 * time.Second
	writeTimeout   = 20 * time.Second
	idleTimeout    = 60 * time.Second
	maxHeaderBytes = 4 << 10 // net/http adds 4 KiB: 8 KiB in all, as the front has it
	maxStreams     = 100     // requests at once on one HTTP/2 connection
	drainTime      = 10 * time.Second
)

// listen binds the addresses. Plain announces are answered by the front, all else by net/http behind
// it; so is everything over TLS.
func (s *Server) listen() (err error) {
	if s.proxies, err = s.conf.proxies(); err != nil {
		return err
	}
	o := front.Options{Answer: s.announce, Exempt: s.conf.exempt, MaxConns: s.conf.Limits.Connections, MaxPerAddr: s.conf.Limits.PerAddress,
		HeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, WriteTimeout: writeTimeout, Log: s.log}
	if len(s.proxies) > 0 {
		o.Client = func(conn netip.Addr, forwarded string) netip.Addr {
			return tracker.Forwarded(conn, forwarded, s.proxies)
		}
		o.Exempt = func(a netip.Addr) bool { return s.conf.exempt(a) || s.fromProxy(a) }
	}
	if s.conf.needsTLS() {
		o.Refuse = func(dst []byte, conn netip.Addr, proto string) ([]byte, bool) {
			if !s.unencrypted(conn, proto, false) {
				return dst, false
			}
			return append(dst, s.plainly...), true
		}
	}
	if s.front, err = front.Listen(s.conf.Listen, o); err != nil {
		return fmt.Errorf("listen on %s: %w", s.conf.Listen, err)
	}
	at := s.front.Addr()
	if s.conf.TLS.Listen != "" {
		l, err := net.Listen("tcp", s.conf.TLS.Listen)
		if err != nil {
			return fmt.Errorf("listen on tls.listen = %s: %w", s.conf.TLS.Listen, err)
		}
		s.secure, at = s.front.Share(l), l.Addr()
	}
	if s.base, err = s.conf.baseURL(at.(*net.TCPAddr).AddrPort()); err != nil {
		return err
	}
	s.plainly = s.conf.plainRefusal(s.base)
	s.cert, err = s.openCertificate()
	return err
}

// announce is what the front asks, once it runs.
func (s *Server) announce(dst []byte, key, what, query string, addr netip.Addr) []byte {
	return s.handler.Answer(dst, key, what, query, addr)
}

// fromProxy reports whether a connection comes from one of the configured proxies.
func (s *Server) fromProxy(conn netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(conn) })
}

// newHTTP is the server behind both listeners.
func (s *Server) newHTTP(h http.Handler) *http.Server {
	if s.conf.needsTLS() {
		h = s.encrypted(h)
	}
	out := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: writeTimeout}}
	if s.cert != nil {
		out.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.cert.served, GetConfigForClient: s.cert.challenged,
			NextProtos: []string{"h2", "http/1.1"}} // named here, else no HTTP/2 is spoken when the plain listener is served first
	}
	return out
}

// serve answers requests; when ctx ends it drains them while the flusher still runs, because some
// wait for it, and then ends the loops. When a loop failed it ends too: nothing would be written any
// more.
func (s *Server) serve(ctx, loops context.Context, stopLoops func()) error {
	defer stopLoops()
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	parts := []func() error{func() error { return s.front.Run(serving) }, func() error { return s.http.Serve(s.front.Others()) }}
	if s.secure != nil {
		parts = append(parts, func() error { return s.http.ServeTLS(s.secure, "", "") })
	}
	failed := make(chan error, len(parts))
	for _, part := range parts {
		go func() { failed <- part() }()
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-loops.Done():
		return s.http.Close()
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		s.http.Close()
	}
	stop()
	for range parts {
		<-failed
	}
	return nil
}
