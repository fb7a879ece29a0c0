package catalog

import (
	"crypto/sha1"
	"crypto/sha256"
	"runtime"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestHashesAreOverOriginalBytes(t *testing.T) {
	data := hybridFile(nil)
	tor := mustParse(t, data)
	info := data[strings.Index(string(data), "4:infod")+len("4:info"):]
	info = info[:extent(info)]
	if tor.V1 != sha1.Sum(info) || tor.V2 != sha256.Sum256(info) {
		t.Errorf("v1 %s, v2 %x", tor.V1, tor.V2)
	}
	if tor.InfoHash != tor.V1 {
		t.Errorf("a hybrid is announced as %s, want its v1 hash", tor.InfoHash)
	}
	if v2 := mustParse(t, treeFile(nil)); v2.HasV1 || v2.InfoHash != bt.InfoHash(v2.V2[:20]) {
		t.Errorf("a v2 file is announced as %s, want its truncated hash", v2.InfoHash)
	}
}

func TestPieceSizes(t *testing.T) {
	one := mustParse(t, oneFile(nil))
	padded := mustParse(t, album(at("a"), pad(16383), at("b")))
	layer, root := blockTree()
	v2 := mustParse(t, encode(d{"piece layers": d{root: layer}, "info": d{
		"name": "x", "piece length": 16384, "meta version": 2, "file tree": d{
			"a": d{"": d{"length": 5, "pieces root": root}},
			"b": d{"": d{"length": 0}},
			"c": d{"": d{"length": 20_000, "pieces root": root}},
			"d": d{"": d{"length": 0}},
		},
	}}))
	for _, c := range []struct {
		tor        *Torrent
		size, span bt.Bytes
		pieces     []bt.Bytes
	}{
		{one, 40_000, 40_000, []bt.Bytes{16384, 16384, 7232}},
		{padded, 2, 16385, []bt.Bytes{16384, 1}},
		{v2, 20_005, 20_005, []bt.Bytes{5, 16384, 3616}},
	} {
		if c.tor.Size != c.size || c.tor.Span != c.span || c.tor.NumPieces() != len(c.pieces) {
			t.Errorf("size %d, span %d, %d pieces; want %d, %d, %d", c.tor.Size, c.tor.Span, c.tor.NumPieces(), c.size, c.span, len(c.pieces))
		}
		for i, want := range c.pieces {
			if got := c.tor.PieceSize(i); got != want {
				t.Errorf("piece %d has %d bytes, want %d", i, got, want)
			}
		}
		if c.tor.PieceSize(-1) != 0 || c.tor.PieceSize(len(c.pieces)) != 0 {
			t.Error("a piece out of range has bytes")
		}
	}
	if one.PieceHash(2) != [20]byte([]byte(hashes20(1))) {
		t.Errorf("hash %x", one.PieceHash(2))
	}
}

// TestMemoryIsBounded gives Parse files that are small or cheap to write and claim a lot.
func TestMemoryIsBounded(t *testing.T) {
	many := make(l, 0, 20_000)
	for range cap(many) {
		many = append(many, "a")
	}
	_, root := blockTree()
	for what, data := range map[string][]byte{
		"a string of 10^18 bytes": []byte("d4:info1000000000000000000:"),
		"a flood of lists":        []byte(strings.Repeat("l", 1<<20)),
		"a flood of dictionaries": []byte(strings.Repeat("d0:", 1<<20)),
		"a path of many folders":  files(d{"length": 1, "path": many}),
		"2^50 bytes without hashes": treeFile(func(p v2Parts) {
			p.info["piece length"] = 16 << 20
			p.props["length"] = 1 << 45
			p.layers[root] = ""
		}),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = Parse(data)
		runtime.ReadMemStats(&after)
		if grown, limit := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+250*len(data)); grown > limit {
			t.Errorf("%s: %d bytes allocated for %d", what, grown, len(data))
		}
	}
}
