package server

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// plainRefusal is the answer to announces and scrapes that came unencrypted: their keys must not
// travel in plain text.
func (c Config) plainRefusal(base string) []byte {
	return bt.AppendFailure(nil, "announces are taken over https only: download the .torrent file again from "+base,
		c.Tracker.LeecherInterval, c.Tracker.MinInterval)
}

// unencrypted reports whether a request could be read on its way. proto is what X-Forwarded-Proto says,
// which counts from the configured proxies only; from them it is about the client's own connection.
func (s *Server) unencrypted(conn netip.Addr, proto string, overTLS bool) bool {
	if proto != "" && s.fromProxy(conn) {
		return !strings.EqualFold(strings.TrimSpace(proto), "https")
	}
	return !overTLS && s.conf.TLS.Listen != ""
}

// encrypted answers what a certificate authority asks for, refuses announces that came unencrypted, and
// sends everybody else on to https.
func (s *Server) encrypted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.cert != nil && r.TLS == nil {
			if proof, ok := s.cert.proof(r.URL.Path); ok {
				w.Header().Set("Content-Type", "application/octet-stream")
				w.Write([]byte(proof)) //nolint:errcheck // it asks again
				return
			}
		}
		conn, err := netip.ParseAddrPort(r.RemoteAddr)
		proto := strings.Join(r.Header.Values("X-Forwarded-Proto"), ",")
		switch {
		case err == nil && !s.unencrypted(conn.Addr().Unmap().WithZone(""), proto, r.TLS != nil):
			next.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/announce/"):
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.Write(s.plainly) //nolint:errcheck // a client that is gone needs no answer
		default:
			http.Redirect(w, r, s.base+secureTarget(r), http.StatusPermanentRedirect)
		}
	})
}

// secureTarget is the request's path and query, to be put behind the public address.
func secureTarget(r *http.Request) string {
	target := r.URL.EscapedPath()
	if !strings.HasPrefix(target, "/") { // OPTIONS *
		target = "/"
	}
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	return target
}
