package store

import (
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// commentStore has members 1 (uploader of two torrents), 2 and 3.
func commentStore(t *testing.T) (*Store, func(time.Duration), []bt.TorrentID) {
	t.Helper()
	s, pass, _ := clockStore(t)
	for m := range bt.MemberID(3) {
		addMember(t, s, m+1, 0, 0)
	}
	var ids []bt.TorrentID
	for i := range 2 {
		id, err := s.AddTorrent(t.Context(), NewTorrent{InfoHash: bt.InfoHash{byte(i + 1)}, InfoHash2: bt.InfoHash{9, byte(i + 1)}, Name: fmt.Sprint("t", i), Size: bt.GiB, PieceBytes: 1 << 20, Files: 1, Metainfo: []byte{0}, Uploader: 1})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return s, pass, ids
}

// say adds a comment that must succeed.
func say(t *testing.T, s *Store, torrent bt.TorrentID, m bt.MemberID, text string) int64 {
	t.Helper()
	id, err := s.AddComment(t.Context(), NewComment{Torrent: torrent, Member: m, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// shown writes a page of comments in short: text, or "(reason)" of removed ones.
func shown(p CommentPage) string {
	var out []string
	for _, c := range p.List {
		if c.RemovedMs > 0 {
			c.Text = "(" + c.Reason + ")"
		}
		out = append(out, c.Text)
	}
	text := strings.Join(out, " ")
	if p.Older {
		text = "< " + text
	}
	if p.Newer {
		text += " >"
	}
	return text
}

func TestCommentsAreAddedEditedAndRemoved(t *testing.T) {
	s, pass, torrents := commentStore(t)
	ctx, torrent := t.Context(), torrents[0]
	for _, bad := range []string{"", strings.Repeat("é", MaxComment+1), "\xff"} {
		if _, err := s.AddComment(ctx, NewComment{torrent, 2, bad}); !errors.Is(err, ErrComment) {
			t.Errorf("a text of %d bytes: %v", len(bad), err)
		}
	}
	if _, err := s.AddComment(ctx, NewComment{99, 2, "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a torrent that is not there: %v", err)
	}
	longest := say(t, s, torrent, 3, strings.Repeat("é", MaxComment))
	first := say(t, s, torrent, 2, "one")
	if again := say(t, s, torrent, 2, "one"); again != first {
		t.Error("a form that was sent twice made two comments")
	}
	second := say(t, s, torrent, 3, "two")
	if third := say(t, s, torrent, 2, "one"); third == first {
		t.Error("the same words after somebody else's are the same comment")
	}
	// Only the author, only for an hour.
	if err := s.EditComment(ctx, 3, first, "mine"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another member's comment edited: %v", err)
	}
	if err := s.EditComment(ctx, 2, first, ""); !errors.Is(err, ErrComment) {
		t.Error(err)
	}
	pass(CommentEditable - time.Second)
	if err := s.EditComment(ctx, 2, first, "uno"); err != nil {
		t.Error(err)
	}
	pass(time.Second)
	if err := s.EditComment(ctx, 2, first, "eins"); !errors.Is(err, ErrCommentLate) {
		t.Errorf("after an hour: %v", err)
	}
	if c, err := s.Comment(ctx, first); err != nil || c.Text != "uno" || c.EditedMs == 0 || c.MemberName == "" || c.Torrent != torrent {
		t.Errorf("%+v, %v", c, err)
	}
	// Deleting has no end; removing needs a reason.
	if err := s.DeleteComment(ctx, 3, first); !errors.Is(err, ErrNotFound) {
		t.Errorf("another member's comment deleted: %v", err)
	}
	if err := s.DeleteComment(ctx, 2, first); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", " ", strings.Repeat("x", maxReason+1)} {
		if err := s.RemoveComment(ctx, 1, second, bad); !errors.Is(err, ErrReason) {
			t.Errorf("reason %q: %v", bad, err)
		}
	}
	if err := s.RemoveComment(ctx, 1, second, "an address"); err != nil {
		t.Error(err)
	}
	for _, id := range []int64{first, second, 99} {
		if err := errors.Join(s.DeleteComment(ctx, 2, id), s.EditComment(ctx, 2, id, "x"), s.RemoveComment(ctx, 1, id, "x")); !errors.Is(err, ErrNotFound) {
			t.Errorf("comment %d, which is gone: %v", id, err)
		}
	}
	p, err := s.Comments(ctx, CommentQuery{Torrent: torrent, From: longest + 1, Limit: 9})
	if err != nil || shown(p) != "< () (an address) one" || p.Count != 2 {
		t.Errorf("%s, %d, %v", shown(p), p.Count, err)
	}
	if c, _ := s.Comment(ctx, second); c.Text != "" {
		t.Error("the removed text is still kept")
	}
	log, err := s.OperatorLog(ctx, 1)
	if err != nil || log[0].Action != "comment remove" || log[0].Detail != fmt.Sprintf("comment %d of member 3 on torrent %d: an address", second, torrent) {
		t.Errorf("%+v, %v", log, err)
	}
	if _, err := s.w.Exec("UPDATE torrents SET withdrawn_ms = 5 WHERE id = ?", torrent); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddComment(ctx, NewComment{torrent, 2, "late"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("on a withdrawn torrent: %v", err)
	}
}

func TestCommentTellsTheUploader(t *testing.T) {
	s, _, torrents := commentStore(t)
	say(t, s, torrents[0], 1, "my own")
	id := say(t, s, torrents[0], 2, "thanks")
	say(t, s, torrents[0], 2, "thanks")
	refs, err := collect[string](t.Context(), s.r, "SELECT member || ' ' || kind || ' ' || ref FROM notifications ORDER BY id")
	if want := fmt.Sprintf("1 %s torrent/%d/comment/%d", NotifyComment, torrents[0], id); err != nil || fmt.Sprint(refs) != "["+want+"]" {
		t.Errorf("%v, want [%s], %v", refs, want, err)
	}
}

func TestCommentPages(t *testing.T) {
	s, _, torrents := commentStore(t)
	var ids []int64
	for i := range 5 {
		ids = append(ids, say(t, s, torrents[0], 2, fmt.Sprint(i)))
		say(t, s, torrents[1], 3, fmt.Sprint("other", i))
	}
	for _, c := range []struct {
		q    CommentQuery
		want string
	}{
		{CommentQuery{}, "< 3 4"}, {CommentQuery{Before: ids[3]}, "< 1 2 >"}, {CommentQuery{Before: ids[1]}, "0 >"}, {CommentQuery{Before: ids[0]}, ""},
		{CommentQuery{From: ids[0]}, "0 1 >"}, {CommentQuery{From: ids[1] + 1}, "< 2 3 >"}, {CommentQuery{From: ids[4]}, "< 4"}, {CommentQuery{From: ids[4] + 1}, "< 3 4"},
		{CommentQuery{From: 1 << 62}, "< 3 4"}, {CommentQuery{From: ids[2], Before: ids[1]}, "< 2 3 >"},
	} {
		c.q.Torrent, c.q.Limit = torrents[0], 2
		if p, err := s.Comments(t.Context(), c.q); err != nil || shown(p) != c.want || p.Count != 5 {
			t.Errorf("%+v: %q, want %q, %d, %v", c.q, shown(p), c.want, p.Count, err)
		}
	}
	if p, err := s.Comments(t.Context(), CommentQuery{Torrent: 99, Limit: 2}); err != nil || shown(p) != "" || p.Count != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// Whatever is said, deleted and asked for, pages are cut from one list, and going on from them loses and
// repeats nothing.
func TestCommentPagesAgainstAModel(t *testing.T) {
	s, _, torrents := commentStore(t)
	var said []int64
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(0, 3).Draw(r, "new") {
			said = append(said, say(t, s, torrents[0], bt.MemberID(rapid.IntRange(2, 3).Draw(r, "member")), fmt.Sprint(len(said))))
		}
		limit := rapid.IntRange(1, 5).Draw(r, "limit")
		var walked []int64
		q := CommentQuery{Torrent: torrents[0], Limit: limit}
		if rapid.Bool().Draw(r, "backwards") {
			for more := len(said) > 0; more; {
				p, err := s.Comments(t.Context(), q)
				if err != nil || len(p.List) == 0 || len(p.List) > limit {
					r.Fatalf("%+v: %d rows, %v", q, len(p.List), err)
				}
				for i := range p.List {
					walked = append([]int64{p.List[len(p.List)-1-i].ID}, walked...)
				}
				q.Before, more = p.List[0].ID, p.Older
			}
		} else {
			q.From = 1
			for more := len(said) > 0; more; {
				p, err := s.Comments(t.Context(), q)
				if err != nil || len(p.List) == 0 || len(p.List) > limit {
					r.Fatalf("%+v: %d rows, %v", q, len(p.List), err)
				}
				for _, c := range p.List {
					walked = append(walked, c.ID)
				}
				q.From, more = p.List[len(p.List)-1].ID+1, p.Newer
			}
		}
		if fmt.Sprint(walked) != fmt.Sprint(said) {
			r.Fatalf("walked %v, said %v", walked, said)
		}
	})
}

func TestWithdrawnTorrent(t *testing.T) {
	s, _, torrents := commentStore(t)
	for _, h := range []bt.InfoHash{{1}, {9, 1}, {7}} {
		if _, _, err := s.WithdrawnTorrent(t.Context(), h); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v: %v", h, err)
		}
	}
	if _, err := s.w.Exec("UPDATE torrents SET withdrawn_ms = 5 WHERE id = ?", torrents[0]); err != nil {
		t.Fatal(err)
	}
	for _, h := range []bt.InfoHash{{1}, {9, 1}} {
		if x, ms, err := s.WithdrawnTorrent(t.Context(), h); err != nil || x.ID != torrents[0] || ms != 5 || !x.Withdrawn {
			t.Errorf("%v: %+v %d %v", h, x, ms, err)
		}
	}
}

// What a torrent's page asks reads rows of that torrent only, by an index and in its order.
func TestTorrentPageDoesNotReadWholeTables(t *testing.T) {
	s, _, _ := commentStore(t)
	for _, query := range []string{commentsBefore, commentsFrom, countComments, anyComment, withdrawnHash,
		"SELECT id, member, text FROM comments WHERE torrent = ? ORDER BY id DESC LIMIT 1"} {
		plan := torrentPlan(t, s, query)
		if strings.Contains(plan, "SCAN c") || strings.Contains(plan, "SCAN torrents") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s:\n%s", query, plan)
		}
	}
}

// torrentPlan is how SQLite runs a query, whatever its arguments.
func torrentPlan(t *testing.T, s *Store, query string) string {
	t.Helper()
	steps, err := scan(t.Context(), s.r, func(r *sql.Rows) (step string, err error) {
		var id, parent, unused int
		return step, r.Scan(&id, &parent, &unused, &step)
	}, "EXPLAIN QUERY PLAN "+regexp.MustCompile(`\?[0-9]*`).ReplaceAllString(query, "1"))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(steps, "\n")
}
