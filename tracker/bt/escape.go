package bt

import "strings"

// The readers below decode percent-encoding while they read: %XX is a byte and everything else
// stands for itself, a lone '%' and '+' too, because clients send raw bytes where RFC 3986 wants
// escapes (CLIENTS.md). A raw '&' ends a value, an escaped one does not.

const maxPort = 65535

// isHex marks the bytes that are hex digits in hexDigit; the lower four bits are the digit.
const isHex = 0x10

var hexDigit = [256]byte{
	'0': 0x10, '1': 0x11, '2': 0x12, '3': 0x13, '4': 0x14, '5': 0x15, '6': 0x16, '7': 0x17, '8': 0x18, '9': 0x19,
	'a': 0x1a, 'b': 0x1b, 'c': 0x1c, 'd': 0x1d, 'e': 0x1e, 'f': 0x1f,
	'A': 0x1a, 'B': 0x1b, 'C': 0x1c, 'D': 0x1d, 'E': 0x1e, 'F': 0x1f,
}

// byteAt decodes the byte at s[i] and returns where the next one begins. It never reads past a raw
// '&' or '=', which are no hex digits.
func byteAt(s string, i int) (c byte, next int) {
	c = s[i]
	if c != '%' || i+2 >= len(s) {
		return c, i + 1
	}
	hi, lo := hexDigit[s[i+1]], hexDigit[s[i+2]]
	if hi&lo&isHex == 0 {
		return c, i + 1
	}
	return hi<<4 | lo&0xf, i + 3
}

// pairEnd returns the index of the '&' at or after s[i], or the length of s.
func pairEnd(s string, i int) int {
	if n := strings.IndexByte(s[i:], '&'); n >= 0 {
		return i + n
	}
	return len(s)
}

// hashAt decodes the value at s[i] into the hash as far as it fits, and counts all its bytes.
func hashAt(s string, i int, into *[20]byte) (n, end int) {
	for i < len(s) && s[i] != '&' {
		var c byte
		if c, i = byteAt(s, i); n < len(into) {
			into[n] = c
		}
		n++
	}
	return n, i
}

// decimalAt reads digits only, at least one; limit must leave room for ten times itself. A value
// that is none, or above the limit, is 0.
func decimalAt(s string, i int, limit int64) (n int64, end int, ok bool) {
	start := i
	for i < len(s) && s[i] != '&' {
		var c byte
		c, i = byteAt(s, i)
		if c -= '0'; c > 9 {
			return 0, pairEnd(s, i), false
		}
		if n = n*10 + int64(c); n > limit {
			return 0, pairEnd(s, i), false
		}
	}
	return n, i, i > start
}

// word holds a decoded value or name in place. What is longer than the longest that means
// anything is cut to len(buf), which equals none of these.
type word struct {
	buf [16]byte
	n   int
}

func (w *word) bytes() []byte { return w.buf[:w.n] }

func (w *word) add(c byte) {
	if w.n < len(w.buf) {
		w.buf[w.n] = c
		w.n++
	}
}

// read decodes the value at s[i].
func (w *word) read(s string, i int) (end int) {
	for i < len(s) && s[i] != '&' {
		var c byte
		c, i = byteAt(s, i)
		w.add(c)
	}
	return i
}
