package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// MaxComment bounds a comment, in characters.
	MaxComment = 4000
	// CommentEditable is how long an author may change what he wrote.
	CommentEditable = time.Hour
	// MaxCommentCount is where counting a torrent's comments ends.
	MaxCommentCount = 1000
)

var (
	// ErrComment: a comment cannot be so.
	ErrComment = errors.New("a comment has 1 to 4000 characters")
	// ErrCommentLate: others have read it by now.
	ErrCommentLate = errors.New("a comment can be changed for an hour only")
)

// NewComment is what a member says about a torrent: plain text.
type NewComment struct {
	Torrent bt.TorrentID
	Member  bt.MemberID
	Text    string
}

// Comment is one as it is shown. Of a removed one the text is gone.
type Comment struct {
	ID int64
	NewComment
	MemberName string
	AtMs       int64
	EditedMs   int64  // 0: never
	RemovedMs  int64  // 0: it is there
	Reason     string // of the operator who removed it; empty: its author deleted it
}

func checkComment(text string) error {
	if n := utf8.RuneCountInString(text); n == 0 || n > MaxComment || !utf8.ValidString(text) {
		return ErrComment
	}
	return nil
}

// AddComment adds a comment and tells the torrent's uploader. The same text again, while nobody said
// anything since, is the same comment: a form that was sent twice. ErrComment; ErrNotFound: there is no
// such torrent, or it was withdrawn.
func (s *Store) AddComment(ctx context.Context, c NewComment) (id int64, err error) {
	if err := checkComment(c.Text); err != nil {
		return 0, err
	}
	err = s.write(ctx, func(t *tx) error {
		var uploader bt.MemberID
		err := t.row("SELECT uploader FROM torrents WHERE id = ? AND withdrawn_ms = 0", c.Torrent).Scan(&uploader)
		if err != nil {
			return notFound(err)
		}
		var last Comment
		err = t.row("SELECT id, member, text FROM comments WHERE torrent = ? ORDER BY id DESC LIMIT 1", c.Torrent).Scan(&last.ID, &last.Member, &last.Text)
		if err == nil && last.Member == c.Member && last.Text == c.Text {
			id = last.ID
			return nil
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		id, err = t.insert("INSERT INTO comments (torrent, member, text, at_ms) VALUES (?, ?, ?, ?)", c.Torrent, c.Member, c.Text, t.nowMs())
		if err != nil || uploader == c.Member {
			return err
		}
		ref := fmt.Sprintf("torrent/%d/comment/%d", c.Torrent, id)
		return t.notify(uploader, NotifyComment, ref, 0, ref)
	})
	if err != nil {
		return 0, fmt.Errorf("add comment: %w", err)
	}
	return id, nil
}

// EditComment replaces a member's own comment. ErrComment; ErrNotFound: it is not there, or not theirs;
// ErrCommentLate.
func (s *Store) EditComment(ctx context.Context, m bt.MemberID, id int64, text string) error {
	if err := checkComment(text); err != nil {
		return err
	}
	err := s.write(ctx, func(t *tx) error {
		c, err := t.commentThere(id)
		switch {
		case err != nil:
			return err
		case c.Member != m:
			return ErrNotFound
		case c.Text == text:
			return nil
		case t.nowMs()-c.AtMs >= CommentEditable.Milliseconds():
			return ErrCommentLate
		}
		return t.change("UPDATE comments SET text = ?, edited_ms = ? WHERE id = ?", text, t.nowMs(), id)
	})
	if err != nil {
		return fmt.Errorf("edit comment %d: %w", id, err)
	}
	return nil
}

// DeleteComment takes a member's own comment away. ErrNotFound: it is not there, or not theirs.
func (s *Store) DeleteComment(ctx context.Context, m bt.MemberID, id int64) error {
	err := s.write(ctx, func(t *tx) error {
		c, err := t.commentThere(id)
		if err == nil && c.Member != m {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.clearComment(id, "")
	})
	if err != nil {
		return fmt.Errorf("delete comment %d: %w", id, err)
	}
	return nil
}

// RemoveComment takes anybody's comment away, for a reason that all can read; by is the operator, and
// the operators' log keeps it. ErrReason; ErrNotFound: it is not there.
func (s *Store) RemoveComment(ctx context.Context, by bt.MemberID, id int64, reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > maxReason {
		return ErrReason
	}
	err := s.write(ctx, func(t *tx) error {
		c, err := t.commentThere(id)
		if err != nil {
			return err
		}
		return errors.Join(t.clearComment(id, reason),
			t.logOperator(by, "comment remove", fmt.Sprintf("comment %d of member %d on torrent %d: %s", id, c.Member, c.Torrent, reason)))
	})
	if err != nil {
		return fmt.Errorf("remove comment %d: %w", id, err)
	}
	return nil
}

// commentThere reads a comment that was not removed; ErrNotFound.
func (t *tx) commentThere(id int64) (c Comment, err error) {
	err = t.row("SELECT torrent, member, text, at_ms FROM comments WHERE id = ? AND removed_ms = 0", id).Scan(&c.Torrent, &c.Member, &c.Text, &c.AtMs)
	return c, notFound(err)
}

func (t *tx) clearComment(id int64, reason string) error {
	return t.change("UPDATE comments SET text = '', removed_ms = ?, reason = ? WHERE id = ?", t.nowMs(), reason, id)
}
