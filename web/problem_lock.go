package web

import (
	"errors"
	"net/http"

	"github.com/swarmstake/swarmstake/store"
)

// lockProblem explains what locks, claims and sponsorships refuse.
func lockProblem(err error) *problem {
	switch {
	case errors.Is(err, store.ErrTooMany):
		return fail(http.StatusConflict, "too_many", "This is not possible now: %v.", err)
	case errors.Is(err, store.ErrNothingDue):
		return fail(http.StatusConflict, "nothing_due", "Nothing is due yet: fees are shared when an epoch is settled, and released as time passes.")
	case errors.Is(err, store.ErrSponsor):
		return fail(http.StatusUnprocessableEntity, "sponsor", "A sponsor gives at least %s tokens over %d to %d days.", store.MinSponsorUtok, int(store.MinSponsor/day), int(store.MaxSponsor/day))
	}
	return nil
}
