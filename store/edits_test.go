package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

func editText(name, about string, tags ...string) TorrentText {
	return TorrentText{Name: name, Description: about, Category: "video", Tags: tags}
}

// operators makes members operators.
func (w *world) operators(list ...bt.MemberID) {
	w.t.Helper()
	w.inTx(func(t *tx) error {
		for _, m := range list {
			if err := t.change("UPDATE members SET operator = 1 WHERE id = ?", m); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestEditsAndTheirHistory(t *testing.T) {
	w := newWorld(t)
	w.operators(1)
	id := w.bring(3, 1)
	edit := func(by bt.MemberID, x TorrentText, wantChanged bool, want error) {
		t.Helper()
		if changed, err := w.EditTorrent(t.Context(), by, id, x); changed != wantChanged || !errors.Is(err, want) {
			t.Fatalf("member %d: %v, %v", by, changed, err)
		}
	}
	edit(3, editText("A film", "good", "drama"), true, nil)
	edit(3, editText("A film", "good", "drama"), false, nil)
	edit(2, editText("mine", "", "x"), false, ErrNotUploader)
	w.must(w.ApproveTorrent(t.Context(), id, 0))
	edit(3, editText("Another film", "good", "drama"), false, ErrApproved)
	edit(3, editText("A film", "better", "drama", "noir"), true, nil)
	edit(1, editText("The film", "better", "noir"), true, nil)

	x, err := w.TorrentByHash(t.Context(), bt.InfoHash{9, 1})
	tags, err2 := w.Tags(t.Context(), id)
	if err := errors.Join(err, err2); err != nil || x.Name != "The film" || x.Description != "better" || !slices.Equal(tags, []string{"noir"}) {
		t.Fatalf("%+v %v, %v", x, tags, err)
	}
	edits, err := w.TorrentEdits(t.Context(), id, 0, 9)
	w.must(err)
	var before []string
	for _, e := range edits {
		before = append(before, e.Name+": "+e.Before.Name+"/"+e.Before.Description+"/"+strings.Join(e.Before.Tags, "+"))
	}
	if want := []string{"b: A film/better/drama+noir", "d: A film/good/drama", "d: film//"}; !slices.Equal(before, want) {
		t.Errorf("history %q, want %q", before, want)
	}
	if more, err := w.TorrentEdits(t.Context(), id, edits[1].ID, 9); err != nil || len(more) != 1 || more[0].ID != edits[2].ID {
		t.Errorf("the page after: %+v, %v", more, err)
	}
	log, err := w.OperatorLog(t.Context(), 1)
	if err != nil || len(log) != 1 || log[0].Action != "torrent edit" {
		t.Errorf("the operators' log: %+v, %v", log, err)
	}
	if _, err := w.w.Exec("DELETE FROM torrent_edits"); err == nil {
		t.Error("the history can be removed")
	}
}

func TestEditsAreBounded(t *testing.T) {
	w := newWorld(t)
	id := w.bring(3, 1)
	w.inTx(func(t *tx) error {
		for range MaxEdits {
			if err := t.keepText(3, id, editText("x", ""), "edit", ""); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := w.EditTorrent(t.Context(), 3, id, editText("y", "")); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	w.operators(3)
	if _, err := w.EditTorrent(t.Context(), 3, id, editText("y", "")); err != nil {
		t.Errorf("an operator: %v", err)
	}
}

// TestWithdraw: the uploader until somebody has some of it, an operator always; nothing is left of it in lists.
func TestWithdraw(t *testing.T) {
	w := newWorld(t)
	w.operators(1)
	fresh, taken := w.bring(3, 1), w.bring(3, 2)
	downloads := func(rows ...swarm.DownloadRow) {
		for i := range rows {
			rows[i].Torrent, rows[i].Introduced, rows[i].Seq = taken, swarm.Everybody(), 1
		}
		w.flush++
		w.must(w.Flush(t.Context(), &swarm.Batch{Number: w.flush, Downloads: rows}))
	}
	downloads(swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: 3}, Metered: 5}, // their own
		swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: 4}}) // who had it already
	if used, err := usedTorrent(w.r.QueryRow(torrentIsUsed, taken, 3)); err != nil || used {
		t.Errorf("nobody else took any of it: %v, %v", used, err)
	}
	downloads(swarm.DownloadRow{DownloadKey: swarm.DownloadKey{Member: 2}, Metered: 1000})
	rights := func(m bt.MemberID, n byte) TorrentRights {
		member, err := w.Member(t.Context(), m)
		x, err2 := w.TorrentByHash(t.Context(), bt.InfoHash{9, n})
		got, err3 := w.TorrentRights(t.Context(), member, x)
		w.must(errors.Join(err, err2, err3))
		return got
	}
	for _, c := range []struct {
		m    bt.MemberID
		n    byte
		want TorrentRights
	}{{3, 1, TorrentRights{true, true, true}}, {3, 2, TorrentRights{true, true, false}}, {2, 1, TorrentRights{}}, {1, 2, TorrentRights{true, true, true}}} {
		if got := rights(c.m, c.n); got != c.want {
			t.Errorf("member %d may do %+v to torrent %d, want %+v", c.m, got, c.n, c.want)
		}
	}
	for _, c := range []struct {
		by   bt.MemberID
		id   bt.TorrentID
		want error
	}{{2, fresh, ErrNotUploader}, {3, taken, ErrDownloaded}, {3, fresh, nil}, {3, fresh, ErrNotFound}, {1, taken, nil}, {1, 99, ErrNotFound}} {
		if err := w.WithdrawTorrent(t.Context(), c.by, c.id, "a copy"); !errors.Is(err, c.want) {
			t.Errorf("member %d, torrent %d: %v, want %v", c.by, c.id, err, c.want)
		}
	}
	if _, err := w.TorrentByHash(t.Context(), bt.InfoHash{9, 1}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a withdrawn torrent is found: %v", err)
	}
	if n := w.count("SELECT count(*) FROM search WHERE docid IN (?, ?)", fresh, taken); n != 0 {
		t.Errorf("%d withdrawn torrents are searched", n)
	}
	if roster, err := w.RosterTorrents(t.Context(), fresh); err != nil || !roster[0].Withdrawn {
		t.Errorf("the announce path is told %+v, %v", roster, err)
	}
	w.told(3, NotifyWithdrawn, 0)
	if log, err := w.OperatorLog(t.Context(), 1); err != nil || len(log) != 1 || log[0].Detail != "4: a copy" {
		t.Errorf("the operators' log: %+v, %v", log, err)
	}
}

// An approval is an operator's act, and is logged once.
func TestApprovalIsLogged(t *testing.T) {
	w := newWorld(t)
	id := w.list(NewTorrent{Name: "approved"})
	for range 2 {
		w.must(w.ApproveTorrent(t.Context(), id, 1))
	}
	log, err := w.OperatorLog(t.Context(), 10)
	w.must(err)
	n := 0
	for _, act := range log {
		if act.Action == "torrent approve" && act.Detail == fmt.Sprint(id) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d entries of one approval: %+v", n, log)
	}
	if err := w.ApproveTorrent(t.Context(), 999, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("a torrent that is not there: %v", err)
	}
}
