package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// noticesView is a page of what a member was told, newest first.
type noticesView struct {
	Notifications []noticeView `json:"notifications"`
	Unread        int          `json:"unread" doc:"of all"`
	Next          string       `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// noticeView is a notification.
type noticeView struct {
	ID     int64     `json:"id"`
	Kind   string    `json:"kind"`
	Group  string    `json:"group"`
	Text   string    `json:"text"`
	Bad    bool      `json:"bad" doc:"it costs you something"`
	Path   string    `json:"path" doc:"of the page about it; empty: there is none"`
	Act    string    `json:"act" doc:"what can be done, in words; empty: nothing"`
	ActAt  string    `json:"act_path" doc:"where that is done"`
	At     time.Time `json:"at"`
	Unread bool      `json:"unread"`
}

func newNoticeView(n notice) noticeView {
	return noticeView{n.ID, n.Kind, n.Group, n.Text, n.Bad(), n.Path, n.Act, n.To, utc(n.AtMs), !n.Seen}
}

// showUnread as the parameter show lists only what was not read.
const showUnread = "unread"

func (s *site) apiNotifications(w http.ResponseWriter, r *http.Request) error {
	m := visitorOf(r).member.ID
	q := store.NotificationQuery{Member: m}
	var err error
	if q.Unread, err = unreadOnly(r); err != nil {
		return err
	}
	if q.After, err = parseCursor(r.URL.Query().Get("cursor")); err != nil {
		return err
	}
	if q.Limit, err = pageLimit(r); err != nil {
		return err
	}
	list, next, err := s.Store.Notifications(r.Context(), q)
	if err != nil {
		return err
	}
	notices, err := s.notices(r, list)
	if err != nil {
		return err
	}
	unread, err := s.Store.Unread(r.Context(), m)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, noticesView{views(notices, newNoticeView), unread, formatCursor(next)})
}

func unreadOnly(r *http.Request) (bool, error) {
	switch r.URL.Query().Get("show") {
	case "":
		return false, nil
	case showUnread:
		return true, nil
	}
	return false, fail(http.StatusBadRequest, "show", "show must be %s, or absent.", showUnread)
}

func (s *site) apiRead(w http.ResponseWriter, r *http.Request) error {
	id, err := numberInPath(r, "id")
	if err == nil {
		err = s.Store.SeeNotification(r.Context(), visitorOf(r).member.ID, id)
	}
	return done(w, err)
}

// readBody says up to when everything was read.
type readBody struct {
	Until *time.Time `json:"until" doc:"at of the newest that was read: later ones stay unread"`
}

func (s *site) apiReadAll(w http.ResponseWriter, r *http.Request) error {
	var in readBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Until == nil {
		return fail(http.StatusUnprocessableEntity, "until", "Send until: the time of the newest notification that was read.")
	}
	return done(w, s.Store.SeeNotifications(r.Context(), visitorOf(r).member.ID, in.Until.UnixMilli()))
}

// noticeSettings says what a member is told.
type noticeSettings struct {
	Kinds []noticeSetting `json:"kinds"`
}

// noticeSetting is a kind of notification.
type noticeSetting struct {
	Kind   string `json:"kind"`
	Group  string `json:"group"`
	Words  string `json:"words"`
	On     bool   `json:"on"`
	Always bool   `json:"always" doc:"it cannot be switched off"`
}

// noticeSettingsBody switches kinds off, and all others on.
type noticeSettingsBody struct {
	Off []string `json:"off" doc:"kinds that you do not want to be told of"`
}

func (s *site) apiNoticeSettings(w http.ResponseWriter, r *http.Request) error {
	list, err := s.kindSwitches(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, noticeSettings{views(list, func(k kindSwitch) noticeSetting {
		return noticeSetting{k.Kind, wordsOf(k.Kind).group, k.Says, k.On, k.Always}
	})})
}

func (s *site) apiPutNoticeSettings(w http.ResponseWriter, r *http.Request) error {
	var in noticeSettingsBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Off == nil {
		return fail(http.StatusUnprocessableEntity, "off", "Send off: a list of the kinds that you do not want to be told of.")
	}
	if err := s.Store.SetNotificationsOff(r.Context(), visitorOf(r).member.ID, in.Off); err != nil {
		return err
	}
	return s.apiNoticeSettings(w, r)
}
