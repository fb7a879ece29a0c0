package web

import (
	"math"
	"time"

	"github.com/swarmstake/swarmstake/web/openapi"
)

// feedsAPI is saved searches and events. What feed readers and indexer tools ask has addresses of its own, with the
// member's feed key in them: see feedRoutes.
func (s *site) feedsAPI() []endpoint {
	return []endpoint{
		{openapi.Operation{Method: "GET", Path: "/searches", Tag: tagFeeds, Who: openapi.Member,
			Does:   "Lists the searches that the member keeps, by name.",
			Notes:  "Each has an RSS feed at /rss/KEY/ID, with the member's feed key.",
			Answer: openapi.Of[savedSearchPage]()}, s.apiSavedSearches},
		{openapi.Operation{Method: "POST", Path: "/searches", Tag: tagFeeds, Who: openapi.Member,
			Does:  "Keeps a search of the catalogue, with an RSS feed of its own.",
			Notes: "A member keeps at most 50.",
			Body:  openapi.Of[savedSearchForm](), Status: 201, Answer: openapi.Of[savedSearchView]()}, s.apiSaveSearch},
		{openapi.Operation{Method: "DELETE", Path: "/searches/{id}", Tag: tagFeeds, Who: openapi.Member,
			Does:   "Forgets a search, and ends its feed.",
			Status: 204}, s.apiRemoveSearch},
		{openapi.Operation{Method: "GET", Path: "/events", Tag: tagFeeds, Who: openapi.Member,
			Does: "Streams new torrents and price moves as server-sent events.",
			Notes: "The events are torrent (it was published) and price (its price per GiB moved by 5 % or more since it was told last, or to another of the tiers discount, base and surge); " +
				"their data are an object with infohash, name, category, size_bytes, price_utok_per_gib, was_utok_per_gib, multiplier_ppm, tier, url and at. " +
				"Each has a number as its id; the last 5000 are kept. Who sends the last one seen as Last-Event-ID, or as after, is told what came since; " +
				"an event missed, with after and oldest, says that some of it is gone: read the catalogue anew. Without either the stream begins now. " +
				"It ends after an hour at most, or after wait seconds; with wait=0 it tells what there is and ends. A member has at most 3 open.",
			Query: []openapi.Field{openapi.May("after", openapi.Whole("number of the last event seen", 0, math.MaxInt64)),
				openapi.May("wait", openapi.Whole("seconds to listen", 0, int64(feedLife/time.Second)))},
			AnswerTypes: []string{"text/event-stream"}, Answer: openapi.Text("events")}, s.apiEvents},
	}
}
