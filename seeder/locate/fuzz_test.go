package locate

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/seeder/engine"
)

// FuzzSessions reads session files of all clients: whatever they say, a place is absolute and clean,
// and a relative name stays below it.
func FuzzSessions(f *testing.F) {
	for _, seed := range []string{
		"", "de", "d", "le", "d3:keyi1e", "d9:save_path5:/data12:mapped_filesl1:a4:../b2:/cee", "d9:directory4:/a/be", "d9:directory1:/e",
		"d11:destination2:/d5:filesl0:1:xee", "d12:qBt-savePath3:/a\x00e", "d4:listl" + strings.Repeat("l", 100) + "e",
		"d99999999999:", "d1:ai", "d1:a-1:b", "d40:" + strings.Repeat("a", 40) + "20:d9:save_path4:/xyzee",
	} {
		f.Add([]byte(seed))
	}
	files := []engine.FilePart{{Path: []string{"t", "a"}, Size: 1}, {Path: []string{"t", ".pad", "9"}, Size: 9, Pad: true}, {Path: []string{"t", "b"}, Size: 2}}
	f.Fuzz(func(t *testing.T, b []byte) {
		readers := []func([]byte) (session, error){libtorrentSession, transmissionSession,
			func(b []byte) (session, error) { return rtorrentSession(b, true) },
			func(b []byte) (session, error) { return rtorrentSession(b, false) }}
		for _, read := range readers {
			s, err := read(b)
			if err != nil {
				continue
			}
			x := Torrent{Files: files}
			s.apply(&x)
			for _, path := range append(x.Hint().Files, x.SavePath) {
				if path != "" && (!filepath.IsAbs(path) || filepath.Clean(path) != path || strings.ContainsRune(path, 0)) {
					t.Errorf("%q leads to %q", b, path)
				}
			}
			if x.SavePath == "" && x.Renamed != nil {
				t.Errorf("%q renames files of no folder", b)
			}
		}
	})
}
