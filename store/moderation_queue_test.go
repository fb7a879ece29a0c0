package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// queueOf lists the queue as "torrent:turn", read in pages.
func queueOf(t *testing.T, s *Store) (out []string) {
	t.Helper()
	for after := (Cursor{}); ; {
		page, next, err := s.Queue(t.Context(), after, 2)
		if err != nil || len(page) > 2 {
			t.Fatal(page, err)
		}
		for _, q := range page {
			out = append(out, fmt.Sprintf("%d:%d", q.ID, q.Turn))
		}
		if !next.Set {
			return out
		}
		after = next
	}
}

func wantQueue(t *testing.T, s *Store, want ...string) {
	t.Helper()
	if got := queueOf(t, s); !slices.Equal(got, want) {
		t.Errorf("the queue is %v, want %v", got, want)
	}
}

func TestQueueIsInTurn(t *testing.T) {
	w := newWorld(t)
	w.operators(1)
	ctx := t.Context()
	for i := range 5 {
		w.bring(bt.MemberID(2+i%2), byte(i+1))
	}
	wantQueue(t, w.Store, "3:1", "4:1", "5:1", "6:1", "7:1") // newWorld approved two
	w.must(w.AskForChanges(ctx, 1, 4, "no description"))
	wantQueue(t, w.Store, "3:1", "5:1", "6:1", "7:1", "4:2")
	if q, err := w.Queued(ctx, 4); err != nil || q.Last == nil || q.Last.Reason != "no description" || q.Last.Operator != "b" || q.By.Uploads != 2 {
		t.Errorf("%+v, %v", q, err)
	}
	if _, err := w.EditTorrent(ctx, 3, 4, editText("Two", "here it is")); err != nil {
		t.Fatal(err)
	}
	wantQueue(t, w.Store, "4:0", "3:1", "5:1", "6:1", "7:1")
	if _, err := w.EditTorrent(ctx, 2, 7, editText("Five", "nobody asked")); err != nil { // it keeps its place
		t.Fatal(err)
	}
	done, err := w.ApproveTorrents(ctx, 1, []bt.TorrentID{4, 6, 6, 99})
	if err != nil || !slices.Equal(done, []bt.TorrentID{4, 6}) {
		t.Fatal(done, err)
	}
	w.must(w.RefuseTorrent(ctx, 1, 5, "it is something else"))
	w.must(w.WithdrawTorrent(ctx, 2, 3, "")) // by its uploader
	wantQueue(t, w.Store, "7:1")
	if c, err := w.ModerationCounts(ctx); err != nil || c.Queue != 1 || c.AllReports() != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	wantTold(t, w.Store, 2, "torrent-refused torrent/5/decision/6 0 *")
	wantTold(t, w.Store, 3, "torrent-approved torrent/6 0 *", "torrent-approved torrent/4 0 *", "torrent-changes torrent/4/decision/3 0 *")
	x, err := w.Explain(ctx, []int64{3, 6, 77}, []int64{1})
	if err != nil || len(x.Decisions) != 2 || x.Decisions[3] != "no description" || x.Decisions[6] != "it is something else" || len(x.Reports) != 0 {
		t.Errorf("%+v, %v", x, err)
	}
	r, err := w.MemberRecord(ctx, 2)
	if err != nil || r.Uploads != 3 || r.Approved != 0 || r.Refused != 1 {
		t.Errorf("%+v, %v", r.UploaderHistory, err)
	}
	wantLog(t, w.Store, "torrent refuse 5: it is something else", "torrent approve 6", "torrent approve 4", "torrent ask 4: no description")
}

