package bench

import (
	"bytes"
	"errors"
	"strconv"
)

// reply is where a whole HTTP reply stands in the bytes that were read.
type reply struct {
	status int
	body   []byte
	end    int  // bytes used
	closes bool // the server will close the connection
}

// errMore says that the reply is not whole yet.
var errMore = errors.New("the reply is not whole")

var (
	errNotHTTP    = errors.New("the reply is not HTTP")
	errLength     = errors.New("the reply has a malformed Content-Length")
	errEncoded    = errors.New("the reply is chunked or compressed, which this command does not read")
	errNotBencode = errors.New("the reply is not a bencoded dictionary")
)

// parseReply reads one HTTP reply from the front of b. Without a Content-Length the body ends with
// the connection: eof says that it did.
func parseReply(b []byte, eof bool) (r reply, err error) {
	const protocol = "HTTP/1."
	if n := min(len(b), len(protocol)); string(b[:n]) != protocol[:n] {
		return r, errNotHTTP
	}
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		return r, errMore
	}
	line, rest, _ := bytes.Cut(b[:head+2], []byte("\r\n"))
	if len(line) < len(protocol)+len("1 200") {
		return r, errNotHTTP
	}
	if r.status, err = strconv.Atoi(string(line[len(protocol)+2 : len(protocol)+5])); err != nil {
		return r, errNotHTTP
	}
	r.closes = line[len(protocol)] == '0'
	length, err := r.headers(rest)
	if err != nil {
		return r, err
	}
	body := b[head+4:]
	switch {
	case length < 0 && !eof:
		return r, errMore
	case length < 0:
		r.closes, length = true, len(body)
	case len(body) < length:
		return r, errMore
	}
	r.body, r.end = body[:length], head+4+length
	return r, nil
}

// headers reads the three headers that matter; length is -1 if none was given.
func (r *reply) headers(b []byte) (length int, err error) {
	length = -1
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "content-length"):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, errLength
			}
		case is(name, "connection"):
			r.closes = is(value, "close") || r.closes && !is(value, "keep-alive")
		case is(name, "transfer-encoding"), is(name, "content-encoding") && !is(value, "identity"):
			return 0, errEncoded
		}
	}
	return length, nil
}

// is compares with a lower-case word, whatever the case of b.
func is(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// answer is what a tracker said.
type answer struct {
	failure []byte // failure reason; nil: none
	peers   int
}

const maxNesting = 16

// parseAnswer reads the bencoded reply to an announce with compact=1 (BEP 3, BEP 7, BEP 23).
func parseAnswer(b []byte) (a answer, err error) {
	if len(b) < 2 || b[0] != 'd' {
		return a, errNotBencode
	}
	for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
		key, rest, ok := text(b)
		if !ok {
			return a, errNotBencode
		}
		value, _, isText := text(rest)
		switch {
		case string(key) == "failure reason" && isText:
			a.failure = value
		case string(key) == "peers" && isText:
			a.peers += len(value) / 6
		case string(key) == "peers6" && isText:
			a.peers += len(value) / 18
		}
		if b, ok = skip(rest, maxNesting); !ok {
			return a, errNotBencode
		}
	}
	if len(b) != 1 {
		return a, errNotBencode
	}
	return a, nil
}

// text reads a string from the front of b.
func text(b []byte) (s, rest []byte, ok bool) {
	n := 0
	for i, c := range b {
		switch {
		case c == ':' && i > 0:
			if b = b[i+1:]; n > len(b) {
				return nil, nil, false
			}
			return b[:n], b[n:], true
		case c < '0' || c > '9' || n > len(b):
			return nil, nil, false
		}
		n = 10*n + int(c-'0')
	}
	return nil, nil, false
}

// skip steps over one value.
func skip(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 || depth == 0 {
		return nil, false
	}
	switch b[0] {
	case 'i':
		end := bytes.IndexByte(b, 'e')
		return b[end+1:], end > 1
	case 'l', 'd':
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			if b, ok = skip(b, depth-1); !ok {
				return nil, false
			}
		}
		if len(b) == 0 {
			return nil, false
		}
		return b[1:], true
	}
	_, rest, ok = text(b)
	return rest, ok
}
