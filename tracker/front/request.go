package front

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// verdict is what the reader makes of the bytes of a connection.
type verdict uint8

const (
	incomplete verdict = iota // no decision yet: read on
	announce                  // a complete head of a GET below /announce/, without a body
	other                     // anything else, or anything doubtful: for net/http
	tooLarge                  // no end of the head within maxHead bytes
)

// request is an announce or scrape. Its slices point into the bytes it was read from.
type request struct {
	key, query []byte // the path segment and the raw query, undecoded
	forwarded  []byte // all X-Forwarded-For values, joined by ","
	proto      []byte // all X-Forwarded-Proto values likewise
	scrape     bool
	http10     bool
	keepAlive  bool // the client wants the connection kept

	hosts, forwards, protos, connections int // how often these headers came
	closes, keeps                        bool
}

const announcePrefix = "GET /announce/"

// read reads one request head from the front of b and says how many bytes it took. It accepts less
// than net/http does, and what it accepts means the same there: CRLF line ends, no control
// characters nor tabs, a key of letters, digits, "-" and "_", no header that may announce a body.
func (r *request) read(b []byte) (n int, v verdict) {
	if len(b) < len(announcePrefix) || string(b[:len(announcePrefix)]) != announcePrefix {
		if len(b) < len(announcePrefix) && string(b) == announcePrefix[:len(b)] {
			return 0, incomplete
		}
		return 0, other
	}
	more := incomplete
	if len(b) >= maxHead {
		b, more = b[:maxHead], tooLarge
	}
	*r = request{}
	for n < len(b) {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 {
			return 0, more
		}
		if i == 0 || b[n+i-1] != '\r' {
			return 0, other
		}
		line := b[n : n+i-1]
		first := n == 0
		n += i + 1
		switch {
		case first && r.requestLine(line), !first && len(line) > 0 && r.header(line):
		case !first && len(line) == 0:
			return r.finish(n)
		default:
			return 0, other
		}
	}
	return 0, more
}

// requestLine reads "GET /announce/{key}/{what}[?query] HTTP/1.x".
func (r *request) requestLine(line []byte) bool {
	const version = " HTTP/1.x"
	end := len(line) - len(version)
	if end < len(announcePrefix) || string(line[end:len(line)-1]) != version[:len(version)-1] || !printable(line) {
		return false
	}
	switch line[len(line)-1] {
	case '0':
		r.http10 = true
	case '1':
	default:
		return false
	}
	target := line[len(announcePrefix):end]
	slash := bytes.IndexByte(target, '/')
	if slash <= 0 || bytes.IndexByte(target, ' ') >= 0 {
		return false
	}
	for _, c := range target[:slash] {
		if class[c]&keyByte == 0 {
			return false
		}
	}
	r.key = target[:slash]
	what := target[slash+1:]
	if q := bytes.IndexByte(what, '?'); q >= 0 {
		what, r.query = what[:q], what[q+1:]
	}
	r.scrape = string(what) == "scrape"
	return r.scrape || string(what) == "announce"
}

// header reads one header line; false: the request is not for us.
func (r *request) header(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !printable(line) {
		return false
	}
	name, value := line[:colon], trim(line[colon+1:])
	for _, c := range name {
		if class[c]&tokenByte == 0 {
			return false
		}
	}
	switch len(name) {
	case len("host"):
		if is(name, "host") {
			r.hosts++
			return validHost(value)
		}
	case len("expect"):
		return !is(name, "expect")
	case len("upgrade"):
		return !is(name, "upgrade") && !is(name, "trailer")
	case len("connection"):
		if is(name, "connection") {
			return r.connection(value)
		}
	case len("content-length"):
		return !is(name, "content-length")
	case len("x-forwarded-for"):
		if is(name, "x-forwarded-for") {
			r.forwards++
			r.forwarded = joined(r.forwarded, value, r.forwards)
		}
	case len("transfer-encoding"):
		if is(name, "x-forwarded-proto") {
			r.protos++
			r.proto = joined(r.proto, value, r.protos)
		}
		return !is(name, "transfer-encoding")
	}
	return true
}

// connection reads a list of options. net/http's readings of odd lists differ among themselves, so
// these are left to it.
func (r *request) connection(value []byte) bool {
	r.connections++
	for more := true; more; {
		var option []byte
		option, value, more = bytes.Cut(value, []byte{','})
		option = trim(option)
		switch {
		case bytes.IndexByte(option, ' ') >= 0:
			return false
		case is(option, "close"):
			r.closes = true
		case is(option, "keep-alive"):
			r.keeps = true
		}
	}
	return r.connections == 1
}

// joined is what a header says that came for the nth time with this value.
func joined(before, value []byte, nth int) []byte {
	if nth == 1 {
		return value
	}
	return append(append(slices.Clip(before), ','), value...)
}

// finish decides when the whole head is there: HTTP/1.1 requires exactly one Host.
func (r *request) finish(n int) (int, verdict) {
	if r.hosts > 1 || r.hosts == 0 && !r.http10 || r.closes && r.keeps {
		return 0, other
	}
	r.keepAlive = !r.closes && (!r.http10 || r.keeps)
	return n, announce
}

// headEnds tells whether b holds the end of a head that was not in b[:old], in any spelling of line ends.
func headEnds(b []byte, old int) bool {
	b = b[max(0, old-2):]
	return bytes.Contains(b, []byte("\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

func validHost(b []byte) bool {
	for _, c := range b {
		if class[c]&hostByte == 0 {
			return false
		}
	}
	return true
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// is compares a name or option, in any case, with lower, which is in lower case.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// printable is false if b has a control character or DEL. Eight bytes at a time: a borrow can only
// spoil bytes above one that was found anyway.
func printable(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		del := x ^ 0x7f*ones
		if ((x-0x20*ones)&^x|(del-ones)&^del)&highs != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	return true
}

const (
	tokenByte = 1 << iota // of a header name (RFC 9110 §5.6.2)
	keyByte               // of a key
	hostByte              // of a Host value; fewer than net/http takes
)

var class = func() (t [256]byte) {
	mark := func(kind byte, set string) {
		for i := range len(set) {
			t[set[i]] |= kind
		}
	}
	const alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(tokenByte, alnum+"!#$%&'*+-.^_`|~")
	mark(keyByte, alnum+"-_")
	mark(hostByte, alnum+"-._:[]")
	return t
}()
