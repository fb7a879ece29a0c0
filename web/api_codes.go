package web

import (
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// problemCodes are the codes of all problems, in the order of their names.
func problemCodes() []openapi.Code {
	all := slices.Clone(stateCodes)
	for _, name := range fieldCodes {
		all = append(all, openapi.Code{Name: name, Statuses: []int{400, 422}, Means: "The field or parameter " + name + " cannot be what was sent."})
	}
	slices.SortFunc(all, func(a, b openapi.Code) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// fieldCodes are the problems of single fields and parameters: they have the names of those.
var fieldCodes = []string{
	"about", "account", "after", "amount", "amounts", "asset", "batch", "before", "bounty", "budget", "by", "category", "client_rule", "collection",
	"comment", "correction", "cursor", "days", "description", "draft", "format", "free", "from", "id", "infohash", "kind", "label", "limit", "line",
	"listed", "max", "max_price", "max_saturation", "member", "min", "min_proven", "min_saturation", "note", "off", "offer", "operator", "outcome",
	"parameter", "peers", "period", "port", "public_key", "q", "query", "rail", "reason", "ref", "search", "show", "since", "sort", "sponsor", "state",
	"sure", "tag", "tags", "text", "theme", "title", "torrents", "transfers", "until", "value", "verdict", "wait",
}

// stateCodes are the problems of how things stand.
var stateCodes = []openapi.Code{
	{Name: "account_closed", Statuses: []int{409}, Means: "The account that this is about is closed."},
	{Name: "answer_form", Statuses: []int{422}, Means: "The answer to a challenge has not the form of one."},
	{Name: "answer_truncated", Statuses: []int{422}, Means: "The answer to a challenge is cut off; send it again as long as there is time."},
	{Name: "appeal_over", Statuses: []int{409}, Means: "The time in which a penalty can be returned is over."},
	{Name: "approved", Statuses: []int{400, 409, 422}, Means: "The parameter cannot be so; or the torrent was approved as it is."},
	{Name: "banned", Statuses: []int{403}, Means: "The account is closed: it may read, and nothing else."},
	{Name: "busy", Statuses: []int{503}, Means: "The server has too much of this to do at the moment."},
	{Name: "challenge_foreign", Statuses: []int{403}, Means: "The challenge is for another node."},
	{Name: "challenge_late", Statuses: []int{410}, Means: "The time to answer the challenge is over."},
	{Name: "challenge_other", Statuses: []int{422}, Means: "The answer is not to this challenge."},
	{Name: "challenge_unknown", Statuses: []int{404}, Means: "There is no such challenge."},
	{Name: "challenge_used", Statuses: []int{409}, Means: "The challenge was answered already."},
	{Name: "closing", Statuses: []int{503}, Means: "The server is restarting."},
	{Name: "code", Statuses: []int{400, 422}, Means: "The code is unknown, used or too old."},
	{Name: "comment_late", Statuses: []int{409}, Means: "A comment can be changed for a while only."},
	{Name: "correction", Statuses: []int{422}, Means: "The ledger cannot be corrected so; detail says why."},
	{Name: "correction_over", Statuses: []int{409}, Means: "The correction was made, refused or withdrawn, or its time is over."},
	{Name: "credited", Statuses: []int{409}, Means: "This payment was credited already, otherwise."},
	{Name: "cross_origin", Statuses: []int{403}, Means: "A page of another site sent the request from a browser."},
	{Name: "decided", Statuses: []int{409}, Means: "Somebody decided this already."},
	{Name: "downloaded", Statuses: []int{409}, Means: "Somebody has downloaded the torrent, or it filled a request."},
	{Name: "epoch_not_settled", Statuses: []int{409}, Means: "The epoch is over and not settled yet."},
	{Name: "epoch_under_way", Statuses: []int{409}, Means: "The epoch is not over."},
	{Name: "exists", Statuses: []int{409}, Means: "It is there already."},
	{Name: "expired", Statuses: []int{410}, Means: "It expired."},
	{Name: "faucet", Statuses: []int{409}, Means: "The faucet gives no more today."},
	{Name: "fresh_factor", Statuses: []int{403}, Means: "The session must prove again who it is, at /account/confirm; a token of the scope full need not."},
	{Name: "gate", Statuses: []int{403}, Means: "Only members whose stake is at the gate price may do this."},
	{Name: "gone", Statuses: []int{409}, Means: "It cannot be taken back any more."},
	{Name: "idempotency_key", Statuses: []int{400}, Means: "The header Idempotency-Key is missing or too long."},
	{Name: "idempotency_key_reused", Statuses: []int{409}, Means: "The Idempotency-Key was used for another request."},
	{Name: "in_review", Statuses: []int{409}, Means: "A torrent was offered for the request and waits for an answer."},
	{Name: "insufficient_funds", Statuses: []int{409}, Means: "There is not enough; detail has the figures."},
	{Name: "internal", Statuses: []int{500}, Means: "A fault of the server; it was logged."},
	{Name: "invitation_expired", Statuses: []int{410}, Means: "The invitation expired."},
	{Name: "invitation_needed", Statuses: []int{403}, Means: "Accounts are made by invitation here."},
	{Name: "invitation_unknown", Statuses: []int{403}, Means: "There is no such invitation."},
	{Name: "invitation_used", Statuses: []int{409}, Means: "The invitation was used."},
	{Name: "invited_lately", Statuses: []int{409}, Means: "The member made an invitation not long ago."},
	{Name: "json", Statuses: []int{400}, Means: "The body is not the JSON object that the operation takes."},
	{Name: "key_age", Statuses: []int{409}, Means: "The key was replaced a short while ago."},
	{Name: "last_operator", Statuses: []int{409}, Means: "There would be no operator left."},
	{Name: "maintenance", Statuses: []int{422}, Means: "The absence cannot be declared."},
	{Name: "media_type", Statuses: []int{415}, Means: "The body is of a type that the operation does not take."},
	{Name: "method_not_allowed", Statuses: []int{405}, Means: "The address does not take this method; the header Allow has those that it takes."},
	{Name: "multipart", Statuses: []int{400}, Means: "The body is not the form that the operation takes."},
	{Name: "name", Statuses: []int{422}, Means: "The name cannot be used, or nothing of it can be shown."},
	{Name: "name_taken", Statuses: []int{409}, Means: "Another member has the name."},
	{Name: "no_offer", Statuses: []int{409}, Means: "There is nothing to confirm."},
	{Name: "no_passkeys", Statuses: []int{409}, Means: "There is no passkey, or the site takes none."},
	{Name: "node_body", Statuses: []int{401}, Means: "The claim body of the node's token is not the hash of what was sent."},
	{Name: "node_token", Statuses: []int{401}, Means: "There is no good token of a node."},
	{Name: "not_found", Statuses: []int{404}, Means: "It is not there, or not for who asks to know of."},
	{Name: "not_offered", Statuses: []int{409}, Means: "The offer was answered, or is over."},
	{Name: "not_requester", Statuses: []int{403}, Means: "Only who made the request may do this."},
	{Name: "not_silent", Statuses: []int{409}, Means: "There is nothing to clear."},
	{Name: "not_sold", Statuses: []int{409}, Means: "The sale takes back no more than it has sold."},
	{Name: "not_suspended", Statuses: []int{409}, Means: "The node is active."},
	{Name: "not_uploader", Statuses: []int{403}, Means: "Only its uploader and operators may change a torrent."},
	{Name: "nothing_due", Statuses: []int{409}, Means: "There is nothing to claim or to release yet."},
	{Name: "operator_only", Statuses: []int{403}, Means: "Only an operator may do this."},
	{Name: "own", Statuses: []int{409}, Means: "It concerns whoever asks: somebody else has to do it."},
	{Name: "own_bounty", Statuses: []int{409}, Means: "Whoever put something into a bounty cannot earn it."},
	{Name: "owner_only", Statuses: []int{403}, Means: "Only the node's owner may do this."},
	{Name: "parameter", Statuses: []int{422}, Means: "The parameters cannot be so; detail says why."},
	{Name: "parameters_fixed", Statuses: []int{409}, Means: "The parameters cannot be changed here."},
	{Name: "passkey", Statuses: []int{401}, Means: "The passkey was not accepted."},
	{Name: "password", Statuses: []int{422}, Means: "The password cannot be used."},
	{Name: "password_link", Statuses: []int{404}, Means: "The link was used, or replaced."},
	{Name: "price_moved", Statuses: []int{409}, Means: "It costs more, or brings less, than the bound that was sent."},
	{Name: "proposer", Statuses: []int{403}, Means: "Whoever proposed it cannot decide on it."},
	{Name: "range", Statuses: []int{422}, Means: "The number is too small or too large."},
	{Name: "request_over", Statuses: []int{409}, Means: "The request is over."},
	{Name: "scope", Statuses: []int{403, 422}, Means: "The token's scope is too narrow; or there is no such scope."},
	{Name: "seats_taken", Statuses: []int{409}, Means: "Nobody can join until somebody leaves."},
	{Name: "second_factor", Statuses: []int{401}, Means: "The password is right, and a code is needed beside it."},
	{Name: "second_operator", Statuses: []int{403}, Means: "Another operator has to do it."},
	{Name: "serial", Statuses: []int{409, 422}, Means: "The serial is not above that of the last exchange."},
	{Name: "sign_in", Statuses: []int{401}, Means: "There is no good token or session."},
	{Name: "slow_down", Statuses: []int{429}, Means: "Too many requests; the header Retry-After says when to go on."},
	{Name: "sold_out", Statuses: []int{409}, Means: "The sale has not that many tokens left."},
	{Name: "storage", Statuses: []int{503}, Means: "The server cannot write at the moment; the same request with the same key happens once."},
	{Name: "tls_required", Statuses: []int{403}, Means: "Passwords are not taken over plain http."},
	{Name: "too_large", Statuses: []int{413}, Means: "The body is too large."},
	{Name: "too_many", Statuses: []int{409}, Means: "There are as many already as there may be."},
	{Name: "too_many_open", Statuses: []int{409}, Means: "Too many withdrawals are under way."},
	{Name: "too_many_streams", Statuses: []int{429, 503}, Means: "Too many streams are open."},
	{Name: "torrent_refused", Statuses: []int{422}, Means: "The torrent file breaks a rule; detail names it."},
	{Name: "transfer_conflict", Statuses: []int{409}, Means: "There is another transfer of this id."},
	{Name: "uploader_only", Statuses: []int{403}, Means: "Only its uploader and operators may see this."},
	{Name: "used", Statuses: []int{409}, Means: "It was used already."},
	{Name: "voucher_expired", Statuses: []int{422}, Means: "The voucher expired."},
	{Name: "voucher_mistyped", Statuses: []int{422}, Means: "It is no code of a voucher: a character is wrong or missing."},
	{Name: "voucher_revoked", Statuses: []int{422}, Means: "The voucher was made worthless."},
	{Name: "voucher_unknown", Statuses: []int{422}, Means: "No voucher has this code."},
	{Name: "voucher_used", Statuses: []int{422}, Means: "The voucher was used."},
	{Name: "wrong_code", Statuses: []int{401, 422}, Means: "The code is wrong."},
	{Name: "wrong_password", Statuses: []int{401}, Means: "The name or the password is wrong."},
}
