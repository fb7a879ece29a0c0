package bench

import (
	"strings"
	"testing"
)

const okBody = "d8:completei1e10:incompletei0e8:intervali300e5:peers12:abcdefghijkle"

func TestParseReply(t *testing.T) {
	for _, c := range []struct {
		name, in string
		eof      bool
		want     error
		body     string
		closes   bool
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde", false, nil, "de", false},
		{"any case, odd spaces", "HTTP/1.1 200 OK\r\ncontent-LENGTH:2  \r\nCONNECTION: Close\r\n\r\nde", false, nil, "de", true},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nde", false, nil, "de", true},
		{"HTTP/1.0 that stays", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nde", false, nil, "de", false},
		{"no reason phrase", "HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", false, nil, "", false},
		{"to the end", "HTTP/1.1 200 OK\r\n\r\nde", true, nil, "de", true},
		{"not to the end yet", "HTTP/1.1 200 OK\r\n\r\nde", false, errMore, "", false},
		{"nothing", "", false, errMore, "", false},
		{"half a line", "HTT", false, errMore, "", false},
		{"half a header", "HTTP/1.1 200 OK\r\nConte", false, errMore, "", false},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nde", false, errMore, "", false},
		{"half a body at the end", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nde", true, errMore, "", false},
		{"garbage", "SSH-2.0-x\r\n", false, errNotHTTP, "", false},
		{"no status", "HTTP/1.1\r\n\r\n", false, errNotHTTP, "", false},
		{"status of letters", "HTTP/1.1 abc OK\r\n\r\n", false, errNotHTTP, "", false},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, errLength, "", false},
		{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", false, errLength, "", false},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, errEncoded, "", false},
		{"gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", false, errEncoded, "", false},
	} {
		r, err := parseReply([]byte(c.in), c.eof)
		if err != c.want || string(r.body) != c.body || err == nil && (r.closes != c.closes || r.end != len(c.in)) {
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
	}
}

func TestParseAnswer(t *testing.T) {
	for _, c := range []struct {
		name, in string
		ok       bool
		failure  string
		peers    int
	}{
		{"peers", okBody, true, "", 2},
		{"both families", "d5:peers6:abcdef6:peers636:" + strings.Repeat("x", 36) + "e", true, "", 3},
		{"refusal", "d14:failure reason8:go away!8:intervali9ee", true, "go away!", 0},
		{"empty refusal", "d14:failure reason0:e", true, "", 0},
		{"nested", "d1:ald1:bli1eeee5:peers0:e", true, "", 0},
		{"empty", "", false, "", 0},
		{"a list", "le", false, "", 0},
		{"open", "d5:peers6:abcdef", false, "", 0},
		{"short string", "d5:peers9:abcdefe", false, "", 0},
		{"huge string", "d5:peers99999999999999999999:e", false, "", 0},
		{"something after it", okBody + "x", false, "", 0},
		{"key without a value", "d5:peerse", false, "", 0},
		{"integer without an end", "d1:ai12", false, "", 0},
		{"deep", "d1:a" + strings.Repeat("l", 100) + strings.Repeat("e", 100) + "e", false, "", 0},
		{"html", "<html>", false, "", 0},
	} {
		a, err := parseAnswer([]byte(c.in))
		if (err == nil) != c.ok || c.ok && (string(a.failure) != c.failure || a.peers != c.peers || (a.failure != nil) != strings.Contains(c.in, "failure")) {
			t.Errorf("%s: %+v, %v", c.name, a, err)
		}
	}
}

// FuzzReply: whatever a server sends, the parsers end, stay inside what was sent, and take no reply
// for whole that grows when more of it comes.
func FuzzReply(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 68\r\n\r\n"+okBody), 50)
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\nd14:failure reason2:noe"), 10)
	f.Add([]byte("HTTP/1.1 503 x\r\nRetry-After: 5\r\ncontent-length:0\r\n\r\n"), 3)
	f.Add([]byte("d1:ali1eee"), 2)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		parseAnswer(b)
		whole, err := parseReply(b, false)
		if err != nil {
			return
		}
		if whole.end > len(b) || len(whole.body) > whole.end {
			t.Fatalf("%+v of %d bytes", whole, len(b))
		}
		parseAnswer(whole.body)
		part, err := parseReply(b[:max(0, min(cut, whole.end-1))], false)
		if err != errMore && err != errNotHTTP {
			t.Fatalf("a part is whole: %+v, %v", part, err)
		}
	})
}
