package front

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestKeepAliveAndPipelining(t *testing.T) {
	f := start(t, Options{})
	c := f.dial(t)
	for i := range 5 {
		c.send(get(fmt.Sprint("n=", i))).wants(200, fmt.Sprintf("key=k what=announce query=n=%d addr=127.0.0.1", i))
	}
	var many strings.Builder
	const pipelined = 2000 // several read buffers
	for i := range pipelined {
		many.WriteString(get(fmt.Sprint("p=", i)))
	}
	many.WriteString(get("last", "Connection: close"))
	go io.WriteString(c, many.String()) // the answers fill the socket unless they are read meanwhile
	for i := range pipelined {
		c.wants(200, fmt.Sprintf("query=p=%d addr", i))
	}
	c.wants(200, "query=last")
	c.wantsEnd()
}

func TestCloses(t *testing.T) {
	f := start(t, Options{})
	for _, head := range []string{
		get("a", "Connection: close"),
		"GET /announce/k/scrape?a HTTP/1.0\r\n\r\n",
		get("a", "Connection: close") + get("not answered"),
	} {
		c := f.dial(t).send(head)
		c.wants(200, "query=a")
		c.wantsEnd()
	}
}

func TestSplitAtEveryByte(t *testing.T) {
	f := start(t, Options{Exempt: everyone})
	for i := 1; i < len(plainHead); i++ {
		c := f.dial(t).send(plainHead[:i])
		// An answered request on another connection shows that the first part was taken before the rest comes.
		f.dial(t).send(get("x", "Connection: close")).wants(200, "query=x")
		c.send(plainHead[i:]).wants(200, "key=0a-Z_9 what=announce query=info_hash=%80x&port=1 ")
		c.Close()
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ listen, dial, want string }{
		{"127.0.0.1:0", "127.0.0.1", "127.0.0.1"},
		{"[::1]:0", "::1", "::1"},
		{":0", "127.0.0.1", "127.0.0.1"},
		{":0", "::1", "::1"},
		{"[::]:0", "127.0.0.1", "127.0.0.1"},
		{"0.0.0.0:0", "127.0.0.1", "127.0.0.1"},
		{"localhost:0", "localhost", "127.0.0.1"},
	} {
		t.Run(c.listen+" "+c.dial, func(t *testing.T) {
			if strings.Contains(c.listen+c.dial, "::1") && !hasIPv6() {
				t.Skip("needs IPv6 on loopback")
			}
			f := startAt(t, c.listen, Options{Loops: 2})
			_, port, _ := net.SplitHostPort(f.at)
			f.at = net.JoinHostPort(c.dial, port)
			f.serveOthers(t, nil)
			for range 8 { // both loops, most likely
				f.dial(t).send(get("a", "Connection: close")).wants(200, "addr="+c.want)
			}
			o := f.dial(t).send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			o.wants(200, "other / "+o.LocalAddr().String()) // the name the connection has on both ends
		})
	}
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

// Two trackers on one port would take announces from each other.
func TestPortIsTaken(t *testing.T) {
	f := start(t, Options{Loops: 3})
	for _, loops := range []int{1, 3} {
		if g, err := Listen(f.at, Options{Answer: echo, Loops: loops}); err == nil {
			g.stop()
			t.Errorf("a second front with %d loops got the same port", loops)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{{}, {Answer: echo, Loops: -1}, {Answer: echo, Loops: maxLoops + 1}, {Answer: echo, MaxConns: -1},
		{Answer: echo, MaxPerAddr: -1}, {Answer: echo, HeaderTimeout: -1}, {Answer: echo, IdleTimeout: -1}, {Answer: echo, WriteTimeout: -1}} {
		if f, err := Listen("127.0.0.1:0", o); err == nil {
			f.stop()
			t.Errorf("%+v was accepted", o)
		}
	}
	if _, err := Listen("nowhere", Options{Answer: echo}); err == nil {
		t.Error("an address without a port was accepted")
	}
}

func TestClientAddress(t *testing.T) {
	f := start(t, Options{Client: func(conn netip.Addr, forwarded string) netip.Addr {
		if a, err := netip.ParseAddr(forwarded); err == nil && conn.IsLoopback() {
			return a
		}
		return conn
	}})
	c := f.dial(t)
	c.send(get("a", "X-Forwarded-For: 203.0.113.7")).wants(200, "addr=203.0.113.7")
	c.send(get("a")).wants(200, "addr=127.0.0.1")
	c.send(get("a", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: x")).wants(200, "addr=127.0.0.1")
}

var dateLine = regexp.MustCompile(`\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n`)

// Whatever is sent, a front answers as net/http with an equivalent handler does, byte for byte.
func TestDifferential(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/")
		if r.Method != "GET" || len(parts) != 4 || parts[1] != "announce" || parts[2] == "" || parts[3] != "announce" && parts[3] != "scrape" {
			body, _ := io.ReadAll(r.Body)
			http.Error(w, fmt.Sprintf("%s %s %s", r.Method, r.URL, body), http.StatusNotFound)
			return
		}
		addr := netip.MustParseAddrPort(r.RemoteAddr).Addr()
		body := echo(nil, parts[2], parts[3], r.URL.RawQuery, addr)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body)
	})
	f := start(t, Options{Exempt: everyone})
	f.serveOthers(t, h)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain := &http.Server{Handler: h, MaxHeaderBytes: 4 << 10} // and 4 KiB that net/http adds
	go plain.Serve(l)
	defer plain.Close()

	fast := 0
	for _, c := range readerCases {
		if c.want == announce {
			fast++
		}
		for _, in := range []string{c.head, plainHead + c.head, c.head + plainHead + "GET /x HTTP/1.0\r\n\r\n"} {
			if c.want == incomplete && strings.HasPrefix(in, c.head) && c.head != "" {
				continue // net/http answers 400 to half a request, the front closes
			}
			if c.want == incomplete && len(in) > len(plainHead) {
				continue
			}
			got, want := exchange(t, f.at, in), exchange(t, l.Addr().String(), in)
			if !bytes.Equal(got, want) {
				t.Errorf("%s: asked %.300q\nfront     %q\nnet/http  %q", c.name, in, got, want)
			}
		}
	}
	if fast < 20 {
		t.Errorf("only %d cases were the front's own", fast)
	}
}

// exchange sends all, ends its side, and returns what comes back, with the dates blanked.
func exchange(t *testing.T, addr, in string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, in); err == nil {
		c.(*net.TCPConn).CloseWrite()
	}
	out, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%.200q: %v after %q", in, err, out)
	}
	return dateLine.ReplaceAll(out, []byte("\r\nDate: now\r\n"))
}

