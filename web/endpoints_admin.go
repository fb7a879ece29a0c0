package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// adminAPI is what operators do.
func (s *site) adminAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "PUT", Path: "/admin/clients/{prefix}", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Allows or denies the clients whose peer id begins with a prefix.",
			Body: openapi.Object(openapi.Need("allow", openapi.Bool("")), openapi.May("note", openapi.Text("why, for members to read"))), Answer: openapi.Of[clientRuleSetView]()}, s.apiPutClient},
		{openapi.Operation{Method: "DELETE", Path: "/admin/clients/{prefix}", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Removes the rule for a prefix.", Status: http.StatusNoContent}, s.apiRemoveClient},
		{openapi.Operation{Method: "PUT", Path: "/admin/torrents/{infohash}/free", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Makes a torrent cost nothing until a time, or ends that.", Body: openapi.Of[freeBody](), Answer: openapi.Of[freeUntilView]()}, s.apiFree},
		{openapi.Operation{Method: "GET", Path: "/admin/vouchers", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Lists the batches of vouchers, newest first.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[vouchersView]()}, s.apiVouchers},
		{openapi.Operation{Method: "POST", Path: "/admin/vouchers", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Makes a batch of vouchers.", Body: openapi.Of[vouchersBody](), Status: http.StatusCreated, Answer: openapi.Of[newVouchersView]()}, s.apiAddVouchers},
		{openapi.Operation{Method: "POST", Path: "/admin/vouchers/revoke", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Makes one voucher worthless.", Body: openapi.Of[codeBody](), Answer: openapi.Of[revokedView]()}, s.apiRevokeVoucher},
		{openapi.Operation{Method: "POST", Path: "/admin/vouchers/{batch}/revoke", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Makes the unused vouchers of a batch worthless.", Answer: openapi.Of[revokedView]()}, s.apiRevokeBatch},
		{openapi.Operation{Method: "GET", Path: "/admin/members/unverified", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Lists members who are not verified, oldest first.", Answer: openapi.Of[unverifiedView]()}, s.apiUnverified},
		{openapi.Operation{Method: "POST", Path: "/admin/members/{id}/verify", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Gives a member the right to the free allowance.", Answer: openapi.Of[verifiedView]()}, s.apiVerify},
		{openapi.Operation{Method: "GET", Path: "/admin/audits", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Lists all audits, newest first.", Query: []openapi.Field{showFaultsParam(), cursorParam()}, Answer: openapi.Of[auditsView]()}, s.apiAdminAudits},
		{openapi.Operation{Method: "GET", Path: "/admin/nodes", Tag: tagAdmin, Who: openapi.Operator,
			Does:  "Lists all nodes.",
			Query: []openapi.Field{openapi.May("show", openapi.OneOf("suspended: only those that are", showSuspended)), cursorParam()}, Answer: openapi.Of[nodeRowsView]()}, s.apiAdminNodes},
		{openapi.Operation{Method: "POST", Path: "/admin/nodes/{node}/lift", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Lifts a node's suspension.", Body: openapi.Of[operatorReason](), Answer: openapi.Of[liftedView]()}, s.apiLift},
		{openapi.Operation{Method: "GET", Path: "/admin/slashes", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Lists all penalties, newest first.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[slashesView]()}, s.apiSlashes},
		{openapi.Operation{Method: "GET", Path: "/admin/transfers", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Lists members whose clients admit less than nodes say they sent them.", Answer: openapi.Of[silentsView]()}, s.apiAdminTransfers},
		{openapi.Operation{Method: "POST", Path: "/admin/slashes/{id}/return", Tag: tagAdmin, Who: openapi.Operator,
			Does: "Gives a penalty back.", Notes: "It can be done until its due_at.", Body: openapi.Of[operatorReason](), Answer: openapi.Of[returnedView]()}, s.apiReturnSlash},
	}
}
