package dashboard

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Handler answers the routes; Run serves it.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /status.json", s.status)
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.Handle("GET /static/{file}", http.FileServerFS(files))
	return s.guard(mux)
}

// csp lets the page load its own style, picture and script and nothing else; no page may frame it.
const csp = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// guard answers only requests that name this machine: a page of another site that has its own name
// resolve to this address (DNS rebinding) is sent away, and so is one that asks across sites.
func (s *Site) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !named(r):
			http.Error(w, "This page is for this machine alone: open it as "+s.URL()+"/", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "Nothing can be changed here: use the swarmseed command.", http.StatusMethodNotAllowed)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// named reports whether the Host header is a loopback name or address, or the address that the
// connection was made to. The port does not matter: a tunnel has its own.
func named(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ip.Unmap().IsLoopback() || ok && ip.Unmap() == local.AddrPort().Addr().Unmap()
}

func (s *Site) status(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(s.cfg.View(r.Context()))
	if err != nil {
		s.cfg.Log.Error("cannot encode the status", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(body, '\n'))
}
