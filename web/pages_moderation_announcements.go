package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

const (
	// typedMoment is how browsers send a moment.
	typedMoment = "2006-01-02T15:04"
	// maxAhead bounds for when something can be announced.
	maxAhead = 10 * 365 * day
)

// announcementRow is an announcement in a list.
type announcementRow struct {
	store.Announcement
	State string
}

// announcementsData is a page of announcements; Form is there for operators.
type announcementsData struct {
	Rows     []announcementRow
	More     string
	Paged    bool
	Form     announcementForm
	Edit     *store.Announcement // nil: the form makes a new one
	Over     bool
	MaxTitle int
	MaxText  int
}

// announcementForm is what was typed.
type announcementForm struct{ Kind, Title, Text, From, Until string }

func stateOfAnnouncement(a store.Announcement, now time.Time) string {
	switch ms := now.UnixMilli(); {
	case a.Over(ms):
		return "over"
	case a.Shown(ms):
		return "shown"
	}
	return "to come"
}

// announcementRows reads a page of announcements.
func (s *site) announcementRows(r *http.Request, begun bool) ([]announcementRow, string, error) {
	after, limit, err := modPlace(r, modRows)
	if err != nil {
		return nil, "", err
	}
	list, next, err := s.Store.Announcements(r.Context(), store.AnnouncementQuery{Begun: begun, After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	rows := []announcementRow{}
	for _, a := range list {
		rows = append(rows, announcementRow{a, stateOfAnnouncement(a, s.Now())})
	}
	return rows, formatCursor(next), nil
}

func (s *site) pageAnnouncements(_ http.ResponseWriter, r *http.Request) (*view, error) {
	rows, next, err := s.announcementRows(r, true)
	d := &announcementsData{Rows: rows, More: modMore("/announcements", next, nil), Paged: r.URL.Query().Get("cursor") != ""}
	return &view{name: "announcements", title: "Announcements", data: d}, err
}

// dismiss puts an announcement away for the visitor.
func (s *site) dismiss(r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	return s.Store.Dismiss(r.Context(), visitorOf(r).member.ID, id)
}

func (s *site) doDismiss(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if err := s.dismiss(r); err != nil {
		return nil, err
	}
	return modGo(w, r, localPath(r.PostForm.Get("next"), "/announcements"))
}

// parse reads what was typed; moments are UTC.
func (f announcementForm) parse(now time.Time) (n store.NewAnnouncement, err error) {
	n.Kind = f.Kind
	if n.Kind != store.AnnouncementNotice && n.Kind != store.AnnouncementWarning {
		return n, fail(http.StatusUnprocessableEntity, "kind", "An announcement is a notice or a warning.")
	}
	if n.Title, err = cleanLine(f.Title, "title", 4*store.MaxAnnouncementTitle); err != nil {
		return n, err
	}
	if c := len([]rune(n.Title)); c == 0 || c > store.MaxAnnouncementTitle {
		return n, fail(http.StatusUnprocessableEntity, "title", "Say in 1 to %d characters what it is about.", store.MaxAnnouncementTitle)
	}
	if n.Text, err = cleanText([]byte(f.Text), "text", 4*store.MaxAnnouncementText); err != nil {
		return n, err
	}
	if len([]rune(n.Text)) > store.MaxAnnouncementText {
		return n, fail(http.StatusUnprocessableEntity, "text", "An announcement has at most %d characters; shorten it.", store.MaxAnnouncementText)
	}
	if n.From, err = parseMoment(f.From, "from", now); err != nil {
		return n, err
	}
	n.Until, err = parseMoment(f.Until, "until", now)
	return n, err
}

// parseMoment reads a moment that a browser sent; nothing is the zero time.
func parseMoment(text, field string, now time.Time) (time.Time, error) {
	if text = strings.TrimSpace(text); text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(typedMoment, text)
	if err != nil {
		return t, fail(http.StatusUnprocessableEntity, field, "Write the time as 2030-01-31T18:00, in UTC.")
	}
	return t, checkMoment(t, field, now)
}

// checkMoment wants a time that is not far from now.
func checkMoment(t time.Time, field string, now time.Time) error {
	if t.Before(now.Add(-maxAhead)) || t.After(now.Add(maxAhead)) {
		return fail(http.StatusUnprocessableEntity, field, "Choose a time within 10 years of today.")
	}
	return nil
}

// announce tells everybody something, or with an id changes what was told.
func (s *site) announce(r *http.Request, id int64, n store.NewAnnouncement) (int64, error) {
	m := visitorOf(r).member
	var err error
	if id == 0 {
		id, err = s.Store.AddAnnouncement(r.Context(), m.ID, n)
	} else {
		err = s.Store.EditAnnouncement(r.Context(), m.ID, id, n)
	}
	if err == nil {
		s.announcedNow.forget()
		s.Log.Info("announcement written", "announcement", id, "by", m.ID)
	}
	return id, err
}

// endAnnouncement takes an announcement from the pages.
func (s *site) endAnnouncement(r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err != nil {
		return err
	}
	m := visitorOf(r).member
	if err := s.Store.EndAnnouncement(r.Context(), m.ID, id); err != nil {
		return err
	}
	s.announcedNow.forget()
	s.Log.Info("announcement ended", "announcement", id, "by", m.ID)
	return nil
}

func (s *site) adminAnnouncementsView(r *http.Request, f announcementForm) (*view, error) {
	rows, next, err := s.announcementRows(r, false)
	d := &announcementsData{Rows: rows, More: modMore("/admin/announcements", next, nil), Paged: r.URL.Query().Get("cursor") != "", Form: f,
		MaxTitle: store.MaxAnnouncementTitle, MaxText: store.MaxAnnouncementText}
	return &view{name: "admin-announcements", title: "Announcements", data: d}, err
}

func (s *site) pageAdminAnnouncements(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.adminAnnouncementsView(r, announcementForm{Kind: store.AnnouncementNotice})
}

// postedAnnouncement is the form as it was sent, and as it can be shown again.
func postedAnnouncement(r *http.Request) (sent, shown announcementForm) {
	sent = announcementForm{r.PostForm.Get("kind"), r.PostForm.Get("title"), r.PostForm.Get("text"), r.PostForm.Get("from"), r.PostForm.Get("until")}
	return sent, announcementForm{showable(sent.Kind), showable(sent.Title), showable(sent.Text), showable(sent.From), showable(sent.Until)}
}

func (s *site) doAnnounce(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	sent, shown := postedAnnouncement(r)
	n, err := sent.parse(s.Now())
	if err == nil {
		_, err = s.announce(r, 0, n)
	}
	if err != nil {
		return s.modAgain(r, func() (*view, error) { return s.adminAnnouncementsView(r, shown) }, err)
	}
	return modGo(w, r, "/admin/announcements")
}

// announcementView is the page on which one announcement is edited; without a form it holds what it says now.
func (s *site) announcementView(r *http.Request, f *announcementForm) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	a, err := s.Store.Announcement(r.Context(), id)
	if err != nil {
		return nil, err
	}
	d := &announcementsData{Edit: &a, Over: a.Over(s.Now().UnixMilli()), MaxTitle: store.MaxAnnouncementTitle, MaxText: store.MaxAnnouncementText}
	d.Form = announcementForm{a.Kind, a.Title, a.Text, utc(a.FromMs).Format(typedMoment), ""}
	if a.UntilMs > 0 {
		d.Form.Until = utc(a.UntilMs).Format(typedMoment)
	}
	if f != nil {
		d.Form = *f
	}
	return &view{name: "admin-announcement", title: "Announcement: " + a.Title, data: d}, nil
}

func (s *site) pageAdminAnnouncement(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.announcementView(r, nil)
}

func (s *site) doEditAnnouncement(w http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	sent, shown := postedAnnouncement(r)
	n, err := sent.parse(s.Now())
	if err == nil {
		_, err = s.announce(r, id, n)
	}
	if err != nil {
		return s.modAgain(r, func() (*view, error) { return s.announcementView(r, &shown) }, err)
	}
	return modGo(w, r, fmt.Sprintf("/admin/announcements/%d", id))
}

func (s *site) doEndAnnouncement(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := s.endAnnouncement(r); err != nil {
		return s.modAgain(r, func() (*view, error) { return s.announcementView(r, nil) }, err)
	}
	return modGo(w, r, "/admin/announcements")
}
