package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestPutCollection(t *testing.T) {
	s, _, _ := clockStore(t)
	addMember(t, s, 1, 0, 0)
	good := NewCollection{Name: "classics-2", Title: "Classics", About: "Old ones."}
	for i, title := range []string{"Classics", "The classics"} {
		good.Title = title
		if created, err := s.PutCollection(t.Context(), 1, good); err != nil || created != (i == 0) {
			t.Fatalf("%t, %v", created, err)
		}
	}
	c, err := s.Collection(t.Context(), "classics-2")
	if err != nil || c.NewCollection != good || c.CreatedMs == 0 || c.Torrents != 0 || c.CreatedBy == "" {
		t.Errorf("%+v, %v", c, err)
	}
	for name, bad := range map[string]NewCollection{
		"no name": {Title: "x"}, "capitals": {Name: "A", Title: "x"}, "a slash": {Name: "a/b", Title: "x"}, "a space": {Name: "a b", Title: "x"},
		"a hyphen first": {Name: "-a", Title: "x"}, "a hyphen last": {Name: "a-", Title: "x"}, "a long name": {Name: strings.Repeat("a", 41), Title: "x"},
		"no title": {Name: "a"}, "a long title": {Name: "a", Title: strings.Repeat("x", 101)}, "a long text": {Name: "a", Title: "x", About: strings.Repeat("x", 2001)},
	} {
		if _, err := s.PutCollection(t.Context(), 1, bad); !errors.Is(err, ErrCollection) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Collection(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if list, err := s.Collections(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if log, err := s.OperatorLog(t.Context(), 9); err != nil || log[0].Action != "collection put" || log[0].Detail != "classics-2: The classics" {
		t.Errorf("%v, %v", log, err)
	}
}

func TestCollectionTorrents(t *testing.T) {
	s, _, _ := clockStore(t)
	addMember(t, s, 1, 0, 0)
	var ids []bt.TorrentID
	for i := range 3 {
		id, err := s.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{byte(i + 1)}, Name: fmt.Sprint("t", 3-i), Size: bt.GiB, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 1})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if _, err := s.PutCollection(t.Context(), 1, NewCollection{Name: "c", Title: "C"}); err != nil {
		t.Fatal(err)
	}
	in := func() string {
		t.Helper()
		c, err := s.Collection(t.Context(), "c")
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.CollectionTorrents(t.Context(), c.ID, 1)
		if err != nil || len(list) != c.Torrents || c.Bytes != bt.Bytes(c.Torrents)*bt.GiB {
			t.Fatalf("%+v, %d of them: %v", c, len(list), err)
		}
		out := ""
		for _, x := range list {
			out += x.Name + " "
		}
		return out
	}
	add := func(id bt.TorrentID) error { return s.AddToCollection(t.Context(), 1, "c", id) }
	remove := func(id bt.TorrentID) error { return s.RemoveFromCollection(t.Context(), 1, "c", id) }
	// The clock stands still: all this happens in one millisecond.
	if err := errors.Join(add(ids[0]), add(ids[1]), add(ids[0])); err != nil || in() != "t2 t3 " {
		t.Errorf("%v: %s", err, in())
	}
	if err := errors.Join(remove(ids[0]), add(ids[0]), remove(ids[0]), add(ids[0])); err != nil || in() != "t2 t3 " {
		t.Errorf("%v: %s", err, in())
	}
	if err := remove(ids[1]); err != nil || in() != "t3 " {
		t.Errorf("%v: %s", err, in())
	}
	for name, err := range map[string]error{"out already": remove(ids[1]), "never in": remove(ids[2]), "no torrent": add(99), "no collection": s.AddToCollection(t.Context(), 1, "d", ids[0])} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := s.write(t.Context(), func(x *tx) error {
		for i := range MaxCollectionTorrents - 1 {
			err := x.execMany(`INSERT INTO torrents (id, infohash, name, size_bytes, piece_bytes, files, uploader, created_ms, price_utok_per_gib) VALUES (?, ?, 'x', 0, 1, 1, 1, 0, 0)`,
				1000+i, fmt.Appendf(nil, "%020d", i))
			if err != nil {
				return err
			}
			if err := x.execMany("INSERT INTO collection_torrents (collection, torrent, from_ms) VALUES (1, ?, 1)", 1000+i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := add(ids[1]); !errors.Is(err, ErrCollection) {
		t.Errorf("a torrent too many: %v", err)
	}
	if err := add(ids[0]); err != nil {
		t.Errorf("one that is in a full collection: %v", err)
	}
}
