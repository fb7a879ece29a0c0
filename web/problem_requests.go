package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// requestProblem explains what uploads, edits and requests refuse.
func requestProblem(err error) *problem {
	switch {
	case errors.Is(err, catalog.ErrTags):
		return fail(http.StatusUnprocessableEntity, "tags", "The tags cannot be so: %s.", strings.TrimPrefix(err.Error(), catalog.ErrTags.Error()+": "))
	case errors.Is(err, store.ErrNotUploader):
		return fail(http.StatusForbidden, "not_uploader", "Only its uploader and operators may change a torrent.")
	case errors.Is(err, store.ErrApproved):
		return fail(http.StatusConflict, "approved", "An operator approved this torrent under its name and category; ask an operator to change them. Description and tags are yours to change.")
	case errors.Is(err, store.ErrDownloaded):
		return fail(http.StatusConflict, "downloaded", "Somebody has downloaded it already, or it filled a request. Ask an operator to withdraw it.")
	case errors.Is(err, store.ErrBounty):
		return fail(http.StatusUnprocessableEntity, "bounty", "A bounty is at least %s tokens; leave it empty for none.", store.MinBounty)
	case errors.Is(err, store.ErrRequestOver):
		return fail(http.StatusConflict, "request_over", "This request is over. Make a new one for what you still look for.")
	case errors.Is(err, store.ErrInReview):
		return fail(http.StatusConflict, "in_review", "A torrent was offered for this request; wait for the requester's answer.")
	case errors.Is(err, store.ErrNotOffered):
		return fail(http.StatusConflict, "not_offered", "This offer was answered already, or the time to answer it is over.")
	case errors.Is(err, store.ErrNotRequester):
		return fail(http.StatusForbidden, "not_requester", "Only who made the request may do this.")
	case errors.Is(err, store.ErrOwnBounty):
		return fail(http.StatusConflict, "own_bounty", "Who made a request, or put something into its bounty, cannot fill it. Upload it all the same: the others will find it.")
	case errors.Is(err, store.ErrOffer):
		return fail(http.StatusUnprocessableEntity, "offer", "Choose a torrent that you uploaded after the request was made, that is not withdrawn, and that you did not offer for it before.")
	}
	return nil
}
