package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	fillRows      = 50 // offers of a request that are shown
	candidateRows = 50 // torrents that a member may offer
	ownRequests   = "mine"
)

func (s *site) requestPages(r chi.Router) {
	r.Get("/requests", s.members(s.pageRequests))
	r.Post("/requests", s.members(s.doRequest))
	r.Get("/requests/new", s.members(s.pageNewRequest))
	r.Get("/requests/{id}", s.members(s.pageRequest))
	r.Post("/requests/{id}/bounty", s.members(s.doBounty))
	r.Post("/requests/{id}/fill", s.members(s.doFill))
	r.Post("/requests/{id}/fills/{fill}/accept", s.members(s.doAcceptFill))
	r.Post("/requests/{id}/fills/{fill}/reject", s.members(s.doRejectFill))
	r.Post("/requests/{id}/close", s.members(s.doCloseRequest))
	r.Post("/requests/{id}/end", s.operators(s.doEndRequest))
}

// requestsData is a page of requests.
type requestsData struct {
	Rows       []store.Request
	State      string // or ownRequests
	Sort       string
	Category   catalog.Category
	Categories []catalog.Category
	More       string
}

// requestQuery reads which requests are asked for.
func requestQuery(r *http.Request) (store.RequestQuery, string, error) {
	form := r.URL.Query()
	q := store.RequestQuery{State: store.RequestOpen, Sort: store.RequestsByNew, Limit: pageSize}
	state := form.Get("state")
	switch store.RequestState(state) {
	case "", store.RequestOpen:
		state = string(store.RequestOpen)
	case store.RequestReview, store.RequestFilled, store.RequestClosed:
		q.State = store.RequestState(state)
	case ownRequests:
		q.Member = visitorOf(r).member.ID
	default:
		return q, "", fail(http.StatusBadRequest, "state", "state must be open, review, filled, closed or mine.")
	}
	switch store.RequestSort(form.Get("sort")) {
	case "", store.RequestsByNew:
	case store.RequestsByBounty:
		q.Sort = store.RequestsByBounty
	default:
		return q, "", fail(http.StatusBadRequest, "sort", "sort must be new or bounty.")
	}
	var err error
	if text := form.Get("category"); text != "" {
		if q.Category, err = parseCategory(text); err != nil {
			return q, "", err
		}
	}
	q.After, err = parseCursor(form.Get("cursor"))
	return q, state, err
}

func (s *site) pageRequests(_ http.ResponseWriter, r *http.Request) (*view, error) {
	q, state, err := requestQuery(r)
	if err != nil {
		return nil, err
	}
	rows, next, err := s.Store.Requests(r.Context(), q)
	if err != nil {
		return nil, err
	}
	d := requestsData{Rows: rows, State: state, Sort: string(q.Sort), Category: q.Category, Categories: catalog.Categories()}
	if next.Set {
		d.More = "/requests?" + url.Values{"state": {state}, "sort": {d.Sort}, "category": {string(q.Category)}, "cursor": {formatCursor(next)}}.Encode()
	}
	return &view{name: "requests", title: "Requests", data: d}, nil
}

// newRequestData is the form of a request.
type newRequestData struct {
	Form        requestForm
	Categories  []catalog.Category
	Free        tokens.Amount // of what the member has
	RequestTime time.Duration
	ReviewTime  time.Duration
	MinBounty   tokens.Amount
	MaxTitle    int
	MaxText     int
}

// requestForm is what was typed.
type requestForm struct{ Title, Description, Category, Bounty string }

func (f requestForm) parse() (n store.NewRequest, err error) {
	if n.Title, err = cleanLine(f.Title, "title", 4*store.MaxRequestTitle); err != nil {
		return n, err
	}
	if c := len([]rune(n.Title)); c == 0 || c > store.MaxRequestTitle {
		return n, fail(http.StatusUnprocessableEntity, "title", "Say in 1 to %d characters what you look for.", store.MaxRequestTitle)
	}
	if n.Description, err = cleanText([]byte(f.Description), "description", store.MaxRequestText); err != nil {
		return n, err
	}
	if n.Category, err = parseCategory(f.Category); err != nil {
		return n, err
	}
	if strings.TrimSpace(f.Bounty) != "" {
		n.Bounty, err = parseAmount(f.Bounty)
	}
	return n, err
}

