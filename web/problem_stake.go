package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/stake"
)

// stakeProblem explains what stakes, penalties and invitations refuse.
func stakeProblem(err error) *problem {
	var invite *store.InviteError
	var wait *store.InviteWaitError
	switch {
	case errors.Is(err, stake.ErrFull):
		return fail(http.StatusConflict, "seats_taken", "All seats are taken: nobody can join until somebody leaves. A smaller stake, which does not reach the gate, is possible.")
	case errors.Is(err, store.ErrAppeal):
		return fail(http.StatusConflict, "appeal_over", "The time in which this penalty can be returned is over.")
	case errors.Is(err, store.ErrNotSuspended):
		return fail(http.StatusConflict, "not_suspended", "The node is not suspended.")
	case errors.Is(err, store.ErrReason):
		return fail(http.StatusUnprocessableEntity, "reason", "Give a reason of 1 to 200 bytes; it is kept in the operators' log.")
	case errors.Is(err, store.ErrMayNotInvite):
		return fail(http.StatusForbidden, "gate", "Only members whose stake is at the gate price may invite.")
	case errors.As(err, &wait):
		return fail(http.StatusConflict, "invited_lately", "You made an invitation not long ago; the next is possible from %s.", time.UnixMilli(wait.NextMs).UTC().Format(time.RFC1123))
	case errors.As(err, &invite):
		return inviteProblem(invite.Err)
	}
	return nil
}

// inviteProblem says why an invitation does not make an account.
func inviteProblem(why error) *problem {
	switch {
	case errors.Is(why, store.ErrNoInvite):
		return fail(http.StatusForbidden, "invitation_needed", "Accounts are made by invitation here: ask a member for one.")
	case errors.Is(why, store.ErrUsed):
		return fail(http.StatusConflict, "invitation_used", "This invitation was used already; ask for another one.")
	case errors.Is(why, store.ErrExpired):
		return fail(http.StatusGone, "invitation_expired", "This invitation expired; ask for another one.")
	}
	return fail(http.StatusForbidden, "invitation_unknown", "There is no such invitation; check the code, or ask for another one.")
}
