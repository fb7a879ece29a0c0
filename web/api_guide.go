package web

import (
	"math"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// apiTags are the groups of endpoints in the order in which they are shown.
var apiTags = []openapi.Tag{
	{Name: tagAccount, Description: "Who somebody is here: joining, sessions, tokens, how they sign in, invitations."},
	{Name: tagTorrents, Description: "The catalogue: torrents, their prices and files, what is said about them, collections."},
	{Name: tagRequests, Description: "What members ask for, and the bounties on it."},
	{Name: tagWallet, Description: "What a member has: balances, stake, locks, the sale, paying in and out."},
	{Name: tagEconomy, Description: "What everybody may see of the economy."},
	{Name: tagHosting, Description: "Nodes as their owners see them: pairing, collateral, audits, penalties, badges."},
	{Name: tagNode, Description: "What a node sends and asks with its own key."},
	{Name: tagFeeds, Description: "The keys of feeds, saved searches and events."},
	{Name: tagModeration, Description: "Reports, announcements, and what operators do to keep order."},
	{Name: tagTreasury, Description: "Parameters, the treasury, the ledger and corrections, for operators."},
	{Name: tagAdmin, Description: "What else operators do."},
	{Name: tagDocument, Description: "This description itself."},
}

// chapter is a part of what holds for every operation.
type chapter struct{ Title, Text string }

// apiGuide is what holds for every operation, in paragraphs without markup.
var apiGuide = []chapter{
	{"Who asks", `Members show an API token as "Authorization: Bearer swst_…"; tokens are made at /account/tokens or by POST /tokens. A token has a scope: read looks at things, trade also moves what is inside the tracker and fetches torrent files, full does everything. Browsers show their session's cookie; for some operations it must have proved within 15 minutes who it is (fresh_factor). Nodes sign a token of their own for each request with the key that they were paired with: a JWT with EdDSA whose iss is node/NUMBER, whose aud is the tracker's address, whose exp is within 5 minutes, whose jti was never used, and whose claim body is the SHA-256 of the request's body in base64url without padding.`},
	{"Money", `Amounts are whole numbers of the smallest unit, written as decimal strings, since 64-bit integers do not survive JavaScript: "1000000" in a field that ends in _utok is one token. Fields that end in _quote are of what tokens are bought with, with 6 decimals likewise. Only where it is said, whole tokens with up to 6 decimals are taken.`},
	{"Moving money once", `Whatever moves money wants a header Idempotency-Key of 1 to 128 characters: a new one for each new request, the same one when a request is repeated because its answer was lost. The same key with the same request happens once and gives the same answer; the same key with another request is refused with 409 idempotency_key_reused. Keys belong to the member who sends them.`},
	{"Lists", `Lists come in pages. next is the cursor of the following page, to be sent as the parameter cursor with the same other parameters; empty, it was the last page. A cursor says nothing else, and a page may be shorter than limit although more follow. New entries do not move pages about.`},
	{"Times, sizes and shares", `Times are RFC 3339 in UTC, in fields that end in _at. Fields that end in _bytes are bytes, _seconds seconds, _ms milliseconds, _ppm millionths. Info-hashes are 40 hex digits.`},
	{"Limits", `A member, with all sessions and tokens together, and a node may send 600 requests in a minute; an address (of IPv6 a /64) from which somebody unknown asks 120. Every answer has RateLimit-Policy ("default";q=600;w=60: so many in so many seconds) and RateLimit ("default";r=599;t=60: so many are left, and in so many seconds there are all of them again), as draft-ietf-httpapi-ratelimit-headers has them. What is beyond is answered with 429 and Retry-After, in seconds. Some operations have narrower limits of their own, which answer the same way. A body has at most 64 KiB unless an upload or a node's report needs more.`},
	{"Errors", `Errors are application/problem+json (RFC 9457). Programs go by code, which is stable, and not by detail, which is for people and says what to do. With 400 and 422 the code often is the name of the field or parameter that is wrong. Bodies are JSON objects; fields that are not known are refused, so that a misspelt one is not taken for an absent one.`},
	{"Changes", `Version 1 only grows: operations, fields of answers and codes are added, none are taken away. Programs should pass over fields that they do not know.`},
}

// apiDescription is the guide as Markdown, which the document is in.
func apiDescription() (text string) {
	for _, c := range apiGuide {
		text += "## " + c.Title + "\n\n" + c.Text + "\n\n"
	}
	return text
}

// pathParams are what stands in braces in a path.
var pathParams = map[string]openapi.Schema{
	"infohash":     infoHashSchema(),
	"id":           openapi.Whole("The number that the thing has in lists.", 1, maxID),
	"node":         openapi.Whole("A node's number.", 1, math.MaxUint32),
	"member":       openapi.Whole("A member's number.", 1, math.MaxUint32),
	"batch":        openapi.Whole("A batch's number.", 1, maxID),
	"audit":        openapi.Whole("An audit's number.", 1, maxID),
	"epoch":        openapi.Whole("An epoch's number, from 1 on.", 1, maxID),
	"badge":        openapi.Text("A badge's id."),
	"collection":   openapi.Text("A collection's name."),
	"prefix":       openapi.Text("The beginning of a peer id, such as -qB5, escaped where it must be."),
	"rest":         openapi.Text("A transfer's id, with its slashes."),
	"comment":      openapi.Whole("A comment's number.", 1, maxID),
	"request":      openapi.Whole("A request's number.", 1, maxID),
	"fill":         openapi.Whole("An offer's number.", 1, maxID),
	"draft":        openapi.Whole("A draft's number.", 1, maxID),
	"session":      openapi.Text("A session's id, as the list has it."),
	"token":        openapi.Text("A token's id, as the list has it."),
	"key":          openapi.Text("A parameter's key, such as economy.gate."),
	"notification": openapi.Whole("A notification's number.", 1, maxID),
}
