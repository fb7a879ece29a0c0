package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// FuzzParseFile: whatever a server sends, it is refused or its files lie below its folder and add up.
func FuzzParseFile(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 40_000), 0o644); err != nil {
		f.Fatal(err)
	}
	for _, v := range []catalog.Version{catalog.V1, catalog.V2, catalog.Hybrid} {
		for _, path := range []string{dir, filepath.Join(dir, "file")} {
			raw, err := catalog.Create(context.Background(), path, catalog.CreateOptions{Version: v, PieceLength: 16 << 10, Private: true})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Add([]byte("d4:infod9:file treed1:ad0:d6:lengthi5e11:pieces root3:abceee12:meta versioni2e4:name1:a12:piece lengthi16384e7:privatei1eee"))
	f.Add([]byte("d4:infod12:meta versioni2e7:privatei1eee")) // no piece length
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := engine.ParseFile(raw)
		if err != nil {
			return
		}
		var sum bt.Bytes
		for _, p := range file.Files() {
			sum += p.Size
			if p.Path[0] != file.Name {
				t.Errorf("%q is not below %q", p.Path, file.Name)
			}
			for _, name := range p.Path {
				if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\") {
					t.Errorf("unsafe path %q", p.Path)
				}
			}
		}
		if sum != file.Size {
			t.Errorf("the files have %d bytes, the torrent %d", sum, file.Size)
		}
	})
}
