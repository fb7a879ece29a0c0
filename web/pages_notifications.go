package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const notificationPage = 50 // rows of the list

func (s *site) notificationPages(r chi.Router) {
	r.Get("/notifications", s.members(s.pageNotifications))
	r.Post("/notifications/read", s.members(s.doReadAll))
	r.Post("/notifications/{id}/read", s.members(s.doRead))
	r.Get("/notifications/settings", s.members(s.pageNotificationSettings))
	r.Post("/notifications/settings", s.members(s.doNotificationSettings))
}

// unread is how many notifications the member has not seen, for the head of every page.
func (s *site) unread(r *http.Request, m *store.Member) int {
	n, err := s.Store.Unread(r.Context(), m.ID)
	if err != nil {
		s.complain(r, "cannot count notifications for the page's head", "error", err)
	}
	return n
}

type notificationsData struct {
	Rows    []notice
	Unread  bool  // only those are listed
	Any     bool  // there is something unread
	UntilMs int64 // the newest that is listed: later ones stay new when all are marked
	Paged   bool
	More    string
}

// pageNotifications lists what a member was told; ?show=unread only what was not read.
func (s *site) pageNotifications(_ http.ResponseWriter, r *http.Request) (*view, error) {
	m := visitorOf(r).member
	q := store.NotificationQuery{Member: m.ID, Unread: r.URL.Query().Get("show") == "unread", Limit: notificationPage}
	var err error
	if q.After, err = parseCursor(r.URL.Query().Get("cursor")); err != nil {
		return nil, err
	}
	list, next, err := s.Store.Notifications(r.Context(), q)
	if err != nil {
		return nil, err
	}
	d := notificationsData{Unread: q.Unread, Paged: q.After.Set, Any: s.unread(r, m) > 0}
	if d.Rows, err = s.notices(r, list); err != nil {
		return nil, err
	}
	if len(list) > 0 {
		d.UntilMs = list[0].AtMs
	}
	if next.Set {
		d.More = "/notifications?cursor=" + formatCursor(next)
		if q.Unread {
			d.More += "&show=unread"
		}
	}
	return &view{name: "notifications", title: "Notifications", data: d}, nil
}

// notices puts notifications into words. What is said of torrents needs their names.
func (s *site) notices(r *http.Request, list []store.Notification) ([]notice, error) {
	var ids []bt.TorrentID
	for _, n := range list {
		if id, ok := torrentOf(n); ok {
			ids = append(ids, id)
		}
	}
	names, err := s.Store.TorrentNames(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	why, err := s.Store.Explain(r.Context(), refNumbers(list, "decision"), refNumbers(list, "report"))
	if err != nil {
		return nil, err
	}
	out := make([]notice, len(list))
	for i, n := range list {
		out[i] = s.notice(n, names)
		out[i].explain(why)
	}
	return out, nil
}

func (s *site) doRead(w http.ResponseWriter, r *http.Request) (*view, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return nil, err
	}
	if err := s.Store.SeeNotification(r.Context(), visitorOf(r).member.ID, id); err != nil {
		return nil, err
	}
	return s.backToNotifications(w, r)
}

// doReadAll marks everything as read up to what the page showed.
func (s *site) doReadAll(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	until, err := strconv.ParseInt(r.PostForm.Get("until"), 10, 64)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "until", "The form is incomplete; load the page again.")
	}
	if err := s.Store.SeeNotifications(r.Context(), visitorOf(r).member.ID, until); err != nil {
		return nil, err
	}
	return s.backToNotifications(w, r)
}

func (s *site) backToNotifications(w http.ResponseWriter, r *http.Request) (*view, error) {
	http.Redirect(w, r, localPath(r.PostFormValue("next"), "/notifications"), http.StatusSeeOther)
	return nil, nil
}

// kindSwitch is a kind in the settings.
type kindSwitch struct {
	store.NotificationKind
	On   bool
	Says string
}

// kindSwitches are all kinds as the visitor has them.
func (s *site) kindSwitches(r *http.Request) ([]kindSwitch, error) {
	off, err := s.Store.NotificationsOff(r.Context(), visitorOf(r).member.ID)
	return views(store.NotificationKinds(), func(k store.NotificationKind) kindSwitch {
		return kindSwitch{k, k.Always || !slices.Contains(off, k.Kind), wordsOf(k.Kind).setting}
	}), err
}

func (s *site) pageNotificationSettings(_ http.ResponseWriter, r *http.Request) (*view, error) {
	switches, err := s.kindSwitches(r)
	if err != nil {
		return nil, err
	}
	groups := noticeGroups()
	index := map[string]int{}
	type group struct {
		Name  string
		Kinds []kindSwitch
	}
	shown := make([]group, len(groups))
	for i, name := range groups {
		index[name], shown[i].Name = i, name
	}
	for _, k := range switches {
		g := &shown[index[wordsOf(k.Kind).group]]
		g.Kinds = append(g.Kinds, k)
	}
	return &view{name: "notifications-settings", title: "What you are told", data: map[string]any{"Groups": shown, "Saved": r.URL.Query().Get("saved") == "1"}}, nil
}

// doNotificationSettings switches off what is not ticked.
func (s *site) doNotificationSettings(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	on := map[string]bool{}
	for _, k := range r.PostForm["kind"] {
		on[k] = true
	}
	var off []string
	for _, k := range store.NotificationKinds() {
		if !k.Always && !on[k.Kind] {
			off = append(off, k.Kind)
		}
	}
	if err := s.Store.SetNotificationsOff(r.Context(), visitorOf(r).member.ID, off); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/notifications/settings?saved=1", http.StatusSeeOther)
	return nil, nil
}
