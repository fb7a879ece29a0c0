package web

import "github.com/swarmstake/swarmstake/web/openapi"

// requestsAPI is what members ask for, and the bounties.
func (s *site) requestsAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/requests", Tag: tagRequests, Who: openapi.Member,
			Does: "Lists requests.",
			Query: []openapi.Field{
				openapi.May("state", openapi.OneOf("which; absent: open. mine: the member's own in every state", "open", "review", "filled", "closed", ownRequests)),
				openapi.May("sort", openapi.OneOf("newest first, or the largest bounty; absent: new", "new", "bounty")),
				openapi.May("category", openapi.Text("only of that category")), cursorParam(), limitParam()},
			Answer: openapi.Of[requestsAnswer]()}, s.apiRequests},
		{openapi.Operation{Method: "POST", Path: "/requests", Tag: tagRequests, Who: openapi.Member, Once: true,
			Does:  "Asks for something, and puts a bounty on it.",
			Notes: "A request that nobody fills closes by itself, and everybody gets back what they put in.",
			Body:  openapi.Of[requestBody](), Status: 201, Answer: openapi.Of[requestedView]()}, s.apiAddRequest},
		{openapi.Operation{Method: "GET", Path: "/requests/{id}", Tag: tagRequests, Who: openapi.Member,
			Does:   "Returns a request with the shares of its bounty and what was offered for it.",
			Notes:  "At most 50 offers and 50 candidates are listed, the newest.",
			Answer: openapi.Of[requestDetail]()}, s.apiRequest},
		{openapi.Operation{Method: "POST", Path: "/requests/{id}/bounty", Tag: tagRequests, Who: openapi.Member, Once: true,
			Does:  "Puts more into the bounty of an open request.",
			Notes: "Whoever puts something in cannot fill the request.",
			Body:  openapi.Of[bountyBody](), Answer: openapi.Of[movedAnswer]()}, s.apiBounty},
		{openapi.Operation{Method: "POST", Path: "/requests/{id}/fills", Tag: tagRequests, Who: openapi.Member,
			Does:  "Offers a torrent for an open request.",
			Notes: "The member uploaded it after the request was made. Silence of the requester for 7 days accepts it.",
			Body:  openapi.Of[torrentBody](), Status: 204}, s.apiFill},
		{openapi.Operation{Method: "POST", Path: "/requests/{id}/fills/{fill}/accept", Tag: tagRequests, Who: openapi.Member, Once: true,
			Does:   "Accepts what was offered: the bounty goes to who offered it.",
			Notes:  "Only who made the request may do this.",
			Answer: openapi.Of[movedAnswer]()}, s.apiAcceptFill},
		{openapi.Operation{Method: "POST", Path: "/requests/{id}/fills/{fill}/reject", Tag: tagRequests, Who: openapi.Member,
			Does:  "Rejects what was offered, and says why: the request is open again.",
			Notes: "Only who made the request may do this.",
			Body:  openapi.Of[whyBody](), Status: 204}, s.apiRejectFill},
		{openapi.Operation{Method: "POST", Path: "/requests/{id}/close", Tag: tagRequests, Who: openapi.Member, Once: true,
			Does:   "Closes an open request of the member's own: everybody gets back what they put in.",
			Answer: openapi.Of[movedAnswer]()}, s.apiCloseRequest},
		{openapi.Operation{Method: "POST", Path: "/requests/{id}/end", Tag: tagModeration, Who: openapi.Operator,
			Does: "Closes anybody's request, for a reason that everybody can read: what was put in goes back.",
			Body: openapi.Of[whyBody](), Status: 204}, s.apiEndRequest},
	}
}