func TestHeadTooLarge(t *testing.T) {
	f := start(t, Options{})
	c := f.dial(t).send("GET /announce/k/announce?" + strings.Repeat("a", 3*maxHead))
	c.wants(431, "431 Request Header Fields Too Large")
	c.wantsEnd()
	c = f.dial(t).send(get("a", "X: y")[:40] + strings.Repeat("b", maxHead-41))
	f.dial(t).send(get("x")).wants(200, "query=x") // the first part is taken, and still waits
	c.send("bb").wants(431, "431")
}

// The date is that of the answer, renewed while the second lasts at most.
func TestDateAdvances(t *testing.T) {
	h := newHeads(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	body := append(make([]byte, headSpace), "abc"...)
	if got := string(h.finish(body, false, true)); got != "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 3\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\nabc" {
		t.Errorf("message %q", got)
	}
	h.setDate(time.Date(2026, 12, 31, 23, 59, 59, 0, time.FixedZone("", 3600)))
	for _, http10 := range []bool{false, true} {
		for _, keep := range []bool{false, true} {
			if got := string(h.finish(body, http10, keep)); !strings.Contains(got, "\r\nDate: Thu, 31 Dec 2026 22:59:59 GMT\r\n") {
				t.Errorf("http10 %v, keep %v: %q", http10, keep, got)
			}
		}
	}
	if free := headSpace - len(h.heads[3].before) - len(h.heads[3].after); free < 20 {
		t.Errorf("the longest head leaves %d bytes for the length", free)
	}
}
