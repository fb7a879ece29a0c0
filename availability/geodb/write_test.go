package geodb

import (
	"encoding/binary"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// network is a record of a database to write: its prefix, and the values of its map "location".
type network struct {
	prefix   string
	location map[string]any // float64 or uint16; nil: the record has none
}

// write makes a database file in MaxMind's format, version 2.0: a binary tree over the bits of IPv6
// addresses with records of 24 bits, 16 zero bytes, the data, and the metadata behind a marker.
func write(t *testing.T, networks ...network) string {
	t.Helper()
	tree, data := [][2]int{{}}, []byte{}
	offsets := map[int]int{} // of the leaf's record, by node·2+bit
	for _, n := range networks {
		p := netip.MustParsePrefix(n.prefix)
		bits := p.Bits()
		if p.Addr().Is4() {
			bits += 96 // IPv4 is ::/96
		}
		node, addr := 0, as16(p.Addr())
		for i := range bits - 1 {
			b := bit(addr, i)
			if tree[node][b] == 0 {
				tree = append(tree, [2]int{})
				tree[node][b] = len(tree) - 1
			}
			node = tree[node][b]
		}
		offsets[node*2+bit(addr, bits-1)] = len(data)
		record := map[string]any{"continent": "x"}
		if n.location != nil {
			record["location"] = n.location
		}
		data = encode(data, record)
	}
	var out []byte
	for i, n := range tree {
		for b := range 2 {
			v := n[b]
			if at, leaf := offsets[i*2+b]; leaf {
				v = len(tree) + 16 + at
			} else if v == 0 {
				v = len(tree) // nothing
			}
			out = append(out, byte(v>>16), byte(v>>8), byte(v))
		}
	}
	out = append(append(out, make([]byte, 16)...), data...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	out = encode(out, map[string]any{"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint16(1),
		"database_type": "Test-City", "ip_version": uint16(6), "node_count": uint16(len(tree)), "record_size": uint16(24)})
	path := filepath.Join(t.TempDir(), "places.mmdb")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func as16(a netip.Addr) (out [16]byte) {
	if a.Is4() {
		four := a.As4()
		copy(out[12:], four[:])
		return out
	}
	return a.As16()
}

func bit(a [16]byte, i int) int { return int(a[i/8]>>(7-i%8)) & 1 }

// encode appends a value: a control byte of type·32 + size, then the value.
func encode(out []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(append(out, 2<<5|byte(len(v))), v...) // the keys here have at most 28 bytes
	case float64:
		return binary.BigEndian.AppendUint64(append(out, 3<<5|8), math.Float64bits(v))
	case uint16:
		return binary.BigEndian.AppendUint16(append(out, 5<<5|2), v)
	}
	m := v.(map[string]any)
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out = append(out, 7<<5|byte(len(m)))
	for _, k := range keys {
		out = encode(encode(out, k), m[k])
	}
	return out
}
