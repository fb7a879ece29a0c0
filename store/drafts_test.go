package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

func draft(m bt.MemberID, n byte) NewTorrent {
	return NewTorrent{InfoHash: bt.InfoHash{8, n}, InfoHash2: bt.InfoHash{7, n}, Name: "draft", Size: gib, PieceBytes: 1 << 20, Files: 2, Metainfo: []byte{1, 2}, Uploader: m,
		Category: "books", Tags: []string{"fiction", "old"}}
}

// TestDraftsAreNowhere: until they are published, and then they are a torrent like others.
func TestDraftsAreNowhere(t *testing.T) {
	w := newWorld(t)
	id, err := w.AddDraft(t.Context(), draft(3, 1), true)
	w.must(err)
	if _, err := w.TorrentByHash(t.Context(), bt.InfoHash{8, 1}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a draft is in the catalogue: %v", err)
	}
	if roster, err := w.RosterTorrents(t.Context()); err != nil || len(roster) != 2 {
		t.Errorf("the announce path knows %d torrents, %v", len(roster), err)
	}
	for _, other := range []bt.MemberID{2, 4} {
		_, err := w.Draft(t.Context(), other, id)
		_, err2 := w.PublishDraft(t.Context(), other, id)
		err3 := w.EditDraft(t.Context(), other, id, editText("x", ""))
		err4 := w.DiscardDraft(t.Context(), other, id)
		for _, err := range []error{err, err2, err3, err4} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("member %d sees the draft: %v", other, err)
			}
		}
	}
	w.must(w.EditDraft(t.Context(), 3, id, editText("A book", "about it", "new")))
	d, err := w.Draft(t.Context(), 3, id)
	if err != nil || d.Name != "A book" || !d.Changed || d.Category != "video" || !slices.Equal(d.Tags, []string{"new"}) {
		t.Fatalf("%+v, %v", d, err)
	}
	torrent, err := w.PublishDraft(t.Context(), 3, id)
	w.must(err)
	x, err := w.TorrentByHash(t.Context(), bt.InfoHash{7, 1}) // by the second hash
	if err != nil || x.ID != torrent || x.Name != "A book" || x.Files != 2 || x.PieceBytes != 1<<20 || x.Uploader != 3 {
		t.Errorf("published: %+v, %v", x, err)
	}
	file, err := w.Metainfo(t.Context(), torrent)
	tags, err2 := w.Tags(t.Context(), torrent)
	if errors.Join(err, err2) != nil || !slices.Equal(file, []byte{1, 2}) || !slices.Equal(tags, []string{"new"}) {
		t.Errorf("published: file %v, tags %v, %v %v", file, tags, err, err2)
	}
	if list, err := w.Drafts(t.Context(), 3); err != nil || len(list) != 0 {
		t.Errorf("still a draft: %+v, %v", list, err)
	}
}

// The info-hash of a draft is not taken: whoever publishes first has it.
func TestDraftsReserveNothing(t *testing.T) {
	w := newWorld(t)
	a, err := w.AddDraft(t.Context(), draft(3, 1), false)
	w.must(err)
	b, err := w.AddDraft(t.Context(), draft(2, 1), false)
	w.must(err)
	if _, err := w.AddDraft(t.Context(), draft(2, 1), false); !errors.Is(err, ErrExists) {
		t.Errorf("the same draft twice: %v", err)
	}
	_, err = w.PublishDraft(t.Context(), 2, b)
	w.must(err)
	if _, err := w.PublishDraft(t.Context(), 3, a); !errors.Is(err, ErrExists) {
		t.Errorf("published twice: %v", err)
	}
	if _, err := w.Draft(t.Context(), 3, a); err != nil {
		t.Errorf("the draft is lost: %v", err)
	}
	if _, err := w.AddDraft(t.Context(), draft(4, 1), false); !errors.Is(err, ErrExists) {
		t.Errorf("a draft of what is there: %v", err)
	}
	w.must(w.DiscardDraft(t.Context(), 3, a))
}

func TestDraftsAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range byte(MaxDrafts) {
		_, err := w.AddDraft(t.Context(), draft(3, i), false)
		w.must(err)
	}
	if _, err := w.AddDraft(t.Context(), draft(3, 99), false); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	for i := range byte(4) {
		n := draft(2, i)
		n.Metainfo = make([]byte, catalog.MaxFileBytes)
		_, err := w.AddDraft(t.Context(), n, false)
		w.must(err)
	}
	if _, err := w.AddDraft(t.Context(), draft(2, 99), false); !errors.Is(err, ErrTooMany) {
		t.Errorf("more bytes: %v", err)
	}
}
