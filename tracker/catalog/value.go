package catalog

import (
	"bytes"
	"iter"
	"strconv"
)

// value is one bencoded value inside data that scan has accepted. It is read in place; nil means
// that there is none.
type value []byte

// kind is what a value can be.
type kind uint8

const (
	absent kind = iota
	dictKind
	listKind
	intKind
	stringKind
)

func (v value) kind() kind {
	switch {
	case len(v) == 0:
		return absent
	case v[0] == 'd':
		return dictKind
	case v[0] == 'l':
		return listKind
	case v[0] == 'i':
		return intKind
	}
	return stringKind
}

// integer returns the number, or false if this is no integer or does not fit 64 bits.
func (v value) integer() (int64, bool) {
	if v.kind() != intKind {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v[1:len(v)-1]), 10, 64)
	return n, err == nil
}

// bytes returns the contents of a string, or false if this is none.
func (v value) bytes() ([]byte, bool) {
	if v.kind() != stringKind {
		return nil, false
	}
	return v[bytes.IndexByte(v, ':')+1:], true
}

// entries yields the keys and values of a dictionary in order; none for another kind.
func (v value) entries() iter.Seq2[[]byte, value] {
	return func(yield func([]byte, value) bool) {
		if v.kind() != dictKind {
			return
		}
		for at := 1; v[at] != 'e'; {
			keyEnd := at + extent(v[at:])
			end := keyEnd + extent(v[keyEnd:])
			key, _ := v[at:keyEnd].bytes()
			if !yield(key, v[keyEnd:end:end]) {
				return
			}
			at = end
		}
	}
}

// items yields the elements of a list; none for another kind.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		if v.kind() != listKind {
			return
		}
		for at := 1; v[at] != 'e'; {
			end := at + extent(v[at:])
			if !yield(v[at:end:end]) {
				return
			}
			at = end
		}
	}
}

// get returns the value of a key, or nil.
func (v value) get(key string) value {
	for k, val := range v.entries() {
		if string(k) == key {
			return val
		}
	}
	return nil
}

// hasEmptyKey tells whether the key "" is there, which sorts first: no need to look further.
func (v value) hasEmptyKey() bool { return v.kind() == dictKind && v[1] == '0' }

// pick fills the named values in one pass over a dictionary that may be large.
func (v value) pick(want map[string]*value) {
	for k, val := range v.entries() {
		if dst, ok := want[string(k)]; ok {
			*dst = val
		}
	}
}

// extent returns the length of the value at the start of b, which scan has accepted.
func extent(b []byte) int {
	at, depth := 0, 0
	for {
		switch c := b[at]; {
		case c == 'd' || c == 'l':
			depth++
			at++
		case c == 'e':
			depth--
			at++
		case c == 'i':
			at += bytes.IndexByte(b[at:], 'e') + 1
		default:
			n := 0
			for ; b[at] != ':'; at++ {
				n = 10*n + int(b[at]-'0')
			}
			at += 1 + n
		}
		if depth == 0 {
			return at
		}
	}
}
