package dashboard_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

// serve runs a dashboard of one view until the test ends.
func serve(t *testing.T, v dashboard.View) *dashboard.Site {
	t.Helper()
	s, err := dashboard.New(dashboard.Config{Addr: "127.0.0.1:0", View: func(context.Context) dashboard.View { return v }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// ask sends one request; host empty: the address itself.
func ask(t *testing.T, s *dashboard.Site, method, path, host string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestRoutes(t *testing.T) {
	s := serve(t, busyView())
	for _, c := range []struct {
		method, path string
		status       int
		kind, holds  string
	}{
		{"GET", "/", 200, "text/html", "<h1"},
		{"HEAD", "/", 200, "text/html", ""},
		{"GET", "/status.json", 200, "application/json", `"headline"`},
		{"GET", "/metrics", 200, "text/plain", "swarmseed_earning 1"},
		{"GET", "/static/style.css", 200, "text/css", "prefers-color-scheme"},
		{"GET", "/static/live.js", 200, "text/javascript", "fetch("},
		{"GET", "/static/icon.svg", 200, "image/svg+xml", "<svg"},
		{"GET", "/static/", 404, "text/plain", ""},
		{"GET", "/templates/page.html", 404, "text/plain", ""},
		{"GET", "/nothing", 404, "text/plain", ""},
		{"POST", "/", 405, "text/plain", "swarmseed command"},
		{"DELETE", "/status.json", 405, "text/plain", ""},
		{"OPTIONS", "/metrics", 405, "text/plain", ""},
	} {
		resp, body := ask(t, s, c.method, c.path, "")
		if resp.StatusCode != c.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), c.kind) || !strings.Contains(body, c.holds) {
			t.Errorf("%s %s: %d, %s, %.80q", c.method, c.path, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY"} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s %s: %s: %q, want %q", c.method, c.path, name, got, want)
			}
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s %s: CSP %q", c.method, c.path, csp)
		}
	}
}

// Another site's page can have its own name resolve to this machine (DNS rebinding); its requests
// then carry that name.
func TestOnlyThisMachinesNames(t *testing.T) {
	s := serve(t, busyView())
	_, port, _ := net.SplitHostPort(s.Addr())
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:" + port: 200, "localhost.:9": 200, "127.0.0.1": 200, "127.0.0.1:" + port: 200, "127.8.9.1:1": 200,
		"[::1]:" + port: 200, "[::ffff:127.0.0.1]": 200,
		"evil.example": 421, "evil.example:" + port: 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
		"10.1.2.3": 421, "0.0.0.0:" + port: 421, "[::]:" + port: 421, "[2001:db8::1]": 421, "2130706433": 421, "notlocalhost": 421,
	} {
		for _, path := range []string{"/", "/status.json", "/metrics", "/static/style.css"} {
			resp, body := ask(t, s, "GET", path, host)
			if resp.StatusCode != want {
				t.Errorf("%s with Host %s: %d, want %d", path, host, resp.StatusCode, want)
			}
			if want != 200 && strings.Contains(body, "torrent") {
				t.Errorf("%s with Host %s tells: %q", path, host, body)
			}
		}
	}
}

func TestListenAddress(t *testing.T) {
	view := func(context.Context) dashboard.View { return dashboard.View{} }
	for addr, want := range map[string]string{
		"0.0.0.0:0": "ssh -L", "[::]:0": "ssh -L", "192.0.2.1:80": "other machines", "": "want IP:port", "127.0.0.1": "want IP:port", "example.org:80": "want IP:port",
	} {
		if s, err := dashboard.New(dashboard.Config{Addr: addr, View: view}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", addr, s, err, want)
		}
	}
	for _, c := range []dashboard.Config{{Addr: "localhost:0"}, {Addr: "127.0.0.1:0"}, {Addr: "0.0.0.0:0", AllowRemote: true}} {
		c.View = view
		s, err := dashboard.New(c)
		if err != nil {
			t.Errorf("%q: %v", c.Addr, err)
			continue
		}
		s.Close()
	}
}

// On every address of the machine, a request must name the one that it came to.
func TestRemoteNames(t *testing.T) {
	s, err := dashboard.New(dashboard.Config{Addr: "0.0.0.0:0", AllowRemote: true, View: func(context.Context) dashboard.View { return emptyView() }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for host, want := range map[string]int{"192.0.2.7:80": 200, "127.0.0.1": 200, "192.0.2.8": 421, "0.0.0.0": 421, "node.example": 421} {
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 80}), "GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if s.Handler().ServeHTTP(w, r); w.Code != want {
			t.Errorf("Host %s: %d, want %d", host, w.Code, want)
		}
	}
}

// A machine may run two nodes; the second one's dashboard finds a place and says where.
func TestBusyPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var log strings.Builder
	s, err := dashboard.New(dashboard.Config{Addr: taken.Addr().String(), Log: slog.New(slog.NewTextHandler(&log, nil)),
		View: func(context.Context) dashboard.View { return dashboard.View{} }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Addr() == taken.Addr().String() || !strings.HasPrefix(s.Addr(), "127.0.0.1:") {
		t.Errorf("listens on %s beside %s", s.Addr(), taken.Addr())
	}
	if !strings.Contains(log.String(), s.URL()) {
		t.Errorf("the log does not say where: %s", log.String())
	}
}

func TestFetch(t *testing.T) {
	want := busyView()
	s := serve(t, want)
	for _, addr := range []string{s.Addr(), s.URL(), s.URL() + "\n"} {
		got, err := dashboard.Fetch(t.Context(), addr)
		if err != nil {
			t.Fatalf("%q: %v", addr, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", addr, diff)
		}
	}
}

// What stands at the address that a dead daemon wrote down may be anything by now.
func TestFetchFromStrangers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"another program": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"other JSON":      func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"a":1}`) },
		"refusal":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) },
		"redirect":        func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 302) },
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for chunk := []byte(strings.Repeat(" ", 1<<20)); r.Context().Err() == nil; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
	} {
		s := httptest.NewServer(h)
		if v, err := dashboard.Fetch(t.Context(), s.URL); err == nil {
			t.Errorf("%s: %v", name, v)
		}
		s.Close()
	}
	if _, err := dashboard.Fetch(t.Context(), "127.0.0.1:0"); err == nil {
		t.Error("nobody listens, and Fetch does not say so")
	}
	if _, err := dashboard.Fetch(t.Context(), "%%%"); err == nil || !strings.Contains(err.Error(), "IP:port") {
		t.Errorf("nonsense: %v", err)
	}
}

// The View is part of the command line's output: names end in their unit, and nothing is lost on
// the way.
func TestStatusRoundTrip(t *testing.T) {
	raw, err := json.Marshal(busyView())
	if err != nil {
		t.Fatal(err)
	}
	var v dashboard.View
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(busyView(), v); diff != "" {
		t.Error(diff)
	}
}

// Run must let go of the port, also while a browser keeps its connection open.
func TestRunEnds(t *testing.T) {
	s, err := dashboard.New(dashboard.Config{Addr: "127.0.0.1:0", View: func(context.Context) dashboard.View { return busyView() }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask(t, s, "GET", "/", "")
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run does not end")
	}
	l, err := net.Listen("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
