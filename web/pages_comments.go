package web

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	commentRows                = 30
	commentEvery, commentBurst = time.Minute, 10      // of a member, edits too
	maxCommentReason           = 200                  // bytes
	maxCommentBytes            = 5 * store.MaxComment // of UTF-8, and a carriage return for every line
)

// commentPages are what members say about a torrent.
func (s *site) commentPages(r chi.Router) {
	r.Post("/torrents/{infohash}/comments", s.members(s.doComment))
	r.Post("/torrents/{infohash}/comments/{comment}/edit", s.members(s.doEditComment))
	r.Post("/torrents/{infohash}/comments/{comment}/delete", s.members(s.doDeleteComment))
	r.Post("/torrents/{infohash}/comments/{comment}/remove", s.operators(s.doRemoveComment))
}

// commentView is a comment with what the visitor may do with it.
type commentView struct {
	store.Comment
	Uploader         bool // its author uploaded the torrent
	Mine             bool
	Editable         bool
	Edited           string // what the form holds: the text, or what was typed last
	Problem, Removal string // what is wrong with what was typed, and a reason that was typed
}

// commentsView is the comments' part of a torrent's page.
type commentsView struct {
	Path         string // of the torrent
	List         []commentView
	Count        int
	More         bool // there are more than Count
	Older, Newer string
	Text         string // typed, and not taken
	Problem      string
	Limit        int // characters
	ReasonLimit  int
	Editable     time.Duration
	Operator     bool
}

// typedComment is a form that was not taken: for comment ID, or 0 for a new one.
type typedComment struct {
	ID           int64
	Text, Reason string
	Problem      string
}

// comments reads the part of a torrent's comments that the address asks for: ?comment= begins with that
// one unless it is among the newest, ?before= ends before it. What is neither is not looked at.
func (s *site) comments(r *http.Request, t store.Torrent, typed typedComment) (commentsView, error) {
	query := store.CommentQuery{Torrent: t.ID, Limit: commentRows, Before: commentNumber(r, "before")}
	p, err := s.Store.Comments(r.Context(), query)
	from := commentNumber(r, "comment")
	if typed.ID > 0 {
		from = typed.ID
	}
	if err == nil && from > 0 && len(p.List) > 0 && (p.List[0].ID > from || query.Before > 0) {
		query.From = from
		p, err = s.Store.Comments(r.Context(), query)
	}
	if err != nil {
		return commentsView{}, err
	}
	m := visitorOf(r).member
	v := commentsView{Path: "/torrents/" + t.InfoHash.String(), Count: min(p.Count, store.MaxCommentCount), More: p.Count > store.MaxCommentCount, Limit: store.MaxComment,
		ReasonLimit: maxCommentReason, Editable: store.CommentEditable, Operator: m.Operator}
	if typed.ID == 0 {
		v.Text, v.Problem = typed.Text, typed.Problem
	}
	for _, c := range p.List {
		v.List = append(v.List, s.commentView(c, t, m.ID, typed))
	}
	if p.Older {
		v.Older = fmt.Sprintf("%s?before=%d#comments", v.Path, p.List[0].ID)
	}
	if p.Newer {
		v.Newer = fmt.Sprintf("%s?comment=%d#comments", v.Path, p.List[len(p.List)-1].ID+1)
	}
	return v, nil
}

func (s *site) commentView(c store.Comment, t store.Torrent, visitor bt.MemberID, typed typedComment) commentView {
	v := commentView{Comment: c, Uploader: c.Member == t.Uploader, Mine: c.Member == visitor, Edited: c.Text}
	v.Editable = v.Mine && s.Now().Sub(time.UnixMilli(c.AtMs)) < store.CommentEditable
	if typed.ID == c.ID {
		v.Problem, v.Removal = typed.Problem, typed.Reason
		if typed.Text != "" {
			v.Edited = typed.Text
		}
	}
	return v
}

// commentNumber reads a comment's number from the query; 0: there is none.
func commentNumber(r *http.Request, name string) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

var manyLines = regexp.MustCompile(`\n\s*\n\s*\n+`)

// commentText is what a member typed as it is kept: no more than one empty line in a row, and something
// that can be seen.
func commentText(typed string) (string, error) {
	text, err := cleanText([]byte(typed), "comment", maxCommentBytes)
	if err != nil {
		return "", err
	}
	text = manyLines.ReplaceAllString(text, "\n\n")
	if !canBeSeen(text) {
		return "", fail(http.StatusUnprocessableEntity, "comment", "Write something: the comment is empty.")
	}
	return text, nil
}

// commentProblem explains what the store refuses.
func commentProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrComment):
		return fail(http.StatusUnprocessableEntity, "comment", "A comment has at most %d characters; shorten it.", store.MaxComment)
	case errors.Is(err, store.ErrCommentLate):
		return fail(http.StatusConflict, "comment_late", "A comment can be changed for %s only; write another one, or delete it.", span(store.CommentEditable))
	}
	return err
}

