package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/openapi"
)

// fraudAPI is what looks wrong, and who appeals.
func (s *site) fraudAPI() []endpoint {
	text := openapi.Object(openapi.Need("text", openapi.Text("why it is wrong: 1 to 4000 characters")))
	return []endpoint{
		{openapi.Operation{Method: "POST", Path: "/slashes/{id}/appeal", Tag: tagHosting, Who: openapi.Member,
			Does: "Appeals against a penalty, within its appeal window.", Notes: "There is one appeal against a penalty; the same text again is the same appeal. The penalty waits until it is decided.",
			Body: text, Status: http.StatusCreated, Answer: openapi.Of[appealView]()}, s.apiAppealSlash},
		{openapi.Operation{Method: "GET", Path: "/slashes/{id}/appeal", Tag: tagHosting, Who: openapi.Member,
			Does: "Shows the appeal against a penalty, to its member and to operators.", Answer: openapi.Of[appealView]()}, s.apiSlashAppeal},
		{openapi.Operation{Method: "POST", Path: "/nodes/{node}/appeal", Tag: tagHosting, Who: openapi.Member,
			Does: "Appeals against the suspension of a node, within the appeal window.", Notes: "There is one appeal for each time that a node is suspended; the same text again is the same appeal.",
			Body: text, Status: http.StatusCreated, Answer: openapi.Of[appealView]()}, s.apiAppealNode},
		{openapi.Operation{Method: "GET", Path: "/appeals", Tag: tagHosting, Who: openapi.Member,
			Does: "Lists the member's appeals, newest first.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[appealsView]()}, s.apiAppeals},
		{openapi.Operation{Method: "GET", Path: "/appeals/{id}", Tag: tagHosting, Who: openapi.Member,
			Does: "Shows an appeal, to its member and to operators.", Answer: openapi.Of[appealView]()}, s.apiAppeal},
		{openapi.Operation{Method: "GET", Path: "/admin/appeals", Tag: tagModeration, Who: openapi.Operator,
			Does:   "Lists the appeals that wait for a decision, oldest first, or those that are decided, newest first.",
			Query:  []openapi.Field{openapi.May("show", openapi.OneOf("decided: those that are decided", showDecided)), cursorParam(), limitParam()},
			Answer: openapi.Of[appealsView]()}, s.apiAdminAppeals},
		{openapi.Operation{Method: "POST", Path: "/admin/appeals/{id}/decision", Tag: tagModeration, Who: openapi.Operator,
			Does: "Decides on an appeal: granted returns the penalty or lifts the suspension.", Notes: "A decision is final, the member is told with the reason, and nobody decides on their own appeal. The same decision again changes nothing.",
			Body:   openapi.Object(openapi.Need("outcome", openapi.OneOf("the decision", store.AppealGranted, store.AppealRefused)), openapi.Need("reason", openapi.Text("for the member and for the log: 1 to 200 bytes"))),
			Answer: openapi.Of[appealView]()}, s.apiDecideAppeal},
		{openapi.Operation{Method: "GET", Path: "/admin/flags", Tag: tagModeration, Who: openapi.Operator,
			Does: "Lists what looks wrong about members: flags that nobody has looked at, newest first.", Notes: "A flag proves nothing and moves nothing. What weight and whole are depends on the kind; figure says it in words.",
			Query: []openapi.Field{openapi.May("kind", openapi.OneOf("only of this kind", store.FlagKinds()...)),
				openapi.May("show", openapi.OneOf("all: also those that somebody has looked at", showAll)), cursorParam(), limitParam()},
			Answer: openapi.Of[flagsView]()}, s.apiFlags},
		{openapi.Operation{Method: "GET", Path: "/admin/flags/{id}", Tag: tagModeration, Who: openapi.Operator,
			Does: "Shows what is known of a member: flags, notes and the evidence for each kind.", Notes: "Addresses are shown as networks. Of each kind there are the newest or largest rows only.",
			Answer: openapi.Of[flaggedView]()}, s.apiFlagged},
		{openapi.Operation{Method: "POST", Path: "/admin/flags/{id}/look", Tag: tagModeration, Who: openapi.Operator,
			Does: "Finds a member's flags now.", Notes: "All members are gone through once an hour without that.", Answer: openapi.Of[flaggedView]()}, s.apiLook},
		{openapi.Operation{Method: "POST", Path: "/admin/flags/{id}/notes", Tag: tagModeration, Who: openapi.Operator,
			Does: "Marks a flag of a member as looked at, with a note that is kept.", Notes: "The member is not told. The flag is open again when it comes back or has doubled.",
			Body:   openapi.Object(openapi.Need("kind", openapi.OneOf("the flag", store.FlagKinds()...)), openapi.Need("note", openapi.Text("1 to 200 bytes"))),
			Status: http.StatusCreated, Answer: openapi.Of[flaggedView]()}, s.apiFlagNote},
	}
}
