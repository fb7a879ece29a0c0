package catalog

import (
	"slices"
	"strconv"
	"strings"
)

// entry is one key and its encoded value.
type entry struct {
	key string
	raw []byte
}

func appendString[T ~string | ~[]byte](b []byte, s T) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}

func encodeString[T ~string | ~[]byte](s T) []byte { return appendString(nil, s) }

func encodeInt(n int64) []byte {
	return append(strconv.AppendInt([]byte{'i'}, n, 10), 'e')
}

// encodeDict writes entries as a dictionary, sorted as raw strings (BEP 3).
func encodeDict(entries []entry) []byte {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	size := 2
	for _, e := range entries {
		size += len(e.key) + len(e.raw) + len("10485760:")
	}
	b := append(make([]byte, 0, size), 'd')
	for _, e := range entries {
		b = append(appendString(b, e.key), e.raw...)
	}
	return append(b, 'e')
}

// encodePath writes a path as a list of strings.
func encodePath(path []string) []byte {
	b := []byte{'l'}
	for _, part := range path {
		b = appendString(b, part)
	}
	return append(b, 'e')
}
