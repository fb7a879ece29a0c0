package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

const (
	queueRows = 20 // torrents on a page of the queue: each is looked at from several sides
	modRows   = 50 // of other lists
)

// moderationPages are what members see of it.
func (s *site) moderationPages(r chi.Router) {
	r.Get("/report", s.members(s.pageReport))
	r.Post("/report", s.members(s.doReport))
	r.Get("/reports", s.members(s.pageReports))
	r.Get("/announcements", s.members(s.pageAnnouncements))
	r.Post("/announcements/{id}/dismiss", s.members(s.doDismiss))
}

// moderationAdmin are pages of operators, under /admin.
func (s *site) moderationAdmin(r chi.Router) {
	r.Get("/queue", s.operators(s.pageQueue))
	r.Post("/queue/approve", s.operators(s.doApproveQueued))
	r.Get("/queue/{infohash}", s.operators(s.pageQueued))
	r.Post("/queue/{infohash}/refuse", s.operators(s.doRefuse))
	r.Post("/queue/{infohash}/changes", s.operators(s.doAskForChanges))
	r.Get("/members", s.operators(s.pageAdminMembers))
	r.Get("/members/{id}", s.operators(s.pageAdminMember))
	r.Post("/members/{id}/notes", s.operators(s.doNote))
	for _, act := range store.MemberActs() {
		r.Post("/members/{id}/"+string(act), s.freshOperators(s.doMemberAct(act)))
	}
	r.Get("/reports", s.operators(s.pageAdminReports))
	r.Post("/reports/{id}/resolve", s.operators(s.doResolve))
	r.Get("/announcements", s.operators(s.pageAdminAnnouncements))
	r.Post("/announcements", s.operators(s.doAnnounce))
	r.Get("/announcements/{id}", s.operators(s.pageAdminAnnouncement))
	r.Post("/announcements/{id}", s.operators(s.doEditAnnouncement))
	r.Post("/announcements/{id}/end", s.operators(s.doEndAnnouncement))
	r.Get("/log", s.operators(s.pageLog))
	r.Get("/log.csv", s.operators(s.pageLogCSV))
}

// modReason is a reason as it is kept: on one line. The store says how long it may be.
func modReason(text string) (string, error) { return cleanLine(text, "reason", maxReason) }

// modPlace reads where a page begins and how long it is; the limit is not asked for on pages.
func modPlace(r *http.Request, limit int) (after store.Cursor, n int, err error) {
	q := r.URL.Query()
	if after, err = parseCursor(q.Get("cursor")); err != nil {
		return after, 0, err
	}
	if after.Set && (after.ID < 1 || after.Key < 0) {
		return after, 0, errCursor
	}
	if text := q.Get("limit"); text != "" {
		limit, err = smallNumber(text, "limit", maxPageSize)
	}
	return after, limit, err
}

// modNext is the cursor of a list that is in order of numbers; empty at the end.
func modNext(next int64) string {
	if next == 0 {
		return ""
	}
	return formatCursor(store.Cursor{ID: next, Set: true})
}

// modMore is the address of the next page; empty at the end.
func modMore(path string, cursor string, filters url.Values) string {
	if cursor == "" {
		return ""
	}
	q := url.Values{"cursor": {cursor}}
	for name, v := range filters {
		if v[0] != "" {
			q[name] = v
		}
	}
	return path + "?" + q.Encode()
}

// modAgain shows a form's page again with what was wrong.
func (s *site) modAgain(r *http.Request, again func() (*view, error), err error) (*view, error) {
	v, viewErr := again()
	if viewErr != nil {
		return nil, viewErr
	}
	return s.again(r, v, err)
}

func modGo(w http.ResponseWriter, r *http.Request, to string) (*view, error) {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil, nil
}

// moderationProblem explains what the store refuses of moderation.
func moderationProblem(err error) *problem {
	switch {
	case errors.Is(err, store.ErrWhy):
		return fail(http.StatusUnprocessableEntity, "reason", "Say why, in 1 to %d bytes: whom it concerns reads it, and the operators' log keeps it.", store.MaxWhy)
	case errors.Is(err, store.ErrActReason):
		return fail(http.StatusUnprocessableEntity, "reason", "Say why, in 1 to %d bytes: the member is told, and the operators' log keeps it.", store.MaxActReason)
	case errors.Is(err, store.ErrModerated):
		return fail(http.StatusConflict, "decided", "This is decided already; load the page again.")
	case errors.Is(err, store.ErrNotOperator):
		return errOperator
	case errors.Is(err, store.ErrSelf):
		return fail(http.StatusConflict, "own", "This concerns yourself: somebody else has to do it.")
	case errors.Is(err, store.ErrLastOperator):
		return fail(http.StatusConflict, "last_operator", "There is no other operator whose account is open: make one first.")
	case errors.Is(err, store.ErrIsClosed):
		return fail(http.StatusConflict, "account_closed", "This account is closed: reopen it first.")
	case errors.Is(err, store.ErrReports):
		return fail(http.StatusTooManyRequests, "slow_down", "You sent %d reports within a day; go on tomorrow, or write one that says it all.", store.MaxReports)
	case errors.Is(err, store.ErrAnnouncements):
		return fail(http.StatusConflict, "too_many", "%d announcements are shown or will be, and each is a line on every page: end one first.", store.MaxAnnouncements)
	}
	return nil
}

// refNumbers are the numbers behind a word in what notifications are about: 12 in torrent/5/decision/12.
func refNumbers(list []store.Notification, word string) (out []int64) {
	for _, n := range list {
		if id, ok := refNumber(n.Ref, word); ok {
			out = append(out, id)
		}
	}
	return out
}

func refNumber(ref, word string) (int64, bool) {
	_, rest, ok := strings.Cut("/"+ref, "/"+word+"/")
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseInt(rest, 10, 64)
	return id, err == nil
}

// explain adds the reason of a decision, and what was found about a report.
func (x *notice) explain(why store.Explanations) {
	switch x.Kind {
	case store.NotifyRefused, store.NotifyChanges:
		id, _ := refNumber(x.Ref, "decision")
		if reason := why.Decisions[id]; reason != "" {
			x.Text += " The reason: " + reason
		}
	case store.NotifyReport:
		id, _ := refNumber(x.Ref, "report")
		if p := why.Reports[id]; p.Verdict != store.VerdictOpen {
			x.Text += fmt.Sprintf(" It is %s: %s", p.Verdict, p.Note)
		}
	}
}
