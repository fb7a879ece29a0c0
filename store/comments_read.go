package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// CommentQuery asks for some of a torrent's comments: the newest, those before one, or those from one on.
type CommentQuery struct {
	Torrent bt.TorrentID
	Before  int64 // the newest of those with smaller numbers; 0: no such bound
	From    int64 // the oldest of those with no smaller number, if there are any; goes before Before
	Limit   int
}

// CommentPage is some of a torrent's comments, oldest first.
type CommentPage struct {
	List  []Comment
	Older bool // there are some before them …
	Newer bool // … and after them
	Count int  // of the torrent's comments, without removed ones; at most MaxCommentCount + 1
}

const (
	selectComments = `SELECT c.id, c.torrent, c.member, m.name, c.text, c.at_ms, c.edited_ms, c.removed_ms, c.reason
		FROM comments c CROSS JOIN members m ON m.id = c.member WHERE c.torrent = ?`
	commentsBefore = selectComments + " AND c.id < ? ORDER BY c.id DESC LIMIT ?"
	commentsFrom   = selectComments + " AND c.id >= ? ORDER BY c.id LIMIT ?"
	countComments  = "SELECT count(*) FROM (SELECT 1 FROM comments WHERE torrent = ? AND removed_ms = 0 LIMIT ?)"
	anyComment     = "SELECT EXISTS (SELECT 1 FROM comments WHERE torrent = ?1 AND id < ?2), EXISTS (SELECT 1 FROM comments WHERE torrent = ?1 AND id > ?3)"
)

// Comments reads a page of a torrent's comments. Where From is beyond the last one it is the newest page.
func (s *Store) Comments(ctx context.Context, q CommentQuery) (p CommentPage, err error) {
	err = s.read(ctx, func(r *reader) error {
		if q.From > 0 {
			p.List, err = scan(ctx, r.Tx, readComment, commentsFrom, q.Torrent, q.From, q.Limit)
		}
		if err == nil && len(p.List) == 0 {
			p.List, err = scan(ctx, r.Tx, readComment, commentsBefore, q.Torrent, q.before(), q.Limit)
			slices.Reverse(p.List)
		}
		if err != nil {
			return err
		}
		if err := r.QueryRowContext(ctx, countComments, q.Torrent, MaxCommentCount+1).Scan(&p.Count); err != nil || len(p.List) == 0 {
			return err
		}
		return r.QueryRowContext(ctx, anyComment, q.Torrent, p.List[0].ID, p.List[len(p.List)-1].ID).Scan(&p.Older, &p.Newer)
	})
	if err != nil {
		return CommentPage{}, fmt.Errorf("read comments: %w", err)
	}
	return p, nil
}

// before is above every number if there is no such bound.
func (q CommentQuery) before() int64 {
	if q.Before > 0 {
		return q.Before
	}
	return 1<<63 - 1
}

func readComment(r *sql.Rows) (c Comment, err error) {
	return c, r.Scan(&c.ID, &c.Torrent, &c.Member, &c.MemberName, &c.Text, &c.AtMs, &c.EditedMs, &c.RemovedMs, &c.Reason)
}

// Comment returns one comment, whether it was removed or not; ErrNotFound.
func (s *Store) Comment(ctx context.Context, id int64) (Comment, error) {
	list, err := scan(ctx, s.r, readComment, `SELECT c.id, c.torrent, c.member, m.name, c.text, c.at_ms, c.edited_ms, c.removed_ms, c.reason
		FROM comments c CROSS JOIN members m ON m.id = c.member WHERE c.id = ?`, id)
	if err != nil {
		return Comment{}, fmt.Errorf("read comment %d: %w", id, err)
	}
	if len(list) == 0 {
		return Comment{}, ErrNotFound
	}
	return list[0], nil
}
