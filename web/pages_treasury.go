package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
)

// treasuryRows is how much the lists of the treasury's pages show at once.
const treasuryRows = 50

// treasuryAdmin are pages of operators, under /admin.
func (s *site) treasuryAdmin(r chi.Router) {
	r.Get("/parameters", s.operators(s.pageAdminParameters))
	r.Post("/parameters", s.freshOperators(s.doChangeParameters))
	r.Get("/parameters/change", s.operators(s.pageChangeParameters))
	r.Post("/parameters/withdraw", s.freshOperators(s.doWithdrawParameters))
	r.Get("/sponsors", s.operators(s.pageSponsors))
	r.Get("/ledger", s.operators(s.pageLedger))
	r.Get("/ledger.csv", s.operators(s.pageLedgerCSV))
	r.Get("/corrections", s.operators(s.pageCorrections))
	r.Post("/corrections", s.freshOperators(s.doPropose))
	r.Get("/corrections/{id}", s.operators(s.pageCorrection))
	r.Post("/corrections/{id}/approve", s.freshOperators(s.doApproveCorrection))
	r.Post("/corrections/{id}/refuse", s.freshOperators(s.doRefuseCorrection))
	r.Post("/corrections/{id}/withdraw", s.freshOperators(s.doWithdrawCorrection))
}

// treasuryPlace reads where a page of an API's list begins and how long it is.
func treasuryPlace(r *http.Request) (before int64, limit int, err error) {
	if before, err = parseBefore(r); err != nil {
		return 0, 0, err
	}
	limit, err = pageLimit(r)
	return before, limit, err
}

// withCursor is the address of the next page; empty if there is none. The parameters that are set stay.
func withCursor(path string, filters url.Values, name, next string) string {
	if next == "" {
		return ""
	}
	q := url.Values{name: {next}}
	for k, v := range filters {
		if k != name && len(v) > 0 && v[0] != "" {
			q[k] = v
		}
	}
	return path + "?" + q.Encode()
}

// sponsorsData is the operators' page of what pays for torrents besides members who download them.
type sponsorsData struct {
	Figures                            store.TreasuryFigures
	Over                               bool // the sponsorships shown are those that ended
	Sponsors                           []store.ListedSponsorship
	Subsidies                          []store.Subsidy
	Free                               []store.FreeTorrent
	MoreSponsors, MoreMonths, MoreFree string
}

func (s *site) pageSponsors(_ http.ResponseWriter, r *http.Request) (*view, error) {
	q := r.URL.Query()
	d := sponsorsData{Over: q.Get("show") == "over"}
	before, err := parseBefore(r)
	if err != nil {
		return nil, err
	}
	after, err := parseCursor(q.Get("free"))
	if err != nil {
		return nil, err
	}
	month, err := parseMonth(q.Get("month"))
	if err != nil {
		return nil, err
	}
	if d.Figures, err = s.Store.TreasuryFigures(r.Context()); err != nil {
		return nil, err
	}
	var next int64
	if d.Sponsors, next, err = s.Store.Sponsorships(r.Context(), d.Over, before, treasuryRows); err != nil {
		return nil, err
	}
	var later store.Cursor
	if d.Free, later, err = s.Store.FreeTorrents(r.Context(), after, treasuryRows); err != nil {
		return nil, err
	}
	var older string
	if d.Subsidies, older, err = s.Store.Subsidies(r.Context(), month, monthsShown); err != nil {
		return nil, err
	}
	d.MoreSponsors = withCursor(r.URL.Path, q, "cursor", formatBefore(next))
	d.MoreFree = withCursor(r.URL.Path, q, "free", formatCursor(later))
	d.MoreMonths = withCursor(r.URL.Path, q, "month", older)
	return &view{name: "admin-sponsors", title: "Sponsors", data: d}, nil
}
