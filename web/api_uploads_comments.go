package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// commentsAnswer is a page of what members say about a torrent, newest first.
type commentsAnswer struct {
	Comments []commentAnswer `json:"comments"`
	Next     string          `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// commentAnswer is a comment.
type commentAnswer struct {
	ID        int64      `json:"id"`
	Member    string     `json:"member"`
	Uploader  bool       `json:"uploader" doc:"who wrote it uploaded the torrent"`
	Mine      bool       `json:"mine"`
	Editable  bool       `json:"editable" doc:"by you, now"`
	Text      string     `json:"text" doc:"empty: it was removed"`
	At        time.Time  `json:"at"`
	EditedAt  *time.Time `json:"edited_at"`
	RemovedAt *time.Time `json:"removed_at"`
	Reason    string     `json:"reason" doc:"of the operator who removed it; empty: its author did"`
}

// commentBody is what a member says.
type commentBody struct {
	Text string `json:"text" doc:"plain text"`
}

func (s *site) commentAnswer(r *http.Request, t store.Torrent, c store.Comment) commentAnswer {
	v := s.commentView(c, t, visitorOf(r).member.ID, typedComment{})
	return commentAnswer{c.ID, c.MemberName, v.Uploader, v.Mine, v.Editable && c.RemovedMs == 0, c.Text, utc(c.AtMs), utcOrNil(c.EditedMs), utcOrNil(c.RemovedMs), c.Reason}
}

func (s *site) apiComments(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	before, limit, err := placeIn(r)
	if err != nil {
		return err
	}
	p, err := s.Store.Comments(r.Context(), store.CommentQuery{Torrent: t.ID, Before: before, Limit: limit})
	if err != nil {
		return err
	}
	next := ""
	if p.Older {
		next = formatBefore(p.List[0].ID)
	}
	slices.Reverse(p.List)
	return answer(w, http.StatusOK, commentsAnswer{views(p.List, func(c store.Comment) commentAnswer { return s.commentAnswer(r, t, c) }), next})
}

// answerComment shows one comment as it is now.
func (s *site) answerComment(w http.ResponseWriter, r *http.Request, status int, t store.Torrent, id int64) error {
	c, err := s.Store.Comment(r.Context(), id)
	if err != nil {
		return err
	}
	return answer(w, status, s.commentAnswer(r, t, c))
}

func (s *site) apiComment(w http.ResponseWriter, r *http.Request) error {
	var in commentBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	id, err := s.addComment(r, t, in.Text)
	if err != nil {
		return commentProblem(err)
	}
	return s.answerComment(w, r, http.StatusCreated, t, id)
}

func (s *site) apiEditComment(w http.ResponseWriter, r *http.Request) error {
	var in commentBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	t, c, err := s.commentOf(r)
	if err != nil {
		return err
	}
	if err := s.editComment(r, c, in.Text); err != nil {
		return commentProblem(err)
	}
	return s.answerComment(w, r, http.StatusOK, t, c.ID)
}

func (s *site) apiDeleteComment(w http.ResponseWriter, r *http.Request) error {
	_, c, err := s.commentOf(r)
	if err == nil {
		err = s.Store.DeleteComment(r.Context(), visitorOf(r).member.ID, c.ID)
	}
	return done(w, err)
}

func (s *site) apiRemoveComment(w http.ResponseWriter, r *http.Request) error {
	var in whyBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	t, c, err := s.commentOf(r)
	if err == nil {
		err = s.removeComment(r, t, c, in.Reason)
	}
	return done(w, err)
}
