package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// nodeAPI is what a daemon sends and asks.
func (s *site) nodeAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "POST", Path: "/node/report", Tag: tagNode, Who: openapi.Node,
			Does: "Tells what the node hosts.", Notes: "It is the whole list: what it no longer names is withdrawn. report_again_seconds says when the next is due.",
			Body: openapi.Of[Report](), Answer: openapi.Of[ReportAnswer]()}, s.apiReport},
		{openapi.Operation{Method: "GET", Path: "/node/status", Tag: tagNode, Who: openapi.Node,
			Does: "Shows the node's standing, earnings and claims.", Answer: openapi.Of[NodeStatus]()}, s.apiStatus},
		{openapi.Operation{Method: "POST", Path: "/node/access", Tag: tagNode, Who: openapi.Node,
			Does: "Tells which of the peers that are connected to the node are paid up, and at which rate to serve them.",
			Body: openapi.Of[accessBody](), Answer: openapi.Of[accessView]()}, s.apiAccess},
		{openapi.Operation{Method: "POST", Path: "/node/port", Tag: tagNode, Who: openapi.Node,
			Does: "Connects to the address that the request came from, to tell the node whether peers reach it.",
			Body: openapi.Object(openapi.Need("port", openapi.Whole("that peers connect to", 1, 65535))), Answer: openapi.Of[portView]()}, s.apiPort},
		{openapi.Operation{Method: "POST", Path: "/node/transfers", Tag: tagNode, Who: openapi.Node,
			Does: "Tells what the node exchanged with peers.", Notes: "It is evidence and moves no money. The same batch again changes nothing.",
			Body: openapi.Of[TransferReport](), Answer: openapi.Of[TransferAnswer]()}, s.apiTransfers},
		{openapi.Operation{Method: "GET", Path: "/node/earnings", Tag: tagNode, Who: openapi.Node,
			Does:  "Shows what the node and its member earned.",
			Query: []openapi.Field{openapi.May("days", openapi.Whole("so many days (UTC), today among them; absent: 30", 1, maxEarningsDays))}, Answer: openapi.Of[Earnings]()}, s.apiEarnings},
		{openapi.Operation{Method: "GET", Path: "/node/audits", Tag: tagNode, Who: openapi.Node,
			Does: "Lists the node's audits, newest first.",
			Query: []openapi.Field{openapi.May("before", openapi.Whole("next of the page before; absent or 0: the first page", 0, maxID)),
				openapi.May("limit", openapi.Whole("rows of a page; absent: 50", 1, maxAuditPage))}, Answer: openapi.Of[ownAuditsView]()}, s.apiOwnAudits},
		{openapi.Operation{Method: "GET", Path: "/node/challenges", Tag: tagNode, Who: openapi.Node,
			Does:  "Delivers what the node is to prove.",
			Query: []openapi.Field{openapi.May("wait", openapi.Whole("seconds for which the answer is held back until there is something; absent: 0", 0, int64(maxWait.Seconds())))}, Answer: challengesSchema()}, s.apiChallenges},
		{openapi.Operation{Method: "POST", Path: "/node/challenges/{id}", Tag: tagNode, Who: openapi.Node,
			Does: "Answers a challenge.", Notes: "The body is binary: the challenge's nonce, node, epoch and info-hash, then status, bytes and hashes of each item in order. The claim body of the token is not wanted here.",
			Body: openapi.Text("an answer"), BodyType: "application/octet-stream", Answer: openapi.Of[verdictView]()}, s.apiAnswerChallenge},
		{openapi.Operation{Method: "GET", Path: "/node/maintenance", Tag: tagNode, Who: openapi.Node,
			Does: "Shows what absence the node declared, and what it still may.", Answer: openapi.Of[Maintenance]()}, s.apiMaintenance},
		{openapi.Operation{Method: "POST", Path: "/node/maintenance", Tag: tagNode, Who: openapi.Node,
			Does: "Declares an absence: no audit of that time counts.", Body: openapi.Of[MaintenanceSpan](), Status: http.StatusCreated, Answer: openapi.Of[Maintenance]()}, s.apiDeclareMaintenance},
	}
}