func (s *site) newRequestView(r *http.Request, f requestForm) (*view, error) {
	free, err := s.free(r)
	return &view{name: "request-new", title: "Ask for something", data: newRequestData{Form: f, Categories: catalog.Categories(), Free: free,
		RequestTime: store.RequestTime, ReviewTime: store.ReviewTime, MinBounty: store.MinBounty, MaxTitle: store.MaxRequestTitle, MaxText: store.MaxRequestText}}, err
}

// free is what the visitor has and no download reserved.
func (s *site) free(r *http.Request) (tokens.Amount, error) {
	w, err := s.Store.Wallet(r.Context(), visitorOf(r).member.ID)
	return max(w.Available-w.Reserved, 0), err
}

func (s *site) pageNewRequest(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.newRequestView(r, requestForm{Category: string(catalog.Other)})
}

func (s *site) doRequest(w http.ResponseWriter, r *http.Request) (*view, error) {
	typed := func(form url.Values) requestForm {
		return requestForm{typedIn(form, "title"), typedIn(form, "description"), typedIn(form, "category"), typedIn(form, "bounty")}
	}
	again := func(r *http.Request, form url.Values) (*view, error) { return s.newRequestView(r, typed(form)) }
	return s.moneyPage(w, r, again, func(o store.Once, form url.Values) (string, error) {
		n, err := typed(form).parse()
		if err != nil {
			return "", err
		}
		out, err := s.Store.AddRequest(r.Context(), o, n)
		return requestPath(out.Request), err
	})
}

// requestData is one request as a visitor sees it.
type requestData struct {
	R          store.Request
	Backers    []store.Backer
	Fills      []store.Fill
	Pending    *store.Fill // waits for an answer
	Candidates []store.Candidate
	Own        bool // the visitor made it
	Backs      bool // … or put something into its bounty
	Free       tokens.Amount
	Rules      requestRules
	Amount     string // as typed
	Reason     string // likewise
}

// requestRules are the numbers in a request's rules.
type requestRules struct {
	Request, Review time.Duration
	MinBounty       tokens.Amount
	MaxOffers       int
	MaxWhy          int
}

// MayFill is whether the visitor could fill the request if they have what it asks for.
func (d requestData) MayFill() bool {
	return d.R.State == store.RequestOpen && !d.Own && !d.Backs
}

// request finds the request that the path names.
func (s *site) request(r *http.Request) (store.Request, error) {
	id, err := numberInPath(r, "id")
	if err != nil {
		return store.Request{}, err
	}
	q, err := s.Store.Request(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		err = fail(http.StatusNotFound, "not_found", "There is no such request.")
	}
	return q, err
}

// requestView shows a request as it is now.
func (s *site) requestView(r *http.Request, form url.Values) (*view, error) {
	q, err := s.request(r)
	if err != nil {
		return nil, err
	}
	d, err := s.requestFacts(r, q)
	if err != nil {
		return nil, err
	}
	d.Amount, d.Reason = typedIn(form, "amount"), typedIn(form, "reason")
	d.Rules = requestRules{store.RequestTime, store.ReviewTime, store.MinBounty, store.MaxOffers, maxWhy}
	d.Free, err = s.free(r)
	return &view{name: "request", title: q.Title, data: d}, err
}

// requestFacts is a request as the visitor sees it, without what only its page shows.
func (s *site) requestFacts(r *http.Request, q store.Request) (d requestData, err error) {
	m := visitorOf(r).member
	d = requestData{R: q, Own: q.Member == m.ID}
	if d.Backers, err = s.Store.Backers(r.Context(), q.ID); err != nil {
		return d, err
	}
	for _, b := range d.Backers {
		d.Backs = d.Backs || b.Member == m.ID
	}
	if d.Fills, err = s.Store.Fills(r.Context(), q.ID, fillRows); err != nil {
		return d, err
	}
	if q.State == store.RequestReview && len(d.Fills) > 0 && d.Fills[0].Verdict == "" {
		d.Pending = &d.Fills[0]
	}
	if d.MayFill() {
		d.Candidates, err = s.Store.Candidates(r.Context(), m.ID, q, candidateRows)
	}
	return d, err
}

func (s *site) pageRequest(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.requestView(r, nil)
}
