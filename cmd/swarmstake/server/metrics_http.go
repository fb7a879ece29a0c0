package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of the metrics listener. It is for a monitor or two in the operator's own network.
const (
	metricsScrapes = 2 // at once; others are told 503
	metricsTimeout = 10 * time.Second
	metricsHeaders = 4 << 10
)

// observe counts requests by the pattern of their route: never by their path, which may hold a key.
func (m *metrics) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, seen := time.Now(), middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			status := seen.Status()
			if status == 0 {
				status = http.StatusOK
			}
			route := routeOf(r)
			m.requests.WithLabelValues(route, fmt.Sprintf("%dxx", status/100)).Inc()
			if !waits(route, seen.Header()) {
				m.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

// routeOf is the pattern of the route that answered, such as /torrents/{infohash}.
func routeOf(r *http.Request) string {
	route := chi.RouteContext(r.Context())
	if route == nil || len(route.RoutePatterns) == 0 {
		return "none"
	}
	if last := route.RoutePatterns[len(route.RoutePatterns)-1]; strings.HasSuffix(last, "/*") && last != "/static/*" && last != "/announce/*" {
		return "none" // only a mount answered: nothing is there
	}
	return route.RoutePattern()
}

// waits reports whether a request is meant to take long.
func waits(route string, answer http.Header) bool {
	return strings.HasPrefix(answer.Get("Content-Type"), "text/event-stream") || strings.HasSuffix(route, "/challenges")
}

// metricsServer is the listener of its own for monitors: what it says is not for everybody.
type metricsServer struct {
	http *http.Server
	l    net.Listener
}

// openMonitor has everything counted that metrics show, and binds server.metrics_listen if it is set.
func (s *Server) openMonitor(ctx context.Context) error {
	s.metrics.registry.MustRegister(scraped{s})
	s.Watch(s.metrics.countEvent)
	if err := s.measure(ctx, s.now()); err != nil {
		s.log.Error("the figures for monitors could not be read and will be tried again", "error", err)
	}
	if s.conf.Server.MetricsListen == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.conf.Server.MetricsListen)
	if err != nil {
		return fmt.Errorf("listen on server.metrics_listen = %s: %w", s.conf.Server.MetricsListen, err)
	}
	s.monitor = &metricsServer{l: l, http: &http.Server{Handler: s.metricsHandler(), ReadHeaderTimeout: metricsTimeout, ReadTimeout: metricsTimeout,
		WriteTimeout: metricsTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: metricsHeaders, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}}
	return nil
}

// metricsHandler answers /metrics, /healthz and, with its reasons, /readyz.
func (s *Server) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: metricsScrapes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError)}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, ready := http.StatusOK, s.Readiness()
		if !ready.Ready {
			status = http.StatusServiceUnavailable
		}
		answerJSON(w, status, ready)
	})
	return mux
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // who is gone needs no answer
}

// run serves until ctx ends.
func (m *metricsServer) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { m.http.Close() })()
	if err := m.http.Serve(m.l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
