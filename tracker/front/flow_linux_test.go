package front

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const bigLen = 8 << 20 // more than any socket takes at once

// big answers "big" with a body that has to wait for the peer, and everything else with the query.
func big(dst []byte, _, _, query string, _ netip.Addr) []byte {
	if !strings.HasPrefix(query, "big") {
		return append(dst, query...)
	}
	for i := range bigLen / 8 {
		dst = append(dst, byte(i), byte(i>>8), byte(i>>16), query[len(query)-1], 1, 2, 3, 4)
	}
	return dst
}

func wantsBig(t *testing.T, c *client, mark byte) {
	t.Helper()
	status, body, _ := c.answer()
	if status != 200 || len(body) != bigLen {
		t.Fatalf("answer %d with %d bytes, want %d", status, len(body), bigLen)
	}
	for i := range bigLen / 8 {
		if at := body[8*i:]; at[0] != byte(i) || at[1] != byte(i>>8) || at[2] != byte(i>>16) || at[3] != mark {
			t.Fatalf("the body is wrong from byte %d", 8*i)
		}
	}
}

// Answers that a socket does not take are kept and sent on; others are served meanwhile.
func TestShortWrites(t *testing.T) {
	f := start(t, Options{Answer: big})
	c := f.dial(t).send(get("big1") + get("big2") + get("small") + get("big3", "Connection: close"))
	d := f.dial(t).send(get("bigd", "Connection: close"))
	f.dial(t).send(get("meanwhile")).wants(200, "meanwhile")
	wantsBig(t, c, '1')
	f.dial(t).send(get("meanwhile")).wants(200, "meanwhile")
	wantsBig(t, c, '2')
	c.wants(200, "small")
	wantsBig(t, c, '3')
	c.wantsEnd()
	wantsBig(t, d, 'd')
	d.wantsEnd()
}

// A peer that does not take its answer loses the connection, and the kernel what it kept for it.
func TestWriteTimeout(t *testing.T) {
	f := start(t, Options{Answer: big, WriteTimeout: soon})
	c := f.dial(t).send(get("big1"))
	eventually(t, "the connection is held", func() bool { return f.slots.taken.Load() == 1 })
	eventually(t, "it is closed", func() bool { return f.slots.taken.Load() == 0 })
	if n, err := io.Copy(io.Discard, c); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("read %d bytes and %v, want a reset", n, err)
	}
}

// gate is an Answer that holds up the loop at the query "wait" until opened.
type gate struct{ reached, open chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}), make(chan struct{})} }

func (g *gate) answer(dst []byte, key, what, query string, addr netip.Addr) []byte {
	if query == "wait" {
		close(g.reached)
		<-g.open
	}
	return big(dst, key, what, query, addr)
}

// An answer is not lost to a reset when the peer sent more than was read.
func TestUnreadBytes(t *testing.T) {
	g := newGate()
	f := start(t, Options{Answer: g.answer})
	wait := f.dial(t).send(get("wait"))
	<-g.reached
	c := f.dial(t).send(get("a", "Connection: close") + strings.Repeat("junk", 3*readBuffer/4)) // all there before it is read
	close(g.open)
	wait.wants(200, "wait")
	c.wants(200, "a")
	c.wantsEnd()
}

func TestDrain(t *testing.T) {
	g := newGate()
	f := start(t, Options{Answer: g.answer})
	f.serveOthers(t, nil)
	idle := f.dial(t).send(get("a")).wants(200, "a")
	late := f.dial(t).send(get("a")).wants(200, "a")
	part := f.dial(t).send(get("a")).wants(200, "a").send("GET /announce/k")
	slow := f.dial(t).send(get("big1"))
	handed := f.dial(t).send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").wants(200, "other / ")
	eventually(t, "all five are held", func() bool { return f.slots.taken.Load() == 5 })

	wait := f.dial(t).send(get("wait"))
	<-g.reached // the loop stands still: what follows arrives before it ends
	late.send(get("late"))
	fresh := f.dial(t).send(get("fresh"))
	stopped := make(chan struct{})
	go func() { f.stop(); close(stopped) }()
	eventually(t, "the loop is told", func() bool { return f.loops[0].stopping.Load() })
	close(g.open)

	wait.wants(200, "wait")
	for c, query := range map[*client]string{late: "late", fresh: "fresh"} {
		if status, body, closes := c.answer(); status != 200 || body != query || !closes {
			t.Errorf("%s: %d %q, closes %v", query, status, body, closes)
		}
		c.wantsEnd()
	}
	idle.wantsEnd()
	part.wantsEnd()
	select {
	case <-stopped:
		t.Error("Run did not wait for an answer to be taken")
	default:
	}
	wantsBig(t, slow, '1')
	slow.wantsEnd()
	<-stopped
	if c, err := net.Dial("tcp", f.at); err == nil {
		c.Close()
		t.Error("it still accepts")
	}
	handed.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n").wants(200, "other /2 ") // net/http's to close
	handed.Close()
}

