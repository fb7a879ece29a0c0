package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// accountAPI is who somebody is here.
func (s *site) accountAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "POST", Path: "/members", Tag: tagAccount, Who: openapi.Anybody,
			Does:  "Makes an account and a first token for it.",
			Notes: "Where registration is by invitation, an invitation is needed. An address may do this three times in an hour.",
			Body:  openapi.Of[joinBody](), Status: http.StatusCreated, Answer: openapi.Of[joinedView]()}, s.apiJoin},
		{openapi.Operation{Method: "POST", Path: "/session", Tag: tagAccount, Who: openapi.Anybody,
			Does:  "Signs in: the answer sets the session's cookie.",
			Notes: "Programs are better served by a token. An account and address may try five times in 15 minutes.",
			Body:  openapi.Of[signInBody](), Status: http.StatusCreated, Answer: openapi.Of[sessionAnswer]()}, s.apiSignIn},
		{openapi.Operation{Method: "GET", Path: "/session", Tag: tagAccount, Who: openapi.Member,
			Does: "Tells who is signed in, or whose token it is.", Answer: openapi.Of[sessionAnswer]()}, s.apiSession},
		{openapi.Operation{Method: "DELETE", Path: "/session", Tag: tagAccount, Who: openapi.Member,
			Does: "Signs out: ends the session of the cookie.", Status: http.StatusNoContent}, s.apiSignOut},
		{openapi.Operation{Method: "POST", Path: "/tokens", Tag: tagAccount, Who: openapi.Member,
			Does:  "Makes an API token that is good for a year.",
			Notes: "read may look at everything of the member's but how they sign in; trade may also move what is inside the tracker and fetch torrent files; full may do everything.",
			Body:  openapi.Of[tokenBody](), Status: http.StatusCreated, Answer: openapi.Of[tokenView]()}, s.apiToken},
		{openapi.Operation{Method: "GET", Path: "/invites", Tag: tagAccount, Who: openapi.Member,
			Does: "Lists the member's invitations, newest first.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[invitesView]()}, s.apiInvites},
		{openapi.Operation{Method: "POST", Path: "/invites", Tag: tagAccount, Who: openapi.Member,
			Does: "Makes an invitation that is good for 14 days and one person.", Status: http.StatusCreated, Answer: openapi.Of[newInviteView]()}, s.apiInvite},
	}
}
