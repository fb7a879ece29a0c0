package front

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	announceLine = "GET /announce/0a-Z_9/announce?info_hash=%80x&port=1 HTTP/1.1\r\n"
	hostLine     = "Host: tracker.example:6969\r\n"
	plainHead    = announceLine + hostLine + "User-Agent: Transmission/3.00\r\nAccept: */*\r\n\r\n"
)

var verdictNames = map[verdict]string{incomplete: "incomplete", announce: "announce", other: "other", tooLarge: "tooLarge"}

// readerCases are requests with what the reader should make of them; they also seed the fuzzer and
// are sent by the differential test.
var readerCases = []struct {
	name, head string
	want       verdict
	keep       bool
}{
	{"plain", plainHead, announce, true},
	{"close", announceLine + hostLine + "Connection: close\r\n\r\n", announce, false},
	{"close in any case and space", announceLine + hostLine + "cOnNeCtIoN:   ClOsE  \r\n\r\n", announce, false},
	{"close in a list", announceLine + hostLine + "Connection: te ,,  Close\r\n\r\n", announce, false},
	{"keep-alive", announceLine + hostLine + "Connection: keep-alive\r\n\r\n", announce, true},
	{"closed is not close", announceLine + hostLine + "Connection: closed\r\n\r\n", announce, true},
	{"contradiction", announceLine + hostLine + "Connection: close, keep-alive\r\n\r\n", other, false},
	{"words in an option", announceLine + hostLine + "Connection: not close\r\n\r\n", other, false},
	{"two Connections", announceLine + hostLine + "Connection: te\r\nConnection: close\r\n\r\n", other, false},
	{"1.0", "GET /announce/k/announce?a HTTP/1.0\r\n\r\n", announce, false},
	{"1.0 with Host", "GET /announce/k/announce?a HTTP/1.0\r\nHost: x\r\n\r\n", announce, false},
	{"1.0 kept", "GET /announce/k/announce?a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", announce, true},
	{"1.0 closed", "GET /announce/k/announce?a HTTP/1.0\r\nConnection: close\r\n\r\n", announce, false},
	{"scrape", "GET /announce/k/scrape?info_hash=1 HTTP/1.1\r\nHost: x\r\n\r\n", announce, true},
	{"no query", "GET /announce/k/announce HTTP/1.1\r\nHost: x\r\n\r\n", announce, true},
	{"empty query", "GET /announce/k/announce? HTTP/1.1\r\nHost: x\r\n\r\n", announce, true},
	{"marks in the query", "GET /announce/k/announce?a=?&#/%zz'\"<> HTTP/1.1\r\nHost: x\r\n\r\n", announce, true},
	{"high bytes in the query", "GET /announce/k/announce?a=\xff\x80#?/%zz'\"<> HTTP/1.1\r\nHost: x\r\n\r\n", announce, true},
	{"empty Host", "GET /announce/k/announce HTTP/1.1\r\nHost:\r\n\r\n", announce, true},
	{"IPv6 Host", "GET /announce/k/announce HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", announce, true},
	{"one forward", announceLine + hostLine + "X-Forwarded-For: 1.2.3.4\r\n\r\n", announce, true},
	{"forwards", announceLine + hostLine + "x-forwarded-for:1.2.3.4\r\nX-FORWARDED-FOR:\r\nX-Forwarded-For: ::1 , x\r\n\r\n", announce, true},
	{"proto", announceLine + hostLine + "X-Forwarded-Proto: https\r\n\r\n", announce, true},
	{"protos", announceLine + hostLine + "x-forwarded-proto:https\r\nX-FORWARDED-PROTO: http\r\n\r\n", announce, true},
	{"empty header", announceLine + hostLine + "X:\r\n\r\n", announce, true},
	{"high bytes in a header", announceLine + hostLine + "X: \xff\x80\r\n\r\n", announce, true},

	{"no Host", announceLine + "\r\n", other, false},
	{"two Hosts", announceLine + hostLine + hostLine + "\r\n", other, false},
	{"two Hosts, 1.0", "GET /announce/k/announce HTTP/1.0\r\n" + hostLine + hostLine + "\r\n", other, false},
	{"odd Host", announceLine + "Host: a b\r\n\r\n", other, false},
	{"Host with a user", announceLine + "Host: a@b\r\n\r\n", other, false},
	{"Content-Length 0", announceLine + hostLine + "Content-Length: 0\r\n\r\n", other, false},
	{"Content-Length", announceLine + hostLine + "content-length: 3\r\n\r\nabc", other, false},
	{"Transfer-Encoding", announceLine + hostLine + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", other, false},
	{"Expect", announceLine + hostLine + "Expect: 100-continue\r\n\r\n", other, false},
	{"Upgrade", announceLine + hostLine + "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n", other, false},
	{"Trailer", announceLine + hostLine + "Trailer: x\r\n\r\n", other, false},
	{"folded", announceLine + hostLine + "X: a\r\n b\r\n\r\n", other, false},
	{"folded with a tab", announceLine + hostLine + "X: a\r\n\tb\r\n\r\n", other, false},
	{"folded first", announceLine + " Host: a\r\n" + hostLine + "\r\n", other, false},
	{"tab", announceLine + "Host:\tx\r\n\r\n", other, false},
	{"bare LF after the request line", strings.Replace(plainHead, "\r\n", "\n", 1), other, false},
	{"bare LF everywhere", strings.ReplaceAll(plainHead, "\r\n", "\n"), other, false},
	{"bare LF at the end", announceLine + hostLine + "\n", other, false},
	{"bare CR", announceLine + "Host: x\r\rX: y\r\n\r\n", other, false},
	{"CR CR LF", announceLine + "Host: x\r\r\n\r\n", other, false},
	{"NUL in a value", announceLine + hostLine + "X: a\x00b\r\n\r\n", other, false},
	{"NUL in a name", announceLine + hostLine + "X\x00: a\r\n\r\n", other, false},
	{"NUL in the query", "GET /announce/k/announce?a\x00 HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"DEL in the query", "GET /announce/k/announce?a\x7f HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"no colon", announceLine + hostLine + "nonsense\r\n\r\n", other, false},
	{"no name", announceLine + hostLine + ": x\r\n\r\n", other, false},
	{"space before the colon", announceLine + "Host : x\r\n\r\n", other, false},
	{"space in the query", "GET /announce/k/announce?a b HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"two spaces", "GET /announce/k/announce?a  HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"percent in the key", "GET /announce/%6b/announce HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"dots for a key", "GET /announce/../announce HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"no key", "GET /announce//announce HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"key only", "GET /announce/k HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"query in the key", "GET /announce/k?/announce HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"deeper", "GET /announce/k/announce/ HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"other leaf", "GET /announce/k/announced HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"other path", "GET /wallet HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"absolute form", "GET http://x/announce/k/announce HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"POST", "POST /announce/k/announce HTTP/1.1\r\n" + hostLine + "Content-Length: 1\r\n\r\na", other, false},
	{"HEAD", "HEAD /announce/k/announce HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"small get", "get /announce/k/announce HTTP/1.1\r\n" + hostLine + "\r\n", other, false},
	{"HTTP/1.2", "GET /announce/k/announce HTTP/1.2\r\n" + hostLine + "\r\n", other, false},
	{"HTTP/0.9", "GET /announce/k/announce\r\n\r\n", other, false},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", other, false},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00", other, false},
	{"blank first", "\r\n" + plainHead, other, false},

	{"nothing", "", incomplete, false},
	{"method", "GET /ann", incomplete, false},
	{"request line", "GET /announce/k/announce?a", incomplete, false},
	{"no empty line", announceLine + hostLine, incomplete, false},
	{"half an empty line", announceLine + hostLine + "\r", incomplete, false},
	{"long query", "GET /announce/k/announce?" + strings.Repeat("a", 6000) + " HTTP/1.1\r\n" + hostLine + "\r\n", announce, true},
	{"too long query", "GET /announce/k/announce?" + strings.Repeat("a", 3*maxHead) + " HTTP/1.1\r\n" + hostLine + "\r\n", tooLarge, false},
	{"too many headers", announceLine + hostLine + strings.Repeat("X-Y: z\r\n", 4000) + "\r\n", tooLarge, false},
}

func TestReader(t *testing.T) {
	for _, c := range readerCases {
		t.Run(c.name, func(t *testing.T) {
			var r request
			n, v := r.read([]byte(c.head))
			if v != c.want {
				t.Fatalf("verdict %s, want %s", verdictNames[v], verdictNames[c.want])
			}
			if v == announce && (r.keepAlive != c.keep || n != len(c.head)) {
				t.Errorf("keep-alive %v, want %v; took %d of %d bytes", r.keepAlive, c.keep, n, len(c.head))
			}
			agree(t, []byte(c.head))
		})
	}
}

func TestReaderFields(t *testing.T) {
	for _, c := range []struct{ head, key, query, forwarded string }{
		{plainHead + "GET /next", "0a-Z_9", "info_hash=%80x&port=1", ""},
		{"GET /announce/k/scrape?x?y=/ HTTP/1.0\r\nX-Forwarded-For:  1.2.3.4, ::1 \r\n\r\n", "k", "x?y=/", "1.2.3.4, ::1"},
		{"GET /announce/k/announce HTTP/1.0\r\nX-Forwarded-For: a\r\nX: y\r\nx-forwarded-for:\r\nX-Forwarded-For:b\r\n\r\n", "k", "", "a,,b"},
	} {
		in := []byte(c.head)
		var r request
		if _, v := r.read(in); v != announce {
			t.Fatalf("%q: %s", c.head, verdictNames[v])
		}
		if string(r.key) != c.key || string(r.query) != c.query || string(r.forwarded) != c.forwarded {
			t.Errorf("%q: read key %q, query %q, forwarded %q", c.head, r.key, r.query, r.forwarded)
		}
		if string(in) != c.head {
			t.Errorf("%q was changed to %q", c.head, in)
		}
	}
}

// The limit is exact: 8 KiB are read, one byte more is not.
func TestReaderHeadLimit(t *testing.T) {
	for _, extra := range []int{0, 1} {
		fill := maxHead + extra - len(announceLine+hostLine+"X: \r\n\r\n")
		head := announceLine + hostLine + "X: " + strings.Repeat("y", fill) + "\r\n\r\n"
		want := []verdict{announce, tooLarge}[extra]
		var r request
		if _, v := r.read([]byte(head)); v != want {
			t.Errorf("%d bytes: %s", len(head), verdictNames[v])
		}
	}
}

func TestHeadEnds(t *testing.T) {
	for _, end := range []string{"\r\n\r\n", "\n\n", "\n\r\n", "\r\n\n"} {
		b := []byte("GET x" + end)
		for old := range b {
			if !headEnds(b, old) && old < len(b) {
				t.Errorf("%q from %d: the end was not seen", b, old)
			}
		}
	}
	if headEnds([]byte("a\r\nb: c\r\n"), 3) {
		t.Error("an end was seen where there is none")
	}
}

// agree checks a head that the reader accepts against net/http, and that no part of it is judged
// differently from the whole.
func agree(t *testing.T, b []byte) {
	var r request
	n, v := r.read(b)
	switch v {
	case incomplete:
		if len(b) >= maxHead {
			t.Fatalf("%d bytes and still incomplete", len(b))
		}
	case announce:
		same(t, b, n, &r)
	}
	var part request
	step := 1 // every part of an ordinary head, enough of a long one
	if len(b) > 1024 {
		step = len(b) / 64
	}
	for i := 0; i < len(b); i += step {
		switch _, pv := part.read(b[:i]); {
		case pv == incomplete:
		case pv != v:
			t.Fatalf("%q: %s, but its first %d bytes: %s", b, verdictNames[v], i, verdictNames[pv])
		case pv == announce && i < n:
			t.Fatalf("%q: complete after %d bytes, not %d", b, i, n)
		}
	}
}

func same(t *testing.T, b []byte, n int, r *request) {
	rest := bufio.NewReader(bytes.NewReader(b))
	hr, err := http.ReadRequest(rest)
	if err != nil {
		t.Fatalf("%q: net/http says %v", b[:n], err)
	}
	what := "announce"
	if r.scrape {
		what = "scrape"
	}
	if path := "/announce/" + string(r.key) + "/" + what; hr.Method != "GET" || hr.URL.Path != path || hr.URL.RawPath != "" || hr.URL.Host != "" {
		t.Fatalf("%q: %s %s, not %s", b[:n], hr.Method, hr.URL, path)
	}
	if hr.URL.RawQuery != string(r.query) || hr.URL.Fragment != "" {
		t.Fatalf("%q: query %q, not %q", b[:n], hr.URL.RawQuery, r.query)
	}
	if hr.Close == r.keepAlive || hr.ProtoAtLeast(1, 1) == r.http10 {
		t.Fatalf("%q: net/http closes: %v; keepAlive %v, http10 %v", b[:n], hr.Close, r.keepAlive, r.http10)
	}
	if f := strings.Join(hr.Header.Values("X-Forwarded-For"), ","); f != string(r.forwarded) {
		t.Fatalf("%q: forwarded %q, not %q", b[:n], f, r.forwarded)
	}
	if hr.ContentLength != 0 || hr.TransferEncoding != nil || hr.Trailer != nil || hr.Header.Get("Expect") != "" || hr.Header.Get("Upgrade") != "" {
		t.Fatalf("%q: net/http sees more than a head", b[:n])
	}
	if hr.ProtoAtLeast(1, 1) && !bytes.Contains(bytes.ToLower(b[:n]), []byte("\nhost:")) {
		t.Fatalf("%q: accepted without a Host", b[:n])
	}
	left, err := io.ReadAll(rest)
	if err != nil || !bytes.Equal(left, b[n:]) {
		t.Fatalf("%q: took %d bytes, net/http %d", b, n, len(b)-len(left))
	}
}

func FuzzReader(f *testing.F) {
	for _, c := range readerCases {
		f.Add([]byte(c.head))
	}
	f.Add([]byte(plainHead + plainHead))
	f.Fuzz(func(t *testing.T, b []byte) { agree(t, b) })
}

func BenchmarkReader(b *testing.B) {
	head := []byte(plainHead)
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	var r request
	for b.Loop() {
		if _, v := r.read(head); v != announce {
			b.Fatal(verdictNames[v])
		}
	}
}
