package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// walletAPI is what a member has, and the sale.
func (s *site) walletAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/wallet", Tag: tagWallet, Who: openapi.Member,
			Does: "Shows what the member has, and the last transfers of tokens.", Query: []openapi.Field{cursorParam()}, Answer: openapi.Of[walletAnswer]()}, s.apiWallet},
		{openapi.Operation{Method: "GET", Path: "/wallet/export", Tag: tagWallet, Who: openapi.Member,
			Does: "Returns all transfers of the member, oldest first.", Notes: "It is sent as it is read; an answer that was cut off is no valid JSON.",
			Query:  []openapi.Field{openapi.May("format", openapi.OneOf("absent: json", "json", "csv"))},
			Answer: openapi.Object(openapi.Need("transfers", openapi.List(openapi.Of[exportLine]()))), AnswerTypes: []string{"application/json", "text/csv"}}, s.export},
		{openapi.Operation{Method: "PUT", Path: "/wallet/max-price", Tag: tagWallet, Who: openapi.Member,
			Does: "Sets what the member consents to pay per GiB.",
			Body: openapi.Object(openapi.Need("max_price_utok_per_gib", openapi.Amount("0: the default rule"))), Answer: openapi.Of[maxPriceView]()}, s.apiMaxPrice},
		{openapi.Operation{Method: "GET", Path: "/transfers/*", Tag: tagWallet, Who: openapi.Member,
			Does: "Shows the receipt of a transfer: why it was made, and the evidence.", Notes: "Ids of transfers have slashes, which stay as they are. Of other members' transfers nothing is told.",
			Answer: openapi.Of[receiptView]()}, s.apiReceipt},
		{openapi.Operation{Method: "POST", Path: "/stake", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Stakes tokens.", Body: openapi.Of[amountIn](), Status: http.StatusCreated, Answer: openapi.Of[movedAnswer]()}, s.apiStake},
		{openapi.Operation{Method: "POST", Path: "/stake/unstake", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Takes stake back; it is available after the unbonding time.", Body: openapi.Of[amountIn](), Status: http.StatusCreated, Answer: openapi.Of[unstakedView]()}, s.apiUnstake},
		{openapi.Operation{Method: "GET", Path: "/sale", Tag: tagWallet, Who: openapi.Anybody,
			Does:   "Shows where the sale stands, and what amounts would cost and bring.",
			Query:  []openapi.Field{openapi.May("amounts", openapi.Text("whole tokens with at most 6 decimals, separated by commas"))},
			Answer: openapi.Of[saleAnswer]()}, s.apiSale},
		{openapi.Operation{Method: "POST", Path: "/sale/buy", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Buys tokens at the price of the sale.", Body: openapi.Of[buyBody](), Status: http.StatusCreated, Answer: openapi.Of[boughtAnswer]()}, s.apiBuy},
		{openapi.Operation{Method: "POST", Path: "/sale/exchange", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Buys the most tokens between two amounts that a sum pays for, or nothing.", Body: openapi.Of[exchangeBody](), Status: http.StatusCreated, Answer: openapi.Of[boughtAnswer]()}, s.apiExchange},
		{openapi.Operation{Method: "POST", Path: "/sale/sell", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Sells tokens back to the sale.", Body: openapi.Of[sellBody](), Status: http.StatusCreated, Answer: openapi.Of[soldView]()}, s.apiSell},
		{openapi.Operation{Method: "POST", Path: "/deposits", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Pays in.", Notes: "Wrong codes of vouchers are limited to 10, then one a minute.",
			Body: openapi.Of[depositBody](), Status: http.StatusCreated, Answer: openapi.Of[depositedView]()}, s.apiDeposit},
		{openapi.Operation{Method: "GET", Path: "/withdrawals", Tag: tagWallet, Who: openapi.Member,
			Does: "Lists the member's withdrawals, newest first, and the ways to pay in and out.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[withdrawalsView]()}, s.apiWithdrawals},
		{openapi.Operation{Method: "POST", Path: "/withdrawals", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Pays out.", Body: openapi.Of[withdrawBody](), Status: http.StatusCreated, Answer: openapi.Of[withdrewView]()}, s.apiWithdraw},
		{openapi.Operation{Method: "POST", Path: "/withdrawals/{id}/take-back", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Takes back a withdrawal that is not paid yet.", Answer: openapi.Of[withdrewView]()}, s.apiTakeBack},
		{openapi.Operation{Method: "GET", Path: "/locks", Tag: tagWallet, Who: openapi.Member,
			Does: "Lists the member's locks, newest first, and claims of fees.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[locksView]()}, s.apiLocks},
		{openapi.Operation{Method: "POST", Path: "/locks", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Locks tokens away for a share of the fees.", Body: openapi.Of[lockBody](), Status: http.StatusCreated, Answer: openapi.Of[lockedView]()}, s.apiLock},
		{openapi.Operation{Method: "POST", Path: "/locks/{id}/claim", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Claims the fees that a lock is owed; they are released with time.", Status: http.StatusCreated, Answer: openapi.Of[claimedView]()}, s.apiClaim},
		{openapi.Operation{Method: "POST", Path: "/vestings/release", Tag: tagWallet, Who: openapi.Member, Once: true,
			Does: "Makes claimed fees available as far as they are due.", Status: http.StatusCreated, Answer: openapi.Of[movedAnswer]()}, s.apiRelease},
	}
}
