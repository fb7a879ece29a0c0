package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/swarmstake/swarmstake/seeder/dashboard"
)

const secretPath = "/services/T000/B000/XXSECRETXX"

func note(i int) Alert {
	return Alert{Kind: Disk, Phase: Begun, Text: fmt.Sprintf("attic: alert %d", i), At: noon.Add(time.Duration(i) * time.Second)}
}

// hook is a webhook that answers as it is told and keeps what came.
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	got  []*http.Request
	body []string
	came chan struct{}
}

func newHook(t *testing.T, answer func(n int, w http.ResponseWriter)) *hook {
	h := &hook{came: make(chan struct{}, 1000)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		h.got, h.body = append(h.got, r), append(h.body, string(raw))
		n := len(h.got)
		h.mu.Unlock()
		answer(n, w)
		h.came <- struct{}{}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) requests() (got []*http.Request, body []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got), slices.Clone(h.body)
}

func run(t *testing.T, s *Sender) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// empty waits until nothing is pending.
func empty(t *testing.T, s *Sender) {
	t.Helper()
	for end := time.Now().Add(time.Minute); len(s.Pending()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still pending: %d", len(s.Pending()))
		}
	}
}

func TestDelivery(t *testing.T) {
	h := newHook(t, func(int, http.ResponseWriter) {})
	s, err := NewSender(Config{URL: h.URL + secretPath, UserAgent: "swarmseed/test"})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s)
	s.Send(note(1), note(2))
	empty(t, s)
	got, bodies := h.requests()
	if len(got) != 2 || got[0].Method != "POST" || got[0].URL.Path != secretPath || got[0].Header.Get("Content-Type") != "application/json" || got[0].UserAgent() != "swarmseed/test" {
		t.Fatalf("%d requests, %v", len(got), got)
	}
	var b map[string]any
	if err := json.Unmarshal([]byte(bodies[0]), &b); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"kind": "disk", "phase": "begun", "text": "attic: alert 1", "content": "attic: alert 1", "at": "2026-03-14T12:00:01Z",
		"node": map[string]any{"id": 0.0, "name": "", "server": ""}, "allowed_mentions": map[string]any{"parse": []any{}}}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Error(diff)
	}
}

// What a webhook refuses for good is tried once; the next alert is not held up by it.
func TestRefused(t *testing.T) {
	other := newHook(t, func(int, http.ResponseWriter) {})
	for _, status := range []int{301, 302, 307, 308, 400, 401, 404, 410} {
		h := newHook(t, func(n int, w http.ResponseWriter) {
			if n == 1 {
				w.Header().Set("Location", other.URL)
				w.WriteHeader(status)
			}
		})
		var log strings.Builder
		s, err := NewSender(Config{URL: h.URL + secretPath, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, s)
		s.Send(note(1), note(2))
		empty(t, s)
		stop()
		if got, _ := h.requests(); len(got) != 2 {
			t.Errorf("%d: %d requests, want 2", status, len(got))
		}
		if !strings.Contains(log.String(), fmt.Sprint(status)) || strings.Contains(log.String(), "XXSECRETXX") {
			t.Errorf("%d: log: %s", status, log.String())
		}
	}
	if got, _ := other.requests(); len(got) > 0 {
		t.Error("a redirect was followed")
	}
}

// wire answers requests without a network, so that pauses cost no time.
type wire func(*http.Request) (*http.Response, error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func answer(status int, header ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("ok"))}
	for i := 0; i+1 < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

func TestRetries(t *testing.T) {
	for name, c := range map[string]struct {
		fail  func() (*http.Response, error)
		after []time.Duration // of each try since the one before
	}{
		"server error": {func() (*http.Response, error) { return answer(503), nil }, []time.Duration{5, 10, 20, 40}},
		"no network":   {func() (*http.Response, error) { return nil, errors.New("no route") }, []time.Duration{5, 10, 20, 40}},
		"rate limit":   {func() (*http.Response, error) { return answer(429, "Retry-After", "15"), nil }, []time.Duration{15, 15, 20, 40}},
		"endless wait": {func() (*http.Response, error) { return answer(429, "Retry-After", "99999999"), nil }, []time.Duration{3600, 3600}},
		"no wait":      {func() (*http.Response, error) { return answer(429, "Retry-After", "-5"), nil }, []time.Duration{5, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				s, err := NewSender(Config{URL: "https://chat.example" + secretPath})
				if err != nil {
					t.Fatal(err)
				}
				s.http.Transport = wire(func(*http.Request) (*http.Response, error) {
					if at = append(at, time.Now()); len(at) <= len(c.after) {
						return c.fail()
					}
					return answer(204), nil
				})
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go s.Run(ctx)
				s.Send(note(1))
				time.Sleep(3 * time.Hour)
				synctest.Wait()
				if len(at) != len(c.after)+1 || len(s.Pending()) != 0 {
					t.Fatalf("%d tries, %d pending", len(at), len(s.Pending()))
				}
				for i, want := range c.after {
					if got := at[i+1].Sub(at[i]); got != want*time.Second {
						t.Errorf("try %d came after %s, want %s", i+2, got, want*time.Second)
					}
				}
			})
		})
	}
}

