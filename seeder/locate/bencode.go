package locate

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// maxDigits bounds the length of a string as it is written before the colon.
const maxDigits = 10

var errTruncated = errors.New("bencode ends too early")

// dictionary splits a bencoded dictionary (BEP 3) into its values, which stay bencoded. What follows
// the dictionary is not looked at; of a key that comes twice the last value counts.
func dictionary(b []byte) (map[string][]byte, error) {
	values := map[string][]byte{}
	err := elements(b, 'd', func(key string, value []byte) { values[key] = value })
	return values, err
}

// texts reads a bencoded list of strings; nil if it is anything else.
func texts(b []byte) []string {
	var out []string
	whole := true
	err := elements(b, 'l', func(_ string, value []byte) {
		s, ok := text(value)
		whole = whole && ok
		out = append(out, s)
	})
	if err != nil || !whole {
		return nil
	}
	return out
}

// text reads a bencoded string.
func text(b []byte) (string, bool) {
	if len(b) == 0 || b[0] == 'i' {
		return "", false
	}
	start, end, err := str(b, 0)
	if err != nil {
		return "", false
	}
	return string(b[start:end]), true
}

// elements calls f for each element of the list or dictionary that b begins with.
func elements(b []byte, kind byte, f func(key string, value []byte)) error {
	if len(b) == 0 || b[0] != kind {
		return fmt.Errorf("the file does not begin with %q", kind)
	}
	for i := 1; i < len(b); {
		if b[i] == 'e' {
			return nil
		}
		key := ""
		if kind == 'd' {
			start, end, err := str(b, i)
			if err != nil {
				return err
			}
			key, i = string(b[start:end]), end
		}
		end, err := skip(b, i)
		if err != nil {
			return err
		}
		f(key, b[i:end])
		i = end
	}
	return errTruncated
}

// skip returns where the value at b[i] ends. It does not recurse, so that nesting costs nothing.
func skip(b []byte, i int) (int, error) {
	for depth := 0; i < len(b); {
		switch b[i] {
		case 'l', 'd':
			depth++
			i++
		case 'e':
			if depth--; depth < 0 {
				return 0, fmt.Errorf("byte %d ends nothing", i)
			}
			i++
		case 'i':
			n := bytes.IndexByte(b[i:], 'e')
			if n < 0 {
				return 0, errTruncated
			}
			i += n + 1
		default:
			_, end, err := str(b, i)
			if err != nil {
				return 0, err
			}
			i = end
		}
		if depth == 0 {
			return i, nil
		}
	}
	return 0, errTruncated
}

// str returns where the contents of the string at b[i] begin and end.
func str(b []byte, i int) (start, end int, err error) {
	colon := bytes.IndexByte(b[i:min(len(b), i+maxDigits+1)], ':')
	if colon < 0 {
		return 0, 0, fmt.Errorf("byte %d begins no string", i)
	}
	n, err := strconv.ParseUint(string(b[i:i+colon]), 10, 31)
	if err != nil {
		return 0, 0, fmt.Errorf("byte %d begins no string", i)
	}
	start = i + colon + 1
	if int(n) > len(b)-start {
		return 0, 0, errTruncated
	}
	return start, start + int(n), nil
}
