package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// What an administrative command does with a member.
const (
	MemberBan    = "ban"
	MemberUnban  = "unban"
	MemberClear  = "clear"  // of the suspicion of unexplained bytes
	MemberVerify = "verify" // gives the free allowance

	MemberResetFactors = "reset-factors" // takes the authenticator and all passkeys away, and ends all sessions
)

// ChangeMember asks for a change of a member.
type ChangeMember struct {
	Do     string // MemberBan, MemberUnban, MemberClear, MemberVerify or MemberResetFactors
	Name   string
	Reason string // with MemberBan: shown to the member
}

// ChangedMember says what became of it.
type ChangedMember struct {
	Member   string      `json:"member"`
	MemberID bt.MemberID `json:"member_id"`
	Done     string      `json:"done"`
}

// AdministerMember carries out req as Administer does. A running server applies it at once.
func AdministerMember(ctx context.Context, conf Config, req ChangeMember) (json.RawMessage, error) {
	return administer(ctx, conf, "/members/change", req, func(ctx context.Context, st *store.Store) (any, error) {
		return changeMember(ctx, st, req, func(context.Context, bt.MemberID) error { return nil })
	})
}

// serveMembers answers AdministerMember; changed is told after each commit.
func (a *adminServer) serveMembers(st *store.Store, changed func(context.Context, bt.MemberID) error) {
	command(a, "/members/change", func(ctx context.Context, req ChangeMember) (ChangedMember, error) {
		out, err := changeMember(ctx, st, req, changed)
		if err == nil {
			a.log.Info("member changed by an administrative command", "do", req.Do, "member", out.MemberID)
		}
		return out, err
	})
}

func changeMember(ctx context.Context, st *store.Store, req ChangeMember, changed func(context.Context, bt.MemberID) error) (ChangedMember, error) {
	m, err := st.MemberByName(ctx, req.Name)
	if errors.Is(err, store.ErrNotFound) {
		return ChangedMember{}, fmt.Errorf("there is no member called %q", req.Name)
	}
	if err != nil {
		return ChangedMember{}, err
	}
	switch req.Do {
	case MemberBan:
		if strings.TrimSpace(req.Reason) == "" {
			return ChangedMember{}, errors.New("say with --reason why: the member's client shows it")
		}
		err = st.SetBan(ctx, m.ID, req.Reason, 0)
	case MemberUnban:
		err = st.SetBan(ctx, m.ID, "", 0)
	case MemberClear:
		if err = st.ClearSilent(ctx, m.ID, 0); errors.Is(err, store.ErrNotFound) {
			return ChangedMember{}, fmt.Errorf("%s is not cut off for unexplained bytes", req.Name)
		}
	case MemberVerify:
		err = st.VerifyMember(ctx, m.ID, 0)
	case MemberResetFactors:
		err = st.ResetFactors(ctx, m.ID, 0)
	default:
		err = fmt.Errorf("members: no command %q: ban, unban, clear, verify or reset-factors", req.Do)
	}
	if err != nil {
		return ChangedMember{}, err
	}
	if err := changed(ctx, m.ID); err != nil {
		return ChangedMember{}, fmt.Errorf("the change is stored, but the running server did not take it over: %w", err)
	}
	return ChangedMember{m.Name, m.ID, req.Do}, nil
}
