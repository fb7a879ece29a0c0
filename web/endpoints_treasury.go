package web

import (
	"net/http"
	"slices"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/web/openapi"
)

// treasuryAPI is what operators do with money and its rules.
func (s *site) treasuryAPI() []endpoint {
	return slices.Concat(s.rulesAPI(), s.ledgerAPI(), s.correctionsAPI(), s.sponsorsAPI())
}

func (s *site) rulesAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/admin/parameters", Tag: tagTreasury, Who: openapi.Operator,
			Does:   "Shows the parameters in force, those that are to come, and what the configuration says.",
			Notes:  "A value that was set here stays until the configuration says something else of it than at the last start.",
			Answer: openapi.Of[treasuryRules]()}, s.apiAdminParameters},
		{openapi.Operation{Method: "POST", Path: "/admin/parameters", Tag: tagTreasury, Who: openapi.Operator,
			Does:  "Changes parameters with the next epoch, or with the first that begins at a time or later.",
			Notes: "Values of one request come together, and are written as in a configuration file. They must be possible with all others, also with the changes that wait for their date.",
			Body:  openapi.Of[rulesBody](), Status: http.StatusCreated, Answer: openapi.Of[rulesChangeView]()}, s.apiChangeRules},
		{openapi.Operation{Method: "POST", Path: "/admin/parameters/preview", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Says what a change of parameters would do, and does nothing.", Body: openapi.Of[rulesBody](), Answer: openapi.Of[rulesChangeView]()}, s.apiPreviewRules},
		{openapi.Operation{Method: "GET", Path: "/admin/parameters/changes", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Lists what operators changed of the parameters, newest first.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[rulesChangesPage]()}, s.apiRulesChanges},
		{openapi.Operation{Method: "POST", Path: "/admin/parameters/changes/{id}/withdraw", Tag: tagTreasury, Who: openapi.Operator,
			Does:  "Takes a change back that is not in force yet.",
			Notes: "Of one that comes with the next epoch the values in force are recorded anew, as a change of its own, which is the answer.",
			Body:  openapi.Of[treasuryReasonBody](), Answer: openapi.Of[rulesChangeView]()}, s.apiWithdrawRules},
		{openapi.Operation{Method: "POST", Path: "/admin/parameters/configured/withdraw", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Takes back what the configuration changes with the next epoch.", Body: openapi.Of[treasuryReasonBody](), Answer: openapi.Of[rulesChangeView]()}, s.apiWithdrawConfigured},
	}
}

// ledgerParams are what the ledger is searched by.
func ledgerParams() []openapi.Field {
	return []openapi.Field{
		openapi.May("account", openapi.Text("one side of the transfer: an account such as treasury, all below one such as member/5, or with * at the end all that begin so")),
		openapi.May("member", openapi.Text("one side is an account of this member: a name or number")),
		openapi.May("code", openapi.OneOf("why it was made", tokens.Codes()...)),
		openapi.May("asset", openapi.OneOf("", tokens.Token, tokens.Quote, tokens.Byte)),
		openapi.May("id", openapi.Text("the transfer's id begins so")),
		openapi.May("ref", openapi.Text("what it is about begins so")),
		openapi.May("min", openapi.Text("the least amount: whole tokens or units of quote with at most 6 decimals, or bytes; wants asset")),
		openapi.May("max", openapi.Text("the largest amount, likewise")),
		openapi.May("since", openapi.Text("a time or a day, UTC: then or later")),
		openapi.May("until", openapi.Text("a time or a day, UTC: before it")),
		cursorParam(),
	}
}

func (s *site) ledgerAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/admin/ledger", Tag: tagTreasury, Who: openapi.Operator,
			Does:  "Searches all transfers, newest first.",
			Notes: "All filters must hold. A search that finds little looks at so many transfers and then answers with what it has: as long as next is not empty there is more to look at.",
			Query: append(ledgerParams(), limitParam()), Answer: openapi.Of[ledgerPage]()}, s.apiLedger},
		{openapi.Operation{Method: "GET", Path: "/admin/ledger.csv", Tag: tagTreasury, Who: openapi.Operator,
			Does:  "Returns what a search of the ledger finds as a file.",
			Notes: "At most 10000 transfers; where there are more, a header Link with rel=next leads on.",
			Query: ledgerParams(), Answer: openapi.Text(""), AnswerTypes: []string{"text/csv"}}, s.apiLedgerCSV},
	}
}

