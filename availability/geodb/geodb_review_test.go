package geodb

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A tree of a few hundred bytes whose two branches always meet again has more networks without data than
// anybody can skip: Open gives up.
func TestOpenOfATreeWithoutEnd(t *testing.T) {
	const nodes = 96
	var out []byte
	for i := range nodes {
		next := binary.BigEndian.AppendUint32(nil, uint32(i+1))[1:] // the last one: nothing
		out = append(append(out, next...), next...)
	}
	out = encode(append(out, make([]byte, 16)...), map[string]any{"continent": "x"})
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	out = encode(out, map[string]any{"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint16(1),
		"database_type": "Test-City", "ip_version": uint16(6), "node_count": uint16(nodes), "record_size": uint16(24)})
	path := filepath.Join(t.TempDir(), "places.mmdb")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := Open(path); !errors.Is(err, ErrNoPlaces) || db != nil {
		t.Error(err)
	}
}
