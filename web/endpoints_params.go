package web

import (
	"fmt"
	"math"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web/openapi"
)

// maxID is above every number that things have.
const maxID = math.MaxInt64

// infoHashSchema is an info-hash as text.
func infoHashSchema() openapi.Schema { return openapi.Matching("40 hex digits", "^[0-9a-fA-F]{40}$") }

// cursorParam is the place in a list.
func cursorParam() openapi.Field {
	return openapi.May("cursor", openapi.Text("next of the page before; absent: the first page"))
}

// limitParam is how long a page of a list is.
func limitParam() openapi.Field {
	return openapi.May("limit", openapi.Whole(fmt.Sprintf("rows of a page; absent: %d", pageSize), 1, maxPageSize))
}

// showFaultsParam leaves out audits that found nothing wrong.
func showFaultsParam() openapi.Field {
	return openapi.May("show", openapi.OneOf("faults: only audits that found something wrong", showFaults))
}

// searchParams are what the catalogue is searched by, as on its page.
func searchParams() []openapi.Field {
	saturation := func(what string) openapi.Schema { return openapi.Whole(what, 0, maxSaturationPercent) }
	return []openapi.Field{
		openapi.May("q", openapi.Text("words of the name")),
		openapi.May("category", openapi.Text("a category")),
		openapi.May("tag", openapi.Text("a tag")),
		openapi.May("collection", openapi.Text("a collection's name")),
		openapi.May("max_price", openapi.Text("tokens per GiB, such as 2 or 0.5")),
		openapi.May("min_saturation", saturation("percent")),
		openapi.May("max_saturation", saturation("percent")),
		openapi.May("min_proven", openapi.Whole("hosts with a standing proof", 1, maxProvenFilter)),
		openapi.May("free", openapi.OneOf("only what costs nothing", "1")),
		openapi.May("approved", openapi.OneOf("only what is approved", "1")),
		openapi.May("sort", openapi.OneOf("absent: relevance", store.ByRelevance, "new", "cheap", "price", "seeders", "wanted", "size", "earns")),
	}
}
