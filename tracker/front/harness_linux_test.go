package front

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of the tests; none of them depends on how long something takes.
const patience = 30 * time.Second

// echo answers with all that it was asked.
func echo(dst []byte, key, what, query string, addr netip.Addr) []byte {
	return fmt.Appendf(dst, "key=%s what=%s query=%s addr=%s", key, what, query, addr)
}

func everyone(netip.Addr) bool { return true }

// running is a front under test.
type running struct {
	*Front
	at   string
	stop func() // ends Run and waits for it
}

// start runs a front on loopback until the test ends; then nothing of it may be left.
func start(t *testing.T, o Options) *running {
	t.Helper()
	return startAt(t, "127.0.0.1:0", o)
}

func startAt(t *testing.T, addr string, o Options) *running {
	t.Helper()
	if o.Answer == nil {
		o.Answer = echo
	}
	if o.Loops == 0 {
		o.Loops = 1
	}
	f, err := Listen(addr, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	var once sync.Once
	r := &running{Front: f, at: f.Addr().String()}
	r.stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("Run returned %v", err)
				}
			case <-time.After(patience):
				t.Error("Run did not end")
			}
		})
	}
	t.Cleanup(func() {
		r.stop()
		eventually(t, "all slots are free", func() bool { return f.slots.taken.Load() == 0 })
		f.slots.mu.Lock()
		defer f.slots.mu.Unlock()
		if n := len(f.slots.byAddr); n != 0 {
			t.Errorf("%d addresses are still counted", n)
		}
	})
	return r
}

// serveOthers answers what is handed over with "other", the path and the body.
func (r *running) serveOthers(t *testing.T, h http.Handler) {
	if h == nil {
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "other %s %s %s", r.URL.Path, r.RemoteAddr, body)
		})
	}
	s := &http.Server{Handler: h, MaxHeaderBytes: 4 << 10}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(r.Others()); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	}()
	t.Cleanup(func() { s.Close(); <-done })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// client is one raw connection.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (r *running) dial(t *testing.T) *client { return r.dialFrom(t, "") }

func (r *running) dialFrom(t *testing.T, local string) *client {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	if local != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	c, err := d.Dial("tcp", r.at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &client{c, t, bufio.NewReader(c)}
}

func (c *client) send(s string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatalf("send: %v", err)
	}
	return c
}

// answer reads one response; close says whether the connection is to end after it.
func (c *client) answer() (status int, body string, closes bool) {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("read answer: %v", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("read body: %v", err)
	}
	return res.StatusCode, string(b), res.Close
}

func (c *client) wants(status int, body string) *client {
	c.t.Helper()
	s, b, _ := c.answer()
	if s != status || !strings.Contains(b, body) {
		c.t.Fatalf("answer %d %.100q, want %d with %q", s, b, status, body)
	}
	return c
}

// wantsEnd reads the end of the connection, which was not reset.
func (c *client) wantsEnd() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		c.t.Fatalf("read %q and %v, want the end of the connection", b, err)
	}
}

// get is an announce with the given query and further headers.
func get(query string, headers ...string) string {
	head := "GET /announce/k/announce?" + query + " HTTP/1.1\r\nHost: x\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return head + "\r\n"
}

// logs keeps log lines and tells that one came.
type logs struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	came chan struct{}
}

func newLogs() (*logs, *slog.Logger) {
	l := &logs{came: make(chan struct{}, 100)}
	return l, slog.New(slog.NewTextHandler(l, nil))
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default:
	}
	return l.buf.Write(p)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// descriptors counts the open ones, without the one that counts.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names) - 1
}