func (s *site) correctionsAPI() []endpoint {
	states := openapi.OneOf("absent: all", store.CorrectionProposed, store.CorrectionMade, store.CorrectionRefused, store.CorrectionWithdrawn, store.CorrectionExpired)
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/admin/corrections", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Lists corrections that operators made or proposed, newest first.", Query: []openapi.Field{openapi.May("state", states), cursorParam(), limitParam()},
			Answer: openapi.Of[correctionsPage]()}, s.apiCorrections},
		{openapi.Operation{Method: "POST", Path: "/admin/corrections", Tag: tagTreasury, Who: openapi.Operator, Once: true,
			Does:  "Corrects the ledger with a new transfer, or proposes it to a second operator.",
			Notes: "It is made at once if what the operator corrected alone within 24 hours stays within the parameter economy.correction_limit (quote: 1000 units, byte: 100 GiB), and nothing of it is the operator's own. Else it waits for 7 days.",
			Body:  openapi.Of[correctionBody](), Status: http.StatusCreated, Answer: openapi.Of[correctionAnswer]()}, s.apiPropose},
		{openapi.Operation{Method: "POST", Path: "/admin/corrections/check", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Says what a correction would come to, and does nothing.", Body: openapi.Of[correctionBody](), Answer: openapi.Of[correctionCheck]()}, s.apiCheckCorrection},
		{openapi.Operation{Method: "GET", Path: "/admin/corrections/{id}", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Returns a correction.", Answer: openapi.Of[correctionAnswer]()}, s.apiCorrection},
		{openapi.Operation{Method: "POST", Path: "/admin/corrections/{id}/approve", Tag: tagTreasury, Who: openapi.Operator, Once: true,
			Does: "Makes a correction that another operator proposed.", Answer: openapi.Of[correctionAnswer]()}, s.apiApproveCorrection},
		{openapi.Operation{Method: "POST", Path: "/admin/corrections/{id}/refuse", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Refuses a correction that another operator proposed.", Body: openapi.Of[treasuryReasonBody](), Answer: openapi.Of[correctionAnswer]()}, s.apiRefuseCorrection},
		{openapi.Operation{Method: "POST", Path: "/admin/corrections/{id}/withdraw", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Takes one's own proposal back.", Answer: openapi.Of[correctionAnswer]()}, s.apiWithdrawCorrection},
	}
}

func (s *site) sponsorsAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/admin/treasury", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Shows what the treasury, the pools, revenue and the sale's reserve hold.", Answer: openapi.Of[treasuryView]()}, s.apiTreasury},
		{openapi.Operation{Method: "GET", Path: "/admin/sponsorships", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Lists sponsorships, newest first.", Query: []openapi.Field{openapi.May("state", openapi.OneOf("absent: running", "running", "over")), cursorParam(), limitParam()},
			Answer: openapi.Of[sponsorshipsPage]()}, s.apiSponsorships},
		{openapi.Operation{Method: "GET", Path: "/admin/subsidies", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Lists the months' subsidies for hosting, newest first.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[subsidiesPage]()}, s.apiSubsidies},
		{openapi.Operation{Method: "GET", Path: "/admin/free", Tag: tagTreasury, Who: openapi.Operator,
			Does: "Lists the torrents that cost nothing now, those first that soon cost again.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[freePage]()}, s.apiFreeTorrents},
	}
}
