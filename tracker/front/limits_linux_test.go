package front

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const soon = 100 * time.Millisecond // a timeout short enough to wait for

func TestHeaderTimeout(t *testing.T) {
	f := start(t, Options{HeaderTimeout: soon, IdleTimeout: time.Hour})
	f.dial(t).send("GET /announ").wantsEnd()
	f.dial(t).wantsEnd() // never sends a byte
	c := f.dial(t).send(get("a")).wants(200, "query=a")
	c.send("G").wantsEnd() // likewise for a later request
}

func TestIdleTimeout(t *testing.T) {
	f := start(t, Options{HeaderTimeout: time.Hour, IdleTimeout: soon})
	f.dial(t).send(get("a")).wants(200, "query=a").wantsEnd()
}

// Bytes that trickle in do not extend the time for a head.
func TestTrickle(t *testing.T) {
	f := start(t, Options{HeaderTimeout: soon})
	c := f.dial(t).send("GET /announce/k/announce?")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		io.Copy(io.Discard, c)
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 4000 { // 20 s of them, less than the client's patience
		select {
		case <-ended:
			return
		case <-tick.C:
			c.Write([]byte("a"))
		}
	}
	t.Error("a trickling connection was kept")
}

// Thousands of half-open connections delay nobody and all go on time.
func TestSlowLoris(t *testing.T) {
	const attackers = 2000
	f := start(t, Options{HeaderTimeout: 2 * time.Second, Exempt: everyone, MaxConns: 2 * attackers, Loops: 2})
	conns := make([]*client, attackers)
	for i := range conns {
		conns[i] = f.dial(t).send("GET /announce/k/announce?a HTTP/1.1\r\nHost: x\r\nX")
		if i%100 == 0 {
			f.dial(t).send(get("a", "Connection: close")).wants(200, "query=a")
		}
	}
	for _, c := range conns {
		c.wantsEnd()
		c.Close()
	}
	eventually(t, "their slots are free", func() bool { return f.slots.taken.Load() == 0 })
}

func TestMaxConns(t *testing.T) {
	f := start(t, Options{MaxConns: 2, Exempt: everyone})
	testLimit(t, f, "127.0.0.1")
}

func TestMaxPerAddr(t *testing.T) {
	f := start(t, Options{MaxPerAddr: 2, Exempt: func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.9") }})
	testLimit(t, f, "127.0.0.1")
	a, b := f.dial(t).send(get("a")).wants(200, ""), f.dial(t).send(get("a")).wants(200, "")
	f.dialFrom(t, "127.0.0.2").send(get("a")).wants(200, "addr=127.0.0.2").send(get("b")).wants(200, "query=b")
	for range 5 {
		f.dialFrom(t, "127.0.0.9").send(get("a")).wants(200, "addr=127.0.0.9").send(get("b")).wants(200, "query=b")
	}
	f.dial(t).send("GET /").wants(503, "")
	a.send(get("still")).wants(200, "query=still")
	b.send(get("still")).wants(200, "query=still")
}

// testLimit has a front on which two connections may stay.
func testLimit(t *testing.T, f *running, local string) {
	t.Helper()
	one := f.dialFrom(t, local).send(get("a")).wants(200, "query=a")
	two := f.dialFrom(t, local).send("GET /announce/")
	eventually(t, "two slots are taken", func() bool { return f.slots.taken.Load() == 2 })

	for _, part := range []string{"GET /announce/k/ann", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} { // has to wait
		c := f.dialFrom(t, local).send(part)
		b, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 503 Service Unavailable\r\n") ||
			!strings.Contains(string(b), "\r\nRetry-After: 30\r\n") {
			t.Fatalf("the third connection got %q and %v", b, err)
		}
	}
	full := f.dialFrom(t, local).send(get("complete")) // need not wait
	if status, body, closes := full.answer(); status != 200 || !closes || !strings.Contains(body, "query=complete") {
		t.Fatalf("a complete announce beyond the limit got %d %q, closes: %v", status, body, closes)
	}
	full.wantsEnd()

	two.Close()
	eventually(t, "a slot is free", func() bool { return f.slots.taken.Load() == 1 })
	f.dialFrom(t, local).send(get("again")).wants(200, "query=again").send(get("kept")).wants(200, "query=kept").Close()
	one.Close()
	eventually(t, "all slots are free", func() bool { return f.slots.taken.Load() == 0 })
}

func TestSlotAddr(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"::1", "0.0.0.1", false},
	} {
		if same := slotAddr(netip.MustParseAddr(c.a)) == slotAddr(netip.MustParseAddr(c.b)); same != c.same {
			t.Errorf("%s and %s are counted together: %v", c.a, c.b, same)
		}
	}
}