// mayComment bounds how often a member writes.
func (s *site) mayComment(r *http.Request) error {
	if !s.Dev && !s.onTorrent.comments.allow(fmt.Sprint(visitorOf(r).member.ID), s.Now()) {
		return fail(http.StatusTooManyRequests, "slow_down", "You wrote a lot in a short time; wait a minute and send it again.")
	}
	return nil
}

// addComment says something about a torrent.
func (s *site) addComment(r *http.Request, t store.Torrent, typed string) (int64, error) {
	text, err := commentText(typed)
	if err != nil {
		return 0, err
	}
	if err := s.mayComment(r); err != nil {
		return 0, err
	}
	return s.Store.AddComment(r.Context(), store.NewComment{Torrent: t.ID, Member: visitorOf(r).member.ID, Text: text})
}

func (s *site) doComment(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	id, err := s.addComment(r, t, r.PostForm.Get("text"))
	if err != nil {
		return s.commentAgain(r, t, typedComment{Text: r.PostForm.Get("text")}, err)
	}
	return toComment(w, r, t, fmt.Sprintf("#comment-%d", id))
}

// commentOf finds the comment that the path names on the torrent that it names.
func (s *site) commentOf(r *http.Request) (t store.Torrent, c store.Comment, err error) {
	if t, err = s.torrent(r); err != nil {
		return t, c, err
	}
	id, err := numberInPath(r, "comment")
	if err == nil {
		c, err = s.Store.Comment(r.Context(), id)
	}
	if err == nil && c.Torrent != t.ID {
		err = store.ErrNotFound
	}
	return t, c, err
}

// postedAbout is commentOf for a form about it.
func (s *site) postedAbout(r *http.Request) (t store.Torrent, c store.Comment, err error) {
	if t, c, err = s.commentOf(r); err != nil {
		return t, c, err
	}
	if err := r.ParseForm(); err != nil {
		return t, c, badForm(err)
	}
	return t, c, nil
}

// editComment replaces the visitor's comment.
func (s *site) editComment(r *http.Request, c store.Comment, typed string) error {
	text, err := commentText(typed)
	if err != nil {
		return err
	}
	if err := s.mayComment(r); err != nil {
		return err
	}
	return s.Store.EditComment(r.Context(), visitorOf(r).member.ID, c.ID, text)
}

// removeComment takes anybody's comment away, for an operator.
func (s *site) removeComment(r *http.Request, t store.Torrent, c store.Comment, typed string) error {
	m := visitorOf(r).member
	reason, err := cleanText([]byte(typed), "reason", maxCommentReason)
	if err != nil {
		return err
	}
	if err := s.Store.RemoveComment(r.Context(), m.ID, c.ID, strings.Join(strings.Fields(reason), " ")); err != nil {
		return err
	}
	s.Log.Info("comment removed", "comment", c.ID, "infohash", t.InfoHash.String(), "by", m.ID)
	return nil
}

func (s *site) doEditComment(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, c, err := s.postedAbout(r)
	if err != nil {
		return nil, err
	}
	if err := s.editComment(r, c, r.PostForm.Get("text")); err != nil {
		return s.commentAgain(r, t, typedComment{ID: c.ID, Text: r.PostForm.Get("text")}, err)
	}
	return toComment(w, r, t, commentLink(c.ID))
}

func (s *site) doDeleteComment(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, c, err := s.postedAbout(r)
	if err == nil {
		err = s.Store.DeleteComment(r.Context(), visitorOf(r).member.ID, c.ID)
	}
	if err != nil {
		return nil, err
	}
	return toComment(w, r, t, commentLink(c.ID))
}

func (s *site) doRemoveComment(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, c, err := s.postedAbout(r)
	if err != nil {
		return nil, err
	}
	typed := r.PostForm.Get("reason")
	if err := s.removeComment(r, t, c, typed); err != nil {
		return s.commentAgain(r, t, typedComment{ID: c.ID, Reason: typed}, err)
	}
	return toComment(w, r, t, commentLink(c.ID))
}

// commentLink is the part of a permanent link behind the torrent's address.
func commentLink(id int64) string { return fmt.Sprintf("?comment=%d#comment-%d", id, id) }

func toComment(w http.ResponseWriter, r *http.Request, t store.Torrent, link string) (*view, error) {
	http.Redirect(w, r, "/torrents/"+t.InfoHash.String()+link, http.StatusSeeOther)
	return nil, nil
}

// commentAgain shows the torrent's page with what was typed and what is wrong with it.
func (s *site) commentAgain(r *http.Request, t store.Torrent, typed typedComment, err error) (*view, error) {
	err = commentProblem(err)
	p := s.asProblem(r, err)
	typed.Problem = p.Detail
	if typed.Text, err = cleanText([]byte(typed.Text), "comment", maxBody); err != nil {
		typed.Text = ""
	}
	if typed.Reason, err = cleanText([]byte(typed.Reason), "reason", maxBody); err != nil {
		typed.Reason = ""
	}
	v, err := s.torrentPageWith(r, t, typed)
	if err != nil {
		return nil, err
	}
	return s.again(r, v, p)
}
