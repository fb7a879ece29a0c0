package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// torrentsAPI is the catalogue.
func (s *site) torrentsAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/torrents", Tag: tagTorrents, Who: openapi.MemberOrNode,
			Does: "Lists the catalogue.", Query: append(searchParams(), cursorParam(), limitParam()), Answer: openapi.Of[torrentsView]()}, s.apiTorrents},
		{openapi.Operation{Method: "POST", Path: "/torrents", Tag: tagTorrents, Who: openapi.Member,
			Does:  "Uploads a torrent.",
			Notes: "The file is made private, which may change its info-hash: seed the one that /torrents/{infohash}/file gives. With draft=1 it is kept for its uploader alone.",
			Body:  uploadForm(), BodyType: "multipart/form-data", Status: http.StatusCreated, Answer: openapi.Of[uploadedView]()}, s.apiUpload},
		{openapi.Operation{Method: "GET", Path: "/torrents/{infohash}", Tag: tagTorrents, Who: openapi.MemberOrNode,
			Does: "Shows a torrent.", Answer: openapi.Of[torrentView]()}, s.apiTorrent},
		{openapi.Operation{Method: "GET", Path: "/torrents/{infohash}/file", Tag: tagTorrents, Who: openapi.MemberOrNode,
			Does: "Returns the torrent file.", Notes: "It holds the announce key of who asks, which spends their tokens: it is nobody else's business.",
			Answer: openapi.Text("a .torrent file"), AnswerTypes: []string{"application/x-bittorrent"}}, s.apiFile},
		{openapi.Operation{Method: "GET", Path: "/torrents/{infohash}/quote", Tag: tagTorrents, Who: openapi.Member,
			Does: "Shows what a torrent costs the member now, and whether they can begin.", Notes: "It promises nothing: the price that holds is that of the announce which begins the download.",
			Answer: openapi.Of[Quote]()}, s.apiQuote},
		{openapi.Operation{Method: "GET", Path: "/torrents/{infohash}/prices", Tag: tagTorrents, Who: openapi.MemberOrNode,
			Does: "Lists a torrent's last prices, oldest first.", Query: []openapi.Field{cursorParam(), openapi.May("limit", openapi.Whole("rows of a page; absent: all that it can have", 1, priceRows))}, Answer: openapi.Of[pricesView]()}, s.apiPrices},
		{openapi.Operation{Method: "POST", Path: "/torrents/{infohash}/approve", Tag: tagTorrents, Who: openapi.Member,
			Does: "Approves a torrent, as an operator.", Answer: openapi.Of[approvalView]()}, s.apiApprove},
		{openapi.Operation{Method: "PUT", Path: "/torrents/{infohash}/budget", Tag: tagTorrents, Who: openapi.Member,
			Does: "Sets how much of a torrent the member wants to pay for.",
			Body: openapi.Object(openapi.Need("budget_bytes", openapi.Whole("0: no budget", 0, maxID))), Answer: openapi.Of[budgetView]()}, s.apiBudget},
		{openapi.Operation{Method: "POST", Path: "/torrents/{infohash}/sponsor", Tag: tagTorrents, Who: openapi.Member, Once: true,
			Does: "Pays others' downloads of a torrent.", Notes: "What is left at the end comes back.",
			Body: openapi.Of[sponsorBody](), Status: http.StatusCreated, Answer: openapi.Of[sponsoredView]()}, s.apiSponsor},
		{openapi.Operation{Method: "GET", Path: "/clients", Tag: tagTorrents, Who: openapi.Anybody,
			Does: "Lists which BitTorrent clients may be used.", Answer: openapi.Of[clientRulesView]()}, s.apiClients},
		{openapi.Operation{Method: "GET", Path: "/collections", Tag: tagTorrents, Who: openapi.MemberOrNode,
			Does: "Lists the collections.", Query: []openapi.Field{cursorParam(), limitParam()}, Answer: openapi.Of[collectionsView]()}, s.apiCollections},
		{openapi.Operation{Method: "GET", Path: "/collections/{collection}", Tag: tagTorrents, Who: openapi.MemberOrNode,
			Does: "Shows a collection and its torrents.", Answer: openapi.Of[collectionView]()}, s.apiCollection},
		{openapi.Operation{Method: "PUT", Path: "/collections/{collection}", Tag: tagTorrents, Who: openapi.Operator,
			Does: "Makes a collection (201), or changes what is said about it (200).",
			Body: openapi.Of[collectionBody](), Also: http.StatusCreated, Answer: openapi.Of[collectionView]()}, s.apiPutCollection},
		{openapi.Operation{Method: "PUT", Path: "/collections/{collection}/torrents/{infohash}", Tag: tagTorrents, Who: openapi.Operator,
			Does: "Puts a torrent into a collection.", Status: http.StatusNoContent}, s.apiAddToCollection},
		{openapi.Operation{Method: "DELETE", Path: "/collections/{collection}/torrents/{infohash}", Tag: tagTorrents, Who: openapi.Operator,
			Does: "Takes a torrent out of a collection.", Status: http.StatusNoContent}, s.apiRemoveFromCollection},
	}
}

// uploadForm is the form that a torrent is uploaded with.
func uploadForm() openapi.Schema {
	file := openapi.Text("the .torrent file")
	file["contentMediaType"] = "application/x-bittorrent"
	return openapi.Object(openapi.Need("torrent", file), openapi.May("name", openapi.Text("absent: the one in the file")), openapi.May("description", openapi.Text("")),
		openapi.May("category", openapi.Text("")), openapi.May("tags", openapi.Text("separated by commas or blanks")), openapi.May("draft", openapi.OneOf("for the uploader alone", "1")))
}
