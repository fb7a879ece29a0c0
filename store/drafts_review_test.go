package store

import (
	"errors"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// A torrent file may take half a second to read: it is read before others wait for the writer, not meanwhile.
func TestFilesAreReadOutsideTheWriter(t *testing.T) {
	w := newWorld(t)
	n := NewTorrent{InfoHash: bt.InfoHash{77}, Name: "a thing", Size: gib, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 1}
	w.must(w.write(t.Context(), func(t *tx) error {
		_, err := t.addTorrent(n, "handed over")
		return err
	}))
	if w.search("handed") != "a thing" {
		t.Error("the words that were made before are not those that it is found by")
	}
}

// Whoever is no longer the draft's owner, or never was, publishes nothing.
func TestPublishOnlyWhatIsThere(t *testing.T) {
	w := newWorld(t)
	id, err := w.AddDraft(t.Context(), NewTorrent{InfoHash: bt.InfoHash{78}, Name: "mine", Size: gib, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 1}, false)
	w.must(err)
	for m, draft := range map[bt.MemberID]int64{2: id, 1: id + 1} {
		if _, err := w.PublishDraft(t.Context(), m, draft); !errors.Is(err, ErrNotFound) {
			t.Errorf("member %d publishes draft %d: %v", m, draft, err)
		}
	}
	if _, err := w.PublishDraft(t.Context(), 1, id); err != nil || w.search("mine") != "mine" {
		t.Error(err)
	}
}
