package web

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

const (
	// announcedFor is how long the announcements that every page shows are remembered.
	announcedFor = 10 * time.Second
	// announcedText is how much of an announcement is on every page, in characters.
	announcedText = 200
)

// announcedMemo are the announcements that are shown or will be. Every page asks for them.
type announcedMemo struct {
	mu   sync.Mutex
	list []store.Announcement
	read time.Time
}

// forget has the next page read them anew.
func (a *announcedMemo) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.read = time.Time{}
}

// announced are the announcements of now, read every announcedFor and after each change.
func (s *site) announced(r *http.Request) (shown []store.Announcement, err error) {
	a, now := &s.announcedNow, s.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.read) >= announcedFor || now.Before(a.read) {
		if a.list, err = s.Store.CurrentAnnouncements(r.Context()); err != nil {
			return nil, err
		}
		a.read = now
	}
	for _, x := range a.list {
		if x.Shown(now.UnixMilli()) {
			shown = append(shown, x)
		}
	}
	return shown, nil
}

// announcementLine is an announcement on top of a page.
type announcementLine struct {
	store.Announcement
	Brief string
	Cut   bool // there is more to read
}

// announcementLines are those that a member has not put away. Without any, no page costs a query.
func (s *site) announcementLines(r *http.Request, m *store.Member) (out []announcementLine) {
	list, err := s.announced(r)
	var gone map[int64]int64
	if err == nil && len(list) > 0 {
		ids := make([]int64, len(list))
		for i, a := range list {
			ids[i] = a.ID
		}
		gone, err = s.Store.Dismissed(r.Context(), m.ID, ids)
	}
	if err != nil {
		s.complain(r, "cannot read announcements for the page's head", "error", err)
		return nil
	}
	for _, a := range list {
		if at, put := gone[a.ID]; put && at >= a.EditedMs {
			continue
		}
		line := announcementLine{Announcement: a, Brief: a.Text}
		if text := []rune(a.Text); len(text) > announcedText {
			line.Brief, line.Cut = strings.TrimSpace(string(text[:announcedText]))+"…", true
		}
		out = append(out, line)
	}
	return out
}
