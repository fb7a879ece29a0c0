package web

import (
	"fmt"
	"testing"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/stake"
)

func TestStakeProblems(t *testing.T) {
	for code, err := range map[string]error{
		"seats_taken": stake.ErrFull, "appeal_over": store.ErrAppeal, "reason": store.ErrReason, "gate": store.ErrMayNotInvite,
		"invited_lately":    &store.InviteWaitError{NextMs: 1e12},
		"invitation_needed": &store.InviteError{Err: store.ErrNoInvite}, "invitation_used": &store.InviteError{Err: store.ErrUsed},
		"invitation_expired": &store.InviteError{Err: store.ErrExpired}, "invitation_unknown": &store.InviteError{Err: store.ErrNotFound},
	} {
		p := new(site).asProblem(nil, fmt.Errorf("wrapped: %w", err))
		if p.Code != code || p.Status < 400 || p.Status >= 500 || p.Detail == "" {
			t.Errorf("%v: %+v, want the code %s", err, p, code)
		}
	}
}
