package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

const (
	inviteTTL     = 14 * 24 * time.Hour
	inviteRows    = 100 // shown
	inviteGroups  = 4   // of four letters: 80 bits
	maxInviteText = 100 // bytes of what a person types
)

// invitation is a new invitation; its code is shown once.
type invitation struct {
	Code      string
	URL       string
	ExpiresMs int64
}

// invite makes an invitation of the visitor's.
func (s *site) invite(r *http.Request) (invitation, error) {
	code := s.letters(inviteGroups)
	expires, err := s.Store.Invite(r.Context(), visitorOf(r).member.ID, code, inviteTTL)
	if err != nil {
		return invitation{}, err
	}
	return invitation{code, s.BaseURL + "/sign-up?" + url.Values{"invite": {code}}.Encode(), expires}, nil
}

// typedInvite is the code that a person copied from somewhere.
func typedInvite(text string) string {
	return strings.ToUpper(strings.TrimSpace(text[:min(len(text), maxInviteText)]))
}

// invitesView is a member's invitations, newest first.
type invitesView struct {
	Invites      []inviteView `json:"invites"`
	Registration string       `json:"registration" doc:"who may join here"`
	Next         string       `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// newInviteView is an invitation that was made.
type newInviteView struct {
	Code      string    `json:"code" doc:"shown once"`
	URL       string    `json:"url" doc:"where whoever is invited signs up"`
	ExpiresAt time.Time `json:"expires_at"`
}

// inviteView is an invitation of the member's, without its code.
type inviteView struct {
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at"`
	UsedBy    string     `json:"used_by" doc:"the new member's name; empty: nobody yet"`
}

func (s *site) apiInvite(w http.ResponseWriter, r *http.Request) error {
	i, err := s.invite(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, newInviteView{i.Code, i.URL, utc(i.ExpiresMs)})
}

func (s *site) apiInvites(w http.ResponseWriter, r *http.Request) error {
	after, err := parseCursor(r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	limit, err := pageLimit(r)
	if err != nil {
		return err
	}
	list, next, err := s.Store.InvitesPage(r.Context(), visitorOf(r).member.ID, after, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, invitesView{views(list, func(i store.Invitation) inviteView {
		return inviteView{utc(i.CreatedMs), utc(i.ExpiresMs), utcOrNil(i.UsedMs), i.UsedBy}
	}), s.Rules().Economy.Registration, formatCursor(next)})
}

// stateOf says in a word what became of an invitation.
func (s *site) stateOf(i store.Invitation) string {
	switch {
	case i.UsedMs > 0:
		return "used"
	case s.Now().UnixMilli() >= i.ExpiresMs:
		return "expired"
	}
	return "open"
}
