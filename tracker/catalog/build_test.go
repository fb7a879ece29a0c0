package catalog

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// d, l and raw describe bencode in tests; encode sorts the keys of d.
type (
	d   map[string]any
	l   []any
	raw string
)

func encode(v any) []byte {
	switch v := v.(type) {
	case raw:
		return []byte(v)
	case string:
		return encodeString(v)
	case int:
		return encodeInt(int64(v))
	case l:
		b := []byte{'l'}
		for _, item := range v {
			b = append(b, encode(item)...)
		}
		return append(b, 'e')
	case d:
		var entries []entry
		for k, val := range v {
			entries = append(entries, entry{k, encode(val)})
		}
		return encodeDict(entries)
	}
	panic(fmt.Sprintf("no bencode for %T", v))
}

// file wraps an info dictionary.
func file(info d) []byte { return encode(d{"announce": "http://foreign/announce", "info": info}) }

func hashes20(n int) string { return strings.Repeat("\x01", 20*n) }

// oneFile is a v1 file of 3 pieces; edit may change it.
func oneFile(edit func(info d)) []byte {
	info := d{"name": "film.mkv", "length": 40_000, "piece length": 16384, "pieces": hashes20(3)}
	if edit != nil {
		edit(info)
	}
	return file(info)
}

// files is a v1 torrent of the given list, which must fit one piece.
func files(list ...any) []byte {
	return file(d{"name": "album", "files": l(list), "piece length": 16384, "pieces": hashes20(1)})
}

// at is an entry of the v1 list with one byte.
func at(path ...any) d { return d{"length": 1, "path": l(path)} }

func with(entry d, key string, val any) d {
	entry[key] = val
	return entry
}

// blockTree is a layer of two 16 KiB blocks and its root.
func blockTree() (layer, root string) {
	a, b := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
	h := hashPair(a, b)
	return string(a[:]) + string(b[:]), string(h[:])
}

// v2Parts are what a v2 test may change.
type v2Parts struct{ info, tree, props, layers d }

// treeFile is a v2 torrent of one file of two pieces; edit may change it.
func treeFile(edit func(p v2Parts)) []byte {
	layer, root := blockTree()
	p := v2Parts{props: d{"length": 20_000, "pieces root": root}, layers: d{root: layer}}
	p.tree = d{"film.mkv": d{"": p.props}}
	p.info = d{"name": "film.mkv", "piece length": 16384, "meta version": 2, "file tree": p.tree}
	if edit != nil {
		edit(p)
	}
	return encode(d{"info": p.info, "piece layers": p.layers})
}

// hybridFile is treeFile with a v1 description beside it; edit may change it.
func hybridFile(edit func(p v2Parts)) []byte {
	return treeFile(func(p v2Parts) {
		p.info["pieces"], p.info["length"] = hashes20(2), 20_000
		if edit != nil {
			edit(p)
		}
	})
}

// album is a hybrid of two small files with the given v1 list.
func album(list ...any) []byte { return albumOf(2, list...) }

// albumOf is album with another number of v1 pieces.
func albumOf(pieces int, list ...any) []byte {
	root := strings.Repeat("r", 32)
	return file(d{
		"name": "album", "piece length": 16384, "meta version": 2,
		"pieces": hashes20(pieces), "files": l(list),
		"file tree": d{
			"a": d{"": d{"length": 1, "pieces root": root}},
			"b": d{"": d{"length": 1, "pieces root": root}},
		},
	})
}

func pad(size int) d { return d{"attr": "p", "length": size, "path": l{".pad", fmt.Sprint(size)}} }

func mustParse(t testing.TB, data []byte) *Torrent {
	t.Helper()
	tor, err := Parse(data)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return tor
}

func repeat(s string, n int) raw { return raw(bytes.Repeat([]byte(s), n)) }