// A webhook that is gone for good does not keep an alert for ever, a full queue loses the oldest, and
// a new address is tried at once.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries int
		var hosts []string
		var log strings.Builder
		s, err := NewSender(Config{URL: "https://chat.example" + secretPath, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		s.http.Transport = wire(func(r *http.Request) (*http.Response, error) {
			tries++
			if hosts = append(hosts, r.URL.Host); r.URL.Host == "new.example" {
				return answer(200), nil
			}
			return nil, fmt.Errorf("cannot reach %s at %s", r.URL, r.URL.Host)
		})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go s.Run(ctx)
		s.Send(note(1))
		for range 40 {
			time.Sleep(time.Hour)
			if err := s.SetURL("https://chat.example" + secretPath); err != nil { // the same again changes nothing
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if tries != maxTries || len(s.Pending()) != 0 {
			t.Fatalf("%d tries, %d pending", tries, len(s.Pending()))
		}
		for i := range maxPending + 50 {
			s.Send(note(i))
		}
		if p := s.Pending(); len(p) != maxPending || p[0].Text != "attic: alert 50" {
			t.Fatalf("%d pending from %q", len(p), p[0].Text)
		}
		synctest.Wait()
		before := time.Now()
		if err := s.SetURL("https://new.example/x"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := s.Pending(); len(p) != 0 || time.Since(before) > 0 {
			t.Errorf("%d pending %s after the change", len(p), time.Since(before))
		}
		if n := len(slices.DeleteFunc(hosts, func(h string) bool { return h != "new.example" })); n != maxPending {
			t.Errorf("%d went to the new address", n)
		}
		if text := log.String(); strings.Contains(text, "XXSECRETXX") || strings.Contains(text, "chat.example") || !strings.Contains(text, "cannot reach (webhook)") {
			t.Errorf("log: %.500s", text)
		}
	})
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"hooks.example/x", "ftp://hooks.example/x", "https://", "https://a b/XXSECRETXX", "https://h.example/" + strings.Repeat("x", 3000), "::XXSECRETXX"} {
		if _, err := NewSender(Config{URL: bad}); err == nil || strings.Contains(err.Error(), "XXSECRETXX") || !strings.Contains(err.Error(), "want https://") {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	s, err := NewSender(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Send(note(1)); len(s.Pending()) > 0 {
		t.Error("alerts are kept for nobody")
	}
	if err := s.SetURL("https://h.example/x"); err != nil {
		t.Fatal(err)
	}
	s.Send(note(1))
	if err := s.SetURL("nonsense"); err == nil || len(s.Pending()) != 1 {
		t.Errorf("a wrong address changed something: %v", err)
	}
	if err := s.SetURL(""); err != nil || len(s.Pending()) > 0 {
		t.Errorf("switched off, but %d are pending, %v", len(s.Pending()), err)
	}
}

// A restart repeats nothing and loses nothing: what was told and what waits is in the file.
func TestWatchSurvivesARestart(t *testing.T) {
	h := newHook(t, func(int, http.ResponseWriter) {})
	path, url := filepath.Join(t.TempDir(), "alerts.json"), h.URL+secretPath
	view := with(func(v *dashboard.View) { v.Audits.Suspended = true })
	now := noon
	begin := func() (w *Watch, s *Sender) {
		w = &Watch{Path: path, View: func(context.Context) dashboard.View { return view }, URL: func() string { return url },
			Now: func() time.Time { now = now.Add(time.Minute); return now }}
		s, err := w.begin()
		if err != nil {
			t.Fatal(err)
		}
		return w, s
	}
	w, s := begin()
	w.look(t.Context(), s) // and then it is killed
	if raw, err := os.ReadFile(path); err != nil || strings.Contains(string(raw), "XXSECRETXX") || !strings.Contains(string(raw), "suspended") {
		t.Fatalf("%v: %s", err, raw)
	}
	w, s = begin()
	w.look(t.Context(), s)
	if p := s.Pending(); len(p) != 1 || p[0].Kind != Suspension {
		t.Fatalf("after a restart %q wait", brief(p))
	}
	stop := run(t, s)
	empty(t, s)
	stop()
	w, s = begin()
	w.look(t.Context(), s)
	if got, _ := h.requests(); len(got) != 1 || len(s.Pending()) != 0 {
		t.Errorf("%d requests, %q wait", len(got), brief(s.Pending()))
	}
	// What stands is told to whoever sets an address.
	for _, set := range []struct {
		url  string
		want []string
	}{{"", nil}, {"no address, XXSECRETXX", nil}, {h.URL, []string{"suspension begun"}}, {h.URL, []string{"suspension begun"}}} {
		url = set.url
		w.look(t.Context(), s)
		if got := brief(s.Pending()); !slices.Equal(got, set.want) {
			t.Errorf("%.10q: %q wait, want %q", set.url, got, set.want)
		}
	}
}

// The whole loop, from a look to the webhook, with a file that cannot be read.
func TestWatchRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "alerts.json")
		if err := os.WriteFile(path, []byte("{half"), 0o600); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		looks := 0
		w := &Watch{Path: path, URL: func() string { return "" }, Log: slog.New(slog.NewTextHandler(&log, nil)),
			View: func(context.Context) dashboard.View {
				looks++
				return with(func(v *dashboard.View) { v.Audits.Suspended = true })
			}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		time.Sleep(10*time.Minute + time.Second)
		stop()
		if err := <-done; err != nil || looks != 10 {
			t.Errorf("%v, %d looks in 10 minutes", err, looks)
		}
		if text := log.String(); !strings.Contains(text, "may be repeated") || strings.Count(text, "the node is suspended") != 1 {
			t.Errorf("log: %s", text)
		}
		if raw, err := os.ReadFile(path); err != nil || !json.Valid(raw) {
			t.Errorf("%v: %s", err, raw)
		}
	})
}
