package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// hostingAPI is nodes as their owners see them.
func (s *site) hostingAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "POST", Path: "/nodes/codes", Tag: tagHosting, Who: openapi.Member,
			Does: "Makes a code with which a node introduces itself within 15 minutes.", Status: http.StatusCreated, Answer: openapi.Of[pairingView]()}, s.apiCode},
		{openapi.Operation{Method: "POST", Path: "/nodes/pair", Tag: tagHosting, Who: openapi.Anybody,
			Does: "Pairs a node: the code says whose it is, the key is its own from then on.", Notes: "A code works once. An address may try five times in 15 minutes.",
			Body: openapi.Of[pairBody](), Status: http.StatusCreated, Answer: openapi.Of[pairedView]()}, s.apiPair},
		{openapi.Operation{Method: "GET", Path: "/nodes", Tag: tagHosting, Who: openapi.Member,
			Does: "Lists the member's nodes.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[nodesView]()}, s.apiNodes},
		{openapi.Operation{Method: "POST", Path: "/nodes/{node}/pledge", Tag: tagHosting, Who: openapi.Member, Once: true,
			Does: "Pledges free stake to a node as its collateral.", Body: openapi.Of[amountIn](), Status: http.StatusCreated, Answer: openapi.Of[movedAnswer]()}, s.apiPledge},
		{openapi.Operation{Method: "POST", Path: "/nodes/{node}/unpledge", Tag: tagHosting, Who: openapi.Member, Once: true,
			Does: "Takes collateral back from a node.", Notes: "What its claims need stays.",
			Body: openapi.Of[amountIn](), Status: http.StatusCreated, Answer: openapi.Of[movedAnswer]()}, s.apiUnpledge},
		{openapi.Operation{Method: "GET", Path: "/hosting/market", Tag: tagHosting, Who: openapi.MemberOrNode, Paced: true,
			Does: "Lists what hosts choose from: every torrent with its price, demand and hosts.", Notes: "It may be a minute old.",
			Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[marketView]()}, s.apiMarket},
		{openapi.Operation{Method: "GET", Path: "/audits/{audit}", Tag: tagHosting, Who: openapi.Member,
			Does: "Shows an audit.", Notes: "Who was asked, where, and how fast it was, is told to its owner and to operators only.", Answer: openapi.Of[auditView]()}, s.apiAudit},
		{openapi.Operation{Method: "GET", Path: "/nodes/{node}/audits", Tag: tagHosting, Who: openapi.Member,
			Does: "Lists the audits of one of the member's nodes, newest first.", Query: []openapi.Field{showFaultsParam(), cursorParam()}, Answer: openapi.Of[auditsView]()}, s.apiNodeAudits},
		{openapi.Operation{Method: "GET", Path: "/slashes", Tag: tagHosting, Who: openapi.Member,
			Does: "Lists the penalties of the member's nodes, newest first.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[slashesView]()}, s.apiOwnSlashes},
		{openapi.Operation{Method: "GET", Path: "/badges", Tag: tagHosting, Who: openapi.Member,
			Does: "Lists the member's badges, newest first.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[badgesView]()}, s.apiBadges},
		{openapi.Operation{Method: "GET", Path: "/badges/{badge}", Tag: tagHosting, Who: openapi.Anybody,
			Does: "Shows a badge.", Notes: "Which torrents it is about is told to members only.", Answer: openapi.Of[badgeView]()}, s.apiBadge},
		{openapi.Operation{Method: "GET", Path: "/badges/{badge}/credential", Tag: tagHosting, Who: openapi.Anybody,
			Does: "Returns a badge's signed credential as a file.", Notes: "The keys that verify it are in /.well-known/swarmstake.json.",
			Answer: openapi.Text("a JWT"), AnswerTypes: []string{"application/jwt"}}, s.apiCredential},
	}
}
