package web

import (
	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/web/openapi"
)

// economyAPI is what everybody may see.
func (s *site) economyAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/economy/parameters", Tag: tagEconomy, Who: openapi.Anybody,
			Does: "Shows the parameters in force, those to come, and their history.", Query: []openapi.Field{cursorParam()}, Answer: openapi.Of[parametersView]()}, s.apiParameters},
		{openapi.Operation{Method: "GET", Path: "/economy/epochs/{epoch}", Tag: tagEconomy, Who: openapi.Anybody,
			Does:  "Shows what a settled epoch paid and from what, torrent by torrent.",
			Notes: "It is enough to recompute every line. Before the settlement the claims and the seed are nobody's business: 409 until then.",
			Query: []openapi.Field{cursorParam()}, Answer: textSchema[epochView]()}, s.apiEpoch},
		{openapi.Operation{Method: "GET", Path: "/ledger/head", Tag: tagEconomy, Who: openapi.Anybody,
			Does: "Shows where the ledger's hash chain stands.", Notes: "Whoever keeps it can tell later that nothing before it was changed.", Answer: openapi.Of[headAnswer]()}, s.apiHead},
		{openapi.Operation{Method: "GET", Path: "/availability", Tag: tagEconomy, Who: openapi.Anybody,
			Does: "Shows how much is hosted, and how far that is proven.", Notes: "Torrents are listed for members and nodes only.",
			Query: []openapi.Field{cursorParam()}, Answer: openapi.Of[availabilityView]()}, s.apiAvailability},
		{openapi.Operation{Method: "GET", Path: "/economy/epochs/{epoch}/audits", Tag: tagEconomy, Who: openapi.Anybody,
			Does: "Returns what is needed to draw a settled epoch's audits again, and to compare.", Answer: openapi.Of[availability.Record]()}, s.apiEpochAudits},
	}
}
