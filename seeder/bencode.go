package seeder

import (
	"errors"
	"fmt"
	"strconv"
)

// maxReplyNesting bounds an announce reply: a dictionary of a list of peer dictionaries needs 3.
const maxReplyNesting = 8

var errTruncated = errors.New("bencode ends too early")

// bdecoder reads bencode (BEP 3) that came from the network, with bounded recursion. Values are
// int64, string, []any and map[string]any.
type bdecoder struct {
	b   string
	pos int
}

// decodeBencode reads exactly one value.
func decodeBencode(b []byte) (any, error) {
	d := &bdecoder{b: string(b)}
	v, err := d.value(0)
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", d.pos, err)
	}
	if d.pos != len(d.b) {
		return nil, fmt.Errorf("at byte %d: bytes follow the value", d.pos)
	}
	return v, nil
}

func (d *bdecoder) value(depth int) (any, error) {
	if depth > maxReplyNesting {
		return nil, fmt.Errorf("nested deeper than %d", maxReplyNesting)
	}
	if d.pos >= len(d.b) {
		return nil, errTruncated
	}
	switch c := d.b[d.pos]; {
	case c == 'i':
		d.pos++
		return d.integer('e')
	case c == 'l':
		d.pos++
		return d.list(depth)
	case c == 'd':
		d.pos++
		return d.dict(depth)
	case c >= '0' && c <= '9':
		return d.str()
	default:
		return nil, fmt.Errorf("%q begins no value", c)
	}
}

func (d *bdecoder) integer(end byte) (int64, error) {
	start := d.pos
	for d.pos < len(d.b) && d.b[d.pos] != end {
		if d.pos++; d.pos-start > 20 { // -2^63 has 20 characters
			return 0, errors.New("an integer is too long")
		}
	}
	if d.pos >= len(d.b) {
		return 0, errTruncated
	}
	n, err := strconv.ParseInt(d.b[start:d.pos], 10, 64)
	if err != nil {
		return 0, errors.New("not an integer")
	}
	d.pos++
	return n, nil
}

func (d *bdecoder) str() (string, error) {
	n, err := d.integer(':')
	if err != nil {
		return "", err
	}
	if n < 0 || n > int64(len(d.b)-d.pos) {
		return "", errTruncated
	}
	s := d.b[d.pos : d.pos+int(n)]
	d.pos += int(n)
	return s, nil
}

// ended consumes the end of a list or dictionary if it is next.
func (d *bdecoder) ended() bool {
	if d.pos < len(d.b) && d.b[d.pos] == 'e' {
		d.pos++
		return true
	}
	return false
}

func (d *bdecoder) list(depth int) ([]any, error) {
	var out []any
	for !d.ended() {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// dict takes keys in any order, as trackers do; of a repeated key the first wins.
func (d *bdecoder) dict(depth int) (map[string]any, error) {
	out := map[string]any{}
	for !d.ended() {
		if d.pos >= len(d.b) {
			return nil, errTruncated
		}
		k, err := d.str()
		if err != nil {
			return nil, err
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if _, twice := out[k]; !twice {
			out[k] = v
		}
	}
	return out, nil
}