// Drain waits for a peer that takes nothing no longer than WriteTimeout.
func TestDrainEnds(t *testing.T) {
	f := start(t, Options{Answer: big, WriteTimeout: soon})
	f.dial(t).send(get("big1"))
	eventually(t, "the connection is held", func() bool { return f.slots.taken.Load() == 1 })
	f.stop()
}

// A life with every kind of connection leaves neither goroutines nor descriptors.
func TestNothingLeaks(t *testing.T) {
	round := func(t *testing.T) {
		f := start(t, Options{Loops: 3, Answer: big})
		f.serveOthers(t, nil)
		for range 5 {
			f.dial(t).send(get("a")).wants(200, "a")
			f.dial(t).send(get("a", "Connection: close")).wants(200, "a")
			f.dial(t).send("GET /announ")
			f.dial(t).send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").wants(200, "other")
			f.dial(t).send(get("a")+"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok").wants(200, "a").wants(200, "ok")
			f.dial(t).send("GET /announce/"+strings.Repeat("a", maxHead)).wants(431, "")
		}
		g, err := Listen("127.0.0.1:0", Options{Answer: big, Loops: 2}) // ended before it began
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
	}
	t.Run("first", round) // what the process opens once and keeps
	fds, routines := descriptors(t), runtime.NumGoroutine()
	t.Run("second", round)
	eventually(t, "all goroutines ended", func() bool { return runtime.NumGoroutine() <= routines })
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= fds })
}

// An announce allocates nothing, kept connection or not.
func TestNoAllocations(t *testing.T) {
	body := make([]byte, 400)
	f := start(t, Options{Exempt: everyone, Answer: func(dst []byte, _, _, _ string, _ netip.Addr) []byte { return append(dst, body...) }})
	to := netip.MustParseAddrPort(f.at)
	sa := &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	keep, last, buf := []byte(get("a")), []byte(get("a", "Connection: close")), make([]byte, 4096)

	c := f.dial(t)
	if n := testing.AllocsPerRun(500, func() {
		if _, err := c.Write(keep); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < len(body); {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}); n > 0 {
		t.Errorf("%v allocations an announce on a kept connection", n)
	}
	if n := testing.AllocsPerRun(500, func() { rawAnnounce(t, sa, last, buf) }); n > 0 {
		t.Errorf("%v allocations an announce on its own connection", n)
	}
}

// rawAnnounce is one connection with one announce, without allocations of its own.
func rawAnnounce(t testing.TB, sa unix.Sockaddr, head, buf []byte) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, sa)
	}
	if err == nil {
		_, err = unix.Write(fd, head)
	}
	for got := 0; err == nil; {
		var n int
		if n, err = unix.Read(fd, buf); errors.Is(err, unix.EINTR) {
			err = nil
			continue
		}
		if n <= 0 {
			if got < 400 {
				t.Fatalf("got %d bytes", got)
			}
			break
		}
		got += n
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
}

// Limits that are used up by hand-overs come back when net/http closes.
func TestHandedConnectionsCount(t *testing.T) {
	f := start(t, Options{MaxConns: 1})
	c := f.dial(t).send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	got, err := f.Others().Accept()
	if err != nil {
		t.Fatal(err)
	}
	f.dial(t).send("GET /announce/k").wants(503, "")
	if err := got.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	var all string
	for len(all) < len("GET / HTTP/1.1\r\nHost: x\r\n\r\n") {
		n, err := got.Read(buf) // in parts
		if err != nil {
			t.Fatal(err)
		}
		all += string(buf[:n])
	}
	if _, err := got.Read(buf); err == nil || !err.(net.Error).Timeout() {
		t.Errorf("read after the deadline: %v", err)
	}
	if got.RemoteAddr().String() != c.LocalAddr().String() || got.LocalAddr().String() != f.at {
		t.Errorf("the connection is from %s to %s", got.RemoteAddr(), got.LocalAddr())
	}
	got.Close()
	got.Close()
	c.wantsEnd()
	f.dial(t).send(get("a")).wants(200, "a").send(get("b")).wants(200, "b")
}

// Others holds maxHanded connections; beyond it they are refused, and announces go on.
func TestOthersFull(t *testing.T) {
	f := start(t, Options{Exempt: everyone})
	for range maxHanded {
		f.dial(t).send("GET /x")
	}
	eventually(t, "the queue is full", func() bool { return f.slots.taken.Load() == maxHanded })
	f.dial(t).send("GET /x").wants(503, "")
	f.dial(t).send(get("a")).wants(200, "a").send("GET /x").wants(503, "")
	f.dial(t).send(get("a")).wants(200, "a")
	f.Others().Close()
	eventually(t, "what waited is closed", func() bool { return f.slots.taken.Load() <= 1 })
	f.dial(t).send("GET /x").wants(503, "")
	if _, err := f.Others().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
}
