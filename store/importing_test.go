package store

import (
	"errors"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestImportTorrentIsWhole: a torrent whose approval fails is not there either, so that a repeated import has both.
func TestImportTorrentIsWhole(t *testing.T) {
	w := newWorld(t)
	n := NewTorrent{InfoHash: bt.InfoHash{7}, Name: "t", Size: gib, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 4}
	change := func(query string) {
		t.Helper()
		w.must(w.write(t.Context(), func(t *tx) error { return t.exec(query) }))
	}
	change("CREATE TRIGGER refuse BEFORE UPDATE OF approved_ms ON torrents BEGIN SELECT RAISE(ABORT, 'no'); END")
	if _, err := w.ImportTorrent(t.Context(), n, true); err == nil {
		t.Fatal("the approval did not fail")
	}
	if got, err := w.TorrentByHash(t.Context(), n.InfoHash); !errors.Is(err, ErrNotFound) {
		t.Errorf("half of it is there: %+v, %v", got, err)
	}
	change("DROP TRIGGER refuse")
	_, err := w.ImportTorrent(t.Context(), n, true)
	w.must(err)
	if got, err := w.TorrentByHash(t.Context(), n.InfoHash); err != nil || !got.Approved {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.ImportTorrent(t.Context(), n, true); !errors.Is(err, ErrExists) {
		t.Errorf("again: %v", err)
	}
}
