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

func (s *site) apiInvite(w http.ResponseWriter, r *http.Request) error {
	i, err := s.invite(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, map[string]any{"code": i.Code, "url": i.URL, "expires_at": utc(i.ExpiresMs)})
}

func (s *site) apiInvites(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Store.Invites(r.Context(), visitorOf(r).member.ID, inviteRows)
	if err != nil {
		return err
	}
	out := []map[string]any{}
	for _, i := range list {
		out = append(out, map[string]any{"created_at": utc(i.CreatedMs), "expires_at": utc(i.ExpiresMs), "used_at": utcOrNil(i.UsedMs), "used_by": i.UsedBy})
	}
	return answer(w, http.StatusOK, map[string]any{"invites": out, "registration": s.Rules().Economy.Registration})
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