// Without descriptors the front waits, and does not spin; then it goes on by itself.
func TestOutOfDescriptors(t *testing.T) {
	told, log := newLogs()
	f := start(t, Options{Log: log})
	to := netip.MustParseAddrPort(f.at)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	kept := f.dial(t).send(get("a")).wants(200, "query=a")

	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	restore := sync.OnceFunc(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) })
	defer restore()
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte(get("late", "Connection: close"))); err != nil {
		t.Fatal(err)
	}
	select {
	case <-told.came:
	case <-time.After(patience):
		t.Fatal("the lack of descriptors was not logged")
	}
	eventually(t, "it has tried again", func() bool { return f.loops[0].pauses.Load() >= 2 })
	kept.send(get("b")).wants(200, "query=b") // others are served meanwhile
	if tries, most := f.loops[0].pauses.Load(), int64(time.Since(begin)/acceptPause)+1; tries > most {
		t.Errorf("%d tries to accept, at most %d fit into the time", tries, most)
	}
	restore()
	var answer strings.Builder
	for buf := make([]byte, 4096); ; {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		answer.Write(buf[:n])
	}
	if !strings.Contains(answer.String(), "query=late") {
		t.Errorf("the connection that waited got %q", answer.String())
	}
	if n := strings.Count(told.text(), "\n"); n != 1 {
		t.Errorf("%d log lines: %s", n, told.text())
	}
}

func TestPanicInAnswer(t *testing.T) {
	told, log := newLogs()
	f := start(t, Options{Log: log, Answer: func(dst []byte, key, what, query string, addr netip.Addr) []byte {
		switch query {
		case "panic":
			panic("no reason")
		case "lost":
			return nil // without what dst held
		}
		return echo(dst, key, what, query, addr)
	}})
	ok := f.dial(t).send(get("a")).wants(200, "query=a")
	for _, q := range []string{"panic", "lost"} {
		f.dial(t).send(get(q)).wantsEnd()
		c := f.dial(t).send(get("a")).wants(200, "query=a")
		c.send(get(q)).wantsEnd()
	}
	ok.send(get("b")).wants(200, "query=b")
	if n := strings.Count(told.text(), "answer panicked"); n != 4 || !strings.Contains(told.text(), "no reason") {
		t.Errorf("%d panics in the log: %s", n, told.text())
	}
}

// Peers that reset at any moment do not end a loop.
func TestResets(t *testing.T) {
	f := start(t, Options{Exempt: everyone, Loops: 2, Answer: func(dst []byte, _, _, query string, _ netip.Addr) []byte {
		if query == "big" {
			return append(dst, make([]byte, 4<<20)...)
		}
		return append(dst, query...)
	}})
	f.serveOthers(t, nil)
	for i, head := range []string{"", "GET /announce/k", get("a"), get("a", "Connection: close"), get("big"), get("big") + get("big"),
		get("big", "Connection: close"), "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / ", get("a") + "GET", "GET /announce/" + strings.Repeat("a", 3*maxHead)} {
		for j := range 20 {
			c := f.dial(t).send(head)
			if j%2 == 1 && strings.HasPrefix(head, get("a")) {
				c.wants(200, "a")
			}
			c.Conn.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
		f.dial(t).send(get(fmt.Sprint(i), "Connection: close")).wants(200, fmt.Sprint(i))
	}
	eventually(t, "all slots are free", func() bool { return f.slots.taken.Load() == 0 })
}

// An event that was fetched before its connection closed does not reach the next one in its place.
func TestLateEvent(t *testing.T) {
	f, err := Listen("127.0.0.1:0", Options{Answer: echo, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	l := f.loops[0]
	defer l.release()
	open := func() *conn {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fds[1]) // whoever reads finds the end
		return l.open(int32(fds[0]), netip.IPv4Unspecified())
	}
	first := open()
	late := unix.EpollEvent{Events: unix.EPOLLIN, Fd: first.index, Pad: first.generation}
	l.close(first)
	second := open()
	if second != first {
		t.Fatal("the place was not used again")
	}
	defer l.close(second)
	generation := second.generation
	l.events[0] = late
	if l.handle(1); second.generation != generation {
		t.Error("the late event closed another connection")
	}
}
