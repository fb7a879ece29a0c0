package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
)

// invitesData is the page of a member's invitations.
type invitesData struct {
	Rows    []inviteRow
	New     invitation // just made: its code is shown once
	May     bool       // the member is above the gate, or an operator
	NextMs  int64      // when the next one is possible; 0: now
	Every   time.Duration
	TTL     time.Duration
	Needed  bool // nobody joins without one
	IsAdmin bool
	Granted int // by an operator, and not used
}

type inviteRow struct {
	store.Invitation
	State string
}

func (s *site) invitesView(r *http.Request, made invitation) (*view, error) {
	m := visitorOf(r).member
	e := s.Rules().Economy
	d := invitesData{New: made, Every: e.InviteInterval, TTL: inviteTTL, Needed: e.Registration == store.RegisterInvite, IsAdmin: m.Operator}
	list, err := s.Store.Invites(r.Context(), m.ID, inviteRows)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		d.Rows = append(d.Rows, inviteRow{i, s.stateOf(i)})
	}
	w, gate, err := s.standing(r, m.ID)
	if err != nil {
		return nil, err
	}
	d.May = m.Operator || gateOf(w, gate).OK
	if len(list) > 0 && !m.Operator {
		if next := list[0].CreatedMs + e.InviteInterval.Milliseconds(); next > s.Now().UnixMilli() {
			d.NextMs = next
		}
	}
	if d.Granted, err = s.Store.GrantedInvites(r.Context(), m.ID); err != nil {
		return nil, err
	}
	return &view{name: "invites", title: "Invitations", data: d}, nil
}

func (s *site) pageInvites(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.invitesView(r, invitation{})
}

func (s *site) doInvite(_ http.ResponseWriter, r *http.Request) (*view, error) {
	made, err := s.invite(r)
	v, viewErr := s.invitesView(r, made)
	if viewErr != nil {
		return nil, viewErr
	}
	if err != nil {
		return s.again(r, v, err)
	}
	return v, nil
}