// wantLog compares the newest lines of the operators' log.
func wantLog(t *testing.T, s *Store, want ...string) {
	t.Helper()
	list, _, err := s.Log(t.Context(), LogQuery{Limit: len(want)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range list {
		got = append(got, l.Act.Action+" "+l.Act.Detail)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestQueueRefuses(t *testing.T) {
	w := newWorld(t)
	w.operators(1)
	ctx := t.Context()
	id := w.bring(2, 1)
	for _, why := range []string{"", " \n", strings.Repeat("x", MaxWhy+1)} {
		if err := errors.Join(w.RefuseTorrent(ctx, 1, id, why)); !errors.Is(err, ErrWhy) {
			t.Errorf("%q: %v", why, err)
		}
		if err := w.AskForChanges(ctx, 1, id, why); !errors.Is(err, ErrWhy) {
			t.Errorf("%q: %v", why, err)
		}
	}
	for by, want := range map[bt.MemberID]error{2: ErrNotUploader, 3: ErrNotUploader} {
		if err := w.RefuseTorrent(ctx, by, id, "x"); !errors.Is(err, want) {
			t.Errorf("member %d: %v", by, err)
		}
		if err := w.AskForChanges(ctx, by, id, "x"); !errors.Is(err, want) {
			t.Errorf("member %d: %v", by, err)
		}
	}
	if err := w.RefuseTorrent(ctx, 1, 99, "x"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := w.ApproveTorrents(ctx, 1, make([]bt.TorrentID, MaxDecideAtOnce+1)); !errors.Is(err, ErrRange) {
		t.Error(err)
	}
	w.must(w.ApproveTorrent(ctx, id, 1))
	if err := w.RefuseTorrent(ctx, 1, id, "too late"); !errors.Is(err, ErrModerated) {
		t.Error(err)
	}
	if err := w.AskForChanges(ctx, 1, id, "too late"); !errors.Is(err, ErrModerated) {
		t.Error(err)
	}
	if _, err := w.Queued(ctx, id); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, q := range []string{"UPDATE torrent_decisions SET reason = 'x'", "DELETE FROM torrent_decisions", "REPLACE INTO torrent_decisions (id, torrent, uploader, at_ms, decision) VALUES (1, 1, 1, 0, 'approved')"} {
		if _, err := w.w.Exec(q); err == nil {
			t.Errorf("%s: allowed", q)
		}
	}
}

// An operator's ordinary withdrawal of a torrent that waits counts as a refusal, one of an approved torrent not.
func TestWithdrawalsOfOperatorsAreDecisions(t *testing.T) {
	w := newWorld(t)
	w.operators(1)
	ctx := t.Context()
	waits, approved := w.bring(2, 1), w.bring(2, 2)
	w.must(w.ApproveTorrent(ctx, approved, 1))
	w.must(w.WithdrawTorrent(ctx, 1, waits, "a virus"))
	w.must(w.WithdrawTorrent(ctx, 1, approved, "a virus, too"))
	list, err := w.TorrentDecisions(ctx, waits, 0, 9)
	if err != nil || len(list) != 1 || list[0].Decision != TorrentRefused || list[0].Reason != "a virus" {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err = w.TorrentDecisions(ctx, approved, 0, 9); err != nil || len(list) != 1 || list[0].Decision != TorrentApproved {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err = w.TorrentDecisions(ctx, approved, list[0].ID, 9); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestLookalikes(t *testing.T) {
	w := newWorld(t)
	w.operators(1)
	add := func(n byte, name string, size bt.Bytes) bt.TorrentID {
		t.Helper()
		id, err := w.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{7, n}, Name: name, Size: size, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 2})
		w.must(err)
		return id
	}
	add(1, "The Long Road to Nowhere 1080p", 5*bt.GiB)
	same := add(2, "something else", 4*bt.GiB)
	add(3, "another thing", 4*bt.GiB+1)
	id := add(4, "long.road.to.nowhere.720p", 4*bt.GiB)
	q, err := w.Queued(t.Context(), id)
	w.must(err)
	var got []string
	for _, l := range q.Alike {
		got = append(got, fmt.Sprint(l.Name, " ", l.SameSize))
	}
	if want := []string{"something else true", "The Long Road to Nowhere 1080p false"}; !slices.Equal(got, want) || q.Alike[0].ID != same {
		t.Errorf("%q, want %q", got, want)
	}
}

// The queue is what is neither approved nor withdrawn, whatever was done in which order, and the turn is that of a
// simple model.
func TestQueueModel(t *testing.T) {
	w := newWorld(t)
	w.operators(1)
	made := 0
	rapid.Check(t, func(r *rapid.T) {
		turns := map[bt.TorrentID]Turn{}
		var ids []bt.TorrentID
		for range rapid.IntRange(1, 4).Draw(r, "torrents") {
			made++
			id, err := w.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{byte(made), byte(made >> 8), 3}, Name: fmt.Sprint("m", made), Size: 1, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 2})
			if err != nil {
				r.Fatal(err)
			}
			ids, turns[id] = append(ids, id), TurnOperator
		}
		for i := range rapid.IntRange(0, 12).Draw(r, "acts") {
			id := rapid.SampledFrom(ids).Draw(r, "torrent")
			turn, waits := turns[id]
			var err, want error
			if !waits {
				want = ErrModerated
			}
			switch rapid.IntRange(0, 4).Draw(r, "act") {
			case 0:
				var done []bt.TorrentID
				if done, err = w.ApproveTorrents(t.Context(), 1, []bt.TorrentID{id}); len(done) > 0 != waits {
					r.Fatalf("approved %v", done)
				}
				want = nil
				delete(turns, id)
			case 1:
				err = w.RefuseTorrent(t.Context(), 1, id, "no")
				delete(turns, id)
			case 2:
				if err = w.AskForChanges(t.Context(), 1, id, "change"); waits {
					turns[id] = TurnUploader
				}
			case 3:
				_, edit := w.EditTorrent(t.Context(), 2, id, editText(fmt.Sprint("m", made, " ", i), fmt.Sprint(i)))
				if edit == nil && waits && turn == TurnUploader {
					turns[id] = TurnChanged
				}
				want = nil
			case 4:
				if w.WithdrawTorrent(t.Context(), 2, id, "") == nil {
					delete(turns, id)
				}
				want = nil
			}
			if !errors.Is(err, want) {
				r.Fatalf("%v, want %v", err, want)
			}
			for _, id := range ids {
				q, err := w.Queued(t.Context(), id)
				if turn, waits := turns[id]; waits && (err != nil || q.Turn != turn) || !waits && !errors.Is(err, ErrNotFound) {
					r.Fatalf("torrent %d: %d %v, want %d %v", id, q.Turn, err, turn, waits)
				}
			}
		}
	})
}
