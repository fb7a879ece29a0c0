package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// book is a tracker that answers everything and checks what it is told.
type book struct {
	t      *testing.T
	mu     sync.Mutex
	seen   map[string]int // announces by key
	events map[bt.Event]int
	last   map[bt.PeerID]bt.Announce
	from   map[string]map[string]bool // addresses by key
	closed int                        // requests that ask to close
}

func newBook(t *testing.T) (*book, *httptest.Server) {
	b := &book{t: t, seen: map[string]int{}, events: map[bt.Event]int{}, last: map[bt.PeerID]bt.Announce{}, from: map[string]map[string]bool{}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return b, s
}

func (b *book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := strings.Split(r.URL.Path, "/")[2]
	a, err := bt.ParseAnnounce(r.URL.RawQuery, netip.MustParseAddr("127.0.0.1"))
	if err != nil || r.UserAgent() == "" {
		b.t.Errorf("%s: %v", r.URL, err)
	}
	if old, ok := b.last[a.PeerID]; ok && (a.Uploaded < old.Uploaded || a.Downloaded < old.Downloaded || a.Left > old.Left || a.InfoHash != old.InfoHash) {
		b.t.Errorf("session of %s went from %+v to %+v", key, old, a)
	}
	b.last[a.PeerID] = a
	b.seen[key]++
	b.events[a.Event]++
	if r.Close {
		b.closed++
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if b.from[key] == nil {
		b.from[key] = map[string]bool{}
	}
	b.from[key][host] = true
	w.Write([]byte(okBody))
}

func (b *book) check(pairs, times int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) != pairs {
		b.t.Errorf("%d pairs announced, want %d", len(b.seen), pairs)
	}
	for key, n := range b.seen {
		if n != times {
			b.t.Errorf("pair %s announced %d times, want %d", key, n, times)
		}
		if len(b.from[key]) != 1 {
			b.t.Errorf("pair %s announced from %v: a peer does not move", key, b.from[key])
		}
	}
}

// driveAt is a drive of n pairs against a server on loopback.
func driveAt(t *testing.T, s string, n int, ph phase) *drive {
	t.Helper()
	o := someOptions()
	o.target, o.path, o.connections = s, "/announce/{key}/announce", 7
	if err := errors.Join(o.resolveTarget(), o.resolveSources()); err != nil {
		t.Fatal(err)
	}
	return &drive{load: newLoad(somePairs(n), o), phase: ph, target: o.addr, sources: o.sources, connections: o.connections, to: n, timeout: 20 * time.Second}
}

func TestFillAnnouncesEveryPairOnce(t *testing.T) {
	for _, closes := range []bool{false, true} {
		b, s := newBook(t)
		d := driveAt(t, s.URL, 500, fill)
		d.closes = closes
		got, err := d.run(t.Context())
		if err != nil || got.replies != 500 || got.failures != 0 || got.peers != 1000 || got.times.n != 500 || got.times.max <= 0 {
			t.Errorf("closes %v: %+v, %v", closes, got, err)
		}
		b.check(500, 1)
		if want := map[bool]int{true: 500}[closes]; b.closed != want || b.events[bt.Started] != 500 {
			t.Errorf("closes %v: %d asked to close, %d started", closes, b.closed, b.events[bt.Started])
		}
	}
}

func TestTwoModesShareTheFill(t *testing.T) {
	b, s := newBook(t)
	file := pairsFile(t, 101)
	out, err := run(t, "announce", "--target", s.URL, "--pairs", file, "--phase", "fill", "--connections", "5", "--pause", "0s", "--json")
	if err != nil {
		t.Fatal(err)
	}
	b.check(101, 1)
	var doc struct {
		Rows []struct {
			Mode      string   `json:"mode"`
			Announces uint64   `json:"announces"`
			CPU       *float64 `json:"cpu_us_per_announce"`
			Peers     float64  `json:"peers_per_reply"`
		} `json:"rows"`
		Peers int `json:"peers"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	// The server is this very process, found by its listening socket.
	if len(doc.Rows) != 2 || doc.Rows[0].Announces+doc.Rows[1].Announces != 101 || doc.Rows[1].Mode != "connection" || doc.Rows[0].CPU == nil ||
		doc.Rows[0].Peers != 2 || doc.Peers != 101 {
		t.Errorf("%+v\n%s", doc, out)
	}
}

func pairsFile(t *testing.T, n int) string {
	t.Helper()
	p, file := somePairs(n), filepath.Join(t.TempDir(), "pairs")
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "%x\t%s\n", p.hash(i), p.key(i))
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestMixKeepsSessionsWhole(t *testing.T) {
	b, s := newBook(t)
	d := driveAt(t, s.URL, 40, fill)
	if _, err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.phase, d.duration = mixed, 300*time.Millisecond
	got, err := d.run(t.Context())
	if err != nil || got.failures != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	b.mu.Lock() // the book has checked every counter
	defer b.mu.Unlock()
	told := 0
	for _, n := range b.seen {
		told += n
	}
	if told != 40+int(got.replies) || len(b.seen) != 40 {
		t.Errorf("%d announces arrived, %d were counted", told, 40+got.replies)
	}
}

func TestMoreConnectionsThanPairs(t *testing.T) {
	b, s := newBook(t)
	if _, err := driveAt(t, s.URL, 3, fill).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.check(3, 1)
}

func TestRefusalsAreReported(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "1/") {
			w.WriteHeader(503)
			return
		}
		w.Write([]byte("d14:failure reason12:you may not!e"))
	}))
	defer s.Close()
	file := pairsFile(t, 32)
	out, err := run(t, "announce", "--target", s.URL, "--pairs", file, "--phase", "fill", "--mode", "keepalive", "--pause", "0s")
	if err != nil || !strings.Contains(out, `30 × "you may not!"`) || !strings.Contains(out, `2 × "HTTP status 503"`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// rude serves every connection with f and counts nothing.
func rude(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer c.Close()
				f(c)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

func readHead(c net.Conn) bool {
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			return err == nil
		}
	}
}

func TestRudeServersDoNotHangIt(t *testing.T) {
	reply := func(s string) func(net.Conn) {
		return func(c net.Conn) {
			if readHead(c) {
				c.Write([]byte(s))
			}
		}
	}
	whole := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(okBody), okBody)
	untilGone := func(c net.Conn) { c.Read(make([]byte, 1<<16)); c.Read(make([]byte, 1)) }
	for _, c := range []struct {
		name   string
		serve  func(net.Conn)
		closes bool
		want   string
		gone   bool // nobody answers: given up
	}{
		{"closes at once", func(net.Conn) {}, false, "", true},
		{"closes after the request", reply(""), false, errClosedEarly.Error(), true},
		{"closes in the middle", reply(whole[:50]), true, errClosedEarly.Error(), true},
		{"garbage", reply("220 mail.example ESMTP\r\n\r\n"), false, errNotHTTP.Error(), true},
		{"never ends", func(c net.Conn) {
			for readHead(c) {
				for c != nil {
					if _, err := c.Write(make([]byte, 1000)); err != nil {
						return
					}
				}
			}
		}, false, errNotHTTP.Error(), true},
		{"too long", reply("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxReply)), false, errTooLong.Error(), true},
		{"says nothing", untilGone, false, "no reply within 100ms", true},
		{"html", reply("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<br>"), false, errNotBencode.Error(), false},
		{"more than the reply", reply(whole + "x"), false, errSurplus.Error(), true},
		{"closes though asked to keep", reply("HTTP/1.0 200 OK\r\n\r\n" + okBody), false, "", false},
		{"keeps though asked to close", func(c net.Conn) { reply(whole)(c); untilGone(c) }, true, errStaysOpen.Error(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := driveAt(t, rude(t, c.serve), 60, fill)
			d.connections, d.timeout, d.closes = 3, 100*time.Millisecond, c.closes
			got, err := d.run(t.Context())
			if gone := errors.As(err, new(errGone)); gone != c.gone || !gone && err != nil {
				t.Fatalf("error %v, want given up: %v", err, c.gone)
			}
			if c.gone && got.failures != patience*3 {
				t.Errorf("%d failures before it was given up, want %d", got.failures, patience*3)
			}
			if !c.gone && got.replies != 60 {
				t.Errorf("%d replies", got.replies)
			}
			if c.want != "" && got.texts[c.want] == 0 || c.want == "" && !c.gone && got.failures > 0 {
				t.Errorf("failures %v, want %q", got.texts, c.want)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := "http://" + l.Addr().String()
	l.Close()
	out, err := run(t, "announce", "--target", target, "--pairs", pairsFile(t, 50), "--mode", "connection", "--pause", "0s")
	if err == nil || !strings.Contains(err.Error(), "refused") || !strings.Contains(out, "nobody listens") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	asked := make(chan bool, 100)
	d := driveAt(t, rude(t, func(c net.Conn) {
		readHead(c)
		asked <- true
		c.Read(make([]byte, 1))
	}), 60, fill)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := d.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestFindsThisProcess(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0", "[::1]:0"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Logf("%s: %v", at, err)
			continue
		}
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		host := netip.MustParseAddr("127.0.0.1")
		if at == "[::1]:0" {
			host = netip.IPv6Loopback()
		}
		if pid, err := findServer("/proc", netip.AddrPortFrom(host, port)); err != nil || pid != os.Getpid() {
			t.Errorf("%s: process %d, %v; this is %d", at, pid, err, os.Getpid())
		}
		l.Close()
	}
}
